//! What nodes ask each other, and how it is written. Owns the words; carries nothing out.

use std::borrow::Cow;

use hawker_domain::id::{RoomId, ShopId, UserId};
use hawker_domain::shop::Pulse;
use hawker_domain::time::Millis;
use hawker_protocol::{Code, Refusal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::http::Carried;
use crate::edge::auth::Identity;

/// One ask, by a node that has checked who wants it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// A socket's request. Answer: the line of its reply.
    Request {
        identity: Identity,
        present_ms: u64,
        within_ms: u64,
        line: String,
    },
    /// Whether somebody may enter a room. Answer: all that is his in the shop, as JSON.
    Enter {
        identity: Identity,
        shop: ShopId,
        room: RoomId,
    },
    /// Whether somebody works for the shop. Answer: nothing.
    Serves {
        identity: Identity,
        shop: ShopId,
    },
    /// Of the staff, about a conversation. Answer: the number of its last message.
    LastMessage {
        identity: Identity,
        shop: ShopId,
        buyer: UserId,
    },
    /// Answer: what was missed of a conversation.
    Missed {
        identity: Identity,
        shop: ShopId,
        buyer: UserId,
        known: u64,
    },
    /// Makes a socket a link of its agent until `Unlink`. Answer: the agent, as JSON.
    Link {
        identity: Identity,
        shop: ShopId,
        link: u64,
    },
    /// Answer: once the link is over; whether it is to be made again.
    AwaitLink {
        link: u64,
    },
    Unlink {
        link: u64,
    },
    /// A second of a room.
    Pulse {
        shop: ShopId,
        room: RoomId,
        pulse: Pulse,
    },
    /// Answer: a topic after what is known of it.
    History {
        topic: String,
        known: Option<(u64, u64)>,
    },
    /// A request over HTTP. Answer: the response.
    Http {
        shop: ShopId,
        request: Carried,
    },
    /// A token does not count any more. Answer: how many connections were closed.
    Revoke {
        sid: String,
        user: UserId,
        until: Millis,
    },
    /// The shop is free and belongs here.
    Take {
        shop: ShopId,
    },
}

/// Why an ask is not answered.
#[derive(Debug)]
pub(super) enum No {
    Refused(Refusal),
    /// The shop does not run there; perhaps on that node.
    Elsewhere(Option<String>),
}

#[derive(Serialize, Deserialize)]
enum Written<T> {
    Answer(T),
    /// As JSON: its details are of any shape.
    Refused(String),
    Elsewhere(Option<String>),
}

impl Ask {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

pub(super) fn write<T: Serialize>(answer: Result<T, No>) -> Vec<u8> {
    let written = match answer {
        Ok(answer) => Written::Answer(answer),
        Err(No::Refused(refusal)) => {
            Written::Refused(serde_json::to_string(&refusal).unwrap_or_default())
        }
        Err(No::Elsewhere(node)) => Written::Elsewhere(node),
    };
    postcard::to_stdvec(&written).unwrap_or_default()
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, No> {
    match postcard::from_bytes(bytes) {
        Ok(Written::Answer(answer)) => Ok(answer),
        Ok(Written::Refused(json)) => Err(No::Refused(read_refusal(&json))),
        Ok(Written::Elsewhere(node)) => Err(No::Elsewhere(node)),
        Err(error) => {
            tracing::error!(%error, "another node answered what is not understood");
            let message =
                Cow::Borrowed("the nodes of this deployment do not understand each other");
            Err(No::Refused(Refusal::with_message(Code::Internal, message)))
        }
    }
}

fn read_refusal(json: &str) -> Refusal {
    serde_json::from_str(json).unwrap_or_else(|_| Refusal::new(Code::Internal))
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
