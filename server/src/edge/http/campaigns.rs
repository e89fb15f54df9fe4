//! Coupon campaigns over HTTP: planning, announcing, opening, pushing, ending. Owns the routes; the
//! verbs are the socket's requests of the same names and get the same answers.

use hawker_protocol::http::{
    CampaignDetail, CreateCampaign, GrantCoupons, ListCampaigns, PushCampaign,
};
use hawker_protocol::object::CampaignState;
use hawker_protocol::reply::{CampaignChanged, Campaigns, Revoked};
use hawker_protocol::request::RevokeOf;
use hawker_protocol::{Id, Refusal, request};

use super::call::{Call, STAFF};
use super::problem::{Answered, ok};

/// What every verb of a campaign starts with: shop, command id, campaign.
fn head(call: &Call) -> Result<(Id, Id, Id), Refusal> {
    Ok((call.id("shop")?, call.command_id(), call.id("campaign")?))
}

/// Plans a coupon campaign.
///
/// Platform money takes the role `service`. Without an id the server makes one; with the same
/// `Idempotency-Key` it is the same.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns", tag = "campaigns",
    request_body = CreateCampaign,
    responses((status = 201, body = CampaignChanged),
        (status = 404, description = "sku_unknown, room_unknown"),
        (status = 409, description = "campaign_exists, room_ended")))]
pub(super) async fn create_campaign(call: Call) -> Answered {
    let (shop, CreateCampaign { campaign, spec }) = (call.id("shop")?, call.body()?);
    let campaign = Some(campaign.unwrap_or_else(|| call.made_id()));
    let command_id = call.command_id();
    call.perform_creation(request::CouponCreate { shop, command_id, campaign, spec }).await
}

/// Lists the shop's campaigns with their figures, those that are over for a week after their end.
#[utoipa::path(get, path = "/v1/shops/{shop}/campaigns", tag = "campaigns",
    params(
        ("state" = Option<CampaignState>, Query, description = "Only those in this state."),
        ("room" = Option<Id>, Query, description = "Only those that can be claimed in this room."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Campaigns)))]
pub(super) async fn list_campaigns(call: Call) -> Answered {
    let (shop, asked): (_, ListCampaigns) = (call.id("shop")?, call.query()?);
    let ListCampaigns { state, room, cursor, limit } = asked;
    call.perform(request::CouponCampaigns { shop, state, room, cursor, limit }).await
}

/// Shows a campaign with the names of its audience, however old.
#[utoipa::path(get, path = "/v1/shops/{shop}/campaigns/{campaign}", tag = "campaigns",
    responses((status = 200, body = CampaignDetail),
        (status = 404, description = "campaign_unknown")))]
pub(super) async fn get_campaign(call: Call) -> Answered {
    let (shop, campaign) = (call.shop()?, call.id("campaign")?);
    call.admit(&shop, STAFF).await?;
    ok(&call.service().campaign(&shop, &campaign).await?)
}

/// Shows a campaign before it opens; buyers can ask for a reminder.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/announce", tag = "campaigns",
    responses((status = 200, body = CampaignChanged),
        (status = 404, description = "campaign_unknown"),
        (status = 409, description = "campaign_not_ready")))]
pub(super) async fn announce_campaign(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    call.perform(request::CouponAnnounce { shop, command_id, campaign }).await
}

/// Takes claims from now on; tasks begin to count.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/open", tag = "campaigns",
    responses((status = 200, body = CampaignChanged),
        (status = 404, description = "campaign_unknown"),
        (status = 409, description = "campaign_not_ready, campaign_ended, room_ended")))]
pub(super) async fn open_campaign(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    call.perform(request::CouponOpen { shop, command_id, campaign }).await
}

/// Takes no more claims; what was claimed stays good.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/end", tag = "campaigns",
    responses((status = 200, body = CampaignChanged),
        (status = 404, description = "campaign_unknown"),
        (status = 409, description = "campaign_not_ready")))]
pub(super) async fn end_campaign(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    call.perform(request::CouponEnd { shop, command_id, campaign }).await
}

/// Ends a campaign and takes back what was claimed and is in no order.
///
/// Coupons that an order or a hold has stay good in it.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/revoke", tag = "campaigns",
    responses((status = 200, body = Revoked), (status = 404, description = "campaign_unknown")))]
pub(super) async fn revoke_campaign(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    let of = RevokeOf::Campaign(campaign);
    call.perform(request::CouponRevoke { shop, command_id, of }).await
}

/// Shows an open campaign to those in a room who fit all of the segment; to everybody there, if it
/// is empty.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/push", tag = "campaigns",
    request_body = PushCampaign,
    responses((status = 200, body = CampaignChanged),
        (status = 404, description = "campaign_unknown, room_unknown"),
        (status = 409, description = "campaign_not_ready, campaign_not_in_room, room_not_ready, \
            room_ended")))]
pub(super) async fn push_campaign(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    let PushCampaign { room, segment } = call.body()?;
    call.perform(request::CouponPush { shop, command_id, campaign, room, segment }).await
}

/// Lets these buyers claim, whatever audience and task say.
///
/// As many as a body holds, and at most 1,000; send more in further requests. Whoever was let in
/// before is not counted twice.
#[utoipa::path(post, path = "/v1/shops/{shop}/campaigns/{campaign}/grants", tag = "campaigns",
    request_body = GrantCoupons,
    responses((status = 200, body = CampaignChanged),
        (status = 404, description = "campaign_unknown"),
        (status = 409, description = "campaign_ended")))]
pub(super) async fn grant_coupons(call: Call) -> Answered {
    let (shop, command_id, campaign) = head(&call)?;
    let GrantCoupons { buyers } = call.body()?;
    call.perform(request::CouponGrant { shop, command_id, campaign, buyers }).await
}
