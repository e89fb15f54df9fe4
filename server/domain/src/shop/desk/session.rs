//! Sessions: one reception each, from the buyer's first word to its end. Owns the row that a
//! session leaves behind and what an open one knows besides; whose turn it is stands elsewhere.

use std::collections::VecDeque;
use std::num::{NonZeroI64, NonZeroU8, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::assignment::{Rank, Ticket};
use super::{Desk, all, content, is_leader, yes};
use crate::command::{Actor, Role};
use crate::document::{self, DocumentWrite};
use crate::event::Event;
use crate::event::desk::{
    CloseReason, DeskEvent, Exclusion, LiveContext, QueueCause, SessionOpened, Why,
};
use crate::id::{SessionId, UserId};
use crate::rejection::Rejection;
use crate::shop::invariant::must;
use crate::shop::{Accepted, Shop};
use crate::text;
use crate::time::{Millis, SpanMs};
use crate::view::desk::ClosedSession;

/// Rows stay for this many days after the day they began in: a report and its verdict fit into
/// the 90 that are promised and a week.
pub(super) const DAYS_KEPT: i64 = 97;
pub(super) const DAY_MS: i64 = 86_400_000;
/// An open session keeps all later rows in memory, so it ends before it would.
pub(super) const OPEN_MAX: SpanMs = SpanMs::days(96);
const RATING_CHARS_MAX: usize = 1_000;

/// The number of an agent: four bytes, and none more for "nobody".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Slot(NonZeroU32);

impl Slot {
    pub(super) fn of_index(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        let Some(number) = number else { panic!("more agents than numbers") };
        Self(number)
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A point in time that costs nothing where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Moment(NonZeroI64);

impl Moment {
    pub(super) fn at(at: Millis) -> Self {
        Self(NonZeroI64::new(at.0.saturating_add(1)).unwrap_or(NonZeroI64::MIN))
    }

    pub(super) fn millis(self) -> Millis {
        Millis(self.0.get() - 1)
    }
}

/// What became of the duty to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Pending,
    Automatic,
    Human(Slot),
    Missed(Option<Slot>),
}

/// A few of the exclusions, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks(u8);

impl Marks {
    fn bit(exclusion: Exclusion) -> u8 {
        match exclusion {
            Exclusion::Holiday => 1,
            Exclusion::NoReply => 2,
            Exclusion::Reported => 4,
        }
    }

    pub(super) fn has(self, exclusion: Exclusion) -> bool {
        self.0 & Self::bit(exclusion) != 0
    }

    pub(super) fn set(&mut self, exclusion: Exclusion, on: bool) {
        if on {
            self.0 |= Self::bit(exclusion);
        } else {
            self.0 &= !Self::bit(exclusion);
        }
    }

    fn of(exclusions: &[Exclusion]) -> Self {
        let mut marks = Self::default();
        exclusions.iter().for_each(|exclusion| marks.set(*exclusion, true));
        marks
    }
}

/// What is kept of every session, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) opened_at: Millis,
    /// When the duty to answer began.
    pub(super) since: Millis,
    /// The first reply, also one that came too late.
    pub(super) replied_at: Option<Moment>,
    pub(super) answer: Answer,
    pub(super) conversation: u32,
    /// Who closed it, or had it last when a system did.
    pub(super) closed_by: Option<Slot>,
    /// Zero as long as no person had to answer.
    pub(super) window_ms: u32,
    pub(super) closed: Option<CloseReason>,
    pub(super) marks: Marks,
    excludes: Marks,
    pub(super) stars: Option<NonZeroU8>,
}

/// Ten million of them fit into half a gigabyte.
const _: () = assert!(size_of::<Row>() <= 48);

impl Row {
    pub(super) fn due_at(&self) -> Millis {
        self.since + SpanMs(u64::from(self.window_ms))
    }

    pub(super) fn is_pending(&self) -> bool {
        self.answer == Answer::Pending
    }

    /// Answerable in time at `now`.
    pub(super) fn is_answerable(&self, now: Millis) -> bool {
        self.is_pending() && now <= self.due_at()
    }

    pub(super) fn is_excluded(&self) -> bool {
        self.marks.0 & self.excludes.0 != 0
    }

    pub(super) fn excluded_by(&self) -> Vec<Exclusion> {
        let all = [Exclusion::Holiday, Exclusion::NoReply, Exclusion::Reported];
        let counts = |it: &Exclusion| self.marks.has(*it) && self.excludes.has(*it);
        all.into_iter().filter(counts).collect()
    }
}

/// The rows, the oldest first. A session's number finds its row by subtraction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rows {
    /// Sessions whose rows are gone.
    dropped: u64,
    pub(super) rows: VecDeque<Row>,
}

impl Rows {
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.dropped + self.rows.len() as u64 + 1)
    }

    pub(super) fn first_id(&self) -> SessionId {
        SessionId(self.dropped + 1)
    }

    fn index(&self, id: SessionId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.dropped + 1)?).ok()
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Row> {
        self.rows.get(self.index(id)?)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Row> {
        let index = self.index(id)?;
        self.rows.get_mut(index)
    }

    pub(super) fn id_at(&self, index: usize) -> SessionId {
        SessionId(self.dropped + 1 + index as u64)
    }

    /// Where the first session stands that opened at or after `at`.
    pub(super) fn index_from(&self, at: Millis) -> usize {
        self.rows.partition_point(|row| row.opened_at < at)
    }

    /// Drops closed sessions of days that nobody can ask for at `at`; the first number kept.
    fn drop_old(&mut self, at: Millis) -> SessionId {
        let day = at.0.div_euclid(DAY_MS) - DAYS_KEPT;
        let is_old = |row: &Row| row.opened_at.0.div_euclid(DAY_MS) < day && row.closed.is_some();
        while self.rows.front().is_some_and(is_old) {
            self.rows.pop_front();
            self.dropped += 1;
        }
        self.first_id()
    }
}

/// Where an open session is: always in exactly one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Served by the FAQ. Nobody's, and nobody is looked for.
    SelfServed,
    /// By its ticket, which stays what it was when the session joined the queue.
    Queued(Rank),
    Assigned {
        agent: Slot,
        since: Millis,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) place: Place,
    pub(super) epoch: u32,
    /// Who owned it before the one who does.
    pub(super) previous: Option<Slot>,
    pub(super) last_message_at: Millis,
    /// The buyer's first word that nobody has answered yet.
    pub(super) unanswered_since: Option<Moment>,
    /// Where it stands among those that need a reply, if it does.
    pub(super) listed: Option<Moment>,
    pub(super) is_expiring: bool,
    /// Its owner has it straight from the one before.
    pub(super) is_handed_over: bool,
    pub(super) first_seq: u64,
    pub(super) why: Option<Box<Why>>,
    pub(super) context: Option<Box<LiveContext>>,
    /// The best place a buyer was told. No part of the state.
    #[serde(skip)]
    pub(super) shown: Option<NonZeroU32>,
}

/// A million of them wait at once; what few have is behind a pointer.
const _: () = assert!(size_of::<Open>() <= 80);

impl Open {
    pub(super) fn owner(&self) -> Option<Slot> {
        match self.place {
            Place::Assigned { agent, .. } => Some(agent),
            Place::SelfServed | Place::Queued(_) => None,
        }
    }
}

impl Desk {
    /// The row of a session, or why there is none.
    pub(super) fn row(&self, session: SessionId) -> Result<&Row, Rejection> {
        if session < self.sessions.first_id() && session.0 > 0 {
            return Err(Rejection::TooOld);
        }
        self.sessions.get(session).ok_or(Rejection::SessionUnknown)
    }

    /// An open session with its row.
    pub(super) fn open_session(&self, session: SessionId) -> Result<(&Row, &Open), Rejection> {
        let row = self.row(session)?;
        if let Some(reason) = row.closed {
            return Err(Rejection::SessionClosed { reason });
        }
        Ok((row, must(self.open.get(&session).map(Box::as_ref), "open session")))
    }

    pub(super) fn row_mut(&mut self, session: SessionId) -> &mut Row {
        must(self.sessions.get_mut(session), "session")
    }

    pub(super) fn open_mut(&mut self, session: SessionId) -> &mut Open {
        must(self.open.get_mut(&session).map(Box::as_mut), "open session")
    }

    /// Changes what a session counts as: the rate follows.
    pub(super) fn recount(&mut self, session: SessionId, change: impl FnOnce(&mut Row)) {
        let row = must(self.sessions.get_mut(session), "session");
        self.rate.take(row);
        change(row);
        self.rate.add(row);
    }

    pub(super) fn buyer_of(&self, row: &Row) -> &UserId {
        &self.conversations[row.conversation as usize].buyer
    }

    /// The owner, or a leader, of a session that looks as the caller saw it.
    pub(super) fn owned(
        &self,
        actor: &Actor,
        session: SessionId,
        epoch: u32,
    ) -> Result<(&Row, &Open), Rejection> {
        let (row, open) = self.open_session(session)?;
        let owner = open.owner();
        let is_owner = owner.is_some() && owner == self.slot_of.get(&actor.user).copied();
        if !is_owner && !is_leader(actor) {
            return Err(Rejection::NotOwner { owner: self.user_of(owner) });
        }
        if open.epoch != epoch {
            return Err(Rejection::SessionMoved { epoch: open.epoch });
        }
        Ok((row, open))
    }

    pub(super) fn decide_close(
        &self,
        actor: &Actor,
        session: SessionId,
        epoch: u32,
    ) -> Result<Accepted, Rejection> {
        self.owned(actor, session, epoch)?;
        Ok(yes(self.closing(session, CloseReason::Agent, Some(&actor.user))))
    }

    pub(super) fn decide_no_reply(
        &self,
        actor: &Actor,
        session: SessionId,
        epoch: u32,
    ) -> Result<Accepted, Rejection> {
        if self.policy.no_reply_by_supervisor && !is_leader(actor) {
            return Err(Rejection::Forbidden { needed: Role::Supervisor });
        }
        self.owned(actor, session, epoch)?;
        Ok(yes(self.closing(session, CloseReason::NoReply, Some(&actor.user))))
    }

    pub(super) fn decide_rating(
        &self,
        buyer: &UserId,
        session: SessionId,
        stars: u8,
        comment: &str,
    ) -> Result<Accepted, Rejection> {
        let row = self.row(session)?;
        if self.buyer_of(row) != buyer {
            return Err(Rejection::SessionUnknown);
        }
        if row.closed.is_none() {
            return Err(Rejection::SessionOpen);
        }
        if let Some(stars) = row.stars {
            return Err(Rejection::AlreadyRated { stars: stars.get() });
        }
        if !(1..=5).contains(&stars) {
            return Err(Rejection::Invalid { field: "stars", problem: "must be 1 to 5" });
        }
        let comment = text::line_or_empty("comment", comment, RATING_CHARS_MAX)?;
        let mut accepted = Accepted::default();
        let mut hash = None;
        if !comment.is_empty() {
            let (key, value) = (document::rating_key(buyer, session), comment.into_bytes());
            hash = Some(document::hash(&value));
            accepted.documents.push(DocumentWrite::Put { key, value });
        }
        let rated = DeskEvent::SessionRated { session, stars, hash };
        accepted.events.push(Event::Desk(rated));
        Ok(accepted)
    }

    /// A session that nobody owns is in the queue's order by its duty, then by how long its buyer
    /// has waited.
    pub(super) fn ticket(&self, session: SessionId, row: &Row, open: &Open) -> Ticket {
        let rank = match (row.answer, open.unanswered_since) {
            (Answer::Pending, _) => Rank::new(0, row.due_at()),
            (Answer::Missed(_), _) if row.replied_at.is_none() => Rank::new(0, row.due_at()),
            (_, Some(since)) => Rank::new(1, since.millis()),
            (_, None) => Rank::new(2, row.opened_at),
        };
        Ticket::new(rank, session)
    }

    pub(super) fn on_session_opened(&mut self, opened: &SessionOpened, at: Millis) {
        let session = opened.session;
        assert_eq!(session, self.sessions.next_id(), "sessions are numbered without gaps");
        let conversation = self.conversation_slot(&opened.buyer);
        let mut marks = Marks::default();
        marks.set(Exclusion::Holiday, opened.holiday);
        let window = opened.answer_by.map_or(SpanMs(0), |due_at| due_at.since(at));
        let row = Row {
            opened_at: at,
            since: at,
            replied_at: None,
            answer: if opened.answer_by.is_some() { Answer::Pending } else { Answer::Automatic },
            conversation,
            closed_by: None,
            window_ms: u32::try_from(window.0).unwrap_or(u32::MAX),
            closed: None,
            marks,
            excludes: Marks::of(&opened.excludes),
            stars: None,
        };
        self.rate.open(&row);
        self.sessions.rows.push_back(row);
        let seq = &mut self.conversations[conversation as usize];
        seq.last = Some(session);
        let open = Open {
            place: Place::SelfServed,
            epoch: 0,
            previous: None,
            last_message_at: at,
            unanswered_since: opened.answer_by.map(|_| Moment::at(at)),
            listed: None,
            is_expiring: false,
            is_handed_over: false,
            first_seq: seq.seq + 1,
            why: None,
            context: opened.context.clone().map(Box::new),
            shown: None,
        };
        self.open.insert(session, Box::new(open));
        self.idle.insert((at, session));
        if opened.answer_by.is_some() {
            self.arm(session);
            self.enqueue(session);
        } else {
            self.self_served.insert(session);
        }
        let kept = self.sessions.drop_old(at);
        self.forget_reports_before(kept);
    }

    pub(super) fn on_session_queued(&mut self, session: SessionId, cause: QueueCause) {
        if cause == QueueCause::Transferred {
            // Else he would be the first one asked.
            let conversation = self.row_mut(session).conversation;
            self.conversations[conversation as usize].served_by = None;
        }
        self.leave_place(session);
        self.enqueue(session);
    }

    pub(super) fn on_session_closed(
        &mut self,
        session: SessionId,
        reason: CloseReason,
        by: Option<&UserId>,
    ) {
        let owner = self.leave_place(session);
        let open = must(self.open.remove(&session), "open session");
        open.listed.map(|since| self.needs_reply.remove(&(since, session)));
        self.idle.remove(&(open.last_message_at, session));
        let closed_by = match reason {
            CloseReason::Agent | CloseReason::NoReply => by.map(|user| self.slot(user)),
            CloseReason::Idle | CloseReason::Blocked => owner,
        };
        let due_at = self.row_mut(session).due_at();
        self.expiring.remove(&(due_at, session));
        self.recount(session, |row| {
            row.closed = Some(reason);
            row.closed_by = closed_by;
            if reason == CloseReason::NoReply {
                row.marks.set(Exclusion::NoReply, true);
            }
        });
    }

    pub(super) fn on_session_rated(&mut self, session: SessionId, stars: u8) {
        self.recount(session, |row| row.stars = NonZeroU8::new(stars));
    }

    /// The end of an open session.
    pub(super) fn closing(
        &self,
        session: SessionId,
        reason: CloseReason,
        by: Option<&UserId>,
    ) -> DeskEvent {
        let row = must(self.sessions.get(session), "session");
        let open = must(self.open.get(&session), "open session");
        DeskEvent::SessionClosed {
            session,
            reason,
            by: by.cloned(),
            owner: self.user_of(open.owner()),
            first_seq: open.first_seq,
            last_seq: self.conversations[row.conversation as usize].seq,
        }
    }

    pub(super) fn decide_block(
        &self,
        actor: &Actor,
        buyer: &UserId,
        block: bool,
    ) -> Result<Accepted, Rejection> {
        if self.is_blocked(buyer) == block {
            return Ok(Accepted::default());
        }
        let (buyer, by) = (buyer.clone(), actor.user.clone());
        if !block {
            return Ok(yes(DeskEvent::BuyerUnblocked { buyer, by }));
        }
        let open = self.open_of(&buyer);
        let closing = open.map(|it| self.closing(it.0, CloseReason::Blocked, Some(&by)));
        let mut events: Vec<_> = closing.into_iter().collect();
        events.push(DeskEvent::BuyerBlocked { buyer, by });
        Ok(all(events))
    }
}

impl Shop {
    /// A closed session leaves a document that says whose it was and where its messages are.
    pub(in crate::shop) fn write_desk_documents(&self, accepted: &mut Accepted, at: Millis) {
        let Accepted { events, documents, .. } = accepted;
        for event in events.iter() {
            if let Event::Desk(DeskEvent::SessionClosed { session, .. }) = event {
                documents.extend(self.desk.closed_documents(*session, event, at));
            }
        }
    }
}

impl Desk {
    fn closed_documents(&self, id: SessionId, event: &Event, at: Millis) -> Vec<DocumentWrite> {
        let Event::Desk(DeskEvent::SessionClosed { reason, by, first_seq, last_seq, .. }) = event
        else {
            return Vec::new();
        };
        let Some(row) = self.sessions.get(id) else { return Vec::new() };
        let buyer = self.buyer_of(row);
        let closed = ClosedSession {
            session: id,
            buyer: buyer.clone(),
            opened_at: row.opened_at,
            closed_at: at,
            reason: *reason,
            closed_by: by.clone(),
            first_seq: *first_seq,
            last_seq: *last_seq,
        };
        let value = content::json(&closed);
        let index = document::buyer_session_key(buyer, id);
        vec![
            DocumentWrite::Put { key: document::session_key(id), value: value.clone() },
            DocumentWrite::Put { key: index, value },
        ]
    }
}
