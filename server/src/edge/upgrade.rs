//! The door to the socket: checks a handshake, answers it, and hands the stream to a conversation.
//! Never reads a message.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use hawker_protocol::{CloseCode, Code, Refusal, version};

use super::auth::Identity;
use super::extension;
use super::guard::Client;
use super::http::refused;
use super::origin::{Origins, bearer};
use super::seat::Seat;
use super::service::wire_auth;
use super::socket::{Surroundings, converse};
use crate::hub::{Reader, accept_key, tune};

/// What the door needs beside the conversation's own surroundings.
#[derive(Debug, Clone)]
pub struct Door {
    pub around: Arc<Surroundings>,
    pub origins: Arc<Origins>,
    /// Sockets that are open: a drain waits for them.
    pub tasks: TaskTracker,
}

/// `GET /v1/ws`
pub fn router(door: Door) -> Router {
    Router::new().route(version::SOCKET_PATH, get(on_handshake)).with_state(door)
}

/// What follows from a handshake that holds.
struct Handshake {
    accept: HeaderValue,
    /// Whether the client offered our sub-protocol, or none.
    version_fits: bool,
    offered: bool,
    deflates: bool,
    bearer: Option<Box<Identity>>,
}

async fn on_handshake(
    State(door): State<Door>,
    Extension(seat): Extension<Arc<Seat>>,
    Extension(Client(client)): Extension<Client>,
    mut request: Request,
) -> Response {
    let handshake = match check(&door, request.headers()) {
        Ok(handshake) => handshake,
        Err(refusal) => return refused(refusal),
    };
    if seat.bind_address(client).is_err() {
        return refused(Refusal::new(Code::TooManyConnections));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, handshake.accept.clone());
    if handshake.offered && handshake.version_fits {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(version::SUB_PROTOCOL));
    }
    if handshake.deflates {
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, extension::ANSWER);
    }
    let tasks = door.tasks.clone();
    tasks.spawn(take_over(door, upgrade, seat, handshake));
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn check(door: &Door, headers: &HeaderMap) -> Result<Handshake, Refusal> {
    if !names(headers, &CONNECTION, "upgrade") || !names(headers, &UPGRADE, "websocket") {
        let message = "this is a WebSocket: connect with ws:// or wss://";
        return Err(Refusal::with_message(Code::InvalidRequest, message));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "the WebSocket version must be 13";
        return Err(Refusal::with_message(Code::InvalidRequest, message));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Err(Refusal::with_message(Code::InvalidRequest, "Sec-WebSocket-Key is missing"));
    };
    door.origins.check(headers).map_err(|_| Refusal::new(Code::OriginForbidden))?;
    let accept = HeaderValue::from_str(&accept_key(key.as_bytes()))
        .map_err(|_| Refusal::new(Code::InvalidRequest))?;
    let offered = headers.contains_key(SEC_WEBSOCKET_PROTOCOL);
    let fits = names(headers, &SEC_WEBSOCKET_PROTOCOL, version::SUB_PROTOCOL);
    let bearer = match bearer(headers) {
        Some(token) => {
            let identity = door.around.service.verifier().verify(token).map_err(wire_auth)?;
            Some(Box::new(identity))
        }
        None if headers.contains_key(AUTHORIZATION) => {
            let message = "Authorization must be Bearer and a token";
            return Err(Refusal::with_message(Code::Unauthorized, message));
        }
        None => None,
    };
    let deflates = door.around.hub.options().deflates && extension::accepts_deflate(headers);
    Ok(Handshake { accept, version_fits: fits || !offered, offered, deflates, bearer })
}

/// Whether one of a header's comma-separated words is `word`.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    let texts = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// Waits for the stream behind the handshake. The conversation is a task of its own, since this
/// one would keep the size of the upgrade for as long as the socket lives.
async fn take_over(door: Door, upgrade: OnUpgrade, seat: Arc<Seat>, handshake: Handshake) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => return tracing::debug!(%error, "a handshake came to nothing"),
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return tracing::error!("an upgraded connection is no TCP stream of ours");
    };
    let Parts { io, read_buf, .. } = parts;
    let stream = io.into_inner();
    let around = door.around;
    if let Err(error) = tune(&stream, around.hub.options()) {
        tracing::debug!(%error, "a socket vanished before it was set up");
        return;
    }
    let mut reader = match handshake.deflates {
        true => around.hub.connect_deflated(stream, &read_buf),
        false => around.hub.connect(stream, &read_buf),
    };
    drop(read_buf);
    if handshake.version_fits {
        door.tasks.spawn(converse(around, reader, handshake.bearer, seat));
    } else {
        door.tasks.spawn(async move { refuse_version(&mut reader).await });
    }
}

async fn refuse_version(reader: &mut Reader) {
    let code = CloseCode::Version;
    reader.close(code.number(), code.reason()).await;
}
