//! The shop's own system as a run plays it: sets the shop up, reports payments and reads the
//! feed, over HTTP with role `service`. Owns the paths.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use anyhow::{Context, Result, bail};
use hawker_protocol::Id;
use hawker_protocol::http::{
    CreateRoom, CreateSale, CreateShop, ErrorBody, ReportPayment, SetBag, SetStock,
};
use hawker_protocol::number::Minor;
use hawker_protocol::object::{
    Campaign, Order, PaymentOutcome, ProductSpec, Role, RoomSpec, Sale, SaleSpec, SettingsChange,
    SkuSpec, Stock,
};
use hawker_protocol::reply::{Campaigns, SaleChanged};
use hawker_protocol::text::{List, Text};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use crate::http::{Answer, Ask, Client};
use crate::token::{Person, Tokens};

/// Who the run is in the shop's books.
const SERVICE: &str = "load-service";
pub(crate) const STREAMER: &str = "load-streamer";
pub(crate) const CURRENCY: &str = "USD";

/// How often a request is sent again that the server had no time for.
const TRIES_MAX: u32 = 40;
/// The same where a shop may be on its way to another node, which takes seconds.
const TRIES_AMONG_MAX: u32 = 400;
/// A node that stands still answers nothing; another one does.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Api {
    /// One for each node: they are asked in turn.
    clients: Vec<Client>,
    turn: AtomicUsize,
    token: String,
    pub(crate) shop: Id,
    run: String,
    commands: AtomicU64,
}

pub(crate) fn id(text: &str) -> Result<Id> {
    Id::parse(text).with_context(|| format!("{text:?} as an id"))
}

pub(crate) fn text<const MAX: usize>(text: &str) -> Result<Text<MAX>> {
    Text::try_from(text).with_context(|| format!("{text:?} as a text"))
}

pub(crate) fn list<T, const MAX: usize>(items: Vec<T>) -> Result<List<T, MAX>> {
    List::try_from(items).context("a list")
}

impl Api {
    pub(crate) async fn new(
        clients: Vec<Client>,
        tokens: &Tokens,
        shop: &str,
        run: &str,
    ) -> Result<Self> {
        let person = Person { user: SERVICE, name: None, role: Role::Service, shop };
        let token = tokens.of(person).await?;
        let (run, commands, turn) = (run.to_owned(), AtomicU64::new(0), AtomicUsize::new(0));
        Ok(Self { clients, turn, token, shop: id(shop)?, run, commands })
    }

    /// Asks the only server, or the next node.
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer> {
        match self.clients.as_slice() {
            [only] => only.send(ask).await,
            nodes => {
                let next = self.turn.fetch_add(1, Relaxed) % nodes.len();
                timeout(ANSWER, nodes[next].send(ask)).await.context("a node said nothing")?
            }
        }
    }

    /// Asks until there is an answer. A server that does not answer at all is an error; of several
    /// nodes another one is asked under the same key.
    async fn ask_again(&self, ask: Ask<'_>) -> Result<Answer> {
        let is_alone = self.clients.len() == 1;
        let tries_max = if is_alone { TRIES_MAX } else { TRIES_AMONG_MAX };
        for _ in 0..tries_max {
            match self.ask(ask).await {
                Ok(answer) if answer.status != 503 && answer.status != 429 => return Ok(answer),
                Err(error) if is_alone => return Err(error),
                Ok(_) | Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        bail!("{} {}: the server had no time {tries_max} times in a row", ask.method, ask.path)
    }

    /// The same for what only reads, where a server that is alone has one try.
    async fn read(&self, path: &str) -> Result<Vec<u8>> {
        let ask = Ask { token: Some(&self.token), ..Ask::get(path) };
        let answer = match self.clients.len() {
            1 => self.ask(ask).await,
            _ => self.ask_again(ask).await,
        };
        answer?.success()
    }

    async fn send(&self, method: &str, path: &str, body: &impl Serialize) -> Result<Answer> {
        let body = serde_json::to_vec(body)?;
        let key = format!("{}-h{}", self.run, self.commands.fetch_add(1, Relaxed));
        let path = format!("/v1/shops{path}");
        let (token, key) = (Some(self.token.as_str()), Some(key.as_str()));
        let ask = Ask { method, token, key, ..Ask::post(&path, &body) };
        self.ask_again(ask).await
    }

    async fn change(&self, method: &str, path: &str, body: &impl Serialize) -> Result<Vec<u8>> {
        let path = format!("/{}{path}", self.shop);
        let answer = self.send(method, &path, body).await?;
        answer.success().with_context(|| format!("{method} /v1/shops{path}"))
    }

    pub(crate) async fn create_shop(&self, settings: SettingsChange) -> Result<()> {
        let (shop, currency) = (self.shop.clone(), text(CURRENCY)?);
        let body = CreateShop { shop, name: text("Load test")?, currency, settings };
        let answer = self.send("POST", "", &body).await?;
        answer.success().context("creating the shop")?;
        Ok(())
    }

    /// A listed product whose SKUs cost `price_minor`; their stock is set apart.
    pub(crate) async fn put_product(
        &self,
        product: &str,
        title: &str,
        skus: &[String],
        price_minor: u64,
    ) -> Result<()> {
        let sku = |name: &String| -> Result<SkuSpec> {
            Ok(SkuSpec { sku: id(name)?, title: text(name)?, price_minor: Minor(price_minor) })
        };
        let skus = list(skus.iter().map(sku).collect::<Result<_>>()?)?;
        let spec = ProductSpec { title: text(title)?, image_url: None, listed: true, skus };
        self.change("PUT", &format!("/products/{product}"), &spec).await?;
        Ok(())
    }

    pub(crate) async fn set_stock(&self, sku: &str, stock: Stock) -> Result<()> {
        self.change("PUT", &format!("/skus/{sku}/stock"), &SetStock { stock }).await?;
        Ok(())
    }

    /// A room that is live.
    pub(crate) async fn open_room(&self, room: &str, title: &str) -> Result<()> {
        let spec = RoomSpec {
            streamer: Some(id(STREAMER)?),
            title: text(title)?,
            cover_url: None,
            playback_url: None,
            keep_comments: false,
            slow_mode_ms: hawker_protocol::number::SpanMs(0),
        };
        let body = CreateRoom { room: Some(id(room)?), spec };
        self.change("POST", "/rooms", &body).await?;
        self.change("POST", &format!("/rooms/{room}/start"), &serde_json::json!({})).await?;
        Ok(())
    }

    pub(crate) async fn set_bag(&self, room: &str, products: &[String]) -> Result<()> {
        let products = products.iter().map(|product| id(product)).collect::<Result<_>>()?;
        let body = SetBag { products: list(products)? };
        self.change("PUT", &format!("/rooms/{room}/bag"), &body).await?;
        Ok(())
    }

    pub(crate) async fn create_sale(&self, sale: &str, spec: SaleSpec) -> Result<()> {
        let body = CreateSale { sale: Some(id(sale)?), spec };
        self.change("POST", "/sales", &body).await?;
        Ok(())
    }

    /// `announce`, `start`, `end` or `cancel`.
    pub(crate) async fn step_sale(&self, sale: &str, step: &str) -> Result<Sale> {
        let path = format!("/sales/{sale}/{step}");
        let body = self.change("POST", &path, &serde_json::json!({})).await?;
        let changed = serde_json::from_slice::<SaleChanged>(&body).map(|changed| changed.sale);
        let bare = |_| serde_json::from_slice::<Sale>(&body);
        changed.or_else(bare).context("a sale")
    }

    /// What the payment provider says. `Ok` of the refusal's code where the shop said no.
    pub(crate) async fn pay(
        &self,
        order: &Order,
        payment: &str,
        outcome: PaymentOutcome,
    ) -> Result<std::result::Result<(), String>> {
        let currency = text(&order.currency)?;
        let (payment, amount_minor) = (id(payment)?, order.total_minor);
        let body = ReportPayment { payment, amount_minor, currency, outcome };
        let path = format!("/{}/orders/{}/payments", self.shop, order.order);
        let answer = self.send("POST", &path, &body).await?;
        if (200..300).contains(&answer.status) {
            return Ok(Ok(()));
        }
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        let body: ErrorBody = serde_json::from_slice(&answer.body)
            .with_context(|| format!("HTTP {} to a payment: {said}", answer.status))?;
        Ok(Err(body.error.code.as_str().to_owned()))
    }

    /// All coupon campaigns of the shop, with their figures.
    pub(crate) async fn campaigns(&self) -> Result<Vec<Campaign>> {
        let (mut campaigns, mut next) = (Vec::new(), None::<String>);
        loop {
            let cursor = next.map_or_else(String::new, |next| format!("?cursor={next}"));
            let path = format!("/v1/shops/{}/campaigns{cursor}", self.shop);
            let body = self.read(&path).await.context("reading the campaigns")?;
            let page: Campaigns = serde_json::from_slice(&body).context("a page of campaigns")?;
            campaigns.extend(page.campaigns);
            next = page.next;
            if next.is_none() {
                return Ok(campaigns);
            }
        }
    }

    /// A page of the event feed, as it came.
    pub(crate) async fn events(&self, after: Option<u64>, limit: u32) -> Result<Vec<u8>> {
        let after = after.map_or_else(String::new, |after| format!("after={after}&"));
        let path = format!("/v1/shops/{}/events?{after}limit={limit}", self.shop);
        self.read(&path).await.context("reading the event feed")
    }
}

/// Does something for each item, some at a time, and stops at the first failure.
pub(crate) async fn each<T, F>(at_a_time: usize, items: Vec<T>, work: impl Fn(T) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut working = JoinSet::new();
    for item in items {
        if working.len() >= at_a_time
            && let Some(done) = working.join_next().await
        {
            done??;
        }
        working.spawn(work(item));
    }
    while let Some(done) = working.join_next().await {
        done??;
    }
    Ok(())
}
