//! A compressed message as its reader sees it (permessage-deflate without context takeover). Owns
//! the offer and how one message is opened; compresses nothing.

use anyhow::{Context, Result, bail};
use zlib_rs::{Inflate, InflateFlush, Status};

/// What a client offers, as a whole header line.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
     client_no_context_takeover; server_no_context_takeover\r\n";
/// What the sender cut off the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const WINDOW_BITS: u8 = 15;
/// No frame of a fan-out comes near it.
const PLAIN_BYTES_MAX: usize = 16 << 20;

/// Whether the answer to an upgrade took the offer.
pub(crate) fn is_agreed(head: &str) -> bool {
    head.to_ascii_lowercase().contains("permessage-deflate")
}

pub(super) fn inflate(payload: &[u8]) -> Result<Vec<u8>> {
    let input = [payload, &TAIL].concat();
    let mut stream = Inflate::new(false, WINDOW_BITS);
    let mut plain = vec![0; payload.len().max(64) * 4];
    loop {
        let (read, written) = (stream.total_in() as usize, stream.total_out() as usize);
        let status = stream
            .decompress(&input[read..], &mut plain[written..], InflateFlush::SyncFlush)
            .ok()
            .context("a compressed frame that cannot be opened")?;
        let written = stream.total_out() as usize;
        if written == plain.len() {
            if written > PLAIN_BYTES_MAX {
                bail!("a compressed frame without end");
            }
            plain.resize(written * 2, 0);
        } else if status == Status::StreamEnd || stream.total_in() as usize == input.len() {
            plain.truncate(written);
            return Ok(plain);
        } else {
            bail!("a compressed frame that ends half-way");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlib_rs::{Deflate, DeflateFlush};

    #[test]
    fn a_message_is_opened_whatever_its_length() {
        for length in [0, 10, 300, 70_000] {
            let plain = b"that colour is gorgeous ".repeat(length / 24 + 1)[..length].to_vec();
            let mut bytes = vec![0; length + 128];
            let mut stream = Deflate::new(4, false, WINDOW_BITS);
            stream.compress(&plain, &mut bytes, DeflateFlush::SyncFlush).unwrap();
            let written = stream.total_out() as usize;
            let message = bytes[..written].strip_suffix(&TAIL).unwrap();
            assert_eq!(inflate(message).unwrap(), plain);
        }
        assert!(inflate(b"\xff\xff\xff").is_err());
    }

    #[test]
    fn an_answer_without_the_extension_is_no_agreement() {
        assert!(is_agreed("HTTP/1.1 101\r\nsec-websocket-extensions: permessage-deflate\r\n"));
        assert!(!is_agreed("HTTP/1.1 101\r\nUpgrade: websocket\r\n"));
    }
}
