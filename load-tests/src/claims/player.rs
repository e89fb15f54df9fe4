//! One buyer of the capacity run: claims as fast as its pace allows and keeps what it was told.
//! Owns the order of its claims; the histogram is everybody's.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, bail};
use hawker_protocol::request::RoomJoin;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::plan::Plan;
use crate::api::id;
use crate::line::{self, Line};
use crate::run::Target;
use crate::socket::Socket;
use crate::tally::{Counters, Tally};
use crate::token::Person;

/// A server that answers nothing for so long has lost a claim.
const SILENCE: Duration = Duration::from_secs(30);

/// What a phase wants of its claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    Accepted,
    Refused,
}

/// When a socket's claims are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    in_flight_max: usize,
    /// Between two claims of one socket; `None` in a closed loop.
    gap: Option<Duration>,
    began: Instant,
    sockets: usize,
}

impl Pace {
    pub(super) fn new(in_flight: usize, rate: Option<f64>, sockets: usize) -> Self {
        let gap = rate.map(|rate| Duration::from_secs_f64(sockets as f64 / rate.max(0.001)));
        // In an open loop only the server's own bound on requests in flight holds claims back.
        let in_flight_max = if gap.is_some() { 32 } else { in_flight };
        Self { in_flight_max, gap, began: Instant::now(), sockets }
    }

    pub(super) fn from(self, began: Instant) -> Self {
        Self { began, ..self }
    }

    /// When the claim of that number is meant to be sent; sockets are spread over one gap.
    fn due(&self, number: usize, claim: usize) -> Option<Instant> {
        let gap = self.gap?;
        let places = claim as f64 + number as f64 / self.sockets as f64;
        Some(self.began + gap.mul_f64(places))
    }
}

/// The answer to one claim: the reservation, `None` for one held before, or the refusal's code.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) claim: usize,
    pub(super) outcome: std::result::Result<Option<Box<str>>, &'static str>,
}

impl Told {
    pub(super) fn is_yes(&self) -> bool {
        self.outcome.is_ok()
    }
}

#[derive(Debug)]
pub(super) struct Player {
    pub(super) number: usize,
    pub(super) socket: Socket,
    last_id: u32,
}

struct InFlight {
    re: u32,
    claim: usize,
    intended: Instant,
}

/// One phase of one player.
struct Round {
    plan: Arc<Plan>,
    aim: Aim,
    pace: Pace,
    total: usize,
    next: usize,
    /// Answered `busy` or `retry`: sent again under the same command id.
    again: Vec<(usize, Instant)>,
    in_flight: Vec<InFlight>,
    told: Vec<Told>,
    lines: Vec<u8>,
    head: String,
}

impl Player {
    pub(super) async fn join(target: Arc<Target>, plan: Arc<Plan>, number: usize) -> Result<Self> {
        let user = plan.user(number);
        let person = Person::buyer(&user, plan.shop.as_str());
        let socket = target.connect(number, person).await;
        let mut socket = socket.with_context(|| format!("socket {number}"))?;
        let join = RoomJoin { shop: plan.shop.clone(), room: id(&plan.room(number))? };
        socket.ask(&join.into()).await?;
        // Hello and join had the ids before.
        Ok(Self { number, socket, last_id: 10 })
    }

    pub(super) async fn play(
        mut self,
        plan: Arc<Plan>,
        aim: Aim,
        total: usize,
        pace: Pace,
        tally: Arc<Tally>,
        counters: Arc<Counters>,
    ) -> Result<(Self, Vec<Told>)> {
        let shop = &plan.shop;
        let head = format!(
            ",\"type\":\"sale.claim\",\"shop\":\"{shop}\",\"room\":\"{}\"",
            plan.room(self.number)
        );
        let mut round = Round {
            aim,
            pace,
            total,
            head,
            plan,
            next: 0,
            again: Vec::new(),
            in_flight: Vec::new(),
            told: Vec::with_capacity(total),
            lines: Vec::new(),
        };
        let mut text = String::new();
        while round.told.len() < total {
            self.send(&mut round);
            self.wait(&round).await?;
            while self.socket.next(&mut text)? {
                round.on_frame(&text, &tally, &counters)?;
            }
        }
        Ok((self, round.told))
    }

    /// Sends whatever may be sent now, as one frame.
    fn send(&mut self, round: &mut Round) {
        let now = Instant::now();
        round.lines.clear();
        while round.in_flight.len() < round.pace.in_flight_max {
            let Some((claim, intended)) = round.take(self.number, now) else { break };
            self.last_id += 1;
            round.encode(self.last_id, self.number, claim);
            round.in_flight.push(InFlight { re: self.last_id, claim, intended });
        }
        if !round.lines.is_empty() {
            self.socket.queue_lines(&round.lines);
        }
    }

    /// Until there is something to read or to send.
    async fn wait(&mut self, round: &Round) -> Result<()> {
        let full = round.in_flight.len() >= round.pace.in_flight_max;
        let due = round.pace.due(self.number, round.next).filter(|_| round.next < round.total);
        match due.filter(|_| !full) {
            None => timeout(SILENCE, self.socket.fill()).await.context("no answer for 30 s")?,
            Some(due) => {
                self.socket.flush().await?;
                tokio::select! {
                    filled = self.socket.fill() => filled,
                    () = sleep_until(due) => Ok(()),
                }
            }
        }
    }
}

impl Round {
    /// The next claim to send, with the time it was meant to be sent at.
    fn take(&mut self, number: usize, now: Instant) -> Option<(usize, Instant)> {
        if let Some(again) = self.again.pop() {
            return Some(again);
        }
        if self.next >= self.total {
            return None;
        }
        let due = self.pace.due(number, self.next).unwrap_or(now);
        if due > now {
            return None;
        }
        self.next += 1;
        Some((self.next - 1, due))
    }

    fn encode(&mut self, re: u32, number: usize, claim: usize) {
        use std::io::Write as _;
        let command = self.plan.command(self.aim, number, claim);
        let (sale, sku) = self.plan.goods(self.aim, number, claim);
        let head = &self.head;
        // Writing to memory does not fail.
        let _ = writeln!(
            self.lines,
            "{{\"id\":{re}{head},\"command_id\":\"{command}\",\"sale\":\"{sale}\",\
             \"sku\":\"{sku}\",\"quantity\":1}}"
        );
    }

    fn on_frame(&mut self, frame: &str, tally: &Tally, counters: &Counters) -> Result<()> {
        let mut inner = tally.lock();
        for line in frame.lines() {
            match line::read(line)? {
                Line::Push { .. } => drop(counters.deliveries.fetch_add(1, Relaxed)),
                answer => self.on_answer(&answer, &mut inner)?,
            }
        }
        Ok(())
    }

    fn on_answer(&mut self, answer: &Line<'_>, tally: &mut crate::tally::Inner) -> Result<()> {
        let (re, code) = match answer {
            Line::Yes { re, .. } => (*re, None),
            Line::No { re: Some(re), code, .. } => (*re, Some(*code)),
            Line::No { re: None, line, .. } | Line::Push { line, .. } => {
                bail!("the server could not read a claim: {line}")
            }
        };
        let place = self.in_flight.iter().position(|waiting| waiting.re == re);
        let place = place.with_context(|| format!("an answer nobody waits for: {re}"))?;
        let InFlight { claim, intended, .. } = self.in_flight.swap_remove(place);
        if let Some(code @ ("busy" | "retry" | "timeout" | "unknown_outcome")) = code {
            tally.outcome(code);
            self.again.push((claim, intended));
            return Ok(());
        }
        tally.answered(code.unwrap_or("accepted"), intended);
        let outcome = match (answer, code) {
            (Line::Yes { line, .. }, _) => Ok(reservation(line)),
            (_, code) => Err(known(code.unwrap_or_default())),
        };
        self.told.push(Told { claim, outcome });
        Ok(())
    }
}

/// The reservation a reply names, unless the buyer held it before.
pub(crate) fn reservation(line: &str) -> Option<Box<str>> {
    if line.contains("\"existing\":true") {
        return None;
    }
    let start = "\"reservation\":\"";
    let from = line.find(start)? + start.len();
    let length = line[from..].find('"')?;
    Some(line[from..from + length].into())
}

/// The code as the protocol spells it, which costs no allocation for each refusal.
fn known(code: &str) -> &'static str {
    hawker_protocol::Code::parse(code).map_or("unknown", hawker_protocol::Code::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loop_spreads_its_sockets_over_the_gap_and_keeps_the_rate() {
        let pace = Pace::new(8, Some(1_000.0), 500);
        let at = |number, claim| pace.due(number, claim).unwrap() - pace.began;
        assert_eq!(at(0, 0), Duration::ZERO);
        assert_eq!(at(250, 0), Duration::from_millis(250));
        assert_eq!(at(0, 2), Duration::from_millis(1_000));
        assert_eq!(pace.in_flight_max, 32);
        assert!(Pace::new(8, None, 500).due(0, 0).is_none());
    }

    #[test]
    fn the_reservation_is_read_out_of_the_reply() {
        let line =
            r#"{"re":7,"ok":{"reservation":{"reservation":"v9","sale":"s"},"existing":false}}"#;
        assert_eq!(reservation(line).as_deref(), Some("v9"));
        let line =
            r#"{"re":7,"ok":{"reservation":{"reservation":"v9","sale":"s"},"existing":true}}"#;
        assert_eq!(reservation(line), None);
    }
}
