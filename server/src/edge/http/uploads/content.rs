//! A file on its way out: who may read it, which part, and under which headers. Owns the answer's
//! form; a browser never takes a file for a page of ours.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hawker_domain::id::{ShopId, UploadId};
use hawker_protocol::http::ReadUpload;
use hawker_protocol::{Code, Refusal};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE, RANGE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::of_store;
use crate::edge::http::ApiState;
use crate::edge::http::call::{check_rate, id_in, identify, path_of, query_of};
use crate::edge::http::problem::{Answered, Problem};
use crate::edge::limits::Class;
use crate::edge::seat::Seat;
use crate::uploads::Description;
use crate::wire;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The bytes of a file; `HEAD` and a single `Range` are understood.
///
/// With a valid token, or with the `ticket` of an address that was asked for. Whoever knows the id
/// may read the file: the id is 128 bits that nobody guesses, and is told to those of one
/// conversation.
#[utoipa::path(get, path = "/v1/uploads/{shop}/{upload}", tag = "uploads",
    params(("ticket" = Option<String>, Query, description = "Instead of a token.")),
    responses(
        (status = 200, description = "The file.", content(
            (Vec<u8> = "image/*"), (Vec<u8> = "video/*"))),
        (status = 206, description = "The part that was asked for.", content(
            (Vec<u8> = "image/*"), (Vec<u8> = "video/*"))),
        (status = 404, description = "not_found"),
        (status = 416, description = "range_unsatisfiable")))]
pub(in crate::edge::http) async fn get_upload(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Answered {
    let (mut parts, _) = request.into_parts();
    let path = path_of(&mut parts).await?;
    let shop = wire::shop_id(&id_in(&path, "shop")?);
    let upload = UploadId::checked(id_in(&path, "upload")?.as_str());
    admit(&state, &parts, &shop, &upload)?;
    let store = &state.uploads.store;
    let described = store.describe(&shop, &upload).await.map_err(|error| of_store(&error))?;
    let description = described.ok_or(Refusal::new(Code::NotFound))?;
    let part = match part(&parts.headers, &description) {
        Part::Whole => None,
        Part::Of(range) => Some(range),
        Part::None => return Ok(unsatisfiable(description.size_bytes)),
    };
    let mut headers = headers_of(&upload, &description);
    let range = part.clone().unwrap_or(0..description.size_bytes);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    let mut status = StatusCode::OK;
    if part.is_some() {
        let said = format!("bytes {}-{}/{}", range.start, range.end - 1, description.size_bytes);
        headers.insert(CONTENT_RANGE, text(&said));
        status = StatusCode::PARTIAL_CONTENT;
    }
    if parts.method == Method::HEAD {
        return Ok((status, headers).into_response());
    }
    let pieces = store.read(&shop, &upload, range.start, range.end - range.start).await;
    let pieces = pieces.map_err(|error| of_store(&error))?.ok_or(Refusal::new(Code::NotFound))?;
    Ok((status, headers, Body::from_stream(pieces)).into_response())
}

/// Lets in who has a token, or a ticket for this file.
fn admit(state: &ApiState, parts: &Parts, shop: &ShopId, upload: &UploadId) -> Result<(), Refusal> {
    let ReadUpload { ticket: Some(ticket) } = query_of(&parts.uri)? else {
        let identity = identify(parts, &state.service)?;
        return check_rate(state, &identity, Class::Http);
    };
    let now = state.service.clock().now();
    if !state.uploads.key.admits(&ticket, shop, upload, now) {
        let message = "the ticket is not for this file or has expired: ask for another";
        return Err(Refusal::with_message(Code::Unauthorized, message));
    }
    if let Some(seat) = parts.extensions.get::<Arc<Seat>>() {
        seat.authenticated();
    }
    Ok(())
}

fn text(said: &str) -> HeaderValue {
    HeaderValue::from_str(said).unwrap_or(HeaderValue::from_static(""))
}

fn tag_of(description: &Description) -> String {
    format!("\"{}\"", description.hash)
}

/// What keeps a file a file, whatever is in it.
fn headers_of(upload: &UploadId, description: &Description) -> HeaderMap {
    let fixed = HeaderValue::from_static;
    let name = format!("inline; filename=\"{upload}.{}\"", description.media_type.extension());
    HeaderMap::from_iter([
        (CONTENT_TYPE, fixed(description.media_type.as_str())),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (CONTENT_SECURITY_POLICY, fixed("default-src 'none'; sandbox")),
        (CONTENT_DISPOSITION, text(&name)),
        // A page may show it from wherever it comes; whether it may read it is another matter.
        (CROSS_ORIGIN_RESOURCE_POLICY, fixed("cross-origin")),
        (REFERRER_POLICY, fixed("no-referrer")),
        (CACHE_CONTROL, fixed("private, max-age=86400, immutable")),
        (ACCEPT_RANGES, fixed("bytes")),
        (ETAG, text(&tag_of(description))),
    ])
}

fn unsatisfiable(size_bytes: u64) -> Response {
    let refusal = Refusal::new(Code::RangeUnsatisfiable).detail("size_bytes", size_bytes);
    let mut response = Problem::from(refusal).into_response();
    response.headers_mut().insert(CONTENT_RANGE, text(&format!("bytes */{size_bytes}")));
    response
}

/// Which bytes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Whole,
    Of(Range<u64>),
    /// None that are there.
    None,
}

fn part(headers: &HeaderMap, description: &Description) -> Part {
    let Some(wanted) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    let tag = tag_of(description);
    let is_same = headers.get(IF_RANGE).is_none_or(|sent| sent.as_bytes() == tag.as_bytes());
    if is_same { range_of(wanted, description.size_bytes) } else { Part::Whole }
}

/// A single range. What is no range, or several, is as good as not said (RFC 9110, 14.2).
fn range_of(wanted: &str, size_bytes: u64) -> Part {
    let number = |digits: &str| {
        let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let bounds = wanted.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
    let range = match bounds {
        Some(("", last)) => match number(last) {
            Some(last) => size_bytes.saturating_sub(last)..size_bytes,
            None => return Part::Whole,
        },
        Some((first, "")) => match number(first) {
            Some(first) => first..size_bytes,
            None => return Part::Whole,
        },
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {
                first..last.saturating_add(1).min(size_bytes)
            }
            _ => return Part::Whole,
        },
        None => return Part::Whole,
    };
    if range.is_empty() { Part::None } else { Part::Of(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_anything_else_is_the_whole() {
        for (wanted, part) in [
            ("bytes=0-0", Part::Of(0..1)),
            ("bytes=0-", Part::Of(0..100)),
            ("bytes=10-19", Part::Of(10..20)),
            ("bytes=90-1000", Part::Of(90..100)),
            ("bytes=99-99999999999999999999999", Part::Of(99..100)),
            ("bytes=-1", Part::Of(99..100)),
            ("bytes=-1000", Part::Of(0..100)),
            ("bytes=100-", Part::None),
            ("bytes=100-200", Part::None),
            ("bytes=99999999999999999999999-", Part::None),
            ("bytes=-0", Part::None),
            ("bytes=9-3", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("items=0-1", Part::Whole),
            ("0-1", Part::Whole),
        ] {
            assert_eq!(range_of(wanted, 100), part, "{wanted}");
        }
    }
}
