//! One simulated buyer of a flash sale: watches, chats, presses the button, orders, pays or does
//! not. Owns his agenda; the times come from the schedule, the rules from the server.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use hawker_protocol::number::{Likes, Quantity};
use hawker_protocol::object::WaitingState;
use hawker_protocol::push::SaleOffer;
use hawker_protocol::reply::{Joined, OrderChanged};
use hawker_protocol::request::{
    Basket, CouponChoice, OrderPay, OrderPlace, RoomComment, RoomJoin, RoomLike, RoomWatch,
    SaleClaim, SaleOfferAccept, SaleOfferDecline, SaleWaitlist,
};
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant, sleep_until};

use super::scene::{Scene, Times};
use super::schedule::{self, Kind, Paying};
use crate::agenda::{Agenda, HEARTBEAT};
use crate::api::{id, list, text};
use crate::audit::Sequence;
use crate::chance::Chance;
use crate::claims::reservation;
use crate::line;
use crate::payments::Payment;
use crate::people;
use crate::talk::{Asked, Heard, Talk};
use crate::tally::count;
use crate::token::Person;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Claim,
    Wait,
    Order(Id),
    Answer { accept: bool },
    Comment,
    Like,
    Watch,
}

/// What an answer is about.
#[derive(Debug)]
enum About {
    Claim,
    Wait,
    Offer,
    Order,
    Payment,
    Talk,
}

#[derive(Debug)]
pub(super) struct Buyer {
    user: String,
    node: usize,
    kind: Kind,
    chance: Chance,
    scene: Arc<Scene>,
    talk: Talk<About>,
    agenda: Agenda<Deed>,
    commands: u64,
    has_waited: bool,
    paying: Paying,
    /// Only some look closely: reading every push of a room costs more than sending it.
    sequence: Option<Sequence>,
}

impl Buyer {
    /// Connects and joins the room; from then on he watches.
    pub(super) async fn join(scene: Arc<Scene>, number: usize, intended: Instant) -> Result<Self> {
        let user = format!("b{number}");
        let person = Person::buyer(&user, scene.shop.as_str());
        let mut socket = scene.target.connect(number, person).await?;
        let join = RoomJoin { shop: scene.shop.clone(), room: scene.room.clone() };
        let joined = socket.ask(&join.into()).await?;
        scene.joins.lock().answered("joined", intended);
        count(&scene.counters.joined);
        let sequence = match scene.looks_closely(number) {
            true => Some(Sequence::after(line::ok::<Joined>(&joined)?.snapshot.seq)),
            false => None,
        };
        let mut chance = Chance::branch(scene.seed, number as u64);
        let kind = if number < scene.bots { Kind::Bot } else { Kind::Human };
        let heartbeat = HEARTBEAT.mul_f64(chance.unit());
        let mut buyer = Self {
            user,
            node: number % scene.claims_of.len(),
            kind,
            chance,
            scene,
            talk: Talk::new(socket),
            agenda: Agenda::new(),
            commands: 0,
            has_waited: false,
            paying: Paying::Never,
            sequence,
        };
        let now = Instant::now();
        buyer.agenda.plan(now + heartbeat, Deed::Watch);
        if kind == Kind::Human {
            buyer.plan_comment(now);
            let like = schedule::like_gap(&mut buyer.chance);
            buyer.agenda.plan(now + like, Deed::Like);
        }
        Ok(buyer)
    }

    fn plan_comment(&mut self, now: Instant) {
        let busy = self.scene.times.borrow().is_some();
        let gap = schedule::comment_gap(&mut self.chance, self.scene.buyers, busy);
        self.agenda.plan(now + gap, Deed::Comment);
    }

    /// Lives until the run is over. A lost connection is counted, and ends him.
    pub(super) async fn live(mut self) {
        if let Err(error) = self.watch().await {
            self.scene.on_lost(&self.user, &error);
        }
        let unanswered = self.talk.into_unanswered();
        let commands = unanswered.iter().filter(|asked| asked.request.command_id().is_some());
        self.scene.counters.unanswered.fetch_add(commands.count() as u64, Relaxed);
    }

    async fn watch(&mut self) -> Result<()> {
        let mut over = self.scene.over.subscribe();
        let mut times = self.scene.times.subscribe();
        let mut text = String::new();
        loop {
            let next = self.agenda.next_at().into_iter().chain(self.talk.next_again()).min();
            let next = next.unwrap_or_else(|| Instant::now() + HEARTBEAT);
            tokio::select! {
                biased;
                filled = self.talk.socket.fill() => filled?,
                () = sleep_until(next) => self.act()?,
                changed = times.changed() => {
                    changed?;
                    let known = *times.borrow_and_update();
                    if let Some(times) = known {
                        self.plan_claims(times);
                    }
                }
                _ = over.wait_for(|over| *over) => return Ok(()),
            }
            while self.talk.socket.next(&mut text)? {
                self.on_frame(&text)?;
            }
        }
    }

    fn plan_claims(&mut self, times: Times) {
        let offset = |ms| schedule::moment(times.start, ms);
        match self.kind {
            Kind::Bot => {
                for ms in schedule::bot_ms(&mut self.chance) {
                    self.agenda.plan(offset(ms), Deed::Claim);
                }
            }
            Kind::Human => {
                let span_ms = times.end.duration_since(times.start).as_secs_f64() * 1_000.0;
                let ms = schedule::human_ms(&mut self.chance, span_ms);
                self.agenda.plan(offset(ms), Deed::Claim);
            }
        }
    }

    /// Does everything that is due.
    fn act(&mut self) -> Result<()> {
        let now = Instant::now();
        self.talk.send_again(now);
        while let Some((at, deed)) = self.agenda.take_due(now) {
            self.perform(at, deed)?;
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Id> {
        self.commands += 1;
        id(&format!("{}-{}-{}", self.scene.target.name, self.user, self.commands))
    }

    fn perform(&mut self, at: Instant, deed: Deed) -> Result<()> {
        let shop = self.scene.shop.clone();
        let (room, sale, sku) =
            (self.scene.room.clone(), self.scene.sale.clone(), self.scene.sku.clone());
        let (quantity, coupons) = (Quantity(1), CouponChoice::Best);
        let (request, about): (Request, About) = match deed {
            Deed::Claim => {
                count(&self.scene.counters.sent);
                let command_id = self.command()?;
                let claim = SaleClaim { shop, command_id, room, sale, sku, quantity, coupons };
                (claim.into(), About::Claim)
            }
            Deed::Wait => {
                let command_id = self.command()?;
                let wait = SaleWaitlist { shop, command_id, room, sale, sku, quantity };
                (wait.into(), About::Wait)
            }
            Deed::Order(reservation) => {
                let command_id = self.command()?;
                let basket = Basket::Reservations(list(vec![reservation])?);
                let address = people::address(&self.user)?;
                let place = OrderPlace { shop, command_id, basket, address, coupons, room: None };
                (place.into(), About::Order)
            }
            Deed::Answer { accept: true } => {
                let command_id = self.command()?;
                (SaleOfferAccept { shop, command_id, sale, sku }.into(), About::Offer)
            }
            Deed::Answer { accept: false } => {
                let command_id = self.command()?;
                (SaleOfferDecline { shop, command_id, sale, sku }.into(), About::Talk)
            }
            Deed::Comment => {
                self.plan_comment(at);
                count(&self.scene.counters.comments);
                let (command_id, words) = (self.command()?, people::sentence(&mut self.chance));
                let comment = RoomComment { shop, command_id, room, text: text(words)? };
                (comment.into(), About::Talk)
            }
            Deed::Like => {
                let gap = schedule::like_gap(&mut self.chance);
                self.agenda.plan(at + gap, Deed::Like);
                self.scene.counters.likes.fetch_add(10, Relaxed);
                (RoomLike { shop, room, count: Likes(10) }.into(), About::Talk)
            }
            Deed::Watch => {
                self.agenda.plan(at + HEARTBEAT, Deed::Watch);
                let (playing, visible, touched) = (true, true, false);
                let (position_ms, device) = (None, None);
                let watch =
                    RoomWatch { shop, room, playing, visible, position_ms, touched, device };
                (watch.into(), About::Talk)
            }
        };
        self.talk.ask(request, at, about);
        Ok(())
    }

    fn on_frame(&mut self, frame: &str) -> Result<()> {
        for line in frame.lines() {
            match self.talk.hear(line)? {
                Heard::Push { kind, line } => self.on_push(&kind, line)?,
                Heard::Yes { asked, line } => self.on_yes(asked, line)?,
                Heard::No { asked, code, .. } => self.on_no(&asked, code),
                Heard::NotYet { code } => self.scene.claims.lock().outcome(code),
            }
        }
        Ok(())
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        count(&self.scene.counters.deliveries);
        if kind == "sale.offer" {
            let offer: SaleOffer = line::push(line)?;
            if let WaitingState::Offered { .. } = offer.waiting.state {
                self.on_offer();
            }
        } else if let Some(sequence) = &mut self.sequence
            && kind.starts_with("room.")
        {
            self.scene.seen.on_push(line, sequence);
        }
        Ok(())
    }

    /// Eight in ten take it, one declines, one does not notice.
    fn on_offer(&mut self) {
        count(&self.scene.counters.offers);
        let at = Instant::now() + Duration::from_secs_f64(self.chance.within(0.2, 2.5));
        match self.chance.unit() {
            ..0.8 => self.agenda.plan(at, Deed::Answer { accept: true }),
            ..0.9 => self.agenda.plan(at, Deed::Answer { accept: false }),
            _ => {}
        }
    }

    fn on_yes(&mut self, asked: Asked<About>, line: &str) -> Result<()> {
        let Asked { request, intended, about } = asked;
        let made =
            matches!(about, About::Claim | About::Offer).then(|| reservation(line)).flatten();
        let outcome = match (&about, &made) {
            (About::Claim, None) => "existing",
            (_, _) => "accepted",
        };
        match about {
            About::Claim => self.scene.on_claim(self.node, outcome, intended),
            _ => self.scene.others.lock().answered(request.type_name(), intended),
        }
        if let Some(command) = request.command_id() {
            self.scene.on_accepted(&self.user, command, &request, made.as_deref());
        }
        match (about, made) {
            (About::Claim | About::Offer, Some(made)) => self.on_held(&made)?,
            (About::Order, _) => self.on_ordered(line::ok(line)?),
            (_, _) => {}
        }
        Ok(())
    }

    /// Units are his for a while: does he order?
    fn on_held(&mut self, made: &str) -> Result<()> {
        count(&self.scene.counters.accepted);
        let reservation = id(made)?;
        let at = Instant::now() + Duration::from_secs_f64(self.chance.within(0.1, 1.0));
        self.paying = schedule::paying(&mut self.chance);
        if self.paying != Paying::Forgets {
            self.agenda.plan(at, Deed::Order(reservation));
        }
        Ok(())
    }

    fn on_ordered(&mut self, changed: OrderChanged) {
        count(&self.scene.counters.orders);
        let order = changed.order;
        let Paying::After(share) = self.paying else { return };
        let (now, hold) = (Instant::now(), self.scene.hold);
        if share < 1.0 && self.chance.happens(0.3) {
            let shop = self.scene.shop.clone();
            if let Ok(command_id) = self.command() {
                let pay = OrderPay { shop, command_id, order: order.order.clone() };
                self.talk.ask(pay.into(), now, About::Payment);
            }
        }
        self.scene.pay(Payment { at: now + hold.mul_f64(share), order });
    }

    fn on_no(&mut self, asked: &Asked<About>, code: &str) {
        if let Some(command) = asked.request.command_id() {
            self.scene.on_refused(&self.user, command, code);
        }
        if !matches!(asked.about, About::Claim) {
            return self.scene.others.lock().answered(code, asked.intended);
        }
        self.scene.on_claim(self.node, code, asked.intended);
        count(&self.scene.counters.refused);
        if self.kind == Kind::Bot {
            return;
        }
        let now = Instant::now();
        let start = (*self.scene.times.borrow()).map_or(now, |times| times.start);
        match code {
            // Who came too early presses again as soon as it begins.
            "too_early" | "presence_too_short" => {
                let at = start.max(now) + Duration::from_secs_f64(self.chance.within(0.05, 0.4));
                self.agenda.plan(at, Deed::Claim);
            }
            "sold_out" if schedule::tries_again(&mut self.chance) => {
                let at = now + Duration::from_secs_f64(self.chance.within(0.2, 2.0));
                self.agenda.plan(at, Deed::Claim);
            }
            "sold_out" if !self.has_waited && self.chance.happens(0.5) => {
                self.has_waited = true;
                let at = now + Duration::from_secs_f64(self.chance.within(0.1, 1.0));
                self.agenda.plan(at, Deed::Wait);
            }
            _ => {}
        }
    }
}
