//! A compressed message as its reader sees it (permessage-deflate without context takeover). Owns
//! the offer and how one message is opened; compresses nothing.

use anyhow::{Context, Result, bail};
use flate2::{Decompress, FlushDecompress, Status};

/// What a client offers, as a whole header line.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
     client_no_context_takeover; server_no_context_takeover\r\n";
/// What the sender cut off the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// No frame of a fan-out comes near it.
const PLAIN_BYTES_MAX: usize = 16 << 20;

/// Whether the answer to an upgrade took the offer.
pub(crate) fn is_agreed(head: &str) -> bool {
    head.to_ascii_lowercase().contains("permessage-deflate")
}

pub(super) fn inflate(payload: &[u8]) -> Result<Vec<u8>> {
    let input = [payload, &TAIL].concat();
    let mut stream = Decompress::new(false);
    let mut plain = Vec::with_capacity(payload.len().max(64) * 4);
    loop {
        let read = stream.total_in() as usize;
        let status = stream
            .decompress_vec(&input[read..], &mut plain, FlushDecompress::Sync)
            .context("a compressed frame that cannot be opened")?;
        if plain.len() == plain.capacity() && status != Status::StreamEnd {
            if plain.len() > PLAIN_BYTES_MAX {
                bail!("a compressed frame without end");
            }
            plain.reserve(plain.len());
        } else if status == Status::StreamEnd || stream.total_in() as usize == input.len() {
            return Ok(plain);
        } else {
            bail!("a compressed frame that ends half-way");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    #[test]
    fn a_message_is_opened_whatever_its_length() {
        for length in [0, 10, 300, 70_000] {
            let plain = b"that colour is gorgeous ".repeat(length / 24 + 1)[..length].to_vec();
            let mut bytes = Vec::with_capacity(length + 128);
            let mut stream = Compress::new(Compression::new(4), false);
            stream.compress_vec(&plain, &mut bytes, FlushCompress::Sync).unwrap();
            let message = bytes.strip_suffix(&TAIL).unwrap();
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
