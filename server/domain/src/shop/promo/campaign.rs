//! The life of a coupon campaign: announced, open, ended, revoked. Owns its phases and what time
//! brings about in it; who gets a coupon is `claim`'s, what becomes of one `coupon`'s.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::yes;
use crate::command::{
    Actor, AudienceRule, CampaignSpec, CouponKind, Scope, StackClass, Task, Validity,
};
use crate::event::promo::{CampaignCreated, CampaignEnd};
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, CouponId, RoomId, UserId};
use crate::lookup::Lookup;
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::archive::ARCHIVE_AFTER;
use crate::shop::due::DueItem;
use crate::shop::flash_sale::scope_has;
use crate::shop::price::Funder;
use crate::shop::{Accepted, Shop};
use crate::time::{Millis, SpanMs};
use crate::view::RoomState;
use crate::view::promo::{CampaignCounts, CampaignMoney, CampaignState};

/// Campaigns that are not archived: each open one is looked at with every pulse of a room.
const CAMPAIGNS_MAX: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::shop) struct Campaign {
    pub(in crate::shop) spec: CampaignSpec,
    pub(super) claim_grace_ms: SpanMs,
    pub(super) reminder_lead_ms: SpanMs,
    pub(in crate::shop) phase: Phase,
    pub(super) reminders: BTreeSet<UserId>,
    pub(super) reminded: bool,
    /// Whom somebody of the shop let claim.
    pub(super) given: Lookup<UserId, ()>,
    /// Who did the task.
    pub(in crate::shop) completed: Lookup<UserId, ()>,
    /// Coupons that each buyer has claimed.
    pub(super) claims_of: Lookup<UserId, u32>,
    /// Claimed coupons by their end.
    pub(super) claimed: BTreeSet<(Millis, CouponId)>,
    pub(super) locked: u32,
    /// Used, expired and revoked coupons by when they were.
    pub(super) finished: BTreeSet<(Millis, CouponId)>,
    pub(super) counts: CampaignCounts,
    pub(super) money: CampaignMoney,
    /// What of it coupons spent that have left memory.
    pub(super) archived_minor: Minor,
    pub(super) closed_at: Option<Millis>,
    /// Where the viewers of each room stood when the task was published.
    pub(in crate::shop) watch_base: BTreeMap<RoomId, Vec<u32>>,
    pub(super) version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) enum Phase {
    /// Announced by itself, where a time is given.
    Draft {
        announce_at: Option<Millis>,
    },
    Announced,
    Open,
    /// Its rooms are over; what was earned can be claimed until then.
    Ending {
        closes_at: Millis,
    },
    Ended,
    Revoked,
}

impl Campaign {
    fn created(created: &CampaignCreated) -> Self {
        Self {
            spec: created.spec.clone(),
            claim_grace_ms: created.claim_grace_ms,
            reminder_lead_ms: created.reminder_lead_ms,
            phase: Phase::Draft { announce_at: created.spec.announce_at },
            reminders: BTreeSet::new(),
            reminded: false,
            given: Lookup::default(),
            completed: Lookup::default(),
            claims_of: Lookup::default(),
            claimed: BTreeSet::new(),
            locked: 0,
            finished: BTreeSet::new(),
            counts: CampaignCounts::default(),
            money: CampaignMoney::default(),
            archived_minor: Minor(0),
            closed_at: None,
            watch_base: BTreeMap::new(),
            version: 1,
        }
    }

    pub(super) fn state(&self) -> CampaignState {
        match self.phase {
            Phase::Draft { .. } => CampaignState::Draft,
            Phase::Announced => CampaignState::Announced,
            Phase::Open => CampaignState::Open,
            Phase::Ending { .. } => CampaignState::Ending,
            Phase::Ended => CampaignState::Ended,
            Phase::Revoked => CampaignState::Revoked,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match self.phase {
            Phase::Ended | Phase::Revoked => true,
            Phase::Draft { .. } | Phase::Announced | Phase::Open | Phase::Ending { .. } => false,
        }
    }

    /// The watch task that counts in `room` now, if there is one.
    pub(in crate::shop) fn watch_in(&self, room: &RoomId) -> Option<SpanMs> {
        let Task::Watch { needed_ms } = self.spec.task else { return None };
        let counts = self.phase == Phase::Open && scope_has(&self.spec.rooms, room);
        counts.then_some(needed_ms)
    }

    /// What was watched in `room` still says something about its task.
    pub(in crate::shop) fn remembers_watching(&self, room: &RoomId) -> bool {
        let runs = matches!(self.phase, Phase::Open | Phase::Ending { .. });
        runs && matches!(self.spec.task, Task::Watch { .. }) && scope_has(&self.spec.rooms, room)
    }

    pub(super) fn closes_at(&self) -> Option<Millis> {
        match self.phase {
            Phase::Ending { closes_at } => Some(closes_at),
            Phase::Draft { .. }
            | Phase::Announced
            | Phase::Open
            | Phase::Ended
            | Phase::Revoked => self.spec.closes_at,
        }
    }

    /// The most that one coupon can cost.
    pub(super) fn worst_minor(&self) -> Minor {
        let highest = self.spec.tiers.iter().map(|tier| Minor(tier.value)).max();
        let by_kind = (self.spec.kind == CouponKind::Amount).then_some(highest).flatten();
        let both = by_kind.into_iter().chain(self.spec.max_discount_minor);
        both.min().unwrap_or_default()
    }

    pub(super) fn stack_class(&self) -> StackClass {
        self.spec.stack_class.unwrap_or(match (self.spec.kind, self.spec.funder) {
            (CouponKind::FreeShipping, _) => StackClass::Shipping,
            (_, Funder::Seller) => StackClass::SellerCoupon,
            (_, Funder::Platform) => StackClass::PlatformCoupon,
        })
    }

    fn reminder_is_open(&self) -> bool {
        !self.reminded && !self.reminders.is_empty()
    }

    /// What time alone will bring about.
    pub(in crate::shop) fn dues(&self, id: &CampaignId) -> Vec<(Millis, DueItem)> {
        let mut dues = Vec::new();
        let mut add = |at: Option<Millis>, item: fn(CampaignId) -> DueItem| {
            dues.extend(at.map(|at| (at, item(id.clone()))));
        };
        match self.phase {
            Phase::Draft { announce_at } => {
                add(announce_at, DueItem::CampaignAnnounce);
                add(self.spec.opens_at, DueItem::CampaignOpen);
            }
            Phase::Announced => {
                add(self.spec.opens_at, DueItem::CampaignOpen);
                let lead = self.reminder_lead_ms;
                let remind_at = self.spec.opens_at.filter(|_| self.reminder_is_open());
                add(remind_at.map(|at| at - lead), DueItem::CampaignReminder);
            }
            Phase::Open | Phase::Ending { .. } => add(self.closes_at(), DueItem::CampaignEnd),
            Phase::Ended | Phase::Revoked => {
                let empty = self.claimed.is_empty() && self.finished.is_empty() && self.locked == 0;
                let at = self.closed_at.filter(|_| empty).map(|at| at + ARCHIVE_AFTER);
                add(at, DueItem::CampaignArchive);
            }
        }
        let first = self.claimed.first().map(|(at, _)| *at);
        let revoked = self.phase == Phase::Revoked;
        let taken = if revoked { first.and(self.closed_at) } else { first };
        let old = self.finished.first().map(|(at, _)| *at + ARCHIVE_AFTER);
        add(taken.into_iter().chain(old).min(), DueItem::Coupons);
        dues
    }
}

impl Shop {
    pub(super) fn campaign(&self, id: &CampaignId) -> Result<&Campaign, Rejection> {
        self.promo.campaigns.get(id).ok_or(Rejection::CampaignUnknown)
    }

    /// The campaign, if the actor runs all its rooms.
    pub(super) fn campaign_run_by(
        &self,
        actor: &Actor,
        id: &CampaignId,
    ) -> Result<&Campaign, Rejection> {
        let campaign = self.campaign(id)?;
        self.require_runner(actor, &campaign.spec.rooms)?;
        Ok(campaign)
    }

    pub(super) fn create_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
        spec: &CampaignSpec,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        if self.promo.campaigns.contains_key(id) {
            return Err(Rejection::CampaignExists);
        }
        if self.promo.campaigns.len() >= CAMPAIGNS_MAX {
            let problem = "is one too many: ended ones make room after a week";
            return Err(super::invalid("campaign", problem));
        }
        let spec = self.campaign_from(actor, spec, now)?;
        let settings = self.settings();
        Ok(yes(PromoEvent::CampaignCreated(Box::new(CampaignCreated {
            campaign: id.clone(),
            spec,
            claim_grace_ms: settings.claim_grace_ms,
            reminder_lead_ms: settings.sale_reminder_lead_ms,
            by: actor.user.clone(),
        }))))
    }

    pub(super) fn announce_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign_run_by(actor, id)?;
        if !matches!(campaign.phase, Phase::Draft { .. }) {
            return Err(Rejection::CampaignNotReady { state: campaign.state() });
        }
        if campaign.spec.opens_at.is_none_or(|opens_at| opens_at <= now) {
            return Err(super::invalid("opens_at", "is needed to announce a campaign"));
        }
        Ok(yes(PromoEvent::CampaignAnnounced { campaign: id.clone() }))
    }

    pub(super) fn open_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign_run_by(actor, id)?;
        match campaign.phase {
            Phase::Draft { .. } | Phase::Announced => {}
            Phase::Open | Phase::Ending { .. } | Phase::Ended | Phase::Revoked => {
                return Err(Rejection::CampaignNotReady { state: campaign.state() });
            }
        }
        let is_late = campaign.spec.closes_at.is_some_and(|closes_at| closes_at <= now);
        let is_late = is_late || matches!(campaign.spec.validity, Validity::Until(at) if at <= now);
        if is_late {
            return Err(Rejection::CampaignEnded);
        }
        self.check_scope_open(&campaign.spec.rooms)?;
        Ok(Accepted::events(self.campaign_opening(id, campaign, now, now)))
    }

    /// A watch task counts from its publication: what was watched before is written down first.
    fn campaign_opening(
        &self,
        id: &CampaignId,
        campaign: &Campaign,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if let Task::Watch { .. } = campaign.spec.task {
            events.extend(self.checkpoints_before(&campaign.spec.rooms, now));
        }
        let campaign_id = || id.clone();
        if campaign.reminder_is_open() {
            let due = PromoEvent::CampaignRemindersDue { campaign: campaign_id(), due_at };
            events.push(Event::Promo(due));
        }
        events.push(Event::Promo(PromoEvent::CampaignOpened { campaign: campaign_id(), due_at }));
        events
    }

    pub(super) fn end_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign_run_by(actor, id)?;
        if campaign.is_over() {
            return Err(Rejection::CampaignNotReady { state: campaign.state() });
        }
        Ok(yes(ended(id, CampaignEnd::Staff, now)))
    }

    pub(super) fn revoke_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign(id)?;
        super::spec::check_money(actor, campaign.spec.funder)?;
        if campaign.phase == Phase::Revoked {
            return Ok(Accepted::default());
        }
        let (campaign, by) = (id.clone(), actor.user.clone());
        Ok(yes(PromoEvent::CampaignRevoked { campaign, by }))
    }

    pub(super) fn push_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
        room: &RoomId,
        segment: &[AudienceRule],
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign(id)?;
        self.require_runner(actor, &Scope::Rooms([room.clone()].into()))?;
        let state = self.room_state(room).ok_or(Rejection::RoomUnknown)?;
        if !scope_has(&campaign.spec.rooms, room) {
            return Err(Rejection::CampaignNotInRoom { campaign: id.clone() });
        }
        match state {
            RoomState::Live | RoomState::Paused => {}
            RoomState::Scheduled => return Err(Rejection::RoomNotReady { state }),
            RoomState::Ended => return Err(Rejection::RoomEnded { room: room.clone() }),
        }
        if campaign.phase != Phase::Open {
            return Err(Rejection::CampaignNotReady { state: campaign.state() });
        }
        super::spec::check_audience("segment", segment)?;
        Ok(yes(PromoEvent::CampaignPushed {
            campaign: id.clone(),
            room: room.clone(),
            segment: segment.to_vec(),
            by: actor.user.clone(),
        }))
    }

    pub(super) fn remind_of_campaign(
        &self,
        actor: &Actor,
        id: &CampaignId,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign(id)?;
        if campaign.phase != Phase::Announced {
            return Err(Rejection::CampaignNotReady { state: campaign.state() });
        }
        if campaign.reminders.contains(&actor.user) {
            return Ok(Accepted::default());
        }
        let buyer = actor.user.clone();
        Ok(yes(PromoEvent::CampaignReminderSet { campaign: id.clone(), buyer }))
    }

    pub(in crate::shop) fn on_campaign_announce_due(&self, id: &CampaignId) -> Vec<Event> {
        let due = self.promo.campaigns.get(id);
        if !due.is_some_and(|campaign| matches!(campaign.phase, Phase::Draft { .. })) {
            return Vec::new();
        }
        vec![Event::Promo(PromoEvent::CampaignAnnounced { campaign: id.clone() })]
    }

    pub(in crate::shop) fn on_campaign_reminder_due(
        &self,
        id: &CampaignId,
        due_at: Millis,
    ) -> Vec<Event> {
        let due = self.promo.campaigns.get(id).is_some_and(Campaign::reminder_is_open);
        let event = PromoEvent::CampaignRemindersDue { campaign: id.clone(), due_at };
        due.then_some(Event::Promo(event)).into_iter().collect()
    }

    /// A campaign whose rooms are over before it opens never does.
    pub(in crate::shop) fn on_campaign_open_due(
        &self,
        id: &CampaignId,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let Some(campaign) = self.promo.campaigns.get(id) else { return Vec::new() };
        match campaign.phase {
            Phase::Draft { .. } | Phase::Announced => {
                self.campaign_opening(id, campaign, due_at, now)
            }
            Phase::Open | Phase::Ending { .. } | Phase::Ended | Phase::Revoked => Vec::new(),
        }
    }

    pub(in crate::shop) fn on_campaign_end_due(
        &self,
        id: &CampaignId,
        due_at: Millis,
    ) -> Vec<Event> {
        let cause = match self.promo.campaigns.get(id).map(|campaign| campaign.phase) {
            Some(Phase::Open) => CampaignEnd::Time,
            Some(Phase::Ending { .. }) => CampaignEnd::RoomsEnded,
            Some(Phase::Draft { .. } | Phase::Announced | Phase::Ended | Phase::Revoked) | None => {
                return Vec::new();
            }
        };
        vec![Event::Promo(ended(id, cause, due_at))]
    }

    pub(in crate::shop) fn on_campaign_archive_due(
        &self,
        id: &CampaignId,
        due_at: Millis,
    ) -> Vec<Event> {
        vec![Event::Promo(PromoEvent::CampaignArchived { campaign: id.clone(), due_at })]
    }

    /// Campaigns whose last room ends: what was earned stays claimable for a while.
    pub(in crate::shop) fn campaigns_ending_with_room(
        &self,
        room: &RoomId,
        now: Millis,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, campaign) in &self.promo.campaigns {
            let scope = &campaign.spec.rooms;
            let all = matches!(scope, Scope::AllRooms);
            if all || !scope_has(scope, room) || self.has_open_room(scope, Some(room)) {
                continue;
            }
            let event = match campaign.phase {
                Phase::Draft { .. } | Phase::Announced => ended(id, CampaignEnd::RoomsEnded, now),
                Phase::Open => {
                    let grace_ends = now + campaign.claim_grace_ms;
                    let closes_at =
                        campaign.closes_at().map_or(grace_ends, |at| at.min(grace_ends));
                    PromoEvent::CampaignEnding { campaign: id.clone(), closes_at }
                }
                Phase::Ending { .. } | Phase::Ended | Phase::Revoked => continue,
            };
            events.push(Event::Promo(event));
        }
        events
    }

    pub(super) fn on_campaign_created(&mut self, created: &CampaignCreated) {
        let campaign = Campaign::created(created);
        for (at, item) in campaign.dues(&created.campaign) {
            self.due.add(at, item);
        }
        self.promo.campaigns.insert(created.campaign.clone(), campaign);
    }

    pub(super) fn on_campaign_opened(&mut self, id: &CampaignId, at: Millis) {
        let bases = self.watch_bases();
        self.change_campaign(id, |campaign| {
            campaign.phase = Phase::Open;
            if let Task::Watch { .. } = campaign.spec.task {
                campaign.watch_base = bases;
            }
        });
        self.watch_tasks_changed(at);
    }

    pub(super) fn on_campaign_ending(&mut self, id: &CampaignId, closes_at: Millis, at: Millis) {
        self.change_campaign(id, |campaign| campaign.phase = Phase::Ending { closes_at });
        self.watch_tasks_changed(at);
    }

    pub(super) fn close_campaign(&mut self, id: &CampaignId, phase: Phase, at: Millis) {
        self.change_campaign(id, |campaign| {
            campaign.phase = phase;
            campaign.closed_at = Some(at);
            campaign.given = Lookup::default();
            campaign.completed = Lookup::default();
            campaign.watch_base = BTreeMap::new();
        });
        self.forget_campaign_reminders(id);
        self.watch_tasks_changed(at);
    }

    fn forget_campaign_reminders(&mut self, id: &CampaignId) {
        let Some(campaign) = self.promo.campaigns.get_mut(id) else { return };
        for buyer in std::mem::take(&mut campaign.reminders) {
            self.change_buyer(&buyer, |buyer| buyer.campaign_reminders.remove(id));
        }
    }

    /// Changes a campaign and keeps the due queue to what it asks for.
    pub(super) fn change_campaign<T>(
        &mut self,
        id: &CampaignId,
        change: impl FnOnce(&mut Campaign) -> T,
    ) -> T {
        let campaign = crate::shop::invariant::must(self.promo.campaigns.get_mut(id), "campaign");
        let before = campaign.dues(id);
        let changed = change(campaign);
        campaign.version += 1;
        let after = campaign.dues(id);
        before.into_iter().for_each(|(at, item)| self.due.remove(at, item));
        after.into_iter().for_each(|(at, item)| self.due.add(at, item));
        changed
    }
}

fn ended(id: &CampaignId, cause: CampaignEnd, due_at: Millis) -> PromoEvent {
    PromoEvent::CampaignEnded { campaign: id.clone(), cause, due_at }
}
