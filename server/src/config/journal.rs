//! The settings of a journal in Redis: where it is, who asks there, how long is waited. Owns the
//! figures and their reasons; connects to nothing.

use std::path::PathBuf;

use confique::Config as Confique;
use serde::Serialize;

use super::{Problem, Secret};

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Redis {
    /// Where it is: `redis://host:port/database`, or `rediss://…` over TLS. User and password have
    /// settings of their own: this one is printed.
    #[config(default = "redis://127.0.0.1:6379/0")]
    pub url: String,

    /// The user of Redis' access list; without one the default user.
    pub user: Option<String>,

    /// His password. Better in a file or the environment than here.
    pub password: Option<Secret>,

    /// File that holds the password; white space around it is cut off.
    pub password_file: Option<PathBuf>,

    /// File with the certificates, in PEM, that vouch for Redis; without one the system's.
    pub ca_file: Option<PathBuf>,

    /// What this server remembers of the store: its own name, which store it belongs to, and how
    /// far it has seen each shop, so that an empty or older store is never taken for a new one.
    /// Belongs to one process, and should outlive it.
    #[config(default = "data/node")]
    pub node_folder: PathBuf,

    /// Folder for records that Redis need not hold in memory any more: those up to the snapshot
    /// before the newest, moved once they are 64. All servers have to see the same folder, and it
    /// has to be there; what was moved is read from it. Without one nothing is moved.
    pub archive_folder: Option<PathBuf>,

    /// How long a shop stays with a server that has fallen silent before another may have it.
    /// Unit: ms. Range: 2000 to 60000. The writer renews it after three tenths and stops answering
    /// after eight; shorter, and a pause of the machine costs shops their memory.
    #[config(default = 10000)]
    pub lease_ms: u64,

    /// A connection, from the first packet to the first answer.
    /// Unit: ms. Range: 50 to 30000.
    #[config(default = 1000)]
    pub connect_ms: u64,

    /// An answer. After that the connection is given up, and what was asked is asked again.
    /// Unit: ms. Range: 50 to 60000. Far beyond a sync of a disk that works.
    #[config(default = 2000)]
    pub answer_ms: u64,

    /// Whether a Redis is taken that may lose acknowledged writes: one that evicts, keeps no
    /// append-only file or has replicas. `--accept-unsafe-redis` is the same.
    #[config(default = false)]
    pub accept_unsafe: bool,
}

impl Redis {
    /// What the ranges do not say.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let after_scheme = self.url.split_once("://").map(|(_, rest)| rest);
        if !(self.url.starts_with("redis://") || self.url.starts_with("rediss://")) {
            found.push(Problem::new("journal.redis.url", "must begin with redis:// or rediss://"));
        }
        if after_scheme.is_some_and(|rest| rest.contains('@')) {
            found.push(Problem::new(
                "journal.redis.url",
                "must not hold a user or a password: they are `journal.redis.user`, \
                 `journal.redis.password` and `journal.redis.password_file`",
            ));
        }
        if self.password.is_some() && self.password_file.is_some() {
            found.push(Problem::new(
                "journal.redis.password_file",
                "is given beside `journal.redis.password`: keep one of them",
            ));
        }
        found
    }
}
