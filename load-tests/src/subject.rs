//! The server whose fan-out is measured, as its viewers and its publisher see it: how to get into
//! the room, how to make everybody in it hear something. One of ours, or one to compare with. Owns
//! the conversations; measures nothing.
//!
//! A peer needs no code here if it is in the table of [`peer`]: another
//! one is a row more.

mod hawker;
mod peer;
pub(crate) mod publisher;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;

use crate::crowd::TextPing;
use crate::crowd::digest::Reading;
use crate::crowd::entry::Entry;
use crate::socket::Address;
pub(crate) use hawker::{Hawker, Start};
pub(crate) use peer::Peer;
use publisher::Publisher;

/// Sockets that come from one loopback address: several of them for each of the usual sizes, as a
/// kernel looks ports up by address.
const SOCKETS_OF_SOURCE: usize = 2_000;

#[derive(Debug)]
pub(crate) enum Subject {
    Hawker(Hawker),
    Peer(Peer),
}

impl Subject {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Hawker(_) => "hawker",
            Self::Peer(peer) => peer.form.name,
        }
    }

    /// How many nodes share the viewers, each in turn.
    pub(crate) fn nodes(&self) -> usize {
        match self {
            Self::Hawker(hawker) => hawker.target.nodes(),
            Self::Peer(_) => 1,
        }
    }

    /// How one of many viewers gets into the room.
    pub(crate) async fn entry(&self, number: usize) -> Result<Entry> {
        match self {
            Self::Hawker(hawker) => hawker.entry(number).await,
            Self::Peer(peer) => Ok(peer.entry(number)),
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        match self {
            Self::Hawker(_) => Reading::Hawker,
            Self::Peer(_) => Reading::Markers,
        }
    }

    /// A ping in the application's own words, beside those of the protocol.
    pub(crate) fn ping(&self) -> Option<TextPing> {
        match self {
            Self::Hawker(_) => None,
            Self::Peer(peer) => peer.form.ping,
        }
    }

    /// Somebody who makes the room hear a message.
    pub(crate) async fn publisher(&self, seed: u64) -> Result<Publisher> {
        match self {
            Self::Hawker(hawker) => hawker.publisher(seed).await,
            Self::Peer(peer) => peer.publisher(seed).await,
        }
    }
}

/// The loopback address that a viewer comes from: the first thousands from 127.0.0.2 on.
pub(crate) fn source(address: &Address, number: usize) -> Option<IpAddr> {
    let last = u8::try_from(number / SOCKETS_OF_SOURCE + 2).ok()?;
    let loopback = address.peer.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST);
    loopback.then(|| Ipv4Addr::new(127, 0, 0, last).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_on_loopback_come_from_several_addresses_and_others_from_their_own() {
        let address = |peer: &str| Address {
            peer: peer.parse().unwrap(),
            host: peer.to_owned(),
            path: "/".to_owned(),
        };
        let here = address("127.0.0.1:80");
        assert_eq!(source(&here, 1_999), Some("127.0.0.2".parse().unwrap()));
        assert_eq!(source(&here, 9_499), Some("127.0.0.6".parse().unwrap()));
        assert_eq!(source(&address("10.0.0.1:80"), 0), None);
    }
}
