//! The program as others meet it: a process of its own, real ports, real sockets. Few tests, each
//! a whole conversation. Owns what only a running server can show; rules are tested in the domain.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod bad_input;
mod client;
mod closing;
mod command_line;
mod compression;
mod conversation;
mod desk;
mod desk_http;
mod hawker;
mod nodes;
mod redis;
#[path = "../../src/journal/redis/redis_server.rs"]
mod redis_server;
mod restart;
mod tokens;
mod uploads;
