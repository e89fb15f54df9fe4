//! Agents of the desk over HTTP: the team, what each means to do, how much he holds at most. Owns
//! the routes; each verb is the socket's request of the same name and gets the same answer.

use hawker_protocol::http::{ListAgents, SetCap, SetStatus};
use hawker_protocol::reply::{AgentChanged, Team};
use hawker_protocol::request;

use super::call::Call;
use super::problem::Answered;

/// Lists everybody of the desk, and what should be looked at now.
#[utoipa::path(get, path = "/v1/shops/{shop}/agents", tag = "desk",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Team)))]
pub(super) async fn list_agents(call: Call) -> Answered {
    let (shop, ListAgents { cursor, limit }) = (call.id("shop")?, call.query()?);
    call.perform(request::DeskTeam { shop, cursor, limit }).await
}

/// Sets what an agent means to do.
///
/// Of somebody else only supervisors and managers may. Whoever is not connected gets no sessions,
/// whatever he means to do.
#[utoipa::path(put, path = "/v1/shops/{shop}/agents/{agent}/status", tag = "desk",
    request_body = SetStatus,
    responses((status = 200, body = AgentChanged),
        (status = 404, description = "agent_unknown"),
        (status = 409, description = "last_agent")))]
pub(super) async fn set_agent_status(call: Call) -> Answered {
    let (shop, agent) = (call.id("shop")?, Some(call.id("agent")?));
    let (command_id, SetStatus { status, confirmed }) = (call.command_id(), call.body()?);
    call.perform(request::DeskStatus { shop, command_id, agent, status, confirmed }).await
}

/// Sets how many sessions an agent holds at most.
///
/// Of somebody else only supervisors and managers may. What he holds above it he keeps.
#[utoipa::path(put, path = "/v1/shops/{shop}/agents/{agent}/cap", tag = "desk",
    request_body = SetCap,
    responses((status = 200, body = AgentChanged), (status = 404, description = "agent_unknown")))]
pub(super) async fn set_agent_cap(call: Call) -> Answered {
    let (shop, agent) = (call.id("shop")?, Some(call.id("agent")?));
    let (command_id, SetCap { cap }) = (call.command_id(), call.body()?);
    call.perform(request::DeskCap { shop, command_id, agent, cap }).await
}
