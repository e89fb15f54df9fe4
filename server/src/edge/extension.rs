//! What a handshake may add to the protocol: permessage-deflate, as RFC 7692 offers and answers
//! it. Owns the reading of offers; compresses nothing.

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};

/// No context is kept from one message to the next, on either side: that is what lets one
/// compressed frame serve every viewer, and costs a connection no memory.
pub const ANSWER: HeaderValue = HeaderValue::from_static(
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
);

/// The window of a frame that is compressed for all.
const WINDOW_BITS: u8 = 15;

/// Whether one of the client's offers can be accepted with [`ANSWER`]. An offer we do not
/// understand in full is as good as none (7.1): the client may have put another behind it.
pub fn accepts_deflate(headers: &HeaderMap) -> bool {
    let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| parts(text, ',')).any(is_acceptable)
}

fn is_acceptable(offer: &str) -> bool {
    let mut parts = parts(offer, ';');
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    parts.all(|parameter| {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
            None => (parameter, None),
        };
        let is_new = !seen.contains(&name);
        seen.push(name);
        is_new && is_borne(name, value)
    })
}

fn is_borne(name: &str, value: Option<&str>) -> bool {
    match (name, value) {
        ("server_no_context_takeover" | "client_no_context_takeover", None) => true,
        // A smaller window than the shared frames have cannot be promised.
        ("server_max_window_bits", Some(bits)) => window_bits(bits) == Some(WINDOW_BITS),
        // Any window of the client's fits into ours; without a value it asks to be told one.
        ("client_max_window_bits", Some(bits)) => window_bits(bits).is_some(),
        ("client_max_window_bits", None) => true,
        _ => false,
    }
}

fn window_bits(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let bits = text.parse().ok().filter(|_| is_plain)?;
    (8..=15).contains(&bits).then_some(bits)
}

/// A value may be written as a quoted string if what is in it could stand without quotes.
fn unquoted(value: &str) -> &str {
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or(value)
}

/// What stands between separators that are in no quotes.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut in_quotes = false;
    let at_separator = move |character| {
        in_quotes ^= character == '"';
        character == separator && !in_quotes
    };
    text.split(at_separator).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(offers: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer));
        }
        accepts_deflate(&headers)
    }

    #[test]
    fn what_browsers_and_libraries_offer_is_accepted() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=15 ; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits=\"8\"",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        ] {
            assert!(accepts(&[offer]), "{offer}");
        }
    }

    #[test]
    fn an_offer_that_is_not_understood_or_cannot_be_kept_is_declined() {
        for offer in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate; faster",
            "permessage-deflate; faster=\"a; b, permessage-deflate\"",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=015",
            "permessage-deflate; server_max_window_bits=+15",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate;",
        ] {
            assert!(!accepts(&[offer]), "{offer}");
        }
        assert!(!accepts(&[]));
    }

    #[test]
    fn the_first_offer_that_can_be_kept_counts_wherever_it_stands() {
        assert!(accepts(&["permessage-deflate; server_max_window_bits=9, permessage-deflate"]));
        assert!(accepts(&["x-other; a=\"b,c\"", "permessage-deflate"]));
        assert!(!accepts(&["permessage-deflate; server_max_window_bits=9, x-other"]));
    }
}
