//! What an agent believes to hold: his sessions, whose they are and how much he still has to say.
//! Owns no request; the server may know better and then says so.

use std::collections::HashMap;

use hawker_protocol::Id;
use hawker_protocol::object::{Session, SessionState};

#[derive(Debug)]
struct One {
    buyer: Id,
    epoch: u32,
    words_left: u32,
    is_planned: bool,
}

#[derive(Debug, Default)]
pub(super) struct Held {
    sessions: HashMap<u64, One>,
    session_of: HashMap<Id, u64>,
}

impl Held {
    pub(super) fn is_owner(&self, session: &Session, user: &str) -> bool {
        matches!(&session.state, SessionState::Assigned { agent, .. } if agent.as_str() == user)
    }

    /// Whether it is new to him.
    pub(super) fn take_on(&mut self, session: &Session, words: u32) -> bool {
        let id = session.session.0;
        if let Some(known) = self.sessions.get_mut(&id) {
            known.epoch = known.epoch.max(session.epoch);
            return false;
        }
        let (buyer, epoch) = (session.buyer.clone(), session.epoch);
        self.session_of.insert(buyer.clone(), id);
        self.sessions.insert(id, One { buyer, epoch, words_left: words, is_planned: false });
        true
    }

    /// What was meant for an older epoch is no news of a newer one.
    pub(super) fn on_unassigned(&mut self, session: u64, epoch: u32) {
        if self.epoch(session).is_some_and(|known| known < epoch) {
            self.drop(session);
        }
    }

    pub(super) fn drop(&mut self, session: u64) {
        if let Some(One { buyer, .. }) = self.sessions.remove(&session)
            && self.session_of.get(&buyer) == Some(&session)
        {
            self.session_of.remove(&buyer);
        }
    }

    /// Whether a reply has to be planned: not while one is.
    pub(super) fn on_planned(&mut self, session: u64) -> bool {
        let one = self.sessions.get_mut(&session);
        one.is_some_and(|one| !std::mem::replace(&mut one.is_planned, true))
    }

    /// The time of a reply has come; to whom, if it is still his.
    pub(super) fn on_reply(&mut self, session: u64) -> Option<Id> {
        let one = self.sessions.get_mut(&session)?;
        one.is_planned = false;
        one.words_left = one.words_left.saturating_sub(1);
        Some(one.buyer.clone())
    }

    pub(super) fn is_done(&self, session: u64) -> bool {
        self.sessions.get(&session).is_some_and(|one| one.words_left == 0)
    }

    pub(super) fn epoch(&self, session: u64) -> Option<u32> {
        self.sessions.get(&session).map(|one| one.epoch)
    }

    pub(super) fn session_of(&self, buyer: &Id) -> Option<u64> {
        self.session_of.get(buyer).copied()
    }
}
