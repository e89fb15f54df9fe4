//! Whose pages may talk to us. Owns the exact comparison of scheme, host and port; knows no
//! tokens, only whether one was sent as a bearer.

use std::str::FromStr;

use http::HeaderMap;
use http::header::{AUTHORIZATION, ORIGIN};

/// Scheme, host and port, in lower case and with the port always said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an origin is scheme://host or scheme://host:port and nothing more, not {0:?}")]
pub struct NoOrigin(pub String);

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        parse(text).ok_or_else(|| NoOrigin(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Origin> {
    let (scheme, authority) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[host_end..].split_once(':') {
        None => (authority, default_port),
        Some((host, port)) => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            let port = digits.then(|| port.parse().ok()).flatten()?;
            (&authority[..host_end + host.len()], port)
        }
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let legal = |b: u8| legal(b) || (bracketed && b"[]:".contains(&b));
    let legal = !host.is_empty() && host.bytes().all(legal);
    legal.then(|| Origin { scheme, host: host.to_ascii_lowercase(), port })
}

/// The origins that may.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<Origin>);

/// A page of an origin that is not on the list, or no origin and no bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the origin is not on the list")]
pub struct Refused;

impl Origins {
    pub fn new(allowed: Vec<Origin>) -> Self {
        Self(allowed)
    }

    /// Whether a request with these headers may go on. A browser always sends `Origin` where it
    /// matters; who sends none is no browser and says who it is at once.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let mut sent = headers.get_all(ORIGIN).iter();
        let (origin, more) = (sent.next(), sent.next());
        let Some(origin) = origin else {
            return if bearer(headers).is_some() { Ok(()) } else { Err(Refused) };
        };
        let origin = origin.to_str().ok().and_then(parse).ok_or(Refused)?;
        let allowed = more.is_none() && self.0.contains(&origin);
        if allowed { Ok(()) } else { Err(Refused) }
    }
}

/// The bearer token of a request, if it carries exactly one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (value, more) = (sent.next()?.to_str().ok()?, sent.next());
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = more.is_none() && scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(allowed: &[&str], sent: &[&str]) -> Result<(), Refused> {
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for origin in sent {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        Origins::new(allowed).check(&headers)
    }

    #[test]
    fn scheme_host_and_port_must_match_exactly() {
        let allowed = ["https://shop.example", "http://127.0.0.1:8080", "http://[::1]:3000"];
        let may = [
            "https://shop.example",
            "https://shop.example:443",
            "HTTPS://Shop.Example",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
        ];
        for origin in may {
            assert_eq!(check(&allowed, &[origin]), Ok(()), "{origin}");
        }
        let may_not = [
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.evil.example",
            "https://evilshop.example",
            "https://shop.example/",
            "https://a@shop.example",
            "https://shop.example:",
            "https://shop.example:+443",
            "http://127.0.0.1",
            "http://[::1]",
            "file://",
            "null",
            "",
        ];
        for origin in may_not {
            assert_eq!(check(&allowed, &[origin]), Err(Refused), "{origin}");
        }
    }

    #[test]
    fn null_is_refused_even_where_an_operator_lists_it() {
        assert!("null".parse::<Origin>().is_err());
        assert!("*".parse::<Origin>().is_err());
    }

    #[test]
    fn two_origins_are_none() {
        let allowed = ["https://shop.example"];
        let twice = ["https://shop.example", "https://shop.example"];
        assert_eq!(check(&allowed, &twice), Err(Refused));
    }

    #[test]
    fn without_an_origin_only_a_bearer_token_goes_on() {
        let origins = Origins::default();
        let mut headers = HeaderMap::new();
        assert_eq!(origins.check(&headers), Err(Refused));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert_eq!(origins.check(&headers), Err(Refused));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert_eq!(origins.check(&headers), Ok(()));
        headers.insert(ORIGIN, HeaderValue::from_static("null"));
        assert_eq!(origins.check(&headers), Err(Refused), "a page with a token is still a page");
    }
}
