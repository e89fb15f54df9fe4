//! The lists of the desk, a page at a time. Owns their order; each is walked from where the page
//! before it ended, and no page walks a list that has no end.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::Desk;
use super::assignment::Ticket;
use super::session::{Moment, Place, Slot};
use crate::id::{SessionId, UserId};
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::desk::{DeskList, ListCursor, SessionView, SessionsPage};

/// Rows that one page of the closed looks at, so that a rare agent costs no walk over a year.
const ROWS_SEEN_MAX: u64 = 20_000;

impl Shop {
    /// One page of a list: at most `sessions_max`, those behind `after`.
    pub fn desk_list(
        &self,
        list: &DeskList,
        after: Option<ListCursor>,
        sessions_max: usize,
    ) -> SessionsPage {
        let desk = &self.desk;
        match list {
            DeskList::Mine(agent) => desk.page(desk.held_by(agent, after), sessions_max),
            DeskList::Unassigned => {
                let all = desk.waiting.range(behind(after.map(Ticket::from)));
                desk.page(all.map(|ticket| ticket.cursor()), sessions_max)
            }
            DeskList::SelfServed => {
                let all = desk.self_served.range(behind(after.map(|after| after.session)));
                desk.page(all.map(|session| cursor(Millis(0), *session)), sessions_max)
            }
            DeskList::Expiring(agent) => {
                let all = desk.expiring.range(behind(after.map(|after| (after.at, after.session))));
                let all = all.filter(|(_, session)| desk.is_of(*session, agent.as_ref()));
                desk.page(all.map(|(at, session)| cursor(*at, *session)), sessions_max)
            }
            DeskList::NeedsReply(Some(agent)) => {
                desk.page(desk.unanswered_of(agent, after).into_iter(), sessions_max)
            }
            DeskList::NeedsReply(None) => {
                let after = after.map(|after| (Moment::at(after.at), after.session));
                let all = desk.needs_reply.range(behind(after));
                desk.page(all.map(|(at, session)| cursor(at.millis(), *session)), sessions_max)
            }
            DeskList::Closed(agent) => desk.closed_page(agent.as_ref(), after, sessions_max),
        }
    }
}

fn cursor(at: Millis, session: SessionId) -> ListCursor {
    ListCursor { class: 0, at, session }
}

fn behind<T>(after: Option<T>) -> (Bound<T>, Bound<T>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

impl Desk {
    fn sessions_of(&self, agent: &UserId) -> Option<&BTreeSet<SessionId>> {
        self.agent(agent).map(|agent| &agent.sessions)
    }

    fn held_by(
        &self,
        agent: &UserId,
        after: Option<ListCursor>,
    ) -> impl Iterator<Item = ListCursor> {
        let range = behind(after.map(|after| after.session));
        let held = self.sessions_of(agent).into_iter().flat_map(move |held| held.range(range));
        held.map(|session| cursor(Millis(0), *session))
    }

    /// Whether an open session is one agent's; without a name, anybody's.
    fn is_of(&self, session: SessionId, agent: Option<&UserId>) -> bool {
        let Some(agent) = agent else { return true };
        self.sessions_of(agent).is_some_and(|held| held.contains(&session))
    }

    /// What an agent holds and has to say another word in, the longest waiting first.
    fn unanswered_of(&self, agent: &UserId, after: Option<ListCursor>) -> Vec<ListCursor> {
        let waits = |session: &SessionId| {
            let since = self.open.get(session)?.unanswered_since?;
            Some(cursor(since.millis(), *session))
        };
        let held = self.sessions_of(agent).into_iter().flatten();
        let mut found: Vec<_> = held.filter_map(waits).filter(|it| Some(*it) > after).collect();
        found.sort_unstable();
        found
    }

    /// Keeps the list of those whose buyer had the last word.
    pub(super) fn list_needs_reply(&mut self, session: SessionId) {
        let Some(open) = self.open.get_mut(&session) else { return };
        let is_owned = matches!(open.place, Place::Assigned { .. });
        let wanted = open.unanswered_since.filter(|_| is_owned);
        if wanted == open.listed {
            return;
        }
        open.listed.map(|since| self.needs_reply.remove(&(since, session)));
        wanted.map(|since| self.needs_reply.insert((since, session)));
        open.listed = wanted;
    }

    fn page(&self, all: impl Iterator<Item = ListCursor>, sessions_max: usize) -> SessionsPage {
        let mut places: Vec<_> = all.take(sessions_max.saturating_add(1)).collect();
        let has_more = places.len() > sessions_max;
        places.truncate(sessions_max);
        let next = places.last().copied().filter(|_| has_more);
        let views = places.into_iter().filter_map(|place| self.session_view(place.session));
        SessionsPage { sessions: views.collect(), next }
    }

    /// The newest first.
    fn closed_page(
        &self,
        agent: Option<&UserId>,
        after: Option<ListCursor>,
        sessions_max: usize,
    ) -> SessionsPage {
        let whose: Option<Option<Slot>> = agent.map(|agent| self.slot_of.get(agent).copied());
        let end = self.sessions.next_id();
        let before = after.map_or(end, |after| after.session.min(end)).0;
        let oldest = self.sessions.first_id().0;
        let first = oldest.max(before.saturating_sub(ROWS_SEEN_MAX));
        let mut found: Vec<SessionView> = Vec::new();
        for number in (first..before).rev() {
            let session = SessionId(number);
            let row = self.sessions.get(session).filter(|row| row.closed.is_some());
            let is_own = |by: Option<Slot>| whose.is_none_or(|agent| by.is_some() && by == agent);
            if !row.is_some_and(|row| is_own(row.closed_by)) {
                continue;
            }
            found.extend(self.session_view(session));
            if found.len() >= sessions_max {
                return SessionsPage { sessions: found, next: Some(cursor(Millis(0), session)) };
            }
        }
        let next = (first > oldest).then_some(cursor(Millis(0), SessionId(first)));
        SessionsPage { sessions: found, next }
    }
}
