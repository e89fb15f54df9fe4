//! The coupons and draws of one room as everybody in it may see them. Owns what is shown and what
//! waits to be told; what a campaign looks like is worked out once for all rooms.

use std::collections::BTreeMap;
use std::sync::Arc;

use hawker_protocol::object::{CampaignState, Draw, DrawState, ItemScope, Offer, Scope};
use hawker_protocol::{Id, push};
use tokio::time::Instant;

use super::{Numbered, State};
use crate::bus::Class;
use crate::delivery::Options;
use crate::delivery::pace::Pace;

/// Goods and rooms that the offers of a snapshot name: some 65 kB at most, well below an outbox.
const NAMES_MAX: usize = 1_000;

/// How an offer differs from what was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delivery) enum Turn {
    /// It looks as before.
    Nothing,
    /// There are fewer coupons, and still some.
    Counts,
    Looks,
}

#[derive(Debug)]
pub(super) struct Promo {
    /// By their places in the shop's row: the newest is the last.
    offers: BTreeMap<u64, Arc<Offer>>,
    draws: BTreeMap<Id, Draw>,
    offers_max: usize,
    draws_max: usize,
    offers_pace: Pace<u64>,
    draws_pace: Pace<Id>,
}

impl Promo {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            offers: BTreeMap::new(),
            draws: BTreeMap::new(),
            offers_max: options.snapshot_offers_max,
            draws_max: options.snapshot_draws_max,
            offers_pace: Pace::new(options.promo),
            draws_pace: Pace::new(options.promo),
        }
    }

    pub(super) fn recall(
        &mut self,
        offers: Vec<(u64, Arc<Offer>)>,
        draws: impl Iterator<Item = Draw>,
    ) {
        self.offers.extend(offers.into_iter().filter(|(_, offer)| is_shown(offer.state)));
        let open = draws.filter(|draw| draw.state != DrawState::Done);
        self.draws.extend(open.map(|draw| (draw.draw.clone(), draw)));
    }

    /// The newest first; fewer where they name many goods and rooms.
    pub(super) fn offers(&self) -> Vec<Offer> {
        let newest = self.offers.values().rev().take(self.offers_max);
        let mut names = 0;
        let fits = |offer: &&Arc<Offer>| {
            names += names_in(offer);
            names <= NAMES_MAX
        };
        newest.take_while(fits).map(|offer| Offer::clone(offer)).collect()
    }

    /// Whose close is last first.
    pub(super) fn draws(&self) -> Vec<Draw> {
        let mut draws: Vec<_> = self.draws.values().collect();
        draws.sort_by_key(|draw| std::cmp::Reverse(draw.closes_at));
        draws.into_iter().take(self.draws_max).cloned().collect()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.offers_pace.is_quiet() && self.draws_pace.is_quiet()
    }
}

impl State {
    /// A campaign of the room looks different. Who has not heard of one that is over does not
    /// hear of its end.
    pub(in crate::delivery) fn on_offer(
        &mut self,
        place: u64,
        offer: &Arc<Offer>,
        turn: Turn,
        now: Instant,
    ) -> Vec<Numbered> {
        let promo = &mut self.promo;
        if !is_shown(offer.state) {
            promo.offers_pace.forget(|waiting| *waiting == place);
            let known = promo.offers.remove(&place);
            return known.map(|_| self.offer_line(offer, false)).into_iter().collect();
        }
        promo.offers.insert(place, offer.clone());
        promo.offers_pace.note(place);
        self.encoded = None;
        let waits = turn != Turn::Looks && !self.promo.offers_pace.is_due(now);
        if waits { Vec::new() } else { self.take_offers(now) }
    }

    /// The streamer shows a campaign to everybody.
    pub(in crate::delivery) fn on_shown(&mut self, place: u64, offer: &Offer) -> Vec<Numbered> {
        self.promo.offers_pace.forget(|waiting| *waiting == place);
        vec![self.offer_line(offer, true)]
    }

    /// A draw changed. A new state leaves at once; entries and prizes that are claimed wait for
    /// their turn.
    pub(in crate::delivery) fn on_draw(&mut self, draw: Draw, now: Instant) -> Vec<Numbered> {
        let (promo, id) = (&mut self.promo, draw.draw.clone());
        let known = promo.draws.get(&id);
        if known.is_some_and(|known| Draw { version: known.version, ..draw.clone() } == *known) {
            return Vec::new();
        }
        let turned = known.is_none_or(|known| known.state != draw.state);
        if draw.state == DrawState::Done {
            promo.draws_pace.forget(|waiting| *waiting == id);
            let known = promo.draws.remove(&id);
            return known.map(|_| self.draw_line(draw)).into_iter().collect();
        }
        promo.draws.insert(id.clone(), draw);
        promo.draws_pace.note(id);
        self.encoded = None;
        let waits = !turned && !self.promo.draws_pace.is_due(now);
        if waits { Vec::new() } else { self.take_draws(now) }
    }

    pub(super) fn take_due_promo(&mut self, now: Instant) -> Vec<Numbered> {
        let mut lines = Vec::new();
        if self.promo.offers_pace.is_due(now) {
            lines.extend(self.take_offers(now));
        }
        if self.promo.draws_pace.is_due(now) {
            lines.extend(self.take_draws(now));
        }
        lines
    }

    fn take_offers(&mut self, now: Instant) -> Vec<Numbered> {
        let waiting = self.promo.offers_pace.take(now);
        let offers: Vec<_> =
            waiting.iter().filter_map(|place| self.promo.offers.get(place).cloned()).collect();
        offers.iter().map(|offer| self.offer_line(offer, false)).collect()
    }

    fn take_draws(&mut self, now: Instant) -> Vec<Numbered> {
        let waiting = self.promo.draws_pace.take(now);
        let draws: Vec<_> =
            waiting.iter().filter_map(|id| self.promo.draws.get(id).cloned()).collect();
        draws.into_iter().map(|draw| self.draw_line(draw)).collect()
    }

    fn offer_line(&mut self, offer: &Offer, shown: bool) -> Numbered {
        let offer = offer.clone();
        self.number(&push::RoomCoupon { offer, shown }.into(), Class::Critical)
    }

    fn draw_line(&mut self, draw: Draw) -> Numbered {
        self.number(&push::RoomDraw { draw }.into(), Class::Critical)
    }
}

fn names_in(offer: &Offer) -> usize {
    let goods = match &offer.items {
        ItemScope::All => 0,
        ItemScope::Skus(skus) => skus.len(),
    };
    let rooms = match &offer.rooms {
        Scope::AllRooms => 0,
        Scope::Rooms(rooms) => rooms.len(),
    };
    goods + rooms
}

/// Whether viewers see a campaign: it is announced, open, or what was earned can be claimed.
pub(in crate::delivery) fn is_shown(state: CampaignState) -> bool {
    match state {
        CampaignState::Announced | CampaignState::Open | CampaignState::Ending => true,
        CampaignState::Draft | CampaignState::Ended | CampaignState::Revoked => false,
    }
}

impl Turn {
    pub(in crate::delivery) fn between(known: Option<&Offer>, offer: &Offer) -> Self {
        let Some(known) = known else { return Self::Looks };
        let version = known.version;
        if *known == (Offer { version, ..offer.clone() }) {
            return Self::Nothing;
        }
        let left = known.left;
        let only_counts = *known == (Offer { version, left, ..offer.clone() });
        if only_counts && offer.left > 0 && left > 0 { Self::Counts } else { Self::Looks }
    }
}
