//! What one append will carry, and the answers sealed until its verdict.

use hawker_domain::command::{Actor, Command};
use hawker_domain::document::DocumentWrite;
use hawker_domain::event::{CommandRef, Entry};
use hawker_domain::id::ShopId;
use hawker_domain::rejection::Rejection;
use hawker_domain::shop::{Accepted, Shop, Touched};
use hawker_domain::time::Millis;
use hawker_domain::view::{Change, Ephemeral};

use super::mailbox::{Release, Reply, Told};
use super::remembered::Place;
use super::{Answer, Error, Outcome, Submission};
use crate::journal::{Batch, Committed, Verified};

/// Decided, and waiting for the journal.
#[derive(Default)]
pub(super) struct OpenBatch {
    entries: Vec<Entry>,
    documents: Vec<DocumentWrite>,
    touched: Touched,
    sealed: Sealed,
    commands: usize,
    timers: usize,
}

/// Answers and news that may leave only against proof.
#[derive(Default)]
pub(super) struct Sealed {
    answers: Vec<SealedAnswer>,
    passing: Vec<Ephemeral>,
}

enum SealedAnswer {
    /// Accepted; the events are those of the entry at this index of the batch.
    Entry {
        reply: Reply,
        index: usize,
        answer: Box<Answer>,
    },
    /// Accepted without events.
    Plain {
        reply: Reply,
        answer: Box<Answer>,
    },
    Refused {
        reply: Reply,
        rejection: Rejection,
    },
    Conflict {
        reply: Reply,
    },
    Repeated {
        reply: Reply,
        submission: Box<Submission>,
        place: Place,
    },
    Query(Release),
}

/// A command that waits for its answer.
pub(super) struct Asked<'a> {
    pub(super) actor: &'a Actor,
    pub(super) command: &'a Command,
    pub(super) reply: Reply,
}

/// What lets an answer out. There is no third way.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    Committed(&'a Committed),
    Verified(&'a Verified),
}

impl Proof<'_> {
    pub(super) fn shop(&self) -> &ShopId {
        match self {
            Self::Committed(committed) => committed.shop(),
            Self::Verified(verified) => verified.shop(),
        }
    }
}

impl OpenBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.sealed.is_empty()
    }

    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// How many timers have fired into it.
    pub(super) fn timers(&self) -> usize {
        self.timers
    }

    /// Timers that fired without effect count too: looking at them took its time.
    pub(super) fn note_timers(&mut self, fired: usize) {
        self.timers += fired;
    }

    pub(super) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Where the next entry will stand.
    pub(super) fn next_index(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn last_entry(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Takes in what was accepted, with or without somebody waiting for the answer.
    pub(super) fn accept(
        &mut self,
        shop: &Shop,
        at: Millis,
        by: Option<CommandRef>,
        accepted: Accepted,
        asked: Option<Asked<'_>>,
    ) {
        let Accepted { events, documents, ephemeral, existing } = accepted;
        self.documents.extend(documents);
        for event in &events {
            shop.touch(event, &mut self.touched);
        }
        if let Some(Asked { actor, command, reply }) = asked {
            self.commands += 1;
            let result = match (&existing, &ephemeral) {
                (Some(held), _) => Some(Change::Reservation(held.clone())),
                (None, Some(Ephemeral::Comment(comment))) => Some(Change::Comment(comment.clone())),
                (None, _) => shop.result_of(actor, command, &events, at),
            };
            let (existing, index) = (existing.is_some(), self.entries.len());
            let answer = Box::new(Answer { at, events: Vec::new(), result, existing });
            self.sealed.answers.push(if events.is_empty() {
                SealedAnswer::Plain { reply, answer }
            } else {
                SealedAnswer::Entry { reply, index, answer }
            });
        }
        self.sealed.passing.extend(ephemeral);
        if !events.is_empty() {
            self.entries.push(Entry { at, by, events });
        }
    }

    /// Takes in what nobody asked for and nobody keeps.
    pub(super) fn pass(&mut self, passing: Ephemeral) {
        self.sealed.passing.push(passing);
    }

    pub(super) fn refuse(&mut self, reply: Reply, rejection: Rejection) {
        self.commands += 1;
        self.sealed.answers.push(SealedAnswer::Refused { reply, rejection });
    }

    pub(super) fn conflict(&mut self, reply: Reply) {
        self.commands += 1;
        self.sealed.answers.push(SealedAnswer::Conflict { reply });
    }

    /// The command was accepted before: its answer is read back once this batch is through.
    pub(super) fn repeat(&mut self, submission: Box<Submission>, reply: Reply, place: Place) {
        self.commands += 1;
        self.sealed.answers.push(SealedAnswer::Repeated { reply, submission, place });
    }

    pub(super) fn answer(&mut self, release: Release) {
        self.commands += 1;
        self.sealed.answers.push(SealedAnswer::Query(release));
    }

    /// Ends the batch: what to append, what looks different, and what waits for the verdict.
    pub(super) fn close(self, shop: &Shop) -> (Batch, Vec<Change>, Sealed) {
        let changes = shop.changes(&self.touched);
        let batch =
            Batch { entries: self.entries, documents: self.documents, next_due: shop.wake_at() };
        (batch, changes, self.sealed)
    }

    pub(super) fn fail(self, error: Error) {
        self.sealed.fail(error);
    }
}

impl Sealed {
    fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.passing.is_empty()
    }

    /// Lets everything out; returns what only passes by.
    pub(super) fn release(self, proof: Proof<'_>) -> Vec<Ephemeral> {
        let entries = match proof {
            Proof::Committed(committed) => committed.entries(),
            Proof::Verified(_) => &[],
        };
        for answer in self.answers {
            match answer {
                SealedAnswer::Entry { reply, index, mut answer } => {
                    answer.events.clone_from(&entries[index].events);
                    reply.send(Ok(Told::Outcome(Outcome::Accepted(answer))));
                }
                SealedAnswer::Plain { reply, answer } => {
                    reply.send(Ok(Told::Outcome(Outcome::Accepted(answer))));
                }
                SealedAnswer::Refused { reply, rejection } => {
                    reply.send(Ok(Told::Outcome(Outcome::Refused(rejection))));
                }
                SealedAnswer::Conflict { reply } => reply.send(Err(Error::IdempotencyConflict)),
                SealedAnswer::Repeated { reply, submission, place } => {
                    reply.send(Ok(Told::Repeated { submission, place }));
                }
                SealedAnswer::Query(release) => release(Ok(())),
            }
        }
        self.passing
    }

    pub(super) fn fail(self, error: Error) {
        for answer in self.answers {
            match answer {
                SealedAnswer::Entry { reply, .. }
                | SealedAnswer::Plain { reply, .. }
                | SealedAnswer::Refused { reply, .. }
                | SealedAnswer::Conflict { reply }
                | SealedAnswer::Repeated { reply, .. } => reply.send(Err(error)),
                SealedAnswer::Query(release) => release(Err(error)),
            }
        }
    }
}
