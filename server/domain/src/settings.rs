//! A shop's settings: the figures of the rules, with their units, defaults and ranges.

use serde::{Deserialize, Serialize};

use crate::money::Minor;
use crate::time::SpanMs;

/// Every figure a shop may choose. A sale keeps the ones it was created with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a claimed unit is held for payment. 10 s to 24 h.
    pub reservation_hold_ms: SpanMs,
    /// How much longer, once, when the buyer is at the payment provider. 0 to 1 h.
    pub payment_grace_ms: SpanMs,
    /// How long a buyer must have been in the room before he may claim. 0 to 10 min.
    pub min_presence_ms: SpanMs,
    /// Announcement to start, where a sale does not say. 1 s to 1 h.
    pub sale_countdown_ms: SpanMs,
    /// Start to end, where a sale does not say. 1 s to 24 h.
    pub sale_run_ms: SpanMs,
    /// Before the start, those who asked are reminded. 0 to 1 h.
    pub sale_reminder_lead_ms: SpanMs,
    /// Holds a buyer may let expire in one sale before he gets no more. 0 to 100.
    pub unpaid_expiries_max: u32,
    /// How long a waiting buyer may think about an offer. 5 s to 1 h.
    pub waitlist_offer_ms: SpanMs,
    /// A waitlist takes this many times the item's total. 0 to 100.
    pub waitlist_factor: u32,
    /// An ordinary order is cancelled when it is not paid by then. 1 min to 30 days.
    pub unpaid_window_ms: SpanMs,
    /// When the buyer of an unpaid order is reminded, after placing it; at most 8, rising.
    pub order_reminders_ms: Vec<SpanMs>,
    /// What sending an order costs. 0 to 1,000,000.
    pub shipping_fee_minor: Minor,
    /// Goods of this much are sent free of charge. Absent: none are.
    pub shipping_free_over_minor: Option<Minor>,
    /// How long what was earned in a room can be claimed after its end. 0 to 24 h.
    pub claim_grace_ms: SpanMs,
    /// Draws that one buyer may win within the window. 1 to 99.
    pub draw_wins_max: u32,
    /// 1 h to 90 days.
    pub draw_repeat_window_ms: SpanMs,
    /// Whether watching counts while the page is not in front.
    pub count_background: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reservation_hold_ms: SpanMs::minutes(5),
            payment_grace_ms: SpanMs::seconds(120),
            min_presence_ms: SpanMs::seconds(3),
            sale_countdown_ms: SpanMs::seconds(60),
            sale_run_ms: SpanMs::minutes(10),
            sale_reminder_lead_ms: SpanMs::seconds(10),
            unpaid_expiries_max: 2,
            waitlist_offer_ms: SpanMs::seconds(60),
            waitlist_factor: 2,
            unpaid_window_ms: SpanMs::hours(48),
            order_reminders_ms: vec![SpanMs::minutes(15), SpanMs::hours(16)],
            shipping_fee_minor: Minor(0),
            shipping_free_over_minor: None,
            claim_grace_ms: SpanMs::minutes(10),
            draw_wins_max: 1,
            draw_repeat_window_ms: SpanMs::days(30),
            count_background: false,
        }
    }
}
