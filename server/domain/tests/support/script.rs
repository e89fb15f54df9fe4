//! Random command sequences for one shop, the same for the same seed. Owns what is tried and how
//! often; knows no rule, so that much of what it asks is refused.

use hawker_domain::command::{
    Address, Basket, BasketLine, Claim, CouponChoice, OrderCommand, PaymentOutcome, PaymentReport,
    ProductSpec, ReleaseReason, RoomCommand, RoomSpec, SaleChange, SaleCommand, SaleItemSpec,
    SaleSpec, Scope, ShopCommand, SkuSpec, Stock,
};
use hawker_domain::id::{OrderId, PaymentId, ReservationId, RoomId, SaleId, SkuId, UserId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::SaleState;
use hawker_domain::{Actor, Command, Role, Shop};

/// SplitMix64: enough for picking, and the same on every machine.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn units(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.below(u64::from(to - from + 1))).expect("a small number")
    }
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) at: Millis,
    pub(crate) actor: Actor,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) struct Script {
    random: Random,
    now: Millis,
    set_up: Vec<Command>,
    rooms: u64,
    sales: u64,
    reservations: u64,
    orders: u64,
    payments: u64,
    /// The items that can be claimed now.
    running: Vec<(SaleId, SkuId)>,
    /// The numbers of young reservations and orders that came about.
    held: Vec<u64>,
    placed: Vec<u64>,
    /// Who asked for each reservation and each order, so that he mostly goes on with it.
    reservation_buyers: Vec<u64>,
    order_buyers: Vec<u64>,
}

const SKUS: u64 = 3;
const BUYERS: u64 = 8;

fn owner(buyers: &[u64], number: u64) -> Option<u64> {
    buyers.get(usize::try_from(number).ok()?).copied()
}

fn id<T: std::str::FromStr>(prefix: &str, number: u64) -> T {
    let text = format!("{prefix}{number}");
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

/// Short clocks, so that much happens in little time.
pub(crate) fn settings() -> Settings {
    Settings {
        reservation_hold_ms: SpanMs::seconds(20),
        payment_grace_ms: SpanMs::seconds(15),
        sale_countdown_ms: SpanMs::seconds(5),
        sale_run_ms: SpanMs::seconds(90),
        waitlist_offer_ms: SpanMs::seconds(10),
        unpaid_window_ms: SpanMs::minutes(10),
        order_reminders_ms: vec![SpanMs::minutes(1), SpanMs::minutes(5)],
        ..Settings::default()
    }
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        let mut script = Self {
            random: Random(seed),
            now: Millis(1_000_000),
            set_up: Vec::new(),
            rooms: 0,
            sales: 0,
            reservations: 0,
            orders: 0,
            payments: 0,
            running: Vec::new(),
            held: Vec::new(),
            placed: Vec::new(),
            reservation_buyers: Vec::new(),
            order_buyers: Vec::new(),
        };
        script.prepare();
        script
    }

    fn prepare(&mut self) {
        let currency = Currency::parse("USD").expect("a currency");
        let create = ShopCommand::Create { name: "Acme".into(), currency, settings: settings() };
        let mut set_up = vec![Command::Shop(create)];
        for number in 0..SKUS {
            let sku: SkuId = id("k", number);
            let title = "A thing".to_owned();
            let price_minor = Minor(1_000);
            let skus = vec![SkuSpec { sku: sku.clone(), title: title.clone(), price_minor }];
            let spec = ProductSpec { title, image_url: None, listed: true, skus };
            let product = id("p", number);
            set_up.push(Command::Shop(ShopCommand::PutProduct { product, spec }));
            let stock = Stock::Units(12);
            set_up.push(Command::Shop(ShopCommand::SetStock { sku, stock }));
        }
        for _ in 0..2 {
            let create = self.create_room();
            set_up.push(create);
            let room = id("r", self.rooms - 1);
            set_up.push(Command::Room(RoomCommand::Start { room }));
        }
        set_up.reverse();
        self.set_up = set_up;
    }

    /// The next thing to try. Looks at the shop only to try mostly what makes sense there.
    pub(crate) fn step(&mut self, shop: &Shop) -> Step {
        if let Some(command) = self.set_up.pop() {
            return self.by_staff(command);
        }
        self.pass_time();
        self.look_at(shop);
        if self.running.is_empty() && self.random.chance(60) {
            return self.open_sale();
        }
        match self.random.below(100) {
            0..3 => self.shop(),
            3..6 => self.room(),
            6..12 => self.run_sale(),
            12..45 => self.claim(),
            45..65 => self.wait(),
            _ => self.order(shop),
        }
    }

    fn look_at(&mut self, shop: &Shop) {
        let sales = shop.sales().filter_map(|sale| shop.sale_view(sale));
        let running =
            sales.filter(|sale| matches!(sale.state, SaleState::Live | SaleState::SoldOut));
        let places =
            running.flat_map(|sale| sale.items.into_iter().map(|item| (item.sale, item.sku)));
        self.running = places.collect();
        let young = |count: u64, span: u64| count.saturating_sub(span)..count;
        let held = young(self.reservations, 40)
            .filter(|number| shop.reservation_view(&id("h", *number)).is_some());
        self.held = held.collect();
        let placed =
            young(self.orders, 40).filter(|number| shop.order_view(&id("o", *number)).is_some());
        self.placed = placed.collect();
    }

    /// An item of a running sale, mostly.
    fn place(&mut self) -> (SaleId, SkuId) {
        if self.running.is_empty() || self.random.chance(8) {
            return (self.recent_sale(), self.sku());
        }
        let count = u64::try_from(self.running.len()).expect("a few");
        let index = usize::try_from(self.random.below(count)).expect("a few");
        self.running[index].clone()
    }

    fn pass_time(&mut self) {
        let ms = match self.random.below(1_000) {
            0..700 => self.random.below(1_500),
            700..930 => 1_000 + self.random.below(4_000),
            930..990 => 5_000 + self.random.below(20_000),
            990..999 => 30_000 + self.random.below(300_000),
            _ => 86_400_000 * (1 + self.random.below(30)),
        };
        // Whole seconds make deadlines meet, which is where the order of things shows.
        let ms = if self.random.chance(70) { ms / 1_000 * 1_000 } else { ms };
        self.now = self.now + SpanMs(ms);
    }

    fn by_staff(&self, command: Command) -> Step {
        let actor = Actor { user: id("system", 0), role: Role::Service };
        Step { at: self.now, actor, command }
    }

    fn by_buyer(&mut self, command: Command) -> Step {
        let buyer = self.random.below(BUYERS);
        self.by(buyer, command)
    }

    /// By the one whose it is, mostly.
    fn by_owner(&mut self, owner: Option<u64>, command: Command) -> Step {
        match owner {
            Some(owner) if self.random.chance(90) => self.by(owner, command),
            Some(_) | None => self.by_buyer(command),
        }
    }

    fn by(&self, buyer: u64, command: Command) -> Step {
        let user: UserId = id("b", buyer);
        Step { at: self.now, actor: Actor { user, role: Role::Buyer }, command }
    }

    fn sku(&mut self) -> SkuId {
        id("k", self.random.below(SKUS))
    }

    /// One of the last few, seldom an older one.
    fn recent<T: std::str::FromStr>(&mut self, prefix: &str, count: u64, span: u64) -> T {
        let back = if self.random.chance(5) { count.max(1) } else { span.min(count.max(1)) };
        let number = count.saturating_sub(1 + self.random.below(back));
        id(prefix, number)
    }

    fn recent_room(&mut self) -> RoomId {
        let count = self.rooms;
        self.recent("r", count, 2)
    }

    fn recent_sale(&mut self) -> SaleId {
        let count = self.sales;
        self.recent("s", count, 3)
    }

    /// One of the last eight that came about, mostly.
    fn young(&mut self, numbers: &[u64], count: u64) -> u64 {
        if numbers.is_empty() || self.random.chance(6) {
            return self.random.below(count.max(1));
        }
        let span = numbers.len().min(8);
        let back = usize::try_from(self.random.below(span as u64)).expect("a few");
        numbers[numbers.len() - 1 - back]
    }

    /// A reservation and who asked for it.
    fn recent_reservation(&mut self) -> (ReservationId, Option<u64>) {
        let held = std::mem::take(&mut self.held);
        let number = self.young(&held, self.reservations);
        self.held = held;
        (id("h", number), owner(&self.reservation_buyers, number))
    }

    fn recent_order(&mut self) -> (OrderId, Option<u64>) {
        let placed = std::mem::take(&mut self.placed);
        let number = self.young(&placed, self.orders);
        self.placed = placed;
        (id("o", number), owner(&self.order_buyers, number))
    }

    /// A buyer and the reservation he is about to ask for, seldom one that exists.
    fn new_reservation(&mut self) -> (ReservationId, u64) {
        let buyer = self.random.below(BUYERS);
        if self.random.chance(2) {
            return (self.recent_reservation().0, buyer);
        }
        self.reservations += 1;
        self.reservation_buyers.push(buyer);
        (id("h", self.reservations - 1), buyer)
    }

    fn shop(&mut self) -> Step {
        let sku = self.sku();
        let command = if self.random.chance(50) {
            ShopCommand::SetStock { sku, stock: Stock::Units(self.random.below(20)) }
        } else {
            let delta_units = i64::try_from(self.random.below(12)).expect("small") - 3;
            ShopCommand::AdjustStock { sku, delta_units }
        };
        self.by_staff(Command::Shop(command))
    }

    fn create_room(&mut self) -> Command {
        let room = id("r", self.rooms);
        self.rooms += 1;
        let spec = RoomSpec {
            streamer: id("sue", 0),
            title: "Live".to_owned(),
            cover_url: None,
            playback_url: None,
            keep_comments: false,
            slow_mode_ms: SpanMs(0),
        };
        Command::Room(RoomCommand::Create { room, spec })
    }

    fn room(&mut self) -> Step {
        let room = self.recent_room();
        let command = match self.random.below(20) {
            0 => {
                return {
                    let create = self.create_room();
                    self.by_staff(create)
                };
            }
            1..8 => RoomCommand::Start { room },
            8..12 => RoomCommand::Pause { room },
            12..19 => RoomCommand::Resume { room },
            _ => RoomCommand::End { room },
        };
        self.by_staff(Command::Room(command))
    }

    fn sale_spec(&mut self) -> SaleSpec {
        let first = self.random.below(SKUS);
        let count = 1 + self.random.below(2);
        let items = (0..count).map(|index| SaleItemSpec {
            sku: id("k", (first + index) % SKUS),
            total_units: self.random.units(3, 6),
            per_buyer_units: self.random.units(1, 3),
            price_minor: Minor(500),
        });
        let items = items.collect();
        let scope = if self.random.chance(75) {
            Scope::AllRooms
        } else {
            Scope::Rooms([self.recent_room()].into())
        };
        let lead = SpanMs::seconds(6 + self.random.below(10));
        let starts_at = self.random.chance(40).then(|| self.now + lead);
        SaleSpec {
            title: "Flash".to_owned(),
            scope,
            items,
            announce_at: None,
            starts_at,
            countdown_ms: None,
            run_ms: Some(SpanMs::seconds(30 + self.random.below(90))),
            hold_ms: None,
            min_presence_ms: None,
            price_hidden: false,
            reminder_text: String::new(),
            draw: None,
        }
    }

    /// Another sale, or the start of the last one.
    fn open_sale(&mut self) -> Step {
        let command = if self.random.chance(50) {
            let sale = id("s", self.sales);
            self.sales += 1;
            SaleCommand::Create { sale, spec: self.sale_spec() }
        } else {
            SaleCommand::Start { sale: self.recent("s", self.sales, 1) }
        };
        self.by_staff(Command::Sale(command))
    }

    fn run_sale(&mut self) -> Step {
        let sale: SaleId = self.recent("s", self.sales, 2);
        let command = match self.random.below(100) {
            0..20 => {
                let sale = id("s", self.sales);
                self.sales += 1;
                SaleCommand::Create { sale, spec: self.sale_spec() }
            }
            20..35 => SaleCommand::Announce { sale },
            35..65 => SaleCommand::Start { sale },
            65..69 => SaleCommand::End { sale },
            69..72 => SaleCommand::Cancel { sale },
            72..80 => {
                let (sale, sku) = self.place();
                SaleCommand::Restock { sale, sku, units: self.random.units(1, 4) }
            }
            80..94 => {
                let (sale, sku) = self.place();
                let totals = vec![(sku, self.random.units(1, 6))];
                SaleCommand::Update { sale, change: SaleChange { totals, ..SaleChange::default() } }
            }
            _ => {
                let run = SpanMs::seconds(1 + self.random.below(120));
                let ends_at = Some(self.now + run);
                let change = SaleChange { ends_at, ..SaleChange::default() };
                SaleCommand::Update { sale, change }
            }
        };
        self.by_staff(Command::Sale(command))
    }

    fn claim(&mut self) -> Step {
        let (reservation, buyer) = self.new_reservation();
        let present_ms = SpanMs(self.random.below(60_000));
        let (sale, sku) = self.place();
        let claim = Claim {
            room: self.recent_room(),
            sale,
            sku,
            quantity: self.random.units(1, 3),
            reservation,
            present_ms,
            coupons: CouponChoice::Best,
        };
        self.by(buyer, Command::Sale(SaleCommand::Claim(claim)))
    }

    fn wait(&mut self) -> Step {
        let (sale, sku) = self.place();
        let command = match self.random.below(100) {
            0..55 => {
                let quantity = self.random.units(1, 3);
                SaleCommand::JoinWaitlist { room: self.recent_room(), sale, sku, quantity }
            }
            55..62 => SaleCommand::LeaveWaitlist { sale, sku },
            62..85 => {
                let (reservation, buyer) = self.new_reservation();
                let accept = SaleCommand::AcceptOffer { sale, sku, reservation };
                return self.by(buyer, Command::Sale(accept));
            }
            85..92 => SaleCommand::DeclineOffer { sale, sku },
            _ => {
                let (reservation, owner) = self.recent_reservation();
                let reason = ReleaseReason::BuyerCancel;
                let release = SaleCommand::ReleaseReservation { reservation, reason };
                return self.by_owner(owner, Command::Sale(release));
            }
        };
        self.by_buyer(Command::Sale(command))
    }

    fn order(&mut self, shop: &Shop) -> Step {
        match self.random.below(100) {
            0..45 => self.place_order(),
            45..60 => {
                let (order, owner) = self.recent_order();
                self.by_owner(owner, Command::Order(OrderCommand::BeginPayment { order }))
            }
            60..68 => {
                let (order, owner) = self.recent_order();
                let reason = ReleaseReason::BuyerCancel;
                self.by_owner(owner, Command::Order(OrderCommand::Cancel { order, reason }))
            }
            _ => self.payment(shop),
        }
    }

    fn place_order(&mut self) -> Step {
        let order = id("o", self.orders);
        self.orders += 1;
        let (reservation, owner) = self.recent_reservation();
        let buyer = owner.unwrap_or(0);
        let basket = if self.random.chance(80) {
            let mut reservations = vec![reservation];
            if self.random.chance(15) {
                reservations.push(self.recent_reservation().0);
            }
            Basket::Reservations(reservations)
        } else {
            let quantity = self.random.units(1, 4);
            Basket::Lines(vec![BasketLine { sku: self.sku(), quantity }])
        };
        self.order_buyers.push(buyer);
        let address = Address {
            name: "Ann".to_owned(),
            phone: "+15550100".to_owned(),
            lines: vec!["1 High Street".to_owned()],
            city: "Springfield".to_owned(),
            postcode: "12345".to_owned(),
            country: "US".to_owned(),
        };
        let (coupons, room) = (CouponChoice::Best, None);
        let place = OrderCommand::Place { order, basket, address, coupons, room };
        self.by(buyer, Command::Order(place))
    }

    fn payment(&mut self, shop: &Shop) -> Step {
        let (order, _) = self.recent_order();
        let payment: PaymentId = if self.random.chance(85) {
            self.payments += 1;
            id("m", self.payments - 1)
        } else {
            let count = self.payments;
            self.recent("m", count, 4)
        };
        let outcome = match self.random.below(100) {
            0..70 => PaymentOutcome::Succeeded,
            70..92 => PaymentOutcome::Declined,
            _ => PaymentOutcome::DeclinedFinally,
        };
        let currency = Currency::parse("USD").expect("a currency");
        let total = shop.order_view(&order).map(|view| view.total_minor);
        let total = total.filter(|_| self.random.chance(95));
        let amount_minor = total.unwrap_or(Minor(1));
        let report = PaymentReport { amount_minor, currency, outcome };
        self.by_staff(Command::Order(OrderCommand::RecordPayment { order, payment, report }))
    }
}
