//! `audience`: people in a live room who come and go, talk, like, buy what a streamer puts on sale,
//! claim coupons, take part in draws and write to the shop's desk; what the demo shows. Owns the crowd's size, the shop's payments
//! and the ticker.

mod chat;
mod crowd;
mod gifts;
mod streamer;
mod viewer;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, bail};
use clap::Args;
use hawker_protocol::Id;
use hawker_protocol::number::SpanMs;
use hawker_protocol::object::{Order, Role, RoomState, SettingsChange, Stock};
use hawker_protocol::reply::Rooms;
use hawker_protocol::request::RoomList;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

use crate::api::{Api, id};
use crate::clock;
use crate::payments;
use crate::report::say;
use crate::run::{Common, Run};
use crate::socket::Socket;
use crate::tally::{count, value};
use crate::token::Person;
use crowd::{Crowd, Figures, News};
use streamer::{HOST, Room, Streamer};
use viewer::Viewer;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many watch at a time.
    #[arg(long, default_value_t = 200)]
    viewers: usize,
    /// The shop; its live room is found, or made if there is none.
    #[arg(long, default_value = "demo")]
    shop: String,
    /// From one flash sale's announcement to the next.
    #[arg(long, default_value_t = 90)]
    sale_every_s: u64,
    /// Ends by itself after that time; without it with Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many enter in a second, at most.
    #[arg(long, default_value_t = 12.0)]
    joins_per_s: f64,
}

/// A server with default limits takes 64 connections of one address. An audience on loopback has
/// a network of its own, as people have.
const VIEWERS_OF_ADDRESS: usize = 32;
/// Joins that fail in a row: the server is gone.
const FAILED_JOINS_MAX: u32 = 20;
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Between two of the small news.
const SMALL_EVERY: Duration = Duration::from_millis(1_200);

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    seconds: f64,
    joined: u64,
    left: u64,
    comments: u64,
    likes: u64,
    follows: u64,
    chats: u64,
    coupons: u64,
    entries: u64,
    claims: u64,
    held: u64,
    sold_out: u64,
    waiting: u64,
    offers: u64,
    paid: u64,
    expired: u64,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    let run = Run::begin(common, options.viewers + 64, VIEWERS_OF_ADDRESS).await?;
    let played = play(&run, options, common.seed).await;
    run.conclude(played.map(|()| true)).await
}

async fn play(run: &Run, options: &Options, seed: u64) -> Result<()> {
    let began = Instant::now();
    let api = Arc::new(run.target.api(&options.shop).await?);
    let room = find_room(run, &api).await?;
    let (news, heard) = mpsc::unbounded_channel();
    let (payments, due) = mpsc::unbounded_channel();
    let crowd = Arc::new(Crowd {
        target: Arc::clone(&run.target),
        shop: api.shop.clone(),
        room,
        seed,
        figures: Figures::default(),
        show: watch::Sender::new(None),
        over: watch::Sender::new(false),
        news,
        payments,
        inside: AtomicU64::new(0),
    });
    let (seen, room_seen) = watch::channel(Room::default());
    let every = Duration::from_secs(options.sale_every_s.max(1));
    let streamer = Streamer::join(Arc::clone(&crowd), every, seen).await?;
    let ticker = tokio::spawn(tick(heard, Arc::clone(&crowd), room_seen));
    let payer = Arc::clone(&crowd);
    let tell = move |order: &Order, told| on_paid(&payer, order, told);
    let paying = tokio::spawn(payments::pay(Arc::clone(&api), due, tell));
    let mut hosting = tokio::spawn(streamer.host());
    let mut filling = tokio::spawn(fill(Arc::clone(&crowd), options.clone()));
    let outcome = tokio::select! {
        ended = end(options.seconds) => ended,
        hosted = &mut hosting => hosted?.context("the streamer"),
        filled = &mut filling => filled?,
    };
    crowd.over.send_replace(true);
    if !filling.is_finished() {
        filling.await??;
    }
    paying.abort();
    ticker.abort();
    outcome?;
    let report = Report::of(&crowd.figures, began);
    say(&format!(
        "the audience has left: {} came, {} comments, {} claims, {} held, {} paid, {} expired",
        report.joined, report.comments, report.claims, report.held, report.paid, report.expired
    ));
    if run.json {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &report)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

impl Report {
    fn of(figures: &Figures, began: Instant) -> Self {
        Self {
            command: "audience",
            seconds: crate::report::rounded(began.elapsed().as_secs_f64()),
            joined: value(&figures.joined),
            left: value(&figures.left),
            comments: value(&figures.comments),
            likes: value(&figures.likes),
            follows: value(&figures.follows),
            chats: value(&figures.chats),
            coupons: value(&figures.coupons),
            entries: value(&figures.entries),
            claims: value(&figures.claims),
            held: value(&figures.held),
            sold_out: value(&figures.sold_out),
            waiting: value(&figures.waiting),
            offers: value(&figures.offers),
            paid: value(&figures.paid),
            expired: value(&figures.expired),
        }
    }
}

/// Ctrl-C, SIGTERM, or the time that was given.
async fn end(seconds: Option<u64>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let span = async {
        match seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
        () = span => Ok(()),
    }
}

/// The shop's live room; a shop that is not there is set up.
async fn find_room(run: &Run, api: &Api) -> Result<Id> {
    let shop = api.shop.clone();
    let person = Person { user: HOST, name: None, role: Role::Manager, shop: shop.as_str() };
    let token = run.target.tokens.of(person).await?;
    let (mut socket, _) = Socket::open(&run.target.address, None, &token).await?;
    let ask = RoomList { shop: shop.clone(), state: Some(RoomState::Live) };
    let answer = socket.ask(&ask.into()).await;
    socket.close().await;
    match answer {
        Ok(line) => {
            let Rooms { rooms } = crate::line::ok(&line)?;
            if let Some(room) = rooms.into_iter().next() {
                return Ok(room.room);
            }
        }
        Err(error) if format!("{error:#}").contains("shop_unknown") => furnish(api).await?,
        Err(error) => return Err(error),
    }
    let room = format!("{}-room", run.target.name);
    api.open_room(&room, "Live now").await?;
    api.set_bag(&room, &["mug".to_owned(), "lamp".to_owned()]).await?;
    id(&room)
}

async fn furnish(api: &Api) -> Result<()> {
    let settings = SettingsChange {
        reservation_hold_ms: Some(SpanMs(30_000)),
        min_presence_ms: Some(SpanMs(1_000)),
        sale_countdown_ms: Some(SpanMs(10_000)),
        sale_run_ms: Some(SpanMs(60_000)),
        waitlist_offer_ms: Some(SpanMs(15_000)),
        ..SettingsChange::default()
    };
    api.create_shop(settings).await?;
    for (product, title, price_minor) in [("mug", "Enamel mug", 1_200), ("lamp", "Lamp", 3_900)] {
        let sku = format!("{product}-white");
        api.put_product(product, title, std::slice::from_ref(&sku), price_minor).await?;
        api.set_stock(&sku, Stock::Units(100_000)).await?;
    }
    Ok(())
}

/// Keeps the room at its size: whoever leaves is followed by somebody else.
async fn fill(crowd: Arc<Crowd>, options: Options) -> Result<()> {
    let mut over = crowd.over.subscribe();
    let mut pace = interval(Duration::from_secs_f64(1.0 / options.joins_per_s.max(0.01)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watching = JoinSet::new();
    let (mut number, mut failed) = (0, 0);
    while !*over.borrow_and_update() {
        tokio::select! {
            _ = pace.tick() => {}
            _ = over.changed() => continue,
        }
        while let Some(left) = watching.try_join_next() {
            left?;
        }
        if watching.len() >= options.viewers {
            continue;
        }
        number += 1;
        match Viewer::join(Arc::clone(&crowd), number).await {
            Ok(viewer) => {
                failed = 0;
                watching.spawn(viewer.live());
            }
            Err(error) => {
                failed += 1;
                crowd.small(format!("somebody could not enter: {error:#}"));
                if failed >= FAILED_JOINS_MAX {
                    bail!("nobody gets in any more: {error:#}");
                }
            }
        }
    }
    while let Some(left) = watching.join_next().await {
        left?;
    }
    Ok(())
}

/// What came of a payment.
fn on_paid(crowd: &Crowd, order: &Order, told: payments::Told) {
    match told {
        Ok(Ok(())) => {
            count(&crowd.figures.paid);
            let (whole, cents) = (order.total_minor.0 / 100, order.total_minor.0 % 100);
            let currency = &order.currency;
            crowd.small(format!("an order of {whole}.{cents:02} {currency} is paid"));
        }
        Ok(Err(code)) => crowd.small(format!("a payment was refused as {code}")),
        Err(error) => crowd.small(format!("a payment failed: {error:#}")),
    }
}

/// One line for each notable event, and how things stand every few seconds.
async fn tick(
    mut heard: mpsc::UnboundedReceiver<News>,
    crowd: Arc<Crowd>,
    room: watch::Receiver<Room>,
) {
    let mut status = interval(STATUS_EVERY);
    status.tick().await;
    let mut quiet_until = Instant::now();
    loop {
        tokio::select! {
            news = heard.recv() => match news {
                Some(News::Big(said)) => say(&format!("{}  {said}", time_of_day())),
                Some(News::Small(said)) if Instant::now() >= quiet_until => {
                    quiet_until = Instant::now() + SMALL_EVERY;
                    say(&format!("{}    {said}", time_of_day()));
                }
                Some(News::Small(_)) => {}
                None => return,
            },
            _ = status.tick() => {
                let standing = standing(&crowd, &room.borrow());
                say(&format!("{}  -- {standing}", time_of_day()));
            }
        }
    }
}

fn standing(crowd: &Crowd, room: &Room) -> String {
    let figures = &crowd.figures;
    let mut line = format!(
        "{} watching, {} likes, {} comments, {} follow; {} claims, {} held, {} paid, {} expired; \
         {} coupons",
        value(&crowd.inside),
        room.likes,
        value(&figures.comments),
        value(&figures.follows),
        value(&figures.claims),
        value(&figures.held),
        value(&figures.paid),
        value(&figures.expired),
        value(&figures.coupons)
    );
    if let Some(stock) = &room.stock {
        line += &format!(
            "; {}: {} free, {} held, {} offered, {} sold, {} waiting",
            stock.sku,
            stock.available,
            stock.reserved,
            stock.offered,
            stock.sold,
            stock.waitlist_length
        );
    }
    line
}

fn time_of_day() -> String {
    let second = clock::wall_ms().div_euclid(1_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}
