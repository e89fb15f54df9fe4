//! What the simulated streamer gives away between two sales: a coupon shown to everybody, then a
//! lucky draw, and so on. Owns the requests and what the ticker hears of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::number::{Bps, Claims, Minor, PerBuyer, SpanMs, Winners};
use hawker_protocol::object::{
    CampaignSpec, Discount, Draw, DrawSpec, DrawState, Funder, ItemScope, PercentTier, Scope, Task,
    Validity,
};
use hawker_protocol::push::{RoomCoupon, RoomDraw};
use hawker_protocol::request::{
    CouponCreate, CouponEnd, CouponOpen, CouponPush, DrawCreate, RoomComment,
};
use hawker_protocol::{Id, Request};

use super::crowd::Crowd;
use crate::api::{id, list, text};
use crate::line;

const DRAW_RUN: SpanMs = SpanMs(30_000);
const COUPON_LIFE: SpanMs = SpanMs(24 * 3_600_000);

#[derive(Debug)]
pub(super) struct Gifts {
    crowd: Arc<Crowd>,
    given: u64,
    /// The coupon campaign that was shown last.
    campaign: Option<Id>,
    /// The platform has not allowed them.
    without_draws: bool,
    /// The last step of each draw that was told.
    told: BTreeMap<Id, DrawState>,
}

impl Gifts {
    pub(super) fn new(crowd: Arc<Crowd>) -> Self {
        Self { crowd, given: 0, campaign: None, without_draws: false, told: BTreeMap::new() }
    }

    /// A shop without draws goes on with coupons.
    pub(super) fn on_refused(&mut self, code: &str) {
        self.without_draws |= code == "not_capable";
    }

    /// In turns; `viewers` are in the room.
    pub(super) fn next(&mut self, viewers: u64) -> Result<Vec<Request>> {
        self.given += 1;
        match self.given.is_multiple_of(2) && !self.without_draws {
            true => self.draw(),
            false => self.coupon(viewers),
        }
    }

    /// For one viewer in five, so that it runs out before everybody's eyes.
    fn coupon(&mut self, viewers: u64) -> Result<Vec<Request>> {
        let (shop, room) = (self.crowd.shop.clone(), self.crowd.room.clone());
        let campaign = id(&format!("{}-gift{}", self.crowd.target.name, self.given))?;
        let before = self.campaign.replace(campaign.clone());
        let claims = u32::try_from(viewers / 5).unwrap_or(u32::MAX).clamp(5, 10_000);
        let most = Minor(1_000);
        let spec = CampaignSpec {
            title: text("15% off, only right now")?,
            funder: Funder::Seller,
            discount: Discount::Percent {
                tiers: list(vec![PercentTier {
                    min_spend_minor: Minor(500),
                    off_bps: Bps(1_500),
                }])?,
                max_discount_minor: most,
            },
            items: ItemScope::All,
            rooms: Scope::Rooms(list(vec![room.clone()])?),
            audience: list(vec![])?,
            task: Task::None,
            announce_at: None,
            opens_at: None,
            closes_at: None,
            validity: Validity::For { span_ms: COUPON_LIFE },
            claims_total: Claims(claims),
            per_buyer: PerBuyer(1),
            budget_minor: Minor(most.0 * u64::from(claims)),
            stack_class: None,
            reminder_text: text("")?,
        };
        let said = text(&format!("{claims} coupons for whoever is quick!"))?;
        let command_id = self.command()?;
        let create =
            CouponCreate { shop: shop.clone(), command_id, campaign: Some(campaign.clone()), spec };
        let command_id = self.command()?;
        let open = CouponOpen { shop: shop.clone(), command_id, campaign: campaign.clone() };
        let command_id = self.command()?;
        let (to, segment) = (room.clone(), list(vec![])?);
        let push = CouponPush { shop: shop.clone(), command_id, campaign, room: to, segment };
        let command_id = self.command()?;
        let comment = RoomComment { shop: shop.clone(), command_id, room, text: said };
        let command_id = self.command()?;
        let end = before.map(|campaign| CouponEnd { shop, command_id, campaign }.into());
        let requests = [create.into(), open.into(), push.into(), comment.into()];
        Ok(end.into_iter().chain(requests).collect())
    }

    fn draw(&mut self) -> Result<Vec<Request>> {
        let (shop, room) = (self.crowd.shop.clone(), self.crowd.room.clone());
        let spec = DrawSpec {
            room: room.clone(),
            title: text("A parcel from the quay")?,
            winners: Winners(3),
            task: Task::None,
            run_ms: DRAW_RUN,
            address_ms: None,
            next_in_order: true,
        };
        let draw = id(&format!("{}-draw{}", self.crowd.target.name, self.given))?;
        let command_id = self.command()?;
        let create = DrawCreate { shop: shop.clone(), command_id, draw: Some(draw), spec };
        let said = text("A lucky draw: press Take part, in 30 seconds it is drawn!")?;
        let comment = RoomComment { shop, command_id: self.command()?, room, text: said };
        Ok(vec![create.into(), comment.into()])
    }

    fn command(&self) -> Result<Id> {
        id(&uuid::Uuid::now_v7().to_string())
    }

    /// Tells what became of a gift.
    pub(super) fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "room.coupon" => {
                let RoomCoupon { offer, shown } = line::push(line)?;
                let own = self.campaign.as_ref() == Some(&offer.campaign);
                if shown {
                    self.crowd.big(format!("COUPON shown: {}, {} left", offer.title, offer.left));
                } else if own && offer.left == 0 {
                    self.crowd.big(format!("COUPON: {}: every one is claimed", offer.title));
                }
            }
            "room.draw" => {
                let RoomDraw { draw } = line::push(line)?;
                self.on_draw(&draw);
            }
            _ => {}
        }
        Ok(())
    }

    fn on_draw(&mut self, draw: &Draw) {
        if self.told.insert(draw.draw.clone(), draw.state) == Some(draw.state) {
            return;
        }
        let title = &draw.title;
        match draw.state {
            DrawState::Running => {
                let promise = &draw.seed_hash;
                self.crowd.big(format!("LUCKY DRAW begins: {title}; the seed's hash is {promise}"));
            }
            DrawState::Closed => {
                self.crowd.big(format!("LUCKY DRAW: {title}: {} took part", draw.entries));
            }
            DrawState::Drawn | DrawState::Done if draw.winners.is_empty() => {
                self.crowd.big(format!("LUCKY DRAW: {title}: nobody won"));
            }
            DrawState::Drawn => {
                let names: Vec<_> = draw.winners.iter().map(|won| won.buyer.as_str()).collect();
                self.crowd.big(format!("LUCKY DRAW: {title}: {} won", names.join(", ")));
            }
            DrawState::Done => {
                self.crowd.big(format!("LUCKY DRAW: {title}: every prize has its address"));
            }
        }
    }
}
