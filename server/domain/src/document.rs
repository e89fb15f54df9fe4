//! Documents: what people wrote and where they live, kept beside the events so that it can be
//! erased. Owns their keys; events carry only their hash.

use crate::id::{
    CampaignId, CommentId, DrawId, NoteId, OrderId, PaymentId, ReportId, RoomId, SaleId, SessionId,
    UserId,
};
use crate::time::Millis;

/// A change to the documents, made in the same append as the events that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentWrite {
    Put {
        key: String,
        value: Vec<u8>,
    },
    /// Erases every document whose key starts with this.
    EraseUnder {
        prefix: String,
    },
}

/// Everything that names or quotes a person stands under this prefix.
pub fn buyer_prefix(buyer: &UserId) -> String {
    format!("buyer/{buyer}/")
}

/// The delivery address of an order.
pub fn address_key(buyer: &UserId, order: &OrderId) -> String {
    format!("{}address/{order}", buyer_prefix(buyer))
}

/// A comment that its room keeps.
pub fn comment_key(buyer: &UserId, room: &RoomId, comment: &CommentId) -> String {
    format!("{}comment/{room}/{comment}", buyer_prefix(buyer))
}

/// The newest state of an order. It holds ids and amounts, no person's data.
pub fn order_key(order: &OrderId) -> String {
    format!("order/{order}")
}

/// Money that came for an order after it was archived, one key a payment.
pub fn late_refund_key(order: &OrderId, payment: &PaymentId) -> String {
    format!("{}{payment}", late_refunds_prefix(order))
}

pub fn late_refunds_prefix(order: &OrderId) -> String {
    format!("order-refund/{order}/")
}

/// An archived sale as it last was.
pub fn sale_key(sale: &SaleId) -> String {
    format!("sale/{sale}")
}

/// An archived campaign as it last was.
pub fn campaign_key(campaign: &CampaignId) -> String {
    format!("campaign/{campaign}")
}

/// A lucky draw with all that it takes to compute its winners again.
pub fn draw_key(draw: &DrawId) -> String {
    format!("draw/{draw}")
}

/// The sealed seed of a lucky draw, until it is revealed. No other key starts with it.
pub fn draw_seed_key(draw: &DrawId) -> String {
    format!("draw-seed/{draw}/")
}

/// The sealed seed of a sale's first moments. No other key starts with it.
pub fn sale_seed_key(sale: &SaleId) -> String {
    format!("sale-seed/{sale}/")
}

/// Where a prize goes.
pub fn prize_address_key(buyer: &UserId, draw: &DrawId) -> String {
    format!("{}prize/{draw}", buyer_prefix(buyer))
}

/// One key per order of a buyer, the newest first.
pub fn buyer_order_key(buyer: &UserId, placed_at: Millis, order: &OrderId) -> String {
    format!("{}{:014}/{order}", buyer_orders_prefix(buyer), newest_first(placed_at))
}

pub fn buyer_orders_prefix(buyer: &UserId) -> String {
    format!("buyer-order/{buyer}/")
}

/// One key per order of the shop, the newest first.
pub fn shop_order_key(placed_at: Millis, order: &OrderId) -> String {
    format!("{SHOP_ORDERS_PREFIX}{:014}/{order}", newest_first(placed_at))
}

pub const SHOP_ORDERS_PREFIX: &str = "shop-order/";

/// A message of the buyer's conversation (`view::desk::Message`), in the order of its `seq`. The
/// numbers have no gaps: who wants some of them begins behind the key of the one before.
pub fn message_key(buyer: &UserId, seq: u64) -> String {
    format!("{}{seq:014}", messages_prefix(buyer))
}

pub fn messages_prefix(buyer: &UserId) -> String {
    format!("{}chat/", buyer_prefix(buyer))
}

/// What the staff wrote about a buyer (`view::desk::Note`).
pub fn note_key(buyer: &UserId, note: &NoteId) -> String {
    format!("{}{note}", notes_prefix(buyer))
}

/// All notes about a buyer; in the order of their time where their ids are.
pub fn notes_prefix(buyer: &UserId) -> String {
    format!("{}note/", buyer_prefix(buyer))
}

/// The tags the staff gave a buyer: a list of texts, sorted.
pub fn tags_key(buyer: &UserId) -> String {
    format!("{}tags", buyer_prefix(buyer))
}

/// Why an agent reported a session of the buyer.
pub fn report_key(buyer: &UserId, report: &ReportId) -> String {
    format!("{}report/{report}", buyer_prefix(buyer))
}

/// What a buyer wrote beside the stars he gave a session.
pub fn rating_key(buyer: &UserId, session: SessionId) -> String {
    format!("{}rating/{:014}", buyer_prefix(buyer), session.0)
}

/// A closed session (`view::desk::ClosedSession`). No person's words.
pub fn session_key(session: SessionId) -> String {
    format!("session/{:014}", session.0)
}

/// The same, one key per closed session of a buyer, the oldest first.
pub fn buyer_session_key(buyer: &UserId, session: SessionId) -> String {
    format!("{}{:014}", buyer_sessions_prefix(buyer), session.0)
}

pub fn buyer_sessions_prefix(buyer: &UserId) -> String {
    format!("buyer-session/{buyer}/")
}

/// Falls as time goes on. Fourteen digits last until the year 5138.
fn newest_first(at: Millis) -> i64 {
    99_999_999_999_999 - at.0
}

/// The hash that an event keeps of a document: 16 bytes of BLAKE3, in hex.
pub fn hash(value: &[u8]) -> String {
    blake3::hash(value).to_hex()[..32].to_owned()
}
