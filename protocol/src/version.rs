//! Which conversation this is. Owns the version's names; never negotiates.

/// The WebSocket sub-protocol. A client offers it, the server selects it; without a match the
/// connection ends with close code 4526.
pub const SUB_PROTOCOL: &str = "hawker.v1";

/// Where the WebSocket lives.
pub const SOCKET_PATH: &str = "/v1/ws";

/// The first segment of every HTTP path.
pub const HTTP_PREFIX: &str = "/v1";
