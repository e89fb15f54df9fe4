//! How the views of the promotions read in an outcome file: one line each. Owns no expectation.

use hawker_domain::Shop;
use hawker_domain::shop::price::Quote;
use hawker_domain::view::promo::{CampaignView, CouponView, DrawView, PromoChange};

use crate::render::debug;
use crate::words::Words;

/// What `show` puts into the outcome, if it is of the promotions.
pub(crate) fn show(shop: &Shop, what: &str, words: &mut Words) -> Option<Vec<String>> {
    let gone = || "not in memory".to_owned();
    Some(match what {
        "campaign" => {
            let view = shop.campaign_view(&words.id("campaign"));
            vec![view.map_or_else(gone, |view| campaign(&view))]
        }
        "campaigns" => shop.campaigns().iter().map(campaign).collect(),
        "coupon" => {
            let view = shop.coupon_view(&words.id("coupon"));
            vec![view.map_or_else(gone, |view| coupon(&view))]
        }
        "funnel" => vec![debug(&shop.watch_task_view(&words.id("campaign")))],
        "rules" => shop.rules().iter().map(debug).collect(),
        "promo" => vec![debug(&shop.promo_buyer_view(&words.id("buyer")))],
        "draw" => {
            let view = shop.draw_view(&words.id("draw"));
            vec![view.map_or_else(gone, |view| draw(&view))]
        }
        "awaited" => vec![format!(
            "draws {:?}, sales {:?}",
            shop.draws_awaiting_seed().collect::<Vec<_>>(),
            shop.sales_awaiting_seed(hawker_domain::time::Millis(i64::MAX)).collect::<Vec<_>>()
        )],
        "price" => {
            let view = shop.order_view(&words.id("order")).expect("an order");
            let mut lines = view.quote.map(|found| quote(&found)).unwrap_or_default();
            lines.push(format!("refunded {}", view.refunded_minor.0));
            lines
        }
        _ => return None,
    })
}

fn campaign(view: &CampaignView) -> String {
    let counts = view.counts;
    format!(
        "{} {:?}: claimed {} of {}, granted {}, completed {}, used {}, returned {}, expired {}, \
         revoked {}, pushes {}; spent {} + locked {} + worst case of claimed {} of {}",
        view.campaign,
        view.state,
        counts.claimed,
        view.spec.claims_total,
        counts.granted,
        counts.completed,
        counts.used,
        counts.returned,
        counts.expired,
        counts.revoked,
        counts.pushes,
        view.money.spent_minor.0,
        view.money.locked_minor.0,
        view.money.claimed_minor.0,
        view.spec.budget_minor.0
    )
}

fn coupon(view: &CouponView) -> String {
    let state = debug(&view.state);
    let expires = debug(&view.expires_at);
    format!(
        "{} of {} from {}: {state}, at most {}, until {expires}",
        view.coupon, view.buyer, view.campaign, view.worst_minor.0
    )
}

fn draw(view: &DrawView) -> String {
    format!(
        "{} {:?} in {}: {} entered, eligible {:?}, winners {}, passed over {:?}, seed {:?}",
        view.draw,
        view.state,
        view.room,
        view.entries,
        view.eligible,
        debug(&view.winners),
        view.passed_over,
        view.seed
    )
}

/// The explanation of a price, line by line.
pub(crate) fn quote(quote: &Quote) -> Vec<String> {
    let mut lines = Vec::new();
    for line in &quote.lines {
        let parts: Vec<_> = line.parts.iter().map(debug).collect();
        lines.push(format!(
            "{} x {} at {} (list {}): pays {}; {}",
            line.quantity,
            line.sku,
            line.unit_minor.0,
            line.list_minor.0,
            line.payable_minor.0,
            parts.join("; ")
        ));
    }
    let off = quote.shipping_off.as_ref().map_or("nothing off".to_owned(), debug);
    lines.push(format!("shipping {}: {off}", quote.shipping_fee_minor.0));
    lines.push(format!(
        "list {} = goods {} + seller {} + platform {}; total {}, stacking {}",
        quote.list_minor.0,
        quote.goods_minor.0,
        quote.seller_minor.0,
        quote.platform_minor.0,
        quote.total_minor.0,
        quote.stacking_version
    ));
    lines
}

pub(crate) fn change(change: &PromoChange) -> String {
    match change {
        PromoChange::Rule(view) => format!("rule {}", debug(view)),
        PromoChange::Campaign(view) => format!("campaign {}", campaign(view)),
        PromoChange::Coupon(view) => format!("coupon {}", coupon(view)),
        PromoChange::Draw(view) => format!("draw {}", draw(view)),
        PromoChange::Pushed { room, campaign, buyers } => {
            format!("pushed {} in {room} to {buyers:?}", campaign.campaign)
        }
        PromoChange::RuleEnded { .. }
        | PromoChange::Stacking(_)
        | PromoChange::Capabilities(_)
        | PromoChange::Granted { .. }
        | PromoChange::CampaignReminder { .. }
        | PromoChange::Progress { .. }
        | PromoChange::Entered { .. }
        | PromoChange::PrizeWon { .. }
        | PromoChange::PrizeLost { .. }
        | PromoChange::Pooled(_)
        | PromoChange::PoolDrawn { .. } => debug(change),
    }
}
