//! What a client makes of a snapshot and the lines after it. Knows the protocol only.

use hawker_protocol::object::{CampaignState, DrawState, RoomSnapshot};
use hawker_protocol::{Push, codec};

/// A viewer's picture of the room.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) seen: RoomSnapshot,
    comments_max: usize,
}

impl Model {
    pub(super) fn new(snapshot: &[u8], comments_max: usize) -> Self {
        Self { seen: serde_json::from_slice(snapshot).unwrap(), comments_max }
    }

    pub(super) fn on_line(&mut self, line: &[u8]) {
        let incoming = codec::read_line(std::str::from_utf8(line).unwrap()).unwrap();
        if let Some(seq) = incoming.seq {
            assert_eq!(seq, self.seen.seq + 1, "a gap before {line:?}");
            self.seen.seq = seq;
        }
        self.on_push(incoming.push().unwrap().unwrap());
    }

    fn on_push(&mut self, push: Push) {
        let seen = &mut self.seen;
        match push {
            Push::RoomStatePush(it) => {
                seen.room = it.room;
                seen.products.retain(|product| seen.room.bag.contains(&product.product));
            }
            Push::RoomPinned(it) => seen.room.pinned = it.pinned,
            Push::RoomLikes(it) => seen.room.likes = it.likes,
            Push::RoomViewers(it) => {
                (seen.room.joins, seen.room.viewers_peak) = (it.joins, it.viewers_peak);
                seen.viewers = it.viewers;
            }
            Push::RoomProduct(it) => {
                seen.products.retain(|known| known.product != it.product.product);
                seen.products.push(it.product);
                seen.products.sort_by(|one, other| one.product.cmp(&other.product));
            }
            Push::RoomSale(it) => {
                seen.sales.retain(|known| known.sale != it.sale.sale);
                seen.sales.push(it.sale);
                seen.sales.sort_by(|one, other| one.sale.cmp(&other.sale));
            }
            Push::RoomStock(it) => {
                let sale = seen.sales.iter_mut().find(|known| known.sale == it.sale).unwrap();
                let item = sale.items.iter_mut().find(|item| item.sku == it.sku).unwrap();
                assert!(it.version > item.version, "stock that is not news: {it:?}");
                (item.total, item.available, item.reserved) = (it.total, it.available, it.reserved);
                (item.offered, item.sold, item.state) = (it.offered, it.sold, it.state);
                (item.waitlist_length, item.version) = (it.waitlist_length, it.version);
                assert_eq!(it.available + it.reserved + it.offered + it.sold, it.total);
            }
            Push::RoomCoupon(it) => {
                let at = seen.offers.iter().position(|known| known.campaign == it.offer.campaign);
                let place = at.unwrap_or(0);
                if let Some(at) = at {
                    let known = seen.offers.remove(at);
                    assert!(it.shown || it.offer.version > known.version, "no news: {it:?}");
                }
                if !matches!(it.offer.state, CampaignState::Ended | CampaignState::Revoked) {
                    seen.offers.insert(place, it.offer);
                }
            }
            Push::RoomDraw(it) => {
                seen.draws.retain(|known| known.draw != it.draw.draw);
                if it.draw.state != DrawState::Done {
                    seen.draws.push(it.draw);
                }
                seen.draws.sort_by_key(|it| (std::cmp::Reverse(it.closes_at), it.draw.clone()));
            }
            Push::RoomCommentPush(it) => {
                seen.comments.push(it.comment);
                let over = seen.comments.len().saturating_sub(self.comments_max);
                seen.comments.drain(..over);
            }
            Push::RoomCommentDeleted(it) => {
                seen.comments.retain(|known| known.comment != it.comment);
            }
            other => panic!("not for a room: {other:?}"),
        }
    }
}
