//! The views of chats and of the desk as the wire shows them.

use hawker_domain::command::{self, Holiday, Intent, Marks};
use hawker_domain::event::desk as event;
use hawker_domain::id::{FaqId, ShopId};
use hawker_domain::policy::{Automation, DeskPolicy, OwnerDown, VerdictBy};
use hawker_domain::time::Millis;
use hawker_domain::view::desk::{self as view, FIRST_REPLY_STEPS_MS, ListCursor};
use hawker_protocol::number::{SessionId, SpanMs};
use hawker_protocol::{Refusal, object, reply};

use super::to_wire::{at, id, span};

/// Whole in hundredths of a percent.
const WHOLE_BPS: u64 = 10_000;

pub fn session_number(session: hawker_domain::id::SessionId) -> SessionId {
    SessionId(session.0)
}

/// A session as the staff sees it.
pub fn session(view: &view::SessionView) -> object::Session {
    object::Session {
        session: session_number(view.session),
        buyer: id(view.buyer.clone()),
        opened_at: at(view.opened_at),
        state: session_state(&view.state),
        epoch: view.epoch,
        answer: answer_state(&view.answer),
        excluded: view.excluded.iter().copied().map(exclusion).collect(),
        unanswered_since: view.unanswered_since.map(at),
        expiring: view.expiring,
        position: view.position.map(position),
        why: view.why.as_ref().map(why),
        context: view.context.as_ref().map(context),
        stars: view.stars,
        seq: view.seq,
        version: view.version,
    }
}

/// A session as its buyer sees it.
pub fn chat_session(view: &view::SessionView) -> object::ChatSession {
    object::ChatSession {
        session: session_number(view.session),
        opened_at: at(view.opened_at),
        state: match view.state {
            view::SessionState::SelfServed => object::ChatState::SelfServed,
            view::SessionState::Queued => object::ChatState::Waiting,
            view::SessionState::Assigned { .. } => object::ChatState::Assigned,
            view::SessionState::Closed { .. } => object::ChatState::Closed,
        },
        position: view.position.map(position),
        stars: view.stars,
        version: view.version,
    }
}

fn session_state(state: &view::SessionState) -> object::SessionState {
    match state {
        view::SessionState::SelfServed => object::SessionState::SelfServed,
        view::SessionState::Queued => object::SessionState::Waiting,
        view::SessionState::Assigned { agent, since } => {
            object::SessionState::Assigned { agent: id(agent.clone()), since: at(*since) }
        }
        view::SessionState::Closed { reason } => {
            object::SessionState::Closed { reason: close_reason(*reason) }
        }
    }
}

pub(super) fn close_reason(reason: event::CloseReason) -> object::CloseReason {
    match reason {
        event::CloseReason::Agent => object::CloseReason::Agent,
        event::CloseReason::Idle => object::CloseReason::Idle,
        event::CloseReason::NoReply => object::CloseReason::NoReply,
        event::CloseReason::Blocked => object::CloseReason::Blocked,
    }
}

fn answer_state(answer: &view::AnswerState) -> object::AnswerState {
    match answer {
        view::AnswerState::Pending { since, due_at } => {
            object::AnswerState::Pending { since: at(*since), due_at: at(*due_at) }
        }
        view::AnswerState::Automatic => object::AnswerState::Automatic,
        view::AnswerState::Human { agent, at: replied_at } => {
            object::AnswerState::Human { agent: id(agent.clone()), at: at(*replied_at) }
        }
        view::AnswerState::Missed { charged, replied_at } => object::AnswerState::Missed {
            charged: charged.clone().map(id),
            replied_at: replied_at.map(at),
        },
    }
}

fn exclusion(exclusion: event::Exclusion) -> object::Exclusion {
    match exclusion {
        event::Exclusion::Holiday => object::Exclusion::Holiday,
        event::Exclusion::NoReply => object::Exclusion::NoReply,
        event::Exclusion::Reported => object::Exclusion::Reported,
    }
}

pub fn position(position: view::Position) -> object::Position {
    match position {
        view::Position::Exact(place) => object::Position::Exact { place },
        view::Position::Beyond(place) => object::Position::Beyond { place },
    }
}

fn why(why: &event::Why) -> object::Why {
    object::Why {
        reason: match why.reason {
            event::AssignReason::Sticky => object::AssignReason::Sticky,
            event::AssignReason::LowestSaturation => object::AssignReason::LowestSaturation,
            event::AssignReason::Picked => object::AssignReason::Picked,
            event::AssignReason::Transferred => object::AssignReason::Transferred,
            event::AssignReason::AssignedBySupervisor => object::AssignReason::AssignedBySupervisor,
        },
        load: why.load,
        cap: why.cap,
        routable: why.routable,
        forced: why.forced,
        by: why.by.clone().map(id),
    }
}

fn context(context: &event::LiveContext) -> object::LiveContext {
    object::LiveContext {
        room: id(context.room.clone()),
        live_ms: span(context.live_ms),
        pinned: context.pinned.clone().map(id),
    }
}

/// A message of a conversation of `shop`, whose server has the files.
pub fn message(shop: &ShopId, message: &view::Message) -> object::Message {
    object::Message {
        seq: message.seq,
        at: at(message.at),
        session: message.session.map(session_number),
        from: sender(&message.from),
        content: message.content.as_ref().map(|it| content(shop, it)),
    }
}

fn sender(sender: &event::Sender) -> object::Sender {
    match sender {
        event::Sender::Buyer => object::Sender::Buyer,
        event::Sender::Agent(user) => object::Sender::Agent { user: id(user.clone()) },
        event::Sender::Faq(faq) => object::Sender::Faq { faq: id(faq.clone()) },
        event::Sender::Bot(user) => object::Sender::Bot { user: id(user.clone()) },
    }
}

fn content(shop: &ShopId, content: &command::Content) -> object::Content {
    match content {
        command::Content::Text(text) => object::Content::Text { text: text.clone() },
        command::Content::Emoji(emoji) => object::Content::Emoji { emoji: emoji.clone() },
        command::Content::Image(file) => object::Content::Image {
            upload: id(file.upload.clone()),
            media_type: file.media_type.clone(),
            size_bytes: file.size_bytes,
            url: upload_url(shop, file),
        },
        command::Content::Video(file) => object::Content::Video {
            upload: id(file.upload.clone()),
            media_type: file.media_type.clone(),
            size_bytes: file.size_bytes,
            url: upload_url(shop, file),
        },
        command::Content::Product(product) => {
            object::Content::Product { product: id(product.clone()) }
        }
        command::Content::Order(order) => object::Content::Order { order: id(order.clone()) },
        command::Content::Coupon(coupon) => object::Content::Coupon { coupon: id(coupon.clone()) },
        command::Content::Question { faq, text } => {
            object::Content::Question { faq: id(faq.clone()), text: text.clone() }
        }
        // Kept as the text it made. Where neither that nor the reply is there any more, a message
        // that is asked for again has the name of the reply.
        command::Content::QuickReply { quick_reply, .. } => {
            object::Content::Text { text: quick_reply.to_string() }
        }
    }
}

fn upload_url(shop: &ShopId, file: &command::Attachment) -> String {
    format!("/v1/uploads/{shop}/{}", file.upload)
}

pub fn conversation(view: &view::ConversationView) -> object::Conversation {
    object::Conversation {
        buyer: id(view.buyer.clone()),
        seq: view.seq,
        buyer_marks: marks(view.buyer_marks),
        staff_marks: marks(view.staff_marks),
        blocked: view.blocked,
        open_session: view.open_session.map(session_number),
        last_session: view.last_session.map(session_number),
    }
}

fn marks(marks: Marks) -> object::Marks {
    object::Marks { delivered: marks.delivered, read: marks.read }
}

pub fn side(side: event::Side) -> object::Side {
    match side {
        event::Side::Buyer => object::Side::Buyer,
        event::Side::Staff => object::Side::Staff,
    }
}

/// The card that opens with the chat page.
pub fn card(questions: &[(FaqId, String)]) -> Vec<object::CardQuestion> {
    let question = |(faq, question): &(FaqId, String)| object::CardQuestion {
        faq: id(faq.clone()),
        question: question.clone(),
    };
    questions.iter().map(question).collect()
}

pub fn closed_session(view: &view::ClosedSession) -> object::ClosedSession {
    object::ClosedSession {
        session: session_number(view.session),
        buyer: id(view.buyer.clone()),
        opened_at: at(view.opened_at),
        closed_at: at(view.closed_at),
        reason: close_reason(view.reason),
        closed_by: view.closed_by.clone().map(id),
        first_seq: view.first_seq,
        last_seq: view.last_seq,
    }
}

pub fn note(note: &view::Note) -> object::Note {
    object::Note { note: id(note.note.clone()), text: note.text.clone() }
}

pub fn agent(view: &view::AgentView) -> object::Agent {
    object::Agent {
        agent: id(view.agent.clone()),
        status: agent_status(view.status),
        intent: match view.intent {
            Intent::Accepting => object::Intent::Accepting,
            Intent::Busy => object::Intent::Busy,
            Intent::Away => object::Intent::Away,
            Intent::Off => object::Intent::Off,
        },
        connections: view.connections,
        grace_until: view.grace_until.map(at),
        load: view.load,
        cap: view.cap,
        cap_is_low: view.cap_is_low,
        version: view.version,
    }
}

pub(super) fn agent_status(status: view::AgentStatus) -> object::AgentStatus {
    match status {
        view::AgentStatus::Accepting => object::AgentStatus::Accepting,
        view::AgentStatus::Saturated => object::AgentStatus::Saturated,
        view::AgentStatus::Busy => object::AgentStatus::Busy,
        view::AgentStatus::Away => object::AgentStatus::Away,
        view::AgentStatus::Reconnecting => object::AgentStatus::Reconnecting,
        view::AgentStatus::Offline => object::AgentStatus::Offline,
    }
}

pub fn alerts(view: &view::AlertsView) -> object::Alerts {
    object::Alerts {
        unassigned: view.unassigned,
        too_many_unassigned: view.too_many_unassigned,
        expiring: view.expiring,
        no_agent_routable: view.no_agent_routable,
        all_saturated: view.all_saturated,
        over_cap: view.over_cap,
        forced: view.forced,
    }
}

pub fn report(view: &view::ReportView) -> object::Report {
    object::Report {
        report: id(view.report.clone()),
        session: session_number(view.session),
        state: report_state(view.state),
    }
}

pub(super) fn report_state(state: view::ReportState) -> object::ReportState {
    match state {
        view::ReportState::Filed => object::ReportState::Filed,
        view::ReportState::Upheld => object::ReportState::Upheld,
        view::ReportState::Rejected => object::ReportState::Rejected,
        view::ReportState::Overturned => object::ReportState::Overturned,
    }
}

pub fn holiday(holiday: &Holiday) -> object::Holiday {
    object::Holiday { from: at(holiday.from), until: holiday.until.map(at) }
}

pub fn policy(policy: &DeskPolicy) -> object::Policy {
    let automation = |automation: &Automation| match automation {
        Automation::Faq => object::Automation::Faq,
        Automation::Bot => object::Automation::Bot,
    };
    object::Policy {
        answer_within_ms: span(policy.answer_within_ms),
        expiring_after_ms: policy.expiring_after_ms.map(span),
        automation_counts: policy.automation_counts.iter().map(automation).collect(),
        excludes: policy.excludes.iter().copied().map(exclusion).collect(),
        auto_close_ms: span(policy.auto_close_ms),
        sticky_ms: span(policy.sticky_ms),
        grace_ms: span(policy.grace_ms),
        owner_down: match policy.owner_down {
            OwnerDown::Keep => object::OwnerDown::Keep,
            OwnerDown::RequeueUnanswered => object::OwnerDown::RequeueUnanswered,
            OwnerDown::RequeueAll => object::OwnerDown::RequeueAll,
        },
        charge_after_ms: span(policy.charge_after_ms),
        cap: policy.cap,
        unassigned_alert: policy.unassigned_alert,
        verdict_by: match policy.verdict_by {
            VerdictBy::Service => object::VerdictBy::Service,
            VerdictBy::Manager => object::VerdictBy::Manager,
        },
        no_reply_by_supervisor: policy.no_reply_by_supervisor,
    }
}

pub fn texts(view: &view::TextsView) -> reply::Texts {
    let faq = view.faq.iter().map(|(faq, entry)| object::Faq {
        faq: id(faq.clone()),
        question: entry.question.clone(),
        answer: entry.answer.clone(),
    });
    let quick_replies = view.quick_replies.iter().map(|(quick_reply, text)| object::QuickReply {
        quick_reply: id(quick_reply.clone()),
        text: text.clone(),
    });
    reply::Texts {
        faq: faq.collect(),
        card: view.card.iter().cloned().map(id).collect(),
        quick_replies: quick_replies.collect(),
    }
}

pub fn rate(view: &view::RateView) -> object::Rate {
    let steps = FIRST_REPLY_STEPS_MS.iter().map(|step| Some(SpanMs(*step))).chain([None]);
    let first_replies = steps
        .zip(view.first_replies)
        .map(|(within_ms, count)| object::FirstReplies { within_ms, count });
    let counted = sum([view.pending, view.faq_hits, view.human_hits, view.missed]);
    let hits = sum([view.faq_hits, view.human_hits]);
    object::Rate {
        from: at(view.from),
        until: at(view.until),
        pending: view.pending,
        faq_hits: view.faq_hits,
        human_hits: view.human_hits,
        missed: view.missed,
        missed_unassigned: view.missed_unassigned,
        excluded: view.excluded,
        holiday: view.holiday,
        no_reply: view.no_reply,
        reported: view.reported,
        rated: view.rated,
        satisfied: view.satisfied,
        first_replies: first_replies.collect(),
        rate_bps: share_bps(hits, counted),
        settled_bps: share_bps(hits, hits + u64::from(view.missed)),
        no_reply_bps: share_bps(view.no_reply.into(), counted + u64::from(view.excluded)),
    }
}

pub fn agent_rate(view: &view::AgentRateView) -> object::AgentRate {
    object::AgentRate {
        agent: id(view.agent.clone()),
        hits: view.hits,
        missed: view.missed,
        no_reply: view.no_reply,
        rate_bps: share_bps(view.hits.into(), sum([view.hits, view.missed])),
    }
}

fn sum<const N: usize>(counts: [u32; N]) -> u64 {
    counts.into_iter().map(u64::from).sum()
}

/// Rounded down, in integers: a share of 99.999 % must not read as all of them. Of nothing: none.
fn share_bps(part: u64, whole: u64) -> Option<u32> {
    let bps = (part * WHOLE_BPS).checked_div(whole)?;
    u32::try_from(bps).ok()
}

/// Where a list goes on, for whoever asks for its next page.
pub fn cursor_text(cursor: ListCursor) -> String {
    format!("{}.{}.{}", cursor.class, cursor.at.0, cursor.session)
}

/// Where a list shall go on, as `cursor_text` has said it.
pub fn cursor(text: &str) -> Result<ListCursor, Refusal> {
    let read = || {
        let mut parts = text.split('.');
        let class = parts.next()?.parse().ok()?;
        let at = Millis(parts.next()?.parse().ok()?);
        let session = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(ListCursor { class, at, session })
    };
    read().ok_or_else(|| Refusal::invalid_field("cursor", "is not the next of a page before"))
}
