//! The HTTP interface over a journal in memory: requests go straight into the router, answers are
//! held against the document that describes them. No sockets, and time is tokio's, paused.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod bench;

mod bad_requests;
mod campaigns;
mod catalogue;
mod conversations;
mod desk;
mod draws;
mod feed;
mod orders;
mod prices;
mod refunds;
mod repetition;
mod roles;
mod rooms;
mod sales;
mod uploads;
