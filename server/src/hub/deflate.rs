//! Compressed messages (RFC 7692), each by itself: no context is kept from one to the next, so
//! that one frame serves every connection. Owns the thread's compressor and the cap on what a
//! client's bytes may grow to.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Below, the header of a block costs most of what it saves.
const DEFLATE_BYTES_MIN: usize = 256;

/// Measured on ticks of comments: 3.5 times fewer bytes at 69 µs a tick; higher levels cost more
/// than they save.
const LEVEL: u32 = 4;

/// A sync flush ends with these, and they are not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What any compressed message may come to, however short it is.
const FREE_BYTES: usize = 4 << 10;

/// Why a compressed message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    TooBig,
    Malformed,
}

thread_local! {
    static COMPRESS: RefCell<Compress> =
        RefCell::new(Compress::new(Compression::new(LEVEL), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

pub(super) fn is_worth_it(payload_bytes: usize) -> bool {
    payload_bytes >= DEFLATE_BYTES_MIN
}

/// The payload of a compressed message, if it is shorter than the plain one.
pub(super) fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
    let mut compressed = Vec::with_capacity(payload.len());
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        compress.compress_vec(payload, &mut compressed, FlushCompress::Sync).ok()
    })?;
    // A full buffer may hold only a part of it.
    let is_whole = compressed.len() < compressed.capacity() && compressed.ends_with(&TAIL);
    if !is_whole {
        return None;
    }
    compressed.truncate(compressed.len() - TAIL.len());
    Some(compressed)
}

/// The payload behind a compressed one, of at most `bytes_max` and `growth_max` times its size.
pub(super) fn inflate(
    payload: &[u8],
    growth_max: usize,
    bytes_max: usize,
) -> Result<Vec<u8>, Broken> {
    let bytes_max = bytes_max.min(FREE_BYTES.max(payload.len().saturating_mul(growth_max)));
    let mut inflated = Vec::with_capacity(bytes_max.min(4 * payload.len() + 64));
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        for part in [payload, &TAIL] {
            inflate_part(decompress, part, &mut inflated, bytes_max)?;
        }
        Ok(inflated)
    })
}

fn inflate_part(
    decompress: &mut Decompress,
    mut input: &[u8],
    inflated: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), Broken> {
    loop {
        // A byte past the limit shows that there is more.
        if inflated.len() == inflated.capacity() {
            inflated.reserve_exact(inflated.len().max(64).min(bytes_max + 1 - inflated.len()));
        }
        let (read, written) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress_vec(input, inflated, FlushDecompress::Sync);
        let status = status.map_err(|_| Broken::Malformed)?;
        input = &input[(decompress.total_in() - read) as usize..];
        if inflated.len() > bytes_max {
            return Err(Broken::TooBig);
        }
        let moved = decompress.total_in() > read || decompress.total_out() > written;
        let has_room = inflated.len() < inflated.capacity();
        if status == Status::StreamEnd {
            // Some end each message with a final block; what follows is another stream.
            decompress.reset(false);
        }
        if has_room && input.is_empty() {
            return Ok(());
        }
        if has_room && !moved {
            return Err(Broken::Malformed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1 << 20;

    /// What the RFC prints for `Hello` (7.2.3).
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for example in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(example, 10, MIB).as_deref(), Ok(&b"Hello"[..]), "{example:x?}");
        }
        assert_eq!(inflate(&[0], 10, MIB), Ok(Vec::new()));
    }

    #[test]
    fn a_bomb_is_stopped_at_ten_times_its_size_and_at_the_limit() {
        let bomb = deflate(&vec![b'x'; MIB]).unwrap();
        let grown = |bytes: &[u8], bytes_max| inflate(bytes, 10, bytes_max).map(|text| text.len());
        assert_eq!(grown(&bomb, MIB), Err(Broken::TooBig));
        let repeated = deflate(&[b'x'; FREE_BYTES]).unwrap();
        assert_eq!(grown(&repeated, MIB), Ok(FREE_BYTES));
        assert_eq!(grown(&repeated, FREE_BYTES - 1), Err(Broken::TooBig));
        let longer = deflate(&[b'x'; FREE_BYTES + 1]).unwrap();
        assert_eq!(grown(&longer, MIB), Err(Broken::TooBig));
    }

    #[test]
    fn what_is_no_deflate_stream_is_refused() {
        assert_eq!(inflate(&[0xff; 20], 10, MIB), Err(Broken::Malformed));
        // A block of three bytes of which one is missing.
        assert_eq!(inflate(&[0x00, 0x03, 0x00, 0xfc, 0xff, 0x48], 10, MIB), Err(Broken::Malformed));
    }

    #[test]
    fn what_does_not_shrink_is_not_compressed() {
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..1_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        assert_eq!(deflate(&noise), None);
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_read_back(text in "[a-d]{0,3000}") {
            if let Some(compressed) = deflate(text.as_bytes()) {
                prop_assert!(compressed.len() < text.len());
                let inflated = inflate(&compressed, 10_000, MIB);
                prop_assert_eq!(inflated.as_deref(), Ok(text.as_bytes()));
            }
        }

        #[test]
        fn no_bytes_make_it_fail_or_grow_past_the_limit(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            bytes_max in 0_usize..5_000,
        ) {
            if let Ok(inflated) = inflate(&bytes, 10, bytes_max) {
                prop_assert!(inflated.len() <= bytes_max);
            }
        }
    }
}
