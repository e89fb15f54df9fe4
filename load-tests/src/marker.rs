//! The number a message carries through whatever server: `~17~` in its text, which no JSON writer
//! escapes and no filter minds. Owns its form and how it is found again.

const EDGE: u8 = b'~';
const DIGITS_MAX: usize = 9;

pub(crate) fn marker(number: u32) -> String {
    format!("~{number}~")
}

/// The numbers in some bytes, in their order.
pub(crate) fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let from = rest.iter().position(|byte| *byte == EDGE)? + 1;
            rest = &rest[from..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=DIGITS_MAX).contains(&digits) || rest.get(digits) != Some(&EDGE) {
                continue;
            }
            let read = rest[..digits].iter();
            let number = read.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            rest = &rest[digits + 1..];
            return Some(number);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_wherever_they_stand_and_nothing_else_is() {
        let text = format!("{}~ ~~ ~x~ a{}b~12", marker(7), marker(123_456));
        assert_eq!(numbers(text.as_bytes()).collect::<Vec<_>>(), [7, 123_456]);
        assert_eq!(numbers(b"~1234567890~").next(), None);
    }
}
