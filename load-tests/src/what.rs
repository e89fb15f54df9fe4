//! The subcommands: each with its flags, and where it runs. Owns the list; does none of them.

use anyhow::Result;
use clap::Subcommand;

use crate::run::Common;
use crate::{
    audience, chaos, claims, coupons, desk, fan_out, feed, flash_sale, floor, idle, reconnect, slow,
};

#[derive(Debug, Subcommand)]
pub(crate) enum What {
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

impl What {
    /// Whether every invariant held.
    pub(crate) async fn run(&self, common: &Common) -> Result<bool> {
        match self {
            Self::Audience(options) => audience::run(common, options).await,
            Self::FlashSale(options) => flash_sale::run(common, options).await,
            Self::Desk(options) => desk::run(common, options).await,
            Self::Coupons(options) => coupons::run(common, options).await,
            Self::Claims(options) => claims::run(common, options).await,
            Self::FanOut(options) => fan_out::run(common, options).await,
            Self::Idle(options) => idle::run(common, options).await,
            Self::Reconnect(options) => reconnect::run(common, options).await,
            Self::Slow(options) => slow::run(common, options).await,
            Self::Chaos(options) => chaos::run(common, options).await,
            Self::Feed(options) => feed::run(options).await,
            Self::Floor(_) => unreachable!("it was served above"),
        }
    }
}
