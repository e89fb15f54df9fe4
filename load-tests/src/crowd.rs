//! Thousands of viewers read by few threads: one epoll each, plain reads, and every frame's meaning
//! looked up instead of parsed again. Owns the sockets and the books; opens and publishes nothing.

pub(crate) mod deflate;
pub(crate) mod digest;
pub(crate) mod entry;
mod reader;
mod viewer;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::epoll;

use crate::frame::{self, Opcode};
use crate::schedule::Schedule;
use crate::tally::Latency;
use digest::{Memory, Reading};
use entry::Entrant;
use reader::read_on;
pub(crate) use viewer::Position;
use viewer::Viewer;

/// What an application of its own calls a ping, and how it wants it answered.
pub(crate) type TextPing = (&'static [u8], &'static [u8]);

/// Viewers that are looked at together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) reading: Reading,
    /// Empty for viewers whose messages are not counted.
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) ping: Option<TextPing>,
}

/// What a group got since the figures were taken last.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) latency: Latency,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// The bytes of the same frames before they were compressed.
    pub(crate) plain_bytes: u64,
    pub(crate) deliveries: u64,
    pub(crate) doubled: u64,
    pub(crate) answers: u64,
    /// Close frames by code; 1006 for an end without one.
    pub(crate) closed: BTreeMap<u16, u64>,
    pub(crate) broken: Option<String>,
}

impl Figures {
    fn new() -> Self {
        Self {
            latency: Latency::new(),
            frames: 0,
            bytes: 0,
            plain_bytes: 0,
            deliveries: 0,
            doubled: 0,
            answers: 0,
            closed: BTreeMap::new(),
            broken: None,
        }
    }

    fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.plain_bytes += other.plain_bytes;
        self.deliveries += other.deliveries;
        self.doubled += other.doubled;
        self.answers += other.answers;
        for (code, count) in &other.closed {
            *self.closed.entry(*code).or_default() += count;
        }
        if self.broken.is_none() {
            self.broken.clone_from(&other.broken);
        }
    }
}

/// One reader's sockets and books.
#[derive(Debug)]
struct State {
    viewers: Vec<Option<Viewer>>,
    free: Vec<usize>,
    memory: Memory,
    groups: Arc<Vec<Group>>,
    figures: Vec<Figures>,
    critical: Vec<BTreeSet<u64>>,
}

#[derive(Debug)]
struct Reader {
    state: Arc<Mutex<State>>,
    epoll: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Crowd {
    readers: Vec<Reader>,
    next: AtomicUsize,
    over: Arc<AtomicBool>,
}

/// A viewer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    reader: usize,
    index: usize,
}

impl Crowd {
    pub(crate) fn start(threads: usize, groups: Vec<Group>) -> Result<Self> {
        let (groups, over) = (Arc::new(groups), Arc::new(AtomicBool::new(false)));
        let readers = (0..threads.max(1)).map(|_| {
            let state = State {
                viewers: Vec::new(),
                free: Vec::new(),
                memory: Memory::default(),
                groups: Arc::clone(&groups),
                figures: groups.iter().map(|_| Figures::new()).collect(),
                critical: groups.iter().map(|_| BTreeSet::new()).collect(),
            };
            let state = Arc::new(Mutex::new(state));
            let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
            let mine = (Arc::clone(&state), Arc::clone(&epoll), Arc::clone(&over));
            let thread = std::thread::Builder::new().name("viewers".to_owned());
            let thread = thread.spawn(move || read_on(&mine.0, &mine.1, &mine.2))?;
            Ok(Reader { state, epoll, thread: Some(thread) })
        });
        let readers = readers.collect::<Result<_>>()?;
        Ok(Self { readers, next: AtomicUsize::new(0), over })
    }

    /// Takes a viewer in and reads him from now on. What came with his entry counts.
    pub(crate) fn admit(&self, group: usize, entrant: Entrant) -> Result<Place> {
        let place = self.seat(group, entrant)?;
        self.watch(place)?;
        Ok(place)
    }

    /// Takes a viewer in who does not read.
    pub(crate) fn seat(&self, group: usize, entrant: Entrant) -> Result<Place> {
        let at = self.next.fetch_add(1, Relaxed) % self.readers.len();
        let mut state = self.readers[at].lock();
        let viewer = entrant.into_viewer(group);
        let index = state.free.pop().unwrap_or(state.viewers.len());
        if index == state.viewers.len() {
            state.viewers.push(None);
        }
        state.viewers[index] = Some(viewer);
        Ok(Place { reader: at, index })
    }

    /// From now on he reads.
    pub(crate) fn watch(&self, place: Place) -> Result<()> {
        let reader = &self.readers[place.reader];
        let mut state = reader.lock();
        state.on_bytes(place.index, &[]);
        if let Some(viewer) = &state.viewers[place.index] {
            // Whether a receiver acknowledges at once, at the sender's expense, or later is a guess
            // of the kernel that turns on a jitter of milliseconds: all of them do it later.
            rustix::net::sockopt::set_tcp_quickack(&viewer.stream, false)?;
            let data = epoll::EventData::new_u64(place.index as u64);
            epoll::add(&*reader.epoll, &viewer.stream, data, epoll::EventFlags::IN)
                .context("watching a socket")?;
        }
        Ok(())
    }

    /// Hangs up without a word and returns where the viewer stood; `None`: he was gone.
    pub(crate) fn drop_viewer(&self, place: Place) -> Option<Position> {
        let mut state = self.readers[place.reader].lock();
        let viewer = state.viewers[place.index].take()?;
        state.free.push(place.index);
        Some(viewer.position)
    }

    /// Sends a text frame to every viewer of a group; returns how many got it.
    pub(crate) fn tell(&self, group: usize, text: &[u8]) -> usize {
        let mut bytes = Vec::new();
        frame::append(Opcode::Text, text, &mut bytes);
        let told = self.readers.iter().map(|reader| {
            let mut state = reader.lock();
            let here = state.viewers.iter_mut().flatten().filter(|it| it.group == group);
            here.filter_map(|viewer| viewer.stream.write_all(&bytes).ok()).count()
        });
        told.sum()
    }

    /// The figures of a group since the last call, which begin anew.
    pub(crate) fn take_figures(&self, group: usize) -> Figures {
        let mut sum = Figures::new();
        for reader in &self.readers {
            let mut state = reader.lock();
            sum.add(&std::mem::replace(&mut state.figures[group], Figures::new()));
        }
        sum
    }

    /// The same of several groups together.
    pub(crate) fn take_figures_of(&self, groups: &[usize]) -> Figures {
        let mut sum = Figures::new();
        groups.iter().for_each(|group| sum.add(&self.take_figures(*group)));
        sum
    }

    pub(crate) fn deliveries(&self, group: usize) -> u64 {
        self.readers.iter().map(|reader| reader.lock().figures[group].deliveries).sum()
    }

    pub(crate) fn answers(&self, group: usize) -> u64 {
        self.readers.iter().map(|reader| reader.lock().figures[group].answers).sum()
    }

    /// How many are connected.
    pub(crate) fn len(&self, group: usize) -> usize {
        let count = |reader: &Reader| {
            reader.lock().viewers.iter().flatten().filter(|viewer| viewer.group == group).count()
        };
        self.readers.iter().map(count).sum()
    }

    /// The messages that those who are still connected did not get, of `sent` each.
    pub(crate) fn missing(&self, group: usize, sent: u32) -> u64 {
        let count = |reader: &Reader| -> u64 {
            let state = reader.lock();
            let here = state.viewers.iter().flatten().filter(|viewer| viewer.group == group);
            here.map(|viewer| u64::from(sent.saturating_sub(viewer.got.count))).sum()
        };
        self.readers.iter().map(count).sum()
    }

    /// Where those of a group stand who are still connected.
    pub(crate) fn positions(&self, group: usize) -> Vec<Position> {
        let mut found = Vec::new();
        for reader in &self.readers {
            let state = reader.lock();
            let here = state.viewers.iter().flatten().filter(|viewer| viewer.group == group);
            found.extend(here.map(|viewer| viewer.position.clone()));
        }
        found
    }

    /// The numbers of all CRITICAL lines that anybody of the group was sent.
    pub(crate) fn critical(&self, group: usize) -> BTreeSet<u64> {
        let sets = self.readers.iter().map(|reader| reader.lock().critical[group].clone());
        sets.fold(BTreeSet::new(), |mut all, set| {
            all.extend(set);
            all
        })
    }

    /// Frames as the group got them lately, to be sent once more by somebody else: each with the
    /// time since the one before, which for the first of them is `first_after`.
    pub(crate) fn recent_frames(
        &self,
        group: usize,
        first_after: Duration,
    ) -> Vec<(Duration, Vec<u8>)> {
        let Some(reader) = self.readers.first() else { return Vec::new() };
        let reader = reader.lock();
        let mut last = None;
        let frames = reader.memory.frames(group).into_iter().map(|(met_at, payload, deflated)| {
            let after = last.replace(met_at).map_or(first_after, |last| met_at - last);
            (after, frame::of_server(payload, deflated))
        });
        frames.collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for reader in &mut self.readers {
            if let Some(thread) = reader.thread.take() {
                let _ = thread.join();
            }
        }
    }
}
