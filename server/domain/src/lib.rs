//! Hawker's rules: what a live shop may do, as pure functions of state, command and time.
//! Owns every business decision; knows no runtime, no clock, no randomness and no I/O.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod id;
pub mod lookup;
pub mod money;
pub mod time;

pub mod command;
pub mod document;
pub mod event;
pub mod policy;
pub mod rejection;
pub mod settings;
pub mod view;

mod few;
pub mod shop;
mod text;

pub use command::{Actor, Command, Role};
pub use event::{CommandRef, Entry, Event};
pub use rejection::Rejection;
pub use shop::{Accepted, Pulse, Seen, Shop, Touched, WatchMark};
