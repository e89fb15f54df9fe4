//! The limits: sizes, times, connections, rates and text. Owns the figures and their reasons;
//! enforces none of them.

use confique::Config as Confique;
use serde::Serialize;

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Limits {
    /// How large anything may be. An excess is refused with an error that names the limit.
    #[config(nested)]
    pub sizes: Sizes,

    /// How long anything may take.
    #[config(nested)]
    pub timeouts: Timeouts,

    /// How many sockets there may be.
    #[config(nested)]
    pub connections: Connections,

    /// How often a user or an address may ask. An excess is answered `rate_limited` with
    /// `retry_after_ms`, and counted.
    #[config(nested)]
    pub rates: Rates,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Sizes {
    /// Request line and headers of an HTTP request; more is answered 431.
    /// Unit: bytes. Range: 8192 to 65536. Cookies of a large shop fit.
    #[config(default = 16384)]
    pub head_bytes_max: usize,

    /// Body of an HTTP request; more is answered 413. Uploads have limits of their own.
    /// Unit: bytes. Range: 1024 to 16777216. The largest request is a catalogue page.
    #[config(default = 65536)]
    pub body_bytes_max: usize,

    /// A WebSocket message of a buyer or streamer; more closes with 1009.
    /// Unit: bytes. Range: 1024 to 1048576. Four times the longest chat message in JSON.
    #[config(default = 32768)]
    pub message_bytes_max: usize,

    /// A WebSocket message of an agent, who sends templates and cards.
    /// Unit: bytes. Range: 1024 to 1048576.
    #[config(default = 65536)]
    pub agent_message_bytes_max: usize,

    /// A token, as it is sent.
    /// Unit: bytes. Range: 512 to 8192. RS256 with a list of shops has two kilobytes.
    #[config(default = 4096)]
    pub token_bytes_max: usize,

    /// What may wait for a slow reader before its room skips it.
    /// Unit: bytes. Range: 16384 to 16777216. Several seconds of a busy room.
    #[config(default = 262144)]
    pub outbox_bytes_max: usize,

    /// The same for an agent, who must not lose a message of many conversations.
    /// Unit: bytes. Range: 16384 to 67108864.
    #[config(default = 1048576)]
    pub agent_outbox_bytes_max: usize,

    /// The kernel's send buffer of a socket (SO_SNDBUF).
    /// Unit: bytes. Range: 4096 to 4194304. Left to itself the kernel hides a dead reader behind
    /// megabytes.
    #[config(default = 65536)]
    pub send_buffer_bytes: usize,

    /// Unsent bytes from which the kernel says that a socket is full (TCP_NOTSENT_LOWAT).
    /// Unit: bytes. Range: 1024 to 4194304.
    #[config(default = 16384)]
    pub unsent_bytes_max: u32,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Timeouts {
    /// From a connection's start, or the last response, to the end of a request's head.
    /// Unit: ms. Range: 100 to 120000. Trickling heads are the cheapest attack; this is also how
    /// long an idle keep-alive connection lives.
    #[config(default = 10000)]
    pub head_ms: u64,

    /// An HTTP request from its head to its response, body included. Long polls add their wait.
    /// Unit: ms. Range: 100 to 120000.
    #[config(default = 10000)]
    pub request_ms: u64,

    /// From the upgrade to a valid hello.
    /// Unit: ms. Range: 100 to 120000. Who is silent costs a place that others need.
    #[config(default = 10000)]
    pub hello_ms: u64,

    /// Between pings to a buyer.
    /// Unit: ms. Range: 1000 to 300000. Mobile networks forget silent connections after 30 s.
    #[config(default = 25000)]
    pub ping_ms: u64,

    /// Between pings to staff, whose absence must be noticed soon.
    /// Unit: ms. Range: 1000 to 300000.
    #[config(default = 10000)]
    pub staff_ping_ms: u64,

    /// From a ping to its pong; later closes with 4409.
    /// Unit: ms. Range: 500 to 120000.
    #[config(default = 10000)]
    pub pong_ms: u64,

    /// From a request to its reply; later the caller is told to ask again.
    /// Unit: ms. Range: 100 to 60000.
    #[config(default = 5000)]
    pub command_ms: u64,

    /// From our close frame to the client's.
    /// Unit: ms. Range: 100 to 60000.
    #[config(default = 3000)]
    pub close_ms: u64,

    /// How long an expired token may be refreshed before 4401.
    /// Unit: ms. Range: 0 to 600000.
    #[config(default = 30000)]
    pub refresh_grace_ms: u64,

    /// How long a reader may stay behind, skipped, before 4408.
    /// Unit: ms. Range: 500 to 120000.
    #[config(default = 10000)]
    pub slow_reader_ms: u64,

    /// How long the kernel keeps sending to a peer that acknowledges nothing (TCP_USER_TIMEOUT).
    /// Unit: ms. Range: 1000 to 300000. Left to itself a quarter of an hour.
    #[config(default = 20000)]
    pub unacknowledged_ms: u32,

    /// From SIGTERM to the end: requests in flight finish, sockets are told to go elsewhere.
    /// Unit: ms. Range: 0 to 600000. Below the 90 s that systemd waits.
    #[config(default = 30000)]
    pub drain_ms: u64,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Connections {
    /// All connections of this node; one more is answered 503.
    /// Unit: connections. Range: 1 to 1000000. Each needs a file descriptor.
    #[config(default = 20000)]
    pub total_max: usize,

    /// Sockets of one user; one more closes with 4504.
    /// Unit: sockets. Range: 1 to 1000000. A few devices with a few tabs.
    #[config(default = 8)]
    pub per_user_max: usize,

    /// Connections of one address, or of one /64 of IPv6; one more is answered 503.
    /// Unit: connections. Range: 1 to 1000000. Raise it for offices and mobile carriers.
    #[config(default = 64)]
    pub per_address_max: usize,

    /// Share of `total_max` that may not have said who they are yet.
    /// Unit: percent. Range: 1 to 100. Strangers never crowd out those who are in.
    #[config(default = 10)]
    pub unauthenticated_percent_max: u32,

    /// How many new connections are started a second and core; the rest wait their turn.
    /// Unit: connections per second. Range: 1 to 100000. A reconnect wave must not starve the
    /// rooms that are live: 10,000 viewers are back in about 6 s on two cores.
    #[config(default = 800)]
    pub accepts_per_s_per_core: u32,

    /// The longest wait for that turn; longer is answered 503 with `Retry-After`.
    /// Unit: ms. Range: 0 to 60000. Whoever waits costs little, whoever is refused comes again.
    #[config(default = 10000)]
    pub accept_wait_ms: u64,

    /// Connections the kernel holds until they are accepted.
    /// Unit: connections. Range: 16 to 65535. An overflow costs clients seconds of retransmits.
    #[config(default = 4096)]
    pub backlog: u32,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Rates {
    /// Requests of one user, of whatever kind, over all sockets.
    /// Unit: requests per second. Range: 1 to 1000000.
    #[config(default = 10)]
    pub request_per_s: u32,

    /// Requests that may come at once.
    /// Unit: requests. Range: 1 to 1000000. Opening a page takes a dozen.
    #[config(default = 30)]
    pub request_burst: u32,

    /// Comments of one user.
    /// Unit: comments per second. Range: 1 to 1000000.
    #[config(default = 1)]
    pub comment_per_s: u32,

    /// Comments that may come at once.
    /// Unit: comments. Range: 1 to 1000000.
    #[config(default = 5)]
    pub comment_burst: u32,

    /// Claims of one user. Fingers are slower, scripts are not.
    /// Unit: claims per second. Range: 1 to 1000000.
    #[config(default = 5)]
    pub claim_per_s: u32,

    /// Claims that may come at once.
    /// Unit: claims. Range: 1 to 1000000.
    #[config(default = 10)]
    pub claim_burst: u32,

    /// Room joins of one user. A join is the dearest request: it carries a snapshot.
    /// Unit: joins per second. Range: 1 to 1000000.
    #[config(default = 2)]
    pub join_per_s: u32,

    /// Joins that may come at once.
    /// Unit: joins. Range: 1 to 1000000.
    #[config(default = 4)]
    pub join_burst: u32,

    /// Like frames of one user; a frame carries a count.
    /// Unit: frames per second. Range: 1 to 1000000.
    #[config(default = 1)]
    pub like_per_s: u32,

    /// Like frames that may come at once.
    /// Unit: frames. Range: 1 to 1000000. A timer of one second is never that exact.
    #[config(default = 3)]
    pub like_burst: u32,

    /// Messages of one user in chats and at desks, clicks on the FAQ included.
    /// Unit: messages per second. Range: 1 to 1000000. Nobody types faster; an agent sends quick
    /// replies to several buyers.
    #[config(default = 3)]
    pub chat_per_s: u32,

    /// Messages that may come at once.
    /// Unit: messages. Range: 1 to 1000000. As many pictures as somebody marks and sends together.
    #[config(default = 10)]
    pub chat_burst: u32,

    /// HTTP requests of one token's user, over all addresses: a shop's system may be several
    /// machines.
    /// Unit: requests per second. Range: 1 to 1000000.
    #[config(default = 100)]
    pub http_per_s: u32,

    /// HTTP requests of one user that may come at once.
    /// Unit: requests. Range: 1 to 1000000. A catalogue is sent in one go.
    #[config(default = 400)]
    pub http_burst: u32,

    /// Files that one user sends.
    /// Unit: uploads per second. Range: 1 to 1000000. People pick them one by one.
    #[config(default = 1)]
    pub upload_per_s: u32,

    /// Files of one user that may come at once.
    /// Unit: uploads. Range: 1 to 1000000. As many pictures as somebody marks and sends together.
    #[config(default = 10)]
    pub upload_burst: u32,

    /// HTTP requests of one address, or of one /64 of IPv6.
    /// Unit: requests per second. Range: 1 to 1000000. Many people may share an address.
    #[config(default = 50)]
    pub address_per_s: u32,

    /// HTTP requests of one address that may come at once.
    /// Unit: requests. Range: 1 to 1000000.
    #[config(default = 200)]
    pub address_burst: u32,

    /// Excesses of one socket within `excess_window_ms` that close it with 4429.
    /// Unit: excesses. Range: 1 to 1000000. Who does not listen to `retry_after_ms` is a script.
    #[config(default = 20)]
    pub excesses_max: u32,

    /// The time in which excesses are counted.
    /// Unit: ms. Range: 100 to 3600000.
    #[config(default = 10000)]
    pub excess_window_ms: u64,
}
