//! Conversations: one for ever per buyer, with a gapless number for every message. Owns the
//! buyer's side, the marks and what can still be recalled; bodies live in documents.

use serde::{Deserialize, Serialize};

use super::content::{self, Checked};
use super::session::{Moment, Open, Row, Slot};
use super::{Desk, RECALL_WITHIN, yes};
use crate::command::{Content, Marks};
use crate::document::{self, DocumentWrite};
use crate::event::Event;
use crate::event::desk::{
    Answerer, DeskEvent, LiveContext, MessageKind, MessageSent, Sender, SessionOpened, Side,
};
use crate::id::{FaqId, RoomId, SessionId, UserId};
use crate::policy::Automation;
use crate::rejection::Rejection;
use crate::shop::invariant::must;
use crate::shop::{Accepted, Shop};
use crate::time::{Millis, SpanMs};
use crate::view::Ephemeral;
use crate::view::desk::Message;

/// Taps on the same question within this are one tap.
const DOUBLE_TAP: SpanMs = SpanMs::seconds(2);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Conversation {
    pub(super) buyer: UserId,
    /// Of the last message.
    pub(super) seq: u64,
    pub(super) buyer_marks: Marks,
    pub(super) staff_marks: Marks,
    /// The newest session. Open, if any is.
    pub(super) last: Option<SessionId>,
    /// Who had a session of his last, and when he had it or spoke in it.
    pub(super) served_by: Option<Slot>,
    pub(super) served_at: Millis,
    pub(super) is_blocked: bool,
}

/// A message that can still be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Recent {
    pub(super) at: Millis,
    conversation: u32,
    pub(super) seq: u64,
    pub(super) session: Option<SessionId>,
    from: Voice,
    pub(super) recalled: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Voice {
    Buyer,
    Human(Slot),
    Faq(FaqId),
    Bot,
}

impl Voice {
    fn human(&self) -> Option<Slot> {
        if let Self::Human(slot) = self { Some(*slot) } else { None }
    }
}

impl Recent {
    pub(super) fn human(&self) -> Option<Slot> {
        self.from.human()
    }
}

impl Desk {
    pub(super) fn conversation(&self, buyer: &UserId) -> Option<&Conversation> {
        self.conversation_of.get(buyer).map(|slot| &self.conversations[*slot as usize])
    }

    pub(super) fn is_blocked(&self, buyer: &UserId) -> bool {
        self.conversation(buyer).is_some_and(|conversation| conversation.is_blocked)
    }

    pub(super) fn last_seq(&self, buyer: &UserId) -> u64 {
        self.conversation(buyer).map_or(0, |conversation| conversation.seq)
    }

    /// What a buyer has open.
    pub(super) fn open_of(&self, buyer: &UserId) -> Option<(SessionId, &Row, &Open)> {
        let session = self.conversation(buyer)?.last?;
        let open = self.open.get(&session)?.as_ref();
        Some((session, must(self.sessions.get(session), "session"), open))
    }

    /// The number of a conversation, given at the first word.
    pub(super) fn conversation_slot(&mut self, buyer: &UserId) -> u32 {
        if let Some(slot) = self.conversation_of.get(buyer) {
            return *slot;
        }
        let Ok(slot) = u32::try_from(self.conversations.len()) else {
            panic!("more conversations than numbers")
        };
        self.conversations.push(Conversation {
            buyer: buyer.clone(),
            seq: 0,
            buyer_marks: Marks::default(),
            staff_marks: Marks::default(),
            last: None,
            served_by: None,
            served_at: Millis(0),
            is_blocked: false,
        });
        self.conversation_of.insert(buyer.clone(), slot);
        slot
    }

    fn check_writer(&self, buyer: &UserId) -> Result<(), Rejection> {
        if self.is_blocked(buyer) { Err(Rejection::BuyerBlocked) } else { Ok(()) }
    }

    pub(super) fn decide_buyer_typing(&self, buyer: &UserId) -> Result<Accepted, Rejection> {
        self.check_writer(buyer)?;
        let owner = self.owner_with(buyer);
        let (buyer, user) = (buyer.clone(), buyer.clone());
        let ephemeral = Some(Ephemeral::Typing { buyer, side: Side::Buyer, user, owner });
        Ok(Accepted { ephemeral, ..Accepted::default() })
    }

    pub(super) fn decide_buyer_marks(
        &self,
        buyer: &UserId,
        marks: Marks,
    ) -> Result<Accepted, Rejection> {
        self.decide_marks(buyer, Side::Buyer, marks)
    }

    /// Marks that are no further than before change nothing; none is beyond the last message.
    pub(super) fn decide_marks(
        &self,
        buyer: &UserId,
        side: Side,
        marks: Marks,
    ) -> Result<Accepted, Rejection> {
        let conversation = self.conversation(buyer).ok_or(Rejection::ConversationUnknown)?;
        let known = match side {
            Side::Buyer => conversation.buyer_marks,
            Side::Staff => conversation.staff_marks,
        };
        let read = marks.read.min(conversation.seq).max(known.read);
        let delivered = marks.delivered.min(conversation.seq).max(known.delivered).max(read);
        if (Marks { delivered, read }) == known {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::MarksMoved { buyer: buyer.clone(), side, delivered, read }))
    }

    pub(super) fn decide_buyer_recall(
        &self,
        buyer: &UserId,
        seq: u64,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.check_writer(buyer)?;
        let recent = self.recallable(buyer, seq, now)?;
        if recent.from != Voice::Buyer {
            return Err(Rejection::MessageUnknown);
        }
        Ok(self.recall(buyer, recent, Sender::Buyer))
    }

    pub(super) fn recallable(
        &self,
        buyer: &UserId,
        seq: u64,
        now: Millis,
    ) -> Result<&Recent, Rejection> {
        let slot = self.conversation_of.get(buyer).ok_or(Rejection::ConversationUnknown)?;
        if seq == 0 || seq > self.last_seq(buyer) {
            return Err(Rejection::MessageUnknown);
        }
        let mut recent = self.recent.iter().rev();
        let found = recent.find(|recent| recent.conversation == *slot && recent.seq == seq);
        let found = found.ok_or(Rejection::RecallTooLate)?;
        if now.since(found.at) > RECALL_WITHIN {
            return Err(Rejection::RecallTooLate);
        }
        if found.recalled { Err(Rejection::MessageUnknown) } else { Ok(found) }
    }

    /// The event, and the document without its words.
    pub(super) fn recall(&self, buyer: &UserId, recent: &Recent, from: Sender) -> Accepted {
        let Recent { seq, at, session, .. } = *recent;
        let message = Message { seq, at, session, from, content: None };
        let key = document::message_key(buyer, seq);
        let event = DeskEvent::MessageRecalled { buyer: buyer.clone(), seq };
        let put = DocumentWrite::Put { key, value: content::json(&message) };
        Accepted { documents: vec![put], ..yes(event) }
    }

    /// Adds a message to what was decided: its event and the document with its words.
    pub(super) fn say(
        &self,
        accepted: &mut Accepted,
        buyer: &UserId,
        (seq, at): (u64, Millis),
        (session, from): (Option<SessionId>, Sender),
        checked: Checked,
    ) {
        let Checked { content, kind, chars } = checked;
        let message = Message { seq, at, session, from: from.clone(), content: Some(content) };
        let value = content::json(&message);
        let hash = document::hash(&value);
        let sent = MessageSent { buyer: buyer.clone(), seq, session, from, kind, chars, hash };
        accepted.events.push(Event::Desk(DeskEvent::MessageSent(sent)));
        let key = document::message_key(buyer, seq);
        accepted.documents.push(DocumentWrite::Put { key, value });
    }

    /// The answer to the buyer's last click on this question, as long as messages are remembered.
    pub(super) fn last_click(&self, buyer: &UserId, faq: &FaqId) -> Option<&Recent> {
        let slot = self.conversation_of.get(buyer)?;
        let clicked = |it: &Recent| matches!(&it.from, Voice::Faq(clicked) if clicked == faq);
        self.recent.iter().rev().find(|it| it.conversation == *slot && clicked(it))
    }

    pub(super) fn on_message_sent(&mut self, sent: &MessageSent, at: Millis) {
        let slot = self.conversation_slot(&sent.buyer);
        let from = match &sent.from {
            Sender::Buyer => Voice::Buyer,
            Sender::Agent(user) => Voice::Human(self.slot(user)),
            Sender::Faq(faq) => Voice::Faq(faq.clone()),
            Sender::Bot(_) => Voice::Bot,
        };
        let conversation = &mut self.conversations[slot as usize];
        conversation.seq = sent.seq;
        if from.human() == conversation.served_by {
            conversation.served_at = at;
        }
        if let Some(session) = sent.session
            && let Some(open) = self.open.get_mut(&session)
        {
            self.idle.remove(&(open.last_message_at, session));
            self.idle.insert((at, session));
            open.last_message_at = at;
            if matches!(from, Voice::Human(_)) {
                open.unanswered_since = None;
            } else if from == Voice::Buyer && sent.kind != MessageKind::Question {
                open.unanswered_since.get_or_insert(Moment::at(at));
            }
            self.list_needs_reply(session);
        }
        while self.recent.front().is_some_and(|old| at.since(old.at) > RECALL_WITHIN) {
            self.recent.pop_front();
        }
        let (seq, session) = (sent.seq, sent.session);
        let recent = Recent { at, conversation: slot, seq, session, from, recalled: false };
        self.recent.push_back(recent);
    }

    pub(super) fn on_message_recalled(&mut self, buyer: &UserId, seq: u64) {
        let slot = self.conversation_slot(buyer);
        let mut recent = self.recent.iter_mut().rev();
        if let Some(found) = recent.find(|it| it.conversation == slot && it.seq == seq) {
            found.recalled = true;
        }
    }

    pub(super) fn on_marks_moved(
        &mut self,
        buyer: &UserId,
        side: Side,
        (delivered, read): (u64, u64),
    ) {
        let slot = self.conversation_slot(buyer);
        let conversation = &mut self.conversations[slot as usize];
        match side {
            Side::Buyer => conversation.buyer_marks = Marks { delivered, read },
            Side::Staff => conversation.staff_marks = Marks { delivered, read },
        }
    }

    pub(super) fn on_blocked(&mut self, buyer: &UserId, is_blocked: bool) {
        let slot = self.conversation_slot(buyer);
        self.conversations[slot as usize].is_blocked = is_blocked;
    }
}

impl Shop {
    /// The first word opens a session; later ones belong to the one that is open.
    pub(super) fn decide_buyer_message(
        &self,
        buyer: &UserId,
        content: &Content,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.desk.check_writer(buyer)?;
        let checked = self.checked_content(buyer, content, false)?;
        let (session, events, queued) = match self.desk.open_of(buyer) {
            Some((session, row, open)) => {
                let due = self.desk.follow_up(session, row, now).into_iter().collect();
                (session, due, self.desk.follow_up_queued(session, open))
            }
            None => {
                let (session, events) = self.opening(buyer, room, false, now)?;
                (session, events, None)
            }
        };
        let mut accepted = super::all(events);
        let seq = self.desk.last_seq(buyer) + 1;
        self.desk.say(&mut accepted, buyer, (seq, now), (Some(session), Sender::Buyer), checked);
        accepted.events.extend(queued.map(Event::Desk));
        Ok(accepted)
    }

    /// A click on a question of the FAQ and its reply. Says nothing that a person must answer.
    pub(super) fn decide_click(
        &self,
        buyer: &UserId,
        faq: &FaqId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let desk = &self.desk;
        desk.check_writer(buyer)?;
        let entry = desk.faq.get(faq).ok_or(Rejection::FaqUnknown)?;
        let last = desk.last_click(buyer, faq);
        if last.is_some_and(|last| now.since(last.at) <= DOUBLE_TAP) {
            return Ok(Accepted::default());
        }
        let open = desk.open_of(buyer).map(|(session, _, _)| session);
        let (session, events) = match open {
            Some(session) => (session, Vec::new()),
            None => self.opening(buyer, room, desk.counts(Automation::Faq), now)?,
        };
        let mut accepted = super::all(events);
        let seq = desk.last_seq(buyer) + 1;
        let question = content::question(faq, &entry.question);
        let answer = content::text(&entry.answer);
        desk.say(&mut accepted, buyer, (seq, now), (Some(session), Sender::Buyer), question);
        let from = Sender::Faq(faq.clone());
        desk.say(&mut accepted, buyer, (seq + 1, now), (Some(session), from), answer);
        if open.is_some() {
            let reply = (Automation::Faq, Answerer::Faq);
            let answered = desk.automatic_reply(session, reply, now);
            accepted.events.extend(answered.map(Event::Desk));
        }
        Ok(accepted)
    }

    fn opening(
        &self,
        buyer: &UserId,
        room: Option<&RoomId>,
        is_answered: bool,
        now: Millis,
    ) -> Result<(SessionId, Vec<DeskEvent>), Rejection> {
        let desk = &self.desk;
        let session = desk.sessions.next_id();
        let opened = SessionOpened {
            session,
            buyer: buyer.clone(),
            answer_by: (!is_answered).then(|| now + desk.policy.answer_within_ms),
            holiday: desk.holiday.is_some_and(|holiday| holiday.contains(now)),
            excludes: desk.policy.excludes.iter().copied().collect(),
            context: room.map(|room| self.live_context(room, now)).transpose()?,
        };
        Ok((session, vec![DeskEvent::SessionOpened(opened)]))
    }

    fn live_context(&self, room: &RoomId, now: Millis) -> Result<LiveContext, Rejection> {
        let live_ms = self.live_clock(room, now).ok_or(Rejection::RoomUnknown)?;
        let pinned = self.rooms.get(room).and_then(|room| room.pinned_sku()).cloned();
        Ok(LiveContext { room: room.clone(), live_ms, pinned })
    }
}
