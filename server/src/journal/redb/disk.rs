//! A disk that breaks on command, for tests. Owns what a real one promises: what was synced stays;
//! of the rest any sectors may have reached the platter when the power goes.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use ::redb::StorageBackend;

const SECTOR_BYTES: usize = 512;

/// Numbers from a seed (SplitMix64), so that a failure can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

/// What happens at one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakdown {
    /// The power goes; nothing works from here on.
    PowerCut,
    /// This write fails, the next may work.
    WriteError,
    /// The next sync fails and forgets what it could not write; the one after it succeeds.
    SyncError,
    /// Nothing can be written from here on.
    DiskFull,
}

#[derive(Debug, Clone)]
pub(super) struct Disk {
    state: Arc<Mutex<State>>,
    released: Arc<Condvar>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    /// As the running process sees it.
    seen: Vec<u8>,
    /// What is certain to survive.
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    operations: u64,
    syncs: u64,
    syncs_held: bool,
    planned: Option<(u64, Breakdown)>,
    has_power: bool,
    is_full: bool,
    broke: bool,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Write { offset: usize, data: Vec<u8> },
}

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

impl Disk {
    pub(super) fn new(content: Vec<u8>, seed: u64) -> Self {
        let state = State {
            dice: Dice(seed),
            seen: content.clone(),
            durable: content,
            unsynced: Vec::new(),
            operations: 0,
            syncs: 0,
            syncs_held: false,
            planned: None,
            has_power: true,
            is_full: false,
            broke: false,
        };
        Self { state: Arc::new(Mutex::new(state)), released: Arc::default() }
    }

    pub(super) fn plan(&self, in_operations: u64, breakdown: Breakdown) {
        let mut state = self.state();
        state.planned = Some((state.operations + in_operations, breakdown));
    }

    /// Whether the plan has been carried out.
    pub(super) fn broke(&self) -> bool {
        self.state().broke
    }

    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// While held, a sync does not return.
    pub(super) fn hold_syncs(&self, held: bool) {
        self.state().syncs_held = held;
        self.released.notify_all();
    }

    pub(super) fn cut_power(&self) {
        self.state().has_power = false;
    }

    /// What a machine finds that starts from this disk.
    pub(super) fn after_power_cut(&self) -> Vec<u8> {
        let mut state = self.state();
        state.settle_by_chance();
        state.durable.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Counts an operation that changes something and breaks down where planned.
    fn operate(&mut self, is_sync: bool) -> io::Result<()> {
        self.operations += 1;
        let due = self.planned.filter(|(at, _)| *at <= self.operations).map(|(_, what)| what);
        match due {
            Some(Breakdown::PowerCut) => self.has_power = false,
            Some(Breakdown::DiskFull) => self.is_full = true,
            Some(Breakdown::WriteError) if !is_sync => {
                self.broken();
                return Err(io::Error::other("simulated write error"));
            }
            Some(Breakdown::SyncError) if is_sync => {
                self.broken();
                self.settle_by_chance();
                return Err(io::Error::other("simulated sync error"));
            }
            _ => {}
        }
        if !self.has_power {
            self.broken();
            return Err(io::Error::other("simulated power cut"));
        }
        if self.is_full && !is_sync {
            self.broken();
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn broken(&mut self) {
        self.planned = None;
        self.broke = true;
    }

    /// Of what was not synced: nothing, all, or each sector and each change of length by chance.
    fn settle_by_chance(&mut self) {
        let share = [0, 2, 50, 50, 98, 100][self.dice.below(6) as usize];
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(length) if self.dice.below(100) < share => {
                    self.durable.resize(length, 0);
                }
                Change::Length(_) => {}
                Change::Write { offset, data } => self.settle_sectors(share, offset, &data),
            }
        }
    }

    fn settle_sectors(&mut self, share: u64, offset: usize, data: &[u8]) {
        let mut at = 0;
        while at < data.len() {
            let room = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
            let end = (at + room).min(data.len());
            if self.dice.below(100) < share {
                let target = self.durable.get_mut(offset + at..offset + end);
                // A sector past the length that survived belongs to no file.
                if let Some(target) = target {
                    target.copy_from_slice(&data[at..end]);
                }
            }
            at = end;
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, offset) = (self.state(), offset as usize);
        let range = offset..offset + out.len();
        let found = state.seen.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.operate(false)?;
        state.seen.resize(len as usize, 0);
        state.unsynced.push(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.released.wait_while(self.state(), |state| state.syncs_held).unwrap();
        state.operate(true)?;
        state.syncs += 1;
        for change in std::mem::take(&mut state.unsynced) {
            match change {
                Change::Length(length) => state.durable.resize(length, 0),
                Change::Write { offset, data } => {
                    state.durable[offset..offset + data.len()].copy_from_slice(&data);
                }
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut state, offset) = (self.state(), offset as usize);
        let change = Change::Write { offset, data: data.to_vec() };
        let had_power = state.has_power;
        let allowed = state.operate(false);
        let was_cut = had_power && !state.has_power;
        if allowed.is_err() && !was_cut {
            return allowed;
        }
        // A write that the power cut hit may be on the disk in part.
        let end = offset + data.len();
        if state.seen.len() < end {
            state.seen.resize(end, 0);
            state.unsynced.push(Change::Length(end));
        }
        state.seen[offset..end].copy_from_slice(data);
        state.unsynced.push(change);
        allowed
    }
}
