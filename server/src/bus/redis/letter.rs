//! A message between nodes: lines of one topic in their order, or the last number that was given.
//! Owns how it is written; sends nothing.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bus::{Class, Publication, Target, Topic, UserId};

/// The first byte of every message; nodes that speak otherwise are not understood.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct Letter<'a> {
    /// Which node sent it.
    pub(super) node: u128,
    #[serde(borrow)]
    pub(super) says: Says<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Says<'a> {
    Lines(#[serde(borrow)] Vec<Line<'a>>),
    Top { epoch: u64, seq: u64 },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Line<'a> {
    epoch: u64,
    seq: Option<u64>,
    class: Kind<'a>,
    key: Option<&'a str>,
    redacts: Option<&'a str>,
    expels: Option<&'a str>,
    /// Whom a line for many is for; otherwise the channel says it.
    users: Vec<&'a str>,
    line: &'a [u8],
}

#[derive(Serialize, Deserialize)]
enum Kind<'a> {
    Critical,
    Normal,
    Lossy,
    Counter(&'a str),
}

impl Letter<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }
}

impl<'a> Letter<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then(|| postcard::from_bytes(rest).ok()).flatten()
    }
}

impl<'a> Line<'a> {
    pub(super) fn of(publication: &'a Publication) -> Self {
        let users = match publication.topic.target() {
            Target::Users(users) => users.iter().map(UserId::as_str).collect(),
            Target::Room { .. }
            | Target::User(_)
            | Target::Desk(_)
            | Target::Conversation { .. } => Vec::new(),
        };
        Self {
            epoch: publication.epoch,
            seq: publication.seq,
            class: match &publication.class {
                Class::Critical => Kind::Critical,
                Class::Normal => Kind::Normal,
                Class::Lossy => Kind::Lossy,
                Class::Counter { key } => Kind::Counter(key),
            },
            key: publication.key.as_deref(),
            redacts: publication.redacts.as_deref(),
            expels: publication.expels.as_ref().map(Topic::as_str),
            users,
            line: &publication.line,
        }
    }

    /// What was published; `None` if it is not what a node publishes.
    pub(super) fn publication(self, topic: &Topic) -> Option<Publication> {
        let topic = if self.users.is_empty() {
            topic.clone()
        } else {
            let users: Result<Vec<_>, _> = self.users.into_iter().map(UserId::parse).collect();
            Topic::users(users.ok()?)
        };
        let expels = match self.expels {
            Some(text) => Some(Topic::parse(text)?),
            None => None,
        };
        Some(Publication {
            topic,
            epoch: self.epoch,
            seq: self.seq,
            class: match self.class {
                Kind::Critical => Class::Critical,
                Kind::Normal => Class::Normal,
                Kind::Lossy => Class::Lossy,
                Kind::Counter(key) => Class::Counter { key: Cow::Owned(key.to_owned()) },
            },
            key: self.key.map(Into::into),
            redacts: self.redacts.map(Into::into),
            expels,
            line: Bytes::copy_from_slice(self.line),
        })
    }
}
