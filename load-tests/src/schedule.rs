//! When each message of an open loop is meant to leave. Owns the numbering: a message carries its
//! number, and the number names its moment, so that nothing about time travels with it.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// A row of messages at even distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) start: Instant,
    interval: Duration,
}

impl Row {
    pub(crate) fn at(&self, number: u32) -> Instant {
        self.start + self.interval * (number - self.first)
    }

    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }

    pub(crate) fn end(&self) -> Instant {
        self.start + self.interval * self.count
    }
}

/// All rows of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    rows: Mutex<Vec<Row>>,
}

impl Schedule {
    /// Plans `rate` messages a second for a while, beginning at `start`.
    pub(crate) fn plan(&self, rate: f64, span: Duration, start: Instant) -> Row {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let first = rows.last().map_or(0, |row| row.first + row.count);
        let count = (rate * span.as_secs_f64()).round().max(1.0) as u32;
        let row = Row { first, count, start, interval: Duration::from_secs_f64(1.0 / rate) };
        rows.push(row);
        row
    }

    pub(crate) fn intended(&self, number: u32) -> Option<Instant> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.iter().rev().find(|row| row.numbers().contains(&number))?;
        Some(row.at(number))
    }

    /// How many messages were planned.
    pub(crate) fn planned(&self) -> u32 {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.last().map_or(0, |row| row.first + row.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_number_names_its_moment_in_whichever_row_it_stands() {
        let schedule = Schedule::default();
        let start = Instant::now();
        schedule.plan(10.0, Duration::from_secs(1), start);
        let later = start + Duration::from_secs(60);
        let row = schedule.plan(4.0, Duration::from_millis(500), later);
        assert_eq!((row.numbers(), schedule.planned()), (10..12, 12));
        assert_eq!(schedule.intended(3), Some(start + Duration::from_millis(300)));
        assert_eq!(schedule.intended(11), Some(later + Duration::from_millis(250)));
        assert_eq!(schedule.intended(12), None);
    }
}
