//! One session as the audit keeps it: where it is, what the events say of its answer, and what the
//! messages alone make of it. Owns both books; whether they agree is asked after every entry.

use super::entry::{Policy, Sender};

/// Where a session is: always in exactly one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    SelfServed,
    Waiting(Ticket),
    Assigned { agent: String, since: i64 },
    Closed,
}

/// A place in the queue: duties before other waits, each by its time. Fixed when a session joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) class: u8,
    pub(super) at: i64,
    pub(super) session: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Pending,
    Automatic,
    Human(String),
    Missed(Option<String>),
}

/// The duty to answer and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duty {
    pub(super) answer: Answer,
    pub(super) since: i64,
    /// Equal to `since` as long as no person had to answer.
    pub(super) due_at: i64,
    pub(super) replied_at: Option<i64>,
}

impl Duty {
    pub(super) fn pending(since: i64, due_at: i64) -> Self {
        Self { answer: Answer::Pending, since, due_at, replied_at: None }
    }

    pub(super) fn automatic(since: i64) -> Self {
        Self { answer: Answer::Automatic, since, due_at: since, replied_at: None }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.answer == Answer::Pending
    }

    fn is_answerable(&self, at: i64) -> bool {
        self.is_pending() && at <= self.due_at
    }
}

/// A message of a session.
#[derive(Debug)]
struct Said {
    seq: u64,
    at: i64,
    human: Option<String>,
    recalled: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) buyer: String,
    pub(super) opened_at: i64,
    pub(super) place: Place,
    pub(super) epoch: u32,
    /// Who owned it before the one who does.
    pub(super) previous: Option<String>,
    pub(super) first_seq: u64,
    /// As the events say.
    pub(super) told: Duty,
    /// As the messages make it; nothing before the first of them.
    pub(super) own: Option<Duty>,
    pub(super) unanswered_since: Option<i64>,
    pub(super) closed_by: Option<String>,
    pub(super) is_no_reply: bool,
    pub(super) is_holiday: bool,
    pub(super) is_reported: bool,
    pub(super) excludes: Vec<String>,
    pub(super) stars: Option<u8>,
    said: Vec<Said>,
}

impl Session {
    pub(super) fn new(buyer: &str, opened_at: i64, told: Duty, first_seq: u64) -> Self {
        let unanswered_since = told.is_pending().then_some(opened_at);
        Self {
            buyer: buyer.to_owned(),
            opened_at,
            place: Place::SelfServed,
            epoch: 0,
            previous: None,
            first_seq,
            told,
            own: None,
            unanswered_since,
            closed_by: None,
            is_no_reply: false,
            is_holiday: false,
            is_reported: false,
            excludes: Vec::new(),
            stars: None,
            said: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.place != Place::Closed
    }

    pub(super) fn owner(&self) -> Option<&str> {
        if let Place::Assigned { agent, .. } = &self.place { Some(agent) } else { None }
    }

    pub(super) fn is_answerable(&self, at: i64) -> bool {
        self.own.as_ref().unwrap_or(&self.told).is_answerable(at)
    }

    /// Whether it is left out of the rate.
    pub(super) fn is_excluded(&self) -> bool {
        let counts = |name: &str| self.excludes.iter().any(|it| it == name);
        (self.is_holiday && counts("holiday"))
            || (self.is_no_reply && counts("no_reply"))
            || (self.is_reported && counts("reported"))
    }

    /// Whoever closed it unanswered; else its owner, unless he has only just got it from another.
    fn charged(&self, due_at: i64, policy: &Policy) -> Option<String> {
        match &self.place {
            Place::Closed => self.closed_by.clone(),
            Place::Assigned { agent, since } => {
                let is_new = due_at - since < policy.charge_after_ms;
                self.previous.clone().filter(|_| is_new).or_else(|| Some(agent.clone()))
            }
            Place::SelfServed | Place::Waiting(_) => None,
        }
    }

    /// What a message makes of the answer. Says so where the time was over and nobody noticed.
    pub(super) fn on_message(
        &mut self,
        (seq, at): (u64, i64),
        (from, kind): (Sender<'_>, &str),
        policy: &Policy,
    ) -> Option<String> {
        let human = if let Sender::Agent(agent) = from { Some(agent.to_owned()) } else { None };
        self.said.push(Said { seq, at, human, recalled: false });
        let Some(own) = &mut self.own else {
            let is_answered = kind == "question" && policy.counts("faq");
            let pending = Duty::pending(at, at + policy.answer_within_ms);
            self.own = Some(if is_answered { Duty::automatic(at) } else { pending });
            return (from != Sender::Buyer).then(|| "its first word is not its buyer's".to_owned());
        };
        let is_late = own.is_pending() && at > own.due_at;
        match from {
            Sender::Buyer if kind == "question" => {}
            Sender::Buyer if own.answer == Answer::Automatic => {
                *own = Duty::pending(at, at + policy.answer_within_ms);
            }
            Sender::Buyer => {}
            Sender::Agent(agent) => own.on_human(agent, at),
            Sender::Faq(_) => own.on_automatic("faq", at, policy),
            Sender::Bot(_) => own.on_automatic("bot", at, policy),
        }
        is_late.then(|| format!("was due at {}, said nobody by {at}", self.told.due_at))
    }

    /// The buyer's wait for another word, as the queue knows it.
    pub(super) fn on_word(&mut self, at: i64, (from, kind): (Sender<'_>, &str)) {
        match from {
            Sender::Agent(_) => self.unanswered_since = None,
            Sender::Buyer if kind != "question" => {
                self.unanswered_since.get_or_insert(at);
            }
            Sender::Buyer | Sender::Faq(_) | Sender::Bot(_) => {}
        }
    }

    /// A person took a word back. If it was the answer, the next word that stands is; else the old
    /// duty lives again with its old clock.
    pub(super) fn on_recall(&mut self, seq: u64, now: i64, policy: &Policy) {
        let Some(place) = self.said.iter().position(|said| said.seq == seq) else { return };
        self.said[place].recalled = true;
        let (at, human) = (self.said[place].at, self.said[place].human.clone());
        let Some(mut own) = self.own.clone() else { return };
        let made_the_hit = matches!(&own.answer, Answer::Human(agent) if Some(agent) == human.as_ref())
            && own.replied_at == Some(at);
        if !made_the_hit {
            return;
        }
        let had_no_duty = own.due_at == own.since;
        let stands = |said: &&Said| !said.recalled && said.at >= at && said.human.is_some();
        let next = self.said.iter().find(stands);
        let next = next.filter(|said| said.at <= own.due_at || had_no_duty);
        if let Some(Said { at, human: Some(agent), .. }) = next {
            (own.answer, own.replied_at) = (Answer::Human(agent.clone()), Some(*at));
        } else if had_no_duty {
            (own.answer, own.replied_at) = (Answer::Automatic, Some(self.opened_at));
        } else if now > own.due_at {
            (own.answer, own.replied_at) = (Answer::Missed(self.charged(own.due_at, policy)), None);
        } else {
            (own.answer, own.replied_at) = (Answer::Pending, None);
        }
        self.own = Some(own);
    }

    /// The window of the answer is over. Says so where it is not.
    pub(super) fn on_time_over(&mut self, at: i64, policy: &Policy) -> Option<String> {
        let own = self.own.clone()?;
        if !own.is_pending() {
            return None;
        }
        let charged = self.charged(own.due_at, policy);
        self.own = Some(Duty { answer: Answer::Missed(charged), replied_at: None, ..own.clone() });
        (at <= own.due_at).then(|| format!("is missed at {at} and due at {}", own.due_at))
    }

    /// Its place in the queue if it joins now.
    pub(super) fn ticket(&self, session: u64) -> Ticket {
        let Duty { answer, due_at, replied_at, .. } = &self.told;
        let is_owed = match answer {
            Answer::Pending => true,
            Answer::Missed(_) => replied_at.is_none(),
            Answer::Automatic | Answer::Human(_) => false,
        };
        let (class, at) = match self.unanswered_since {
            _ if is_owed => (0, *due_at),
            Some(since) => (1, since),
            None => (2, self.opened_at),
        };
        Ticket { class, at, session }
    }
}

impl Duty {
    fn on_human(&mut self, agent: &str, at: i64) {
        match &self.answer {
            Answer::Pending if at <= self.due_at => {}
            Answer::Automatic => {}
            Answer::Missed(_) => {
                self.replied_at.get_or_insert(at);
                return;
            }
            Answer::Pending | Answer::Human(_) => return,
        }
        (self.answer, self.replied_at) = (Answer::Human(agent.to_owned()), Some(at));
    }

    fn on_automatic(&mut self, automation: &str, at: i64, policy: &Policy) {
        if policy.counts(automation) && self.is_answerable(at) {
            (self.answer, self.replied_at) = (Answer::Automatic, Some(at));
        }
    }
}
