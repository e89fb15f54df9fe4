//! Between the domain and the wire: the only module that names both vocabularies. Translates;
//! decides nothing.

mod answers;
mod desk;
mod from_desk;
mod from_wire;
mod refusals;
mod to_wire;

#[cfg(test)]
mod tests;

pub use answers::{answer, dashboard};
pub use desk::{
    agent, agent_rate, alerts, card, chat_session, closed_session, conversation, cursor,
    cursor_text, holiday, message, note, policy, position, rate, report, session, session_number,
    side, texts,
};
pub use from_desk::{
    Attachment, EDITORS, LEADERS, SPEAKERS, STAFF, changed_policy, desk_list, named_upload,
    session_id, user_id,
};
pub use from_wire::{
    Ask, HOSTS, KEEPERS, Translated, changed_settings, command_id, fresh_id, product_spec, roles,
    room_id, room_spec, sale_change, sale_spec, shop_id, stock, translate,
};
pub use refusals::rejection_refusal;
pub use to_wire::{
    at, buyer, comment, id, order, pinned, product, reservation, role, room, sale, sale_push, shop,
    staff, stock_push, turn_sale, turns, update_stock_item, waiting,
};
