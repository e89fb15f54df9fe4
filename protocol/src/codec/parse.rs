//! Bytes of a client to requests. Owns the bounds and the exact complaint about each bad line;
//! every input ends in a request or a refusal, never in a panic.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use crate::id::RequestId;
use crate::limits::{FRAME_REQUESTS_MAX, JSON_DEPTH_MAX, STAFF_MESSAGE_BYTES_MAX};
use crate::refusal::{Code, Refusal};
use crate::request::{Reader, Request};

/// A request with its id, or the refusal of a line with the id if that could be read.
pub type Parsed = Result<(RequestId, Request), (Option<RequestId>, Refusal)>;

/// The requests of a frame, in their order. A frame without a line that holds anything, a frame
/// that is too large and the line past the last allowed one each end in one refusal.
pub fn parse_frame(frame: &str) -> impl Iterator<Item = Parsed> {
    let too_large = frame.len() > STAFF_MESSAGE_BYTES_MAX;
    let empty = frame.trim_ascii().is_empty();
    let whole = if too_large {
        Some(Refusal::new(Code::TooLarge).detail("bytes_max", STAFF_MESSAGE_BYTES_MAX))
    } else if empty {
        Some(Refusal::with_message(Code::InvalidJson, "the frame is empty"))
    } else {
        None
    };
    let lines = if whole.is_some() { "" } else { frame };
    let lines = lines.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty());
    let numbered = lines.enumerate().take(FRAME_REQUESTS_MAX + 1);
    let parsed = numbered.map(|(at, line)| match at {
        FRAME_REQUESTS_MAX => Err((None, too_many_lines())),
        _ => parse_line(line),
    });
    whole.into_iter().map(|refusal| Err((None, refusal))).chain(parsed)
}

fn too_many_lines() -> Refusal {
    Refusal::with_message(Code::TooLarge, "the frame has too many lines: the rest was not read")
        .detail("requests_max", FRAME_REQUESTS_MAX)
}

#[derive(Deserialize)]
struct Head<'a> {
    id: RequestId,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

fn parse_line(line: &str) -> Parsed {
    if let Err(refusal) = check_depth(line) {
        return Err((None, refusal));
    }
    let head: Head = serde_json::from_str(line).map_err(|error| explain_head(line, &error))?;
    match Request::read(&head.kind, Line(line)) {
        Some(Ok(request)) => Ok((head.id, request)),
        Some(Err(refusal)) => Err((Some(head.id), refusal)),
        None => Err((Some(head.id), unknown(&head.kind))),
    }
}

/// Reads the JSON body of an HTTP request, with the same bounds and complaints as a frame.
pub fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Refusal::with_message(Code::InvalidJson, "the body is not UTF-8"))?;
    check_depth(text)?;
    Line(text).read()
}

struct Line<'a>(&'a str);

impl Reader for Line<'_> {
    type Error = Refusal;

    fn read<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        serde_json::from_str(self.0).map_err(|error| explain::<T>(self.0, error))
    }
}

/// The type is cut: a client must not have its whole frame echoed.
fn unknown(kind: &str) -> Refusal {
    let known: String = kind.chars().take(64).collect();
    Refusal::new(Code::UnknownRequest).detail("type", known)
}

/// Refuses deep nesting before anything recurses into it.
fn check_depth(line: &str) -> Result<(), Refusal> {
    // Opening braces bound the depth, and counting them is many times faster than following them.
    let opening = line.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening <= JSON_DEPTH_MAX || depth_fits(line) {
        return Ok(());
    }
    Err(Refusal::new(Code::TooDeep).detail("depth_max", JSON_DEPTH_MAX))
}

fn depth_fits(line: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return false;
        }
    }
    true
}

/// Why a line has no readable head; with the id wherever that much can be read.
fn explain_head(line: &str, error: &serde_json::Error) -> (Option<RequestId>, Refusal) {
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return (None, invalid_json(&error)),
    };
    let Value::Object(fields) = &value else {
        return (None, Refusal::with_message(Code::InvalidRequest, "a request is a JSON object"));
    };
    let id = fields.get("id").and_then(|id| RequestId::deserialize(id).ok());
    let refusal = match (id, fields.get("type")) {
        (None, _) => Refusal::invalid_field("id", "expected an integer from 1 to 2147483648"),
        (_, None) => Refusal::invalid_field("type", "missing: expected the name of a request"),
        (_, Some(Value::String(_))) => Refusal::with_message(Code::InvalidRequest, short(error)),
        (_, Some(_)) => Refusal::invalid_field("type", "expected the name of a request, a text"),
    };
    (id, refusal)
}

/// Why the fields do not make a `T`. Reads the line again, more slowly, to learn which field.
fn explain<T: DeserializeOwned>(line: &str, error: serde_json::Error) -> Refusal {
    // serde_json also calls it a syntax error when valid JSON gives two alternatives for one.
    let choice = error.classify() == Category::Syntax;
    if error.classify() != Category::Data && (!choice || !is_json(line)) {
        return invalid_json(&error);
    }
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let Err(traced) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return Refusal::with_message(Code::InvalidRequest, short(&error));
    };
    let path = traced.path().to_string();
    let problem = match choice {
        true => "expected exactly one alternative".to_owned(),
        false => short(&traced.into_inner()),
    };
    let within = |field: &str| match path.as_str() {
        "." => field.to_owned(),
        path => format!("{path}.{field}"),
    };
    if let Some(field) = quoted_after(&problem, "missing field ") {
        return Refusal::invalid_field(within(field), "missing");
    }
    if let Some(field) = quoted_after(&problem, "duplicate field ") {
        return Refusal::invalid_field(within(field), "stands there twice");
    }
    match path.as_str() {
        "." => Refusal::with_message(Code::InvalidRequest, problem),
        path => Refusal::invalid_field(path, problem),
    }
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok()
}

fn quoted_after<'a>(problem: &'a str, start: &str) -> Option<&'a str> {
    problem.strip_prefix(start)?.strip_prefix('`')?.strip_suffix('`')
}

/// The message without its position; what it quotes of a long wrong value is left out.
fn short(error: &serde_json::Error) -> String {
    const CHARS_MAX: usize = 200;
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let problem = &text[..end];
    match problem.rfind(", expected ") {
        Some(at) if problem.len() > CHARS_MAX => format!("wrong value{}", &problem[at..]),
        _ => problem.chars().take(CHARS_MAX).collect(),
    }
}

fn invalid_json(error: &serde_json::Error) -> Refusal {
    let problem = short(error);
    Refusal::with_message(Code::InvalidJson, format!("this is not valid JSON: {problem}"))
        .detail("line", error.line())
        .detail("column", error.column())
}
