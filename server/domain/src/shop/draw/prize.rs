//! Prizes: where they go, and what becomes of those that nobody claims. Owns the deadline and the
//! next in order; an address lives in a document only.

use super::Draw;
use crate::command::{Actor, Address};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, PromoEvent};
use crate::id::{DrawId, UserId};
use crate::rejection::Rejection;
use crate::shop::order::{checked_address, json};
use crate::shop::promo::yes;
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::promo::{PrizeState, WinnerView};

impl WinnerView {
    fn is_late(&self, now: Millis) -> bool {
        matches!(self.prize, PrizeState::Open { address_by } if address_by <= now)
    }
}

impl Draw {
    fn prize_of(&self, buyer: &UserId) -> Option<PrizeState> {
        let own = self.winners.iter().rev().find(|winner| winner.buyer == *buyer);
        own.map(|winner| winner.prize)
    }

    fn settle(&mut self, buyer: &UserId, prize: PrizeState) {
        for winner in self.winners.iter_mut().filter(|winner| winner.buyer == *buyer) {
            if let PrizeState::Open { .. } = winner.prize {
                winner.prize = prize;
            }
        }
    }
}

impl Shop {
    /// Claiming a claimed prize again changes nothing.
    pub(in crate::shop) fn claim_prize(
        &self,
        actor: &Actor,
        id: &DrawId,
        address: &Address,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let draw = self.draws.draws.get(id).ok_or(Rejection::DrawUnknown)?;
        match draw.prize_of(&actor.user) {
            Some(PrizeState::Open { address_by }) if now < address_by => {}
            Some(PrizeState::Claimed) => return Ok(Accepted::default()),
            Some(PrizeState::Open { .. } | PrizeState::Forfeited) | None => {
                return Err(Rejection::NoPrize);
            }
        }
        let value = json(&checked_address(address)?);
        let claimed = PromoEvent::PrizeClaimed {
            draw: id.clone(),
            buyer: actor.user.clone(),
            address_hash: document::hash(&value),
        };
        let key = document::prize_address_key(&actor.user, id);
        Ok(Accepted { documents: vec![DocumentWrite::Put { key, value }], ..yes(claimed) })
    }

    /// The first prize whose time is up, and who gets it instead.
    pub(in crate::shop) fn on_prizes_due(
        &self,
        id: &DrawId,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let Some(draw) = self.draws.draws.get(id) else { return Vec::new() };
        let Some(late) = draw.winners.iter().find(|winner| winner.is_late(now)) else {
            return Vec::new();
        };
        let buyer = late.buyer.clone();
        let forfeited = PromoEvent::PrizeForfeited { draw: id.clone(), buyer, due_at };
        let may_win = |buyer: &&UserId| {
            self.draws.wins_of(buyer, draw.terms.repeat_window_ms, now) < draw.terms.wins_max
        };
        let next = draw.next.iter().find(may_win).filter(|_| draw.terms.next_in_order);
        let passed = next.map(|buyer| PromoEvent::PrizePassedOn {
            draw: id.clone(),
            buyer: buyer.clone(),
            address_by: now + draw.terms.address_ms,
        });
        // The next in order comes first: a draw without an open prize would be done.
        passed.into_iter().chain([forfeited]).map(Event::Promo).collect()
    }

    pub(in crate::shop) fn on_draw_archive_due(&self, id: &DrawId, due_at: Millis) -> Vec<Event> {
        vec![Event::Promo(PromoEvent::DrawArchived { draw: id.clone(), due_at })]
    }

    pub(in crate::shop) fn on_prize_claimed(&mut self, id: &DrawId, buyer: &UserId, at: Millis) {
        self.change_draw(id, |draw| {
            draw.settle(buyer, PrizeState::Claimed);
            draw.rest(at);
        });
    }

    pub(in crate::shop) fn on_prize_forfeited(&mut self, id: &DrawId, buyer: &UserId, at: Millis) {
        self.draws.forget_win(buyer);
        self.change_draw(id, |draw| {
            draw.settle(buyer, PrizeState::Forfeited);
            draw.rest(at);
        });
    }

    pub(in crate::shop) fn on_prize_passed_on(
        &mut self,
        id: &DrawId,
        buyer: &UserId,
        address_by: Millis,
        at: Millis,
    ) {
        self.draws.note_win(buyer, at);
        self.change_draw(id, |draw| {
            while draw.next.pop_front().is_some_and(|next| next != *buyer) {}
            let prize = PrizeState::Open { address_by };
            draw.winners.push(WinnerView { buyer: buyer.clone(), prize });
        });
    }

    pub(in crate::shop) fn on_draw_archived(&mut self, id: &DrawId) {
        let Some(draw) = self.draws.draws.remove(id) else { return };
        draw.dues(id).into_iter().for_each(|(at, item)| self.due.remove(at, item));
    }
}
