//! The edge: where the world comes in. Owns sockets, HTTP, tokens and every limit that can be
//! applied without knowing a shop; decides nothing about business.

pub mod admin;
pub mod auth;
pub mod extension;
pub mod fault;
pub mod guard;
pub mod http;
pub mod limits;
pub mod listener;
pub mod nodes;
pub mod origin;
pub mod page;
pub mod proxy;
mod refusals;
pub mod revoke;
pub mod seat;
pub mod upgrade;

mod chat;
mod desk;
mod link;
mod promo;
pub mod reveal;
pub mod seed;
pub mod service;
pub mod socket;
mod transcript;
