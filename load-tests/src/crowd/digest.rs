//! What one frame says, read once however many sockets get the same bytes. Owns the memory of the
//! last frames: a frame counts as known only if every byte of it is.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::deflate;
use crate::marker;

/// More than the frames that are under way between a server and the slowest of its readers.
const KEPT: usize = 48;

/// How the frames of a group are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Our own lines: numbers of the topic are checked for gaps.
    Hawker,
    /// Markers only.
    Markers,
}

/// What moves a reader's position in his topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Lines without a gap, both ends included.
    Lines { first: u64, last: u64 },
    /// Told to skip; with a snapshot he knows the outcome.
    Gap { to: u64, snapshot: bool },
}

#[derive(Debug)]
pub(crate) struct Digest {
    group: usize,
    deflated: bool,
    /// When the first socket had it.
    met_at: Instant,
    pub(super) payload: Vec<u8>,
    pub(super) plain_bytes: usize,
    /// The messages of ours, each with the moment it was meant to leave.
    pub(super) messages: Vec<(u32, Option<Instant>)>,
    pub(super) steps: Vec<Step>,
    /// The numbers of the lines that nobody may lose.
    pub(super) critical: Vec<u64>,
    /// Requests that were answered with a yes.
    pub(super) answers: Vec<u32>,
}

/// The last frames that were met.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: VecDeque<Arc<Digest>>,
}

impl Memory {
    /// The digest of a frame and whether it was read just now.
    pub(super) fn digest(
        &mut self,
        group: usize,
        reading: Reading,
        (payload, deflated): (&[u8], bool),
        intended: impl Fn(u32) -> Option<Instant>,
    ) -> Result<(Arc<Digest>, bool)> {
        let known = self.kept.iter().find(|kept| {
            kept.group == group && kept.deflated == deflated && kept.payload == payload
        });
        if let Some(known) = known {
            return Ok((Arc::clone(known), false));
        }
        let inflated = if deflated { Some(deflate::inflate(payload)?) } else { None };
        let plain = inflated.as_deref().unwrap_or(payload);
        let mut digest = Digest {
            group,
            deflated,
            met_at: Instant::now(),
            payload: payload.to_vec(),
            plain_bytes: plain.len(),
            messages: Vec::new(),
            steps: Vec::new(),
            critical: Vec::new(),
            answers: Vec::new(),
        };
        match reading {
            Reading::Hawker => {
                let mut lines = plain.split(|byte| *byte == b'\n');
                lines.try_for_each(|line| digest.read(line, &intended))?;
            }
            Reading::Markers => digest.find_messages(plain, &intended),
        }
        let digest = Arc::new(digest);
        self.kept.truncate(KEPT - 1);
        self.kept.push_front(Arc::clone(&digest));
        Ok((digest, true))
    }

    /// The last frames that carried messages of this group, the oldest first and as they came:
    /// when, what, and whether it is compressed.
    pub(super) fn frames(&self, group: usize) -> Vec<(Instant, &[u8], bool)> {
        let of_group = |kept: &&Arc<Digest>| kept.group == group && !kept.messages.is_empty();
        let frames = self.kept.iter().rev().filter(of_group);
        frames.map(|kept| (kept.met_at, &kept.payload[..], kept.deflated)).collect()
    }
}

/// As much of a line as matters here.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    seq: Option<u64>,
    re: Option<u32>,
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
    to: Option<u64>,
    #[serde(borrow)]
    snapshot: Option<&'a RawValue>,
}

impl Digest {
    fn find_messages(&mut self, bytes: &[u8], intended: &impl Fn(u32) -> Option<Instant>) {
        self.messages.extend(marker::numbers(bytes).map(|number| (number, intended(number))));
    }

    /// A snapshot repeats old comments: only numbered lines carry messages.
    fn read(&mut self, line: &[u8], intended: &impl Fn(u32) -> Option<Instant>) -> Result<()> {
        let Head { kind, seq, re, ok, to, snapshot } = serde_json::from_slice(line)?;
        if let (Some(re), Some(_)) = (re, ok) {
            self.answers.push(re);
        }
        if let ("room.gap", Some(to)) = (kind, to) {
            self.steps.push(Step::Gap { to, snapshot: snapshot.is_some() });
        } else if let Some(seq) = seq {
            self.on_numbered(kind, seq);
            self.find_messages(line, intended);
        }
        Ok(())
    }

    fn on_numbered(&mut self, kind: &str, seq: u64) {
        if is_critical(kind) {
            self.critical.push(seq);
        }
        match self.steps.last_mut() {
            Some(Step::Lines { last, .. }) if *last + 1 == seq => *last = seq,
            _ => self.steps.push(Step::Lines { first: seq, last: seq }),
        }
    }
}

/// What is not talk, pinned products or counters concerns money or the room itself.
pub(crate) fn is_critical(kind: &str) -> bool {
    !matches!(
        kind,
        "room.comment" | "room.pinned" | "room.redacted" | "room.likes" | "room.viewers"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(memory: &mut Memory, text: &str) -> (Arc<Digest>, bool) {
        memory.digest(0, Reading::Hawker, (text.as_bytes(), false), |_| None).unwrap()
    }

    #[test]
    fn a_frame_tells_its_messages_its_numbers_and_what_must_not_be_lost() {
        let text = [
            r#"{"type":"room.comment","topic":"room:a/b","seq":4,"comment":"~9~"}"#,
            r#"{"type":"room.stock","topic":"room:a/b","seq":5}"#,
            r#"{"type":"room.gap","topic":"room:a/b","from":6,"to":8,"snapshot":{"a":"~9~"}}"#,
            r#"{"re":3,"ok":{}}"#,
            r#"{"re":4,"error":{}}"#,
            r#"{"type":"room.comment","topic":"room:a/b","seq":11}"#,
        ];
        let text = text.join("\n");
        let (digest, _) = read(&mut Memory::default(), &text);
        assert_eq!(digest.messages, [(9, None)]);
        assert_eq!(digest.critical, [5]);
        assert_eq!(digest.answers, [3]);
        let steps = [
            Step::Lines { first: 4, last: 5 },
            Step::Gap { to: 8, snapshot: true },
            Step::Lines { first: 11, last: 11 },
        ];
        assert_eq!(digest.steps, steps);
    }

    #[test]
    fn only_the_very_same_bytes_of_the_same_group_are_known() {
        let mut memory = Memory::default();
        assert!(read(&mut memory, "{\"seq\":1}").1);
        assert!(!read(&mut memory, "{\"seq\":1}").1);
        assert!(read(&mut memory, "{\"seq\":2}").1);
        let other = memory.digest(1, Reading::Markers, (b"{\"seq\":1}", false), |_| None);
        assert!(other.unwrap().1);
    }
}
