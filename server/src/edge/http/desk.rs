//! The switches of a shop's desk over HTTP, and what it is measured by. Owns the routes; each verb
//! is the socket's request of the same name.

use hawker_protocol::http::RateQuery;
use hawker_protocol::object::{Holiday, PolicyChange};
use hawker_protocol::reply::{HolidayChanged, PolicyChanged, ResponseRate};
use hawker_protocol::request::{self, RateBy};
use hawker_protocol::{Id, Refusal};

use super::call::Call;
use super::problem::{Answered, ok};
use crate::wire;

/// Shows when the shop is on holiday.
#[utoipa::path(get, path = "/v1/shops/{shop}/holiday", tag = "desk",
    responses((status = 200, body = HolidayChanged)))]
pub(super) async fn get_holiday(call: Call) -> Answered {
    let holiday = call.ask(&call.shop()?, wire::SPEAKERS, |shop, _| shop.holiday()).await?;
    ok(&HolidayChanged { holiday: holiday.as_ref().map(wire::holiday) })
}

/// Sends the shop on holiday: sessions that start in it leave the response rate.
#[utoipa::path(put, path = "/v1/shops/{shop}/holiday", tag = "desk", request_body = Holiday,
    responses((status = 200, body = HolidayChanged)))]
pub(super) async fn set_holiday(call: Call) -> Answered {
    let (shop, command_id, holiday) = (call.id("shop")?, call.command_id(), Some(call.body()?));
    call.perform(request::ShopHoliday { shop, command_id, holiday }).await
}

/// Opens the shop again.
#[utoipa::path(delete, path = "/v1/shops/{shop}/holiday", tag = "desk",
    responses((status = 200, body = HolidayChanged)))]
pub(super) async fn lift_holiday(call: Call) -> Answered {
    let (shop, command_id, holiday) = (call.id("shop")?, call.command_id(), None);
    call.perform(request::ShopHoliday { shop, command_id, holiday }).await
}

/// Shows every figure of the desk.
#[utoipa::path(get, path = "/v1/shops/{shop}/desk-policy", tag = "desk",
    responses((status = 200, body = PolicyChanged)))]
pub(super) async fn get_desk_policy(call: Call) -> Answered {
    let (shop, command_id) = (call.id("shop")?, call.command_id());
    call.perform(request::DeskPolicy { shop, command_id, policy: PolicyChange::default() }).await
}

/// Changes figures of the desk; what is absent stays, and what has begun keeps its figures.
#[utoipa::path(patch, path = "/v1/shops/{shop}/desk-policy", tag = "desk",
    request_body = PolicyChange,
    responses((status = 200, body = PolicyChanged)))]
pub(super) async fn change_desk_policy(call: Call) -> Answered {
    let (shop, command_id, policy) = (call.id("shop")?, call.command_id(), call.body()?);
    call.perform(request::DeskPolicy { shop, command_id, policy }).await
}

/// Counts the sessions that opened in a window by what became of them.
///
/// Exact to the millisecond, for 97 days. A session that is reported, excluded or answered later
/// counts as it is now.
#[utoipa::path(get, path = "/v1/shops/{shop}/response-rate", tag = "desk",
    params(
        ("from" = i64, Query, description = "The first millisecond of the window."),
        ("until" = i64, Query, description = "The first millisecond after it."),
        ("by" = Option<RateBy>, Query, description = "Absent: `shop`."),
        ("agent" = Option<Id>, Query, description = "With `by=agent`: only his."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = ResponseRate), (status = 404, description = "agent_unknown")))]
pub(super) async fn get_response_rate(call: Call) -> Answered {
    let (shop, asked): (_, RateQuery) = (call.id("shop")?, call.query()?);
    let RateQuery { from, until, by, agent, cursor, limit } = asked;
    if agent.is_some() && by != RateBy::Agent {
        return Err(Refusal::invalid_field("agent", "is for by=agent").into());
    }
    let asked = request::DeskResponseRate { shop, from, until, by, agent, cursor, limit };
    call.perform(asked).await
}
