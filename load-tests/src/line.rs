//! A server's line, looked at just enough to know whose answer it is. Owns the fast path; a line
//! that it does not recognise goes through the protocol's own reader.

use std::borrow::Cow;

use anyhow::{Context, Result};
use hawker_protocol::codec;
use serde::de::DeserializeOwned;

/// What one line of the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Yes { re: u32, line: &'a str },
    No { re: Option<u32>, code: &'a str, line: &'a str },
    Push { kind: Cow<'a, str>, line: &'a str },
}

/// Reads the head of a line.
pub(crate) fn read(line: &str) -> Result<Line<'_>> {
    match quick(line) {
        Some(read) => Ok(read),
        None => slow(line),
    }
}

/// Pushes, accepted and refused, as our server writes them.
fn quick(line: &str) -> Option<Line<'_>> {
    if let Some(rest) = line.strip_prefix("{\"type\":\"") {
        let kind = Cow::Borrowed(&rest[..rest.find('"')?]);
        return Some(Line::Push { kind, line });
    }
    let rest = line.strip_prefix("{\"re\":")?;
    let comma = rest.find(',')?;
    let re = rest[..comma].parse().ok()?;
    let rest = &rest[comma + 1..];
    if rest.starts_with("\"ok\":") {
        return Some(Line::Yes { re, line });
    }
    let rest = rest.strip_prefix("\"error\":{\"code\":\"")?;
    Some(Line::No { re: Some(re), code: &rest[..rest.find('"')?], line })
}

fn slow(line: &str) -> Result<Line<'_>> {
    let incoming = codec::read_line(line).with_context(|| format!("the server sent {line:?}"))?;
    let re = incoming.re.map(|re| re.get());
    if let Some(error) = &incoming.error {
        return Ok(Line::No { re, code: error.code.as_str(), line });
    }
    match (re, incoming.kind) {
        (Some(re), _) => Ok(Line::Yes { re, line }),
        (None, Some(kind)) => Ok(Line::Push { kind, line }),
        (None, None) => anyhow::bail!("the server sent neither a reply nor a push: {line:?}"),
    }
}

/// The `ok` of a reply.
pub(crate) fn ok<T: DeserializeOwned>(line: &str) -> Result<T> {
    let incoming = codec::read_line(line)?;
    incoming.ok()?.with_context(|| format!("the server answered {line}"))
}

/// The fields of a push.
pub(crate) fn push<T: DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line).with_context(|| format!("the server pushed {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_pushes_are_told_apart_on_both_paths() {
        let yes = "{\"re\":7,\"ok\":{\"existing\":false}}";
        assert_eq!(read(yes).unwrap(), Line::Yes { re: 7, line: yes });
        let no =
            "{\"re\":7,\"error\":{\"code\":\"sold_out\",\"message\":\"m\",\"retryable\":true}}";
        assert_eq!(read(no).unwrap(), Line::No { re: Some(7), code: "sold_out", line: no });
        let push = "{\"type\":\"room.stock\",\"topic\":\"room:a/b\",\"seq\":4}";
        assert_eq!(read(push).unwrap(), Line::Push { kind: "room.stock".into(), line: push });

        let other_order = "{\"ok\":{},\"re\":9}";
        assert_eq!(read(other_order).unwrap(), Line::Yes { re: 9, line: other_order });
        let spaced = "{ \"type\": \"room.likes\", \"likes\": 3 }";
        assert_eq!(read(spaced).unwrap(), Line::Push { kind: "room.likes".into(), line: spaced });
        let nameless =
            "{\"error\":{\"code\":\"invalid_json\",\"message\":\"m\",\"retryable\":false}}";
        assert_eq!(
            read(nameless).unwrap(),
            Line::No { re: None, code: "invalid_json", line: nameless }
        );
    }

    #[test]
    fn what_is_neither_is_an_error() {
        assert!(read("{}").is_err());
        assert!(read("nonsense").is_err());
    }
}
