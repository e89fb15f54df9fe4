//! WebSocket frames of a client, as bytes. Owns the two layouts; opens no socket. A library's
//! state machine would cost the generator a third of a core that the server needs.

use std::ops::Range;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Close,
    Ping,
    Pong,
}

/// One whole frame in a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    /// Compressed as a message of its own, which only a reader that offered it may meet.
    pub(crate) deflated: bool,
    pub(crate) payload: Range<usize>,
}

/// Bytes that no server following our protocol sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const DEFLATED: u8 = 0x40;

/// Appends a client's frame. A client must mask; the mask is zero, which the protocol allows,
/// leaves the payload as it is and costs the server what any other mask would.
pub(crate) fn append(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let code = match opcode {
        Opcode::Text => 1,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    out.push(FIN | code);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.push(MASKED | length),
        (_, Ok(length)) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// A text frame as a server writes it, of one message that is compressed already or not at all.
pub(crate) fn of_server(payload: &[u8], deflated: bool) -> Vec<u8> {
    let mut masked = Vec::new();
    append(Opcode::Text, payload, &mut masked);
    let mask_at = masked.len() - payload.len() - 4;
    masked.drain(mask_at..mask_at + 4);
    masked[1] &= !MASKED;
    masked[0] |= if deflated { DEFLATED } else { 0 };
    masked
}

/// The first frame in `bytes`; `None` while it is not all there.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let [head, length, rest @ ..] = bytes else { return Ok(None) };
    let opcode = match head {
        0x81 | 0xc1 => Opcode::Text,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        0x82 => return Err(Malformed("a binary frame")),
        _ => return Err(Malformed("a fragment, a reserved bit or an unknown opcode")),
    };
    let (skip, length) = match (*length, rest) {
        (128.., _) => return Err(Malformed("a masked frame from a server")),
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (10, usize::try_from(length).map_err(|_| Malformed("a frame without end"))?)
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, usize::from(short)),
    };
    let (end, deflated) = (skip + length, *head == 0xc1);
    Ok((bytes.len() >= end).then_some(Frame { opcode, deflated, payload: skip..end }))
}

/// Code and reason of a close frame; 1005 stands for a frame without a code.
pub(crate) fn close(payload: &[u8]) -> (u16, String) {
    match payload {
        [a, b, reason @ ..] => {
            (u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(reason).into_owned())
        }
        _ => (1005, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_each_length_reads_back_and_a_part_of_it_does_not() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = of_server(&payload, false);
            let frame = first(&bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, &bytes[frame.payload]), (Opcode::Text, &payload[..]));
            assert_eq!(first(&bytes[..bytes.len() - 1]), Ok(None), "{length}");
        }
    }

    #[test]
    fn what_no_server_sends_is_an_error() {
        assert!(first(&[0x81, 0x80]).is_err());
        assert!(first(&[0x01, 0x01, b'x']).is_err());
        assert!(first(&[0xa1, 0x01, b'x']).is_err());
        assert!(first(&[0xc9, 0x01, b'x']).is_err());
    }

    #[test]
    fn a_close_frame_says_why() {
        assert_eq!(close(b"\x11\x38slow"), (4408, "slow".into()));
        assert_eq!(close(b""), (1005, String::new()));
    }
}
