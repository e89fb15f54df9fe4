//! What one viewer was shown of how far he is. Owns the rule that it never falls, over connections
//! and restarts too.

use std::collections::BTreeMap;

use hawker_protocol::object::Progress;

#[derive(Debug, Default)]
pub(super) struct Shown {
    /// By campaign: every figure that was shown, rising.
    figures: BTreeMap<String, Vec<u64>>,
    /// The most that pushes said.
    pushed: BTreeMap<String, u64>,
    /// Figures below one that had been shown before, as sentences.
    pub(super) resets: Vec<String>,
    /// Pushes that were on their way when an answer said more: the higher figure counts.
    pub(super) overtaken: u64,
}

/// How far everything was when something was asked: an answer may be overtaken by a push, and is
/// not held against it.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    most: BTreeMap<String, u64>,
}

impl Shown {
    fn most(&self, campaign: &str) -> u64 {
        self.figures.get(campaign).and_then(|known| known.last()).copied().unwrap_or(0)
    }

    pub(super) fn mark(&self) -> Mark {
        let most = self.figures.keys().map(|campaign| (campaign.clone(), self.most(campaign)));
        Mark { most: most.collect() }
    }

    /// Pushes come in the order of what they tell.
    pub(super) fn on_push(&mut self, shown: &Progress) {
        let (campaign, now) = (shown.campaign.as_str(), shown.watched_ms.0);
        self.overtaken += u64::from(now < self.most(campaign));
        let floor = self.pushed.insert(campaign.to_owned(), now).unwrap_or(0);
        self.on_shown(shown, floor);
    }

    /// The answer to what was asked at `mark`.
    pub(super) fn on_answer(&mut self, shown: &[Progress], mark: &Mark) {
        for shown in shown {
            let floor = mark.most.get(shown.campaign.as_str()).copied().unwrap_or(0);
            self.on_shown(shown, floor);
        }
        for (campaign, most) in mark.most.iter().filter(|(_, most)| **most > 0) {
            if !shown.iter().any(|shown| shown.campaign.as_str() == campaign) {
                self.resets.push(format!("{campaign} went from {most} ms to nothing"));
            }
        }
    }

    fn on_shown(&mut self, shown: &Progress, floor: u64) {
        let (campaign, now) = (shown.campaign.as_str(), shown.watched_ms.0);
        if now < floor {
            self.resets.push(format!("{campaign} fell from {floor} ms to {now} ms"));
        }
        let known = self.figures.entry(campaign.to_owned()).or_default();
        if known.last().is_none_or(|last| *last < now) {
            known.push(now);
        }
    }

    /// Every figure, by campaign.
    pub(super) fn figures(&self) -> impl Iterator<Item = (&str, u64)> {
        self.figures.iter().flat_map(|(campaign, known)| {
            known.iter().map(move |watched_ms| (campaign.as_str(), *watched_ms))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::id;
    use hawker_protocol::number::SpanMs;

    fn progress(watched_ms: u64) -> Progress {
        let (watched_ms, needed_ms) = (SpanMs(watched_ms), SpanMs(10_000));
        Progress { campaign: id("watch").unwrap(), watched_ms, needed_ms, completed: false }
    }

    #[test]
    fn a_figure_that_falls_is_a_reset_whoever_says_it() {
        let mut shown = Shown::default();
        shown.on_push(&progress(4_000));
        shown.on_push(&progress(4_000));
        assert_eq!(shown.resets, Vec::<String>::new());
        shown.on_push(&progress(3_999));
        let mark = shown.mark();
        shown.on_answer(&[progress(0)], &mark);
        assert_eq!(shown.resets.len(), 2, "{:?}", shown.resets);
        shown.on_answer(&[], &mark);
        assert_eq!(shown.resets.last().unwrap(), "watch went from 4000 ms to nothing");
    }

    #[test]
    fn an_answer_is_held_against_what_was_shown_when_it_was_asked() {
        let mut shown = Shown::default();
        let asked = shown.mark();
        shown.on_push(&progress(9_000));
        shown.on_answer(&[progress(2_000)], &asked);
        shown.on_answer(&[progress(9_500)], &asked);
        shown.on_push(&progress(9_200));
        assert_eq!((&shown.resets, shown.overtaken), (&Vec::<String>::new(), 1));
        let again = shown.mark();
        shown.on_answer(&[progress(2_000)], &again);
        assert_eq!(shown.resets.len(), 1);
        assert_eq!(shown.figures().collect::<Vec<_>>(), [("watch", 9_000), ("watch", 9_500)]);
    }
}
