//! What a price rule and a campaign must look like. Owns their ranges; decides nothing about
//! their lives.

use std::collections::BTreeSet;

use super::invalid;
use super::rule::funder_of;
use crate::command::{
    Actor, Audience, AudienceRule, CampaignSpec, CouponKind, ItemScope, Role, RuleKind, RuleSpec,
    Task, Tier, Validity,
};
use crate::id::SkuId;
use crate::money::{Minor, PRICE_MINOR_MAX};
use crate::rejection::Rejection;
use crate::shop::Shop;
use crate::shop::buyer::PAID_MEMORY;
use crate::shop::price::Funder;
use crate::text;
use crate::time::{Millis, SpanMs};

const TITLE_CHARS_MAX: usize = 120;
const REMINDER_CHARS_MAX: usize = 200;
const SKUS_MAX: usize = 1_000;
const TIERS_MAX: usize = 10;
const AUDIENCE_MAX: usize = 8;
const NAMED_MAX: usize = 10_000;
const KEYWORD_CHARS_MAX: usize = 40;
const CLAIMS_MAX: u32 = 1_000_000;
const PER_BUYER_MAX: u32 = 100;
const WHOLE_BPS: u64 = 10_000;
/// A budget beyond every price: sums of it stay exact in JSON.
const BUDGET_MINOR_MAX: u64 = 1_000_000_000_000_000;
const AHEAD_MAX: SpanMs = SpanMs::days(366);
/// A task that ends with its campaign leaves so much time to do it late.
const WATCH_SLACK: SpanMs = SpanMs::minutes(2);
const WATCH: (SpanMs, SpanMs) = (SpanMs::seconds(10), SpanMs::hours(12));

/// Platform money is the platform's system's to spend.
pub(super) fn check_money(actor: &Actor, funder: Funder) -> Result<(), Rejection> {
    if funder == Funder::Platform && actor.role != Role::Service {
        return Err(Rejection::Forbidden { needed: Role::Service });
    }
    Ok(())
}

fn check_bps(field: &'static str, bps: u64) -> Result<(), Rejection> {
    if (1..=WHOLE_BPS).contains(&bps) {
        return Ok(());
    }
    Err(invalid(field, "must be 1 to 10,000 basis points"))
}

fn check_amount(field: &'static str, amount: Minor) -> Result<(), Rejection> {
    if (1..=PRICE_MINOR_MAX).contains(&amount.0) {
        return Ok(());
    }
    Err(invalid(field, "is out of its range"))
}

fn check_window(from: Option<Millis>, to: Option<Millis>, now: Millis) -> Result<(), Rejection> {
    if from.is_some_and(|from| from > now + AHEAD_MAX) {
        return Err(invalid("starts_at", "is more than a year ahead"));
    }
    if to.is_some_and(|to| to <= from.unwrap_or(now).max(now)) {
        return Err(invalid("ends_at", "must be after the start, and not yet past"));
    }
    Ok(())
}

impl Shop {
    fn check_goods(&self, items: &ItemScope) -> Result<(), Rejection> {
        let ItemScope::Skus(skus) = items else { return Ok(()) };
        if skus.is_empty() || skus.len() > SKUS_MAX {
            return Err(invalid("items", "must name 1 to 1,000 SKUs"));
        }
        let known = skus.iter().all(|sku| self.catalog.sku(sku).is_some());
        if known { Ok(()) } else { Err(Rejection::SkuUnknown) }
    }

    pub(super) fn rule_from(
        &self,
        actor: &Actor,
        spec: &RuleSpec,
        now: Millis,
    ) -> Result<RuleSpec, Rejection> {
        check_money(actor, funder_of(&spec.kind))?;
        self.check_goods(&spec.items)?;
        if let Some(scope) = &spec.live_only {
            self.check_scope(scope)?;
        }
        check_window(spec.starts_at, spec.ends_at, now)?;
        self.check_kind(spec, now)?;
        let title = text::line("title", &spec.title, TITLE_CHARS_MAX)?;
        Ok(RuleSpec { title, ..spec.clone() })
    }

    fn check_kind(&self, spec: &RuleSpec, now: Millis) -> Result<(), Rejection> {
        match spec.kind {
            RuleKind::ProductDiscount { off_bps } => check_bps("off_bps", u64::from(off_bps)),
            RuleKind::ItemsDiscount { units_min, off_bps } => {
                if !(2..=10_000).contains(&units_min) {
                    return Err(invalid("units_min", "must be 2 to 10,000"));
                }
                check_bps("off_bps", u64::from(off_bps))
            }
            RuleKind::FlashPrice { price_minor } | RuleKind::CampaignPrice { price_minor } => {
                self.named(spec)?;
                check_amount("price_minor", price_minor)
            }
            RuleKind::CreatorFlash { price_minor } | RuleKind::LiveFixed { price_minor } => {
                if spec.live_only.is_none() {
                    return Err(invalid("live_only", "is needed for a live price"));
                }
                check_amount("price_minor", price_minor)?;
                self.check_lowest(self.named(spec)?, price_minor, now)
            }
            RuleKind::Subsidy { per_unit_minor, per_buyer_units, budget_minor } => {
                if per_buyer_units == 0 {
                    return Err(invalid("per_buyer_units", "must be at least 1"));
                }
                check_budget(budget_minor)?;
                check_amount("per_unit_minor", per_unit_minor)
            }
            RuleKind::FreeShipping { .. } => Ok(()),
        }
    }

    /// A price in minor units is of goods that are named.
    fn named<'a>(&self, spec: &'a RuleSpec) -> Result<&'a BTreeSet<SkuId>, Rejection> {
        match &spec.items {
            ItemScope::Skus(skus) => Ok(skus),
            ItemScope::All => Err(invalid("items", "must be named for a price")),
        }
    }

    /// A live price above what everybody pays would be no offer.
    fn check_lowest(
        &self,
        skus: &BTreeSet<SkuId>,
        price_minor: Minor,
        now: Millis,
    ) -> Result<(), Rejection> {
        if skus.iter().any(|sku| price_minor > self.lowest_price(sku, now)) {
            return Err(invalid("price_minor", "is above the lowest price of its goods"));
        }
        Ok(())
    }

    pub(super) fn campaign_from(
        &self,
        actor: &Actor,
        spec: &CampaignSpec,
        now: Millis,
    ) -> Result<CampaignSpec, Rejection> {
        check_money(actor, spec.funder)?;
        self.check_goods(&spec.items)?;
        self.check_scope(&spec.rooms)?;
        check_tiers(spec)?;
        check_audience("audience", &spec.audience)?;
        check_times(spec, now)?;
        check_counts(spec)?;
        let mut spec = spec.clone();
        spec.task = checked_task(&spec, now)?;
        spec.title = text::line("title", &spec.title, TITLE_CHARS_MAX)?;
        spec.reminder_text =
            text::line_or_empty("reminder_text", &spec.reminder_text, REMINDER_CHARS_MAX)?;
        Ok(spec)
    }
}

fn check_tiers(spec: &CampaignSpec) -> Result<(), Rejection> {
    let tiers = &spec.tiers;
    if tiers.is_empty() || tiers.len() > TIERS_MAX {
        return Err(invalid("tiers", "must be 1 to 10"));
    }
    if !tiers.is_sorted_by(|one, other| one.min_spend_minor < other.min_spend_minor) {
        return Err(invalid("tiers", "must rise"));
    }
    if tiers.iter().any(|tier| tier.min_spend_minor.0 > PRICE_MINOR_MAX) {
        return Err(invalid("tiers", "have a threshold out of its range"));
    }
    if spec.max_discount_minor.is_none() && spec.kind != CouponKind::Amount {
        return Err(invalid("max_discount_minor", "is needed for this kind of coupon"));
    }
    if let Some(max) = spec.max_discount_minor {
        check_amount("max_discount_minor", max)?;
    }
    tiers.iter().try_for_each(|tier: &Tier| match spec.kind {
        CouponKind::Amount => check_amount("tiers", Minor(tier.value)),
        CouponKind::Percent => check_bps("tiers", tier.value),
        CouponKind::FixedPrice if tier.value > PRICE_MINOR_MAX => {
            Err(invalid("tiers", "have a price out of its range"))
        }
        CouponKind::FreeShipping if tier.value != 0 => {
            Err(invalid("tiers", "must have the value 0 for free shipping"))
        }
        CouponKind::FixedPrice | CouponKind::FreeShipping => Ok(()),
    })
}

pub(super) fn check_audience(field: &'static str, rules: &[AudienceRule]) -> Result<(), Rejection> {
    if rules.len() > AUDIENCE_MAX {
        return Err(invalid(field, "must be at most 8 rules"));
    }
    for rule in rules {
        match &rule.audience {
            Audience::NewBuyer { window_ms } | Audience::Returning { window_ms } => {
                if window_ms.0 == 0 || *window_ms > PAID_MEMORY {
                    return Err(invalid("window_ms", "must be 1 ms to 365 days"));
                }
            }
            Audience::NewFollower { window_ms: Some(window_ms) } => {
                if window_ms.0 == 0 || *window_ms > PAID_MEMORY {
                    return Err(invalid("window_ms", "must be 1 ms to 365 days"));
                }
            }
            Audience::Named(buyers) if buyers.is_empty() || buyers.len() > NAMED_MAX => {
                return Err(invalid("named", "must be 1 to 10,000 buyers"));
            }
            Audience::Follower
            | Audience::NewFollower { window_ms: None }
            | Audience::Named(_)
            | Audience::RoomViewer => {}
        }
    }
    Ok(())
}

fn check_times(spec: &CampaignSpec, now: Millis) -> Result<(), Rejection> {
    if spec.announce_at.is_some() && spec.opens_at.is_none() {
        return Err(invalid("announce_at", "needs opens_at"));
    }
    if spec.opens_at.is_some_and(|opens_at| opens_at < now) {
        return Err(invalid("opens_at", "is in the past"));
    }
    if spec.announce_at > spec.opens_at {
        return Err(invalid("announce_at", "is after opens_at"));
    }
    check_window(spec.opens_at, spec.closes_at, now)?;
    match spec.validity {
        Validity::Until(until) if until <= spec.opens_at.unwrap_or(now) => {
            Err(invalid("validity", "ends before the campaign opens"))
        }
        Validity::Until(until) if until > now + AHEAD_MAX => {
            Err(invalid("validity", "is more than a year ahead"))
        }
        Validity::For(span) if span.0 == 0 || span > AHEAD_MAX => {
            Err(invalid("validity", "must be 1 ms to a year"))
        }
        Validity::Until(_) | Validity::For(_) => Ok(()),
    }
}

fn check_counts(spec: &CampaignSpec) -> Result<(), Rejection> {
    if !(1..=CLAIMS_MAX).contains(&spec.claims_total) {
        return Err(invalid("claims_total", "must be 1 to 1,000,000"));
    }
    if !(1..=PER_BUYER_MAX).contains(&spec.per_buyer) {
        return Err(invalid("per_buyer", "must be 1 to 100"));
    }
    check_budget(spec.budget_minor)
}

fn check_budget(budget: Minor) -> Result<(), Rejection> {
    if (1..=BUDGET_MINOR_MAX).contains(&budget.0) {
        return Ok(());
    }
    Err(invalid("budget_minor", "is out of its range"))
}

fn checked_task(spec: &CampaignSpec, now: Millis) -> Result<Task, Rejection> {
    let task = checked(&spec.task)?;
    if let (Task::Watch { needed_ms }, Some(closes_at)) = (&task, spec.closes_at) {
        let run_ms = closes_at.since(spec.opens_at.unwrap_or(now));
        if needed_ms.0 + WATCH_SLACK.0 > run_ms.0 {
            return Err(invalid("needed_ms", "must end 2 min before the campaign does"));
        }
    }
    Ok(task)
}

/// The task in its kept form.
pub(in crate::shop) fn checked(task: &Task) -> Result<Task, Rejection> {
    match task {
        Task::Watch { needed_ms } if !(WATCH.0..=WATCH.1).contains(needed_ms) => {
            Err(invalid("needed_ms", "must be 10 s to 12 h"))
        }
        Task::Comment { keyword } => {
            let keyword = text::folded(&text::line("keyword", keyword, KEYWORD_CHARS_MAX)?);
            if keyword.is_empty() {
                return Err(invalid("keyword", "must not be empty"));
            }
            Ok(Task::Comment { keyword })
        }
        Task::None | Task::Follow | Task::Watch { .. } | Task::Purchase => Ok(task.clone()),
    }
}
