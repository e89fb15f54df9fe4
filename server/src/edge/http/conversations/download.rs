//! A transcript as a file: its pages one after the other, a message a line. Owns the form; never
//! holds more than a page.

use std::io;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use hawker_protocol::limits::{CURSOR_CHARS_MAX, MESSAGES_PAGE_MAX};
use hawker_protocol::number::MessageLimit;
use hawker_protocol::object::Message;
use hawker_protocol::reply::Transcript;
use hawker_protocol::text::Text;
use hawker_protocol::{Code, Refusal};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use super::Source;
use crate::edge::http::problem::Answered;

type Cursor = Text<CURSOR_CHARS_MAX>;

/// The first page is read before anything is said, so that a refusal is one.
pub(super) async fn whole(source: Source) -> Answered {
    let headers = headers_of(&source);
    let (first, next) = lines(&source, None).await?;
    let rest = stream::unfold(next.map(|next| (source, next)), |left| async move {
        let (source, cursor) = left?;
        match lines(&source, Some(cursor)).await {
            Ok((page, next)) => Some((Ok(page), next.map(|next| (source, next)))),
            Err(refusal) => Some((Err(io::Error::other(refusal.code.as_str())), None)),
        }
    });
    let pages = stream::once(async { Ok(first) }).chain(rest);
    Ok((headers, Body::from_stream(pages)).into_response() as Response)
}

async fn lines(
    source: &Source,
    cursor: Option<Cursor>,
) -> Result<(Bytes, Option<Cursor>), Refusal> {
    let Transcript { messages, next, .. } =
        source.page(cursor, Some(MessageLimit(MESSAGES_PAGE_MAX))).await?;
    let next = next.map(Cursor::try_from).transpose();
    Ok((written(&messages)?, next.map_err(|_| Refusal::new(Code::Internal))?))
}

fn written(messages: &[Message]) -> Result<Bytes, Refusal> {
    let mut out = Vec::with_capacity(messages.len() * 128);
    for message in messages {
        serde_json::to_writer(&mut out, message).map_err(|error| {
            tracing::error!(%error, "a message has no JSON form");
            Refusal::new(Code::Internal)
        })?;
        out.push(b'\n');
    }
    Ok(out.into())
}

/// What buyers wrote is nothing a browser should run or keep.
fn headers_of(source: &Source) -> HeaderMap {
    let of_session = source.session.map(|session| format!("-{}", session.0));
    let name = format!("transcript-{}{}.ndjson", source.buyer, of_session.unwrap_or_default());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}
