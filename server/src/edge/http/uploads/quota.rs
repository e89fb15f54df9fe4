//! What each user has sent today. Owns the counts of one day in memory; a restart begins anew, the
//! rate and the free space of the disk still hold then.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use hawker_domain::id::UserId;
use hawker_domain::time::{Millis, SpanMs};
use parking_lot::Mutex;

const DAY_MS: i64 = 86_400_000;

#[derive(Debug)]
pub(super) struct Quota {
    bytes_max: u64,
    day: Mutex<Day>,
}

/// A day of UTC and who sent what in it.
#[derive(Debug, Default)]
struct Day {
    number: i64,
    spent: HashMap<UserId, u64, RandomState>,
}

/// More than a day's bytes: ask again tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) retry_after: SpanMs,
}

impl Quota {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, day: Mutex::default() }
    }

    /// Counts bytes that came, also those of files that are refused later: they cost the same.
    pub(super) fn spend(&self, user: &UserId, bytes: u64, now: Millis) -> Result<(), Spent> {
        self.with(user, bytes, now, |day, total| {
            day.spent.insert(user.clone(), total);
        })
    }

    /// Whether so many would still do.
    pub(super) fn check(&self, user: &UserId, bytes: u64, now: Millis) -> Result<(), Spent> {
        self.with(user, bytes, now, |_, _| ())
    }

    fn with(
        &self,
        user: &UserId,
        bytes: u64,
        now: Millis,
        then: impl FnOnce(&mut Day, u64),
    ) -> Result<(), Spent> {
        let number = now.0.div_euclid(DAY_MS);
        let mut day = self.day.lock();
        if day.number != number {
            *day = Day { number, spent: HashMap::default() };
        }
        let total = day.spent.get(user).copied().unwrap_or(0).saturating_add(bytes);
        if total > self.bytes_max {
            let tomorrow = Millis((number + 1) * DAY_MS);
            return Err(Spent { retry_after: tomorrow.since(now) });
        }
        then(&mut day, total);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_bytes_are_counted_until_the_day_is_over() {
        let quota = Quota::new(100);
        let (ann, bob) = (UserId::parse("ann").unwrap(), UserId::parse("bob").unwrap());
        let noon = Millis(DAY_MS * 20_000 + DAY_MS / 2);
        assert_eq!(quota.check(&ann, 100, noon), Ok(()));
        assert_eq!(quota.spend(&ann, 60, noon), Ok(()));
        let spent = Spent { retry_after: SpanMs(43_200_000) };
        assert_eq!(quota.check(&ann, 41, noon), Err(spent));
        assert_eq!(quota.spend(&ann, 41, noon), Err(spent));
        assert_eq!(quota.spend(&ann, 40, noon), Ok(()));
        assert_eq!(quota.spend(&ann, 1, noon), Err(spent));
        assert_eq!(quota.spend(&bob, 100, noon), Ok(()));
        assert_eq!(quota.spend(&ann, 100, noon + spent.retry_after), Ok(()));
        assert_eq!(quota.check(&bob, u64::MAX, noon + spent.retry_after).map_err(|_| ()), Err(()));
    }
}
