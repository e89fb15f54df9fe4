//! Who hears what of coupons, watch tasks and draws: a room what everybody in it sees, a buyer what
//! is his own. Owns no state; many people are told by a wave, so that their shop does not wait.

use std::sync::Arc;

use hawker_domain::id::{CampaignId, RoomId, UserId};
use hawker_domain::view::PromoChange;
use hawker_domain::view::promo::{CampaignView, CouponState, CouponView, DrawView};
use hawker_protocol::limits::WINNERS_SHOWN;
use hawker_protocol::push;
use tokio::time::Instant;

use super::Delivery;
use super::room_feed::{RoomFeed, Turn, is_shown};
use super::shop_feed::ShopFeed;
use crate::bus::Topic;
use crate::wire;

impl Delivery {
    pub(super) fn on_promo(&self, shop: &mut ShopFeed, change: PromoChange) {
        let id = wire::id(shop.id.clone());
        match change {
            PromoChange::Campaign(view) => self.on_campaign(shop, &view),
            PromoChange::Pushed { room, campaign, buyers } => {
                self.on_pushed(shop, &room, &campaign.campaign, buyers);
            }
            PromoChange::Granted { campaign, buyers } => self.on_granted(shop, &campaign, buyers),
            PromoChange::Coupon(view) => self.on_coupon(shop, &view),
            PromoChange::CampaignReminder { campaign, text, opens_at, buyers } => {
                let (campaign, opens_at) = (wire::id(campaign), wire::at(opens_at));
                let push = push::CouponReminder { shop: id, campaign, text, opens_at };
                self.tell_all(buyers, &push.into());
            }
            PromoChange::Progress { room: _, buyers } => self.waves.tell_progress(id, buyers),
            PromoChange::Draw(view) => self.on_draw(shop, &view),
            // Some entered by a comment or a purchase: no reply says that to them.
            PromoChange::Entered { draw, buyer } => {
                let push = push::DrawEntered { shop: id, draw: wire::id(draw) };
                self.tell_all(vec![buyer], &push.into());
            }
            PromoChange::PrizeWon { draw, buyer, address_by } => {
                let (draw, address_by) = (wire::id(draw), wire::at(address_by));
                let push = push::DrawWon { shop: id, draw, address_by };
                self.tell_all(vec![buyer], &push.into());
            }
            PromoChange::PrizeLost { draw, buyer } => {
                let push = push::DrawForfeited { shop: id, draw: wire::id(draw) };
                self.tell_all(vec![buyer], &push.into());
            }
            PromoChange::PoolDrawn { sale, losers } => {
                let push = push::SaleNotDrawn { shop: id, sale: wire::id(sale) };
                self.tell_all(losers, &push.into());
            }
            // The reply told whoever claimed; only his other connections need it.
            PromoChange::Pooled(view) => {
                let reservation = wire::pooled(&view);
                let push = push::ReservationPush { shop: id, reservation };
                self.tell(&view.buyer, &push.into(), true);
            }
            // What goods cost is asked for cart by cart.
            PromoChange::Rule(_)
            | PromoChange::RuleEnded { .. }
            | PromoChange::Stacking(_)
            | PromoChange::Capabilities(_) => {}
        }
    }

    /// Its rooms hear what looks different. Of several claims in a batch they hear once.
    fn on_campaign(&self, shop: &mut ShopFeed, view: &CampaignView) {
        let (campaign, turn) = shop.take_in(view);
        if turn == Turn::Nothing {
            return;
        }
        let now = Instant::now();
        for feed in shop.rooms_of(&campaign.scope) {
            self.publish_paced(feed, |room| {
                room.on_offer(campaign.place, &campaign.offer, turn, now)
            });
        }
    }

    /// A draw that closes with its room is drawn when that is over: who still looks sees it.
    fn on_draw(&self, shop: &ShopFeed, view: &DrawView) {
        let feed = self.rooms.get(&Topic::room(&shop.id, &view.room)).map(|feed| feed.clone());
        let Some(feed) = feed else { return };
        let draw = wire::draw(view, WINNERS_SHOWN);
        self.publish_paced(&feed, |room| room.on_draw(draw, Instant::now()));
    }

    /// A room that opens shows what others have shown before.
    pub(super) fn show_offers(&self, shop: &ShopFeed, feed: &Arc<RoomFeed>, room: &RoomId) {
        let now = Instant::now();
        for (place, offer) in shop.offers_in(room) {
            self.publish_paced(feed, |room| room.on_offer(place, &offer, Turn::Looks, now));
        }
    }

    /// One line for the room, or one for each of those whom the streamer chose.
    fn on_pushed(
        &self,
        shop: &ShopFeed,
        room: &RoomId,
        campaign: &CampaignId,
        buyers: Option<Vec<UserId>>,
    ) {
        // What ended in the same batch is not shown any more.
        let Some(known) = shop.campaigns.get(campaign) else { return };
        let to = if buyers.is_some() { "segment" } else { "room" };
        metrics::counter!("hawker_coupon_shown_total", "to" => to).increment(1);
        let Some(buyers) = buyers else {
            self.in_room(shop, room, |state| state.on_shown(known.place, &known.offer));
            return;
        };
        let (shop, room) = (wire::id(shop.id.clone()), wire::id(room.clone()));
        let offer = known.offer.as_ref().clone();
        self.tell_all(buyers, &push::CouponOffered { shop, room, offer }.into());
    }

    /// What nobody may see yet is told to nobody: the campaign's rooms will hear of it.
    fn on_granted(&self, shop: &ShopFeed, campaign: &CampaignId, buyers: Vec<UserId>) {
        let Some(known) = shop.campaigns.get(campaign) else { return };
        if !is_shown(known.offer.state) {
            return;
        }
        let (shop, offer) = (wire::id(shop.id.clone()), known.offer.as_ref().clone());
        self.tell_all(buyers, &push::CouponGranted { shop, offer }.into());
    }

    fn on_coupon(&self, shop: &ShopFeed, view: &CouponView) {
        let (shop, coupon) = (wire::id(shop.id.clone()), wire::coupon(view));
        let push = push::CouponChanged { shop, coupon }.into();
        match view.state {
            // Those of many buyers end together.
            CouponState::Expired | CouponState::Revoked => {
                self.tell_all(vec![view.buyer.clone()], &push);
            }
            CouponState::Claimed | CouponState::Locked { .. } | CouponState::Used { .. } => {
                // The reply told whoever claimed it; only his other connections need it.
                self.tell(&view.buyer, &push, view.version == 1);
            }
        }
    }
}
