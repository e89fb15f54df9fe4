//! What the rooms of one shop share: its goods, its sales, its campaigns, as viewers may see them.
//! Owns no number and tells nobody.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hawker_domain::command::Scope;
use hawker_domain::id::{CampaignId, ProductId, RoomId, SaleId, ShopId};
use hawker_domain::money::Currency;
use hawker_domain::shop::Shop;
use hawker_domain::view;
use hawker_domain::view::promo::CampaignView;
use hawker_protocol::object::{CampaignState, Offer, Product, Sale, SaleState};

use super::desk_feed::DeskFeed;
use super::room_feed::{RoomFeed, Turn};
use crate::wire;

/// What rooms of one shop share, and its desk.
pub(super) struct ShopFeed {
    pub(super) id: ShopId,
    pub(super) currency: Currency,
    pub(super) epoch: u64,
    pub(super) desk: Arc<DeskFeed>,
    /// Rooms that have not ended.
    pub(super) rooms: BTreeMap<RoomId, Arc<RoomFeed>>,
    pub(super) products: BTreeMap<ProductId, view::ProductView>,
    /// Sales that are not over, and the newest that are: a late payment still moves their units.
    pub(super) sales: BTreeMap<SaleId, Shown>,
    /// Those that are over, the oldest first.
    pub(super) over: VecDeque<SaleId>,
    /// Campaigns that are not over.
    pub(super) campaigns: BTreeMap<CampaignId, Campaign>,
    /// Places given to campaigns so far.
    places: u64,
}

/// A coupon campaign as its rooms see it.
#[derive(Clone)]
pub(super) struct Campaign {
    /// Its place in the row in which buyers came to see them.
    pub(super) place: u64,
    pub(super) scope: Scope,
    pub(super) offer: Arc<Offer>,
}

/// A sale as its rooms see it.
pub(super) struct Shown {
    pub(super) scope: Scope,
    pub(super) sale: Sale,
}

impl ShopFeed {
    pub(super) fn new(id: ShopId, currency: Currency, desk: Arc<DeskFeed>) -> Self {
        let (rooms, products, sales) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (epoch, over, campaigns) = (desk.epoch, VecDeque::new(), BTreeMap::new());
        Self { id, currency, epoch, desk, rooms, products, sales, over, campaigns, places: 0 }
    }

    /// The sales that are not over, and the newest that ended: a shop's past is nobody's news.
    pub(super) fn recall_sales(&mut self, shop: &Shop, ended_max: usize) {
        let views: Vec<_> = shop.sales().filter_map(|sale| shop.sale_view(sale)).collect();
        let of_the_past = |view: &&view::SaleView| view.state == view::SaleState::Ended;
        let mut ended: Vec<_> = views.iter().filter(of_the_past).collect();
        ended.sort_by_key(|view| view.ends_at);
        let ended = ended.split_off(ended.len().saturating_sub(ended_max));
        self.over = ended.iter().map(|view| view.sale.clone()).collect();
        let ahead = views.iter().filter(|view| !is_over(view.state));
        for view in ahead.chain(ended) {
            let shown = Shown { scope: view.scope.clone(), sale: wire::sale_push(view) };
            self.sales.insert(view.sale.clone(), shown);
        }
    }

    /// In the order in which they open, as far as that was settled.
    pub(super) fn recall_offers(&mut self, shop: &Shop) {
        let mut views = shop.campaigns();
        views.sort_by_key(|view| view.opens_at);
        for view in views {
            self.take_in(&view);
        }
    }

    /// Brings a campaign up to date, and says how it differs from what was known. One that is over
    /// is given back and forgotten.
    pub(super) fn take_in(&mut self, view: &CampaignView) -> (Campaign, Turn) {
        let known = self.campaigns.get(&view.campaign);
        let offer = wire::offer(view);
        let turn = Turn::between(known.map(|known| &*known.offer), &offer);
        let had_place = known.filter(|known| known.offer.state != CampaignState::Draft);
        let place = had_place.map_or(self.places, |known| known.place);
        let offer = match known.filter(|_| turn == Turn::Nothing) {
            Some(known) => known.offer.clone(),
            None => Arc::new(offer),
        };
        self.places = self.places.max(place + 1);
        let campaign = Campaign { place, scope: view.spec.rooms.clone(), offer };
        if campaign.is_over() {
            self.campaigns.remove(&view.campaign);
        } else {
            self.campaigns.insert(view.campaign.clone(), campaign.clone());
        }
        (campaign, turn)
    }

    /// The offers of a room by their places.
    pub(super) fn offers_in(&self, room: &RoomId) -> Vec<(u64, Arc<Offer>)> {
        let its = self.campaigns.values().filter(|campaign| is_in(&campaign.scope, room));
        let mut offers: Vec<_> = its.map(|it| (it.place, it.offer.clone())).collect();
        offers.sort_by_key(|(place, _)| *place);
        offers
    }

    /// The rooms that a sale or a campaign is shown in.
    pub(super) fn rooms_of(&self, scope: &Scope) -> Vec<&Arc<RoomFeed>> {
        match scope {
            Scope::AllRooms => self.rooms.values().collect(),
            Scope::Rooms(rooms) => rooms.iter().filter_map(|room| self.rooms.get(room)).collect(),
        }
    }

    pub(super) fn products_of(&self, bag: &[ProductId]) -> Vec<Product> {
        let known = bag.iter().filter_map(|product| self.products.get(product));
        known.map(|product| wire::product(product, &self.currency)).collect()
    }
}

impl Shown {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.sale.state, SaleState::Ended | SaleState::Cancelled)
    }

    pub(super) fn is_in(&self, room: &RoomId) -> bool {
        is_in(&self.scope, room)
    }
}

impl Campaign {
    fn is_over(&self) -> bool {
        matches!(self.offer.state, CampaignState::Ended | CampaignState::Revoked)
    }
}

fn is_in(scope: &Scope, room: &RoomId) -> bool {
    match scope {
        Scope::AllRooms => true,
        Scope::Rooms(rooms) => rooms.contains(room),
    }
}

fn is_over(state: view::SaleState) -> bool {
    matches!(state, view::SaleState::Ended | view::SaleState::Cancelled)
}
