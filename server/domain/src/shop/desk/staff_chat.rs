//! The staff's side of a conversation: replies, notes, tags, recalls. Owns who may speak in it:
//! the owner of the open session or a leader, and anybody where none is open.

use super::chat::Conversation;
use super::session::Slot;
use super::{Desk, content, is_leader, yes};
use crate::command::{Actor, Content, Marks, Role};
use crate::document::{self, DocumentWrite};
use crate::event::Event;
use crate::event::desk::{Answerer, DeskEvent, Sender, Side};
use crate::id::{NoteId, SessionId, UserId};
use crate::policy::Automation;
use crate::rejection::Rejection;
use crate::shop::{Accepted, Shop};
use crate::text;
use crate::time::Millis;
use crate::view::Ephemeral;
use crate::view::desk::Note;

const NOTE_CHARS_MAX: usize = 2_000;
const TAGS_MAX: usize = 50;
const TAG_CHARS_MAX: usize = 40;

impl Shop {
    /// What belongs to a session may fulfil its duty; outside of one it opens nothing.
    pub(super) fn decide_staff_message(
        &self,
        actor: &Actor,
        buyer: &UserId,
        content: &Content,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let desk = &self.desk;
        let is_bot = actor.role == Role::Service;
        if !is_bot {
            desk.check_speaker(actor, buyer)?;
        }
        let checked = self.checked_content(buyer, content, true)?;
        let session = desk.session_for_reply(buyer, now);
        let from = if is_bot {
            Sender::Bot(actor.user.clone())
        } else {
            Sender::Agent(actor.user.clone())
        };
        let mut accepted = Accepted::default();
        let seq = desk.last_seq(buyer) + 1;
        desk.say(&mut accepted, buyer, (seq, now), (session, from), checked);
        let Some(session) = session else { return Ok(accepted) };
        let effect = if is_bot {
            desk.automatic_reply(session, (Automation::Bot, Answerer::Bot), now)
        } else {
            desk.human_reply(session, &actor.user, now)
        };
        accepted.events.extend(effect.map(Event::Desk));
        Ok(accepted)
    }
}

impl Desk {
    fn check_speaker(&self, actor: &Actor, buyer: &UserId) -> Result<(), Rejection> {
        let Some((_, _, open)) = self.open_of(buyer) else { return Ok(()) };
        let own: Option<Slot> = self.slot_of.get(&actor.user).copied();
        let owner = open.owner();
        let is_owner = owner.is_some() && owner == own;
        if is_owner || is_leader(actor) {
            return Ok(());
        }
        Err(Rejection::NotOwner { owner: self.user_of(owner) })
    }

    /// The open session, else the latest one if it can still be answered in time.
    fn session_for_reply(&self, buyer: &UserId, now: Millis) -> Option<SessionId> {
        let session = self.conversation(buyer)?.last?;
        let row = self.sessions.get(session)?;
        (row.closed.is_none() || row.is_answerable(now)).then_some(session)
    }

    fn known(&self, buyer: &UserId) -> Result<&Conversation, Rejection> {
        self.conversation(buyer).ok_or(Rejection::ConversationUnknown)
    }

    /// Whoever only looks in has not read for the one who answers.
    pub(super) fn decide_staff_marks(
        &self,
        actor: &Actor,
        buyer: &UserId,
        marks: Marks,
    ) -> Result<Accepted, Rejection> {
        self.check_speaker(actor, buyer)?;
        self.decide_marks(buyer, Side::Staff, marks)
    }

    pub(super) fn decide_staff_typing(
        &self,
        actor: &Actor,
        buyer: &UserId,
    ) -> Result<Accepted, Rejection> {
        self.known(buyer)?;
        self.check_speaker(actor, buyer)?;
        let owner = self.owner_with(buyer);
        let (buyer, user) = (buyer.clone(), actor.user.clone());
        let ephemeral = Some(Ephemeral::Typing { buyer, side: Side::Staff, user, owner });
        Ok(Accepted { ephemeral, ..Accepted::default() })
    }

    pub(super) fn decide_staff_recall(
        &self,
        actor: &Actor,
        buyer: &UserId,
        seq: u64,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let recent = self.recallable(buyer, seq, now)?;
        let own = self.slot_of.get(&actor.user).copied();
        if own.is_none() || recent.human() != own {
            return Err(Rejection::MessageUnknown);
        }
        let mut accepted = self.recall(buyer, recent, Sender::Agent(actor.user.clone()));
        let left = self.after_recall(recent, now);
        accepted.events.extend(left.map(Event::Desk));
        Ok(accepted)
    }

    pub(super) fn decide_note(
        &self,
        actor: &Actor,
        buyer: &UserId,
        (note, text): (&NoteId, &str),
        at: Millis,
    ) -> Result<Accepted, Rejection> {
        self.known(buyer)?;
        let text = text::lines("text", text, NOTE_CHARS_MAX)?;
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let by = actor.user.clone();
        let (key, value) = (
            document::note_key(buyer, note),
            content::json(&Note { note: note.clone(), by: by.clone(), at, text }),
        );
        let event = DeskEvent::NoteAdded {
            buyer: buyer.clone(),
            note: note.clone(),
            by,
            chars,
            hash: document::hash(&value),
        };
        Ok(Accepted { documents: vec![DocumentWrite::Put { key, value }], ..yes(event) })
    }

    /// Replaces the tags of a buyer.
    pub(super) fn decide_tags(
        &self,
        actor: &Actor,
        buyer: &UserId,
        tags: &[String],
    ) -> Result<Accepted, Rejection> {
        self.known(buyer)?;
        if tags.len() > TAGS_MAX {
            return Err(Rejection::Invalid { field: "tags", problem: "must be at most 50" });
        }
        let cleaned = tags.iter().map(|tag| text::line("tags", tag, TAG_CHARS_MAX));
        let cleaned = cleaned.collect::<Result<std::collections::BTreeSet<_>, _>>()?;
        let count = u32::try_from(cleaned.len()).unwrap_or(u32::MAX);
        let value = content::json(&cleaned);
        let (buyer, by, hash) = (buyer.clone(), actor.user.clone(), document::hash(&value));
        let key = document::tags_key(&buyer);
        let event = DeskEvent::TagsSet { buyer, by, count, hash };
        Ok(Accepted { documents: vec![DocumentWrite::Put { key, value }], ..yes(event) })
    }
}
