//! From committed changes to the people who watch: who hears what, under which number. Owns the
//! sequences of rooms and desks and the snapshots that joins are answered from; never decides and
//! never writes to a socket.

mod deeds;
mod desk;
mod desk_feed;
mod pace;
mod promo;
mod room_feed;
mod shop_feed;
mod thinning;
mod waves;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use hawker_domain::command::Role;
use hawker_domain::id::{RoomId, ShopId, UserId};
use hawker_domain::shop::Shop;
use hawker_domain::view::{self, Change, Ephemeral};
use hawker_protocol::limits::{DRAWS_SHOWN, OFFERS_SHOWN, WINNERS_SHOWN};
use hawker_protocol::object::{Comment, Draw};
use hawker_protocol::{Push, codec, push};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bus::{Bus, Class, Publication, Target, Topic};
use crate::clock::Clock;
use crate::engine::CommitSink;
use crate::hub::{Snapshot, Source};
use crate::journal::{Committed, Lease};
use crate::wire;
use deeds::Deeds;
use desk_feed::DeskFeed;
use room_feed::{Numbered, RoomFeed, State};
use shop_feed::{ShopFeed, Shown};
use waves::Waves;

/// Figures of delivery.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stock of one item is told at most this often while it only counts down; a change of its
    /// state leaves at once.
    pub stock: Duration,
    /// The same for what of coupons and draws only counts: coupons that are left, entries.
    pub promo: Duration,
    /// Buyers' comments that a room shows a second; beyond that an even sample. 0 shows all.
    pub comments_per_s: u32,
    /// Comments in a snapshot: a screenful and some to scroll.
    pub snapshot_comments_max: usize,
    /// Offers and draws in a snapshot; a room seldom has more than a few.
    pub snapshot_offers_max: usize,
    pub snapshot_draws_max: usize,
    /// Sales that are over and are still shown and kept up to date.
    pub ended_sales_max: usize,
    /// How long an ended room is still answered for.
    pub keep_ended: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stock: Duration::from_millis(100),
            promo: Duration::from_millis(500),
            comments_per_s: 15,
            snapshot_comments_max: 50,
            snapshot_offers_max: OFFERS_SHOWN,
            snapshot_draws_max: DRAWS_SHOWN,
            ended_sales_max: 10,
            keep_ended: Duration::from_secs(300),
        }
    }
}

/// How often rooms in which something waits are looked at within [`Options::stock`]: it waits a
/// quarter of that longer than it has to, at most.
const LOOKS: u32 = 4;

/// How often rooms that ended are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Delivers to one bus. The hub asks it for snapshots.
pub struct Delivery {
    options: Options,
    bus: Arc<dyn Bus>,
    /// A desk's snapshot says what time it is.
    clock: Clock,
    shops: DashMap<ShopId, Arc<Mutex<ShopFeed>>>,
    rooms: DashMap<Topic, Arc<RoomFeed>>,
    desks: DashMap<Topic, Arc<DeskFeed>>,
    /// Rooms in which something waits for its turn.
    waits: Mutex<Vec<Arc<RoomFeed>>>,
    arrived: Notify,
    waves: Waves,
}

impl Delivery {
    pub fn new(options: Options, bus: Arc<dyn Bus>, clock: Clock) -> Arc<Self> {
        let (shops, rooms, desks) = (DashMap::new(), DashMap::new(), DashMap::new());
        let (waits, arrived, waves) = (Mutex::default(), Notify::new(), Waves::default());
        Arc::new(Self { options, bus, clock, shops, rooms, desks, waits, arrived, waves })
    }

    /// Tells what waits and forgets rooms that ended, until the process ends.
    pub async fn run(self: Arc<Self>) {
        tokio::join!(self.tell_rooms(), self.tell_waves(), self.sweep());
    }

    /// Sleeps while nothing waits.
    async fn tell_rooms(&self) {
        loop {
            self.arrived.notified().await;
            tokio::time::sleep(self.options.stock / LOOKS).await;
            self.tell_waiting(Instant::now());
        }
    }

    async fn sweep(&self) {
        let mut sweeps = tokio::time::interval(SWEEP_EVERY);
        loop {
            sweeps.tick().await;
            self.forget_ended_rooms(Instant::now());
        }
    }

    fn tell_waiting(&self, now: Instant) {
        // The list is free again before anybody is put on it.
        let waiting = std::mem::take(&mut *lock(&self.waits));
        // A new owner's feed knows what the old one had still to tell.
        let reigns = |feed: &Arc<RoomFeed>| {
            self.rooms.get(&feed.topic).is_some_and(|current| Arc::ptr_eq(&current, feed))
        };
        for feed in waiting.into_iter().filter(reigns) {
            self.publish_paced(&feed, |room| room.take_due(now));
        }
    }

    fn forget_ended_rooms(&self, now: Instant) {
        let keep = self.options.keep_ended;
        self.rooms.retain(|_, feed| feed.ended_for(now).is_none_or(|ago| ago < keep));
    }

    /// Lets `change` bring the room up to date and number its lines, then publishes them in that
    /// order. Nobody else publishes to the room meanwhile; snapshots may be taken.
    fn publish(&self, feed: &RoomFeed, change: impl FnOnce(&mut State) -> Vec<Numbered>) {
        let _turn = feed.turn();
        let (epoch, lines) = feed.change(change);
        lines.into_iter().for_each(|line| self.send(&feed.topic, epoch, line));
    }

    fn send(&self, topic: &Topic, epoch: u64, line: Numbered) {
        let Numbered { seq, class, key, redacts, line } = line;
        let (topic, expels) = (topic.clone(), None);
        self.bus.publish(Publication { topic, epoch, seq, class, key, redacts, expels, line });
    }

    fn on_change(&self, shop: &mut ShopFeed, change: Change, deeds: &Deeds) {
        let id = wire::id(shop.id.clone());
        match change {
            Change::Shop(_) => {}
            Change::Product(product) => self.on_product(shop, product),
            Change::Room(room) => self.on_room(shop, &room),
            Change::Sale(sale) => self.on_sale(shop, &sale),
            Change::Stock(stock) => self.on_stock(shop, &stock),
            Change::Reservation(view) => {
                let reservation = wire::reservation(&view);
                let push = push::ReservationPush { shop: id, reservation }.into();
                if deeds.is_drawn(&view.reservation) {
                    return self.tell_all(vec![view.buyer], &push);
                }
                // The reply told whoever made it; only his other connections need it.
                self.tell(&view.buyer, &push, view.version == 1);
            }
            Change::Order(view) => {
                let push = push::OrderPush { shop: id, order: wire::order(&view) };
                self.tell(&view.buyer, &push.into(), false);
            }
            Change::Waiting(view) => {
                let push = push::SaleOffer { shop: id, waiting: wire::waiting(&view) };
                self.tell(&view.buyer, &push.into(), false);
            }
            Change::SaleReminder { sale, text, starts_at, buyers } => {
                let (sale, starts_at) = (wire::id(sale), wire::at(starts_at));
                let push = push::SaleReminder { shop: id, sale, text, starts_at }.into();
                self.tell_all(buyers, &push);
            }
            Change::OrderReminder { order, buyer, pay_by } => {
                let (order, pay_by) = (wire::id(order), wire::at(pay_by));
                self.tell(&buyer, &push::OrderReminder { shop: id, order, pay_by }.into(), false);
            }
            Change::CommentDeleted { room, comment } => {
                self.in_room(shop, &room, |room| room.on_comment_deleted(&comment));
            }
            Change::Comment(comment) => self.on_comment(shop, &comment),
            Change::Banned { room, user, until } => {
                let topic = Topic::room(&shop.id, &room);
                let (room, until) = (wire::id(room), until.map(wire::at));
                let push = push::RoomBanned { shop: id, room, until }.into();
                let banned = Publication { expels: Some(topic), ..personal(&user, &push) };
                self.bus.publish(banned);
            }
            Change::Desk(change) => self.on_desk(shop, &change, &deeds.moves),
            Change::Promo(change) => self.on_promo(shop, change),
        }
    }

    fn in_room(
        &self,
        shop: &ShopFeed,
        room: &RoomId,
        change: impl FnOnce(&mut State) -> Vec<Numbered>,
    ) {
        if let Some(feed) = shop.rooms.get(room) {
            self.publish(feed, change);
        }
    }

    fn on_product(&self, shop: &mut ShopFeed, product: view::ProductView) {
        let shown = wire::product(&product, &shop.currency);
        for feed in shop.rooms.values() {
            self.publish(feed, |room| room.on_product(&shown));
        }
        shop.products.insert(product.product.clone(), product);
    }

    fn on_room(&self, shop: &mut ShopFeed, room: &view::RoomView) {
        let products = shop.products_of(&room.bag);
        let Some(feed) = shop.rooms.get(&room.room).cloned() else {
            let feed = self.open(shop, room, self.new_feed(shop, room));
            self.publish(&feed, |state| state.on_room(room, products));
            let shows = |it: &&Shown| it.is_in(&room.room) && !it.is_over();
            for shown in shop.sales.values().filter(shows) {
                self.publish(&feed, |state| state.on_sale(&shown.sale));
            }
            self.show_offers(shop, &feed, &room.room);
            return;
        };
        self.publish(&feed, |state| state.on_room(room, products));
        if room.state == view::RoomState::Ended {
            feed.end(Instant::now());
        }
    }

    /// A room that was open before this process or this lease. One line tells everybody who
    /// watches that the numbers are new; the rest is in the snapshot he gets for it.
    fn reopen(
        &self,
        shop: &mut ShopFeed,
        room: &view::RoomView,
        comments: VecDeque<Comment>,
        draws: impl Iterator<Item = Draw>,
    ) {
        let feed = self.new_feed(shop, room);
        let shown = shop.sales.values().filter(|it| it.is_in(&room.room));
        feed.recall(shown.map(|it| &it.sale), comments);
        feed.recall_promo(shop.offers_in(&room.room), draws);
        let feed = self.open(shop, room, feed);
        let products = shop.products_of(&room.bag);
        self.publish(&feed, |state| state.on_room(room, products));
    }

    fn new_feed(&self, shop: &ShopFeed, room: &view::RoomView) -> RoomFeed {
        let products = shop.products_of(&room.bag);
        let currency = shop.currency.to_string();
        RoomFeed::new(&shop.id, shop.epoch, room, currency, products, &self.options)
    }

    /// From here on the room is answered for.
    fn open(&self, shop: &mut ShopFeed, room: &view::RoomView, feed: RoomFeed) -> Arc<RoomFeed> {
        let feed = Arc::new(feed);
        self.rooms.insert(feed.topic.clone(), feed.clone());
        shop.rooms.insert(room.room.clone(), feed.clone());
        feed
    }

    fn open_desk(&self, feed: DeskFeed) -> Arc<DeskFeed> {
        let feed = Arc::new(feed);
        self.desks.insert(feed.topic.clone(), feed.clone());
        feed
    }

    fn on_sale(&self, shop: &mut ShopFeed, view: &view::SaleView) {
        let sale = wire::sale_push(view);
        for feed in shop.rooms_of(&view.scope) {
            self.publish(feed, |room| room.on_sale(&sale));
        }
        let shown = Shown { scope: view.scope.clone(), sale };
        if shown.is_over() && !shop.over.contains(&view.sale) {
            shop.over.push_back(view.sale.clone());
        }
        shop.sales.insert(view.sale.clone(), shown);
        while shop.over.len() > self.options.ended_sales_max {
            if let Some(oldest) = shop.over.pop_front() {
                shop.sales.remove(&oldest);
            }
        }
    }

    fn on_stock(&self, shop: &mut ShopFeed, stock: &view::StockView) {
        let now = Instant::now();
        let Some(shown) = shop.sales.get_mut(&stock.sale) else { return };
        if let Some(item) = room_feed::item_mut(&mut shown.sale, &wire::id(stock.sku.clone())) {
            wire::update_stock_item(item, stock);
        }
        if wire::turns(&shown.sale, stock) {
            wire::turn_sale(&mut shown.sale, stock);
        }
        let Some(shown) = shop.sales.get(&stock.sale) else { return };
        for feed in shop.rooms_of(&shown.scope) {
            self.publish_paced(feed, |room| room.on_stock(stock, now));
        }
    }

    /// Publishes, and remembers the room if something waits in it now.
    fn publish_paced(
        &self,
        feed: &Arc<RoomFeed>,
        change: impl FnOnce(&mut State) -> Vec<Numbered>,
    ) {
        let mut waits = false;
        self.publish(feed, |room| {
            let lines = change(room);
            waits = room.starts_to_wait();
            lines
        });
        if waits {
            lock(&self.waits).push(feed.clone());
            self.arrived.notify_one();
        }
    }

    fn on_comment(&self, shop: &ShopFeed, comment: &view::Comment) {
        let class = match comment.role {
            Role::Buyer => Class::Lossy,
            Role::Streamer | Role::Agent | Role::Supervisor | Role::Manager | Role::Service => {
                Class::Normal
            }
        };
        let shown = wire::comment(comment);
        let mut left_out = None;
        self.in_room(shop, &comment.room, |room| {
            let lines = room.on_comment(shown, class, Instant::now());
            lines.unwrap_or_else(|line| {
                left_out = Some(line);
                Vec::new()
            })
        });
        if let Some(line) = left_out {
            metrics::counter!("hawker_comments_left_out_total").increment(1);
            self.bus.publish(Publication { line, ..to_user(&comment.user) });
        }
    }

    /// `echo`: the reply told the one who caused it; only his other connections need it.
    fn tell(&self, user: &UserId, push: &Push, echo: bool) {
        let class = if echo { Class::Normal } else { Class::Critical };
        self.bus.publish(Publication { class, ..personal(user, push) });
    }
}

fn personal(user: &UserId, push: &Push) -> Publication {
    Publication { line: encode(push), ..to_user(user) }
}

/// A line of its own for each of a user's connections, still without the line.
fn to_user(user: &UserId) -> Publication {
    personal_to(Topic::user(user))
}

fn personal_to(topic: Topic) -> Publication {
    Publication {
        topic,
        epoch: 0,
        seq: None,
        class: Class::Critical,
        key: None,
        redacts: None,
        expels: None,
        line: Bytes::new(),
    }
}

impl CommitSink for Delivery {
    fn unloaded(&self, lease: &Lease) {
        let is_his = |_: &ShopId, shop: &Arc<Mutex<ShopFeed>>| lock(shop).epoch == lease.epoch();
        let Some((_, shop)) = self.shops.remove_if(lease.shop(), is_his) else { return };
        // The hub keeps what can be resumed. Rooms that have ended are answered for a while yet.
        let shop = lock(&shop);
        for feed in shop.rooms.values() {
            self.rooms.remove_if(&feed.topic, |_, known| Arc::ptr_eq(known, feed));
        }
        self.desks.remove_if(&shop.desk.topic, |_, known| Arc::ptr_eq(known, &shop.desk));
    }

    fn restored(&self, lease: &Lease, shop: &Shop) {
        let Some(view) = shop.view() else { return };
        // Its first batch tells who watches that the numbers are new: it says that links are lost.
        let desk = self.open_desk(DeskFeed::restored(shop, lease.epoch()));
        let mut feed = ShopFeed::new(shop.id().clone(), view.currency, desk);
        let products = shop.products().into_iter().map(|it| (it.product.clone(), it));
        feed.products = products.collect();
        let open = |room: &view::RoomView| room.state != view::RoomState::Ended;
        feed.recall_sales(shop, self.options.ended_sales_max);
        feed.recall_offers(shop);
        let draws = shop.draws();
        for room in shop.rooms().iter().filter(|room| open(room)) {
            let kept = shop.kept_comments(&room.room).map(wire::comment).collect();
            let its = draws.iter().filter(|draw| draw.room == room.room);
            self.reopen(&mut feed, room, kept, its.map(|it| wire::draw(it, WINNERS_SHOWN)));
        }
        self.shops.insert(shop.id().clone(), Arc::new(Mutex::new(feed)));
    }

    fn committed(&self, committed: &Committed, mut changes: Vec<Change>) {
        let id = committed.shop();
        let known = self.shops.get(id).map(|shop| shop.clone());
        let shop = match (known, changes.first()) {
            (Some(shop), _) => shop,
            // The batch that creates a shop starts with its profile.
            (None, Some(Change::Shop(view))) => {
                let desk = self.open_desk(DeskFeed::founded(id, committed.epoch()));
                let feed = ShopFeed::new(id.clone(), view.currency.clone(), desk);
                let feed = Arc::new(Mutex::new(feed));
                self.shops.insert(id.clone(), feed.clone());
                feed
            }
            (None, _) => return,
        };
        let mut shop = lock(&shop);
        let deeds = Deeds::of(committed.entries());
        self.dismiss(&shop, &deeds);
        deeds.sort(&mut changes);
        for change in changes {
            self.on_change(&mut shop, change, &deeds);
        }
        // Not before the batch is through: what ends with a room is told in it.
        shop.rooms.retain(|_, feed| !feed.has_ended());
    }

    fn passing(&self, shop: &ShopId, passing: Vec<Ephemeral>) {
        let Some(shop) = self.shops.get(shop).map(|shop| shop.clone()) else { return };
        let shop = lock(&shop);
        for passing in passing {
            match passing {
                Ephemeral::Comment(comment) => self.on_comment(&shop, &comment),
                Ephemeral::Counters { room, likes, viewers, viewers_peak, joins } => {
                    let viewers = push::RoomViewers { viewers, viewers_peak, joins };
                    self.in_room(&shop, &room, |room| room.on_counters(likes, viewers));
                }
                Ephemeral::Typing { buyer, side, user, owner } => {
                    self.on_typing(&shop, (&buyer, owner.as_ref()), (side, &user));
                }
                Ephemeral::Positions(positions) => self.on_positions(&shop, &positions),
            }
        }
    }
}

impl Source for Delivery {
    fn snapshot(&self, topic: &Topic) -> Option<Snapshot> {
        match topic.target() {
            Target::Room { .. } => {
                let feed = self.rooms.get(topic).map(|feed| feed.clone())?;
                Some(feed.snapshot())
            }
            Target::Desk(_) => {
                let feed = self.desks.get(topic).map(|feed| feed.clone())?;
                Some(feed.snapshot(&self.clock))
            }
            // They are what documents hold.
            Target::User(_) | Target::Users(_) | Target::Conversation { .. } => None,
        }
    }

    fn gap(&self, topic: &Topic, from: u64, to: u64, snapshot: Option<&Bytes>) -> Bytes {
        let snapshot = snapshot.map(AsRef::as_ref);
        let mut line = Vec::new();
        codec::encode_gap(topic.as_str(), from, to, snapshot, &mut line);
        without_line_feed(line)
    }

    fn tombstone(&self, topic: &Topic, seq: u64) -> Bytes {
        let mut line = Vec::new();
        let nothing = push::RoomRedacted {}.into();
        codec::encode_topic_push(&nothing, topic.as_str(), Some(seq), &mut line);
        without_line_feed(line)
    }
}

fn encode(push: &Push) -> Bytes {
    let mut line = Vec::with_capacity(256);
    codec::encode_push(push, &mut line);
    without_line_feed(line)
}

fn without_line_feed(mut line: Vec<u8>) -> Bytes {
    line.pop();
    line.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}
