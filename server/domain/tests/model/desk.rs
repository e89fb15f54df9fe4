//! The desk's rules once more, as simply as they can be written: lists that are searched, counts
//! that are recounted. Knows nothing of how the shop keeps them.

use hawker_domain::command::{ChatCommand, DeskCommand, Holiday, Intent, TransferTo, Verdict};
use hawker_domain::event::desk::Exclusion;
use hawker_domain::id::{ConnectionId, FaqId, ReportId, SessionId, UserId};
use hawker_domain::policy::{Automation, DeskPolicy, OwnerDown};
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::desk::ReportState;
use hawker_domain::{Actor, Command, Role};

pub(crate) type Outcome = Result<(), &'static str>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Pending,
    Automatic,
    Human(UserId, Millis),
    Missed(Option<UserId>, Option<Millis>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    SelfServed,
    /// With the place in the queue: class, time.
    Queued(u8, Millis),
    Owned(UserId, Millis),
    Closed,
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) buyer: UserId,
    pub(crate) opened: Millis,
    pub(crate) since: Millis,
    pub(crate) due: Option<Millis>,
    expires: Millis,
    pub(crate) answer: Answer,
    pub(crate) marks: Vec<Exclusion>,
    pub(crate) excludes: Vec<Exclusion>,
    pub(crate) place: Place,
    pub(crate) closed_by: Option<UserId>,
    pub(crate) no_reply: bool,
    pub(crate) epoch: u32,
    previous: Option<UserId>,
    last_message: Millis,
    pub(crate) unanswered: Option<Millis>,
    pub(crate) expiring: bool,
    stars: u8,
}

impl Session {
    fn is_open(&self) -> bool {
        self.place != Place::Closed
    }

    pub(crate) fn is_excluded(&self) -> bool {
        self.marks.iter().any(|mark| self.excludes.contains(mark))
    }

    pub(crate) fn owner(&self) -> Option<&UserId> {
        if let Place::Owned(owner, _) = &self.place { Some(owner) } else { None }
    }

    fn in_time(&self, now: Millis) -> bool {
        self.answer == Answer::Pending && self.due.is_some_and(|due| now <= due)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) user: UserId,
    intent: Intent,
    connections: Vec<ConnectionId>,
    grace: Option<Millis>,
    pub(crate) cap: u32,
    last_assigned: u64,
}

impl Agent {
    fn is_up(&self) -> bool {
        !self.connections.is_empty() && self.intent != Intent::Off
    }

    fn is_down(&self) -> bool {
        !self.is_up() && self.grace.is_none()
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Voice {
    Buyer,
    Human(UserId),
    Faq(FaqId),
    Bot,
}

#[derive(Debug)]
struct Message {
    buyer: UserId,
    seq: u64,
    at: Millis,
    session: Option<SessionId>,
    from: Voice,
    recalled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Desk {
    policy: DeskPolicy,
    holiday: Option<Holiday>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) agents: Vec<Agent>,
    messages: Vec<Message>,
    served: Vec<(UserId, UserId, Millis)>,
    blocked: Vec<UserId>,
    /// Buyers the desk has heard of.
    met: Vec<UserId>,
    reports: Vec<(ReportId, SessionId, ReportState)>,
    assigned: u64,
    /// What was assigned by itself in the last step: session, agent, whether sticky.
    pub(crate) moves: Vec<(SessionId, UserId, bool)>,
}

impl Desk {
    fn agent(&mut self, user: &UserId) -> &mut Agent {
        if let Some(at) = self.agents.iter().position(|agent| agent.user == *user) {
            return &mut self.agents[at];
        }
        self.agents.push(Agent {
            user: user.clone(),
            intent: Intent::Off,
            connections: Vec::new(),
            grace: None,
            cap: self.policy.cap,
            last_assigned: 0,
        });
        self.agents.last_mut().expect("just pushed")
    }

    pub(crate) fn load(&self, user: &UserId) -> u32 {
        let owned = self.sessions.iter().filter(|it| it.owner() == Some(user)).count();
        u32::try_from(owned).expect("a few")
    }

    pub(crate) fn routable(&self) -> Vec<&Agent> {
        let free = |agent: &&Agent| {
            agent.is_up() && agent.intent == Intent::Accepting && self.load(&agent.user) < agent.cap
        };
        self.agents.iter().filter(free).collect()
    }

    pub(crate) fn queue(&self) -> Vec<(u8, Millis, SessionId)> {
        let mut queue: Vec<_> = self.sessions.iter().filter_map(ticket).collect();
        queue.sort_unstable();
        queue
    }

    fn open_of(&self, buyer: &UserId) -> Option<usize> {
        self.sessions.iter().position(|it| it.buyer == *buyer && it.is_open())
    }

    fn index(&self, id: SessionId) -> Option<usize> {
        self.sessions.iter().position(|session| session.id == id)
    }

    fn seq(&self, buyer: &UserId) -> u64 {
        self.messages.iter().filter(|message| message.buyer == *buyer).count() as u64
    }

    fn set_served(&mut self, buyer: &UserId, by: Option<(&UserId, Millis)>) {
        self.served.retain(|(served, _, _)| served != buyer);
        if let Some((agent, at)) = by {
            self.served.push((buyer.clone(), agent.clone(), at));
        }
    }

    // ---- time

    pub(crate) fn elapse(&mut self, now: Millis) {
        self.moves.clear();
        while let Some((_, kind, name)) = self.next_due().filter(|(at, _, _)| *at <= now) {
            match kind {
                0 => {
                    let user: UserId = name.parse().expect("an agent");
                    self.agent(&user).grace = None;
                    self.take_back(&user);
                }
                kind => self.session_due(kind, name.parse().expect("a session"), now),
            }
            self.settle(now);
        }
    }

    /// Time, kind and name of what is due next. Agents before deadlines, deadlines before the
    /// warning, closing last.
    fn next_due(&self) -> Option<(Millis, u8, String)> {
        let mut all: Vec<(Millis, u8, u64, String)> = Vec::new();
        for (number, agent) in self.agents.iter().enumerate() {
            let name = agent.user.to_string();
            all.extend(agent.grace.map(|until| (until, 0, number as u64, name)));
        }
        for it in &self.sessions {
            let name = || it.id.to_string();
            if it.answer == Answer::Pending {
                all.extend(it.due.map(|due| (due + SpanMs(1), 1, it.id.0, name())));
                if it.is_open() && !it.expiring && !it.is_excluded() {
                    all.push((it.expires + SpanMs(1), 2, it.id.0, name()));
                }
            }
            if it.is_open() {
                all.push((it.last_message + self.policy.auto_close_ms, 3, it.id.0, name()));
            }
        }
        let (at, kind, _, name) = all.into_iter().min()?;
        Some((at, kind, name))
    }

    fn session_due(&mut self, kind: u8, id: SessionId, now: Millis) {
        let index = self.index(id).expect("a session");
        match kind {
            1 => self.miss(index),
            2 => self.sessions[index].expiring = true,
            _ => {
                let owner = self.sessions[index].owner().cloned();
                self.close(index, owner, now);
            }
        }
    }

    fn miss(&mut self, index: usize) {
        let it = &self.sessions[index];
        let charged = match &it.place {
            Place::Closed => it.closed_by.clone(),
            Place::SelfServed | Place::Queued(..) => None,
            Place::Owned(owner, since) => {
                let held = it.due.expect("a deadline").since(*since);
                let is_new = held < self.policy.charge_after_ms;
                it.previous.clone().filter(|_| is_new).or(Some(owner.clone()))
            }
        };
        let it = &mut self.sessions[index];
        it.answer = Answer::Missed(charged, None);
        it.expiring = false;
        if it.is_open() && it.unanswered.is_none() {
            it.unanswered = Some(it.since);
        }
    }

    fn close(&mut self, index: usize, by: Option<UserId>, _now: Millis) {
        let it = &mut self.sessions[index];
        it.place = Place::Closed;
        it.closed_by = by;
        it.expiring = false;
        it.unanswered = None;
    }

    // ---- who gets whom

    /// An agent is gone: his sessions go back, as the policy says.
    fn take_back(&mut self, user: &UserId) {
        for index in 0..self.sessions.len() {
            let it = &self.sessions[index];
            let goes = match self.policy.owner_down {
                OwnerDown::Keep => false,
                OwnerDown::RequeueAll => true,
                OwnerDown::RequeueUnanswered => it.unanswered.is_some(),
            };
            if it.owner() == Some(user) && goes {
                self.enqueue(index);
            }
        }
    }

    fn enqueue(&mut self, index: usize) {
        let it = &mut self.sessions[index];
        if let Place::Owned(owner, _) = &it.place {
            it.previous = Some(owner.clone());
            it.epoch += 1;
        }
        let is_owed = matches!(it.answer, Answer::Pending | Answer::Missed(_, None));
        it.place = match (is_owed, it.due, it.unanswered) {
            (true, Some(due), _) => Place::Queued(0, due),
            (_, _, Some(since)) => Place::Queued(1, since),
            (_, _, None) => Place::Queued(2, it.opened),
        };
    }

    pub(crate) fn settle(&mut self, now: Millis) {
        while let Some((_, _, id)) = self.queue().first().copied() {
            let index = self.index(id).expect("a session");
            let buyer = self.sessions[index].buyer.clone();
            let Some(best) = self.emptiest() else { return };
            let served = self.served.iter().find(|(served, _, _)| *served == buyer);
            let sticky = served.filter(|(_, agent, at)| {
                let fresh = now.since(*at) <= self.policy.sticky_ms;
                fresh && self.routable().iter().any(|it| it.user == *agent)
            });
            let sticky = sticky.map(|(_, agent, _)| agent.clone());
            let is_sticky = sticky.is_some();
            let agent = sticky.unwrap_or(best);
            self.give(index, &agent, now);
            self.moves.push((id, agent, is_sticky));
        }
    }

    fn emptiest(&self) -> Option<UserId> {
        let mut best: Option<&Agent> = None;
        for agent in self.routable() {
            let beats = best.is_none_or(|best| {
                let one = u64::from(self.load(&agent.user)) * u64::from(best.cap);
                let other = u64::from(self.load(&best.user)) * u64::from(agent.cap);
                (one, agent.last_assigned) < (other, best.last_assigned)
            });
            if beats {
                best = Some(agent);
            }
        }
        best.map(|agent| agent.user.clone())
    }

    fn give(&mut self, index: usize, agent: &UserId, now: Millis) {
        let it = &mut self.sessions[index];
        if let Place::Owned(owner, _) = &it.place {
            it.previous = Some(owner.clone());
        }
        it.place = Place::Owned(agent.clone(), now);
        it.epoch += 1;
        let buyer = it.buyer.clone();
        self.assigned += 1;
        let number = self.assigned;
        self.agent(agent).last_assigned = number;
        self.set_served(&buyer, Some((agent, now)));
    }

    // ---- commands

    pub(crate) fn restart(&mut self, now: Millis) {
        self.moves.clear();
        let grace = now + self.policy.grace_ms;
        for agent in &mut self.agents {
            if agent.is_up() || agent.grace.is_some() {
                agent.grace = Some(grace);
            }
            agent.connections.clear();
        }
    }

    pub(crate) fn execute(&mut self, actor: &Actor, command: &Command, now: Millis) -> Outcome {
        self.moves.clear();
        let outcome = match command {
            Command::Chat(command) => self.chat(&actor.user, command, now),
            Command::Desk(command) => self.desk(actor, command, now),
            Command::Shop(_)
            | Command::Room(_)
            | Command::Sale(_)
            | Command::Order(_)
            | Command::Promo(_) => Ok(()),
        };
        if outcome.is_ok() {
            self.settle(now);
        }
        outcome
    }

    fn chat(&mut self, buyer: &UserId, command: &ChatCommand, now: Millis) -> Outcome {
        let known = self.met.contains(buyer);
        let blocked = self.blocked.contains(buyer);
        match command {
            ChatCommand::Rate { session, stars, .. } => self.rate(buyer, *session, *stars),
            ChatCommand::Mark { .. } if known => Ok(()),
            ChatCommand::Mark { .. } => Err("conversation_unknown"),
            _ if blocked => Err("buyer_blocked"),
            ChatCommand::Typing => Ok(()),
            ChatCommand::Send { .. } => {
                self.buyer_writes(buyer, now);
                Ok(())
            }
            ChatCommand::ClickFaq { faq, .. } => {
                self.buyer_clicks(buyer, faq, now);
                Ok(())
            }
            ChatCommand::Recall { seq } => {
                let index = self.recallable(buyer, *seq, now)?;
                if self.messages[index].from != Voice::Buyer {
                    return Err("message_unknown");
                }
                self.messages[index].recalled = true;
                Ok(())
            }
        }
    }

    fn open(&mut self, buyer: &UserId, answered: bool, now: Millis) -> usize {
        let holiday = self.holiday.filter(|it| now >= it.from && it.until.is_none_or(|u| now < u));
        let due = (!answered).then(|| now + self.policy.answer_within_ms);
        self.sessions.push(Session {
            id: SessionId(self.sessions.len() as u64 + 1),
            buyer: buyer.clone(),
            opened: now,
            since: now,
            due,
            expires: now + self.policy.expiring_after(self.policy.answer_within_ms),
            answer: if answered { Answer::Automatic } else { Answer::Pending },
            marks: holiday.map(|_| Exclusion::Holiday).into_iter().collect(),
            excludes: self.policy.excludes.iter().copied().collect(),
            place: Place::SelfServed,
            closed_by: None,
            no_reply: false,
            epoch: 0,
            previous: None,
            last_message: now,
            unanswered: due.map(|_| now),
            expiring: false,
            stars: 0,
        });
        let index = self.sessions.len() - 1;
        if !answered {
            self.enqueue(index);
        }
        index
    }

    fn say(&mut self, buyer: &UserId, session: Option<usize>, from: Voice, now: Millis) {
        let seq = self.seq(buyer) + 1;
        if let Some(index) = session
            && self.sessions[index].is_open()
        {
            self.sessions[index].last_message = now;
        }
        let session = session.map(|index| self.sessions[index].id);
        let buyer = buyer.clone();
        self.met.push(buyer.clone());
        self.messages.push(Message { buyer, seq, at: now, session, from, recalled: false });
    }

    fn buyer_writes(&mut self, buyer: &UserId, now: Millis) {
        let index = match self.open_of(buyer) {
            None => self.open(buyer, false, now),
            Some(index) => {
                self.sessions[index].unanswered.get_or_insert(now);
                self.follow_up(index, now);
                index
            }
        };
        self.say(buyer, Some(index), Voice::Buyer, now);
        self.sessions[index].unanswered.get_or_insert(now);
    }

    fn follow_up(&mut self, index: usize, now: Millis) {
        if self.sessions[index].answer == Answer::Automatic {
            let window = self.policy.answer_within_ms;
            self.owe(index, now, now + window);
        }
        let goes = match self.sessions[index].place.clone() {
            Place::SelfServed => true,
            Place::Owned(owner, _) => self.agent(&owner).is_down(),
            Place::Queued(..) | Place::Closed => false,
        };
        if goes {
            self.enqueue(index);
        }
    }

    /// A person has to answer.
    fn owe(&mut self, index: usize, since: Millis, due: Millis) {
        let expires = since + self.policy.expiring_after(due.since(since));
        let it = &mut self.sessions[index];
        it.answer = Answer::Pending;
        it.since = since;
        it.due = Some(due);
        it.expires = expires;
        it.expiring = false;
        if it.is_open() {
            it.unanswered.get_or_insert(since);
        }
    }

    fn answered(&mut self, index: usize, answer: Answer) {
        let it = &mut self.sessions[index];
        it.answer = answer;
        it.expiring = false;
        it.unanswered = None;
    }

    fn buyer_clicks(&mut self, buyer: &UserId, faq: &FaqId, now: Millis) {
        let lately = self.messages.iter().any(|it| {
            let again = it.from == Voice::Faq(faq.clone());
            it.buyer == *buyer && again && now.since(it.at) <= SpanMs::seconds(2)
        });
        if lately {
            return;
        }
        let counts = self.policy.automation_counts.contains(&Automation::Faq);
        let known = self.open_of(buyer);
        let index = known.unwrap_or_else(|| self.open(buyer, counts, now));
        self.say(buyer, Some(index), Voice::Buyer, now);
        self.say(buyer, Some(index), Voice::Faq(faq.clone()), now);
        if known.is_some() && counts && self.sessions[index].in_time(now) {
            self.answered(index, Answer::Automatic);
        }
    }

    fn recallable(&self, buyer: &UserId, seq: u64, now: Millis) -> Result<usize, &'static str> {
        if !self.met.contains(buyer) {
            return Err("conversation_unknown");
        }
        let found = self.messages.iter().position(|it| it.buyer == *buyer && it.seq == seq);
        let index = found.ok_or("message_unknown")?;
        let message = &self.messages[index];
        if now.since(message.at) > SpanMs::minutes(2) {
            return Err("recall_too_late");
        }
        if message.recalled { Err("message_unknown") } else { Ok(index) }
    }

    fn rate(&mut self, buyer: &UserId, id: SessionId, stars: u8) -> Outcome {
        let index = self.index(id).ok_or("session_unknown")?;
        let it = &mut self.sessions[index];
        if it.buyer != *buyer {
            return Err("session_unknown");
        }
        if it.is_open() {
            return Err("session_open");
        }
        if it.stars > 0 {
            return Err("already_rated");
        }
        it.stars = stars;
        Ok(())
    }
}

fn ticket(session: &Session) -> Option<(u8, Millis, SessionId)> {
    if let Place::Queued(class, at) = session.place { Some((class, at, session.id)) } else { None }
}

#[path = "desk_staff.rs"]
mod staff;
