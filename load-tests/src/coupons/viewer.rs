//! One simulated viewer of a room with coupons: watches, follows, presses buttons when he is shown
//! something, and remembers all that he was told. Owns his agenda; what he does at the till is
//! `till`'s.

use std::sync::Arc;

use anyhow::{Result, bail};
use hawker_protocol::Id;
use hawker_protocol::Request;
use hawker_protocol::object::{Coupon, CouponHolder, CouponState, Me, Order};
use hawker_protocol::push::{CouponChanged, CouponProgress, RoomCoupon};
use hawker_protocol::reply::{CouponClaimed, Coupons, Joined, Resumed, Welcome};
use hawker_protocol::request::{CouponClaim, CouponList, RoomWatch, ShopFollow};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep};

use super::link::{About, Link, Place};
use super::plan::{CAMPAIGNS, FANS, WATCH, number_of};
use super::progress::Mark;
use super::scene::Scene;
use super::schedule::{self, LAST_DEED, Press};
use super::story::Story;
use super::till::Till;
use super::waves::Vouch;
use crate::agenda::{Agenda, HEARTBEAT};
use crate::api::id;
use crate::audit::Sequence;
use crate::line;
use crate::talk::{Asked, Heard};
use crate::tally::count;

/// How long a heartbeat counts.
const VOUCHES: Duration = Duration::from_millis(hawker_protocol::limits::WATCH_COUNTS_MS);
/// Somebody who is at the till presses no button.
const BUSY: Duration = Duration::from_millis(200);
/// Presses of one button that were meant as such.
const PRESSES_MAX: u8 = 3;
/// One in so many looks closely at every push.
const LOOKERS: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Beat,
    Stop { is_hidden: bool },
    Go,
    Press(usize),
    Again { command: Id, campaign: usize },
    Shop,
    List,
}

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) link: Link,
    pub(super) agenda: Agenda<Deed>,
    pub(super) till: Till,
    pub(super) story: Story,
    /// His coupons, over ones too.
    pub(super) coupons: Vec<Coupon>,
    /// How often something about his coupons changed.
    pub(super) changes: u64,
    /// Claims without an answer.
    pub(super) open_claims: u32,
    pressed: [u8; CAMPAIGNS.len()],
    is_playing: bool,
    looks: Option<Sequence>,
    has_planned: bool,
    has_listed: bool,
    drops: u32,
}

impl Viewer {
    pub(super) fn new(scene: Arc<Scene>, number: usize) -> Self {
        let link = Link::new(scene, number);
        let story = Story { user: link.user.clone(), ..Story::default() };
        Self {
            link,
            agenda: Agenda::new(),
            till: Till::default(),
            story,
            coupons: Vec::new(),
            changes: 0,
            open_claims: 0,
            pressed: [0; CAMPAIGNS.len()],
            is_playing: true,
            looks: number.is_multiple_of(LOOKERS).then(Sequence::default),
            has_planned: false,
            has_listed: false,
            drops: 0,
        }
    }

    /// Tells `inside` when he is in for the first time, and lives until the run is over.
    pub(super) async fn live(mut self, inside: mpsc::UnboundedSender<Result<()>>) {
        let mut inside = Some(inside);
        let mut text = String::new();
        loop {
            match self.link.connect(self.story.shown.mark()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let told = inside.take().map(|inside| inside.send(Err(error)));
                    debug_assert!(told.is_some(), "he was in before");
                    return;
                }
            }
            let attended = self.attend(&mut inside, &mut text).await;
            let stage = self.link.stage();
            if let Err(error) = attended
                && !stage.doors_shut
                && !stage.over
            {
                self.link.scene.on_lost(&self.link.user, &error);
            }
            self.on_gone(stage.doors_shut);
            if stage.over {
                break;
            }
            sleep(schedule::back_after(&mut self.link.chance)).await;
        }
        self.link.end();
        self.story.stays = std::mem::take(&mut self.link.stays);
        let scene = Arc::clone(&self.link.scene);
        scene.stories().push(self.story);
    }

    /// What vouched for him is lost with the process that knew it.
    fn on_gone(&mut self, was_killed: bool) {
        let now = Instant::now();
        self.link.lose();
        self.till.on_gone();
        if was_killed {
            for vouch in &mut self.story.vouched {
                vouch.until = vouch.until.min(now);
            }
        }
    }

    /// Stays on one socket as long as it lasts.
    async fn attend(
        &mut self,
        inside: &mut Option<mpsc::UnboundedSender<Result<()>>>,
        text: &mut String,
    ) -> Result<()> {
        loop {
            let stage = self.link.stage();
            if stage.over {
                return Ok(());
            }
            if std::mem::replace(&mut self.drops, stage.drops) != stage.drops {
                count(&self.link.scene.counters.dropped);
                return Ok(());
            }
            if self.link.is_in()
                && let Some(inside) = inside.take()
            {
                // Who waits for it gave up if it has gone.
                let _ = inside.send(Ok(()));
            }
            if let Some(began) = stage.began.filter(|_| !self.has_planned) {
                self.has_planned = true;
                self.plan(began);
            }
            if stage.listing && self.link.is_in() && !self.has_listed {
                self.has_listed = true;
                self.list(true);
            }
            let may_act = !stage.resting && self.link.is_in();
            let next = self.agenda.next_at().filter(|_| may_act);
            self.link.wait(next).await?;
            if may_act {
                // Nobody presses a button before he is back.
                let back = self.link.entered_at();
                while let Some((at, deed)) = self.agenda.take_due(Instant::now()) {
                    self.act(deed, back.map_or(at, |back| at.max(back)))?;
                }
            }
            while self.link.next(text)? {
                for line in text.lines() {
                    self.on_line(line)?;
                }
            }
        }
    }

    fn plan(&mut self, began: Instant) {
        let run = self.link.scene.run;
        let chance = &mut self.link.chance;
        if let Some((at, span, is_hidden)) = schedule::break_of(chance) {
            let at = began + run.mul_f64(at);
            self.agenda.plan(at, Deed::Stop { is_hidden });
            self.agenda.plan(at + span, Deed::Go);
        }
        if chance.happens(0.3) {
            let at = began + run.mul_f64(chance.within(0.3, 0.9));
            self.agenda.plan(at, Deed::List);
        }
        // Some try what is not for them, or not done yet.
        for (campaign, share) in [(FANS, 0.05), (WATCH, 0.1)] {
            if chance.happens(share) {
                let at = began + run.mul_f64(chance.within(0.02, 0.3));
                self.agenda.plan(at, Deed::Press(campaign));
            }
        }
        if chance.happens(0.04) {
            let at = began + run.mul_f64(chance.within(0.1, 0.8));
            self.agenda.plan(at, Deed::Shop);
        }
    }

    fn is_late(&self) -> bool {
        let scene = &self.link.scene;
        let began = self.link.stage().began;
        began.is_some_and(|began| began.elapsed() > scene.run.mul_f64(LAST_DEED))
    }

    fn act(&mut self, deed: Deed, at: Instant) -> Result<()> {
        match deed {
            Deed::Beat => {
                if self.is_playing {
                    self.watch(true, true, at);
                }
                self.agenda.plan(at + HEARTBEAT, Deed::Beat);
            }
            Deed::Stop { is_hidden } => {
                self.is_playing = false;
                self.watch(is_hidden, !is_hidden, at);
            }
            Deed::Go => {
                self.is_playing = true;
                self.watch(true, true, at);
            }
            Deed::Press(_) | Deed::Again { .. } | Deed::Shop if self.is_late() => {}
            Deed::Press(_) | Deed::Again { .. } if self.till.is_shopping() => {
                self.agenda.plan(Instant::now() + BUSY, deed);
            }
            Deed::Press(campaign) => self.press(campaign, at)?,
            Deed::Again { command, campaign } => self.claim(command, campaign, at)?,
            Deed::Shop => self.shop(at)?,
            Deed::List => self.list(false),
        }
        Ok(())
    }

    fn watch(&mut self, playing: bool, visible: bool, at: Instant) {
        let scene = &self.link.scene;
        let watch = RoomWatch {
            shop: scene.shop.clone(),
            room: scene.room.clone(),
            playing,
            visible,
            position_ms: None,
            touched: false,
            device: None,
        };
        let watches = playing && visible;
        if !watches {
            let now = Instant::now();
            for vouch in &mut self.story.vouched {
                vouch.until = vouch.until.min(now);
            }
        }
        self.link.ask(watch, at, if watches { About::Beat } else { About::Stop });
    }

    fn list(&mut self, is_last: bool) {
        let scene = &self.link.scene;
        let room = Some(scene.room.clone()).filter(|_| !is_last);
        let list = CouponList { shop: scene.shop.clone(), room, cursor: None, limit: None };
        let mark = self.story.shown.mark();
        self.link.ask(list, Instant::now(), About::List { mark, is_last });
    }

    fn press(&mut self, campaign: usize, at: Instant) -> Result<()> {
        if self.pressed[campaign] >= PRESSES_MAX {
            return Ok(());
        }
        self.pressed[campaign] += 1;
        let command = self.link.command()?;
        self.claim(command.clone(), campaign, at)?;
        match schedule::press(&mut self.link.chance) {
            Press::Once => {}
            Press::Twice => self.claim(command, campaign, at)?,
            Press::Again { after } => {
                self.agenda.plan(at + after, Deed::Again { command, campaign });
            }
            Press::More => {
                let command = self.link.command()?;
                self.claim(command, campaign, at)?;
            }
        }
        Ok(())
    }

    fn claim(&mut self, command_id: Id, campaign: usize, at: Instant) -> Result<()> {
        let scene = &self.link.scene;
        let (shop, room) = (scene.shop.clone(), Some(scene.room.clone()));
        let campaign = id(CAMPAIGNS[campaign])?;
        self.open_claims += 1;
        self.link.ask(CouponClaim { shop, command_id, campaign, room }, at, About::Claim);
        Ok(())
    }

    fn react(&mut self, campaign: usize) {
        let at = Instant::now() + schedule::reaction(&mut self.link.chance);
        self.agenda.plan(at, Deed::Press(campaign));
    }
}

/// What he hears.
impl Viewer {
    fn on_line(&mut self, line: &str) -> Result<()> {
        match self.link.hear(line)? {
            Some(Heard::Push { kind, line }) => self.on_push(&kind, line)?,
            Some(Heard::Yes { asked, line }) => self.on_yes(asked, line)?,
            Some(Heard::No { asked, code, line }) => self.on_no(&asked, code, line)?,
            Some(Heard::NotYet { .. }) | None => {}
        }
        Ok(())
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        count(&self.link.scene.counters.heard);
        if let Some(looks) = &mut self.looks
            && kind.starts_with("room.")
        {
            self.link.scene.seen.on_push(line, looks);
        }
        if let (Some(place), Some(seq)) = (&mut self.link.place, seq_of(kind, line)) {
            place.seq = seq;
        }
        match kind {
            "room.coupon" => self.on_room_coupon(line)?,
            "coupon.offered" => self.on_offered(line),
            "coupon.granted" => {
                count(&self.link.scene.counters.granted);
                if let Some(campaign) = campaign_in(line) {
                    self.react(campaign);
                }
            }
            "coupon.progress" => {
                count(&self.link.scene.counters.progress);
                self.story.shown.on_push(&line::push::<CouponProgress>(line)?.progress);
            }
            "coupon.changed" => self.on_coupon(line::push::<CouponChanged>(line)?.coupon),
            _ => {}
        }
        Ok(())
    }

    fn on_room_coupon(&mut self, line: &str) -> Result<()> {
        if self.looks.is_some() {
            let RoomCoupon { offer, .. } = line::push(line)?;
            let campaign = offer.campaign.to_string();
            let known = self.story.left.entry(campaign).or_insert((offer.version, offer.left));
            if known.0 <= offer.version {
                *known = (offer.version, offer.left);
            }
        }
        if line.contains("\"shown\":true")
            && let Some(campaign) = campaign_in(line)
        {
            count(&self.link.scene.counters.shown);
            self.on_shown(campaign, false);
        }
        Ok(())
    }

    fn on_offered(&mut self, line: &str) {
        count(&self.link.scene.counters.offered);
        if self.story.follows_since.is_none() {
            let user = &self.link.user;
            let say = || format!("{user} follows nobody and was shown what is for followers");
            self.link.scene.told().add(say);
        }
        if let Some(campaign) = campaign_in(line) {
            self.on_shown(campaign, true);
        }
    }

    fn on_shown(&mut self, campaign: usize, followers: bool) {
        let Some((wave, sent)) = self.link.scene.wave_of(campaign, followers) else {
            let user = &self.link.user;
            let say = || format!("{user} was shown {}, which nobody showed", CAMPAIGNS[campaign]);
            return self.link.scene.told().add(say);
        };
        let times = self.story.waves.entry(wave).or_default();
        *times += 1;
        if *times == 1 {
            self.link.scene.latency().record_since(sent);
            self.react(campaign);
        }
    }

    /// One of his coupons, as somebody told it. That an order took it he knows by the order.
    pub(super) fn on_coupon(&mut self, coupon: Coupon) {
        let known = self.coupons.iter_mut().find(|known| known.coupon == coupon.coupon);
        if known.as_ref().is_some_and(|known| known.version >= coupon.version) {
            return;
        }
        let is_ordered = matches!(coupon.state, CouponState::Locked { .. });
        self.changes += u64::from(!is_ordered);
        match known {
            Some(known) => *known = coupon,
            None => self.coupons.push(coupon),
        }
    }

    /// An order has taken these, whenever the push about it comes.
    pub(super) fn on_locked(&mut self, order: &Order) {
        let used = order.quote.iter().flat_map(|quote| &quote.coupons);
        for used in used {
            let by = CouponHolder::Order(order.order.clone());
            let known = self.coupons.iter_mut().find(|known| known.coupon == used.coupon);
            if let Some(known) = known.filter(|known| known.state == CouponState::Claimed) {
                known.state = CouponState::Locked { by };
            }
        }
    }

    /// All that is his own, after a join or a resume.
    fn on_me(&mut self, me: Me, mark: &Mark) {
        self.story.shown.on_answer(&me.progress, mark);
        me.coupons.into_iter().for_each(|coupon| self.on_coupon(coupon));
        for campaign in me.granted.iter().filter_map(|granted| number_of(granted.as_str())) {
            if self.pressed[campaign] == 0 && self.has_planned {
                self.react(campaign);
            }
        }
    }

    fn on_yes(&mut self, asked: Asked<About>, line: &str) -> Result<()> {
        let Asked { request, intended, about } = asked;
        match about {
            About::Hello(mark) => return self.on_welcome(line::ok(line)?, &mark),
            About::Join(mark) => return self.on_joined(line::ok(line)?, &mark),
            About::Claim => return self.on_claimed(&request, intended, line::ok(line)?),
            About::Beat => {
                let now = Instant::now();
                self.story.vouched.push(Vouch { from: now, until: intended + VOUCHES });
            }
            About::Stop => {}
            About::Follow => self.story.follows_since = Some(Instant::now()),
            About::List { mark, is_last } => self.on_list(line::ok(line)?, &mark, is_last),
            about @ (About::Quote | About::Order | About::Cancel | About::Reprice { .. }) => {
                return self.on_till(&request, intended, &about, line);
            }
        }
        self.link.scene.others.lock().answered(request.type_name(), intended);
        Ok(())
    }

    fn on_welcome(&mut self, welcome: Welcome, mark: &Mark) -> Result<()> {
        let topic = &self.link.scene.topic;
        let resumed = welcome.resumed.into_iter().find(|resumed| resumed.topic == *topic);
        match resumed {
            Some(resumed) if resumed.error.is_none() => self.on_resumed(resumed, mark)?,
            Some(_) | None => self.link.join(mark.clone()),
        }
        Ok(())
    }

    fn on_resumed(&mut self, resumed: Resumed, mark: &Mark) -> Result<()> {
        let before = self.link.place.clone();
        let presence = resumed.presence.or(before.map(|before| before.presence));
        let place = Place {
            epoch: resumed.epoch,
            seq: resumed.seq,
            presence: presence.unwrap_or_default(),
        };
        if let (Some(looks), false) = (&mut self.looks, resumed.recovered) {
            *looks = Sequence::after(resumed.seq);
        }
        for missed in &resumed.missed {
            let Some(kind) = field(missed.get(), "type") else { continue };
            self.on_push(&kind.to_owned(), missed.get())?;
        }
        if let Some(snapshot) = &resumed.snapshot {
            self.check_offers(snapshot.get());
        }
        self.link.enter(place, resumed.recovered);
        if let Some(me) = resumed.me {
            self.on_me(me, mark);
        }
        self.arrive();
        Ok(())
    }

    fn on_joined(&mut self, joined: Joined, mark: &Mark) -> Result<()> {
        let Joined { presence, me, snapshot } = joined;
        if let Some(looks) = &mut self.looks {
            *looks = Sequence::after(snapshot.seq);
        }
        let is_first = self.link.place.is_none();
        self.link.enter(Place { epoch: snapshot.epoch, seq: snapshot.seq, presence }, false);
        self.on_me(me, mark);
        if is_first {
            self.agenda.plan(Instant::now() + HEARTBEAT, Deed::Beat);
            if self.link.chance.happens(0.3) {
                let (shop, command_id) = (self.link.scene.shop.clone(), self.link.command()?);
                self.link.ask(ShopFollow { shop, command_id }, Instant::now(), About::Follow);
            }
        }
        self.arrive();
        Ok(())
    }

    /// The page is in front and the player plays, or not.
    fn arrive(&mut self) {
        let is_playing = self.is_playing;
        self.watch(is_playing, true, Instant::now());
    }

    /// A snapshot has the campaigns that can be claimed from.
    fn check_offers(&self, snapshot: &str) {
        let opened = self.link.stage().began.is_some_and(|began| began.elapsed().as_secs() >= 1);
        if opened && !snapshot.contains("\"campaign\":\"plain\"") {
            let user = &self.link.user;
            let say = || format!("{user} came back to a snapshot without an open campaign");
            self.link.scene.told().add(say);
        }
    }

    fn on_claimed(
        &mut self,
        request: &Request,
        intended: Instant,
        claimed: CouponClaimed,
    ) -> Result<()> {
        let scene = Arc::clone(&self.link.scene);
        self.open_claims = self.open_claims.saturating_sub(1);
        scene.claims.lock().answered("accepted", intended);
        let command = request.command_id().map(Id::as_str).unwrap_or_default();
        let is_new = scene.told().on_claimed(&self.link.user, command, &claimed.coupon);
        if is_new {
            count(&scene.counters.claimed);
            let at = Instant::now() + schedule::browse(&mut self.link.chance);
            self.agenda.plan(at, Deed::Shop);
        }
        self.on_coupon(claimed.coupon);
        Ok(())
    }

    fn on_list(&mut self, coupons: Coupons, mark: &Mark, is_last: bool) {
        self.story.shown.on_answer(&coupons.progress, mark);
        if is_last {
            count(&self.link.scene.counters.listed);
            self.story.in_hand = Some(coupons.coupons);
        } else {
            coupons.coupons.into_iter().for_each(|coupon| self.on_coupon(coupon));
        }
    }

    fn on_no(&mut self, asked: &Asked<About>, code: &str, line: &str) -> Result<()> {
        let scene = Arc::clone(&self.link.scene);
        let Asked { request, intended, about } = asked;
        if let Some(command) = request.command_id() {
            scene.told().on_refused(&self.link.user, command.as_str(), code);
        }
        match about {
            About::Hello(_) | About::Join(_) => {
                bail!("{} was refused: {line}", request.type_name())
            }
            About::Claim => {
                self.open_claims = self.open_claims.saturating_sub(1);
                count(&scene.counters.refused);
                scene.claims.lock().answered(code, *intended);
                self.on_claim_refused(request, code, line);
            }
            About::Quote | About::Order | About::Cancel | About::Reprice { .. } => {
                scene.others.lock().answered(&format!("{} {code}", request.type_name()), *intended);
                self.on_till_refused(request, about, code, line);
            }
            About::Beat | About::Stop | About::Follow | About::List { .. } => {
                scene.others.lock().answered(code, *intended);
                let user = &self.link.user;
                scene.told().add(|| format!("{} of {user}: {line}", request.type_name()));
            }
        }
        Ok(())
    }

    fn on_claim_refused(&mut self, request: &Request, code: &str, line: &str) {
        match code {
            "coupons_gone" | "coupon_limit" | "task_open" | "not_eligible" | "campaign_ended" => {}
            // The money may come back.
            "budget_spent" => {
                let Request::CouponClaim(claim) = request else { return };
                let campaign = number_of(claim.campaign.as_str());
                if let Some(campaign) = campaign.filter(|_| self.link.chance.happens(0.5)) {
                    let after = Duration::from_secs_f64(self.link.chance.within(1.0, 4.0));
                    self.agenda.plan(Instant::now() + after, Deed::Press(campaign));
                }
            }
            _ => {
                let user = &self.link.user;
                self.link.scene.told().add(|| format!("a claim of {user}: {line}"));
            }
        }
    }

    /// A coupon that he has and could use on whatever he buys.
    pub(super) fn has_plain(&self) -> bool {
        self.coupons.iter().any(|coupon| {
            coupon.campaign.as_str() == CAMPAIGNS[super::plan::PLAIN]
                && coupon.state == CouponState::Claimed
        })
    }
}

/// A field of a line that our server wrote, where it stands first under that name.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("\"{name}\":\"");
    let rest = &line[line.find(&start)? + start.len()..];
    rest.split('"').next()
}

fn campaign_in(line: &str) -> Option<usize> {
    number_of(field(line, "campaign")?)
}

/// The place of a push in the room's sequence, or how far a gap goes.
fn seq_of(kind: &str, line: &str) -> Option<u64> {
    let name = if kind == "room.gap" { "\"to\":" } else { "\"seq\":" };
    if !kind.starts_with("room.") {
        return None;
    }
    let rest = &line[line.find(name)? + name.len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_read_as_far_as_needed() {
        let line = r#"{"type":"room.coupon","topic":"room:a/room","seq":41,"offer":{"campaign":"thin","title":"x"},"shown":true}"#;
        assert_eq!((seq_of("room.coupon", line), campaign_in(line)), (Some(41), Some(2)));
        let gap = r#"{"type":"room.gap","topic":"room:a/room","from":3,"to":9}"#;
        assert_eq!(seq_of("room.gap", gap), Some(9));
        assert_eq!(seq_of("room.likes", r#"{"type":"room.likes","likes":3}"#), None);
        assert_eq!(seq_of("coupon.offered", r#"{"type":"coupon.offered","seq":1}"#), None);
    }
}
