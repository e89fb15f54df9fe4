//! One simulated viewer of a room with coupons: watches, follows, presses buttons when he is shown
//! something, and remembers all that he was told. Owns his agenda; what he hears is `hearing`'s,
//! what he does at the till `till`'s.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::Id;
use hawker_protocol::object::Coupon;
use hawker_protocol::request::{CouponClaim, CouponList, RoomWatch};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep};

use super::link::{About, Link};
use super::plan::{CAMPAIGNS, FANS, WATCH};
use super::scene::Scene;
use super::schedule::{self, LAST_DEED, Press};
use super::story::Story;
use super::till::Till;
use crate::agenda::{Agenda, HEARTBEAT};
use crate::api::id;
use crate::audit::Sequence;
use crate::tally::count;

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
    pub(super) pressed: [u8; CAMPAIGNS.len()],
    pub(super) is_playing: bool,
    pub(super) looks: Option<Sequence>,
    pub(super) has_planned: bool,
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

    pub(super) fn watch(&mut self, playing: bool, visible: bool, at: Instant) {
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

    pub(super) fn react(&mut self, campaign: usize) {
        let at = Instant::now() + schedule::reaction(&mut self.link.chance);
        self.agenda.plan(at, Deed::Press(campaign));
    }
}
