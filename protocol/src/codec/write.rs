//! Messages to bytes. Appends one line to a buffer at a time; never allocates one of its own.

use serde::Serialize;

use crate::id::RequestId;
use crate::object::{Agent, Me};
use crate::push::Push;
use crate::refusal::Refusal;
use crate::reply::Answer;
use crate::request::Request;

/// Appends `{"id":…,"type":…,…}` and a line feed.
pub fn encode_request(id: RequestId, request: &Request, out: &mut Vec<u8>) {
    line(out, |out| {
        out.extend_from_slice(b"{\"id\":");
        number(u64::from(id.get()), out);
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(request.type_name().as_bytes());
        out.push(b'"');
        fields(out, |out| request.write(out))
    });
}

/// Appends `{"re":…,"ok":…}` and a line feed.
pub fn encode_ok(re: RequestId, ok: &impl Serialize, out: &mut Vec<u8>) {
    line(out, |out| {
        out.extend_from_slice(b"{\"re\":");
        number(u64::from(re.get()), out);
        out.extend_from_slice(b",\"ok\":");
        serde_json::to_writer(&mut *out, ok)?;
        out.push(b'}');
        Ok(())
    });
}

/// Appends a refusal and a line feed. A line whose id could not be read is answered without `re`.
pub fn encode_refusal(re: Option<RequestId>, refusal: &Refusal, out: &mut Vec<u8>) {
    line(out, |out| {
        out.push(b'{');
        if let Some(re) = re {
            out.extend_from_slice(b"\"re\":");
            number(u64::from(re.get()), out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"error\":");
        serde_json::to_writer(&mut *out, refusal)?;
        out.push(b'}');
        Ok(())
    });
}

/// Appends the reply to a request, yes or no.
pub fn encode_reply(re: RequestId, outcome: &Result<Answer, Refusal>, out: &mut Vec<u8>) {
    match outcome {
        Ok(answer) => encode_ok(re, answer, out),
        Err(refusal) => encode_refusal(Some(re), refusal, out),
    }
}

/// Appends the reply to `room.join` around a snapshot that was encoded once for everybody.
pub fn encode_joined(re: RequestId, presence: &str, me: &Me, snapshot: &[u8], out: &mut Vec<u8>) {
    line(out, |out| {
        out.extend_from_slice(b"{\"re\":");
        number(u64::from(re.get()), out);
        out.extend_from_slice(b",\"ok\":{\"presence\":");
        serde_json::to_writer(&mut *out, presence)?;
        out.extend_from_slice(b",\"me\":");
        serde_json::to_writer(&mut *out, me)?;
        out.extend_from_slice(b",\"snapshot\":");
        out.extend_from_slice(snapshot);
        out.extend_from_slice(b"}}");
        Ok(())
    });
}

/// Appends the reply to `desk.join` around a snapshot that was encoded once for everybody.
pub fn encode_desk_joined(re: RequestId, me: &Agent, snapshot: &[u8], out: &mut Vec<u8>) {
    line(out, |out| {
        out.extend_from_slice(b"{\"re\":");
        number(u64::from(re.get()), out);
        out.extend_from_slice(b",\"ok\":{\"me\":");
        serde_json::to_writer(&mut *out, me)?;
        out.extend_from_slice(b",\"snapshot\":");
        out.extend_from_slice(snapshot);
        out.extend_from_slice(b"}}");
        Ok(())
    });
}

/// A `RoomSnapshot` or a `DeskSnapshot` alone, for the replies to joins, for `encode_gap` and for
/// `Resumed`. No line feed.
pub fn encode_snapshot(snapshot: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    whole(&mut out, |out| serde_json::to_writer(out, snapshot));
    out
}

/// Appends `{"type":…,…}` and a line feed: a personal push, or one that is stamped later.
pub fn encode_push(push: &Push, out: &mut Vec<u8>) {
    line(out, |out| {
        head(push, out);
        fields(out, |out| push.write(out))
    });
}

/// Appends a topic's push with the topic, and with its place in the topic's sequence if it has one.
pub fn encode_topic_push(push: &Push, topic: &str, seq: Option<u64>, out: &mut Vec<u8>) {
    line(out, |out| {
        head(push, out);
        place(topic, seq, out);
        fields(out, |out| push.write(out))
    });
}

/// Appends `encoded`, which `encode_push` made, with its topic and place put in after its type:
/// who gives out the sequence need not encode again.
pub fn stamp_push(encoded: &[u8], topic: &str, seq: Option<u64>, out: &mut Vec<u8>) {
    let after_type = TYPE_HEAD.len();
    let name = encoded.get(after_type..).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == b'"').map_or(0, |at| after_type + at + 1);
    debug_assert!(encoded.starts_with(TYPE_HEAD) && end > 0, "not made by encode_push");
    let (type_part, rest) = encoded.split_at(end);
    out.extend_from_slice(type_part);
    place(topic, seq, out);
    out.extend_from_slice(rest);
}

/// Appends `room.gap` or, to a desk's topic, `desk.gap` around a snapshot that was encoded once for
/// everybody.
pub fn encode_gap(topic: &str, from: u64, to: u64, snapshot: Option<&[u8]>, out: &mut Vec<u8>) {
    let is_desk = topic.starts_with("desk:");
    line(out, |out| {
        out.extend_from_slice(TYPE_HEAD);
        out.extend_from_slice(if is_desk { b"desk.gap\"" } else { b"room.gap\"" });
        place(topic, None, out);
        out.extend_from_slice(b",\"from\":");
        number(from, out);
        out.extend_from_slice(b",\"to\":");
        number(to, out);
        if let Some(snapshot) = snapshot {
            out.extend_from_slice(b",\"snapshot\":");
            out.extend_from_slice(snapshot);
        }
        out.push(b'}');
        Ok(())
    });
}

const TYPE_HEAD: &[u8] = b"{\"type\":\"";

fn head(push: &Push, out: &mut Vec<u8>) {
    out.extend_from_slice(TYPE_HEAD);
    out.extend_from_slice(push.type_name().as_bytes());
    out.push(b'"');
}

fn place(topic: &str, seq: Option<u64>, out: &mut Vec<u8>) {
    debug_assert!(!topic.contains(['"', '\\', '\n']), "{topic:?} needs no escaping");
    out.extend_from_slice(b",\"topic\":\"");
    out.extend_from_slice(topic.as_bytes());
    out.push(b'"');
    if let Some(seq) = seq {
        out.extend_from_slice(b",\"seq\":");
        number(seq, out);
    }
}

/// Goes on with an object that is open and not empty, by the fields of the object `write` makes.
fn fields(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    let brace = out.len();
    write(out)?;
    if out.get(brace + 1) == Some(&b'}') {
        out.remove(brace);
    } else if let Some(byte) = out.get_mut(brace) {
        *byte = b',';
    }
    Ok(())
}

fn number(number: u64, out: &mut Vec<u8>) {
    // A Vec takes whatever is written to it, and an integer always serializes.
    whole(out, |out| serde_json::to_writer(out, &number));
}

fn line(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
    whole(out, |out| {
        write(out)?;
        out.push(b'\n');
        Ok(())
    });
}

/// Appends what `write` writes, or nothing: half a message would spoil the whole frame. Our types
/// have text keys only and a `Vec` takes any byte, so a failure is a bug of ours.
fn whole(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
    let start = out.len();
    if let Err(error) = write(out) {
        out.truncate(start);
        debug_assert!(false, "a message did not serialize: {error}");
    }
}
