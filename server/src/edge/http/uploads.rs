//! Uploads over HTTP: a file sent, read, and an address with a ticket for pages. Owns the routes
//! and what they share; where the bytes stand is `uploads`' business.

mod content;
mod intake;
mod quota;
mod ticket;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::SpanMs;
use hawker_protocol::http::{UploadTicket, Uploaded};
use hawker_protocol::{Code, Refusal};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, EXPECT};

use super::ApiState;
use super::call::Call;
use super::problem::{Answered, Problem, created, ok};
use crate::uploads::{self as files, Kind, Uploads};
use crate::wire;

pub(super) use content::{__path_get_upload, get_upload};
pub use ticket::Key;

/// Figures of uploads.
#[derive(Debug, Clone)]
pub struct Options {
    pub image_bytes_max: u64,
    pub video_bytes_max: u64,
    /// Of one user, a day.
    pub day_bytes_max: u64,
    pub stall_ms: u64,
    pub whole_ms: u64,
    pub ticket_ms: u64,
}

impl Options {
    fn bytes_max(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Image => self.image_bytes_max,
            Kind::Video => self.video_bytes_max,
        }
    }
}

/// Where files come in and go out.
#[derive(Debug)]
pub struct Depot {
    store: Arc<dyn Uploads>,
    options: Options,
    key: Key,
    quota: quota::Quota,
}

impl Depot {
    pub fn new(store: Arc<dyn Uploads>, options: Options, key: Key) -> Self {
        let quota = quota::Quota::new(options.day_bytes_max);
        Self { store, options, key, quota }
    }

    /// Erases what a buyer has sent to a shop.
    pub(super) async fn erase(&self, shop: &ShopId, buyer: &UserId) -> Result<(), files::Error> {
        let erased = self.store.erase(shop, buyer).await;
        let erased = erased.inspect_err(|error| {
            tracing::error!(%error, "the files of an erased buyer are still there");
        })?;
        metrics::counter!("hawker_uploads_erased_total", "reason" => "buyer")
            .increment(erased as u64);
        Ok(())
    }
}

/// What a store could not do, as the wire says it.
pub(super) fn of_store(error: &files::Error) -> Refusal {
    match error {
        files::Error::Conflict => Refusal::new(Code::IdempotencyConflict),
        files::Error::Full => {
            tracing::warn!(%error, "no file is taken");
            let message = "there is no room for files just now: ask again later";
            Refusal::with_message(Code::Unavailable, message)
        }
        files::Error::Broken(_) => {
            tracing::error!(%error, "a file could not be kept or read");
            Refusal::with_message(Code::Unavailable, "files are not available just now")
        }
    }
}

/// Sends a file, for a message that will name it.
///
/// The body is the file itself. Anybody with a token may, for the chat with any shop; staff in the
/// shops they serve. Its first bytes must be of the type that `Content-Type` says: JPEG, PNG, GIF,
/// WebP, MP4, QuickTime or WebM. Whoever knows the address and has a valid token may read it, so
/// the id cannot be guessed. What no message names is removed after a day. With an
/// `Idempotency-Key` the same file is one upload for as long as it is there.
#[utoipa::path(post, path = "/v1/uploads", tag = "uploads",
    params(("shop" = hawker_protocol::Id, Query, description = "Whose chat it is for.")),
    request_body(description = "The file.", content(
        (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"),
        (Vec<u8> = "image/webp"), (Vec<u8> = "video/mp4"), (Vec<u8> = "video/quicktime"),
        (Vec<u8> = "video/webm"))),
    responses((status = 201, body = Uploaded), (status = 404, description = "shop_unknown"),
        (status = 415, description = "unsupported_media_type")))]
pub(super) async fn create_upload(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Response {
    let (parts, mut body) = request.into_parts();
    let taken = intake::take(&state, &parts, &mut body).await;
    let outcome = match &taken {
        Ok(taken) if taken.committed.existing => "repeated",
        Ok(_) => "stored",
        Err(refusal) => refusal.code.as_str(),
    };
    metrics::counter!("hawker_uploads_total", "outcome" => outcome).increment(1);
    match taken {
        Ok(taken) => answer(&taken).into_response(),
        Err(refusal) => {
            // Who waits for leave to send has sent nothing.
            if !parts.headers.contains_key(EXPECT) {
                intake::hear_out(&mut body).await;
            }
            Problem::from(refusal).into_response()
        }
    }
}

fn answer(taken: &intake::Taken) -> Answered {
    let description = &taken.committed.description;
    created(&Uploaded {
        upload: wire::id(taken.upload.as_str()),
        media_type: description.media_type.as_str().to_owned(),
        size_bytes: description.size_bytes,
        url: address(&taken.shop, &taken.upload),
    })
}

fn address(shop: &ShopId, upload: &UploadId) -> String {
    format!("/v1/uploads/{shop}/{upload}")
}

/// An address of a file that is good for some minutes, for `<img>` and `<video>`.
///
/// Whoever has it may read the file without a token until `expires_at`: show it, do not keep it.
#[utoipa::path(get, path = "/v1/uploads/{shop}/{upload}/ticket", tag = "uploads",
    responses((status = 200, body = UploadTicket), (status = 404, description = "not_found")))]
pub(super) async fn get_upload_ticket(call: Call) -> Answered {
    let (shop, upload) = (call.shop()?, call.id("upload")?);
    let upload = UploadId::checked(upload.as_str());
    let (depot, now) = (&call.state().uploads, call.service().clock().now());
    let described = depot.store.describe(&shop, &upload).await;
    described.map_err(|error| of_store(&error))?.ok_or(Refusal::new(Code::NotFound))?;
    let expires_at = now + SpanMs(depot.options.ticket_ms);
    let ticket = depot.key.ticket(&shop, &upload, expires_at);
    let url = format!("{}?ticket={ticket}", address(&shop, &upload));
    let mut response = ok(&UploadTicket { url, expires_at: wire::at(expires_at) })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
