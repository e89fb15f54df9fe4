//! Ready WebSocket frames. Owns the header; never the meaning of the payload.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use super::deflate;

const DEFLATED_TEXT: u8 = 0xc1;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// The longest payload of a close or ping frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// A whole frame as it goes over the wire; clones share the bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: Bytes,
    lines: u32,
    /// The same message compressed, made when the first connection wants it; empty if that saves
    /// nothing. `None` for what is too short to try.
    deflated: Option<Arc<OnceLock<Bytes>>>,
}

impl Frame {
    /// A text frame of one JSON object.
    pub fn line(line: &[u8]) -> Self {
        Self::lines([line])
    }

    /// A text frame of several JSON objects, one a line.
    pub fn lines<'a>(lines: impl IntoIterator<Item = &'a [u8], IntoIter: Clone> + 'a) -> Self {
        let lines = lines.into_iter();
        let (count, total) = lines.clone().fold((0, 0), |(n, sum), line| (n + 1, sum + line.len()));
        let mut bytes = start(TEXT, total + (count as usize).saturating_sub(1));
        for (at, line) in lines.enumerate() {
            if at > 0 {
                bytes.put_u8(b'\n');
            }
            bytes.put_slice(line);
        }
        let deflated = deflate::is_worth_it(total).then(Arc::default);
        Self { bytes: bytes.freeze(), lines: count, deflated }
    }

    /// A ping that carries a number, so that its pong can be told from others.
    pub fn ping(number: u64) -> Self {
        let mut bytes = start(PING, size_of::<u64>());
        bytes.put_u64(number);
        Self { bytes: bytes.freeze(), lines: 0, deflated: None }
    }

    /// A close frame; a reason that does not fit is cut.
    pub fn close(code: u16, reason: &str) -> Self {
        let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - size_of::<u16>())];
        let mut bytes = start(CLOSE, size_of::<u16>() + reason.len());
        bytes.put_u16(code);
        bytes.put_slice(reason.as_bytes());
        Self { bytes: bytes.freeze(), lines: 0, deflated: None }
    }

    /// What the protocol machine made as an answer: a pong or a close.
    pub(super) fn control(bytes: &[u8]) -> Self {
        Self { bytes: Bytes::copy_from_slice(bytes), lines: 0, deflated: None }
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many JSON objects it carries; none for control frames.
    pub fn line_count(&self) -> u32 {
        self.lines
    }

    /// The bytes for a connection that agreed on compression, or did not.
    pub(super) fn form(&self, deflates: bool) -> &Bytes {
        let Some(deflated) = self.deflated.as_ref().filter(|_| deflates) else {
            return &self.bytes;
        };
        let deflated = deflated.get_or_init(|| deflated_frame(&self.bytes).unwrap_or_default());
        if deflated.is_empty() { &self.bytes } else { deflated }
    }

    pub(super) fn is_close(&self) -> bool {
        self.bytes.first() == Some(&CLOSE)
    }
}

fn deflated_frame(frame: &Bytes) -> Option<Bytes> {
    let header_bytes = match frame.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let payload = deflate::deflate(frame.get(header_bytes..)?)?;
    let mut bytes = start(DEFLATED_TEXT, payload.len());
    bytes.put_slice(&payload);
    Some(bytes.freeze())
}

fn start(opcode: u8, payload_bytes: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(10 + payload_bytes);
    bytes.put_u8(opcode);
    match payload_bytes {
        short @ 0..=125 => bytes.put_u8(short as u8),
        medium @ 126..=0xffff => {
            bytes.put_u8(126);
            bytes.put_u16(medium as u16);
        }
        long => {
            bytes.put_u8(127);
            bytes.put_u64(long as u64);
        }
    }
    bytes
}
