//! What the staff asks of the naive desk: replies, owners, presence, verdicts.

use super::*;

fn leads(actor: &Actor) -> bool {
    actor.role == Role::Supervisor || actor.role == Role::Manager
}

impl Desk {
    pub(super) fn desk(&mut self, actor: &Actor, command: &DeskCommand, now: Millis) -> Outcome {
        let is_staff = actor.role != Role::Service;
        match command {
            DeskCommand::Send { buyer, .. } => self.reply(actor, buyer, now),
            DeskCommand::Block { buyer } => {
                self.block(actor, buyer, now);
                Ok(())
            }
            DeskCommand::Unblock { buyer } => {
                self.blocked.retain(|blocked| blocked != buyer);
                Ok(())
            }
            DeskCommand::Report { session, report, .. } => self.report(*session, report),
            DeskCommand::Decide { session, report, verdict } => {
                self.decide(*session, report, *verdict)
            }
            DeskCommand::SetPolicy { policy } => {
                self.policy = policy.clone();
                Ok(())
            }
            DeskCommand::SetHoliday { holiday } => {
                self.holiday = *holiday;
                Ok(())
            }
            DeskCommand::PutFaq { .. } => Ok(()),
            DeskCommand::Assign { .. } if !leads(actor) => Err("forbidden"),
            _ if !is_staff => Err("forbidden"),
            DeskCommand::Recall { buyer, seq } => self.recall(actor, buyer, *seq, now),
            DeskCommand::Connect { connection } => {
                self.connect(&actor.user, connection);
                Ok(())
            }
            DeskCommand::Disconnect { connection } => {
                self.disconnect(&actor.user, connection, now);
                Ok(())
            }
            DeskCommand::LogOut { .. } => {
                self.log_out(&actor.user);
                Ok(())
            }
            DeskCommand::SetIntent { intent, confirmed, .. } => {
                self.set_intent(&actor.user, *intent, *confirmed)
            }
            DeskCommand::SetCap { cap, .. } => {
                self.agent(&actor.user).cap = *cap;
                Ok(())
            }
            _ => self.session_command(actor, command, now),
        }
    }

    // ---- replies

    fn reply(&mut self, actor: &Actor, buyer: &UserId, now: Millis) -> Outcome {
        let is_bot = actor.role == Role::Service;
        let open = self.open_of(buyer);
        if let Some(index) = open
            && !is_bot
            && !leads(actor)
            && self.sessions[index].owner() != Some(&actor.user)
        {
            return Err("not_owner");
        }
        let last = self.sessions.iter().rposition(|it| it.buyer == *buyer);
        let bound = open.or_else(|| last.filter(|index| self.sessions[*index].in_time(now)));
        let from = if is_bot { Voice::Bot } else { Voice::Human(actor.user.clone()) };
        self.say(buyer, bound, from, now);
        if !is_bot {
            self.agent(&actor.user);
            self.served
                .iter_mut()
                .filter(|it| it.0 == *buyer && it.1 == actor.user)
                .for_each(|it| it.2 = now);
        }
        let Some(index) = bound else { return Ok(()) };
        if is_bot {
            let counts = self.policy.automation_counts.contains(&Automation::Bot);
            if counts && self.sessions[index].in_time(now) {
                self.answered(index, Answer::Automatic);
            }
            return Ok(());
        }
        let hit = Answer::Human(actor.user.clone(), now);
        match self.sessions[index].answer.clone() {
            Answer::Pending | Answer::Automatic => self.answered(index, hit),
            Answer::Missed(charged, None) => {
                self.sessions[index].answer = Answer::Missed(charged, Some(now));
            }
            Answer::Human(..) | Answer::Missed(_, Some(_)) => {}
        }
        self.sessions[index].unanswered = None;
        Ok(())
    }

    fn recall(&mut self, actor: &Actor, buyer: &UserId, seq: u64, now: Millis) -> Outcome {
        let index = self.recallable(buyer, seq, now)?;
        if self.messages[index].from != Voice::Human(actor.user.clone()) {
            return Err("message_unknown");
        }
        self.messages[index].recalled = true;
        let (at, id) = (self.messages[index].at, self.messages[index].session);
        let Some(session) = id.and_then(|id| self.index(id)) else { return Ok(()) };
        if self.sessions[session].answer != Answer::Human(actor.user.clone(), at) {
            return Ok(());
        }
        let due = self.sessions[session].due;
        let stands = self.messages.iter().find_map(|it| {
            let Voice::Human(agent) = &it.from else { return None };
            let counts = it.session == id && !it.recalled && it.at >= at;
            (counts && due.is_none_or(|due| it.at <= due)).then(|| (agent.clone(), it.at))
        });
        match (stands, due) {
            (Some((agent, at)), _) => self.answered(session, Answer::Human(agent, at)),
            (None, None) => self.answered(session, Answer::Automatic),
            (None, Some(due)) if now > due => self.miss(session),
            (None, Some(due)) => {
                let since = self.sessions[session].since;
                self.owe(session, since, due);
            }
        }
        Ok(())
    }

    fn block(&mut self, _actor: &Actor, buyer: &UserId, now: Millis) {
        if self.blocked.contains(buyer) {
            return;
        }
        self.blocked.push(buyer.clone());
        self.met.push(buyer.clone());
        if let Some(index) = self.open_of(buyer) {
            let owner = self.sessions[index].owner().cloned();
            self.close(index, owner, now);
        }
    }

    // ---- presence

    fn connect(&mut self, user: &UserId, connection: &ConnectionId) {
        let agent = self.agent(user);
        if !agent.connections.contains(connection) {
            agent.connections.push(connection.clone());
            agent.grace = None;
        }
    }

    fn disconnect(&mut self, user: &UserId, connection: &ConnectionId, now: Millis) {
        let until = now + self.policy.grace_ms;
        let agent = self.agent(user);
        if !agent.connections.contains(connection) {
            return;
        }
        let was_up = agent.is_up();
        agent.connections.retain(|known| known != connection);
        if was_up && agent.connections.is_empty() {
            agent.grace = Some(until);
        }
    }

    fn log_out(&mut self, user: &UserId) {
        let agent = self.agent(user);
        if agent.connections.is_empty() && agent.is_down() {
            return;
        }
        agent.connections.clear();
        agent.grace = None;
        self.take_back(user);
    }

    fn set_intent(&mut self, user: &UserId, intent: Intent, confirmed: bool) -> Outcome {
        let accepts = |agent: &&Agent| agent.is_up() && agent.intent == Intent::Accepting;
        let others = self.agents.iter().filter(accepts).filter(|it| it.user != *user).count();
        let agent = self.agent(user);
        if agent.intent == intent {
            return Ok(());
        }
        if !confirmed && intent != Intent::Accepting && accepts(&&*agent) && others == 0 {
            return Err("last_agent");
        }
        let was_down = agent.is_down();
        agent.intent = intent;
        if intent == Intent::Off && !was_down {
            agent.grace = None;
            self.take_back(user);
        }
        Ok(())
    }

    // ---- sessions

    fn session_command(&mut self, actor: &Actor, command: &DeskCommand, now: Millis) -> Outcome {
        let (id, epoch) = match command {
            DeskCommand::Take { session, .. } => (*session, None),
            DeskCommand::Assign { session, epoch, .. }
            | DeskCommand::Transfer { session, epoch, .. }
            | DeskCommand::Close { session, epoch }
            | DeskCommand::MarkNoReply { session, epoch } => (*session, Some(*epoch)),
            other => panic!("the script asks for {other:?}"),
        };
        let index = self.index(id).ok_or("session_unknown")?;
        if !self.sessions[index].is_open() {
            return Err("session_closed");
        }
        let owner = self.sessions[index].owner().cloned();
        let needs_owner = !matches!(command, DeskCommand::Take { .. } | DeskCommand::Assign { .. });
        if needs_owner && owner.as_ref() != Some(&actor.user) && !leads(actor) {
            return Err("not_owner");
        }
        if epoch.is_some_and(|epoch| epoch != self.sessions[index].epoch) {
            return Err("session_moved");
        }
        match command {
            DeskCommand::Take { force, .. } => match owner {
                Some(owner) if owner == actor.user => Ok(()),
                Some(_) => Err("already_taken"),
                None => self.hand(actor, index, &actor.user, *force, now),
            },
            DeskCommand::Assign { agent, force, .. } => self.hand(actor, index, agent, *force, now),
            DeskCommand::Transfer { to: TransferTo::Agent(agent), force, .. } => {
                self.hand(actor, index, agent, *force, now)
            }
            DeskCommand::Transfer { to: TransferTo::Queue, .. } => {
                if owner.is_some() {
                    let buyer = self.sessions[index].buyer.clone();
                    self.set_served(&buyer, None);
                    self.enqueue(index);
                }
                Ok(())
            }
            DeskCommand::MarkNoReply { .. } => {
                self.agent(&actor.user);
                self.close(index, Some(actor.user.clone()), now);
                self.sessions[index].marks.push(Exclusion::NoReply);
                self.sessions[index].no_reply = true;
                Ok(())
            }
            _ => {
                self.agent(&actor.user);
                self.close(index, Some(actor.user.clone()), now);
                Ok(())
            }
        }
    }

    fn hand(
        &mut self,
        actor: &Actor,
        index: usize,
        to: &UserId,
        force: bool,
        now: Millis,
    ) -> Outcome {
        if self.sessions[index].owner() == Some(to) {
            return Err("already_taken");
        }
        if force && !leads(actor) {
            return Err("forbidden");
        }
        let known = self.agents.iter().find(|agent| agent.user == *to).ok_or("agent_unknown")?;
        let here = known.is_up() && [Intent::Accepting, Intent::Busy].contains(&known.intent);
        if !here {
            return Err("agent_not_ready");
        }
        if self.load(to) >= known.cap && !force {
            return Err("saturated");
        }
        self.give(index, to, now);
        Ok(())
    }

    // ---- reports

    fn report(&mut self, session: SessionId, report: &ReportId) -> Outcome {
        self.index(session).ok_or("session_unknown")?;
        let stands = self.reports.iter().any(|(id, of, state)| {
            let open = [ReportState::Filed, ReportState::Upheld].contains(state);
            id == report || (*of == session && open)
        });
        if stands {
            return Err("report_exists");
        }
        self.reports.push((report.clone(), session, ReportState::Filed));
        Ok(())
    }

    fn decide(&mut self, session: SessionId, report: &ReportId, verdict: Verdict) -> Outcome {
        let index = self.index(session).ok_or("session_unknown")?;
        let found = self.reports.iter_mut().find(|(id, of, _)| id == report && *of == session);
        let (_, _, state) = found.ok_or("report_unknown")?;
        let (from, to) = match verdict {
            Verdict::Upheld => (ReportState::Filed, ReportState::Upheld),
            Verdict::Rejected => (ReportState::Filed, ReportState::Rejected),
            Verdict::Overturned => (ReportState::Upheld, ReportState::Overturned),
        };
        if *state == to {
            return Ok(());
        }
        if *state != from {
            return Err("report_not_ready");
        }
        *state = to;
        let it = &mut self.sessions[index];
        it.marks.retain(|mark| *mark != Exclusion::Reported);
        if verdict == Verdict::Upheld {
            it.marks.push(Exclusion::Reported);
        }
        if it.is_excluded() {
            it.expiring = false;
        } else if it.answer == Answer::Pending && !it.expiring {
            let window = it.due.expect("a deadline").since(it.since);
            it.expires = it.since + self.policy.expiring_after(window);
        }
        Ok(())
    }
}
