//! Frames to messages and back: one JSON object a line. Owns the envelope (`id`, `re`, `type`,
//! `topic`, `seq`) and every bound of a frame; knows no connection.

mod parse;
mod read;
mod write;

pub use parse::{Parsed, parse_body, parse_frame};
pub use read::{Incoming, Unreadable, read_frame, read_line};
pub use write::{
    encode_desk_joined, encode_gap, encode_joined, encode_ok, encode_push, encode_refusal,
    encode_reply, encode_request, encode_snapshot, encode_topic_push, stamp_push,
};
