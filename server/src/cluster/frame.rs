//! What one message of a link holds: asks or answers, each under its number. Owns the bytes.

/// What a link takes at most in one message: a page of history is some megabytes.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A message is full when it has reached this.
pub(super) const FULL_BYTES: usize = 64 * 1024;

const NUMBER: usize = size_of::<u64>();
const HEAD: usize = NUMBER + size_of::<u32>();

/// Adds one part.
pub(super) fn put(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    message.extend(number.to_le_bytes());
    message.extend((bytes.len() as u32).to_le_bytes());
    message.extend(bytes);
}

/// The parts of a message; `None` if it is none.
pub(super) fn parts(mut message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut parts = Vec::new();
    while !message.is_empty() {
        let (head, rest) = message.split_at_checked(HEAD)?;
        let (number, length) = head.split_at(NUMBER);
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let (bytes, rest) = rest.split_at_checked(length)?;
        parts.push((u64::from_le_bytes(number.try_into().ok()?), bytes));
        message = rest;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_they_were_put_and_a_cut_message_is_none() {
        let mut message = Vec::new();
        put(&mut message, 7, b"one");
        put(&mut message, u64::MAX, b"");
        put(&mut message, 0, b"three");
        let read = parts(&message).unwrap();
        assert_eq!(read, [(7, &b"one"[..]), (u64::MAX, b""), (0, b"three")]);
        assert_eq!(parts(&[]), Some(Vec::new()));
        for cut in (1..message.len()).filter(|at| ![15, 27].contains(at)) {
            assert_eq!(parts(&message[..cut]), None, "{cut}");
        }
    }
}
