//! A shop's staff over HTTP. Owns the routes; a row of the shop overrides what a token says.

use hawker_domain::command::ShopCommand;
use hawker_domain::id::UserId;
use hawker_protocol::Refusal;
use hawker_protocol::http::{PutStaff, StaffList};
use hawker_protocol::object::Staff;
use hawker_protocol::reply::Done;

use super::call::Call;
use super::problem::{Answered, ok};
use crate::wire;

/// Lists who works for the shop, and as what.
#[utoipa::path(get, path = "/v1/shops/{shop}/staff", tag = "staff",
    responses((status = 200, body = StaffList)))]
pub(super) async fn list_staff(call: Call) -> Answered {
    let staff = call.ask(&call.shop()?, wire::KEEPERS, |shop, _| shop.staff()).await?;
    let staff = staff.into_iter().map(|(user, roles)| wire::staff(&user, roles));
    ok(&StaffList { staff: staff.collect() })
}

/// Gives somebody these roles from now on, whatever his token says.
#[utoipa::path(put, path = "/v1/shops/{shop}/staff/{user}", tag = "staff",
    request_body = PutStaff, responses((status = 200, body = Staff)))]
pub(super) async fn put_staff(call: Call) -> Answered {
    let (shop, user) = (call.shop()?, user_id(&call)?);
    let roles = wire::roles(&call.body::<PutStaff>()?.roles);
    let command = ShopCommand::PutStaff { user: user.clone(), roles: roles.clone() };
    call.submit(&shop, wire::KEEPERS, command).await?;
    ok(&wire::staff(&user, roles))
}

/// Sends somebody away: a token that still names his role is powerless at once.
#[utoipa::path(delete, path = "/v1/shops/{shop}/staff/{user}", tag = "staff",
    responses((status = 200, body = Done), (status = 404, description = "staff_unknown")))]
pub(super) async fn remove_staff(call: Call) -> Answered {
    let (shop, user) = (call.shop()?, user_id(&call)?);
    call.submit(&shop, wire::KEEPERS, ShopCommand::RemoveStaff { user }).await?;
    ok(&Done {})
}

fn user_id(call: &Call) -> Result<UserId, Refusal> {
    call.id("user").map(|id| UserId::checked(id.as_str()))
}
