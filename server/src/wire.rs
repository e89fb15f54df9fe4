//! Between the domain and the wire: the only module that names both vocabularies. Translates;
//! decides nothing.

mod answers;
mod desk;
mod from_desk;
mod from_promo;
mod from_wire;
mod promo;
mod refusals;
mod to_wire;

#[cfg(test)]
mod tests;

pub use answers::{DRAW_WINNERS_SHOWN, answer, dashboard};
pub use desk::{
    agent, agent_rate, alerts, card, chat_session, closed_session, conversation, cursor,
    cursor_text, holiday, message, note, policy, position, rate, report, session, session_number,
    side, texts,
};
pub use from_desk::{
    Attachment, EDITORS, LEADERS, SPEAKERS, STAFF, changed_policy, desk_list, named_upload,
    session_id, user_id,
};
pub use from_promo::{
    PLATFORM, campaign_id, changed_capabilities, draw_id, is_in_room, needs_seed, wanted_campaign,
    wanted_draw,
};
pub use from_wire::{
    Ask, BUYER, HOSTS, KEEPERS, Translated, basket, changed_settings, command_id, coupon_choice,
    fresh_id, product_spec, roles, room_id, room_spec, sale_change, sale_spec, shop_id, stock,
    translate,
};
pub use promo::{
    campaign, campaign_detail, capabilities, coupon, dashboard_promo, draw, draw_detail,
    is_offered, is_watched, offer, pooled, price_rule, prize_state, progress, quote, stacking,
};
pub use refusals::rejection_refusal;
pub use to_wire::{
    address, at, buyer, comment, id, order, pinned, product, reservation, role, room, sale,
    sale_push, shop, staff, stock_push, turn_sale, turns, update_stock_item, waiting,
};
