//! One socket of the crowd and the books about it. Owns what it has got, what it missed and where
//! it stands in its topic; reads no byte itself.

use std::net::TcpStream;

use super::digest::Step;

/// Where a reader stands in a topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position {
    /// `None` before the first line.
    pub(crate) seq: Option<u64>,
    /// What was neither read nor covered by a snapshot; both ends included.
    pub(crate) holes: Vec<(u64, u64)>,
    /// Lines that came although they had been there before.
    pub(crate) repeated: u64,
    /// Times he was told to skip.
    pub(crate) gaps: u64,
}

impl Position {
    pub(crate) fn at(seq: u64) -> Self {
        Self { seq: Some(seq), ..Self::default() }
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Lines { first, last } => {
                let expected = self.seq.map_or(first, |seq| seq + 1);
                if first > expected {
                    self.holes.push((expected, first - 1));
                }
                self.repeated += (expected.min(last + 1)).saturating_sub(first);
                self.seq = self.seq.max(Some(last));
            }
            Step::Gap { to, snapshot } => {
                self.gaps += 1;
                let expected = self.seq.map_or(to, |seq| seq + 1);
                if !snapshot && to >= expected {
                    self.holes.push((expected, to));
                }
                self.seq = self.seq.max(Some(to));
            }
        }
    }

    pub(crate) fn lost_among(&self, critical: &std::collections::BTreeSet<u64>) -> u64 {
        let lost = |(from, to): &(u64, u64)| critical.range(from..=to).count() as u64;
        self.holes.iter().map(lost).sum()
    }
}

/// A set of message numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    words: Vec<u64>,
    pub(super) count: u32,
}

impl Numbers {
    /// `false`: it was there already.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u32::from(is_new);
        is_new
    }
}

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) stream: TcpStream,
    pub(super) group: usize,
    /// The part of a frame whose rest has not come.
    pub(super) inbox: Vec<u8>,
    pub(super) got: Numbers,
    pub(super) position: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_what_no_line_and_no_snapshot_covers() {
        let mut position = Position::default();
        position.take(Step::Lines { first: 10, last: 12 });
        position.take(Step::Lines { first: 15, last: 15 });
        position.take(Step::Gap { to: 20, snapshot: true });
        position.take(Step::Gap { to: 22, snapshot: false });
        position.take(Step::Lines { first: 22, last: 24 });
        assert_eq!(position.holes, [(13, 14), (21, 22)]);
        assert_eq!((position.seq, position.repeated, position.gaps), (Some(24), 1, 2));
        let critical = [9, 13, 14, 18, 22].into_iter().collect();
        assert_eq!(position.lost_among(&critical), 3);
    }

    #[test]
    fn a_number_is_new_once() {
        let mut numbers = Numbers::default();
        assert!(numbers.insert(130) && numbers.insert(0) && !numbers.insert(130));
        assert_eq!(numbers.count, 2);
    }
}
