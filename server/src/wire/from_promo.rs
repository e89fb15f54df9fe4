//! Requests about prices, coupons and draws as the domain's commands. Seeds are made at the edge
//! and come in with the ask.

use hawker_domain::command::{
    self, AudienceRule, CampaignSpec, Command, Commitment, CouponKind, DrawMode, DrawSpec,
    ItemScope, PromoCommand, Role, RuleKind, RuleSpec, StackClass, Task, Tier, Validity,
};
use hawker_domain::id::{CampaignId, CouponId, DrawId, RoomId, RuleId};
use hawker_domain::money::Minor;
use hawker_domain::shop::price::Funder;
use hawker_domain::time::SpanMs;
use hawker_domain::view::promo::{CampaignState, DrawState};
use hawker_protocol::number::{Minor as WireMinor, SpanMs as WireSpan};
use hawker_protocol::object::{self, Audience as WireAudience, Discount, RuleEffect};
use hawker_protocol::{Id, Request, request};

use super::from_wire::{Ask, BUYER, HOSTS, KEEPERS, address, at, made_id, minor, room, sku, span};
use super::from_wire::{scope, user};

/// The platform's system.
pub const PLATFORM: &[Role] = &[Role::Service];
/// Who may let buyers claim by name.
const GRANTERS: &[Role] = &[Role::Supervisor, Role::Manager, Role::Agent, Role::Service];
/// A winner has two days to say where the prize goes, unless told otherwise.
const ADDRESS_MS: SpanMs = SpanMs::hours(48);

/// Whether the request makes something that is drawn with a seed of the server's.
pub fn needs_seed(request: &Request) -> bool {
    match request {
        Request::DrawCreate(_) => true,
        Request::SaleCreate(it) => it.spec.draw_window_ms.is_some(),
        _ => false,
    }
}

pub(super) fn from_promo(request: &Request, ask: &Ask<'_>) -> Option<(Command, &'static [Role])> {
    let (command, roles) = from_prices(request, ask)
        .or_else(|| from_coupons(request, ask))
        .or_else(|| from_campaigns(request, ask))
        .or_else(|| from_draws(request, ask))?;
    Some((Command::Promo(command), roles))
}

fn from_prices(request: &Request, ask: &Ask<'_>) -> Option<(PromoCommand, &'static [Role])> {
    Some(match request {
        Request::PriceRuleSet(it) => {
            let made = || RuleId::checked(made_id(ask, &it.command_id));
            let rule = it.rule.as_ref().map_or_else(made, rule_id);
            let spec = rule_spec(&it.spec);
            let roles = match spec.kind {
                RuleKind::Subsidy { .. } => PLATFORM,
                _ => KEEPERS,
            };
            (PromoCommand::PutRule { rule, spec }, roles)
        }
        Request::PriceRuleEnd(it) => (PromoCommand::EndRule { rule: rule_id(&it.rule) }, KEEPERS),
        Request::PriceStacking(it) => {
            let forbidden = stack_pairs(&it.forbidden);
            (PromoCommand::SetStacking { forbidden }, PLATFORM)
        }
        _ => return None,
    })
}

/// What buyers do with coupons.
fn from_coupons(request: &Request, ask: &Ask<'_>) -> Option<(PromoCommand, &'static [Role])> {
    let command = match request {
        Request::CouponClaim(it) => PromoCommand::Claim {
            campaign: campaign_id(&it.campaign),
            coupon: CouponId::checked(made_id(ask, &it.command_id)),
            room: it.room.as_ref().map(room),
        },
        Request::CouponRemind(it) => PromoCommand::Remind { campaign: campaign_id(&it.campaign) },
        _ => return None,
    };
    Some((command, BUYER))
}

fn from_campaigns(request: &Request, ask: &Ask<'_>) -> Option<(PromoCommand, &'static [Role])> {
    Some(match request {
        Request::CouponCreate(it) => {
            let made = || CampaignId::checked(made_id(ask, &it.command_id));
            let campaign = it.campaign.as_ref().map_or_else(made, campaign_id);
            let spec = campaign_spec(&it.spec);
            let roles = if spec.funder == Funder::Platform { PLATFORM } else { KEEPERS };
            (PromoCommand::CreateCampaign { campaign, spec }, roles)
        }
        Request::CouponAnnounce(it) => {
            (PromoCommand::AnnounceCampaign { campaign: campaign_id(&it.campaign) }, HOSTS)
        }
        Request::CouponOpen(it) => {
            (PromoCommand::OpenCampaign { campaign: campaign_id(&it.campaign) }, HOSTS)
        }
        Request::CouponPush(it) => {
            let (campaign, room) = (campaign_id(&it.campaign), room(&it.room));
            let segment = audience_rules(&it.segment);
            (PromoCommand::PushCampaign { campaign, room, segment }, HOSTS)
        }
        Request::CouponGrant(it) => {
            let buyers = it.buyers.iter().map(user).collect();
            let campaign = campaign_id(&it.campaign);
            (PromoCommand::Grant { campaign, buyers }, GRANTERS)
        }
        Request::CouponEnd(it) => {
            (PromoCommand::EndCampaign { campaign: campaign_id(&it.campaign) }, HOSTS)
        }
        Request::CouponRevoke(it) => {
            let command = match &it.of {
                request::RevokeOf::Campaign(campaign) => {
                    PromoCommand::RevokeCampaign { campaign: campaign_id(campaign) }
                }
                request::RevokeOf::Coupon(coupon) => {
                    PromoCommand::RevokeCoupon { coupon: coupon_id(coupon) }
                }
            };
            (command, KEEPERS)
        }
        _ => return None,
    })
}

fn from_draws(request: &Request, ask: &Ask<'_>) -> Option<(PromoCommand, &'static [Role])> {
    Some(match request {
        Request::DrawCreate(it) => {
            let made = || DrawId::checked(made_id(ask, &it.command_id));
            let draw = it.draw.as_ref().map_or_else(made, draw_id);
            let spec = draw_spec(&it.spec, ask.commitment?);
            (PromoCommand::StartDraw { draw, spec }, HOSTS)
        }
        Request::DrawEnter(it) => (PromoCommand::EnterDraw { draw: draw_id(&it.draw) }, BUYER),
        Request::DrawAddress(it) => {
            let (draw, address) = (draw_id(&it.draw), address(&it.address));
            (PromoCommand::ClaimPrize { draw, address }, BUYER)
        }
        _ => return None,
    })
}

pub fn campaign_id(id: &Id) -> CampaignId {
    CampaignId::checked(id.as_str())
}

pub(super) fn coupon_id(id: &Id) -> CouponId {
    CouponId::checked(id.as_str())
}

pub fn draw_id(id: &Id) -> DrawId {
    DrawId::checked(id.as_str())
}

pub(super) fn rule_id(id: &Id) -> RuleId {
    RuleId::checked(id.as_str())
}

/// How the first claims of a sale are drawn.
pub(super) fn draw_mode(window: WireSpan, commitment: &Commitment) -> DrawMode {
    DrawMode { window_ms: span(window), commitment: commitment.clone() }
}

fn draw_spec(spec: &object::DrawSpec, commitment: &Commitment) -> DrawSpec {
    DrawSpec {
        room: room(&spec.room),
        title: spec.title.to_string(),
        winners: spec.winners.0,
        task: task(&spec.task),
        run_ms: span(spec.run_ms),
        address_ms: spec.address_ms.map_or(ADDRESS_MS, span),
        next_in_order: spec.next_in_order,
        commitment: commitment.clone(),
    }
}

pub(super) fn campaign_spec(spec: &object::CampaignSpec) -> CampaignSpec {
    let (kind, tiers, max_discount_minor) = discount(&spec.discount);
    CampaignSpec {
        title: spec.title.to_string(),
        funder: match spec.funder {
            object::Funder::Seller => Funder::Seller,
            object::Funder::Platform => Funder::Platform,
        },
        kind,
        tiers,
        max_discount_minor,
        items: items(&spec.items),
        rooms: scope(&spec.rooms),
        audience: audience_rules(&spec.audience),
        task: task(&spec.task),
        announce_at: spec.announce_at.map(at),
        opens_at: spec.opens_at.map(at),
        closes_at: spec.closes_at.map(at),
        validity: match spec.validity {
            object::Validity::Until { at: until } => Validity::Until(at(until)),
            object::Validity::For { span_ms } => Validity::For(span(span_ms)),
        },
        claims_total: spec.claims_total.0,
        per_buyer: spec.per_buyer.0,
        budget_minor: minor(spec.budget_minor),
        stack_class: spec.stack_class.map(stack_class),
        reminder_text: spec.reminder_text.to_string(),
    }
}

fn discount(discount: &Discount) -> (CouponKind, Vec<Tier>, Option<Minor>) {
    let tier = |from: WireMinor, value| Tier { min_spend_minor: minor(from), value };
    match discount {
        Discount::Amount { tiers } => {
            let tiers = tiers.iter().map(|it| tier(it.min_spend_minor, it.off_minor.0));
            (CouponKind::Amount, tiers.collect(), None)
        }
        Discount::Percent { tiers, max_discount_minor } => {
            let tiers = tiers.iter().map(|it| tier(it.min_spend_minor, u64::from(it.off_bps.0)));
            (CouponKind::Percent, tiers.collect(), Some(minor(*max_discount_minor)))
        }
        Discount::FixedPrice { tiers, max_discount_minor } => {
            let tiers = tiers.iter().map(|it| tier(it.min_spend_minor, it.price_minor.0));
            (CouponKind::FixedPrice, tiers.collect(), Some(minor(*max_discount_minor)))
        }
        Discount::FreeShipping { min_spend_minor, max_discount_minor } => {
            let tiers = vec![tier(*min_spend_minor, 0)];
            (CouponKind::FreeShipping, tiers, Some(minor(*max_discount_minor)))
        }
    }
}

pub(super) fn rule_spec(spec: &object::RuleSpec) -> RuleSpec {
    let kind = match spec.effect {
        RuleEffect::ProductDiscount { off_bps } => RuleKind::ProductDiscount { off_bps: off_bps.0 },
        RuleEffect::FlashPrice { price_minor } => {
            RuleKind::FlashPrice { price_minor: minor(price_minor) }
        }
        RuleEffect::CampaignPrice { price_minor } => {
            RuleKind::CampaignPrice { price_minor: minor(price_minor) }
        }
        RuleEffect::CreatorFlash { price_minor } => {
            RuleKind::CreatorFlash { price_minor: minor(price_minor) }
        }
        RuleEffect::LiveFixed { price_minor } => {
            RuleKind::LiveFixed { price_minor: minor(price_minor) }
        }
        RuleEffect::ItemsDiscount { units_min, off_bps } => {
            RuleKind::ItemsDiscount { units_min: units_min.0, off_bps: off_bps.0 }
        }
        RuleEffect::Subsidy { per_unit_minor, per_buyer, budget_minor } => RuleKind::Subsidy {
            per_unit_minor: minor(per_unit_minor),
            per_buyer_units: per_buyer.0,
            budget_minor: minor(budget_minor),
        },
        RuleEffect::FreeShipping { min_goods_minor } => {
            RuleKind::FreeShipping { min_goods_minor: minor(min_goods_minor) }
        }
    };
    RuleSpec {
        title: spec.title.to_string(),
        kind,
        items: items(&spec.items),
        live_only: spec.live_only.as_ref().map(scope),
        starts_at: spec.starts_at.map(at),
        ends_at: spec.ends_at.map(at),
    }
}

fn items(items: &object::ItemScope) -> ItemScope {
    match items {
        object::ItemScope::All => ItemScope::All,
        object::ItemScope::Skus(skus) => ItemScope::Skus(skus.iter().map(sku).collect()),
    }
}

fn task(task: &object::Task) -> Task {
    match task {
        object::Task::None => Task::None,
        object::Task::Follow => Task::Follow,
        object::Task::Comment { keyword } => Task::Comment { keyword: keyword.to_string() },
        object::Task::Watch { needed_ms } => Task::Watch { needed_ms: span(*needed_ms) },
        object::Task::Purchase => Task::Purchase,
    }
}

fn audience_rules(rules: &[object::AudienceRule]) -> Vec<AudienceRule> {
    let rule = |it: &object::AudienceRule| AudienceRule {
        audience: match &it.audience {
            WireAudience::NewBuyer { window_ms } => {
                command::Audience::NewBuyer { window_ms: span(*window_ms) }
            }
            WireAudience::Returning { window_ms } => {
                command::Audience::Returning { window_ms: span(*window_ms) }
            }
            WireAudience::Follower => command::Audience::Follower,
            WireAudience::NewFollower { window_ms } => {
                command::Audience::NewFollower { window_ms: window_ms.map(span) }
            }
            WireAudience::Named { buyers } => {
                command::Audience::Named(buyers.iter().map(user).collect())
            }
            WireAudience::RoomViewer => command::Audience::RoomViewer,
        },
        negated: it.negated,
    };
    rules.iter().map(rule).collect()
}

fn stack_pairs(
    pairs: &[[object::StackClass; 2]],
) -> std::collections::BTreeSet<(StackClass, StackClass)> {
    pairs.iter().map(|[one, other]| (stack_class(*one), stack_class(*other))).collect()
}

fn stack_class(class: object::StackClass) -> StackClass {
    match class {
        object::StackClass::Discount => StackClass::Discount,
        object::StackClass::Flash => StackClass::Flash,
        object::StackClass::FixedPrice => StackClass::FixedPrice,
        object::StackClass::Subsidy => StackClass::Subsidy,
        object::StackClass::SellerCoupon => StackClass::SellerCoupon,
        object::StackClass::PlatformCoupon => StackClass::PlatformCoupon,
        object::StackClass::Shipping => StackClass::Shipping,
        object::StackClass::Exclusive => StackClass::Exclusive,
    }
}

/// What the shop may do after a change; what is absent stays.
pub fn changed_capabilities(
    now: command::Capabilities,
    change: object::CapabilitiesChange,
) -> command::Capabilities {
    command::Capabilities { lucky_draws: change.lucky_draws.unwrap_or(now.lucky_draws) }
}

/// The state that a list asks for.
pub fn wanted_campaign(state: object::CampaignState) -> CampaignState {
    match state {
        object::CampaignState::Draft => CampaignState::Draft,
        object::CampaignState::Announced => CampaignState::Announced,
        object::CampaignState::Open => CampaignState::Open,
        object::CampaignState::Ending => CampaignState::Ending,
        object::CampaignState::Ended => CampaignState::Ended,
        object::CampaignState::Revoked => CampaignState::Revoked,
    }
}

/// The same for draws.
pub fn wanted_draw(state: object::DrawState) -> DrawState {
    match state {
        object::DrawState::Running => DrawState::Running,
        object::DrawState::Closed => DrawState::Closed,
        object::DrawState::Drawn => DrawState::Drawn,
        object::DrawState::Done => DrawState::Done,
    }
}

/// Whether a campaign can be claimed from in a room.
pub fn is_in_room(scope: &command::Scope, room: &RoomId) -> bool {
    match scope {
        command::Scope::AllRooms => true,
        command::Scope::Rooms(rooms) => rooms.contains(room),
    }
}
