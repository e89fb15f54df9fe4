//! The response rate and its neighbours: counts by the minute, the hour and the day a session
//! opened in, of the shop and of each agent. Owns the arithmetic; what a session counts as is its
//! row's to say, and an event moves one session from one count to another.

use std::collections::VecDeque;
use std::ops::Bound;

use super::Desk;
use super::session::{Answer, DAY_MS, DAYS_KEPT, Row, Slot};
use crate::event::desk::{CloseReason, Exclusion};
use crate::id::UserId;
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::desk::{AgentRateView, AgentRatesPage, FIRST_REPLY_STEPS_MS, RateView};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTES_KEPT: i64 = 48 * 60;
const SATISFIED_STARS: u8 = 4;

/// The sessions that opened in one span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pending: u32,
    faq_hits: u32,
    human_hits: u32,
    missed: u32,
    missed_unassigned: u32,
    excluded: u32,
    holiday: u32,
    no_reply: u32,
    reported: u32,
    rated: u32,
    satisfied: u32,
    first_replies: [u32; FIRST_REPLY_STEPS_MS.len() + 1],
}

/// One agent's share of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    hits: u32,
    missed: u32,
    no_reply: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Add,
    Take,
}

impl Step {
    fn on(self, count: &mut u32) {
        match self {
            Self::Add => *count += 1,
            Self::Take => *count -= 1,
        }
    }
}

impl Tally {
    fn count(&mut self, row: &Row, step: Step) {
        for (exclusion, count) in [
            (Exclusion::Holiday, &mut self.holiday),
            (Exclusion::NoReply, &mut self.no_reply),
            (Exclusion::Reported, &mut self.reported),
        ] {
            if row.marks.has(exclusion) {
                step.on(count);
            }
        }
        if let Some(stars) = row.stars {
            step.on(&mut self.rated);
            if stars.get() >= SATISFIED_STARS {
                step.on(&mut self.satisfied);
            }
        }
        if row.is_excluded() {
            return step.on(&mut self.excluded);
        }
        match row.answer {
            Answer::Pending => step.on(&mut self.pending),
            Answer::Automatic => step.on(&mut self.faq_hits),
            Answer::Human(_) => {
                step.on(&mut self.human_hits);
                let replied_at = row.replied_at.map_or(row.since, super::session::Moment::millis);
                let span_ms = replied_at.since(row.since).0;
                let bin = FIRST_REPLY_STEPS_MS.partition_point(|most| *most < span_ms);
                step.on(&mut self.first_replies[bin]);
            }
            Answer::Missed(charged) => {
                step.on(&mut self.missed);
                if charged.is_none() {
                    step.on(&mut self.missed_unassigned);
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.pending += other.pending;
        self.faq_hits += other.faq_hits;
        self.human_hits += other.human_hits;
        self.missed += other.missed;
        self.missed_unassigned += other.missed_unassigned;
        self.excluded += other.excluded;
        self.holiday += other.holiday;
        self.no_reply += other.no_reply;
        self.reported += other.reported;
        self.rated += other.rated;
        self.satisfied += other.satisfied;
        for (sum, count) in self.first_replies.iter_mut().zip(other.first_replies) {
            *sum += count;
        }
    }
}

impl Share {
    /// Whose share a session is in, and as what. Marking it is the marker's, always.
    fn count(row: &Row, step: Step, mut of: impl FnMut(Slot, &dyn Fn(&mut Self))) {
        if row.closed == Some(CloseReason::NoReply)
            && let Some(marker) = row.closed_by
        {
            of(marker, &|share| step.on(&mut share.no_reply));
        }
        match row.answer {
            Answer::Human(agent) if !row.is_excluded() => {
                of(agent, &|share| step.on(&mut share.hits));
            }
            Answer::Missed(Some(agent)) if !row.is_excluded() => {
                of(agent, &|share| step.on(&mut share.missed));
            }
            Answer::Pending | Answer::Automatic | Answer::Human(_) | Answer::Missed(_) => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.missed += other.missed;
        self.no_reply += other.no_reply;
    }
}

/// Counts of adjoining spans of one length, none left out.
#[derive(Debug, Clone)]
struct Level {
    unit_ms: i64,
    first: i64,
    tallies: VecDeque<Tally>,
}

impl Level {
    fn new(unit_ms: i64) -> Self {
        Self { unit_ms, first: 0, tallies: VecDeque::new() }
    }

    fn get_mut(&mut self, at: Millis) -> Option<&mut Tally> {
        let index = at.0.div_euclid(self.unit_ms) - self.first;
        self.tallies.get_mut(usize::try_from(index).ok()?)
    }

    /// Makes room for `at`, the newest, and drops what is before span `kept`.
    fn reach(&mut self, at: Millis, kept: i64) {
        let index = at.0.div_euclid(self.unit_ms);
        if self.tallies.is_empty() || self.first + (self.tallies.len() as i64) <= kept {
            self.tallies.clear();
            self.first = index;
        }
        while self.first + (self.tallies.len() as i64) <= index {
            self.tallies.push_back(Tally::default());
        }
        while self.first < kept && !self.tallies.is_empty() {
            self.tallies.pop_front();
            self.first += 1;
        }
    }

    /// Those that stand between spans `from` and `until`.
    fn sum(&self, from: i64, until: i64, sum: &mut Tally) {
        let index = |span: i64| usize::try_from((span - self.first).max(0)).unwrap_or(0);
        let until = index(until).min(self.tallies.len());
        let from = index(from).min(until);
        self.tallies.range(from..until).for_each(|tally| sum.merge(tally));
    }
}

/// Counts of those spans in which something happened to one agent, in order.
#[derive(Debug, Clone, Default)]
struct Sparse(Vec<(i64, Share)>);

impl Sparse {
    fn at(&mut self, span: i64) -> &mut Share {
        let place = self.0.partition_point(|(other, _)| *other < span);
        if self.0.get(place).is_none_or(|(other, _)| *other != span) {
            self.0.insert(place, (span, Share::default()));
        }
        &mut self.0[place].1
    }

    fn sum(&self, from: i64, until: i64, sum: &mut Share) {
        let place = |span: i64| self.0.partition_point(|(other, _)| *other < span);
        self.0[place(from)..place(until).max(place(from))]
            .iter()
            .for_each(|(_, share)| sum.merge(share));
    }

    fn drop_before(&mut self, span: i64) {
        let place = self.0.partition_point(|(other, _)| *other < span);
        self.0.drain(..place);
    }
}

#[derive(Debug, Clone, Default)]
struct AgentCounts {
    hours: Sparse,
    days: Sparse,
}

#[derive(Debug, Clone)]
pub(super) struct ResponseRate {
    minutes: Level,
    hours: Level,
    days: Level,
    agents: Vec<AgentCounts>,
    /// The first day that is still counted.
    first_day: i64,
}

impl Default for ResponseRate {
    fn default() -> Self {
        Self {
            minutes: Level::new(MINUTE_MS),
            hours: Level::new(HOUR_MS),
            days: Level::new(DAY_MS),
            agents: Vec::new(),
            first_day: i64::MIN,
        }
    }
}

impl ResponseRate {
    /// A session that opened now.
    pub(super) fn open(&mut self, row: &Row) {
        let at = row.opened_at;
        let day = at.0.div_euclid(DAY_MS) - DAYS_KEPT;
        self.minutes.reach(at, at.0.div_euclid(MINUTE_MS) - MINUTES_KEPT + 1);
        self.hours.reach(at, day * (DAY_MS / HOUR_MS));
        self.days.reach(at, day);
        if day > self.first_day {
            self.first_day = day;
            for agent in &mut self.agents {
                agent.hours.drop_before(day * (DAY_MS / HOUR_MS));
                agent.days.drop_before(day);
            }
        }
        self.add(row);
    }

    pub(super) fn add(&mut self, row: &Row) {
        self.count(row, Step::Add);
    }

    pub(super) fn take(&mut self, row: &Row) {
        self.count(row, Step::Take);
    }

    fn count(&mut self, row: &Row, step: Step) {
        let at = row.opened_at;
        for level in [&mut self.minutes, &mut self.hours, &mut self.days] {
            if let Some(tally) = level.get_mut(at) {
                tally.count(row, step);
            }
        }
        if at.0.div_euclid(DAY_MS) < self.first_day {
            return;
        }
        let agents = &mut self.agents;
        Share::count(row, step, |slot, change| {
            if agents.len() <= slot.index() {
                agents.resize_with(slot.index() + 1, AgentCounts::default);
            }
            let counts = &mut agents[slot.index()];
            change(counts.hours.at(at.0.div_euclid(HOUR_MS)));
            change(counts.days.at(at.0.div_euclid(DAY_MS)));
        });
    }

    /// The counts of the shop that are not zero, for comparing with a recount.
    fn tallies(&self) -> Vec<(i64, i64, Tally)> {
        let levels = [&self.minutes, &self.hours, &self.days];
        let all = levels.into_iter().flat_map(|level| {
            let spans = level.first..;
            spans.zip(&level.tallies).map(|(span, tally)| (level.unit_ms, span, *tally))
        });
        all.filter(|(_, _, tally)| *tally != Tally::default()).collect()
    }

    /// The same of the agents.
    fn shares(&self) -> Vec<(usize, i64, i64, Share)> {
        let all = self.agents.iter().enumerate().flat_map(|(slot, agent)| {
            let levels = [(HOUR_MS, &agent.hours), (DAY_MS, &agent.days)];
            let spans = move |(unit_ms, spans): (i64, &Sparse)| {
                let of = move |(span, share): &(i64, Share)| (slot, unit_ms, *span, *share);
                spans.0.iter().map(of).collect::<Vec<_>>()
            };
            levels.into_iter().flat_map(spans)
        });
        all.filter(|(_, _, _, share)| *share != Share::default()).collect()
    }
}

/// A part of a window: whole spans of a level, or what has to be read from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Days(i64, i64),
    Hours(i64, i64),
    Minutes(i64, i64),
    Rows(Millis, Millis),
}

/// Cuts `[from, until)` into whole days, whole hours beside them, minutes beside those, and two
/// ragged ends.
fn pieces(from: Millis, until: Millis, level: usize, found: &mut Vec<Piece>) {
    const UNITS_MS: [i64; 3] = [DAY_MS, HOUR_MS, MINUTE_MS];
    const WHOLE: [fn(i64, i64) -> Piece; 3] = [Piece::Days, Piece::Hours, Piece::Minutes];
    if from >= until {
        return;
    }
    let Some(unit_ms) = UNITS_MS.get(level) else {
        return found.push(Piece::Rows(from, until));
    };
    let first = from.0.div_euclid(*unit_ms) + i64::from(from.0.rem_euclid(*unit_ms) != 0);
    let last = until.0.div_euclid(*unit_ms);
    if first >= last {
        return pieces(from, until, level + 1, found);
    }
    pieces(from, Millis(first * unit_ms), level + 1, found);
    found.push(WHOLE[level](first, last));
    pieces(Millis(last * unit_ms), until, level + 1, found);
}

impl Desk {
    fn rows_between(&self, from: Millis, until: Millis) -> impl Iterator<Item = &Row> {
        let from = self.sessions.index_from(from);
        let until = self.sessions.index_from(until).max(from);
        self.sessions.rows.range(from..until)
    }

    /// Minutes are kept for two days; older ones are read from the rows.
    fn sum_minutes(&self, from: i64, until: i64, sum: &mut Tally) {
        let level = &self.rate.minutes;
        let known = level.first.clamp(from, until);
        level.sum(known, until, sum);
        let (from, known) = (Millis(from * MINUTE_MS), Millis(known * MINUTE_MS));
        self.rows_between(from, known).for_each(|row| sum.count(row, Step::Add));
    }

    fn tally(&self, from: Millis, until: Millis) -> Tally {
        let mut sum = Tally::default();
        let mut found = Vec::new();
        pieces(from, until, 0, &mut found);
        for piece in found {
            match piece {
                Piece::Days(from, until) => self.rate.days.sum(from, until, &mut sum),
                Piece::Hours(from, until) => self.rate.hours.sum(from, until, &mut sum),
                Piece::Minutes(from, until) => self.sum_minutes(from, until, &mut sum),
                Piece::Rows(from, until) => {
                    self.rows_between(from, until).for_each(|row| sum.count(row, Step::Add));
                }
            }
        }
        sum
    }

    /// The shares of these agents, in their order. The ragged ends are read once for all.
    fn shares(&self, from: Millis, until: Millis, agents: &[Slot]) -> Vec<Share> {
        let mut sums = vec![Share::default(); self.agents.len()];
        let mut found = Vec::new();
        pieces(from, until, 0, &mut found);
        for piece in found {
            self.add_shares(piece, agents, &mut sums);
        }
        agents.iter().map(|slot| sums[slot.index()]).collect()
    }

    fn add_shares(&self, piece: Piece, agents: &[Slot], sums: &mut [Share]) {
        let ends = match piece {
            Piece::Days(..) | Piece::Hours(..) => None,
            Piece::Minutes(from, until) => {
                Some((Millis(from * MINUTE_MS), Millis(until * MINUTE_MS)))
            }
            Piece::Rows(from, until) => Some((from, until)),
        };
        if let Some((from, until)) = ends {
            for row in self.rows_between(from, until) {
                Share::count(row, Step::Add, |slot, change| change(&mut sums[slot.index()]));
            }
            return;
        }
        for slot in agents {
            // Nothing was ever counted for the last of them.
            let Some(agent) = self.rate.agents.get(slot.index()) else { continue };
            let sum = &mut sums[slot.index()];
            match piece {
                Piece::Days(from, until) => agent.days.sum(from, until, sum),
                Piece::Hours(from, until) => agent.hours.sum(from, until, sum),
                Piece::Minutes(..) | Piece::Rows(..) => {}
            }
        }
    }

    /// The counts as the rows alone make them.
    pub(super) fn recounted(&self) -> ResponseRate {
        let mut rate = ResponseRate::default();
        self.sessions.rows.iter().for_each(|row| rate.open(row));
        rate
    }

    /// What is not kept with the state.
    pub(in crate::shop) fn rebuild_what_follows(&mut self) {
        self.rate = self.recounted();
        let agents = self.agents.iter().enumerate();
        let named = agents.map(|(index, agent)| (agent.user.clone(), Slot::of_index(index)));
        self.by_name = named.collect();
    }

    /// Whether the counts are those of a recount, and the shop's those of its agents.
    pub(super) fn check_rate(&self) -> Result<(), String> {
        let recounted = self.recounted();
        let (kept, fresh) = (self.rate.tallies(), recounted.tallies());
        if kept != fresh {
            return Err(format!("the rate counts {kept:?}, its rows are {fresh:?}"));
        }
        let (kept, fresh) = (self.rate.shares(), recounted.shares());
        if kept != fresh {
            return Err(format!("the agents share {kept:?}, their rows are {fresh:?}"));
        }
        for rows in [0, self.sessions.rows.len() / 2] {
            let Some(row) = self.sessions.rows.get(rows) else { continue };
            self.check_identity(row.opened_at, Millis(self.last_at.0 + 1))?;
        }
        Ok(())
    }

    fn check_identity(&self, from: Millis, until: Millis) -> Result<(), String> {
        let shop = self.tally(from, until);
        let agents: Vec<_> = self.by_name.values().copied().collect();
        let agents = self.shares(from, until, &agents);
        let charged: u32 = agents.iter().map(|share| share.hits + share.missed).sum();
        let whole = shop.faq_hits + shop.human_hits + shop.missed;
        if whole != charged + shop.faq_hits + shop.missed_unassigned {
            return Err(format!("{shop:?} since {from} is not the sum of {agents:?}"));
        }
        Ok(())
    }
}

impl Shop {
    /// The rate of the sessions that opened in `[from, until)`; rows of more than 97 days ago are
    /// gone.
    pub fn response_rate(&self, from: Millis, until: Millis) -> RateView {
        let from = self.desk.clipped(from);
        let tally = self.desk.tally(from, until);
        RateView {
            from,
            until,
            pending: tally.pending,
            faq_hits: tally.faq_hits,
            human_hits: tally.human_hits,
            missed: tally.missed,
            missed_unassigned: tally.missed_unassigned,
            excluded: tally.excluded,
            holiday: tally.holiday,
            no_reply: tally.no_reply,
            reported: tally.reported,
            rated: tally.rated,
            satisfied: tally.satisfied,
            first_replies: tally.first_replies,
        }
    }

    /// The shares of the next `agents_max` agents behind `after`, in the order of their ids. With
    /// 200 a question about 90 days stays below a millisecond; with all of ten thousand the shop
    /// would stand still for thirty.
    pub fn agent_rates(
        &self,
        (from, until): (Millis, Millis),
        after: Option<&UserId>,
        agents_max: usize,
    ) -> AgentRatesPage {
        let desk = &self.desk;
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut following = desk.by_name.range::<UserId, _>(behind);
        let page: Vec<Slot> = following.by_ref().take(agents_max).map(|(_, slot)| *slot).collect();
        let shares = desk.shares(desk.clipped(from), until, &page);
        let views = page.into_iter().zip(shares).map(|(slot, share)| desk.share_view(slot, share));
        let agents: Vec<_> = views.collect();
        let last = agents.last().map(|view| view.agent.clone());
        AgentRatesPage { next: last.filter(|_| following.next().is_some()), agents }
    }

    /// One agent's share. Somebody the desk never heard of has none.
    pub fn agent_rate(&self, agent: &UserId, from: Millis, until: Millis) -> Option<AgentRateView> {
        let slot = *self.desk.slot_of.get(agent)?;
        let shares = self.desk.shares(self.desk.clipped(from), until, &[slot]);
        shares.into_iter().next().map(|share| self.desk.share_view(slot, share))
    }
}

impl Desk {
    fn clipped(&self, from: Millis) -> Millis {
        from.max(Millis(self.rate.first_day.saturating_mul(DAY_MS)))
    }

    fn share_view(&self, slot: Slot, share: Share) -> AgentRateView {
        let agent = self.agents[slot.index()].user.clone();
        let Share { hits, missed, no_reply } = share;
        AgentRateView { agent, hits, missed, no_reply }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_into_whole_spans_and_two_ragged_ends() {
        let mut found = Vec::new();
        let until = 3 * DAY_MS + 2 * HOUR_MS + 5 * MINUTE_MS + 7;
        pieces(Millis(HOUR_MS - 1), Millis(until), 0, &mut found);
        let expected = [
            Piece::Rows(Millis(HOUR_MS - 1), Millis(HOUR_MS)),
            Piece::Hours(1, 24),
            Piece::Days(1, 3),
            Piece::Hours(72, 74),
            Piece::Minutes(74 * 60, 74 * 60 + 5),
            Piece::Rows(Millis(until - 7), Millis(until)),
        ];
        assert_eq!(found, expected);
        found.clear();
        pieces(Millis(5), Millis(5), 0, &mut found);
        assert!(found.is_empty());
        pieces(Millis(5), Millis(9), 0, &mut found);
        assert_eq!(found, [Piece::Rows(Millis(5), Millis(9))]);
    }

    #[test]
    fn a_level_reaches_over_a_long_silence_without_filling_it() {
        let mut level = Level::new(MINUTE_MS);
        level.reach(Millis(0), -10);
        level.reach(Millis(3 * MINUTE_MS), -10);
        assert_eq!((level.first, level.tallies.len()), (0, 4));
        let far = Millis(1_000_000 * MINUTE_MS);
        level.reach(far, 1_000_000 - 9);
        assert_eq!((level.first, level.tallies.len()), (1_000_000, 1));
        level.reach(Millis(far.0 + 5 * MINUTE_MS), 1_000_000);
        assert_eq!((level.first, level.tallies.len()), (1_000_000, 6));
        level.reach(Millis(far.0 + 5 * MINUTE_MS), 1_000_003);
        assert_eq!((level.first, level.tallies.len()), (1_000_003, 3));
    }
}
