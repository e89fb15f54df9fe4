//! The settings of a node among others: where they reach it. Owns the figures and their reasons;
//! connects to nothing.

use std::net::SocketAddr;

use confique::Config as Confique;
use serde::Serialize;

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Cluster {
    /// Address and port for other nodes that share the Redis of `journal.redis`. Without one this
    /// server forwards nothing and hears nothing of others. Only nodes that know the same
    /// `auth.secret` are let in, but what they say is not encrypted: a private network.
    /// Example: "10.0.0.5:9301".
    pub listen: Option<SocketAddr>,

    /// What other nodes connect to, host and port, where it is not `listen`: a pod's name, say.
    /// Example: "hawker-1.internal:9301".
    pub advertise: Option<String>,
}
