//! The servers that share this Redis, as each says of itself. Owns who spoke lately; connects to
//! none of them.

use std::time::Duration;

use super::wording::{ADDRESSES, NODES};
use ::redis::{Client, ProtocolVersion};

use super::{OpenError, Redis, millis};

impl Redis {
    /// This server's name in leases and among the others.
    pub fn node(&self) -> String {
        self.node.name()
    }

    /// How long a shop stays with a server that has fallen silent.
    pub fn lease(&self) -> Duration {
        self.options.lease
    }

    /// For whoever else speaks with this Redis, in its newer protocol.
    pub fn client(&self) -> Result<Client, OpenError> {
        self.options.client_with(ProtocolVersion::RESP3)
    }

    /// Says `what` of this server, or takes it out where there is nothing to say. Answers with all
    /// that spoke `lately`, by the clock of Redis, and what they said.
    pub async fn speak(
        &self,
        what: &str,
        lately: Duration,
    ) -> Result<Vec<(String, String)>, String> {
        let session = self.sessions.current().map_err(|error| error.to_string())?;
        let mut call = self.scripts.beat.prepare_invoke();
        call.key(NODES).key(ADDRESSES).arg(self.node.name()).arg(what).arg(millis(lately));
        let answer = session.read(call.invoke_async(&mut session.reads.clone())).await;
        let words: Vec<String> = answer.map_err(|error| error.to_string())?;
        let pairs = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        Ok(pairs.collect())
    }
}
