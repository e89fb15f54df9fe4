//! One room as everybody in it may see it: its newest state, its numbering, its snapshot.

mod promo;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use hawker_domain::id::{CommentId, ShopId};
use hawker_domain::view;
use hawker_protocol::object::{
    Comment, Draw, Offer, Product, Room, RoomSnapshot, Sale, SaleState, StockItem,
};
use hawker_protocol::{Id, Push, codec, push};
use tokio::time::Instant;

use super::pace::Pace;
use super::thinning::Thinning;
use super::{Options, lock, without_line_feed};
use crate::bus::{Class, Topic};
use crate::hub::Snapshot;
use crate::wire;
use promo::Promo;

pub(super) use promo::{Turn, is_shown};

/// A room's feed. Two locks: who holds the turn publishes, in the order in which he numbered;
/// the state is locked only for moments, since joins ask for the snapshot meanwhile.
pub(super) struct RoomFeed {
    pub(super) topic: Topic,
    turn: Mutex<()>,
    state: Mutex<State>,
}

/// A finished line on its way to the bus.
pub(super) struct Numbered {
    pub(super) seq: Option<u64>,
    pub(super) class: Class,
    pub(super) key: Option<Box<str>>,
    pub(super) redacts: Option<Box<str>>,
    pub(super) line: Bytes,
}

pub(super) struct State {
    topic: Topic,
    shop: Id,
    epoch: u64,
    seq: u64,
    currency: String,
    room: Room,
    products: BTreeMap<Id, Product>,
    sales: BTreeMap<Id, Sale>,
    comments: VecDeque<Comment>,
    comments_max: usize,
    thinning: Thinning,
    ended_sales_max: usize,
    viewers: u64,
    stock: Pace<(Id, Id)>,
    promo: Promo,
    /// The room is on the list of those in which something waits.
    listed: bool,
    ended_at: Option<Instant>,
    /// The snapshot as bytes, until something changes.
    encoded: Option<Bytes>,
}

impl RoomFeed {
    pub(super) fn new(
        shop: &ShopId,
        epoch: u64,
        room: &view::RoomView,
        currency: String,
        products: Vec<Product>,
        options: &Options,
    ) -> Self {
        let topic = Topic::room(shop, &room.room);
        let state = State {
            topic: topic.clone(),
            shop: wire::id(shop.clone()),
            epoch,
            seq: 0,
            currency,
            room: wire::room(room),
            products: products.into_iter().map(|it| (it.product.clone(), it)).collect(),
            sales: BTreeMap::new(),
            comments: VecDeque::new(),
            comments_max: options.snapshot_comments_max,
            thinning: Thinning::new(options.comments_per_s),
            ended_sales_max: options.ended_sales_max,
            viewers: 0,
            stock: Pace::new(options.stock),
            promo: Promo::new(options),
            listed: false,
            ended_at: None,
            encoded: None,
        };
        Self { topic, turn: Mutex::default(), state: Mutex::new(state) }
    }

    /// What the room showed before it was ours: nothing is told of it.
    pub(super) fn recall<'a>(
        &self,
        sales: impl Iterator<Item = &'a Sale>,
        mut comments: VecDeque<Comment>,
    ) {
        let shown = sales.filter(|sale| is_for_buyers(sale)).cloned();
        let mut state = lock(&self.state);
        state.sales.extend(shown.map(|sale| (sale.sale.clone(), sale)));
        comments.drain(..comments.len().saturating_sub(state.comments_max));
        state.comments = comments;
    }

    /// The same for coupons and draws.
    pub(super) fn recall_promo(
        &self,
        offers: Vec<(u64, Arc<Offer>)>,
        draws: impl Iterator<Item = Draw>,
    ) {
        lock(&self.state).promo.recall(offers, draws);
    }

    /// The right to publish to this room.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Brings the state up to date; call with the turn held.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut State) -> Vec<Numbered>,
    ) -> (u64, Vec<Numbered>) {
        let mut state = lock(&self.state);
        let lines = change(&mut state);
        (state.epoch, lines)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut state = lock(&self.state);
        let body = state.encode();
        Snapshot { epoch: state.epoch, seq: state.seq, body }
    }

    pub(super) fn end(&self, now: Instant) {
        lock(&self.state).ended_at = Some(now);
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.state).ended_at.is_some()
    }

    /// How long ago the room ended, if it did.
    pub(super) fn ended_for(&self, now: Instant) -> Option<Duration> {
        lock(&self.state).ended_at.map(|at| now.duration_since(at))
    }
}

impl State {
    pub(super) fn on_room(
        &mut self,
        view: &view::RoomView,
        products: Vec<Product>,
    ) -> Vec<Numbered> {
        let room = wire::room(view);
        let pin_changed = self.room.pinned != room.pinned;
        let products = products.into_iter().map(|it| (it.product.clone(), it)).collect();
        let known = std::mem::replace(&mut self.products, products);
        // The bag names its products only: who watches has not heard of those that are new in it.
        let mut added = self.products.clone();
        added.retain(|id, product| known.get(id) != Some(product));
        self.room = room.clone();
        self.encoded = None;
        let mut lines = vec![self.number(&push::RoomStatePush { room }.into(), Class::Critical)];
        for product in added.into_values() {
            lines.push(self.number(&push::RoomProduct { product }.into(), Class::Critical));
        }
        if pin_changed {
            lines.push(self.number(&wire::pinned(view), Class::Normal));
        }
        lines
    }

    /// A product of the bag changed; others are not shown here.
    pub(super) fn on_product(&mut self, product: &Product) -> Vec<Numbered> {
        if !self.room.bag.contains(&product.product) {
            return Vec::new();
        }
        let product = product.clone();
        self.products.insert(product.product.clone(), product.clone());
        vec![self.number(&push::RoomProduct { product }.into(), Class::Critical)]
    }

    pub(super) fn on_sale(&mut self, sale: &Sale) -> Vec<Numbered> {
        let called_off = sale.state == SaleState::Cancelled;
        if !is_for_buyers(sale) || (called_off && !self.sales.contains_key(&sale.sale)) {
            return Vec::new();
        }
        // The sale says it all, newer than what waited.
        self.stock.forget(|(waiting, _)| *waiting == sale.sale);
        self.sales.insert(sale.sale.clone(), sale.clone());
        self.drop_old_sales();
        vec![self.number(&push::RoomSale { sale: sale.clone() }.into(), Class::Critical)]
    }

    fn drop_old_sales(&mut self) {
        let mut ended: Vec<_> = self.sales.values().filter(|sale| is_over(sale)).collect();
        ended.sort_by_key(|sale| std::cmp::Reverse(sale.ends_at));
        let old: Vec<_> =
            ended.iter().skip(self.ended_sales_max).map(|it| it.sale.clone()).collect();
        old.iter().for_each(|sale| drop(self.sales.remove(sale)));
    }

    /// Units moved. A change of the item's state leaves at once, followed by the sale where that is
    /// sold out or live again with it, and so does the first move after quiet; what follows closely
    /// waits for its turn and is told with the newest figures only.
    pub(super) fn on_stock(&mut self, stock: &view::StockView, now: Instant) -> Vec<Numbered> {
        let (sale, sku) = (wire::id(stock.sale.clone()), wire::id(stock.sku.clone()));
        let Some(item) = self.sales.get_mut(&sale).and_then(|it| item_mut(it, &sku)) else {
            return Vec::new();
        };
        let before = item.clone();
        wire::update_stock_item(item, stock);
        if *item == before {
            return Vec::new();
        }
        let turned = item.state != before.state;
        self.encoded = None;
        self.stock.note((sale.clone(), sku));
        if let Some(sale) = self.sales.get_mut(&sale).filter(|sale| wire::turns(sale, stock)) {
            wire::turn_sale(sale, stock);
            let sale = sale.clone();
            let mut lines = self.take_stock(now);
            lines.push(self.number(&push::RoomSale { sale }.into(), Class::Critical));
            return lines;
        }
        if turned || self.stock.is_due(now) { self.take_stock(now) } else { Vec::new() }
    }

    /// Whether something waits and nobody has put the room on the list yet.
    pub(super) fn starts_to_wait(&mut self) -> bool {
        let is_quiet = self.stock.is_quiet() && self.promo.is_quiet();
        let starts = !is_quiet && !self.listed;
        self.listed |= starts;
        starts
    }

    /// Tells what has waited long enough; the room is off the list until it is put there again.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Numbered> {
        self.listed = false;
        let mut lines = if self.stock.is_due(now) { self.take_stock(now) } else { Vec::new() };
        lines.extend(self.take_due_promo(now));
        lines
    }

    /// Tells all stock that waits.
    fn take_stock(&mut self, now: Instant) -> Vec<Numbered> {
        let waiting = self.stock.take(now);
        let mut lines = Vec::with_capacity(waiting.len());
        for (sale, sku) in waiting {
            let item = self.sales.get_mut(&sale).and_then(|sale| item_mut(sale, &sku));
            let Some(push) = item.map(|item| wire::stock_push(sale.clone(), item)) else {
                continue;
            };
            lines.push(self.number(&push, Class::Critical));
        }
        lines
    }

    /// Numbers a comment, or gives back the line for its author alone if it is one too many. It is
    /// thinned out before it gets a number, so that everybody's numbers have no gap.
    pub(super) fn on_comment(
        &mut self,
        comment: Comment,
        class: Class,
        now: Instant,
    ) -> Result<Vec<Numbered>, Bytes> {
        let is_lossy = class == Class::Lossy;
        let skipped = if is_lossy { self.thinning.admit(now) } else { Some(0) };
        let Some(skipped) = skipped else {
            return Err(self.line(&push::RoomOwnComment { comment }.into(), None));
        };
        let skipped = Some(skipped).filter(|skipped| *skipped > 0);
        self.comments.push_back(comment.clone());
        while self.comments.len() > self.comments_max {
            self.comments.pop_front();
        }
        let key = comment.comment.as_str().into();
        let line = self.number(&push::RoomCommentPush { comment, skipped }.into(), class);
        Ok(vec![Numbered { key: Some(key), ..line }])
    }

    pub(super) fn on_comment_deleted(&mut self, comment: &CommentId) -> Vec<Numbered> {
        let comment = wire::id(comment.clone());
        self.comments.retain(|kept| kept.comment != comment);
        let redacts = comment.as_str().into();
        let line = self.number(&push::RoomCommentDeleted { comment }.into(), Class::Critical);
        vec![Numbered { redacts: Some(redacts), ..line }]
    }

    pub(super) fn on_counters(&mut self, likes: u64, viewers: push::RoomViewers) -> Vec<Numbered> {
        let mut lines = Vec::new();
        if self.room.likes != likes {
            self.room.likes = likes;
            lines.push(self.count(&push::RoomLikes { likes }.into(), "likes"));
        }
        let shown = (self.viewers, self.room.viewers_peak, self.room.joins);
        if shown != (viewers.viewers, viewers.viewers_peak, viewers.joins) {
            self.viewers = viewers.viewers;
            (self.room.viewers_peak, self.room.joins) = (viewers.viewers_peak, viewers.joins);
            lines.push(self.count(&viewers.into(), "viewers"));
        }
        self.encoded = None;
        lines
    }

    fn number(&mut self, push: &Push, class: Class) -> Numbered {
        self.seq += 1;
        self.encoded = None;
        let line = self.line(push, Some(self.seq));
        Numbered { seq: Some(self.seq), class, key: None, redacts: None, line }
    }

    fn count(&self, push: &Push, key: &'static str) -> Numbered {
        let class = Class::Counter { key: key.into() };
        Numbered { seq: None, class, key: None, redacts: None, line: self.line(push, None) }
    }

    fn line(&self, push: &Push, seq: Option<u64>) -> Bytes {
        let mut line = Vec::with_capacity(256);
        codec::encode_topic_push(push, self.topic.as_str(), seq, &mut line);
        without_line_feed(line)
    }

    fn encode(&mut self) -> Bytes {
        if let Some(encoded) = &self.encoded {
            return encoded.clone();
        }
        let snapshot = RoomSnapshot {
            topic: hawker_protocol::Topic::Room {
                shop: self.shop.clone(),
                room: self.room.room.clone(),
            },
            epoch: self.epoch.to_string(),
            seq: self.seq,
            room: self.room.clone(),
            currency: self.currency.clone(),
            products: self.products.values().cloned().collect(),
            sales: self.sales.values().cloned().collect(),
            offers: self.promo.offers(),
            draws: self.promo.draws(),
            viewers: self.viewers,
            comments: self.comments.iter().cloned().collect(),
        };
        let encoded = Bytes::from(codec::encode_snapshot(&snapshot));
        self.encoded = Some(encoded.clone());
        encoded
    }
}

fn is_for_buyers(sale: &Sale) -> bool {
    !matches!(sale.state, SaleState::Draft | SaleState::Scheduled)
}

fn is_over(sale: &Sale) -> bool {
    matches!(sale.state, SaleState::Ended | SaleState::Cancelled)
}

pub(super) fn item_mut<'a>(sale: &'a mut Sale, sku: &Id) -> Option<&'a mut StockItem> {
    sale.items.iter_mut().find(|item| item.sku == *sku)
}
