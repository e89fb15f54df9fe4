//! Why a connection ends. Owns the close codes and the advice each carries; closes nothing itself.

/// Declares every close code once: number, reason text, whether the client may come back by itself.
macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $reason:literal, $reconnect:literal;)*) => {
        /// A WebSocket close code. 4000 to 4499: reconnect with back-off. 4500 to 4999: do not,
        /// something must change first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[$doc])* $name,)*
        }

        impl CloseCode {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The text that goes with the code into the close frame.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason,)* }
            }

            /// Whether a client may connect again by itself, with back-off.
            pub fn may_reconnect(self) -> bool {
                match self { $(Self::$name => $reconnect,)* }
            }

            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

close_codes! {
    /// Either side is done.
    Normal = 1000, "bye", false;
    GoingAway = 1001, "the server or the page goes away", true;
    Protocol = 1002, "this is not the WebSocket protocol", false;
    Binary = 1003, "only text frames are understood", false;
    NotUtf8 = 1007, "a text frame was not UTF-8", false;
    TooBig = 1009, "the message is larger than allowed", false;
    /// Our bug; it is reported.
    Internal = 1011, "the server made a mistake", true;
    Restart = 1012, "the server restarts", true;
    /// Get a fresh token first.
    TokenExpired = 4401, "the token has expired: bring a fresh one", true;
    TooSlow = 4408, "reading too slowly: reconnect and resume", true;
    NoPong = 4409, "no pong in time", true;
    RateLimited = 4429, "too many requests: slow down", true;
    BadHello = 4500, "the first message must be a valid hello", false;
    InvalidToken = 4501, "the token is not valid", false;
    Forbidden = 4503, "this account may not be here", false;
    TooManySockets = 4504, "this account has too many connections", false;
    TooManyErrors = 4509, "too many invalid messages", false;
    Version = 4526, "no common protocol version: offer hawker.v1", false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_code_says_whether_to_come_back() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(*code));
            assert!(code.reason().len() <= 123, "a close frame has room for 123 bytes");
            match code.number() {
                4000..4500 => assert!(code.may_reconnect(), "{code:?}"),
                4500.. => assert!(!code.may_reconnect(), "{code:?}"),
                _ => {}
            }
        }
    }
}
