//! What a shop may choose about its service desk: the window of an answer, what counts, who takes
//! over. Data, with defaults from the sellers' guide; owns the ranges, and no rule.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::desk::Exclusion;
use crate::rejection::Rejection;
use crate::time::SpanMs;

/// Every figure of the desk. What has begun keeps the figures it began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeskPolicy {
    /// A person has to answer within this. 1 min to 24 h.
    pub answer_within_ms: SpanMs,
    /// Unanswered for longer than this is expiring. Absent: five sixths of the window.
    pub expiring_after_ms: Option<SpanMs>,
    /// Which automatic replies count as an answer.
    pub automation_counts: BTreeSet<Automation>,
    /// What takes a session out of the rate.
    pub excludes: BTreeSet<Exclusion>,
    /// A session without any message for this long is closed. 24 h to 60 days: never before the
    /// window of an answer is over.
    pub auto_close_ms: SpanMs,
    /// A buyer comes back to the agent who served him within this. 0 to 90 days.
    pub sticky_ms: SpanMs,
    /// How long an agent without a connection is expected back. 0 to 5 min.
    pub grace_ms: SpanMs,
    pub owner_down: OwnerDown,
    /// Who owned a session for less than this is not charged with its miss; the one before him
    /// is. 0 to 24 h.
    pub charge_after_ms: SpanMs,
    /// What an agent holds at most until he says otherwise. 1 to 10,000.
    pub cap: u32,
    /// More unassigned sessions than this raise an alert. 0 to 1,000,000.
    pub unassigned_alert: u32,
    pub verdict_by: VerdictBy,
    /// Only supervisors may mark that no reply is needed.
    pub no_reply_by_supervisor: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// A click on the FAQ with its automatic reply.
    Faq,
    Bot,
}

/// What becomes of the sessions of an agent who is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerDown {
    Keep,
    RequeueUnanswered,
    RequeueAll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictBy {
    /// The platform's system.
    Service,
    Manager,
}

impl Default for DeskPolicy {
    fn default() -> Self {
        Self {
            answer_within_ms: SpanMs::hours(24),
            expiring_after_ms: None,
            automation_counts: [Automation::Faq].into(),
            excludes: [Exclusion::Holiday, Exclusion::NoReply, Exclusion::Reported].into(),
            auto_close_ms: SpanMs::days(7),
            sticky_ms: SpanMs::days(7),
            grace_ms: SpanMs::seconds(30),
            owner_down: OwnerDown::RequeueUnanswered,
            charge_after_ms: SpanMs::minutes(30),
            cap: 200,
            unassigned_alert: 20,
            verdict_by: VerdictBy::Service,
            no_reply_by_supervisor: false,
        }
    }
}

/// The most sessions one agent may be given.
pub const CAP_MAX: u32 = 10_000;

impl DeskPolicy {
    /// When a session that has to be answered within `window` is expiring.
    pub fn expiring_after(&self, window: SpanMs) -> SpanMs {
        let chosen = self.expiring_after_ms.filter(|after| *after < window);
        chosen.unwrap_or(SpanMs(window.0 / 6 * 5))
    }

    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let (minute, day) = (SpanMs::minutes(1), SpanMs::hours(24));
        let spans = [
            ("answer_within_ms", self.answer_within_ms, minute, day, "must be 1 min to 24 h"),
            ("auto_close_ms", self.auto_close_ms, day, SpanMs::days(60), "must be 24 h to 60 days"),
            ("sticky_ms", self.sticky_ms, SpanMs(0), SpanMs::days(90), "must be at most 90 days"),
            ("grace_ms", self.grace_ms, SpanMs(0), SpanMs::minutes(5), "must be at most 5 min"),
            ("charge_after_ms", self.charge_after_ms, SpanMs(0), day, "must be at most 24 h"),
        ];
        for (field, value, least, most, problem) in spans {
            if value < least || value > most {
                return Err(Rejection::Invalid { field, problem });
            }
        }
        if self.expiring_after_ms.is_some_and(|after| after >= self.answer_within_ms) {
            let problem = "must be less than answer_within_ms";
            return Err(Rejection::Invalid { field: "expiring_after_ms", problem });
        }
        if self.cap == 0 || self.cap > CAP_MAX {
            return Err(Rejection::Invalid { field: "cap", problem: "must be 1 to 10,000" });
        }
        if self.unassigned_alert > 1_000_000 {
            let problem = "must be at most 1,000,000";
            return Err(Rejection::Invalid { field: "unassigned_alert", problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(change: impl Fn(&mut DeskPolicy)) -> Option<&'static str> {
        let mut policy = DeskPolicy::default();
        change(&mut policy);
        match policy.check() {
            Ok(()) => None,
            Err(Rejection::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_guides_figures_are_the_defaults_and_legal() {
        let policy = DeskPolicy::default();
        assert_eq!(policy.check(), Ok(()));
        assert_eq!(policy.answer_within_ms, SpanMs::hours(24));
        assert_eq!(policy.expiring_after(SpanMs::hours(24)), SpanMs::hours(20));
        let quick = SpanMs::minutes(15);
        assert_eq!(policy.expiring_after(quick), SpanMs(750_000), "five sixths of 15 min");
        let chosen = DeskPolicy { expiring_after_ms: Some(SpanMs::hours(1)), ..policy };
        assert_eq!(chosen.expiring_after(SpanMs::hours(24)), SpanMs::hours(1));
        assert_eq!(chosen.expiring_after(quick), SpanMs(750_000), "an older, shorter window");
    }

    #[test]
    fn every_figure_is_checked_at_both_ends_of_its_range() {
        type Set = fn(&mut DeskPolicy, u64);
        let day = 86_400_000;
        let cases: [(&str, Set, u64, u64); 5] = [
            ("answer_within_ms", |p, v| p.answer_within_ms = SpanMs(v), 60_000, day),
            ("auto_close_ms", |p, v| p.auto_close_ms = SpanMs(v), day, 60 * day),
            ("sticky_ms", |p, v| p.sticky_ms = SpanMs(v), 0, 90 * day),
            ("grace_ms", |p, v| p.grace_ms = SpanMs(v), 0, 300_000),
            ("charge_after_ms", |p, v| p.charge_after_ms = SpanMs(v), 0, day),
        ];
        for (field, set, least, most) in cases {
            assert_eq!(problem_of(|p| set(p, least)), None, "{field}");
            assert_eq!(problem_of(|p| set(p, most)), None, "{field}");
            assert_eq!(problem_of(|p| set(p, most + 1)), Some(field));
            if least > 0 {
                assert_eq!(problem_of(|p| set(p, least - 1)), Some(field));
            }
        }
        assert_eq!(problem_of(|p| p.cap = 0), Some("cap"));
        assert_eq!(problem_of(|p| p.cap = CAP_MAX + 1), Some("cap"));
        assert_eq!(problem_of(|p| p.cap = CAP_MAX), None);
        assert_eq!(problem_of(|p| p.unassigned_alert = 1_000_001), Some("unassigned_alert"));
        let late = |p: &mut DeskPolicy| p.expiring_after_ms = Some(p.answer_within_ms);
        assert_eq!(problem_of(late), Some("expiring_after_ms"));
    }
}
