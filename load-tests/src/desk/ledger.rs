//! Where every session, message and agent is, counted from the events alone. Owns the audit's own
//! idea of the rules; shares no code with the server and says at each event what cannot be.

mod agents;
mod entry;
mod queue;
mod rate;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::audit::{Books, Commands, Event, Violations};
use agents::Agents;
use entry::{
    AgentCapSet, AgentConnected, AgentIntentSet, AnswerDue, Answerer, HolidaySet, LinksLost,
    MessageRecalled, MessageSent, OfSession, Policy, PolicySet, ReportDecided, Sender,
    SessionAnswered, SessionClosed, SessionMissed, SessionOpened, SessionRated, SessionReported,
};
pub(super) use rate::{Differences, Window};
use session::{Answer, Duty, Place, Session, Ticket};

/// More moves than this in one entry, and the next entry may have to go on with them.
const MOVES_CHECKED_MAX: usize = 200;

/// What the run is judged by beside the sentences.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Faults {
    /// Assignments above a cap that nobody forced.
    pub(super) over_cap: u64,
    /// Sessions that were in no place or in two.
    pub(super) lost_sessions: u64,
    /// Sessions that were given to a second owner without leaving the first.
    pub(super) double_assigned: u64,
    /// Sessions that were given away while an earlier duty waited.
    pub(super) fifo_violations: u64,
}

/// The figures of a run that only the feed knows.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Totals {
    pub(super) messages: u64,
    pub(super) assigned: u64,
    pub(super) forced: u64,
    pub(super) requeued: u64,
    pub(super) transferred: u64,
    pub(super) closed: u64,
    pub(super) missed: u64,
    pub(super) recalled: u64,
    pub(super) waiting_max: u64,
    pub(super) links_lost: u64,
}

/// A message as the feed knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at: i64,
    pub(super) session: Option<u64>,
    /// `buyer`, `agent:<user>`, `faq:<question>` or `bot:<user>`.
    pub(super) from: String,
    pub(super) kind: String,
    pub(super) chars: u64,
    pub(super) is_recalled: bool,
}

/// All that a shop and one buyer said, the first one first.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) messages: Vec<Message>,
    last_session: Option<u64>,
    served_by: Option<String>,
    served_at: i64,
}

#[derive(Debug, Default)]
pub(super) struct DeskLedger {
    pub(super) violations: Violations,
    pub(super) commands: Commands,
    pub(super) faults: Faults,
    pub(super) totals: Totals,
    pub(super) conversations: HashMap<String, Conversation>,
    policy: Policy,
    holiday: Option<entry::Holiday>,
    agents: Agents,
    /// Session 1 first.
    sessions: Vec<Session>,
    waiting: BTreeSet<Ticket>,
    /// Who got a session at an epoch.
    owners: HashMap<(u64, u32), String>,
    reports: HashMap<String, u64>,
    last: Option<(u64, u32, i64)>,
    entry: Entry,
}

/// What the entry that is being read has done.
#[derive(Debug, Default)]
struct Entry {
    key: (u64, i64, Option<(String, String)>),
    moves: usize,
    sessions: Vec<u64>,
}

fn read<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T> {
    serde_json::from_str(data.get()).context("its fields")
}

impl Books for DeskLedger {
    fn on_event(&mut self, event: &Event<'_>) -> Result<()> {
        self.check_order(event);
        if let (Some(user), Some(command)) = (event.user, event.command_id) {
            self.commands.on_event(user, command, event.version, &mut self.violations);
        }
        if event.kind != "desk" {
            return Ok(());
        }
        let (name, data) = event.named()?;
        match name {
            "message_sent" => self.on_message(event, &read(data)?),
            "message_recalled" => self.on_recalled(&read(data)?, event.at),
            _ if name.starts_with("agent_") || name == "links_lost" => {
                self.on_agent(name, data, event.at)?;
            }
            "holiday_set" => self.holiday = read::<HolidaySet>(data)?.holiday,
            "desk_policy_set" => self.policy = read::<PolicySet>(data)?.policy,
            _ => self.on_session(name, data, event.at)?,
        }
        Ok(())
    }
}

impl DeskLedger {
    fn on_session(&mut self, name: &str, data: &RawValue, at: i64) -> Result<()> {
        match name {
            "session_opened" => self.on_opened(&read(data)?, at),
            "answer_due" => self.on_answer_due(&read(data)?),
            "session_queued" => self.on_queued(&read(data)?),
            "sessions_requeued" => self.on_requeued(&read(data)?),
            "session_assigned" => self.on_assigned(&read(data)?, at),
            "session_answered" => self.on_answered(&read(data)?),
            "session_answered_late" => self.on_answered_late(&read(data)?, at),
            "session_missed" => self.on_missed(&read(data)?, at),
            "session_closed" => self.on_closed(&read(data)?),
            "session_reported" => {
                let SessionReported { session, report } = read(data)?;
                self.reports.insert(report.to_owned(), session);
            }
            "report_decided" => self.on_decided(&read(data)?),
            "session_rated" => {
                let SessionRated { session, stars } = read(data)?;
                self.with(session, |session| session.stars = Some(stars));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_agent(&mut self, name: &str, data: &RawValue, at: i64) -> Result<()> {
        let cap = self.policy.cap;
        let wrong = match name {
            "agent_connected" => {
                let AgentConnected { agent, connection } = read(data)?;
                self.agents.on_connected(agent, connection, cap);
                None
            }
            "agent_disconnected" => {
                self.agents.on_disconnected(&read(data)?, at + self.policy.grace_ms, cap)
            }
            "agent_down" => self.agents.on_down(&read(data)?, at, cap),
            "links_lost" => {
                self.agents.on_links_lost(read::<LinksLost>(data)?.grace_until);
                self.totals.links_lost += 1;
                None
            }
            "agent_intent_set" => {
                let AgentIntentSet { agent, intent } = read(data)?;
                intent.clone_into(&mut self.agents.get_mut(agent, cap).intent);
                None
            }
            "agent_cap_set" => {
                let AgentCapSet { agent, cap } = read(data)?;
                self.agents.get_mut(agent, cap).cap = cap;
                None
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.violations.add(|| wrong);
        }
        Ok(())
    }

    fn check_order(&mut self, event: &Event<'_>) {
        let here = (event.version, event.index, event.at);
        if let Some((version, index, at)) = self.last
            && ((event.version, event.index) <= (version, index) || event.at < at)
        {
            let last = self.last;
            self.violations.add(|| format!("the feed goes back from {last:?} to {here:?}"));
        }
        self.last = Some(here);
        let by = event.user.zip(event.command_id);
        let by = by.map(|(user, command)| (user.to_owned(), command.to_owned()));
        let key = (event.version, event.at, by);
        if self.entry.key != key {
            self.close_entry();
            self.entry.key = key;
        }
    }

    /// What must hold whenever something is done: both books of every session that was touched
    /// agree, and nobody waits beside an agent who has room.
    pub(super) fn close_entry(&mut self) {
        let Entry { moves, mut sessions, .. } = std::mem::take(&mut self.entry);
        sessions.sort_unstable();
        sessions.dedup();
        for id in sessions {
            let Some(session) = self.sessions.get(index(id)) else { continue };
            let Session { told, own, .. } = session;
            if own.as_ref() != Some(told) {
                let say = format!("session {id}: the events say {told:?}, its messages {own:?}");
                self.violations.add(|| say);
            }
        }
        if moves < MOVES_CHECKED_MAX
            && let Some(first) = self.waiting.first()
            && let Some((agent, _)) = self.agents.routable().next()
        {
            let say = format!("session {} waits beside {agent}, who has room", first.session);
            self.violations.add(|| say);
        }
    }

    /// Changes a session that the feed has named before, and remembers that it was touched.
    fn with<T>(&mut self, id: u64, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.entry.sessions.push(id);
        match self.sessions.get_mut(index(id)) {
            Some(session) => Some(change(session)),
            None => {
                self.lose(|| format!("session {id} was never opened"));
                None
            }
        }
    }

    fn lose(&mut self, what: impl FnOnce() -> String) {
        self.faults.lost_sessions += 1;
        self.violations.add(what);
    }

    fn on_opened(&mut self, opened: &SessionOpened<'_>, at: i64) {
        let id = opened.session;
        if id != self.sessions.len() as u64 + 1 {
            return self.lose(|| format!("session {id} is not the next one"));
        }
        let conversation = self.conversations.entry(opened.buyer.to_owned()).or_default();
        let before = conversation.last_session.replace(id);
        let first_seq = conversation.messages.len() as u64 + 1;
        let told = match opened.answer_by {
            Some(due_at) => Duty::pending(at, due_at),
            None => Duty::automatic(at),
        };
        let is_owed = told.is_pending();
        let mut session = Session::new(opened.buyer, at, told, first_seq);
        session.is_holiday = opened.holiday;
        session.excludes = opened.excludes.iter().map(|it| (*it).to_owned()).collect();
        let on_holiday = self.holiday.is_some_and(|holiday| holiday.contains(at));
        let same = session.excludes.iter().all(|it| self.policy.excludes.contains(it))
            && session.excludes.len() == self.policy.excludes.len();
        self.sessions.push(session);
        self.entry.sessions.push(id);
        if before.and_then(|before| self.session(before)).is_some_and(Session::is_open) {
            self.lose(|| format!("session {id} opened beside another one of {}", opened.buyer));
        }
        if on_holiday != opened.holiday || !same {
            self.violations.add(|| format!("session {id} is not counted as its shop says"));
        }
        if is_owed {
            self.enqueue(id);
        }
    }

    fn session(&self, id: u64) -> Option<&Session> {
        self.sessions.get(index(id))
    }

    fn on_message(&mut self, event: &Event<'_>, sent: &MessageSent<'_>) {
        let (at, seq) = (event.at, sent.seq);
        self.totals.messages += 1;
        let belongs = self.belongs(sent, at);
        if belongs != sent.session {
            let told = sent.session;
            let say = || format!("message {seq} of {} is in {told:?}, not {belongs:?}", sent.buyer);
            self.violations.add(say);
        }
        let conversation = self.conversations.entry(sent.buyer.to_owned()).or_default();
        let next = conversation.messages.len() as u64 + 1;
        conversation.messages.push(Message {
            at,
            session: sent.session,
            from: named(sent.from),
            kind: sent.kind.to_owned(),
            chars: sent.chars,
            is_recalled: false,
        });
        if let Sender::Agent(agent) = sent.from
            && conversation.served_by.as_deref() == Some(agent)
        {
            conversation.served_at = at;
        }
        if seq != next {
            let say = || format!("{}: message {seq} where {next} was to come", sent.buyer);
            self.violations.add(say);
        }
        if let (Some(user), Some(command)) = (event.user, event.command_id)
            && !matches!(sent.from, Sender::Faq(_))
            && sent.kind != "question"
        {
            self.commands.made(user, command, &format!("{}/{seq}", sent.buyer));
        }
        let Some(id) = sent.session else { return };
        let (policy, voice) = (self.policy.clone(), (sent.from, sent.kind));
        let wrong = self.with(id, |session| {
            if session.is_open() {
                session.on_word(at, voice);
            }
            session.on_message((seq, at), voice, &policy)
        });
        if let Some(wrong) = wrong.flatten() {
            self.violations.add(|| format!("session {id} {wrong}"));
        }
    }

    /// Whose a message is: the open session's, else the last one's if it can still be answered in
    /// time, else nobody's.
    fn belongs(&self, sent: &MessageSent<'_>, at: i64) -> Option<u64> {
        let last = self.conversations.get(sent.buyer)?.last_session?;
        let session = self.session(last)?;
        let is_staff = matches!(sent.from, Sender::Agent(_) | Sender::Bot(_));
        (session.is_open() || (is_staff && session.is_answerable(at))).then_some(last)
    }

    fn on_recalled(&mut self, recalled: &MessageRecalled<'_>, at: i64) {
        self.totals.recalled += 1;
        let conversation = self.conversations.entry(recalled.buyer.to_owned()).or_default();
        let message = conversation.messages.get_mut(index(recalled.seq));
        let Some(message) = message.filter(|message| !message.is_recalled) else {
            let (buyer, seq) = (recalled.buyer, recalled.seq);
            return self.violations.add(|| format!("{buyer}: message {seq} was recalled in vain"));
        };
        message.is_recalled = true;
        let Some(id) = message.session else { return };
        let policy = self.policy.clone();
        self.with(id, |session| session.on_recall(recalled.seq, at, &policy));
    }

    fn on_answer_due(&mut self, due: &AnswerDue) {
        self.with(due.session, |session| {
            session.told = Duty::pending(due.since, due.due_at);
            if session.is_open() {
                session.unanswered_since.get_or_insert(due.since);
            }
        });
    }

    fn on_answered(&mut self, answered: &SessionAnswered<'_>) {
        let answer = match answered.by {
            Answerer::Human(agent) => Answer::Human(agent.to_owned()),
            Answerer::Faq | Answerer::Bot => Answer::Automatic,
        };
        self.with(answered.session, |session| {
            session.told.answer = answer;
            session.told.replied_at = Some(answered.replied_at);
            session.unanswered_since = None;
        });
    }

    fn on_answered_late(&mut self, late: &OfSession, at: i64) {
        self.with(late.session, |session| session.told.replied_at = Some(at));
    }

    fn on_missed(&mut self, missed: &SessionMissed<'_>, at: i64) {
        self.totals.missed += 1;
        let policy = self.policy.clone();
        let id = missed.session;
        let wrong = self.with(id, |session| {
            let wrong = session.on_time_over(at, &policy);
            session.told.answer = Answer::Missed(missed.charged.map(str::to_owned));
            session.told.replied_at = None;
            if session.is_open() {
                session.unanswered_since.get_or_insert(session.told.since);
            }
            wrong.or_else(|| {
                let due_at = session.told.due_at;
                (due_at != missed.due_at).then(|| format!("was due at {due_at}"))
            })
        });
        if let Some(wrong) = wrong.flatten() {
            self.violations.add(|| format!("session {id} {wrong}"));
        }
    }

    fn on_closed(&mut self, closed: &SessionClosed<'_>) {
        self.totals.closed += 1;
        let id = closed.session;
        let before = self.leave(id);
        let owner = match &before {
            Some(Place::Assigned { agent, .. }) => Some(agent.clone()),
            Some(Place::Closed) => return self.lose(|| format!("session {id} was closed twice")),
            Some(Place::SelfServed | Place::Waiting(_)) | None => None,
        };
        let by = match closed.reason {
            "agent" | "no_reply" => closed.by.map(str::to_owned),
            _ => owner.clone(),
        };
        let wrong = self.with(id, |session| {
            session.place = Place::Closed;
            session.closed_by = by;
            session.is_no_reply = closed.reason == "no_reply";
            (closed.first_seq != session.first_seq).then_some(session.first_seq)
        });
        let buyer = self.session(id).map(|session| session.buyer.clone()).unwrap_or_default();
        let said = self.conversations.get(&buyer).map_or(0, |it| it.messages.len() as u64);
        if wrong.flatten().is_some() || said != closed.last_seq {
            let (from, to) = (closed.first_seq, closed.last_seq);
            self.violations.add(|| format!("session {id} is closed with messages {from} to {to}"));
        }
        if owner.as_deref() != closed.owner {
            let told = closed.owner;
            self.violations.add(|| format!("session {id} was {owner:?}'s, not {told:?}'s"));
        }
    }

    fn on_decided(&mut self, decided: &ReportDecided<'_>) {
        let is_upheld = decided.verdict == "upheld";
        match self.reports.get(decided.report).copied() {
            Some(id) => drop(self.with(id, |session| session.is_reported = is_upheld)),
            None => {
                let report = decided.report;
                self.violations.add(|| format!("report {report} was decided and never filed"));
            }
        }
    }

    /// Who owns the open sessions now, and where the others are: `agent:<user>`, `waiting`,
    /// `self_served` or `closed`.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, String)> {
        let place = |session: &Session| match &session.place {
            Place::SelfServed => "self_served".to_owned(),
            Place::Waiting(_) => "waiting".to_owned(),
            Place::Assigned { agent, .. } => format!("agent:{agent}"),
            Place::Closed => "closed".to_owned(),
        };
        (1..).zip(&self.sessions).map(move |(id, session)| (id, place(session)))
    }

    /// Who got a session when its epoch became this.
    pub(super) fn owner_at(&self, session: u64, epoch: u32) -> Option<&str> {
        self.owners.get(&(session, epoch)).map(String::as_str)
    }

    pub(super) fn buyer_of(&self, session: u64) -> Option<&str> {
        self.session(session).map(|session| session.buyer.as_str())
    }

    pub(super) fn opened(&self) -> u64 {
        self.sessions.len() as u64
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    pub(super) fn over_cap_now(&self) -> u64 {
        self.agents.over_cap()
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = &str> {
        self.agents.0.keys().map(String::as_str)
    }

    /// The sessions of each book hold each other's weight: nobody is counted twice or nowhere.
    pub(super) fn recount(&mut self) {
        self.close_entry();
        let mut waiting = BTreeSet::new();
        let mut owned: HashMap<String, BTreeSet<u64>> = HashMap::new();
        for (id, session) in (1..).zip(&self.sessions) {
            match &session.place {
                Place::Waiting(ticket) => drop(waiting.insert(*ticket)),
                Place::Assigned { agent, .. } => {
                    owned.entry(agent.clone()).or_default().insert(id);
                }
                Place::SelfServed | Place::Closed => {}
            }
        }
        let none = BTreeSet::new();
        let differs = |(name, agent): (&String, &agents::Agent)| {
            agent.sessions != *owned.get(name).unwrap_or(&none)
        };
        if waiting != self.waiting || self.agents.0.iter().any(differs) {
            self.lose(|| "the queue and the agents do not hold the open sessions".to_owned());
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).unwrap_or(usize::MAX)
}

fn named(from: Sender<'_>) -> String {
    match from {
        Sender::Buyer => "buyer".to_owned(),
        Sender::Agent(user) => format!("agent:{user}"),
        Sender::Faq(faq) => format!("faq:{faq}"),
        Sender::Bot(user) => format!("bot:{user}"),
    }
}
