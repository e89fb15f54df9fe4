//! The connection of somebody who comes back: what was asked and not answered is asked again under
//! its command id, on whatever socket there is. Owns no behaviour of buyers or agents.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::object::Role;
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::scene::Scene;
use crate::api::id;
use crate::chance::Chance;
use crate::socket::Socket;
use crate::talk::{Asked, Heard, Talk};
use crate::tally::count;
use crate::token::Person;

/// Between two attempts to connect, on average.
const RETRY_MS: f64 = 150.0;
/// A request that was one too many at once goes out again after so long.
const LATER: Duration = Duration::from_millis(250);
/// What a server of its own may need for one handshake while it starts.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Contact<T> {
    pub(super) user: String,
    pub(super) chance: Chance,
    pub(super) scene: Arc<Scene>,
    pub(super) talk: Option<Talk<T>>,
    number: usize,
    role: Role,
    commands: u64,
    /// To be asked, and when.
    later: Vec<(Instant, Asked<T>)>,
    has_connected: bool,
}

impl<T> Contact<T> {
    pub(super) fn new(scene: Arc<Scene>, role: Role, user: String, number: usize) -> Self {
        Self {
            user,
            chance: Chance::branch(scene.seed, number as u64),
            scene,
            talk: None,
            number,
            role,
            commands: 0,
            later: Vec::new(),
            has_connected: false,
        }
    }

    pub(super) fn shop(&self) -> Id {
        self.scene.shop.clone()
    }

    pub(super) fn command(&mut self) -> Result<Id> {
        self.commands += 1;
        id(&format!("{}-{}-{}", self.scene.target.name, self.user, self.commands))
    }

    /// Connects, again and again until it works, once the doors are open. `false`: the run is over.
    pub(super) async fn connect(&mut self) -> Result<bool> {
        let mut doors = self.scene.doors.subscribe();
        let mut over = self.scene.over.subscribe();
        loop {
            tokio::select! {
                _ = over.wait_for(|over| *over) => return Ok(false),
                open = doors.wait_for(|open| *open) => drop(open?),
            }
            match timeout(PATIENCE, self.open()).await {
                Ok(Ok(socket)) => {
                    self.take(socket);
                    return Ok(true);
                }
                // The first time there is nothing to wait for.
                Ok(Err(error)) if !self.has_connected => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
            let pause = self.chance.exponential(RETRY_MS).min(1_000.0);
            sleep(Duration::from_secs_f64(pause / 1_000.0)).await;
        }
    }

    async fn open(&self) -> Result<Socket> {
        let shop = self.scene.shop.as_str();
        let person = Person { user: &self.user, name: None, role: self.role, shop };
        self.scene.target.connect(self.number, person).await
    }

    fn take(&mut self, socket: Socket) {
        count(&self.scene.counters.connected);
        self.has_connected = true;
        let now = Instant::now();
        self.later.iter_mut().for_each(|(due, _)| *due = now);
        self.talk = Some(Talk::new(socket));
    }

    pub(super) fn ask(&mut self, request: impl Into<Request>, intended: Instant, about: T) {
        let request = request.into();
        match &mut self.talk {
            Some(talk) => talk.ask(request, intended, about),
            None => self.later.push((intended, Asked { request, intended, about })),
        }
    }

    /// Gives the socket up, and keeps what it owes an answer to.
    pub(super) fn lose(&mut self) -> Option<Socket> {
        let talk = self.talk.take()?;
        let (socket, unanswered) = talk.into_parts();
        let now = Instant::now();
        for asked in unanswered {
            if asked.request.command_id().is_some() {
                count(&self.scene.counters.asked_again);
                self.later.push((now, asked));
            }
        }
        Some(socket)
    }

    /// The socket failed: tells so unless the server was killed on purpose.
    pub(super) fn on_failure(&mut self, error: &anyhow::Error) {
        if *self.scene.doors.borrow() {
            self.scene.on_lost(&self.user, error);
        }
        self.lose();
    }

    /// Waits for bytes, until `next` at the latest, and sends what is due again.
    pub(super) async fn wait(&mut self, next: Option<Instant>) -> Result<()> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let again = talk.next_again().into_iter();
        let later = self.later.iter().map(|(due, _)| *due).min();
        let next = again.chain(later).chain(next).min();
        let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        let (scene, mut over) = (&self.scene, self.scene.over.subscribe());
        let (mut began, mut resting) = (scene.began.subscribe(), scene.resting.subscribe());
        let has_begun = began.borrow_and_update().is_some();
        let is_resting = *resting.borrow_and_update();
        tokio::select! {
            biased;
            filled = talk.socket.fill() => filled?,
            () = sleep_until(next) => {}
            _ = over.wait_for(|over| *over) => {}
            _ = began.changed(), if !has_begun => {}
            _ = resting.changed(), if !is_resting => {}
        }
        let now = Instant::now();
        talk.send_again(now);
        for (_, asked) in self.later.extract_if(.., |(due, _)| *due <= now) {
            talk.ask(asked.request, asked.intended, asked.about);
        }
        Ok(())
    }

    /// The next frame, if one is there.
    pub(super) fn next(&mut self, text: &mut String) -> Result<bool> {
        self.talk.as_mut().map_or(Ok(false), |talk| talk.socket.next(text))
    }

    /// What a line means; nothing where it only asks for patience.
    pub(super) fn hear<'a>(&mut self, line: &'a str) -> Result<Option<Heard<'a, T>>> {
        let Some(talk) = &mut self.talk else { return Ok(None) };
        Ok(match talk.hear(line)? {
            Heard::NotYet { code } => {
                self.scene.others.lock().outcome(code);
                None
            }
            Heard::No { asked, code, .. }
                if matches!(code, "too_many_requests_in_flight" | "rate_limited") =>
            {
                self.scene.others.lock().outcome(code);
                self.later.push((Instant::now() + LATER, asked));
                None
            }
            heard => Some(heard),
        })
    }

    /// The run is over: what never got an answer is counted.
    pub(super) fn end(&mut self) {
        self.lose();
        let unanswered = self.later.len() as u64;
        let counter = &self.scene.counters.unanswered;
        counter.fetch_add(unanswered, std::sync::atomic::Ordering::Relaxed);
    }
}
