//! One simulated viewer of the demo room: comes, watches, talks, wants what is on sale, pays or
//! forgets, and goes. Owns his agenda.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use hawker_protocol::number::{Likes, Quantity};
use hawker_protocol::object::{
    CampaignState, DrawState, ReleaseReason, ReservationState, Task, WaitingState,
};
use hawker_protocol::push::{
    CouponGranted, DrawWon, ReservationPush, RoomCoupon, RoomDraw, SaleOffer,
};
use hawker_protocol::reply::OrderChanged;
use hawker_protocol::request::{
    Basket, CouponChoice, CouponClaim, DrawAddress, DrawEnter, OrderPay, OrderPlace, RoomComment,
    RoomJoin, RoomLeave, RoomLike, RoomWatch, SaleClaim, SaleOfferAccept, SaleOfferDecline,
    SaleRemind, SaleWaitlist, ShopFollow,
};
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant, sleep_until};

use super::chat::{Chat, Plans, Word};
use super::crowd::{Crowd, Show};
use crate::agenda::{Agenda, HEARTBEAT};
use crate::api::{id, list, text};
use crate::chance::Chance;
use crate::claims::reservation;
use crate::line;
use crate::payments::Payment;
use crate::people;
use crate::talk::{Asked, Heard, Talk};
use crate::tally::count;
use crate::token::Person;

/// Of those in the room, how many want what is on sale.
const WANTS: f64 = 0.4;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Leave,
    Watch,
    Comment,
    Like,
    Follow,
    Remind(Id),
    Claim(Id, Id),
    Wait(Id, Id),
    Order(Id),
    Answer(Id, Id, bool),
    Coupon(Id),
    Enter(Id),
    Prize(Id),
    Chat(Word),
}

#[derive(Debug)]
pub(super) struct Viewer {
    name: String,
    chance: Chance,
    crowd: Arc<Crowd>,
    talk: Talk<Deed>,
    agenda: Agenda<Deed>,
    chat: Chat,
    tries: u32,
    /// The draws that he has thought about.
    draws: BTreeSet<Id>,
}

fn seconds(span: f64) -> Duration {
    Duration::from_secs_f64(span.clamp(0.0, 7_200.0))
}

impl Viewer {
    pub(super) async fn join(crowd: Arc<Crowd>, number: usize) -> Result<Self> {
        let mut chance = Chance::branch(crowd.seed, number as u64);
        let name = people::name(&mut chance).to_owned();
        let user = format!("{}-{}-{number}", name.to_lowercase(), crowd.target.name);
        let mut person = Person::buyer(&user, crowd.shop.as_str());
        person.name = Some(&name);
        let mut socket = crowd.target.connect(number, person).await?;
        let (shop, room) = (crowd.shop.clone(), crowd.room.clone());
        socket.ask(&RoomJoin { shop, room }.into()).await?;
        crowd.on_join();
        let (talk, agenda) = (Talk::new(socket), Agenda::new());
        let (chat, draws) = (Chat::default(), BTreeSet::new());
        let mut viewer = Self { name, chance, crowd, talk, agenda, chat, tries: 0, draws };
        viewer.settle_in();
        Ok(viewer)
    }

    fn settle_in(&mut self) {
        let writes = Chat::begin(&mut self.chance);
        let waits_for_answer = writes.is_some();
        self.plan(writes.into_iter().collect());
        // Four minutes on average; some stay for the evening, and so does who has asked something.
        let stay = match waits_for_answer || self.chance.happens(0.15) {
            true => self.chance.within(1_200.0, 3_600.0),
            false => self.chance.exponential(240.0).max(5.0),
        };
        self.after(stay, Deed::Leave);
        let first_beat = self.chance.within(1.0, 10.0);
        self.after(first_beat, Deed::Watch);
        let first_like = self.chance.exponential(45.0);
        self.after(first_like, Deed::Like);
        self.plan_comment();
        if self.chance.happens(0.1) {
            let when = self.chance.within(5.0, 60.0);
            self.after(when, Deed::Follow);
        }
    }

    fn after(&mut self, span: f64, deed: Deed) {
        self.agenda.plan(Instant::now() + seconds(span), deed);
    }

    fn plan(&mut self, words: Plans) {
        for (span, word) in words {
            self.after(span, Deed::Chat(word));
        }
    }

    fn plan_comment(&mut self) {
        let busy = self.crowd.show.borrow().is_some();
        let gap = self.chance.exponential(if busy { 60.0 } else { 240.0 });
        self.after(gap + 1.0, Deed::Comment);
    }

    /// Lives until he leaves, the audience ends or his connection does.
    pub(super) async fn live(mut self) {
        let ended = self.watch().await;
        self.crowd.on_leave();
        if let Err(error) = ended {
            self.crowd.small(format!("{} lost the connection: {error:#}", self.name));
        }
        self.talk.socket.close().await;
    }

    async fn watch(&mut self) -> Result<()> {
        let mut over = self.crowd.over.subscribe();
        let mut show = self.crowd.show.subscribe();
        let mut text = String::new();
        loop {
            let next = self.agenda.next_at().into_iter().chain(self.talk.next_again()).min();
            let next = next.unwrap_or_else(|| Instant::now() + HEARTBEAT);
            tokio::select! {
                biased;
                filled = self.talk.socket.fill() => filled?,
                () = sleep_until(next) => {
                    if self.act()? {
                        return Ok(());
                    }
                }
                changed = show.changed() => {
                    changed?;
                    let known = show.borrow_and_update().clone();
                    self.on_show(known);
                }
                _ = over.wait_for(|over| *over) => return Ok(()),
            }
            while self.talk.socket.next(&mut text)? {
                for line in text.lines() {
                    let heard = self.talk.hear(line)?;
                    self.on_heard(heard)?;
                }
            }
        }
    }

    fn on_show(&mut self, show: Option<Show>) {
        let Some(Show { sale, sku, start, end }) = show else { return };
        self.tries = 0;
        if self.chance.happens(0.3) {
            let when = self.chance.within(0.5, 4.0);
            self.after(when, Deed::Remind(sale.clone()));
        }
        if !self.chance.happens(WANTS) {
            return;
        }
        let span_ms = end.duration_since(start).as_secs_f64() * 1_000.0;
        let ms = crate::flash_sale::human_ms(&mut self.chance, span_ms);
        self.agenda.plan(crate::flash_sale::moment(start, ms), Deed::Claim(sale, sku));
    }

    /// Does everything that is due; whether he leaves.
    fn act(&mut self) -> Result<bool> {
        let now = Instant::now();
        self.talk.send_again(now);
        while let Some((at, deed)) = self.agenda.take_due(now) {
            if deed == Deed::Leave {
                return Ok(true);
            }
            let request = self.request(&deed)?;
            self.talk.ask(request, at, deed);
        }
        Ok(false)
    }

    fn request(&mut self, deed: &Deed) -> Result<Request> {
        let (shop, room) = (self.crowd.shop.clone(), self.crowd.room.clone());
        let command_id = id(&uuid::Uuid::now_v7().to_string())?;
        let (quantity, coupons) = (Quantity(1), CouponChoice::Best);
        Ok(match deed.clone() {
            Deed::Leave => RoomLeave { shop, room }.into(),
            Deed::Watch => {
                self.after(10.0, Deed::Watch);
                let (playing, visible, touched) = (true, true, false);
                let (position_ms, device) = (None, None);
                RoomWatch { shop, room, playing, visible, position_ms, touched, device }.into()
            }
            Deed::Comment => {
                self.plan_comment();
                let said = people::sentence(&mut self.chance);
                RoomComment { shop, command_id, room, text: text(said)? }.into()
            }
            Deed::Like => {
                let gap = self.chance.exponential(60.0);
                self.after(gap + 1.0, Deed::Like);
                let taps = self.chance.within(2.0, 10.0) as u32;
                self.crowd.figures.likes.fetch_add(u64::from(taps), Relaxed);
                RoomLike { shop, room, count: Likes(taps) }.into()
            }
            Deed::Chat(word) => self.chat.request(&word, &self.crowd, &mut self.chance)?,
            Deed::Follow => ShopFollow { shop, command_id }.into(),
            Deed::Remind(sale) => SaleRemind { shop, command_id, sale }.into(),
            Deed::Claim(sale, sku) => {
                count(&self.crowd.figures.claims);
                SaleClaim { shop, command_id, room, sale, sku, quantity, coupons }.into()
            }
            Deed::Wait(sale, sku) => {
                SaleWaitlist { shop, command_id, room, sale, sku, quantity }.into()
            }
            Deed::Order(held) => {
                let basket = Basket::Reservations(list(vec![held])?);
                let address = people::address(&self.name)?;
                OrderPlace { shop, command_id, basket, address, coupons, room: None }.into()
            }
            Deed::Coupon(campaign) => {
                CouponClaim { shop, command_id, campaign, room: Some(room) }.into()
            }
            Deed::Enter(draw) => DrawEnter { shop, command_id, draw }.into(),
            Deed::Prize(draw) => {
                let address = people::address(&self.name)?;
                DrawAddress { shop, command_id, draw, address }.into()
            }
            Deed::Answer(sale, sku, true) => SaleOfferAccept { shop, command_id, sale, sku }.into(),
            Deed::Answer(sale, sku, false) => {
                SaleOfferDecline { shop, command_id, sale, sku }.into()
            }
        })
    }

    fn on_heard(&mut self, heard: Heard<'_, Deed>) -> Result<()> {
        match heard {
            Heard::Push { kind, line } => self.on_push(&kind, line),
            Heard::Yes { asked, line } => self.on_yes(asked, line),
            Heard::No { asked, code, .. } => {
                self.on_no(asked.about, code);
                Ok(())
            }
            Heard::NotYet { .. } => Ok(()),
        }
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        let (crowd, name) = (&self.crowd, &self.name);
        match kind {
            "sale.offer" => {
                let offer: SaleOffer = line::push(line)?;
                if let WaitingState::Offered { .. } = offer.waiting.state {
                    count(&crowd.figures.offers);
                    crowd.small(format!("{name} was waiting and is offered a unit"));
                    let (at, takes) = (self.chance.within(1.0, 6.0), self.chance.happens(0.8));
                    let (sale, sku) = (offer.waiting.sale, offer.waiting.sku);
                    self.after(at, Deed::Answer(sale, sku, takes));
                }
            }
            "reservation.changed" => {
                let ReservationPush { reservation, .. } = line::push(line)?;
                if let ReservationState::Released { reason: ReleaseReason::Expired } =
                    reservation.state
                {
                    count(&crowd.figures.expired);
                    crowd.small(format!("{name} did not pay: the hold expired"));
                }
            }
            "room.coupon" | "coupon.granted" | "room.draw" | "draw.won" => {
                self.on_gift(kind, line)?;
            }
            _ => {
                let plans = self.chat.on_push(kind, line, &mut self.chance)?;
                self.plan(plans);
            }
        }
        Ok(())
    }

    /// A coupon or a draw: most like to have one.
    fn on_gift(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "room.coupon" => {
                let RoomCoupon { offer, shown } = line::push(line)?;
                let takes = offer.state == CampaignState::Open && offer.task == Task::None;
                if shown && takes && self.chance.happens(0.5) {
                    let at = self.chance.within(0.5, 8.0);
                    self.after(at, Deed::Coupon(offer.campaign));
                }
            }
            "coupon.granted" => {
                let CouponGranted { offer, .. } = line::push(line)?;
                let at = self.chance.within(1.0, 5.0);
                self.after(at, Deed::Coupon(offer.campaign));
            }
            "room.draw" => {
                let RoomDraw { draw } = line::push(line)?;
                let fresh =
                    draw.state == DrawState::Running && self.draws.insert(draw.draw.clone());
                if fresh && self.chance.happens(0.6) {
                    let at = self.chance.within(1.0, 20.0);
                    self.after(at, Deed::Enter(draw.draw));
                }
            }
            _ => {
                let DrawWon { draw, .. } = line::push(line)?;
                self.crowd.small(format!("{} won a prize", self.name));
                let at = self.chance.within(3.0, 15.0);
                self.after(at, Deed::Prize(draw));
            }
        }
        Ok(())
    }

    fn on_yes(&mut self, asked: Asked<Deed>, line: &str) -> Result<()> {
        let (crowd, name) = (Arc::clone(&self.crowd), self.name.clone());
        match asked.about {
            Deed::Comment => {
                count(&crowd.figures.comments);
                if let Request::RoomComment(comment) = &asked.request {
                    crowd.small(format!("{name}: {}", comment.text.as_str()));
                }
            }
            Deed::Follow => count(&crowd.figures.follows),
            Deed::Wait(..) => count(&crowd.figures.waiting),
            Deed::Coupon(_) => {
                count(&crowd.figures.coupons);
                crowd.small(format!("{name} has a coupon"));
            }
            Deed::Enter(_) => count(&crowd.figures.entries),
            Deed::Claim(..) | Deed::Answer(_, _, true) => {
                let Some(held) = reservation(line) else { return Ok(()) };
                count(&crowd.figures.held);
                crowd.small(format!("{name} holds a unit"));
                // One in ten forgets about it.
                if self.chance.happens(0.9) {
                    let at = self.chance.within(1.0, 8.0);
                    self.after(at, Deed::Order(id(&held)?));
                }
            }
            Deed::Chat(word) => {
                let around = (&*crowd, &mut self.chance);
                let plans = self.chat.on_yes(&word, line, around)?;
                self.plan(plans);
                if word == Word::Ask {
                    crowd.small(format!("{name} writes to the desk"));
                }
            }
            Deed::Order(_) => self.on_ordered(line::ok(line)?)?,
            _ => {}
        }
        Ok(())
    }

    /// At the payment page: most pay soon, some too late, some never.
    fn on_ordered(&mut self, changed: OrderChanged) -> Result<()> {
        let order = changed.order;
        if self.chance.happens(0.1) {
            return Ok(());
        }
        let now = Instant::now();
        if self.chance.happens(0.3) {
            let command_id = id(&uuid::Uuid::now_v7().to_string())?;
            let pay =
                OrderPay { shop: self.crowd.shop.clone(), command_id, order: order.order.clone() };
            self.talk.ask(pay.into(), now, Deed::Watch);
        }
        let wait = match self.chance.happens(0.06) {
            true => self.chance.within(40.0, 50.0),
            false => self.chance.within(2.0, 15.0),
        };
        // After the end nobody collects.
        let _ = self.crowd.payments.send(Payment { at: now + seconds(wait), order });
        Ok(())
    }

    fn on_no(&mut self, deed: Deed, code: &str) {
        match (deed, code) {
            (Deed::Claim(sale, sku), "too_early" | "presence_too_short") => {
                let start = self.crowd.show.borrow().as_ref().map(|show| show.start);
                let at = start.unwrap_or_else(Instant::now).max(Instant::now());
                let at = at + seconds(self.chance.within(0.1, 0.6));
                self.agenda.plan(at, Deed::Claim(sale, sku));
            }
            (Deed::Claim(sale, sku), "sold_out") => {
                count(&self.crowd.figures.sold_out);
                self.tries += 1;
                let at = self.chance.within(0.3, 3.0);
                if self.tries < 3 && self.chance.happens(0.4) {
                    self.after(at, Deed::Claim(sale, sku));
                } else if self.chance.happens(0.4) {
                    self.after(at, Deed::Wait(sale, sku));
                }
            }
            (_, _) => count(&self.crowd.figures.refused),
        }
    }
}
