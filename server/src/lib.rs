//! Hawker's server as a library: the binary and the integration tests share it.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod telemetry;

pub mod awaiting;
pub mod bus;
pub mod cluster;
pub mod delivery;
pub mod edge;
pub mod engine;
pub mod hub;
pub mod journal;
pub mod mirror;
pub mod uploads;
pub mod wire;
