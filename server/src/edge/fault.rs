//! What the edge refuses before a handler sees it. Owns the reasons, their HTTP status and how
//! long to wait; the wording on the wire is a function that whoever owns the wire hands in.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// Why a request or connection went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// More connections than this node takes, or than it starts in time.
    Overloaded { retry_after_ms: u64 },
    /// More connections from one address than it may have.
    TooManyConnections { retry_after_ms: u64 },
    /// An excess of a rate.
    RateLimited { retry_after_ms: u64 },
    /// A handler that took longer than it may; what it began may still happen.
    Timeout,
    /// A body that took longer than it may; nothing was begun.
    BodySlow,
    /// A body larger than it may be.
    BodyTooLarge { bytes_max: usize },
    /// A body that ended early or was no body.
    BodyBroken,
    /// A page of an origin that is not on the list, or no origin and no bearer token.
    OriginRefused,
    /// A trusted proxy that did not say who the client is.
    AddressUnknown,
}

impl Fault {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Overloaded { .. } | Self::TooManyConnections { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodySlow => StatusCode::GATEWAY_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyBroken | Self::AddressUnknown => StatusCode::BAD_REQUEST,
            Self::OriginRefused => StatusCode::FORBIDDEN,
        }
    }

    pub fn retry_after_ms(self) -> Option<u64> {
        match self {
            Self::Overloaded { retry_after_ms }
            | Self::TooManyConnections { retry_after_ms }
            | Self::RateLimited { retry_after_ms } => Some(retry_after_ms),
            Self::Timeout
            | Self::BodySlow
            | Self::BodyTooLarge { .. }
            | Self::BodyBroken
            | Self::OriginRefused
            | Self::AddressUnknown => None,
        }
    }

    /// `Retry-After` counts whole seconds; less than one is one.
    fn retry_after_s(self) -> Option<u64> {
        self.retry_after_ms().map(|ms| ms.div_ceil(1_000).max(1))
    }

    pub fn response(self, render: Render) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        (self.status(), headers, render(self)).into_response()
    }

    /// The same as bytes, for a connection that no HTTP machinery was started for.
    pub(super) fn raw_response(self, render: Render) -> Vec<u8> {
        let body = render(self);
        let status = self.status();
        let retry_after = self.retry_after_s();
        let retry_after = retry_after.map(|s| format!("retry-after: {s}\r\n")).unwrap_or_default();
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             {retry_after}connection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        bytes
    }
}

/// Words a fault as a JSON body.
pub type Render = fn(Fault) -> Vec<u8>;

#[cfg(test)]
pub(super) fn render_for_tests(fault: Fault) -> Vec<u8> {
    let name = format!("{fault:?}");
    let code = name.split([' ', '{']).next().unwrap_or_default();
    format!("{{\"error\":{{\"code\":\"{code}\"}}}}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_refusal_is_a_whole_http_response() {
        let raw = Fault::Overloaded { retry_after_ms: 1_200 }.raw_response(render_for_tests);
        let text = String::from_utf8(raw).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nretry-after: 2\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert_eq!(body, "{\"error\":{\"code\":\"Overloaded\"}}");
    }
}
