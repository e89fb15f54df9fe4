//! The campaigns of a run: a plain one, one with two coupons a buyer and tiers, one whose budget
//! ends before its coupons, one for followers, one for whoever watches, one for the shipping. Owns
//! their terms and the shop they are in.

use anyhow::Result;
use hawker_protocol::Id;
use hawker_protocol::number::{Bps, Claims, Minor, PerBuyer, SpanMs};
use hawker_protocol::object::{
    AmountTier, Audience, AudienceRule, CampaignSpec, Discount, Funder, PercentTier, Scope,
    SettingsChange, Stock, Task, Validity,
};
use hawker_protocol::request::CouponCreate;

use crate::api::{Api, STREAMER, id, list, text};

pub(super) const ROOM: &str = "room";
/// What the streamer shows, in the order of the campaigns.
pub(super) const PLAIN: usize = 0;
pub(super) const TIERS: usize = 1;
pub(super) const THIN: usize = 2;
pub(super) const FANS: usize = 3;
pub(super) const WATCH: usize = 4;
pub(super) const SHIP: usize = 5;
pub(super) const CAMPAIGNS: [&str; 6] = ["plain", "tiers", "thin", "fans", "watch", "ship"];

/// The shortest watch task that there is.
pub(super) const NEEDED_MS: u64 = 10_000;
/// Coupons of the thin campaign end soon, and their money can be claimed again.
const THIN_VALID_MS: u64 = 4_000;
const VALID_MS: u64 = 24 * 3_600_000;
const THIN_WORST_MINOR: u64 = 400;

/// SKUs and what one of each costs.
pub(super) const GOODS: [(&str, u64); 5] =
    [("mug", 1_290), ("lamp", 4_990), ("scarf", 1_999), ("knife", 3_333), ("soap", 790)];

/// Which campaign a coupon's name stands for.
pub(super) fn number_of(campaign: &str) -> Option<usize> {
    CAMPAIGNS.iter().position(|known| *known == campaign)
}

fn amount(tiers: &[(u64, u64)]) -> Result<Discount> {
    let tier = |(min, off): &(u64, u64)| AmountTier {
        min_spend_minor: Minor(*min),
        off_minor: Minor(*off),
    };
    Ok(Discount::Amount { tiers: list(tiers.iter().map(tier).collect())? })
}

fn percent(off_bps: u32, max_minor: u64) -> Result<Discount> {
    let tiers = list(vec![PercentTier { min_spend_minor: Minor(0), off_bps: Bps(off_bps) }])?;
    Ok(Discount::Percent { tiers, max_discount_minor: Minor(max_minor) })
}

/// What distinguishes the campaigns.
struct Terms {
    discount: Discount,
    worst_minor: u64,
    funder: Funder,
    per_buyer: u32,
    task: Task,
    audience: Vec<AudienceRule>,
}

fn terms(campaign: usize) -> Result<Terms> {
    let seller = |discount, worst_minor| Terms {
        discount,
        worst_minor,
        funder: Funder::Seller,
        per_buyer: 1,
        task: Task::None,
        audience: Vec::new(),
    };
    Ok(match campaign {
        TIERS => Terms { per_buyer: 2, ..seller(amount(&[(2_000, 300), (5_000, 800)])?, 800) },
        THIN => Terms {
            funder: Funder::Platform,
            ..seller(percent(800, THIN_WORST_MINOR)?, THIN_WORST_MINOR)
        },
        FANS => Terms { audience: followers(), ..seller(amount(&[(0, 250)])?, 250) },
        WATCH => Terms {
            funder: Funder::Platform,
            task: Task::Watch { needed_ms: SpanMs(NEEDED_MS) },
            ..seller(percent(1_000, 700)?, 700)
        },
        SHIP => {
            let (min_spend_minor, max_discount_minor) = (Minor(1_000), Minor(500));
            seller(Discount::FreeShipping { min_spend_minor, max_discount_minor }, 500)
        }
        _ => seller(amount(&[(0, 500)])?, 500),
    })
}

pub(super) fn followers() -> Vec<AudienceRule> {
    vec![AudienceRule { audience: Audience::Follower, negated: false }]
}

/// A quarter of the thin campaign's coupons can be paid for, and a little is left over.
fn budget(campaign: usize, quota: u32, worst_minor: u64) -> u64 {
    let quota = u64::from(quota);
    let paid_for = if campaign == THIN { quota.div_ceil(4) } else { quota };
    paid_for * worst_minor + worst_minor / 3
}

pub(super) fn create(shop: &Id, campaign: usize, quota: u32, command: Id) -> Result<CouponCreate> {
    let terms = terms(campaign)?;
    let valid_ms = if campaign == THIN { THIN_VALID_MS } else { VALID_MS };
    let spec = CampaignSpec {
        title: text(&format!("The {} coupon", CAMPAIGNS[campaign]))?,
        funder: terms.funder,
        discount: terms.discount,
        items: hawker_protocol::object::ItemScope::All,
        rooms: Scope::Rooms(list(vec![id(ROOM)?])?),
        audience: list(terms.audience)?,
        task: terms.task,
        announce_at: None,
        opens_at: None,
        closes_at: None,
        validity: Validity::For { span_ms: SpanMs(valid_ms) },
        claims_total: Claims(quota),
        per_buyer: PerBuyer(terms.per_buyer),
        budget_minor: Minor(budget(campaign, quota, terms.worst_minor)),
        stack_class: None,
        reminder_text: text("")?,
    };
    let (shop, campaign) = (shop.clone(), Some(id(CAMPAIGNS[campaign])?));
    Ok(CouponCreate { shop, command_id: command, campaign, spec })
}

/// The shop, its goods and its live room.
pub(super) async fn furnish(api: &Api) -> Result<()> {
    let settings = SettingsChange {
        shipping_fee_minor: Some(Minor(599)),
        shipping_free_over_minor: Some(Some(Minor(15_000))),
        ..SettingsChange::default()
    };
    api.create_shop(settings).await?;
    for (sku, price_minor) in GOODS {
        let skus = [sku.to_owned()];
        api.put_product(sku, &format!("A {sku}"), &skus, price_minor).await?;
        api.set_stock(sku, Stock::Unlimited).await?;
    }
    api.open_room(ROOM, &format!("Coupons by {STREAMER}")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_campaign_has_terms_and_only_the_thin_one_runs_out_of_money() {
        let shop = id("shop").unwrap();
        for (campaign, name) in CAMPAIGNS.into_iter().enumerate() {
            let made = create(&shop, campaign, 100, id("c").unwrap()).unwrap();
            let worst = terms(campaign).unwrap().worst_minor;
            let is_short = made.spec.budget_minor.0 < 100 * worst;
            assert_eq!(is_short, campaign == THIN, "{name}");
            assert_eq!(number_of(name), Some(campaign));
        }
    }
}
