//! What tests of other modules need to talk to a real Redis. Owns no test.

use ::redis::{Client, ProtocolVersion};

use super::Options;

pub(crate) use super::proxy::{Proxy, Weather};
pub(crate) use super::redis_server::{RedisServer, SAFE};

/// As a node makes it for its bus.
pub(crate) fn client(url: &str) -> Client {
    Options::new(url, "").client_with(ProtocolVersion::RESP3).unwrap()
}
