//! Servers to compare with. Owns a row for each kind: what its viewers say to get in, how it pings,
//! and how a message is put into its words.

use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::publisher::{Posts, Publisher, Sender, Words};
use super::source;
use crate::crowd::TextPing;
use crate::crowd::entry::Entry;
use crate::http::{Client, Url};
use crate::socket::{Address, Socket};

/// How one kind of server talks. `PAYLOAD` in `publish` stands for the message, a JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) name: &'static str,
    /// Text frames of a viewer after the upgrade.
    greetings: &'static [&'static str],
    /// How the frame begins that says he gets the room's messages; without it the upgrade says so.
    welcome: Option<&'static str>,
    refusal: Option<&'static str>,
    pub(crate) ping: Option<TextPing>,
    publish: &'static str,
}

/// The room is part of `--url`, or the only one that the server has.
const PEERS: [Form; 4] = [
    Form {
        name: "ws",
        greetings: &[],
        welcome: None,
        refusal: None,
        ping: None,
        publish: "PAYLOAD",
    },
    Form {
        name: "socket.io",
        greetings: &["40"],
        welcome: Some("40{"),
        refusal: Some("44{"),
        ping: Some((b"2", b"3")),
        publish: "PAYLOAD",
    },
    Form {
        name: "nchan",
        greetings: &[],
        welcome: None,
        refusal: None,
        ping: None,
        publish: "PAYLOAD",
    },
    // The first protocol of the centrifuge library, as its version 0.15 speaks it.
    Form {
        name: "centrifuge",
        greetings: &["{\"id\":1,\"params\":{}}"],
        welcome: Some("{\"id\":1,\"result\":{\"client\":"),
        refusal: Some("\"error\":{"),
        ping: None,
        publish: "PAYLOAD",
    },
];

/// A server to compare with, which somebody else has started.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) form: Form,
    address: Address,
    publish_at: String,
    compress: bool,
    message_bytes: usize,
}

impl Peer {
    pub(crate) fn new(
        name: &str,
        url: &str,
        publish_at: &str,
        compress: bool,
        message_bytes: usize,
    ) -> Result<Self> {
        let form = PEERS.into_iter().find(|form| form.name == name);
        let form = form.with_context(|| {
            let known = PEERS.map(|form| form.name).join(", ");
            format!("{name} is not a peer we can talk to: {known}")
        })?;
        let Url { address, host, path } = Url::parse(url, "ws")?;
        let address = Address { peer: address, host, path };
        Ok(Self { form, address, publish_at: publish_at.to_owned(), compress, message_bytes })
    }

    pub(super) fn entry(&self, number: usize) -> Entry {
        Entry {
            source: source(&self.address, number),
            address: self.address.clone(),
            headers: String::new(),
            greetings: self.form.greetings.iter().map(|text| (*text).to_owned()).collect(),
            welcome: self.form.welcome,
            refusal: self.form.refusal,
            compress: self.compress,
            receive_bytes: None,
        }
    }

    /// Posts to `http://…`, or sends text frames to `ws://…`.
    pub(super) async fn publisher(&self, seed: u64) -> Result<Publisher> {
        let words = Words::new(seed, self.message_bytes);
        if let Ok(url) = Url::parse(&self.publish_at, "http") {
            let client = Arc::new(Client::new(url.address, &url.host));
            let posts = Posts { client, path: url.path, body: self.form.publish, words };
            return Ok(Publisher::Posts(posts));
        }
        let Ok(Url { address, host, path }) = Url::parse(&self.publish_at, "ws") else {
            bail!("--publish-url begins with http:// or ws://: {}", self.publish_at);
        };
        let socket = Socket::plain(&Address { peer: address, host, path }).await?;
        Ok(Publisher::Sender(Sender::start(socket, self.form.publish, words)))
    }
}
