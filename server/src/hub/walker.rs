//! Where one WebSocket frame ends and the next begins, as their headers say. Takes off the bit of a
//! compressed message, which the protocol machine would refuse; judges nothing else.

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const MASKED: u8 = 0x80;

/// The place in one client's stream of frames.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// How much of the current header has passed, and what is known of its size.
    header_at: u8,
    length_end: u8,
    header_end: u8,
    payload_left: u64,
    /// A message's last frame is still to come.
    in_message: bool,
    /// The current data message is a compressed text; it goes on to the machine as a binary one.
    deflated: bool,
    /// Whether compressed messages were agreed on.
    deflates: bool,
}

impl Walker {
    pub(super) fn new(deflates: bool) -> Self {
        Self { deflates, ..Self::default() }
    }

    /// Whether the stream stands between two messages.
    pub(super) fn is_between(&self) -> bool {
        self.header_at == 0 && !self.in_message
    }

    /// Whether the message that just ended was compressed.
    pub(super) fn is_deflated(&self) -> bool {
        self.deflated
    }

    /// Moves bytes from `input` to `buffer`, at most to the end of the current frame.
    pub(super) fn step(&mut self, input: &mut &[u8], buffer: &mut [u8]) -> usize {
        let mut at = 0;
        while at < buffer.len() && !input.is_empty() {
            let moved = if self.is_in_payload() {
                self.payload(input, &mut buffer[at..])
            } else {
                buffer[at] = self.header(input[0]);
                1
            };
            *input = &input[moved..];
            at += moved;
            if self.is_in_payload() && self.payload_left == 0 {
                self.header_at = 0;
                break;
            }
        }
        at
    }

    fn is_in_payload(&self) -> bool {
        self.header_at >= 2 && self.header_at == self.header_end
    }

    fn payload(&mut self, input: &[u8], buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
        let moved = left.min(input.len()).min(buffer.len());
        buffer[..moved].copy_from_slice(&input[..moved]);
        self.payload_left -= moved as u64;
        moved
    }

    fn header(&mut self, byte: u8) -> u8 {
        let at = self.header_at;
        self.header_at += 1;
        match at {
            0 => return self.first(byte),
            1 => {
                let (length_bytes, length) = match byte & !MASKED {
                    126 => (2, 0),
                    127 => (8, 0),
                    short => (0, short),
                };
                let mask_bytes = if byte & MASKED == 0 { 0 } else { 4 };
                self.length_end = 2 + length_bytes;
                self.header_end = self.length_end + mask_bytes;
                self.payload_left = length.into();
            }
            _ if at < self.length_end => {
                self.payload_left = self.payload_left << 8 | u64::from(byte);
            }
            _ => {}
        }
        byte
    }

    fn first(&mut self, byte: u8) -> u8 {
        let (begins, is_final) = (!self.in_message, byte & FIN != 0);
        match byte & OPCODE {
            CONTINUATION => self.in_message = !is_final,
            TEXT | BINARY => {
                self.in_message = !is_final;
                let deflated = self.deflates && begins && byte & RSV1 != 0;
                self.deflated = deflated && byte & OPCODE == TEXT;
                return if deflated { byte & !(RSV1 | OPCODE) | BINARY } else { byte };
            }
            _ => {}
        }
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through `bytes` in bites of every size and returns where frames ended.
    fn ends(bytes: &[u8]) -> Vec<usize> {
        let mut all = Vec::new();
        for bite in 1..=bytes.len() {
            let mut walker = Walker::new(false);
            let (mut input, mut ends) = (bytes, Vec::new());
            while !input.is_empty() {
                let mut buffer = vec![0; bite];
                let at = bytes.len() - input.len();
                let moved = walker.step(&mut input, &mut buffer);
                assert_eq!(buffer[..moved], bytes[at..at + moved]);
                if walker.header_at == 0 {
                    ends.push(at + moved);
                }
            }
            all.push(ends);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_frame_ends_where_its_header_says_in_bites_of_any_size() {
        let empty = [0x81, 0x80, 0, 0, 0, 0];
        let short = [&[0x81, 0x83, 0, 0, 0, 0][..], b"abc"].concat();
        let medium = [&[0x81, 0xfe, 0, 130, 0, 0, 0, 0][..], &[b'x'; 130]].concat();
        let long = [&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0][..], &[b'x'; 5]].concat();
        let bare = [0x81, 0x01, b'x'];
        let bytes = [&empty[..], &short, &medium, &long, &bare].concat();
        assert_eq!(ends(&bytes), [6, 15, 153, 172, 175]);
    }

    /// The first bytes as they come out, and whether the walker then stands between messages.
    fn firsts(deflates: bool, firsts: &[u8]) -> Vec<(u8, bool, bool)> {
        let mut walker = Walker::new(deflates);
        let frame = |first: &u8| {
            let (frame, mut buffer) = ([*first, 0], [0; 2]);
            walker.step(&mut &frame[..], &mut buffer);
            (buffer[0], walker.is_between(), walker.is_deflated())
        };
        firsts.iter().map(frame).collect()
    }

    #[test]
    fn a_message_lasts_until_its_final_frame_whatever_comes_in_between() {
        let walked = firsts(false, &[0x01, 0x89, 0x00, 0x80, 0x88]);
        let between: Vec<_> = walked.iter().map(|walked| walked.1).collect();
        assert_eq!(between, [false, false, false, true, true]);
    }

    #[test]
    fn the_bit_of_a_compressed_message_goes_where_it_was_agreed_on_and_nowhere_else() {
        // Text, its continuation, a plain one, a ping with the bit, one inside a message.
        let walked = firsts(true, &[0x41, 0x80, 0x81, 0xc9, 0x01, 0xc0, 0x80, 0xc2]);
        let bytes: Vec<_> = walked.iter().map(|walked| walked.0).collect();
        assert_eq!(bytes, [0x02, 0x80, 0x81, 0xc9, 0x01, 0xc0, 0x80, 0x82]);
        let deflated: Vec<_> = walked.iter().map(|walked| walked.2).collect();
        assert_eq!(deflated, [true, true, false, false, false, false, false, false]);
        assert_eq!(firsts(false, &[0xc1])[0].0, 0xc1);
    }
}
