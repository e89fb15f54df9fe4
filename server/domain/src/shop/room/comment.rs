//! What is said in a room. Owns who may say it and how often, and the memory of recent comments
//! that repetitions and deletions are checked against; never a text, except those of kept
//! comments on their way out.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Room, Shop};
use crate::command::{Actor, Command, Role, RoomCommand};
use crate::document::{self, DocumentWrite};
use crate::event::Event;
use crate::id::{CommentId, RoomId, UserId};
use crate::lookup::Lookup;
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::text;
use crate::time::Millis;
use crate::view::{Comment, Ephemeral};

/// As many as late joiners are shown.
pub(super) const RECENT_MAX: usize = 500;
/// Kept comments that can still be deleted one by one: some hours of a busy room.
const KEPT_MAX: usize = 10_000;
const TEXT_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 64;
/// Below this many authors it is not worth looking which of them may speak again.
const SPOKE_AT_ROOM: usize = 1_024;

const ANYBODY: [Role; 6] =
    [Role::Buyer, Role::Streamer, Role::Agent, Role::Supervisor, Role::Manager, Role::Service];

/// A comment as it is asked for.
pub(super) struct Draft<'a> {
    pub(super) comment: &'a CommentId,
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// Whose comments the newest ones are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    order: VecDeque<CommentId>,
    comments: BTreeMap<CommentId, Spoken>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Spoken {
    author: UserId,
    at: Millis,
    deleted: bool,
}

impl Remembered {
    fn add(&mut self, comment: &CommentId, author: &UserId, at: Millis, comments_max: usize) {
        let spoken = Spoken { author: author.clone(), at, deleted: false };
        if self.comments.insert(comment.clone(), spoken).is_none() {
            self.order.push_back(comment.clone());
        }
        self.shrink_to(comments_max);
    }

    pub(super) fn shrink_to(&mut self, comments_max: usize) {
        while self.order.len() > comments_max {
            if let Some(oldest) = self.order.pop_front() {
                self.comments.remove(&oldest);
            }
        }
    }

    /// The newest that were not deleted and whose they are, the newest first.
    fn newest(&self) -> impl Iterator<Item = (&CommentId, &UserId)> {
        let ids = self.order.iter().rev();
        let known = ids.filter_map(|id| Some((id, self.comments.get(id)?)));
        known.filter(|(_, spoken)| !spoken.deleted).map(|(id, spoken)| (id, &spoken.author))
    }

    fn get(&self, comment: &CommentId) -> Option<&Spoken> {
        self.comments.get(comment)
    }

    /// It stays remembered, so that a repetition does not bring it back.
    fn mark_deleted(&mut self, comment: &CommentId) {
        if let Some(spoken) = self.comments.get_mut(comment) {
            spoken.deleted = true;
        }
    }
}

/// What a room remembers of comments without any event.
#[derive(Debug, Clone, Default)]
pub(super) struct Passing {
    recent: Remembered,
    /// Kept comments with their texts, for those who watch.
    texts: VecDeque<Comment>,
    /// When the buyers of a slow room spoke last.
    spoke_at: Lookup<UserId, Millis>,
    spoke_at_max: usize,
    comments: u64,
}

impl Passing {
    pub(super) fn comments(&self) -> u64 {
        self.comments
    }

    pub(super) fn paces(&self) -> Lookup<UserId, Millis> {
        self.spoke_at.clone()
    }

    pub(super) fn keep_pace(&mut self, spoke_at: Lookup<UserId, Millis>) {
        self.spoke_at = spoke_at;
    }

    /// The room has ended: nobody speaks any more, but what was said can still be deleted.
    pub(super) fn rest(&mut self) {
        self.spoke_at = Lookup::default();
        self.texts = VecDeque::new();
    }
}

impl Room {
    fn spoken(&self, comment: &CommentId) -> Option<&Spoken> {
        self.kept.get(comment).or_else(|| self.passing.recent.get(comment))
    }

    /// As whom somebody is heard: only its own streamer speaks as the streamer of a room.
    fn heard_as(&self, actor: &Actor) -> Role {
        if actor.role == Role::Streamer && actor.user != self.spec.streamer {
            Role::Buyer
        } else {
            actor.role
        }
    }

    fn check_pace(&self, user: &UserId, now: Millis) -> Result<(), Rejection> {
        let Some(spoke_at) = self.passing.spoke_at.get(user) else { return Ok(()) };
        let again_at = *spoke_at + self.spec.slow_mode_ms;
        if now >= again_at {
            return Ok(());
        }
        Err(Rejection::SlowMode { retry_after_ms: again_at.since(now) })
    }

    /// A room without slow mode remembers nobody, and a slow one forgets who may speak again.
    fn note_spoke(&mut self, user: &UserId, now: Millis) {
        let interval_ms = self.spec.slow_mode_ms;
        if interval_ms.0 == 0 {
            return;
        }
        let passing = &mut self.passing;
        if passing.spoke_at.len() >= passing.spoke_at_max.max(SPOKE_AT_ROOM) {
            passing.spoke_at.retain(|_, spoke_at| now < *spoke_at + interval_ms);
            passing.spoke_at_max = passing.spoke_at.len() * 2;
        }
        passing.spoke_at.insert(user.clone(), now);
    }

    #[cfg(test)]
    pub(super) fn authors_remembered(&self) -> usize {
        self.passing.spoke_at.len()
    }

    pub(in crate::shop) fn forget_texts_of(&mut self, user: &UserId) {
        self.passing.texts.retain(|comment| comment.user != *user);
    }

    /// The text of a kept comment, while it is one of the newest.
    pub(in crate::shop) fn kept_comment(&self, comment: &CommentId) -> Option<&Comment> {
        self.passing.texts.iter().rev().find(|kept| kept.comment == *comment)
    }

    /// The comment as it was told, also to whoever asks again: with its text where that is kept,
    /// else as it is sent again, at the time it was first said.
    pub(in crate::shop) fn told_comment(
        &self,
        actor: &Actor,
        room: &RoomId,
        (comment, name, text): (&CommentId, &str, &str),
        at: Millis,
    ) -> Comment {
        let again = || Comment {
            room: room.clone(),
            comment: comment.clone(),
            user: actor.user.clone(),
            name: shown_name(name),
            text: text::cleaned(text),
            at: self.spoken(comment).map_or(at, |spoken| spoken.at),
            role: self.heard_as(actor),
        };
        self.kept_comment(comment).cloned().unwrap_or_else(again)
    }
}

/// Kept comments across a restart: events do not hold their texts.
impl Shop {
    /// The documents of the newest kept comments of the rooms on air, at most `comments_max` of
    /// each, a room's oldest first.
    pub fn kept_comment_keys(&self, comments_max: usize) -> Vec<String> {
        let mut keys = Vec::new();
        for (id, room) in self.rooms.iter().filter(|(_, room)| room.is_on_air()) {
            let newest = room.kept.newest().take(comments_max.min(RECENT_MAX));
            let mut theirs: Vec<_> =
                newest.map(|(it, author)| document::comment_key(author, id, it)).collect();
            theirs.reverse();
            keys.append(&mut theirs);
        }
        keys
    }

    /// Takes back the text of a kept comment from its document, in the order of
    /// `kept_comment_keys`. A document that was emptied is none.
    pub fn recall_comment(&mut self, document: &[u8]) {
        let Ok(comment) = serde_json::from_slice::<Comment>(document) else { return };
        if let Some(room) = self.rooms.get_mut(&comment.room) {
            room.passing.texts.push_back(comment);
        }
    }

    /// The newest kept comments of a room with their texts, the oldest first.
    pub fn kept_comments(&self, room: &RoomId) -> impl Iterator<Item = &Comment> {
        self.rooms.get(room).into_iter().flat_map(|room| &room.passing.texts)
    }
}

impl Shop {
    pub(super) fn decide_comment(
        &self,
        actor: &Actor,
        room: &RoomId,
        draft: &Draft<'_>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &ANYBODY)?;
        let found = self.room(room)?;
        if !found.is_on_air() {
            return Err(found.not_ready(room));
        }
        match found.spoken(draft.comment) {
            Some(spoken) if spoken.author == actor.user => return Ok(Accepted::default()),
            Some(_) => return Err(Rejection::Invalid { field: "comment", problem: "is taken" }),
            None => {}
        }
        let comment = found.checked(actor, room, draft, now)?;
        let tasks = self.tasks_done_by_comment(room, &actor.user, &comment.text, now);
        let entered = self.draws_entered_by_comment(room, &actor.user, &comment.text);
        let mut accepted = if found.spec.keep_comments {
            kept(&comment)
        } else {
            let ephemeral = Some(Ephemeral::Comment(comment));
            Accepted { ephemeral, ..Accepted::default() }
        };
        accepted.events.extend(tasks);
        accepted.events.extend(entered);
        Ok(accepted)
    }

    /// A comment that was deleted before is deleted: asking again changes nothing. Of a kept one
    /// the text goes, an empty document stays in its place.
    pub(super) fn decide_delete(
        &self,
        actor: &Actor,
        room: &RoomId,
        comment: &CommentId,
    ) -> Result<Accepted, Rejection> {
        let found = self.moderated_room(actor, room)?;
        let spoken = found.spoken(comment).ok_or(Rejection::CommentUnknown)?;
        if spoken.deleted {
            return Ok(Accepted::default());
        }
        let deleted = Event::CommentDeleted { room: room.clone(), comment: comment.clone() };
        let mut accepted = Accepted::event(deleted);
        if found.kept.get(comment).is_some() {
            let key = document::comment_key(&spoken.author, room, comment);
            accepted.documents.push(DocumentWrite::Put { key, value: Vec::new() });
        }
        Ok(accepted)
    }

    /// Remembers a comment that no event will: for repetitions, deletions and the slow mode.
    pub(in crate::shop) fn note_passing(
        &mut self,
        actor: &Actor,
        command: &Command,
        accepted: &Accepted,
        now: Millis,
    ) {
        let Command::Room(RoomCommand::Comment { room, comment, .. }) = command else { return };
        let Some(room) = self.rooms.get_mut(room) else { return };
        if matches!(accepted.ephemeral, Some(Ephemeral::Comment(_))) {
            room.passing.recent.add(comment, &actor.user, now, RECENT_MAX);
            room.passing.comments += 1;
            room.note_spoke(&actor.user, now);
        }
        for write in &accepted.documents {
            let DocumentWrite::Put { value, .. } = write else { continue };
            let Ok(comment) = serde_json::from_slice(value) else { continue };
            room.passing.texts.push_back(comment);
            room.passing.comments += 1;
        }
        while room.passing.texts.len() > RECENT_MAX {
            room.passing.texts.pop_front();
        }
    }

    pub(in crate::shop) fn on_comment_kept(
        &mut self,
        room: &RoomId,
        comment: &CommentId,
        buyer: &UserId,
        at: Millis,
    ) {
        let room = self.room_mut(room);
        room.kept.add(comment, buyer, at, KEPT_MAX);
        room.note_spoke(buyer, at);
    }

    pub(in crate::shop) fn on_comment_deleted(&mut self, room: &RoomId, comment: &CommentId) {
        let room = self.room_mut(room);
        room.kept.mark_deleted(comment);
        room.passing.recent.mark_deleted(comment);
        room.passing.texts.retain(|kept| kept.comment != *comment);
    }
}

impl Room {
    /// The comment as others will see it, or the first rule it breaks.
    fn checked(
        &self,
        actor: &Actor,
        room: &RoomId,
        draft: &Draft<'_>,
        now: Millis,
    ) -> Result<Comment, Rejection> {
        let role = self.heard_as(actor);
        self.check_not_muted(&actor.user, now)?;
        self.check_not_banned(&actor.user, now)?;
        let text = text::cleaned(draft.text);
        if role == Role::Buyer {
            self.check_pace(&actor.user, now)?;
            if self.keywords.block(&text) {
                return Err(Rejection::KeywordBlocked);
            }
        }
        Ok(Comment {
            room: room.clone(),
            comment: draft.comment.clone(),
            user: actor.user.clone(),
            name: shown_name(draft.name),
            text: text::line("text", &text, TEXT_CHARS_MAX)?,
            at: now,
            role,
        })
    }
}

fn shown_name(name: &str) -> String {
    text::cleaned(name).chars().take(NAME_CHARS_MAX).collect()
}

fn kept(comment: &Comment) -> Accepted {
    let value = match serde_json::to_vec(comment) {
        Ok(value) => value,
        Err(error) => unreachable!("a comment is plain text and ids: {error}"),
    };
    let kept = Event::CommentKept {
        room: comment.room.clone(),
        comment: comment.comment.clone(),
        buyer: comment.user.clone(),
        hash: document::hash(&value),
    };
    let key = document::comment_key(&comment.user, &comment.room, &comment.comment);
    Accepted { documents: vec![DocumentWrite::Put { key, value }], ..Accepted::event(kept) }
}
