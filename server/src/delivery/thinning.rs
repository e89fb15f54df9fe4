//! How many comments of a room are shown. Owns the sampling: even, without chance, and counted.

use tokio::time::Instant;

/// One comment, in millionths.
const WHOLE: i64 = 1_000_000;

/// Lets about so many comments a second through. A room that is quiet has saved up a second's
/// worth; the less of that is left, the smaller the share of the comments that is shown, so that a
/// flood is thinned evenly instead of being cut off.
#[derive(Debug)]
pub(super) struct Thinning {
    /// 0 shows everything.
    per_s: i64,
    /// What may still be shown, in millionths of a comment.
    credit: i64,
    /// What has added up towards the next one to be shown.
    owed: i64,
    at: Option<Instant>,
    skipped: u64,
}

impl Thinning {
    pub(super) fn new(per_s: u32) -> Self {
        let per_s = i64::from(per_s);
        Self { per_s, credit: per_s * WHOLE, owed: 0, at: None, skipped: 0 }
    }

    /// Whether a comment that comes now is shown; with it, how many were left out since the last.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.per_s > 0 && !self.spend(now) {
            self.skipped += 1;
            return None;
        }
        Some(std::mem::take(&mut self.skipped))
    }

    fn spend(&mut self, now: Instant) -> bool {
        let full = self.per_s * WHOLE;
        let waited = now.duration_since(*self.at.get_or_insert(now)).as_micros();
        let waited = i64::try_from(waited).unwrap_or(i64::MAX);
        self.at = Some(now);
        self.credit = waited.saturating_mul(self.per_s).saturating_add(self.credit).min(full);
        // All of them while half of the credit is left.
        self.owed += (self.credit * 2 / self.per_s).clamp(0, WHOLE);
        let shown = self.owed >= WHOLE;
        if shown {
            self.owed -= WHOLE;
            self.credit -= WHOLE;
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Which of the comments that come at these milliseconds are shown; and that every one is
    /// counted, as shown or as left out.
    fn shown(thinning: &mut Thinning, at_ms: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let start = Instant::now();
        let (mut shown, mut counted, mut all) = (Vec::new(), 0, 0);
        for (nth, ms) in at_ms.into_iter().enumerate() {
            all += 1;
            if let Some(skipped) = thinning.admit(start + Duration::from_millis(ms)) {
                counted += skipped + 1;
                shown.push(nth);
            }
        }
        assert_eq!(counted + thinning.skipped, all);
        shown
    }

    #[test]
    fn a_room_within_its_budget_shows_everything() {
        let mut thinning = Thinning::new(15);
        assert_eq!(shown(&mut thinning, (0..1_000).map(|nth| nth * 70)).len(), 1_000);
        // Seven at once after a while, again and again.
        let bursts = (0..700).map(|nth| 100_000 + nth / 7 * 1_000);
        assert_eq!(shown(&mut thinning, bursts).len(), 700);
    }

    #[test]
    fn beyond_the_budget_an_even_sample_is_shown() {
        for (per_s, every_ms) in [(15, 10), (15, 1), (15, 50), (4, 20), (1, 100)] {
            let mut thinning = Thinning::new(per_s);
            let all = 20_000 / every_ms;
            let shown = shown(&mut thinning, (0..all).map(|nth| nth * every_ms));
            let settled: Vec<_> =
                shown.iter().filter(|nth| **nth as u64 * every_ms >= 5_000).collect();
            let wanted = 15 * u64::from(per_s);
            assert!(settled.len().abs_diff(wanted as usize) <= 2, "{per_s}: {}", settled.len());
            let steps: Vec<_> = settled.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (least, most) = (steps.iter().min().unwrap(), steps.iter().max().unwrap());
            assert!(
                most <= &(least + least / 4 + 1),
                "{per_s} of {every_ms} ms: {least} to {most}"
            );
        }
    }

    #[test]
    fn comments_that_come_in_heaps_are_sampled_from_the_whole_heap() {
        let mut thinning = Thinning::new(15);
        let heaps = (0..3_000).map(|nth| nth / 10 * 100);
        let shown = shown(&mut thinning, heaps);
        let mut from_place = [0; 10];
        shown.iter().filter(|nth| **nth > 500).for_each(|nth| from_place[nth % 10] += 1);
        let most = from_place.iter().max().unwrap();
        assert!(from_place[0] < shown.len() / 4 && *most < shown.len() / 2, "{from_place:?}");
    }

    #[test]
    fn a_sudden_flood_shows_no_more_than_a_seconds_worth_and_not_only_its_beginning() {
        let mut thinning = Thinning::new(15);
        let shown = shown(&mut thinning, (0..100).map(|_| 0));
        assert!((8..=15).contains(&shown.len()), "{shown:?}");
        assert!(*shown.last().unwrap() > 20, "{shown:?}");
    }

    #[test]
    fn without_a_budget_everything_is_shown() {
        assert_eq!(shown(&mut Thinning::new(0), (0..500).map(|_| 0)).len(), 500);
    }
}
