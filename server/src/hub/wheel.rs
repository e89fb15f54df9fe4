//! The long waits of all connections: pings, pongs, hellos and the ends of tokens. Owns the slots
//! and the one task that turns them; a wait that is put off costs nothing, and none is ever cut
//! short: it ends up to [`GRAIN`] late.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// One step: far below the shortest wait that is allowed, and ten wake-ups a second for everybody
/// together are nothing.
const GRAIN: Duration = Duration::from_millis(100);

/// A turn of the wheel takes 51 s, so that the usual waits are looked at once.
const SLOTS: usize = 512;

const NONE: u32 = u32::MAX;

/// Wakes tasks. One for each hub.
#[derive(Debug)]
pub(super) struct Wheel {
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    entries: Vec<Entry>,
    free: u32,
    /// The first entry of each slot.
    slots: Box<[u32]>,
    /// Everything up to this step has been served.
    step: u32,
    armed: usize,
    /// Whether a task is bound to turn the wheel.
    turning: bool,
}

/// A place on the wheel, kept for as long as its connection lives.
#[derive(Debug)]
struct Entry {
    /// `None` while it waits for nothing.
    waker: Option<Waker>,
    step: u32,
    next: u32,
    previous: u32,
}

/// One connection's timer. Twenty bytes and an entry of the wheel; set from within the task that
/// is to be woken.
#[derive(Debug)]
pub(super) struct Timer {
    key: u32,
    /// When the entry wakes, and whom: looked at without a lock.
    step: u32,
    task: usize,
}

impl Wheel {
    pub(super) fn new() -> Arc<Self> {
        let state = State {
            entries: Vec::new(),
            free: NONE,
            slots: vec![NONE; SLOTS].into(),
            step: 0,
            armed: 0,
            turning: false,
        };
        Arc::new(Self { origin: Instant::now(), state: Mutex::new(state) })
    }

    /// The first step that is not before `at`.
    fn step_at(&self, at: Instant) -> u32 {
        let since = at.saturating_duration_since(self.origin).as_millis();
        u32::try_from(since.div_ceil(GRAIN.as_millis())).unwrap_or(u32::MAX - 1)
    }

    fn time_of(&self, step: u32) -> Instant {
        self.origin + GRAIN * step
    }

    async fn turn(self: Arc<Self>) {
        loop {
            let Some(step) = self.next_step() else { return };
            sleep_until(self.time_of(step)).await;
            self.serve(Instant::now()).into_iter().for_each(Waker::wake);
        }
    }

    /// `None` when nobody waits; the next who does starts another task.
    fn next_step(&self) -> Option<u32> {
        let mut state = self.state.lock();
        state.turning = state.armed > 0;
        state.turning.then_some(state.step + 1)
    }

    fn serve(&self, now: Instant) -> Vec<Waker> {
        let passed = now.saturating_duration_since(self.origin).as_millis() / GRAIN.as_millis();
        let until = u32::try_from(passed).unwrap_or(u32::MAX - 1);
        let mut state = self.state.lock();
        let mut due = Vec::new();
        // More than a turn behind (the process was stopped): each slot once is enough.
        let steps = until.saturating_sub(state.step).min(SLOTS as u32);
        for step in until - steps + 1..=until {
            state.serve(step, until, &mut due);
        }
        state.step = state.step.max(until);
        due
    }
}

impl State {
    fn serve(&mut self, step: u32, until: u32, due: &mut Vec<Waker>) {
        let mut at = self.slots[step as usize % SLOTS];
        while at != NONE {
            let entry = &self.entries[at as usize];
            let (next, is_due) = (entry.next, entry.step <= until);
            if is_due {
                due.extend(self.unlink(at));
            }
            at = next;
        }
    }

    fn link(&mut self, key: u32, step: u32, waker: Waker) {
        let slot = step as usize % SLOTS;
        let next = std::mem::replace(&mut self.slots[slot], key);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = key;
        }
        let waker = Some(waker);
        self.entries[key as usize] = Entry { waker, step, next, previous: NONE };
        self.armed += 1;
    }

    /// Whom the entry would have woken, if it waited at all.
    fn unlink(&mut self, key: u32) -> Option<Waker> {
        let entry = &mut self.entries[key as usize];
        let waker = entry.waker.take()?;
        let (step, next, previous) = (entry.step, entry.next, entry.previous);
        match self.entries.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.slots[step as usize % SLOTS] = next,
        }
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = previous;
        }
        self.armed -= 1;
        Some(waker)
    }

    fn take_key(&mut self) -> u32 {
        if let Some(entry) = self.entries.get(self.free as usize) {
            return std::mem::replace(&mut self.free, entry.next);
        }
        let key = u32::try_from(self.entries.len()).unwrap_or(NONE);
        self.entries.push(Entry { waker: None, step: 0, next: NONE, previous: NONE });
        key
    }

    fn free_key(&mut self, key: u32) {
        self.unlink(key);
        self.entries[key as usize].next = std::mem::replace(&mut self.free, key);
    }
}

impl Timer {
    pub(super) fn new() -> Self {
        Self { key: NONE, step: 0, task: 0 }
    }

    /// Sees to it that the task is woken at `at` at the latest (and the grain). It may be woken
    /// before: a wait that is put off keeps its early entry, since that costs nothing.
    pub(super) fn ensure(&mut self, wheel: &Arc<Wheel>, at: Instant, now: Instant, waker: &Waker) {
        let (step, task) = (wheel.step_at(at), waker.data() as usize);
        let waits = self.key != NONE && self.task == task && wheel.time_of(self.step) > now;
        if waits && self.step <= step {
            return;
        }
        let mut state = wheel.state.lock();
        if self.key == NONE {
            self.key = state.take_key();
        }
        state.unlink(self.key);
        self.step = step.max(state.step + 1);
        self.task = task;
        state.link(self.key, self.step, waker.clone());
        if !std::mem::replace(&mut state.turning, true) {
            // Nothing was served while nobody waited.
            state.step = state.step.max(wheel.step_at(now).saturating_sub(1));
            tokio::spawn(Arc::clone(wheel).turn());
        }
    }

    /// Gives the entry back.
    pub(super) fn forget(&mut self, wheel: &Wheel) {
        if self.key != NONE {
            wheel.state.lock().free_key(self.key);
            self.key = NONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Alarm(AtomicU32);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Alarm {
        fn calls(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn in_ms(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    async fn pass(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_woken_early_and_nobody_more_than_a_step_late() {
        let wheel = Wheel::new();
        for wait_ms in [1, 99, 100, 101, 25_000, 51_200, 51_300, 200_000] {
            let alarm = Arc::new(Alarm::default());
            let mut timer = Timer::new();
            timer.ensure(&wheel, in_ms(wait_ms), Instant::now(), &alarm.clone().into());
            pass(wait_ms - 1).await;
            assert_eq!(alarm.calls(), 0, "{wait_ms}");
            pass(102).await;
            assert_eq!(alarm.calls(), 1, "{wait_ms}");
            timer.forget(&wheel);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_put_off_is_looked_at_again_and_one_that_is_brought_forward_moves() {
        let wheel = Wheel::new();
        let alarm = Arc::new(Alarm::default());
        let waker = alarm.clone().into();
        let mut timer = Timer::new();
        timer.ensure(&wheel, in_ms(1_000), Instant::now(), &waker);
        timer.ensure(&wheel, in_ms(5_000), Instant::now(), &waker);
        pass(1_100).await;
        assert_eq!(alarm.calls(), 1);
        timer.ensure(&wheel, in_ms(3_900), Instant::now(), &waker);
        timer.ensure(&wheel, in_ms(500), Instant::now(), &waker);
        pass(700).await;
        assert_eq!(alarm.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn another_task_takes_the_timer_with_it() {
        let wheel = Wheel::new();
        let (first, second) = (Arc::new(Alarm::default()), Arc::new(Alarm::default()));
        let mut timer = Timer::new();
        timer.ensure(&wheel, in_ms(1_000), Instant::now(), &first.clone().into());
        timer.ensure(&wheel, in_ms(1_000), Instant::now(), &second.clone().into());
        pass(1_200).await;
        assert_eq!((first.calls(), second.calls()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_forgotten_wakes_nobody_and_leaves_its_place() {
        let wheel = Wheel::new();
        let alarm = Arc::new(Alarm::default());
        let mut timers = [(); 3].map(|()| Timer::new());
        for timer in &mut timers {
            timer.ensure(&wheel, in_ms(1_000), Instant::now(), &alarm.clone().into());
        }
        for at in [1, 0, 2] {
            timers[at].forget(&wheel);
        }
        pass(2_000).await;
        assert_eq!(alarm.calls(), 0);
        for timer in &mut timers {
            timer.ensure(&wheel, in_ms(1_000), Instant::now(), &alarm.clone().into());
        }
        assert_eq!(wheel.state.lock().entries.len(), 3);
        pass(1_200).await;
        assert_eq!(alarm.calls(), 3);
        // The task has gone home: the next wait starts another.
        assert!(!wheel.state.lock().turning);
        timers[0].ensure(&wheel, in_ms(300), Instant::now(), &alarm.clone().into());
        pass(500).await;
        assert_eq!(alarm.calls(), 4);
    }
}
