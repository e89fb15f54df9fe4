//! A viewer at the till: asks what his basket costs, orders it, pays, cancels or chooses other
//! coupons. Owns the comparison of what he was told before with what he is asked to pay.

use anyhow::Result;
use hawker_protocol::number::Quantity;
use hawker_protocol::object::{Layer, Order, Quote};
use hawker_protocol::reply::{OrderChanged, Quoted};
use hawker_protocol::request::{
    Basket, BasketLine, CartQuote, CouponChoice, OrderCancel, OrderCoupons, OrderPlace,
};
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant};

use super::link::About;
use super::plan::{GOODS, number_of};
use super::price;
use super::schedule::{self, Fate};
use super::viewer::{Deed, Viewer};
use crate::api::{id, list};
use crate::line;
use crate::payments::Payment;
use crate::people;
use crate::report::say;
use crate::tally::{count, value};

/// What he is about to buy.
#[derive(Debug)]
struct Shopping {
    basket: Basket,
    /// What he was told that it costs, once he was.
    quote: Option<Quote>,
    /// What he knew of his coupons when he asked.
    changes: u64,
    had_plain: bool,
    /// Whether his connection has lasted since.
    is_comparable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Till {
    shopping: Option<Shopping>,
    /// Cancellations and new choices of coupons without an answer.
    open_changes: u32,
    fate: Option<Fate>,
}

const LATER: Duration = Duration::from_millis(250);
/// Sentences about refusals at the till that are told one by one.
const REFUSALS_TOLD: u64 = 5;

impl Till {
    pub(super) fn is_shopping(&self) -> bool {
        self.shopping.is_some()
    }

    /// The connection is lost: a question about a price is forgotten, an order is asked again.
    pub(super) fn on_gone(&mut self) {
        match &mut self.shopping {
            Some(shopping) if shopping.quote.is_some() => shopping.is_comparable = false,
            Some(_) | None => self.shopping = None,
        }
    }
}

impl Viewer {
    fn basket(&mut self) -> Result<Basket> {
        let chance = &mut self.link.chance;
        let first = chance.below(GOODS.len());
        let lines = (0..1 + chance.below(3)).map(|more| {
            let (sku, _) = GOODS[(first + more) % GOODS.len()];
            let quantity = Quantity(1 + chance.below(3) as u32);
            Ok(BasketLine { sku: id(sku)?, quantity })
        });
        let lines = lines.collect::<Result<Vec<_>>>()?;
        Ok(Basket::Lines(list(lines)?))
    }

    /// Asks for a price, unless something about his coupons is open.
    pub(super) fn shop(&mut self, at: Instant) -> Result<()> {
        if self.till.is_shopping() || self.till.open_changes > 0 || self.open_claims > 0 {
            self.agenda.plan(Instant::now() + LATER, Deed::Shop);
            return Ok(());
        }
        let basket = self.basket()?;
        let scene = &self.link.scene;
        let (shop, room) = (scene.shop.clone(), Some(scene.room.clone()));
        let quote = CartQuote { shop, basket: basket.clone(), coupons: CouponChoice::Best, room };
        self.till.shopping = Some(Shopping {
            basket,
            quote: None,
            changes: self.changes,
            had_plain: self.has_plain(),
            is_comparable: true,
        });
        self.link.ask(quote, at, About::Quote);
        Ok(())
    }

    pub(super) fn on_till(
        &mut self,
        request: &Request,
        intended: Instant,
        about: &About,
        line: &str,
    ) -> Result<()> {
        self.link.scene.others.lock().answered(request.type_name(), intended);
        match about {
            About::Quote => {
                let Quoted { quote } = line::ok(line)?;
                self.on_quoted(quote)
            }
            About::Order => {
                let OrderChanged { order } = line::ok(line)?;
                self.on_ordered(request, order)
            }
            _ => {
                let OrderChanged { order } = line::ok(line)?;
                self.on_order_changed(request, about, order)
            }
        }
    }

    fn mismatch(&self, what: impl FnOnce() -> String) {
        count(&self.link.scene.counters.quote_mismatches);
        let user = &self.link.user;
        self.link.scene.told().add(|| format!("{user}: {}", what()));
    }

    fn check_sums(&self, quote: &Quote) {
        for fault in price::faults(quote) {
            self.mismatch(|| format!("a price: {fault}"));
        }
    }

    fn on_quoted(&mut self, quote: Quote) -> Result<()> {
        count(&self.link.scene.counters.quotes);
        self.check_sums(&quote);
        let Some(mut shopping) = self.till.shopping.take() else { return Ok(()) };
        let has_seller = quote.coupons.iter().any(|used| used.layer == Layer::SellerCoupon);
        if shopping.had_plain && shopping.changes == self.changes && !has_seller {
            self.mismatch(|| "a coupon that fits every cart was not used".to_owned());
        }
        let used = quote.coupons.iter().map(|used| used.coupon.clone()).collect::<Vec<_>>();
        let coupons = if !used.is_empty() && self.link.chance.happens(0.5) {
            CouponChoice::These(list(used)?)
        } else {
            CouponChoice::Best
        };
        let (scene, command_id) = (self.link.scene.clone(), self.link.command()?);
        let place = OrderPlace {
            shop: scene.shop.clone(),
            command_id,
            basket: shopping.basket.clone(),
            address: people::address(&self.link.user)?,
            coupons,
            room: Some(scene.room.clone()),
        };
        shopping.quote = Some(quote);
        self.till.shopping = Some(shopping);
        self.link.ask(place, Instant::now(), About::Order);
        Ok(())
    }

    /// A coupon of the price may have ended since, or its campaign was taken back.
    fn may_have_ended(&self, quote: &Quote) -> bool {
        let scene = &self.link.scene;
        let now_ms = scene.server_ms() + 50.0;
        quote.coupons.iter().any(|used| {
            let campaign = number_of(used.campaign.as_str());
            let known = self.coupons.iter().find(|known| known.coupon == used.coupon);
            let is_over = known.is_none_or(|known| known.expires_at.0 as f64 <= now_ms);
            is_over || campaign.is_some_and(|campaign| scene.is_revoked(campaign))
        })
    }

    fn on_ordered(&mut self, request: &Request, order: Order) -> Result<()> {
        let scene = self.link.scene.clone();
        count(&scene.counters.orders);
        let command = request.command_id().map(Id::as_str).unwrap_or_default();
        scene.told().on_made(&self.link.user, command, order.order.as_str());
        self.on_locked(&order);
        let Some(shopping) = self.till.shopping.take() else { return Ok(()) };
        let Some(quote) = &shopping.quote else { return Ok(()) };
        match &order.quote {
            Some(own) => {
                self.check_sums(own);
                if own.total_minor != order.total_minor {
                    self.mismatch(|| format!("order {} is not its price", order.order));
                }
            }
            None => self.mismatch(|| format!("order {} has no price", order.order)),
        }
        let is_same = shopping.is_comparable && shopping.changes == self.changes;
        if is_same && !self.may_have_ended(quote) {
            count(&scene.counters.compared);
            let (told, asked) = (quote.total_minor.0, order.total_minor.0);
            if told != asked {
                self.mismatch(|| format!("told {told}, order {} asks for {asked}", order.order));
            }
        }
        self.decide(order)
    }

    fn decide(&mut self, order: Order) -> Result<()> {
        let scene = self.link.scene.clone();
        let shop = scene.shop.clone();
        match schedule::fate(&mut self.link.chance) {
            Fate::Open => {}
            Fate::Paid { after } => self.pay(order, after),
            Fate::Cancelled => {
                let command_id = self.link.command()?;
                self.till.open_changes += 1;
                let cancel = OrderCancel { shop, command_id, order: order.order };
                self.link.ask(cancel, Instant::now(), About::Cancel);
            }
            fate @ Fate::Repriced { .. } => {
                self.till.fate = Some(fate);
                self.reprice(order.order, CouponChoice::These(list(Vec::new())?), false)?;
            }
        }
        Ok(())
    }

    fn reprice(&mut self, order: Id, coupons: CouponChoice, is_last: bool) -> Result<()> {
        let (shop, command_id) = (self.link.scene.shop.clone(), self.link.command()?);
        self.till.open_changes += 1;
        let change = OrderCoupons { shop, command_id, order, coupons };
        self.link.ask(change, Instant::now(), About::Reprice { is_last });
        Ok(())
    }

    fn pay(&self, order: Order, after: Duration) {
        // Nobody takes payments once the run is over.
        let _ = self.link.scene.payments.send(Payment { at: Instant::now() + after, order });
    }

    fn on_order_changed(&mut self, request: &Request, about: &About, order: Order) -> Result<()> {
        self.till.open_changes = self.till.open_changes.saturating_sub(1);
        let command = request.command_id().map(Id::as_str).unwrap_or_default();
        self.link.scene.told().on_done(&self.link.user, command);
        self.changes += 1;
        let About::Reprice { is_last } = about else { return Ok(()) };
        self.on_locked(&order);
        if let Some(quote) = &order.quote {
            self.check_sums(quote);
            if !is_last && !quote.coupons.is_empty() {
                self.mismatch(|| format!("order {} kept its coupons", order.order));
            }
        }
        if !is_last {
            return self.reprice(order.order, CouponChoice::Best, true);
        }
        if let Some(Fate::Repriced { after }) = self.till.fate.take() {
            self.pay(order, after);
        }
        Ok(())
    }

    /// Whoever has a coupon is not refused for it, unless it ended on the way.
    pub(super) fn on_till_refused(
        &mut self,
        request: &Request,
        about: &About,
        code: &str,
        line: &str,
    ) {
        if let About::Cancel | About::Reprice { .. } = about {
            self.till.open_changes = self.till.open_changes.saturating_sub(1);
            // A payment may have been quicker.
            if code == "order_not_ready" {
                return;
            }
        }
        let quote = self.till.shopping.take().and_then(|shopping| shopping.quote);
        let ended = code == "coupon_not_usable" || code == "coupon_unknown";
        if ended && quote.as_ref().is_some_and(|quote| self.may_have_ended(quote)) {
            return;
        }
        let counter = &self.link.scene.counters.refused_at_till;
        count(counter);
        if value(counter) <= REFUSALS_TOLD {
            say(&format!("{} of {}: {line}", request.type_name(), self.link.user));
        }
    }
}
