//! Campaigns, draws and watchers for the tests of coupons. Owns no expectation.

use hawker_domain::command::*;
use hawker_domain::id::{CampaignId, CouponId, DrawId};
use hawker_domain::money::Minor;
use hawker_domain::shop::price::Funder;
use hawker_domain::shop::{Pulse, Seen, WatchMark, lot};
use hawker_domain::time::SpanMs;

use super::*;

pub(super) fn campaign_id(name: &str) -> CampaignId {
    CampaignId::parse(name).unwrap()
}

pub(super) fn draw_id(name: &str) -> DrawId {
    DrawId::parse(name).unwrap()
}

/// A coupon of 1.00 for whoever claims, a hundred times.
pub(super) fn coupon(rooms: Scope) -> CampaignSpec {
    CampaignSpec {
        title: "Thanks".to_owned(),
        funder: Funder::Seller,
        kind: CouponKind::Amount,
        tiers: vec![Tier { min_spend_minor: Minor(0), value: 100 }],
        max_discount_minor: None,
        items: ItemScope::All,
        rooms,
        audience: Vec::new(),
        task: Task::None,
        announce_at: None,
        opens_at: None,
        closes_at: None,
        validity: Validity::For(SpanMs::hours(1)),
        claims_total: 100,
        per_buyer: 1,
        budget_minor: Minor(1_000_000),
        stack_class: None,
        reminder_text: "Now!".to_owned(),
    }
}

/// The same for whoever has watched so long.
pub(super) fn watch_coupon(needed_ms: SpanMs) -> CampaignSpec {
    CampaignSpec { task: Task::Watch { needed_ms }, ..coupon(in_room("r1")) }
}

pub(super) const SEED: Seed = Seed([7; 32]);

pub(super) fn commitment() -> Commitment {
    Commitment { seed_hash: lot::seed_hash(&SEED), sealed: b"sealed".to_vec() }
}

/// A draw in r1 that closes after ten seconds.
pub(super) fn lucky(task: Task, winners: u32) -> DrawSpec {
    DrawSpec {
        room: room_id("r1"),
        title: "Bag".to_owned(),
        winners,
        task,
        run_ms: SpanMs::seconds(10),
        address_ms: SpanMs::hours(48),
        next_in_order: false,
        commitment: commitment(),
    }
}

pub(super) fn claim_coupon(campaign: &str, coupon: &str) -> PromoCommand {
    let (campaign, coupon) = (campaign_id(campaign), CouponId::parse(coupon).unwrap());
    PromoCommand::Claim { campaign, coupon, room: Some(room_id("r1")) }
}

pub(super) fn push_to(campaign: &str, segment: Vec<AudienceRule>) -> PromoCommand {
    let campaign = campaign_id(campaign);
    PromoCommand::PushCampaign { campaign, room: room_id("r1"), segment }
}

/// Everybody in the room, as a segment.
pub(super) fn viewers() -> Vec<AudienceRule> {
    vec![AudienceRule { audience: Audience::RoomViewer, negated: false }]
}

impl House {
    pub(super) async fn create_campaign(&self, name: &str, spec: CampaignSpec) {
        let campaign = campaign_id(name);
        self.driver.manage(PromoCommand::CreateCampaign { campaign, spec }).await;
    }

    pub(super) async fn open_campaign(&self, name: &str, spec: CampaignSpec) {
        self.create_campaign(name, spec).await;
        self.driver.manage(PromoCommand::OpenCampaign { campaign: campaign_id(name) }).await;
    }

    pub(super) async fn end_campaign(&self, name: &str) {
        self.driver.manage(PromoCommand::EndCampaign { campaign: campaign_id(name) }).await;
    }

    pub(super) async fn start_draw(&self, name: &str, spec: DrawSpec) {
        let capabilities = Capabilities { lucky_draws: true };
        self.driver.manage(PromoCommand::SetCapabilities { capabilities }).await;
        let draw = draw_id(name);
        self.driver.manage(PromoCommand::StartDraw { draw, spec }).await;
    }

    pub(super) async fn reveal(&self, name: &str) {
        self.driver.manage(PromoCommand::RevealDraw { draw: draw_id(name), seed: SEED }).await;
    }

    /// A heartbeat of each, from a connection of his own.
    pub(super) async fn watch(&self, buyers: &[&str]) {
        let at = self.clock.now();
        let mark = |(buyer, connection): (&&str, u64)| {
            let buyer = user_id(buyer);
            WatchMark { buyer, connection, at, seen: Seen::Watching, device: None }
        };
        let marks = buyers.iter().zip(1..).map(mark).collect();
        let pulse = Pulse { viewers: buyers.len() as u64, marks, ..Pulse::default() };
        self.driver.engine.pulse(&shop_id(), &room_id("r1"), pulse);
        settle().await;
    }

    /// Lets seconds pass with a heartbeat every five.
    pub(super) async fn watch_on(&self, buyers: &[&str], seconds: u64) {
        for _ in 0..seconds / 5 {
            self.watch(buyers).await;
            pass(Duration::from_secs(5)).await;
        }
    }

    /// What was told of one type to users, with those it was for.
    pub(super) fn told_to_users(&self, kind: &str) -> Vec<(Vec<String>, Value)> {
        let mut told = Vec::new();
        for (_, heard) in self.heard() {
            let users: Vec<String> = match heard.topic.target() {
                Target::User(user) => vec![user.to_string()],
                Target::Users(users) => users.iter().map(ToString::to_string).collect(),
                Target::Room { .. } | Target::Desk(_) | Target::Conversation { .. } => continue,
            };
            told.push((users, parse(&heard.line)));
        }
        told.retain(|(_, line)| line["type"] == kind);
        told
    }
}
