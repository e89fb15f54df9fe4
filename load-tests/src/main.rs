//! `hawker-load`: drives a server from outside and checks what it says. Owns the command line;
//! knows the protocol and nothing else of Hawker.

mod agenda;
mod api;
mod audience;
mod audit;
mod chance;
mod chaos;
mod claims;
mod clock;
mod coupons;
mod crowd;
mod desk;
mod fan_out;
mod feed;
mod flash_sale;
mod floor;
mod frame;
mod http;
mod idle;
mod limits;
mod line;
mod machine;
mod marker;
mod metrics;
mod nodes;
mod payments;
mod people;
mod reconnect;
mod redis;
mod report;
mod run;
mod schedule;
mod server;
mod slow;
mod socket;
mod stage;
mod subject;
mod talk;
mod talking;
mod tally;
mod token;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(version, about = "Drives a Hawker server from outside and checks what it says")]
struct Arguments {
    #[command(flatten)]
    common: run::Common,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// People in a live room, and a streamer who sells to them: what the demo shows.
    Audience(audience::Options),
    /// One room, one flash sale, more buyers than units; then the audit.
    FlashSale(flash_sale::Options),
    /// Buyers who chat with a shop, and agents who answer them; then the audit.
    Desk(desk::Options),
    /// A host who shows coupons to a room, viewers who claim, watch and buy; then the audit.
    Coupons(coupons::Options),
    /// How many claims a second are accepted, each durable before its reply; then the audit.
    Claims(claims::Options),
    /// What it costs to deliver a room's messages, beside the kernel's own price of the writes.
    FanOut(fan_out::Options),
    /// What viewers cost who only watch.
    Idle(idle::Options),
    /// All sockets of a room drop at once and come back, beside a live room.
    Reconnect(reconnect::Options),
    /// Readers who stop reading, among many who do not.
    Slow(slow::Options),
    /// Breaks a server of its own on purpose and audits what is left.
    Chaos(chaos::Options),
    /// A shop's orders as they are paid, from the journal in Redis: an example of a reader.
    Feed(feed::Options),
    /// The plain `send` loop that `fan-out` compares with, in a process of its own.
    #[command(hide = true)]
    Floor(floor::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::say(&format!("hawker-load: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether every invariant held.
fn start(arguments: &Arguments) -> Result<bool> {
    if let What::Floor(options) = &arguments.what {
        return floor::serve(options).map(|()| true);
    }
    let half = (machine::cores() / 2).max(1);
    let threads = arguments.common.threads.unwrap_or(half);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build()?;
    let common = &arguments.common;
    runtime.block_on(async {
        match &arguments.what {
            What::Audience(options) => audience::run(common, options).await,
            What::FlashSale(options) => flash_sale::run(common, options).await,
            What::Desk(options) => desk::run(common, options).await,
            What::Coupons(options) => coupons::run(common, options).await,
            What::Claims(options) => claims::run(common, options).await,
            What::FanOut(options) => fan_out::run(common, options).await,
            What::Idle(options) => idle::run(common, options).await,
            What::Reconnect(options) => reconnect::run(common, options).await,
            What::Slow(options) => slow::run(common, options).await,
            What::Chaos(options) => chaos::run(common, options).await,
            What::Feed(options) => feed::run(options).await,
            What::Floor(_) => unreachable!("it was served above"),
        }
    })
}
