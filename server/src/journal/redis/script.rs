//! The scripts, and what Redis answers, as values. Owns no connection and no decision.

use std::fmt;

use ::redis::{Script, Value, from_redis_value};
use hawker_domain::id::ShopId;

use super::wording;
use crate::journal::{ChainHash, Error, Position, Version};

/// Each is sent once to a server and called by its hash from then on.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) acquire: Script,
    pub(super) append: Script,
    pub(super) beat: Script,
    pub(super) documents: Script,
    pub(super) release: Script,
    pub(super) save_snapshot: Script,
    pub(super) trim: Script,
    pub(super) verify: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            acquire: Script::new(include_str!("acquire.lua")),
            append: Script::new(include_str!("append.lua")),
            beat: Script::new(include_str!("beat.lua")),
            documents: Script::new(include_str!("documents.lua")),
            release: Script::new(include_str!("release.lua")),
            save_snapshot: Script::new(include_str!("save_snapshot.lua")),
            trim: Script::new(include_str!("trim.lua")),
            verify: Script::new(include_str!("verify.lua")),
        }
    }
}

/// A script's first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Ok,
    /// This very batch had landed before.
    Dup,
    Fenced,
    Backward,
    Conflict,
    /// The record that would tell is no longer in the stream.
    Gone,
    Held,
    /// Granted, and the store has less than the node has seen.
    Behind,
    /// Granted, and the store has another history than the node has seen.
    Other,
    /// Granted, and what the node has seen is no longer in the stream.
    Left,
    Corrupt,
}

/// A script's answer: where it found the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) word: Word,
    pub(super) position: Position,
    pub(super) epoch: u64,
    /// Who has the shop, and for how long.
    pub(super) holder: String,
    pub(super) left_ms: u64,
}

impl Word {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "OK" => Self::Ok,
            "DUP" => Self::Dup,
            "FENCED" => Self::Fenced,
            "BACKWARD" => Self::Backward,
            "CONFLICT" => Self::Conflict,
            "GONE" => Self::Gone,
            "HELD" => Self::Held,
            "BEHIND" => Self::Behind,
            "OTHER" => Self::Other,
            "LEFT" => Self::Left,
            "CORRUPT" => Self::Corrupt,
            _ => return None,
        })
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Dup => "landed_before",
            Self::Fenced => "fenced",
            Self::Backward => "backward",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Held | Self::Behind | Self::Other | Self::Left | Self::Corrupt => "unexpected",
        }
    }

    pub(super) fn unexpected(self) -> Error {
        damaged(&format!("the script answered {self:?}"))
    }
}

impl Verdict {
    pub(super) fn parse(answer: Value) -> Result<Self, Error> {
        let words: Vec<String> = from_redis_value(answer).map_err(|error| damaged(&error))?;
        let [word, version, hash, epoch, rest @ ..] = words.as_slice() else {
            return Err(damaged(&"a script's answer is too short"));
        };
        let word = Word::parse(word).ok_or_else(|| damaged(&"a script's answer is not known"))?;
        let number = |text: &String| text.parse::<u64>().map_err(|error| damaged(&error));
        Ok(Self {
            word,
            position: position(Some(version.clone()), Some(hash.clone()))?,
            epoch: number(epoch)?,
            holder: rest.first().cloned().unwrap_or_default(),
            left_ms: rest.get(1).map(number).transpose()?.unwrap_or_default(),
        })
    }

    /// What it means for a writer who asked about `version`.
    pub(super) fn judged(&self, version: Version) -> Result<(), Error> {
        let found = self.position;
        match self.word {
            Word::Ok | Word::Dup => Ok(()),
            Word::Fenced => Err(Error::LeaseLost { epoch: self.epoch }),
            Word::Backward => Err(Error::Backward { found }),
            Word::Conflict => Err(Error::Conflict { found }),
            Word::Gone => Err(super::gone(version)),
            word => Err(word.unexpected()),
        }
    }
}

/// Redis answered what none of our scripts and commands answers.
pub(super) fn damaged(problem: &impl fmt::Display) -> Error {
    Error::Corrupt { version: 0, problem: format!("Redis answered something else: {problem}") }
}

/// Where a shop stands by the fields of its note; the zero position where there is none.
pub(super) fn position(version: Option<String>, hash: Option<String>) -> Result<Position, Error> {
    let Some(version) = version else { return Ok(Position::default()) };
    let version: Version = version.parse().map_err(|error| damaged(&error))?;
    let hash = match hash.as_deref() {
        None | Some("") => ChainHash::default(),
        Some(text) => wording::parse_hex(text).ok_or_else(|| damaged(&"no hash"))?,
    };
    Ok(Position { version, hash })
}

pub(super) fn shops(names: Vec<String>) -> Result<Vec<ShopId>, Error> {
    names.iter().map(|name| ShopId::parse(name).map_err(|error| damaged(&error))).collect()
}

/// Entries of a stream as records: the version they stand at, and their bytes put together.
pub(super) fn entries(values: Vec<Value>) -> Result<Vec<(Version, Vec<u8>)>, Error> {
    values.into_iter().map(entry).collect()
}

fn entry(value: Value) -> Result<(Version, Vec<u8>), Error> {
    let (id, fields): (String, Vec<Vec<u8>>) =
        from_redis_value(value).map_err(|error| damaged(&error))?;
    let version = id.strip_suffix("-0").and_then(|version| version.parse().ok());
    let version = version.ok_or_else(|| damaged(&format!("the entry {id} is not ours")))?;
    let field = |name: &str| {
        fields
            .chunks_exact(2)
            .find(|pair| pair[0] == name.as_bytes())
            .map(|pair| pair[1].as_slice())
    };
    let parts = [field("head"), field("entries"), field("trailer")];
    Ok((version, parts.into_iter().flatten().collect::<Vec<_>>().concat()))
}
