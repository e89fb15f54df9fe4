//! What a room has to say: the ring of numbered lines, what waits for the tick beside them, and
//! when the tick is over. Owns the numbering of what is sent; knows no subscriber.

use std::borrow::Cow;

use bytes::Bytes;
use tokio::time::Instant;

use super::Snapshot;
use super::batch::{Batch, Loose};
use super::frame::Frame;
use super::history::{History, Line};
use super::meters::Kind;
use super::options::Options;
use super::ring::{Arrival, Entry, Ring};
use super::subscribers::Stand;
use crate::bus::{Class, Publication};

/// Gap lines kept for readers who stopped at the same place: a handful of places at a time.
const GAPS_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) ring: Ring,
    /// Rises when the ring begins anew. Whoever stands in an older era has lost his place.
    pub(super) era: u32,
    /// The newest of each counter since the last tick.
    counters: Vec<(Cow<'static, str>, Loose)>,
    /// Lines without a number.
    transient: Vec<Loose>,
    /// Something CRITICAL waits: the tick is over.
    pub(super) urgent: bool,
    /// Whether a task is bound to send what waits.
    pub(super) ticking: bool,
    pub(super) ticked_at: Option<Instant>,
    pub(super) used_at: Option<Instant>,
    /// Out of the directory: whoever still holds the room looks it up again.
    pub(super) retired: bool,
    gaps: Gaps,
}

/// Frames that tell a gap, each made once for all readers who stopped at the same place.
#[derive(Debug, Default)]
struct Gaps {
    /// What they were made around.
    to: u64,
    body: Option<Bytes>,
    frames: Vec<(u64, Frame)>,
}

/// How a reader that was behind comes back.
pub(super) struct Return {
    /// Tells what was skipped; gives the first stand.
    pub(super) gap: Option<(Frame, Stand)>,
    /// What came since; gives the second.
    pub(super) since: Option<Frame>,
    pub(super) stand: Stand,
}

impl Stream {
    /// Puts a line where it waits for the tick. `false`: it is old.
    pub(super) fn collect(&mut self, publication: Publication, options: &Options) -> bool {
        let Publication { epoch, seq, class, key, redacts, line, .. } = publication;
        let kind = Kind::of(&class);
        let now = Instant::now();
        self.used_at = Some(now);
        if !self.ring.reigns(epoch) {
            return false;
        }
        match (class, seq) {
            (Class::Counter { key }, _) => self.count(key, Loose { kind, line, arrived_at: now }),
            (_, None) => self.transient.push(Loose { kind, line, arrived_at: now }),
            (class, Some(seq)) => {
                match self.ring.push(epoch, seq, Line { class, key, redacts, line }) {
                    Arrival::Stale => return false,
                    Arrival::Broken => {
                        self.era += 1;
                        self.urgent = true;
                    }
                    Arrival::Next => {}
                }
            }
        }
        self.urgent |= kind == Kind::Critical;
        self.evict(options);
        true
    }

    /// Takes the source's word for the position, if it knows more. `true`: everybody has lost his
    /// place.
    pub(super) fn learn(&mut self, snapshot: Option<&Snapshot>) -> bool {
        let restarted = snapshot.is_some_and(|known| self.ring.learn(known.epoch, known.seq));
        self.era += u32::from(restarted);
        restarted
    }

    /// Takes in what another node keeps. `true`: somebody has to hear of it.
    pub(super) fn refill(
        &mut self,
        history: History,
        options: &Options,
        tombstone: impl Fn(u64) -> Bytes,
    ) -> bool {
        let History { epoch, after, lines } = history;
        if !self.ring.reigns(epoch) {
            return false;
        }
        self.used_at = Some(Instant::now());
        let mut is_news = self.ring.follow(epoch, after);
        self.era += u32::from(is_news);
        self.ring.extend_back(after, &lines);
        for (seq, line) in (after + 1..).zip(lines) {
            let redacts = line.redacts.clone();
            if self.ring.push(epoch, seq, line) != Arrival::Next {
                continue;
            }
            is_news = true;
            if let Some(key) = redacts {
                self.ring.redact(&key, &tombstone);
            }
        }
        self.urgent |= is_news;
        self.evict(options);
        is_news
    }

    fn count(&mut self, key: Cow<'static, str>, line: Loose) {
        match self.counters.iter_mut().find(|(known, _)| *known == key) {
            Some((_, newest)) => *newest = line,
            None => self.counters.push((key, line)),
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        self.urgent
            || self.ring.has_untaken()
            || !self.counters.is_empty()
            || !self.transient.is_empty()
    }

    /// Everything that waits, as far as one frame holds it; `alone`: one line only.
    pub(super) fn take(&mut self, options: &Options, alone: bool) -> Batch {
        let lines_max = if alone { 1 } else { usize::MAX };
        let numbered = self.ring.take(lines_max, options.frame_bytes_max);
        let mut left = lines_max - numbered.len();
        let transient = left.min(self.transient.len());
        let mut others: Vec<_> = self.transient.drain(..transient).collect();
        left -= transient;
        let counters = left.min(self.counters.len());
        others.extend(self.counters.drain(..counters).map(|(_, line)| line));
        // A batch that was cut goes on at once.
        self.urgent = self.ring.has_untaken();
        self.ticked_at = Some(Instant::now());
        // What was made around an older snapshot is not asked for again.
        self.gaps = Gaps::default();
        self.evict(options);
        Batch::new(self.era, numbered, others)
    }

    /// Forgets what is too old or too much. Called where lines come in and where they are taken:
    /// a line that no tick has taken is never forgotten.
    pub(super) fn evict(&mut self, options: &Options) {
        self.ring.evict(options.ring_lines_max, options.ring_age());
    }

    /// Where somebody stands who knows everything up to `position`.
    pub(super) fn stand(&self, position: u64) -> Stand {
        Stand { epoch: self.ring.epoch(), era: self.era, position }
    }

    /// What ticks have sent since `stand`, and where that leads; `None` if it leads nowhere.
    pub(super) fn since(&self, stand: Stand) -> Option<(Option<Frame>, Stand)> {
        if stand.era != self.era {
            return None;
        }
        // A snapshot may know lines that are still on their way here.
        if stand.position >= self.ring.taken() {
            return Some((None, stand));
        }
        let lines: Vec<_> = self.ring.since(stand.position)?.collect();
        Some((frame_of(&lines), self.stand(stand.position.max(self.ring.taken()))))
    }

    /// Whether this snapshot leads nowhere here: its epoch is over, or the lines after it are gone.
    pub(super) fn has_outlived(&self, snapshot: Option<&Snapshot>) -> bool {
        let (epoch, floor) = (self.ring.epoch(), self.ring.floor());
        snapshot.is_some_and(|it| (it.epoch, it.seq) < (epoch, floor))
    }

    /// What somebody needs who stands at `stand` and missed what came since. A copy of another
    /// node's snapshot may be older than the lines: it counts as far as these lead on from it.
    pub(super) fn catch_up(
        &mut self,
        stand: Stand,
        snapshot: Option<&Snapshot>,
        gap: impl FnOnce(u64, u64, Option<&Bytes>) -> Bytes,
    ) -> Return {
        // Under another epoch a position means nothing.
        let from = if stand.epoch == self.ring.epoch() { stand.position } else { 0 };
        let keeps_place = self.ring.reaches(stand.epoch, from);
        let leads_on = |known: &&Snapshot| {
            let is_newer = known.seq > from || known.seq == from && !keeps_place;
            known.epoch == self.ring.epoch() && known.seq >= self.ring.floor() && is_newer
        };
        let snapshot = snapshot.filter(leads_on);
        let base = snapshot.map_or(from.max(self.ring.floor()), |snapshot| snapshot.seq);
        let body = snapshot.map(|snapshot| &snapshot.body);
        // A new epoch is always told: without a snapshot the reader asks for the topic again.
        let told = base > from || body.is_some() || stand.epoch != self.ring.epoch();
        let gap = told.then(|| {
            let frame = self.gaps.frame(from + 1, base, body, gap);
            (frame, self.stand(base))
        });
        let lines: Vec<_> = self.ring.since(base).into_iter().flatten().collect();
        let since = frame_of(&lines);
        Return { gap, since, stand: self.stand(base.max(self.ring.taken())) }
    }
}

impl Gaps {
    fn frame(
        &mut self,
        from: u64,
        to: u64,
        body: Option<&Bytes>,
        make: impl FnOnce(u64, u64, Option<&Bytes>) -> Bytes,
    ) -> Frame {
        let place = |body: Option<&Bytes>| body.map(|body| (body.as_ptr(), body.len()));
        if self.to != to || place(self.body.as_ref()) != place(body) {
            *self = Self { to, body: body.cloned(), frames: Vec::new() };
        }
        if let Some((_, frame)) = self.frames.iter().find(|(known, _)| *known == from) {
            return frame.clone();
        }
        let frame = Frame::line(&make(from, to, body));
        if self.frames.len() < GAPS_MAX {
            self.frames.push((from, frame.clone()));
        }
        frame
    }
}

fn frame_of(lines: &[&Entry]) -> Option<Frame> {
    (!lines.is_empty()).then(|| Frame::lines(lines.iter().map(|entry| &entry.line[..])))
}
