//! The connection of a viewer: gets in, goes on where the last one ended, and asks again what got
//! no answer, under its command id. Owns no behaviour of the viewer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};
use hawker_protocol::number::Count;
use hawker_protocol::request::{Hello, ResumeAt, RoomJoin};
use hawker_protocol::{Id, Request};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::progress::Mark;
use super::scene::{Scene, Stage};
use super::waves::Stay;
use crate::api::{id, list, text};
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
const PATIENCE: Duration = Duration::from_secs(20);

/// What an answer is about.
#[derive(Debug)]
pub(super) enum About {
    Hello(Mark),
    Join(Mark),
    Claim,
    Beat,
    Stop,
    Follow,
    /// The last one says what he has in the end.
    List {
        mark: Mark,
        is_last: bool,
    },
    Quote,
    Order,
    Cancel,
    /// Other coupons for an order; then perhaps the best ones again.
    Reprice {
        is_last: bool,
    },
}

/// Where a viewer stands in the room.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) epoch: String,
    pub(super) seq: u64,
    pub(super) presence: String,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) user: String,
    pub(super) chance: Chance,
    pub(super) scene: Arc<Scene>,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) place: Option<Place>,
    pub(super) stays: Vec<Stay>,
    number: usize,
    talk: Option<Talk<About>>,
    is_in: bool,
    commands: u64,
    /// To be asked, and when.
    later: Vec<(Instant, Asked<About>)>,
}

impl Link {
    pub(super) fn new(scene: Arc<Scene>, number: usize) -> Self {
        Self {
            user: format!("v{number}"),
            chance: Chance::branch(scene.seed, number as u64),
            stage: scene.stage.subscribe(),
            scene,
            place: None,
            stays: Vec::new(),
            number,
            talk: None,
            is_in: false,
            commands: 0,
            later: Vec::new(),
        }
    }

    pub(super) fn command(&mut self) -> Result<Id> {
        self.commands += 1;
        id(&format!("{}-{}-{}", self.scene.target.name, self.user, self.commands))
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Connects, again and again until it works, once the doors are open. `false`: the run is over.
    pub(super) async fn connect(&mut self, mark: Mark) -> Result<bool> {
        loop {
            let stage = *self.stage.wait_for(|stage| stage.over || !stage.doors_shut).await?;
            if stage.over {
                return Ok(false);
            }
            match timeout(PATIENCE, self.open()).await {
                Ok(Ok(socket)) => {
                    self.greet(socket, mark)?;
                    return Ok(true);
                }
                // The first time there is nothing to wait for.
                Ok(Err(error)) if self.place.is_none() => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
            let pause = self.chance.exponential(RETRY_MS).min(1_000.0);
            sleep(Duration::from_secs_f64(pause / 1_000.0)).await;
        }
    }

    async fn open(&self) -> Result<Socket> {
        let person = Person::buyer(&self.user, self.scene.shop.as_str());
        self.scene.target.upgrade(self.number, person).await
    }

    /// Says hello, and where he stood.
    fn greet(&mut self, socket: Socket, mark: Mark) -> Result<()> {
        let resume = match &self.place {
            None => Vec::new(),
            Some(place) => vec![ResumeAt {
                topic: self.scene.topic.clone(),
                epoch: text(&place.epoch)?,
                seq: Count(place.seq),
                presence: Some(text(&place.presence)?),
            }],
        };
        let hello = Hello { token: None, resume: list(resume)? };
        let mut talk = Talk::new(socket);
        talk.ask(hello.into(), Instant::now(), About::Hello(mark));
        (self.talk, self.is_in) = (Some(talk), false);
        Ok(())
    }

    pub(super) fn join(&mut self, mark: Mark) {
        let join = RoomJoin { shop: self.scene.shop.clone(), room: self.scene.room.clone() };
        if let Some(talk) = &mut self.talk {
            talk.ask(join.into(), Instant::now(), About::Join(mark));
        }
    }

    /// He is in the room, and what waited is asked now.
    pub(super) fn enter(&mut self, place: Place, is_continued: bool) {
        let now = Instant::now();
        let is_first = self.place.replace(place).is_none();
        let counters = &self.scene.counters;
        count(if is_first { &counters.inside } else { &counters.resumed });
        if is_continued {
            count(&counters.recovered);
        }
        self.stay_on(is_continued);
        self.is_in = true;
        self.later.iter_mut().for_each(|(due, _)| *due = now);
    }

    fn stay_on(&mut self, is_continued: bool) {
        let Some(place) = &self.place else { return };
        let (epoch, seq) = (Arc::from(place.epoch.as_str()), place.seq);
        let (from, until) = (Instant::now(), None);
        let stay = Stay { from, until, epoch, first_seq: seq, last_seq: seq, is_continued };
        self.stays.push(stay);
    }

    /// A push had this place in the room's sequence.
    pub(super) fn on_seq(&mut self, seq: u64) {
        self.stand_at(seq);
        if let Some(stay) = self.stays.last_mut().filter(|_| self.is_in) {
            stay.last_seq = seq;
        }
    }

    /// The server left out what he was too slow for.
    pub(super) fn on_gap(&mut self, to: u64) {
        if let Some(stay) = self.stays.last_mut().filter(|_| self.is_in) {
            stay.until = Some(Instant::now());
            self.stand_at(to);
            self.stay_on(false);
        }
    }

    fn stand_at(&mut self, seq: u64) {
        if let Some(place) = &mut self.place {
            place.seq = seq;
        }
    }

    pub(super) fn is_in(&self) -> bool {
        self.is_in
    }

    /// When he got in on this connection.
    pub(super) fn entered_at(&self) -> Option<Instant> {
        self.stays.last().map(|stay| stay.from)
    }

    pub(super) fn ask(&mut self, request: impl Into<Request>, intended: Instant, about: About) {
        let request = request.into();
        match &mut self.talk {
            Some(talk) if self.is_in => talk.ask(request, intended, about),
            Some(_) | None => self.later.push((intended, Asked { request, intended, about })),
        }
    }

    /// Gives the socket up, and keeps what it owes an answer to.
    pub(super) fn lose(&mut self) {
        let now = Instant::now();
        if let Some(stay) = self.stays.last_mut().filter(|_| self.is_in) {
            stay.until = Some(now);
        }
        self.is_in = false;
        let Some(talk) = self.talk.take() else { return };
        for asked in talk.into_unanswered() {
            if asked.request.command_id().is_some() {
                count(&self.scene.counters.asked_again);
                self.later.push((now, Asked { intended: now, ..asked }));
            }
        }
    }

    /// Waits for bytes, until `next` at the latest, and sends what is due.
    pub(super) async fn wait(&mut self, next: Option<Instant>) -> Result<()> {
        let talk = self.talk.as_mut().context("there is no connection")?;
        let later = self.later.iter().map(|(due, _)| *due).filter(|_| self.is_in).min();
        let next = talk.next_again().into_iter().chain(later).chain(next).min();
        let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        tokio::select! {
            biased;
            filled = talk.socket.fill() => filled?,
            () = sleep_until(next) => {}
            changed = self.stage.changed() => changed?,
        }
        let now = Instant::now();
        talk.send_again(now);
        if self.is_in {
            for (_, asked) in self.later.extract_if(.., |(due, _)| *due <= now) {
                talk.ask(asked.request, asked.intended, asked.about);
            }
        }
        Ok(())
    }

    /// The next frame, if one is there.
    pub(super) fn next(&mut self, text: &mut String) -> Result<bool> {
        self.talk.as_mut().map_or(Ok(false), |talk| talk.socket.next(text))
    }

    /// What a line means; nothing where it only asks for patience.
    pub(super) fn hear<'a>(&mut self, line: &'a str) -> Result<Option<Heard<'a, About>>> {
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
        self.scene.counters.unanswered.fetch_add(self.later.len() as u64, Relaxed);
    }
}
