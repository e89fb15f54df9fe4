//! How far every viewer of every room is written down, and for which tasks that counts. Owns its
//! own reading of a checkpoint and of the live clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::clock::LiveClock;
use super::entry::Checkpoint;

/// The least between two checkpoints of a room that only time asks for.
const CHECKPOINT_EVERY_MS: i64 = 10_000;

#[derive(Debug, Default)]
struct Room {
    clock: LiveClock,
    viewers: Vec<String>,
    numbers: HashMap<String, usize>,
    /// By number: every figure that was ever written down, rising.
    written: Vec<Vec<u32>>,
    last_at: Option<i64>,
}

/// A watch task that was published.
#[derive(Debug)]
struct Task {
    rooms: Option<BTreeSet<String>>,
    needed_ms: u64,
    /// What each room's clock showed.
    opened_ms: BTreeMap<String, i64>,
    base: BTreeMap<String, Vec<u32>>,
    is_over: bool,
}

#[derive(Debug, Default)]
pub(super) struct Watching {
    rooms: BTreeMap<String, Room>,
    tasks: BTreeMap<String, Task>,
    pub(super) sizes: Sizes,
    /// The entry of a checkpoint that came before its time, until something in it explains that.
    early: Option<u64>,
}

/// What checkpoints cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) checkpoints: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
    pub(crate) viewers_max: u64,
}

/// Pairs of a viewer's number and how many milliseconds more.
fn unpacked(more: &str) -> Result<Vec<(usize, u32)>> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(more).context("a checkpoint's base64")?;
    let mut bytes = bytes.into_iter();
    let (mut pairs, mut next) = (Vec::new(), 0);
    while bytes.len() > 0 {
        let number = next + number_of(&mut bytes)? as usize;
        pairs.push((number, number_of(&mut bytes)?));
        next = number + 1;
    }
    Ok(pairs)
}

fn number_of(bytes: &mut impl Iterator<Item = u8>) -> Result<u32> {
    let mut number = 0_u64;
    for place in 0..5 {
        let byte = bytes.next().context("a checkpoint ends within a number")?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return u32::try_from(number).context("a number of a checkpoint");
        }
    }
    anyhow::bail!("a checkpoint has a number without end")
}

impl Room {
    fn last(&self, number: usize) -> u32 {
        self.written.get(number).and_then(|steps| steps.last()).copied().unwrap_or(0)
    }
}

impl Task {
    fn counts_in(&self, room: &str) -> bool {
        !self.is_over && self.rooms.as_ref().is_none_or(|rooms| rooms.contains(room))
    }

    fn base(&self, room: &str, number: usize) -> u32 {
        self.base.get(room).and_then(|base| base.get(number)).copied().unwrap_or(0)
    }
}

impl Watching {
    fn room(&mut self, room: &str) -> &mut Room {
        if !self.rooms.contains_key(room) {
            self.rooms.insert(room.to_owned(), Room::default());
        }
        self.rooms.entry(room.to_owned()).or_default()
    }

    pub(super) fn on_live(&mut self, room: &str, at: i64) {
        self.room(room).clock.start(at);
    }

    pub(super) fn on_stopped(&mut self, room: &str, at: i64) {
        self.room(room).clock.stop(at);
    }

    /// A task counts from its publication.
    pub(super) fn on_opened(
        &mut self,
        (campaign, rooms): (&str, Option<BTreeSet<String>>),
        needed_ms: u64,
        at: i64,
    ) {
        let last = |room: &Room| (0..room.viewers.len()).map(|number| room.last(number)).collect();
        let base = self.rooms.iter().map(|(id, room)| (id.clone(), last(room))).collect();
        let shown = |(id, room): (&String, &Room)| (id.clone(), room.clock.read(at));
        let opened_ms = self.rooms.iter().map(shown).collect();
        let task = Task { rooms, needed_ms, opened_ms, base, is_over: false };
        self.tasks.insert(campaign.to_owned(), task);
    }

    pub(super) fn on_over(&mut self, campaign: &str) {
        if let Some(task) = self.tasks.get_mut(campaign) {
            task.is_over = true;
        }
    }

    /// Brings a checkpoint in and tells what in it cannot be.
    pub(super) fn on_checkpoint(
        &mut self,
        written: &Checkpoint<'_>,
        (version, at, bytes): (u64, i64, usize),
    ) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let room = self.room(written.room);
        for newcomer in &written.newcomers {
            let number = room.viewers.len();
            room.viewers.push((*newcomer).to_owned());
            room.written.push(Vec::new());
            if room.numbers.insert((*newcomer).to_owned(), number).is_some() {
                wrong.push(format!("{newcomer} got a second number in {}", written.room));
            }
        }
        let (live_ms, early) = (room.clock.read(at), room.last_at);
        room.last_at = Some(at);
        let pairs = unpacked(written.more)?;
        for (number, more_ms) in &pairs {
            ensure!(*number < room.written.len(), "a checkpoint of a viewer without a number");
            let ms = room.last(*number).saturating_add(*more_ms);
            room.written[*number].push(ms);
        }
        if early.is_some_and(|last| at - last < CHECKPOINT_EVERY_MS) {
            self.early = Some(version);
        }
        let sizes = &mut self.sizes;
        sizes.checkpoints += 1;
        sizes.bytes += bytes as u64;
        sizes.bytes_max = sizes.bytes_max.max(bytes as u64);
        sizes.viewers_max = sizes.viewers_max.max(pairs.len() as u64);
        let ahead =
            pairs.iter().filter_map(|(number, _)| self.ahead(written.room, *number, live_ms));
        wrong.extend(ahead);
        Ok(wrong)
    }

    /// Nobody can have watched longer than the room was live, for any task since its publication.
    fn ahead(&self, id: &str, number: usize, live_ms: i64) -> Option<String> {
        let room = self.rooms.get(id)?;
        let (ms, viewer) = (room.last(number), &room.viewers[number]);
        if i64::from(ms) > live_ms {
            return Some(format!("{viewer} watched {ms} ms of {id}, which was live {live_ms} ms"));
        }
        self.tasks.iter().find_map(|(campaign, task)| {
            let since = live_ms - task.opened_ms.get(id).copied().unwrap_or(0);
            let own = ms.saturating_sub(task.base(id, number));
            let is_ahead = task.counts_in(id) && i64::from(own) > since;
            is_ahead.then(|| format!("{viewer} watched {own} ms of {campaign}'s {since} ms"))
        })
    }

    /// What explains a checkpoint before its time: something else in the same entry.
    pub(super) fn explain_early(&mut self, version: u64) {
        self.early = self.early.filter(|early| *early != version);
    }

    /// Whether an entry before this one had a checkpoint before its time.
    pub(super) fn was_early(&mut self, version: u64) -> bool {
        let was = self.early.is_some_and(|early| early < version);
        if was {
            self.early = None;
        }
        was
    }

    /// Whether somebody can be through with a task at this time.
    pub(super) fn can_be_done(&self, campaign: &str, at: i64) -> bool {
        let Some(task) = self.tasks.get(campaign) else { return false };
        let spans =
            self.rooms.iter().filter(|(id, _)| task.counts_in(id)).map(|(id, room)| {
                room.clock.read(at) - task.opened_ms.get(id).copied().unwrap_or(0)
            });
        let total: i64 = if task.rooms.is_some() { spans.max().unwrap_or(0) } else { spans.sum() };
        total >= i64::try_from(task.needed_ms).unwrap_or(i64::MAX)
    }

    /// Whether the feed ever had this figure of the buyer's for the task.
    pub(super) fn was_written(&self, campaign: &str, buyer: &str, watched_ms: u64) -> bool {
        let Some(task) = self.tasks.get(campaign) else { return false };
        let rooms = self.rooms.iter().filter(|(id, _)| task.counts_in(id));
        let mut figures = rooms.filter_map(|(id, room)| {
            let number = *room.numbers.get(buyer)?;
            let base = task.base(id, number);
            let own = |ms: &u32| u64::from(ms.saturating_sub(base)).min(task.needed_ms);
            Some(room.written[number].iter().map(own).any(|own| own == watched_ms))
        });
        watched_ms == 0 || figures.any(|has| has)
    }

    /// How many have watched for a task, and how long in all.
    pub(super) fn funnel(&self, campaign: &str) -> Option<(u32, u64)> {
        let task = self.tasks.get(campaign)?;
        let mut started = BTreeSet::new();
        let mut watched_ms = 0;
        for (id, room) in self.rooms.iter().filter(|(id, _)| task.counts_in(id)) {
            for (number, viewer) in room.viewers.iter().enumerate() {
                let own = room.last(number).saturating_sub(task.base(id, number));
                watched_ms += u64::from(own);
                if own > 0 {
                    started.insert(viewer);
                }
            }
        }
        Some((u32::try_from(started.len()).unwrap_or(u32::MAX), watched_ms))
    }
}
