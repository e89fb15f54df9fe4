//! Price rules over HTTP, which discounts meet, and what the platform lets a shop do. Owns the
//! routes; each verb is the socket's request of the same name.

use hawker_protocol::http::{ListPriceRules, SetStacking};
use hawker_protocol::object::{CapabilitiesChange, RuleSpec};
use hawker_protocol::reply::{
    CapabilitiesChanged, Done, PriceRuleChanged, PriceRuleList, StackingChanged,
};
use hawker_protocol::{Id, Refusal, request};

use super::call::{Call, STAFF};
use super::problem::{Answered, ok};
use crate::wire;

/// What every verb of a price rule starts with: shop, command id, rule.
fn head(call: &Call) -> Result<(Id, Id, Id), Refusal> {
    Ok((call.id("shop")?, call.command_id(), call.id("rule")?))
}

/// Lists the price rules that have not been ended, and which discounts do not meet.
#[utoipa::path(get, path = "/v1/shops/{shop}/price-rules", tag = "prices",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = PriceRuleList)))]
pub(super) async fn list_price_rules(call: Call) -> Answered {
    let (shop, ListPriceRules { cursor, limit }) = (call.id("shop")?, call.query()?);
    call.perform(request::PriceRules { shop, cursor, limit }).await
}

/// Makes a price rule, or replaces it.
///
/// What was ordered keeps its price. A subsidy takes the role `service`.
#[utoipa::path(put, path = "/v1/shops/{shop}/price-rules/{rule}", tag = "prices",
    request_body = RuleSpec,
    responses((status = 200, body = PriceRuleChanged),
        (status = 404, description = "sku_unknown, room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn put_price_rule(call: Call) -> Answered {
    let ((shop, command_id, rule), spec) = (head(&call)?, call.body()?);
    let rule = Some(rule);
    call.perform(request::PriceRuleSet { shop, command_id, rule, spec }).await
}

/// Ends a price rule; what was ordered keeps its price.
#[utoipa::path(delete, path = "/v1/shops/{shop}/price-rules/{rule}", tag = "prices",
    responses((status = 200, body = Done), (status = 404, description = "rule_unknown")))]
pub(super) async fn end_price_rule(call: Call) -> Answered {
    let (shop, command_id, rule) = head(&call)?;
    call.perform(request::PriceRuleEnd { shop, command_id, rule }).await
}

/// Replaces the pairs of discounts that do not meet; the server counts the version.
///
/// Takes the role `service`. They are read in the list of price rules.
#[utoipa::path(put, path = "/v1/shops/{shop}/stacking", tag = "prices",
    request_body = SetStacking,
    responses((status = 200, body = StackingChanged)))]
pub(super) async fn set_stacking(call: Call) -> Answered {
    let (shop, command_id) = (call.id("shop")?, call.command_id());
    let SetStacking { forbidden } = call.body()?;
    call.perform(request::PriceStacking { shop, command_id, forbidden }).await
}

/// Shows what the platform lets the shop do.
#[utoipa::path(get, path = "/v1/shops/{shop}/capabilities", tag = "shops",
    responses((status = 200, body = CapabilitiesChanged)))]
pub(super) async fn get_capabilities(call: Call) -> Answered {
    let capabilities = call.ask(&call.shop()?, STAFF, |shop, _| shop.capabilities()).await?;
    ok(&CapabilitiesChanged { capabilities: wire::capabilities(capabilities) })
}

/// Changes what the platform lets the shop do; what is absent stays.
///
/// Takes the role `service`: it is the platform's system that says so.
#[utoipa::path(patch, path = "/v1/shops/{shop}/capabilities", tag = "shops",
    request_body = CapabilitiesChange,
    responses((status = 200, body = CapabilitiesChanged)))]
pub(super) async fn change_capabilities(call: Call) -> Answered {
    let (shop, command_id, capabilities) = (call.id("shop")?, call.command_id(), call.body()?);
    call.perform(request::ShopCapabilities { shop, command_id, capabilities }).await
}
