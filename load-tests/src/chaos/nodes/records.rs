//! The journal's own records of a shop, as the server's tool prints them: under which epoch each
//! was written. Owns the proof that there never were two writers, and the moments of takeover.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::time::{Duration, Instant};

use super::fault::Struck;
use crate::audit::Violations;
use crate::server::Site;

/// Which commands were written when, by which writer.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) count: u64,
    pub(super) reigns: u64,
    version: u64,
    epoch: u64,
    /// The epoch of each command of a buyer.
    epochs: HashMap<(String, String), u64>,
    pub(super) violations: Violations,
}

#[derive(Debug, Deserialize)]
struct Record {
    version: u64,
    epoch: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    by: Option<By>,
}

#[derive(Debug, Deserialize)]
struct By {
    user: String,
    command: String,
}

/// When a buyer was told of a command of his.
pub(super) type Told = (Instant, (String, String));

impl Records {
    /// Reads the shop's stream in Redis, beside the nodes.
    pub(super) async fn read(site: &Site, shop: &str) -> Result<Self> {
        let settings = site.settings_file().display().to_string();
        let dump = site.run(&["journal", "dump", "--shop", shop, "--config", &settings]).await?;
        let mut records = Self::default();
        for line in dump.lines() {
            let record = serde_json::from_str(line).context("a record of the journal")?;
            records.on_record(record);
        }
        Ok(records)
    }

    fn on_record(&mut self, record: Record) {
        let Record { version, epoch, entries } = record;
        let (last_version, last_epoch) = (self.version, self.epoch);
        if version != last_version + 1 {
            self.violations.add(|| format!("version {version} follows version {last_version}"));
        }
        if epoch < last_epoch {
            let say = || format!("version {version} is of epoch {epoch}, after {last_epoch}");
            self.violations.add(say);
        }
        self.count += 1;
        self.reigns += u64::from(epoch != last_epoch);
        (self.version, self.epoch) = (version, epoch.max(last_epoch));
        for By { user, command } in entries.into_iter().filter_map(|entry| entry.by) {
            self.epochs.insert((user, command), epoch);
        }
    }

    /// From a fault to the first acknowledgement of a command that the next owner wrote.
    pub(super) fn takeover(&self, struck: &Struck, told: &[Told]) -> Option<Duration> {
        let after = told.iter().filter(|(at, _)| *at > struck.at);
        let by_next = |command| self.epochs.get(command).is_some_and(|it| *it > struck.epoch);
        let first = after.filter(|(_, command)| by_next(command)).map(|(at, _)| *at).min()?;
        Some(first - struck.at)
    }
}

/// The longest time without an acknowledgement around a fault, up to a moment. `told` in the order
/// of time.
pub(super) fn pause(struck: &Struck, to: Instant, told: &[Told]) -> Duration {
    let from = struck.at;
    let both = told.iter().zip(told.iter().skip(1)).map(|((one, _), (next, _))| (*one, *next));
    let around = both.filter(|(one, next)| *next > from && *one < to);
    around.map(|(one, next)| next.min(to) - one).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::nodes::fault::Fault;

    fn record(version: u64, epoch: u64, command: &str) -> Record {
        let by = By { user: "b1".into(), command: command.into() };
        Record { version, epoch, entries: vec![Entry { by: Some(by) }, Entry { by: None }] }
    }

    fn read(records: Vec<Record>) -> Records {
        let mut read = Records::default();
        records.into_iter().for_each(|record| read.on_record(record));
        read
    }

    #[test]
    fn an_epoch_that_falls_and_a_version_that_comes_twice_are_found() {
        let good = read(vec![record(1, 3, "a"), record(2, 3, "b"), record(3, 5, "c")]);
        assert_eq!((good.count, good.reigns, good.violations.count), (3, 2, 0));
        let deposed = read(vec![record(1, 5, "a"), record(2, 3, "b")]);
        assert_eq!(deposed.violations.kept, ["version 2 is of epoch 3, after 5"]);
        let twice = read(vec![record(1, 3, "a"), record(1, 3, "a")]);
        assert_eq!(twice.violations.kept, ["version 1 follows version 1"]);
    }

    #[test]
    fn a_takeover_ends_with_the_first_answer_to_what_the_next_owner_wrote() {
        let records = read(vec![record(1, 3, "a"), record(2, 3, "b"), record(3, 4, "c")]);
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let told = |at, command: &str| (ms(at), ("b1".to_owned(), command.to_owned()));
        let told = [told(90, "a"), told(120, "b"), told(700, "c")];
        let struck = Struck { fault: Fault::KillOwner, at: ms(100), epoch: 3 };
        let takeover = records.takeover(&struck, &told);
        assert_eq!(takeover, Some(Duration::from_millis(600)));
        assert_eq!(pause(&struck, ms(1_100), &told), Duration::from_millis(580));
        assert_eq!(pause(&struck, ms(300), &told), Duration::from_millis(180), "the next fault's");
        assert_eq!(records.takeover(&Struck { epoch: 4, ..struck }, &told), None);
    }
}
