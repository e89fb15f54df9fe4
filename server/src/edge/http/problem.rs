//! Every no over HTTP: a refusal as a response, with its status and headers. Owns the one shape
//! that errors have, also those that happen before a handler; decides nothing.

use axum::response::{IntoResponse, Response};
use hawker_protocol::refusal::ErrorBody;
use hawker_protocol::{Code, Refusal};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::edge::fault::Fault;

/// What a handler returns.
pub(super) type Answered = Result<Response, Problem>;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Problem(Box<Refusal>);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let refusal = *self.0;
        let status = StatusCode::from_u16(refusal.code.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = json_headers();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(span_ms) = refusal.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(span_ms.div_ceil(1_000).max(1)));
        }
        (status, headers, body_of(refusal)).into_response()
    }
}

/// Words what the edge refused before a handler saw it.
pub fn render(fault: Fault) -> Vec<u8> {
    let refusal = match fault {
        Fault::Overloaded { .. } | Fault::TooManyConnections { .. } => {
            Refusal::new(Code::TooManyConnections)
        }
        Fault::RateLimited { .. } => Refusal::new(Code::RateLimited),
        Fault::Timeout => Refusal::new(Code::UnknownOutcome),
        Fault::BodySlow => Refusal::new(Code::Timeout),
        Fault::BodyTooLarge { bytes_max } => {
            Refusal::with_message(Code::TooLarge, "the body is larger than allowed")
                .detail("bytes_max", bytes_max)
        }
        Fault::BodyBroken => body_broken(),
        Fault::OriginRefused => Refusal::new(Code::OriginForbidden),
        Fault::AddressUnknown => Refusal::with_message(
            Code::InvalidRequest,
            "the proxy in front did not say who the client is",
        ),
    };
    body_of(match fault.retry_after_ms() {
        Some(span_ms) => refusal.retry_after_ms(span_ms),
        None => refusal,
    })
}

/// A body that ended before it was whole.
pub(super) fn body_broken() -> Refusal {
    Refusal::with_message(Code::InvalidJson, "the body ended early")
}

/// A refusal of the door to the socket, which is not one of our handlers.
pub fn refused(refusal: Refusal) -> Response {
    Problem::from(refusal).into_response()
}

/// For paths that nobody serves.
pub async fn not_found() -> Response {
    Problem::from(Refusal::new(Code::NotFound)).into_response()
}

/// For paths that know other methods; `Allow` says which.
pub(super) async fn wrong_method() -> Response {
    Problem::from(Refusal::new(Code::MethodNotAllowed)).into_response()
}

/// A yes.
pub(super) fn ok(answer: &impl Serialize) -> Answered {
    Ok(json(StatusCode::OK, answer))
}

/// A yes that made something.
pub(super) fn created(answer: &impl Serialize) -> Answered {
    Ok(json(StatusCode::CREATED, answer))
}

fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => (status, json_headers(), body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer has no JSON form");
            Problem::from(Refusal::new(Code::Internal)).into_response()
        }
    }
}

pub(super) fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn body_of(error: Refusal) -> Vec<u8> {
    serde_json::to_vec(&ErrorBody { error }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_edge_refuses_has_the_status_of_its_code() {
        for fault in [
            Fault::Overloaded { retry_after_ms: 1 },
            Fault::TooManyConnections { retry_after_ms: 1 },
            Fault::RateLimited { retry_after_ms: 1 },
            Fault::Timeout,
            Fault::BodySlow,
            Fault::BodyTooLarge { bytes_max: 1 },
            Fault::BodyBroken,
            Fault::OriginRefused,
            Fault::AddressUnknown,
        ] {
            let body: ErrorBody = serde_json::from_slice(&render(fault)).unwrap();
            assert_eq!(body.error.code.http_status(), fault.status().as_u16(), "{fault:?}");
        }
    }
}
