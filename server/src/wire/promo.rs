//! Prices, coupons, watch tasks and draws as the wire shows them.

use hawker_domain::command::{self, CouponKind, Tier};
use hawker_domain::money::Currency;
use hawker_domain::shop::price::{self, Because, Part};
use hawker_domain::view::promo::{
    self, CampaignView, CouponView, DrawView, PooledView, ProgressView, RuleView, WatchTaskView,
};
use hawker_protocol::number::{Bps, Minor, Quantity};
use hawker_protocol::object::{self, AmountTier, Audience, Discount, PercentTier, PriceTier};
use hawker_protocol::text::{List, Text};
use hawker_protocol::{http, reply};

use super::to_wire::{at, coupon_state, id, list, minor, scope, span};

/// A campaign as the staff see it.
pub fn campaign(view: &CampaignView) -> object::Campaign {
    let spec = &view.spec;
    object::Campaign {
        campaign: id(view.campaign.clone()),
        title: spec.title.clone(),
        state: campaign_state(view.state),
        funder: funder(spec.funder),
        discount: discount(spec),
        items: items(&spec.items),
        rooms: scope(&spec.rooms),
        audience: spec.audience.iter().map(shown).collect(),
        task: task(&spec.task),
        announce_at: spec.announce_at.map(at),
        opens_at: view.opens_at.map(at),
        closes_at: view.closes_at.map(at),
        validity: validity(spec.validity),
        claims_total: spec.claims_total,
        per_buyer: spec.per_buyer,
        budget_minor: minor(spec.budget_minor),
        stack_class: spec.stack_class.map(stack_class),
        reminder_text: spec.reminder_text.clone(),
        currency: view.currency.to_string(),
        counts: counts(view.counts),
        money: money(view.money),
        version: view.version,
    }
}

/// The same with the names of its audience.
pub fn campaign_detail(view: &CampaignView) -> http::CampaignDetail {
    let audience = view.spec.audience.iter().map(audience_rule).collect();
    http::CampaignDetail { campaign: campaign(view), audience }
}

/// A campaign as buyers see it.
pub fn offer(view: &CampaignView) -> object::Offer {
    let spec = &view.spec;
    object::Offer {
        campaign: id(view.campaign.clone()),
        title: spec.title.clone(),
        state: campaign_state(view.state),
        funder: funder(spec.funder),
        discount: discount(spec),
        items: items(&spec.items),
        rooms: scope(&spec.rooms),
        audience: spec.audience.iter().map(shown).collect(),
        task: task(&spec.task),
        opens_at: view.opens_at.map(at),
        closes_at: view.closes_at.map(at),
        validity: validity(spec.validity),
        per_buyer: spec.per_buyer,
        left: spec.claims_total.saturating_sub(view.counts.claimed),
        currency: view.currency.to_string(),
        version: view.version,
    }
}

/// Whether it is earned by watching.
pub fn is_watched(view: &CampaignView) -> bool {
    matches!(view.spec.task, command::Task::Watch { .. })
}

/// Whether buyers are shown a campaign: drafts are nobody's business, and what is over is history.
pub fn is_offered(state: promo::CampaignState) -> bool {
    match state {
        promo::CampaignState::Announced
        | promo::CampaignState::Open
        | promo::CampaignState::Ending => true,
        promo::CampaignState::Draft
        | promo::CampaignState::Ended
        | promo::CampaignState::Revoked => false,
    }
}

pub(super) fn campaign_state(state: promo::CampaignState) -> object::CampaignState {
    match state {
        promo::CampaignState::Draft => object::CampaignState::Draft,
        promo::CampaignState::Announced => object::CampaignState::Announced,
        promo::CampaignState::Open => object::CampaignState::Open,
        promo::CampaignState::Ending => object::CampaignState::Ending,
        promo::CampaignState::Ended => object::CampaignState::Ended,
        promo::CampaignState::Revoked => object::CampaignState::Revoked,
    }
}

fn counts(counts: promo::CampaignCounts) -> object::CampaignCounts {
    object::CampaignCounts {
        granted: counts.granted,
        completed: counts.completed,
        claimed: counts.claimed,
        used: counts.used,
        returned: counts.returned,
        expired: counts.expired,
        revoked: counts.revoked,
        pushes: counts.pushes,
    }
}

fn money(money: promo::CampaignMoney) -> object::CampaignMoney {
    object::CampaignMoney {
        spent_minor: minor(money.spent_minor),
        locked_minor: minor(money.locked_minor),
        claimed_minor: minor(money.claimed_minor),
    }
}

fn discount(spec: &command::CampaignSpec) -> Discount {
    let max_discount_minor = minor(spec.max_discount_minor.unwrap_or_default());
    match spec.kind {
        CouponKind::Amount => Discount::Amount {
            tiers: tiers(&spec.tiers, |min_spend_minor, value| AmountTier {
                min_spend_minor,
                off_minor: Minor(value),
            }),
        },
        CouponKind::Percent => Discount::Percent {
            tiers: tiers(&spec.tiers, |min_spend_minor, value| PercentTier {
                min_spend_minor,
                off_bps: Bps(u32::try_from(value).unwrap_or(u32::MAX)),
            }),
            max_discount_minor,
        },
        CouponKind::FixedPrice => Discount::FixedPrice {
            tiers: tiers(&spec.tiers, |min_spend_minor, value| PriceTier {
                min_spend_minor,
                price_minor: Minor(value),
            }),
            max_discount_minor,
        },
        CouponKind::FreeShipping => {
            let lowest = spec.tiers.first().map(|tier| tier.min_spend_minor);
            let min_spend_minor = minor(lowest.unwrap_or_default());
            Discount::FreeShipping { min_spend_minor, max_discount_minor }
        }
    }
}

fn tiers<T, const MAX: usize>(tiers: &[Tier], tier: impl Fn(Minor, u64) -> T) -> List<T, MAX> {
    list(tiers.iter().map(|it| tier(minor(it.min_spend_minor), it.value)).collect())
}

fn items(items: &command::ItemScope) -> object::ItemScope {
    match items {
        command::ItemScope::All => object::ItemScope::All,
        command::ItemScope::Skus(skus) => {
            object::ItemScope::Skus(list(skus.iter().cloned().map(id).collect()))
        }
    }
}

fn validity(validity: command::Validity) -> object::Validity {
    match validity {
        command::Validity::Until(until) => object::Validity::Until { at: at(until) },
        command::Validity::For(length) => object::Validity::For { span_ms: span(length) },
    }
}

fn task(task: &command::Task) -> object::Task {
    match task {
        command::Task::None => object::Task::None,
        command::Task::Follow => object::Task::Follow,
        command::Task::Comment { keyword } => object::Task::Comment { keyword: text(keyword) },
        command::Task::Watch { needed_ms } => object::Task::Watch { needed_ms: span(*needed_ms) },
        command::Task::Purchase => object::Task::Purchase,
    }
}

/// Bounded on its way in by the same figure.
fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::try_from(text).unwrap_or_default()
}

fn audience_rule(rule: &command::AudienceRule) -> object::AudienceRule {
    let audience = match &rule.audience {
        command::Audience::NewBuyer { window_ms } => {
            Audience::NewBuyer { window_ms: span(*window_ms) }
        }
        command::Audience::Returning { window_ms } => {
            Audience::Returning { window_ms: span(*window_ms) }
        }
        command::Audience::Follower => Audience::Follower,
        command::Audience::NewFollower { window_ms } => {
            Audience::NewFollower { window_ms: window_ms.map(span) }
        }
        command::Audience::Named(buyers) => {
            Audience::Named { buyers: list(buyers.iter().cloned().map(id).collect()) }
        }
        command::Audience::RoomViewer => Audience::RoomViewer,
    };
    object::AudienceRule { audience, negated: rule.negated }
}

/// Without the names.
fn shown(rule: &command::AudienceRule) -> object::AudienceShown {
    let (kind, window_ms) = match &rule.audience {
        command::Audience::NewBuyer { window_ms } => {
            (object::AudienceKind::NewBuyer, Some(*window_ms))
        }
        command::Audience::Returning { window_ms } => {
            (object::AudienceKind::Returning, Some(*window_ms))
        }
        command::Audience::Follower => (object::AudienceKind::Follower, None),
        command::Audience::NewFollower { window_ms } => {
            (object::AudienceKind::NewFollower, *window_ms)
        }
        command::Audience::Named(_) => (object::AudienceKind::Named, None),
        command::Audience::RoomViewer => (object::AudienceKind::RoomViewer, None),
    };
    object::AudienceShown { kind, negated: rule.negated, window_ms: window_ms.map(span) }
}

pub fn coupon(view: &CouponView) -> object::Coupon {
    object::Coupon {
        coupon: id(view.coupon.clone()),
        campaign: id(view.campaign.clone()),
        buyer: id(view.buyer.clone()),
        state: coupon_state(&view.state),
        worst_minor: minor(view.worst_minor),
        currency: view.currency.to_string(),
        expires_at: at(view.expires_at),
        version: view.version,
    }
}

pub fn progress(view: &ProgressView) -> object::Progress {
    object::Progress {
        campaign: id(view.campaign.clone()),
        watched_ms: span(view.watched_ms),
        needed_ms: span(view.needed_ms),
        completed: view.completed,
    }
}

/// A claim that waits for its draw, as the hold it may become.
pub fn pooled(view: &PooledView) -> object::Reservation {
    object::Reservation {
        reservation: id(view.reservation.clone()),
        sale: id(view.sale.clone()),
        sku: id(view.sku.clone()),
        buyer: id(view.buyer.clone()),
        quantity: view.quantity,
        price_minor: minor(view.price_minor),
        currency: view.currency.to_string(),
        state: object::ReservationState::Pooled,
        version: 0,
    }
}

/// A draw with the first `winners_shown` of its winners.
pub fn draw(view: &DrawView, winners_shown: usize) -> object::Draw {
    let eligible = u32::try_from(view.eligible.len()).unwrap_or(u32::MAX);
    let winners = view.winners.iter().take(winners_shown);
    object::Draw {
        draw: id(view.draw.clone()),
        room: id(view.room.clone()),
        title: view.title.clone(),
        state: draw_state(view.state),
        winners_max: view.winners_max,
        task: task(&view.task),
        closes_at: at(view.closes_at),
        seed_hash: view.seed_hash.clone(),
        entries: view.entries,
        eligible: (view.state != promo::DrawState::Running).then_some(eligible),
        seed: view.seed.clone(),
        winners: winners.map(winner).collect(),
        version: view.version,
    }
}

/// All that it takes to compute the winners again.
pub fn draw_detail(view: &DrawView) -> http::DrawDetail {
    let names = |users: &[hawker_domain::id::UserId]| users.iter().cloned().map(id).collect();
    http::DrawDetail {
        draw: draw(view, usize::MAX),
        eligible: names(&view.eligible),
        passed_over: names(&view.passed_over),
    }
}

fn winner(view: &promo::WinnerView) -> object::DrawWinner {
    object::DrawWinner { buyer: id(view.buyer.clone()), prize: prize_state(view.prize) }
}

pub fn prize_state(state: promo::PrizeState) -> object::PrizeState {
    match state {
        promo::PrizeState::Open { address_by } => {
            object::PrizeState::Open { address_by: at(address_by) }
        }
        promo::PrizeState::Claimed => object::PrizeState::Claimed,
        promo::PrizeState::Forfeited => object::PrizeState::Forfeited,
    }
}

fn draw_state(state: promo::DrawState) -> object::DrawState {
    match state {
        promo::DrawState::Running => object::DrawState::Running,
        promo::DrawState::Closed => object::DrawState::Closed,
        promo::DrawState::Drawn => object::DrawState::Drawn,
        promo::DrawState::Done => object::DrawState::Done,
    }
}

/// A price with its explanation.
pub fn quote(quote: &price::Quote, currency: &Currency) -> object::Quote {
    object::Quote {
        currency: currency.to_string(),
        stacking_version: quote.stacking_version,
        lines: quote.lines.iter().map(quote_line).collect(),
        shipping_fee_minor: minor(quote.shipping_fee_minor),
        shipping_off: quote.shipping_off.as_ref().map(part),
        shipping_minor: minor(quote.shipping_minor()),
        coupons: quote.coupons.iter().map(used_coupon).collect(),
        list_minor: minor(quote.list_minor),
        goods_minor: minor(quote.goods_minor),
        seller_minor: minor(quote.seller_minor),
        platform_minor: minor(quote.platform_minor),
        total_minor: minor(quote.total_minor),
    }
}

fn quote_line(line: &price::QuoteLine) -> object::QuoteLine {
    object::QuoteLine {
        sku: id(line.sku.clone()),
        quantity: line.quantity,
        list_price_minor: minor(line.list_minor),
        unit_price_minor: minor(line.unit_minor),
        source: line.source.map(price_source),
        subsidised: line.subsidised_units,
        parts: line.parts.iter().map(part).collect(),
        payable_minor: minor(line.payable_minor),
    }
}

fn used_coupon(used: &price::UsedCoupon) -> object::UsedCoupon {
    object::UsedCoupon {
        coupon: id(used.coupon.clone()),
        campaign: id(used.campaign.clone()),
        layer: layer(used.layer),
        funder: funder(used.funder),
        amount_minor: minor(used.amount_minor),
    }
}

fn part(part: &Part) -> object::PricePart {
    object::PricePart {
        layer: layer(part.layer),
        because: match &part.because {
            Because::Sale(sale) => object::Because::Sale { sale: id(sale.clone()) },
            Because::Rule(rule) => object::Because::Rule { rule: id(rule.clone()) },
            Because::Coupon { campaign, coupon } => object::Because::Coupon {
                campaign: id(campaign.clone()),
                coupon: id(coupon.clone()),
            },
            Because::FreeOver => object::Because::FreeOver,
        },
        funder: funder(part.funder),
        amount_minor: minor(part.amount_minor),
    }
}

fn layer(layer: price::Layer) -> object::Layer {
    match layer {
        price::Layer::ItemPrice => object::Layer::ItemPrice,
        price::Layer::ItemSubsidy => object::Layer::ItemSubsidy,
        price::Layer::SellerCoupon => object::Layer::SellerCoupon,
        price::Layer::PlatformCoupon => object::Layer::PlatformCoupon,
        price::Layer::Shipping => object::Layer::Shipping,
    }
}

fn price_source(source: price::PriceSource) -> object::PriceSource {
    match source {
        price::PriceSource::LiveFlash => object::PriceSource::LiveFlash,
        price::PriceSource::CreatorFlash => object::PriceSource::CreatorFlash,
        price::PriceSource::LiveFixed => object::PriceSource::LiveFixed,
        price::PriceSource::Campaign => object::PriceSource::Campaign,
        price::PriceSource::Flash => object::PriceSource::Flash,
        price::PriceSource::ProductDiscount => object::PriceSource::ProductDiscount,
        price::PriceSource::ItemsDiscount => object::PriceSource::ItemsDiscount,
    }
}

fn funder(funder: price::Funder) -> object::Funder {
    match funder {
        price::Funder::Seller => object::Funder::Seller,
        price::Funder::Platform => object::Funder::Platform,
    }
}

pub fn price_rule(view: &RuleView) -> object::PriceRule {
    object::PriceRule {
        rule: id(view.rule.clone()),
        spec: object::RuleSpec {
            title: text(&view.spec.title),
            effect: effect(&view.spec.kind),
            items: items(&view.spec.items),
            live_only: view.spec.live_only.as_ref().map(scope),
            starts_at: view.spec.starts_at.map(at),
            ends_at: view.spec.ends_at.map(at),
        },
        spent_minor: minor(view.spent_minor),
        currency: view.currency.to_string(),
        version: view.version,
    }
}

fn effect(kind: &command::RuleKind) -> object::RuleEffect {
    use command::RuleKind;
    use object::RuleEffect;
    match *kind {
        RuleKind::ProductDiscount { off_bps } => {
            RuleEffect::ProductDiscount { off_bps: Bps(off_bps) }
        }
        RuleKind::FlashPrice { price_minor } => {
            RuleEffect::FlashPrice { price_minor: minor(price_minor) }
        }
        RuleKind::CampaignPrice { price_minor } => {
            RuleEffect::CampaignPrice { price_minor: minor(price_minor) }
        }
        RuleKind::CreatorFlash { price_minor } => {
            RuleEffect::CreatorFlash { price_minor: minor(price_minor) }
        }
        RuleKind::LiveFixed { price_minor } => {
            RuleEffect::LiveFixed { price_minor: minor(price_minor) }
        }
        RuleKind::ItemsDiscount { units_min, off_bps } => {
            RuleEffect::ItemsDiscount { units_min: Quantity(units_min), off_bps: Bps(off_bps) }
        }
        RuleKind::Subsidy { per_unit_minor, per_buyer_units, budget_minor } => {
            RuleEffect::Subsidy {
                per_unit_minor: minor(per_unit_minor),
                per_buyer: Quantity(per_buyer_units),
                budget_minor: minor(budget_minor),
            }
        }
        RuleKind::FreeShipping { min_goods_minor } => {
            RuleEffect::FreeShipping { min_goods_minor: minor(min_goods_minor) }
        }
    }
}

pub fn stacking(stacking: &command::Stacking) -> object::Stacking {
    let pairs = stacking.forbidden.iter();
    object::Stacking {
        version: stacking.version,
        forbidden: pairs.map(|(one, other)| [stack_class(*one), stack_class(*other)]).collect(),
    }
}

fn stack_class(class: command::StackClass) -> object::StackClass {
    match class {
        command::StackClass::Discount => object::StackClass::Discount,
        command::StackClass::Flash => object::StackClass::Flash,
        command::StackClass::FixedPrice => object::StackClass::FixedPrice,
        command::StackClass::Subsidy => object::StackClass::Subsidy,
        command::StackClass::SellerCoupon => object::StackClass::SellerCoupon,
        command::StackClass::PlatformCoupon => object::StackClass::PlatformCoupon,
        command::StackClass::Shipping => object::StackClass::Shipping,
        command::StackClass::Exclusive => object::StackClass::Exclusive,
    }
}

pub fn capabilities(capabilities: command::Capabilities) -> object::Capabilities {
    object::Capabilities { lucky_draws: capabilities.lucky_draws }
}

/// What the coupons of a room did, from the campaigns that can be claimed there and the watch task
/// of each that has one.
pub fn dashboard_promo(
    campaigns: &[(CampaignView, Option<WatchTaskView>)],
) -> reply::DashboardPromo {
    let spent = |whose: price::Funder| {
        let own = campaigns.iter().filter(|(view, _)| view.spec.funder == whose);
        Minor(own.map(|(view, _)| view.money.spent_minor.0).sum())
    };
    let watched = campaigns.iter().filter_map(|(_, watch)| watch.as_ref());
    reply::DashboardPromo {
        campaigns: campaigns.iter().map(dashboard_campaign).collect(),
        seller_minor: spent(price::Funder::Seller),
        platform_minor: spent(price::Funder::Platform),
        watched_ms: hawker_protocol::number::SpanMs(watched.map(|it| it.watched_ms.0).sum()),
    }
}

fn dashboard_campaign(
    (view, watch): &(CampaignView, Option<WatchTaskView>),
) -> reply::DashboardCampaign {
    reply::DashboardCampaign {
        campaign: id(view.campaign.clone()),
        title: view.spec.title.clone(),
        state: campaign_state(view.state),
        funder: funder(view.spec.funder),
        counts: counts(view.counts),
        money: money(view.money),
        watch: watch.as_ref().map(|watch| reply::WatchFunnel {
            started: watch.started,
            watched_ms: span(watch.watched_ms),
        }),
    }
}
