//! Bytes of a server to replies and pushes, for clients written in Rust. Reads the envelope first
//! and the rest only when it is asked for.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::id::RequestId;
use crate::push::Push;
use crate::refusal::Refusal;

/// Why a server's line could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the server sent something unreadable")]
pub struct Unreadable(#[from] serde_json::Error);

/// One message of a server: a reply has `re` or `error`, a push has `kind`.
#[derive(Debug)]
pub struct Incoming<'a> {
    pub re: Option<RequestId>,
    pub kind: Option<Cow<'a, str>>,
    pub topic: Option<Cow<'a, str>>,
    pub seq: Option<u64>,
    pub error: Option<Refusal>,
    ok: Option<&'a RawValue>,
    line: &'a str,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    re: Option<RequestId>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    seq: Option<u64>,
    error: Option<Refusal>,
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
}

/// The messages of a frame, in their order.
pub fn read_frame(frame: &str) -> impl Iterator<Item = Result<Incoming<'_>, Unreadable>> {
    frame.split('\n').filter(|line| !line.trim_ascii().is_empty()).map(read_line)
}

/// The message in one line.
pub fn read_line(line: &str) -> Result<Incoming<'_>, Unreadable> {
    let Envelope { re, kind, topic, seq, error, ok } = serde_json::from_str(line)?;
    Ok(Incoming { re, kind, topic, seq, error, ok, line })
}

impl Incoming<'_> {
    /// What a yes carries, as the request's `Call::Ok`; `None` for a no and for a push.
    pub fn ok<T: DeserializeOwned>(&self) -> Result<Option<T>, Unreadable> {
        Ok(self.ok.map(|ok| serde_json::from_str(ok.get())).transpose()?)
    }

    /// The push; `None` for a reply and for a type this version does not know, to be skipped.
    pub fn push(&self) -> Result<Option<Push>, Unreadable> {
        let known = self.kind.as_deref().and_then(|kind| Push::read(kind, self.line));
        Ok(known.transpose()?)
    }
}
