//! What a viewer hears: pushes, answers and refusals. Owns what each means to him; what he does of
//! his own accord is `viewer`'s.

use std::sync::Arc;

use anyhow::{Result, bail};
use hawker_protocol::object::{Coupon, CouponHolder, CouponState, Me, Offer, Order, RoomSnapshot};
use hawker_protocol::push::{CouponChanged, CouponProgress, RoomCoupon, RoomGap};
use hawker_protocol::reply::{CouponClaimed, Coupons, Joined, Resumed, Welcome};
use hawker_protocol::request::ShopFollow;
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant};

use super::link::{About, Place};
use super::plan::{CAMPAIGNS, PLAIN, number_of};
use super::progress::Mark;
use super::schedule;
use super::viewer::{Deed, Viewer};
use super::waves::Vouch;
use crate::agenda::HEARTBEAT;
use crate::audit::Sequence;
use crate::line;
use crate::talk::{Asked, Heard};
use crate::tally::count;

/// How long a heartbeat counts.
const VOUCHES: Duration = Duration::from_millis(hawker_protocol::limits::WATCH_COUNTS_MS);

impl Viewer {
    pub(super) fn on_line(&mut self, line: &str) -> Result<()> {
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
        let seq = seq_of(kind, line);
        if let Some(seq) = seq {
            self.link.on_seq(seq);
        }
        match kind {
            "room.coupon" => self.on_room_coupon(line, seq)?,
            "room.gap" => self.on_gap(&line::push(line)?)?,
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

    fn on_room_coupon(&mut self, line: &str, seq: Option<u64>) -> Result<()> {
        if self.looks.is_some() {
            let RoomCoupon { offer, .. } = line::push(line)?;
            self.look_at(&[offer]);
        }
        if line.contains("\"shown\":true")
            && let Some(campaign) = campaign_in(line)
        {
            count(&self.link.scene.counters.shown);
            self.on_shown(campaign, seq);
        }
        Ok(())
    }

    /// Whoever looks closely keeps the newest of each offer.
    fn look_at(&mut self, offers: &[Offer]) {
        for offer in offers.iter().filter(|_| self.looks.is_some()) {
            let (campaign, now) = (offer.campaign.to_string(), (offer.version, offer.left));
            let known = self.story.left.entry(campaign).or_insert(now);
            *known = now.max(*known);
        }
    }

    /// He was too slow, and got a snapshot instead.
    fn on_gap(&mut self, gap: &RoomGap) -> Result<()> {
        count(&self.link.scene.counters.gaps);
        self.link.on_gap(gap.to);
        match &gap.snapshot {
            Some(snapshot) => self.on_snapshot(snapshot.get()),
            None => Ok(()),
        }
    }

    /// A snapshot has the campaigns that can be claimed from.
    fn on_snapshot(&mut self, snapshot: &str) -> Result<()> {
        let opened = self.link.stage().began.is_some_and(|began| began.elapsed().as_secs() >= 1);
        if opened && !snapshot.contains("\"campaign\":\"plain\"") {
            let user = &self.link.user;
            let say = || format!("{user} was shown the room without an open campaign");
            self.link.scene.told().add(say);
        }
        if self.looks.is_some() {
            self.look_at(&serde_json::from_str::<RoomSnapshot>(snapshot)?.offers);
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
            self.on_shown(campaign, None);
        }
    }

    /// What is for everybody has its place in the room's sequence.
    fn on_shown(&mut self, campaign: usize, seq: Option<u64>) {
        let epoch = self.link.place.as_ref().map(|place| place.epoch.as_str());
        let place = epoch.zip(seq);
        let Some((wave, sent)) = self.link.scene.wave_of(campaign, place) else {
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
            self.on_push(kind, missed.get())?;
        }
        if let Some(snapshot) = &resumed.snapshot {
            self.on_snapshot(snapshot.get())?;
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
        self.look_at(&snapshot.offers);
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
            coupon.campaign.as_str() == CAMPAIGNS[PLAIN] && coupon.state == CouponState::Claimed
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
        let line = r#"{"type":"room.coupon","topic":"room:a/room","seq":41,"#.to_owned()
            + r#""offer":{"campaign":"thin","title":"x"},"shown":true}"#;
        assert_eq!((seq_of("room.coupon", &line), campaign_in(&line)), (Some(41), Some(2)));
        let gap = r#"{"type":"room.gap","topic":"room:a/room","from":3,"to":9}"#;
        assert_eq!(seq_of("room.gap", gap), Some(9));
        assert_eq!(seq_of("room.likes", r#"{"type":"room.likes","likes":3}"#), None);
        assert_eq!(seq_of("coupon.offered", r#"{"type":"coupon.offered","seq":1}"#), None);
    }
}
