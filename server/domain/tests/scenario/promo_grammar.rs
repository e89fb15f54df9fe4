//! From the words of a scenario to commands about prices, coupons and draws. Owns what may be left
//! out; decides nothing.

use hawker_domain::command::{
    Audience, AudienceRule, CampaignSpec, Capabilities, Commitment, CouponChoice, CouponKind,
    DrawMode, DrawSpec, ItemScope, PromoCommand, RefundRequest, RefundStage, RuleKind, RuleSpec,
    Scope, Seed, StackClass, Task, Tier, Validity,
};
use hawker_domain::money::Minor;
use hawker_domain::shop::lot;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Command, Seen, WatchMark};

use crate::grammar::address;
use crate::words::Words;

/// The command of the promotions that `verb` means, if it means one.
pub(crate) fn command(verb: &str, words: &mut Words) -> Option<Command> {
    let command = prices(verb, words).or_else(|| campaigns(verb, words));
    command.or_else(|| draws(verb, words)).map(Command::Promo)
}

fn named<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap_or_else(|_| panic!("nothing is called {text}"))
}

fn prices(verb: &str, words: &mut Words) -> Option<PromoCommand> {
    Some(match verb {
        "rule.put" => PromoCommand::PutRule { rule: words.id("rule"), spec: rule_spec(words) },
        "rule.end" => PromoCommand::EndRule { rule: words.id("rule") },
        "promo.stacking" => {
            let pairs = words.next().unwrap_or_default();
            let pair = |text: &str| {
                let (one, other) = text.split_once('+').expect("CLASS+CLASS");
                (named::<StackClass>(one), named::<StackClass>(other))
            };
            let pairs = pairs.split(',').filter(|part| !part.is_empty()).map(pair);
            PromoCommand::SetStacking { forbidden: pairs.collect() }
        }
        "promo.capabilities" => {
            let capabilities = Capabilities { lucky_draws: words.flag("lucky_draws") };
            PromoCommand::SetCapabilities { capabilities }
        }
        _ => return None,
    })
}

fn scope(words: &Words, text: &str) -> Scope {
    if text == "all" {
        return Scope::AllRooms;
    }
    Scope::Rooms(words.list(text, "room").into_iter().collect())
}

fn items(words: &mut Words) -> ItemScope {
    match words.text("skus") {
        None => ItemScope::All,
        Some(skus) => ItemScope::Skus(words.list(&skus, "sku").into_iter().collect()),
    }
}

/// One of `discount=BPS flash=PRICE campaign_price=PRICE creator_flash=PRICE live_fixed=PRICE
/// items=UNITS:BPS subsidy=A_UNIT:UNITS:BUDGET free_shipping=MIN`, and `live=ROOMS|all`.
fn rule_spec(words: &mut Words) -> RuleSpec {
    let keys = [
        "discount",
        "flash",
        "campaign_price",
        "creator_flash",
        "live_fixed",
        "items",
        "subsidy",
        "free_shipping",
    ];
    let given = keys.into_iter().find_map(|key| Some((key, words.text(key)?)));
    let (key, text) = given.expect("what the rule does");
    let parts: Vec<u64> = text.split(':').map(|part| words.parse(part, "number")).collect();
    let units = |part: usize| u32::try_from(parts[part]).expect("a small number");
    let price_minor = Minor(parts[0]);
    let kind = match key {
        "discount" => RuleKind::ProductDiscount { off_bps: units(0) },
        "flash" => RuleKind::FlashPrice { price_minor },
        "campaign_price" => RuleKind::CampaignPrice { price_minor },
        "creator_flash" => RuleKind::CreatorFlash { price_minor },
        "live_fixed" => RuleKind::LiveFixed { price_minor },
        "items" => RuleKind::ItemsDiscount { units_min: units(0), off_bps: units(1) },
        "subsidy" => RuleKind::Subsidy {
            per_unit_minor: price_minor,
            per_buyer_units: units(1),
            budget_minor: Minor(parts[2]),
        },
        _ => RuleKind::FreeShipping { min_goods_minor: price_minor },
    };
    RuleSpec {
        title: words.text("title").unwrap_or_else(|| "A rule".to_owned()),
        kind,
        items: items(words),
        live_only: words.text("live").map(|rooms| scope(words, &rooms)),
        starts_at: words.time("starts"),
        ends_at: words.time("ends"),
    }
}

fn campaigns(verb: &str, words: &mut Words) -> Option<PromoCommand> {
    Some(match verb {
        "campaign.create" => PromoCommand::CreateCampaign {
            campaign: words.id("campaign"),
            spec: campaign_spec(words),
        },
        "campaign.announce" => PromoCommand::AnnounceCampaign { campaign: words.id("campaign") },
        "campaign.open" => PromoCommand::OpenCampaign { campaign: words.id("campaign") },
        "campaign.end" => PromoCommand::EndCampaign { campaign: words.id("campaign") },
        "campaign.revoke" => PromoCommand::RevokeCampaign { campaign: words.id("campaign") },
        "campaign.push" => PromoCommand::PushCampaign {
            campaign: words.id("campaign"),
            room: words.id("room"),
            segment: audience(words, "segment"),
        },
        "campaign.grant" => {
            let campaign = words.id("campaign");
            let buyers = words.next().unwrap_or_default();
            let buyers = words.list(&buyers, "buyer").into_iter().collect();
            PromoCommand::Grant { campaign, buyers }
        }
        "campaign.remind" => PromoCommand::Remind { campaign: words.id("campaign") },
        "coupon.claim" => PromoCommand::Claim {
            coupon: words.id("coupon"),
            campaign: words.id("campaign"),
            room: words.value("room"),
        },
        "coupon.revoke" => PromoCommand::RevokeCoupon { coupon: words.id("coupon") },
        _ => return None,
    })
}

/// What is left out: 500 off, of a budget of 1,000,000, for anybody, for an hour after the claim.
fn campaign_spec(words: &mut Words) -> CampaignSpec {
    let kind: CouponKind = words.text("kind").map_or(CouponKind::Amount, |kind| named(&kind));
    let tiers = words.text("tiers").unwrap_or_else(|| "0:500".to_owned());
    let tier = |text: &str| {
        let (min, value) = text.split_once(':').expect("MIN:VALUE");
        let min_spend_minor = Minor(words.parse(min, "amount"));
        Tier { min_spend_minor, value: words.parse(value, "value") }
    };
    let tiers = tiers.split(',').filter(|part| !part.is_empty()).map(tier).collect();
    let rooms = words.text("rooms").unwrap_or_else(|| "all".to_owned());
    let validity = match (words.time("until"), words.span("for")) {
        (Some(until), _) => Validity::Until(until),
        (None, span) => Validity::For(span.unwrap_or(SpanMs::hours(1))),
    };
    CampaignSpec {
        title: words.text("title").unwrap_or_else(|| "Off".to_owned()),
        funder: words.text("funder").map_or_else(|| named("seller"), |funder| named(&funder)),
        kind,
        tiers,
        max_discount_minor: words.value("max").map(Minor),
        items: items(words),
        rooms: scope(words, &rooms),
        audience: audience(words, "audience"),
        task: task(words),
        announce_at: words.time("announce"),
        opens_at: words.time("opens"),
        closes_at: words.time("closes"),
        validity,
        claims_total: words.value("total").unwrap_or(100),
        per_buyer: words.value("per_buyer").unwrap_or(1),
        budget_minor: Minor(words.value("budget").unwrap_or(1_000_000)),
        stack_class: words.text("class").map(|class| named(&class)),
        reminder_text: words.text("reminder").unwrap_or_default(),
    }
}

/// `new_buyer[:WINDOW] returning[:WINDOW] follower new_follower[:WINDOW] named:A+B room_viewer`,
/// with commas between them; `not_` before one turns it round.
fn audience(words: &mut Words, key: &str) -> Vec<AudienceRule> {
    let text = words.text(key).unwrap_or_default();
    let rules = text.split(',').filter(|part| !part.is_empty()).map(|part| {
        let (name, rest) = part.split_once(':').map_or((part, None), |(a, b)| (a, Some(b)));
        let negated = name.starts_with("not_");
        let window = rest.filter(|_| !name.ends_with("named")).map(|rest| words.parse_span(rest));
        let window_ms = window.unwrap_or(SpanMs::days(365));
        let audience = match name.trim_start_matches("not_") {
            "new_buyer" => Audience::NewBuyer { window_ms },
            "returning" => Audience::Returning { window_ms },
            "follower" => Audience::Follower,
            "new_follower" => Audience::NewFollower { window_ms: window },
            "named" => {
                let names = rest.unwrap_or_default().replace('+', ",");
                Audience::Named(words.list(&names, "buyer").into_iter().collect())
            }
            "room_viewer" => Audience::RoomViewer,
            other => panic!("no audience {other}"),
        };
        AudienceRule { audience, negated }
    });
    rules.collect()
}

/// `task=follow|purchase|comment:WORD|watch:SPAN`
fn task(words: &mut Words) -> Task {
    let Some(text) = words.text("task") else { return Task::None };
    match text.split_once(':') {
        Some(("comment", keyword)) => Task::Comment { keyword: keyword.to_owned() },
        Some(("watch", span)) => Task::Watch { needed_ms: words.parse_span(span) },
        _ if text == "follow" => Task::Follow,
        _ if text == "purchase" => Task::Purchase,
        _ => panic!("no task {text}"),
    }
}

/// `coupons=best|none|A,B`
pub(crate) fn coupons(words: &mut Words) -> CouponChoice {
    match words.text("coupons").as_deref() {
        None | Some("best") => CouponChoice::Best,
        Some("none") => CouponChoice::These(Vec::new()),
        Some(coupons) => CouponChoice::These(words.list(coupons, "coupon")),
    }
}

/// `units=LINE:UNITS,… [shipping] [shipped]`
pub(crate) fn refund(words: &mut Words) -> RefundRequest {
    let units = words.text("units").unwrap_or_default();
    let units = units.split(',').filter(|part| !part.is_empty()).map(|part| {
        let (line, units) = part.split_once(':').expect("LINE:UNITS");
        (words.parse(line, "line"), words.parse(units, "units"))
    });
    let units = units.collect();
    let shipped = words.flag("shipped");
    let stage = if shipped { RefundStage::AfterShipment } else { RefundStage::BeforeShipment };
    RefundRequest { units, shipping: words.flag("shipping"), stage }
}

/// `seed=N`: 32 times the same byte.
pub(crate) fn seed(words: &mut Words) -> Seed {
    Seed([words.value("seed").unwrap_or(7); 32])
}

fn commitment(words: &mut Words) -> Commitment {
    let seed = seed(words);
    Commitment { seed_hash: lot::seed_hash(&seed), sealed: b"sealed".to_vec() }
}

/// `draw=WINDOW [seed=N]`
pub(crate) fn draw_mode(words: &mut Words) -> Option<DrawMode> {
    let window_ms = words.span("draw")?;
    Some(DrawMode { window_ms, commitment: commitment(words) })
}

fn draws(verb: &str, words: &mut Words) -> Option<PromoCommand> {
    if !verb.starts_with("draw.") {
        return None;
    }
    let draw = words.id("draw");
    Some(match verb {
        "draw.start" => PromoCommand::StartDraw {
            draw,
            spec: DrawSpec {
                room: words.id("room"),
                title: words.text("title").unwrap_or_else(|| "A lipstick".to_owned()),
                winners: words.value("winners").unwrap_or(1),
                task: task(words),
                run_ms: words.span("run").unwrap_or(SpanMs::minutes(5)),
                address_ms: words.span("address").unwrap_or(SpanMs::hours(48)),
                next_in_order: words.flag("next"),
                commitment: commitment(words),
            },
        },
        "draw.enter" => PromoCommand::EnterDraw { draw },
        "draw.reveal" => PromoCommand::RevealDraw { draw, seed: seed(words) },
        "draw.prize" => PromoCommand::ClaimPrize { draw, address: address(words) },
        _ => return None,
    })
}

/// `BUYER[/CONNECTION][@DEVICE]:began|watching|hidden|stopped`, as many as there are.
pub(crate) fn marks(words: &mut Words, at: Millis) -> Vec<WatchMark> {
    let mut marks = Vec::new();
    while let Some(word) = words.next() {
        let (who, seen) = word.split_once(':').expect("BUYER:SEEN");
        let (who, device) = who.split_once('@').map_or((who, None), |(who, d)| (who, Some(d)));
        let (who, connection) = who.split_once('/').unwrap_or((who, "1"));
        let seen = match seen {
            "began" => Seen::Began,
            "watching" => Seen::Watching,
            "hidden" => Seen::Hidden,
            "stopped" => Seen::Stopped,
            other => panic!("nobody is seen {other}"),
        };
        marks.push(WatchMark {
            buyer: words.parse(who, "buyer"),
            connection: words.parse(connection, "connection"),
            at,
            seen,
            device: device.map(|device| words.parse(device, "device")),
        });
    }
    marks
}
