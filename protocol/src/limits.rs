//! The bounds of a message, and the defaults a server starts with. Owns the figures and their
//! reasons; whoever reads a socket enforces those that need a connection or a clock.

/// A WebSocket message of a buyer: a long comment is 1 KiB, so this is room for a full frame of
/// requests and still small enough that 10,000 of them fit in memory at once.
pub const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// A WebSocket message of staff: chat answers and bulk edits are longer.
pub const STAFF_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Requests in one frame. A refusal is larger than the shortest bad line: without a bound one
/// frame of garbage would be answered with a megabyte.
pub const FRAME_REQUESTS_MAX: usize = 64;
/// Arrays and objects within each other. The deepest message uses six.
pub const JSON_DEPTH_MAX: usize = 16;
/// The largest number a JavaScript client reads exactly: 2^53 - 1.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;
/// The page size of a list where the caller asks for none, and the largest he gets.
pub const PAGE_ITEMS: u32 = 50;
pub const PAGE_ITEMS_MAX: u32 = 200;
/// Records in one page of the event feed.
pub const EVENT_PAGE_MAX: u32 = 1_000;
/// How long a request for events may wait for the next one.
pub const EVENT_WAIT_MS_MAX: u64 = 30_000;

pub const ID_BYTES_MAX: usize = 64;
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
pub const COMMENT_CHARS_MAX: usize = 200;
pub const TITLE_CHARS_MAX: usize = 200;
pub const NAME_CHARS_MAX: usize = 100;
pub const URL_CHARS_MAX: usize = 2_048;
pub const REMINDER_CHARS_MAX: usize = 200;
pub const KEYWORD_CHARS_MAX: usize = 64;
pub const KEYWORDS_MAX: usize = 500;
/// Combining marks in a row: more paint over the lines above and below.
pub const COMBINING_MARKS_MAX: usize = 8;
/// The proof of presence that a resume hands back.
pub const PRESENCE_CHARS_MAX: usize = 256;
pub const CURSOR_CHARS_MAX: usize = 128;

pub const BAG_PRODUCTS_MAX: usize = 200;
pub const PRODUCT_SKUS_MAX: usize = 100;
pub const SALE_ITEMS_MAX: usize = 50;
pub const SALE_ROOMS_MAX: usize = 200;
pub const ORDER_LINES_MAX: usize = 50;
pub const ADDRESS_LINES_MAX: usize = 4;
pub const ADDRESS_LINE_CHARS_MAX: usize = 200;
pub const PHONE_CHARS_MAX: usize = 32;
pub const POSTCODE_CHARS_MAX: usize = 16;
pub const ORDER_REMINDERS_MAX: usize = 8;
pub const ROLES_MAX: usize = 6;

/// What a buyer or an agent writes in one message, in any script well within a frame.
pub const CHAT_TEXT_CHARS_MAX: usize = 4_000;
pub const EMOJI_CHARS_MAX: usize = 32;
/// Messages that opening a conversation brings along, and the most of one page of its history.
pub const MESSAGES_OPENED: usize = 50;
pub const MESSAGES_PAGE_MAX: u32 = 100;
pub const IMAGE_BYTES_MAX: u64 = 10 * 1024 * 1024;
pub const VIDEO_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// What a buyer writes beside the stars he gives.
pub const RATING_CHARS_MAX: usize = 1_000;
pub const STARS_MAX: u32 = 5;
pub const NOTE_CHARS_MAX: usize = 2_000;
pub const TAGS_MAX: usize = 50;
pub const TAG_CHARS_MAX: usize = 40;
pub const REPORT_REASON_CHARS_MAX: usize = 500;
pub const SEARCH_CHARS_MAX: usize = 100;
pub const QUESTION_CHARS_MAX: usize = 200;
pub const ANSWER_CHARS_MAX: usize = 2_000;
/// Questions on the card that opens with the chat page.
pub const CARD_QUESTIONS_MAX: usize = 5;
pub const QUICK_REPLY_CHARS_MAX: usize = 1_000;
/// The values for the `{name}`s of a quick reply.
pub const VARIABLES_MAX: usize = 50;
pub const VARIABLE_NAME_CHARS_MAX: usize = 64;
pub const VARIABLE_CHARS_MAX: usize = 1_000;
/// The most sessions one agent may be given.
pub const CAP_MAX: u32 = 10_000;
/// Automatic replies that may count, and marks that may exclude: each kind once.
pub const AUTOMATIONS_MAX: usize = 2;
pub const EXCLUSIONS_MAX: usize = 3;

/// A title of a campaign, a price rule or a draw.
pub const PROMO_TITLE_CHARS_MAX: usize = 120;
/// Goods that a price rule or a coupon names, so that fifty of them fit the outbox of staff.
pub const ITEM_SKUS_MAX: usize = 200;
pub const TIERS_MAX: usize = 10;
pub const AUDIENCE_RULES_MAX: usize = 8;
/// Buyers that an audience or a grant names: with UUIDs for ids well within a frame of staff.
pub const NAMED_BUYERS_MAX: usize = 1_000;
pub const TASK_KEYWORD_CHARS_MAX: usize = 40;
pub const CLAIMS_MAX: u32 = 1_000_000;
pub const COUPONS_PER_BUYER_MAX: u32 = 100;
/// More than a buyer can use in one cart, enough to name all that he looked at.
pub const COUPONS_NAMED_MAX: usize = 20;
/// Every pair of two of the eight classes of discounts.
pub const STACK_PAIRS_MAX: usize = 28;
pub const WINNERS_MAX: u32 = 1_000;
/// Winners that a room is shown: a list of all of them would go to every viewer.
pub const WINNERS_SHOWN: usize = 50;
/// Offers and draws in a room's snapshot, the newest: each may name two hundred goods, or show
/// fifty winners.
pub const OFFERS_SHOWN: usize = 20;
pub const DRAWS_SHOWN: usize = 5;
/// How often a viewer sends `room.watch`, and for how long one counts: a blip costs nothing.
pub const WATCH_MS: u64 = 10_000;
pub const WATCH_COUNTS_MS: u64 = 15_000;

/// Topics that one hello resumes: a viewer has one room and one chat, an agent his desk and the
/// chats he spoke in last. Others are opened again when somebody looks at them.
pub const RESUME_TOPICS_MAX: usize = 32;

/// Units in one claim or order line. With the dearest price (10^10) the product stays exact.
pub const QUANTITY_MAX: u32 = 100_000;
/// Likes a client may report at once; the server counts at most `LIKES_PER_S_MAX` a second.
pub const LIKES_AT_ONCE_MAX: u32 = 100;
pub const LIKES_PER_S_MAX: u32 = 10;

pub const HELLO_TIMEOUT_MS: u64 = 10_000;
pub const HEAD_TIMEOUT_MS: u64 = 10_000;
pub const WRITE_TIMEOUT_MS: u64 = 10_000;
pub const COMMAND_TIMEOUT_MS: u64 = 5_000;
pub const CLOSE_TIMEOUT_MS: u64 = 3_000;
pub const PONG_TIMEOUT_MS: u64 = 10_000;
pub const PING_MS: u64 = 25_000;
pub const STAFF_PING_MS: u64 = 10_000;
/// After `exp` a connection that did not refresh its token lives on this long.
pub const TOKEN_GRACE_MS: u64 = 30_000;
pub const TOKEN_LEEWAY_MS: u64 = 30_000;
pub const TICKET_MS: u64 = 60_000;

/// Requests of one connection that wait for their reply: past that the client is not reading.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 32;
pub const SOCKETS_PER_USER_MAX: usize = 8;
pub const SOCKETS_PER_ADDRESS_MAX: usize = 64;
pub const OUTBOX_BYTES_MAX: usize = 256 * 1024;
pub const STAFF_OUTBOX_BYTES_MAX: usize = 1024 * 1024;

/// A sustained rate and how far above it a short burst may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_s: u32,
    pub burst: u32,
}

pub const REQUEST_RATE: Rate = Rate { per_s: 10, burst: 30 };
pub const COMMENT_RATE: Rate = Rate { per_s: 1, burst: 5 };
pub const CLAIM_RATE: Rate = Rate { per_s: 5, burst: 10 };
pub const JOIN_RATE: Rate = Rate { per_s: 2, burst: 4 };
pub const LIKE_RATE: Rate = Rate { per_s: 1, burst: 2 };
pub const CHAT_RATE: Rate = Rate { per_s: 3, burst: 10 };
/// This many refusals for their rate within `EXCESS_WINDOW_MS` close the connection with 4429.
pub const EXCESS_MAX: u32 = 20;
pub const EXCESS_WINDOW_MS: u64 = 10_000;
