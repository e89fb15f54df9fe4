//! Hawker's server as a library: the binary and the integration tests share it.

pub mod journal;
