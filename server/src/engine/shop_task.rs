//! One shop's writer: takes what is queued, decides, appends once, answers, publishes. One append
//! is in flight; what arrives meanwhile is decided into the next batch, so throughput grows with
//! load. Never waits for a client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hawker_domain::event::CommandRef;
use hawker_domain::shop::{Accepted, Shop};
use hawker_domain::time::Millis;
use hawker_domain::view::{Change, Ephemeral};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::batch::{Asked, OpenBatch, Proof, Sealed};
use super::mailbox::{Inbox, Pulses, Reply, Work};
use super::recovery::{Loaded, Recovered};
use super::remembered::{Known, Place, Remembered};
use super::snapshot::{self, Memory};
use super::{CommitSink, Error, Options, Placement, Submission};
use crate::clock::Clock;
use crate::journal::{self, Batch, Committed, Journal, Lease, Position, Verified, Version};

/// How often those who wait for an agent hear of their places.
const POSITIONS_EVERY: Duration = Duration::from_secs(1);

/// What every shop task shares.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) options: Arc<Options>,
    pub(super) clock: Clock,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) sink: Arc<dyn CommitSink>,
    pub(super) placement: Arc<dyn Placement>,
    pub(super) stop: CancellationToken,
}

/// Where a shop's work arrives, and what it tells besides answers.
#[derive(Clone)]
pub(super) struct Doors {
    pub(super) inbox: Arc<Inbox>,
    pub(super) pulses: Arc<Pulses>,
    pub(super) versions: watch::Sender<Version>,
    pub(super) reigns: watch::Sender<u64>,
    pub(super) obstacle: watch::Sender<Option<journal::Error>>,
}

/// Why a shop's task came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody asked for a while.
    Idle,
    Stopped,
    /// Memory is not what the journal has: read again.
    Reload(journal::Error),
    /// The journal did not give the shop, or not its history.
    Unread(journal::Error),
}

struct ShopTask {
    around: Surroundings,
    doors: Doors,
    shop: Shop,
    remembered: Remembered,
    position: Position,
    last_at: Millis,
    /// With the append while one is in flight.
    lease: Option<Lease>,
    in_flight: Option<InFlight>,
    open: OpenBatch,
    /// Received, and waiting until what is due has happened.
    held: VecDeque<Work>,
    last_work: Instant,
    /// Until then nobody who waits for an agent is told of his place again.
    positions_at: Instant,
    /// Where the shop stood when it was last saved, or when that was last tried.
    snapshot: Version,
    /// Saves a snapshot while the shop goes on.
    saving: Option<AbortOnDropHandle<()>>,
}

struct InFlight {
    task: JoinHandle<(Lease, Verdict)>,
    /// Whether it makes a new version, or only verifies.
    writes: bool,
    changes: Vec<Change>,
    sealed: Sealed,
}

enum Verdict {
    Committed(Committed),
    Verified(Verified),
    Lost(journal::Error),
}

enum Stimulus {
    Work(Option<Work>),
    Verdict(Result<(Lease, Verdict), tokio::task::JoinError>),
    Pulses,
    Due,
    Positions,
    Renewal,
    Idle,
    Stop,
}

/// Serves the shop until it is idle, stopped, or no longer what the journal has.
pub(super) async fn serve(around: Surroundings, doors: Doors, recovered: Recovered) -> Ended {
    let Recovered { lease, loaded: Loaded { position, memory, snapshot } } = recovered;
    let Memory { shop, remembered, last_at } = memory;
    around.sink.restored(&lease, &shop);
    doors.versions.send_replace(position.version);
    let epoch = lease.epoch();
    let mut task = ShopTask {
        around,
        doors,
        shop,
        remembered,
        position,
        last_at,
        lease: Some(lease),
        in_flight: None,
        open: OpenBatch::default(),
        held: VecDeque::new(),
        last_work: Instant::now(),
        positions_at: Instant::now(),
        snapshot,
        saving: None,
    };
    task.lose_links();
    task.doors.obstacle.send_replace(None);
    // Whoever hears of it finds his link lost already, and asks after that.
    task.doors.reigns.send_replace(epoch);
    task.run().await
}

impl ShopTask {
    async fn run(&mut self) -> Ended {
        loop {
            if self.has_lapsed() {
                return self.give_up(journal::Error::LeaseLapsed);
            }
            self.decide_what_waits();
            if self.in_flight.is_none() {
                self.take_pulses();
                self.tell_positions();
                self.send_batch();
                // What was only verified is through already, without a wait in which others run.
                consume_budget().await;
            }
            match self.next_stimulus().await {
                Stimulus::Work(Some(work)) => self.held.push_back(work),
                Stimulus::Work(None) => return Ended::Stopped,
                Stimulus::Verdict(Ok((lease, verdict))) => {
                    self.lease = Some(lease);
                    if let Err(error) = self.on_verdict(verdict) {
                        return self.give_up(error);
                    }
                }
                // The append itself panicked: the outcome is not known, so memory is worthless.
                Stimulus::Verdict(Err(error)) => {
                    return self.give_up(journal::Error::Unknown(error.to_string()));
                }
                // Taken with the next batch; until then they merge where they are.
                Stimulus::Pulses | Stimulus::Positions | Stimulus::Renewal => {}
                Stimulus::Due => self.last_work = Instant::now(),
                Stimulus::Idle => {
                    if let Some(lease) = &self.lease {
                        self.around.sink.unloaded(lease);
                    }
                    // Nobody waits for it: who wakes the shop meanwhile takes the lease over.
                    self.leave().map(tokio::spawn);
                    return Ended::Idle;
                }
                Stimulus::Stop => return self.finish().await,
            }
        }
    }

    async fn next_stimulus(&mut self) -> Stimulus {
        let has_room = self.has_room() && !self.around.stop.is_cancelled();
        let quiet = self.in_flight.is_none() && self.open.is_empty() && self.held.is_empty();
        let idle_at = self.last_work + self.around.options.idle;
        let may_idle = quiet && !self.shop.has_open_rooms() && !self.shop.has_agents_linked();
        let may_tell = self.in_flight.is_none() && self.shop.has_buyers_waiting();
        let due_in = self.due_in();
        let may_fire = has_room && due_in.is_some();
        let renew_at = self.lease.as_ref().and_then(Lease::renew_at);
        let renewal = renew_at.unwrap_or(self.last_work);
        tokio::select! {
            biased;
            verdict = verdict_of(&mut self.in_flight) => Stimulus::Verdict(verdict),
            work = self.doors.inbox.next(), if has_room && self.held.is_empty() => {
                Stimulus::Work(work)
            }
            () = self.doors.pulses.arrived() => Stimulus::Pulses,
            () = tokio::time::sleep(due_in.unwrap_or_default()), if may_fire => Stimulus::Due,
            () = tokio::time::sleep_until(self.positions_at), if may_tell => Stimulus::Positions,
            () = self.around.stop.cancelled(), if quiet => Stimulus::Stop,
            () = tokio::time::sleep_until(idle_at), if may_idle => Stimulus::Idle,
            () = tokio::time::sleep_until(renewal), if renew_at.is_some() => Stimulus::Renewal,
        }
    }

    /// A batch full of timers is full for commands too: what is due goes first.
    fn has_room(&self) -> bool {
        let Options { batch_commands_max, timers_max, .. } = *self.around.options;
        self.open.commands() < batch_commands_max && self.open.timers() < timers_max
    }

    fn now(&self) -> Millis {
        self.around.clock.now().max(self.last_at)
    }

    fn due_in(&self) -> Option<Duration> {
        let due = self.shop.next_due()?;
        Some(Duration::from_millis(due.since(self.now()).0))
    }

    /// Decides work while the batch has room. What is due comes first, so that no outcome depends
    /// on when a timer fired.
    fn decide_what_waits(&mut self) {
        while self.has_room() {
            let now = self.now();
            if self.shop.next_due().is_some_and(|due| due <= now) {
                self.elapse(now);
                continue;
            }
            let Some(work) = self.held.pop_front().or_else(|| self.next_queued()) else { return };
            self.on_work(work, now);
        }
    }

    fn next_queued(&self) -> Option<Work> {
        if self.around.stop.is_cancelled() { None } else { self.doors.inbox.try_next() }
    }

    /// Lets due things happen, as far as the batch takes timers.
    fn elapse(&mut self, now: Millis) {
        let timers_left = self.around.options.timers_max - self.open.timers();
        let accepted = self.shop.elapse(now, timers_left);
        // The domain does not say how many fired: with events, at most one each.
        self.open.note_timers(accepted.events.len().clamp(1, timers_left));
        self.take(now, None, accepted, None);
    }

    fn on_work(&mut self, work: Work, now: Millis) {
        self.last_work = Instant::now();
        match work {
            Work::Command { submission, reply } => self.on_command(submission, reply, now),
            Work::Query { ask } => {
                let release = ask(&self.shop, now);
                self.open.answer(release);
            }
            Work::Wake => {}
        }
    }

    fn on_command(&mut self, submission: Box<Submission>, reply: Reply, now: Millis) {
        if submission.deadline <= self.last_work {
            // The one answer that needs no proof: nothing was looked at.
            return reply.send(Err(Error::Timeout));
        }
        let by = submission.identity.as_ref().map(|identity| CommandRef {
            user: submission.actor.user.clone(),
            command: identity.command.clone(),
            payload_hash: identity.payload_hash,
        });
        match by.as_ref().map_or(Known::New, |by| self.remembered.find(by)) {
            Known::Accepted(place) => return self.open.repeat(submission, reply, place),
            Known::Conflict => return self.open.conflict(reply),
            Known::New => {}
        }
        match self.shop.execute(&submission.actor, &submission.command, now) {
            Ok(accepted) => {
                let Submission { actor, command, .. } = &*submission;
                let asked = Asked { actor, command, reply };
                self.take(now, by, accepted, Some(asked));
            }
            Err(rejection) => self.open.refuse(reply, rejection),
        }
    }

    fn take_pulses(&mut self) {
        let now = self.now();
        for (room, pulse) in self.doors.pulses.take() {
            let accepted = self.shop.pulse(&room, pulse, now);
            self.take(now, None, accepted, None);
        }
    }

    /// The connections that this memory knows of may be gone, or may have come and gone unheard:
    /// the first entry of the first batch says so, where there were any.
    fn lose_links(&mut self) {
        let now = self.now();
        let accepted = self.shop.links_lost(now);
        self.take(now, None, accepted, None);
    }

    /// Whose place in the queue of the desk became better, each second and not more often.
    fn tell_positions(&mut self) {
        let now = Instant::now();
        if now < self.positions_at || !self.shop.has_buyers_waiting() {
            return;
        }
        self.positions_at = now + POSITIONS_EVERY;
        let better = self.shop.better_positions();
        if !better.is_empty() {
            self.open.pass(Ephemeral::Positions(better));
        }
    }

    /// Puts what the domain accepted (and applied) into the open batch.
    fn take(
        &mut self,
        now: Millis,
        by: Option<CommandRef>,
        accepted: Accepted,
        asked: Option<Asked<'_>>,
    ) {
        let place = Place { version: self.next_version(), index: self.open.next_index() };
        let happened = !accepted.events.is_empty();
        self.open.accept(&self.shop, now, by, accepted, asked);
        if happened {
            self.last_at = now;
            if let Some(entry) = self.open.last_entry() {
                self.remembered.note(entry, place);
            }
        }
    }

    /// The version the open batch will have: one further if a batch with events is in flight.
    fn next_version(&self) -> Version {
        let in_flight = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.writes);
        self.position.version + 1 + u64::from(in_flight)
    }

    /// The shop itself renews its lease, whenever it has said nothing to the journal for a while: a
    /// task that is stuck has to lose the shop.
    fn must_renew(&self) -> bool {
        let renew_at = self.lease.as_ref().and_then(Lease::renew_at);
        renew_at.is_some_and(|at| at <= Instant::now())
    }

    /// Whether another server may have the shop by now. What is in flight still gets its verdict.
    fn has_lapsed(&self) -> bool {
        let answers_until = self.lease.as_ref().and_then(Lease::answers_until);
        answers_until.is_some_and(|until| until <= Instant::now())
    }

    /// Sends the open batch to the journal; an owned task sees it through whatever happens here.
    fn send_batch(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() && !self.must_renew() {
            return;
        }
        let Some(lease) = self.lease.take() else { return };
        let writes = open.has_entries();
        let (batch, changes, sealed) = open.close(&self.shop);
        let attempt = Attempt::new(&self.around, lease, self.position);
        let task = if writes {
            tokio::spawn(attempt.append(Arc::new(batch)))
        } else {
            let mut asking = Box::pin(attempt.verify());
            // The embedded journal knows at once: a task would cost more than the answer.
            match (&mut asking).now_or_never() {
                Some((lease, Verdict::Verified(verified))) => {
                    self.lease = Some(lease);
                    return self.release(&Proof::Verified(&verified), changes, sealed);
                }
                Some(known) => tokio::spawn(std::future::ready(known)),
                None => tokio::spawn(asking),
            }
        };
        self.in_flight = Some(InFlight { task, writes, changes, sealed });
    }

    fn on_verdict(&mut self, verdict: Verdict) -> Result<(), journal::Error> {
        let Some(InFlight { changes, sealed, .. }) = self.in_flight.take() else { return Ok(()) };
        let proof = match &verdict {
            Verdict::Committed(committed) => {
                self.position = committed.position();
                self.doors.versions.send_replace(self.position.version);
                Proof::Committed(committed)
            }
            Verdict::Verified(verified) => Proof::Verified(verified),
            Verdict::Lost(error) => {
                sealed.fail(lost_answer(error));
                return Err(error.clone());
            }
        };
        self.release(&proof, changes, sealed);
        self.snapshot_in_passing();
        Ok(())
    }

    /// Answers those who asked and tells those who watch.
    fn release(&self, proof: &Proof<'_>, changes: Vec<Change>, sealed: Sealed) {
        let sink = &self.around.sink;
        let passing = sealed.release(*proof);
        if let Proof::Committed(committed) = proof {
            sink.committed(committed, changes);
        }
        if !passing.is_empty() {
            sink.passing(proof.shop(), passing);
        }
    }

    /// Every so many batches a snapshot is made beside the running shop.
    fn snapshot_in_passing(&mut self) {
        let is_due = self.position.version - self.snapshot >= self.around.options.snapshot_batches;
        let is_saving = self.saving.as_ref().is_some_and(|saving| !saving.is_finished());
        let Some(lease) = self.lease.as_ref().filter(|_| is_due && !is_saving) else { return };
        let Surroundings { journal, options, .. } = self.around.clone();
        let saving = snapshot::save_beside(journal, lease.saver(), options);
        self.saving = Some(AbortOnDropHandle::new(tokio::spawn(saving)));
        self.snapshot = self.position.version;
    }

    /// The last thing a shop does whose memory is what the journal has: saves it, unless nothing is
    /// new, and gives the shop back. Takes the memory with it.
    fn leave(&mut self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let lease = self.lease.take()?;
        let is_new = self.position.version != self.snapshot;
        let memory = is_new.then(|| self.take_memory());
        let Surroundings { journal, options, .. } = self.around.clone();
        let position = self.position;
        Some(async move {
            let saved = match memory {
                Some(memory) => snapshot::save(&journal, &lease, position, memory, &options).await,
                None => None,
            };
            let saver = lease.saver();
            journal.release(lease).await;
            // Nobody waits for that; who takes the shop meanwhile ends it.
            if let Some(saved) = saved {
                snapshot::archive(&journal, saver.lease(), saved, &options).await;
            }
        })
    }

    fn take_memory(&mut self) -> Memory {
        self.saving = None;
        let mut memory = Memory::new(self.shop.id(), self.remembered.keep());
        std::mem::swap(&mut memory.shop, &mut self.shop);
        std::mem::swap(&mut memory.remembered, &mut self.remembered);
        memory.last_at = self.last_at;
        memory
    }

    /// Memory is ahead of the journal and worthless: everybody asks again.
    fn give_up(&mut self, error: journal::Error) -> Ended {
        if let Some(in_flight) = self.in_flight.take() {
            in_flight.sealed.fail(lost_answer(&error));
        }
        std::mem::take(&mut self.open).fail(Error::Retry);
        Ended::Reload(error)
    }

    /// The server stops: whoever still queues asks again elsewhere or later.
    async fn finish(&mut self) -> Ended {
        while let Some(work) = self.held.pop_front().or_else(|| self.doors.inbox.try_next()) {
            turn_away(work, Error::Stopping);
        }
        if let Some(leaving) = self.leave() {
            leaving.await;
            self.around.placement.released(self.shop.id());
        }
        Ended::Stopped
    }
}

/// Answers work that will not be done.
pub(super) fn turn_away(work: Work, error: Error) {
    match work {
        Work::Command { reply, .. } => reply.send(Err(error)),
        // Dropping the question drops its reply channel, which the caller reads as unavailable.
        Work::Query { .. } | Work::Wake => {}
    }
}

async fn verdict_of(
    in_flight: &mut Option<InFlight>,
) -> Result<(Lease, Verdict), tokio::task::JoinError> {
    match in_flight {
        Some(in_flight) => (&mut in_flight.task).await,
        None => std::future::pending().await,
    }
}

fn lost_answer(error: &journal::Error) -> Error {
    match error {
        journal::Error::Unknown(_) => Error::Unknown,
        journal::Error::Unavailable(_) | journal::Error::Held { .. } => Error::Unavailable,
        journal::Error::Conflict { .. }
        | journal::Error::LeaseLost { .. }
        | journal::Error::LeaseLapsed
        | journal::Error::Backward { .. }
        | journal::Error::Corrupt { .. } => Error::Retry,
    }
}

/// A batch on its way to a verdict, with the lease.
struct Attempt {
    journal: Arc<dyn Journal>,
    lease: Lease,
    expected: Position,
    refusals: Refusals,
}

/// Pauses between attempts, doubling from 20 ms to 1 s, and how long refusals are borne.
struct Refusals {
    stop: CancellationToken,
    pause: Duration,
    refused_max: Duration,
    since: Option<Instant>,
}

impl Attempt {
    fn new(around: &Surroundings, lease: Lease, expected: Position) -> Self {
        let refusals = Refusals {
            stop: around.stop.clone(),
            pause: Duration::from_millis(20),
            refused_max: around.options.refused_max,
            since: None,
        };
        Self { journal: around.journal.clone(), lease, expected, refusals }
    }

    /// Appends the identical batch until there is a verdict; no timer turns unknown into failed.
    async fn append(mut self, batch: Arc<Batch>) -> (Lease, Verdict) {
        loop {
            match self.journal.append(&mut self.lease, self.expected, batch.clone()).await {
                Ok(committed) => return (self.lease, Verdict::Committed(committed)),
                Err(error) => {
                    if self.refusals.end_with(&error).await {
                        return (self.lease, Verdict::Lost(error));
                    }
                }
            }
        }
    }

    async fn verify(mut self) -> (Lease, Verdict) {
        loop {
            match self.journal.verify(&self.lease, self.expected).await {
                Ok(verified) => return (self.lease, Verdict::Verified(verified)),
                Err(error) => {
                    if self.refusals.end_with(&error).await {
                        return (self.lease, Verdict::Lost(error));
                    }
                }
            }
        }
    }
}

impl Refusals {
    /// Whether this error is the last word; otherwise waits until it is time to try again.
    async fn end_with(&mut self, error: &journal::Error) -> bool {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let is_open = matches!(error, journal::Error::Unknown(_));
        let is_borne = is_open || now - since < self.refused_max;
        if !error.is_retryable() || self.stop.is_cancelled() || !is_borne {
            return true;
        }
        if since == now {
            tracing::warn!(%error, "the journal does not answer, trying again");
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        false
    }
}
