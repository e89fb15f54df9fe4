//! Requests of chats and of the desk as the domain's commands. Knows no connection: a link of an
//! agent is made where sockets are.

use hawker_domain::command::{
    self, ChatCommand, Command, Content, DeskCommand, Faq, Holiday, Intent, Marks, Role,
    TransferTo, Verdict,
};
use hawker_domain::event::desk::Exclusion;
use hawker_domain::id::{
    CouponId, FaqId, NoteId, OrderId, ProductId, QuickReplyId, ReportId, SessionId, UploadId,
    UserId,
};
use hawker_domain::policy::{Automation, DeskPolicy, OwnerDown, VerdictBy};
use hawker_domain::view::desk::DeskList;
use hawker_protocol::number::{Count, SessionId as SessionNumber};
use hawker_protocol::object::{self, Draft};
use hawker_protocol::{Id, Request, request};

use super::from_wire::{Ask, BUYER, at, made_id, room, span, user};

/// Who may answer buyers; who leads may do it over an agent's head.
pub const STAFF: &[Role] = &[Role::Supervisor, Role::Manager, Role::Agent];
/// Who runs the desk.
pub const LEADERS: &[Role] = &[Role::Supervisor, Role::Manager];
/// The staff, and the shop's own systems.
pub const SPEAKERS: &[Role] = &[Role::Supervisor, Role::Manager, Role::Agent, Role::Service];
/// Who writes beforehand what the shop says, and closes it for a holiday.
pub const EDITORS: &[Role] = &[Role::Supervisor, Role::Manager, Role::Service];
/// The shop's policy says which of them.
const JUDGES: &[Role] = &[Role::Service, Role::Manager];

/// What the store of uploads knows of the file that a draft names.
#[derive(Debug, Clone, Copy)]
pub struct Attachment<'a> {
    pub media_type: &'a str,
    pub size_bytes: u64,
}

/// The file that a message names. It must be there, the sender's own, and kept before the message
/// is accepted.
pub fn named_upload(request: &Request) -> Option<UploadId> {
    let draft = match request {
        Request::ChatSend(it) => &it.content,
        Request::DeskSend(it) => &it.content,
        _ => return None,
    };
    match draft {
        Draft::Image { upload } | Draft::Video { upload } => Some(upload_id(upload)),
        Draft::Text { .. }
        | Draft::Emoji { .. }
        | Draft::Product { .. }
        | Draft::Order { .. }
        | Draft::Coupon { .. }
        | Draft::QuickReply { .. } => None,
    }
}

pub(super) fn from_chat(request: &Request, ask: &Ask<'_>) -> Option<(Command, &'static [Role])> {
    let command = match request {
        Request::ChatSend(it) => {
            let (content, room) = (content(&it.content, ask), it.room.as_ref().map(room));
            ChatCommand::Send { content, room }
        }
        Request::ChatFaq(it) => {
            ChatCommand::ClickFaq { faq: faq(&it.faq), room: it.room.as_ref().map(room) }
        }
        Request::ChatRead(it) => ChatCommand::Mark { marks: marks(it.delivered, it.read) },
        Request::ChatTyping(_) => ChatCommand::Typing,
        Request::ChatRecall(it) => ChatCommand::Recall { seq: it.seq.0 },
        Request::ChatRate(it) => {
            let (session, stars) = (session_id(it.session), it.stars.0);
            ChatCommand::Rate { session, stars, comment: it.comment.to_string() }
        }
        _ => return None,
    };
    Some((command.into(), BUYER))
}

pub(super) fn from_desk(request: &Request, ask: &Ask<'_>) -> Option<(Command, &'static [Role])> {
    let told = from_reception(request, ask)
        .or_else(|| from_staff_chat(request, ask))
        .or_else(|| from_desk_settings(request, ask));
    told.map(|(command, roles)| (command.into(), roles))
}

/// About sessions and those who hold them.
fn from_reception(request: &Request, ask: &Ask<'_>) -> Option<(DeskCommand, &'static [Role])> {
    Some(match request {
        Request::DeskLogOut(it) => (DeskCommand::LogOut { confirmed: it.confirmed }, STAFF),
        Request::DeskStatus(it) => {
            let (agent, intent) = (it.agent.as_ref().map(user), intent(it.status));
            (DeskCommand::SetIntent { agent, intent, confirmed: it.confirmed }, STAFF)
        }
        Request::DeskCap(it) => {
            (DeskCommand::SetCap { agent: it.agent.as_ref().map(user), cap: it.cap.0 }, STAFF)
        }
        Request::DeskTake(it) => {
            (DeskCommand::Take { session: session_id(it.session), force: it.force }, STAFF)
        }
        Request::DeskAssign(it) => {
            let (session, agent) = (session_id(it.session), user(&it.agent));
            let (epoch, force) = (it.epoch.0, it.force);
            (DeskCommand::Assign { session, epoch, agent, force }, LEADERS)
        }
        Request::DeskTransfer(it) => {
            let to = it.agent.as_ref().map_or(TransferTo::Queue, |it| TransferTo::Agent(user(it)));
            let (session, epoch, force) = (session_id(it.session), it.epoch.0, it.force);
            (DeskCommand::Transfer { session, epoch, to, force }, STAFF)
        }
        Request::DeskClose(it) => {
            (DeskCommand::Close { session: session_id(it.session), epoch: it.epoch.0 }, STAFF)
        }
        Request::DeskNoReply(it) => {
            let (session, epoch) = (session_id(it.session), it.epoch.0);
            (DeskCommand::MarkNoReply { session, epoch }, STAFF)
        }
        Request::DeskReport(it) => {
            let report = ReportId::checked(made_id(ask, &it.command_id));
            let (session, reason) = (session_id(it.session), it.reason.to_string());
            (DeskCommand::Report { session, report, reason }, SPEAKERS)
        }
        Request::DeskVerdict(it) => {
            let (session, report) = (session_id(it.session), ReportId::checked(it.report.as_str()));
            (DeskCommand::Decide { session, report, verdict: verdict(it.verdict) }, JUDGES)
        }
        _ => return None,
    })
}

/// About one buyer.
fn from_staff_chat(request: &Request, ask: &Ask<'_>) -> Option<(DeskCommand, &'static [Role])> {
    Some(match request {
        Request::DeskSend(it) => {
            let (buyer, content) = (user(&it.buyer), content(&it.content, ask));
            (DeskCommand::Send { buyer, content }, SPEAKERS)
        }
        Request::DeskRead(it) => {
            let (buyer, marks) = (user(&it.buyer), marks(it.delivered, it.read));
            (DeskCommand::Mark { buyer, marks }, STAFF)
        }
        Request::DeskTyping(it) => (DeskCommand::Typing { buyer: user(&it.buyer) }, STAFF),
        Request::DeskRecall(it) => {
            (DeskCommand::Recall { buyer: user(&it.buyer), seq: it.seq.0 }, STAFF)
        }
        Request::DeskNote(it) => {
            let note = NoteId::checked(ordered_id(ask, &it.command_id));
            let (buyer, text) = (user(&it.buyer), it.text.to_string());
            (DeskCommand::AddNote { buyer, note, text }, STAFF)
        }
        Request::DeskTag(it) => {
            let tags = it.tags.iter().map(|tag| tag.to_string()).collect();
            (DeskCommand::SetTags { buyer: user(&it.buyer), tags }, STAFF)
        }
        Request::BuyerBlock(it) => (DeskCommand::Block { buyer: user(&it.buyer) }, SPEAKERS),
        Request::BuyerUnblock(it) => (DeskCommand::Unblock { buyer: user(&it.buyer) }, SPEAKERS),
        _ => return None,
    })
}

fn from_desk_settings(request: &Request, ask: &Ask<'_>) -> Option<(DeskCommand, &'static [Role])> {
    let command = match request {
        Request::FaqSet(it) => {
            let made = || FaqId::checked(made_id(ask, &it.command_id));
            let entry = Faq { question: it.question.to_string(), answer: it.answer.to_string() };
            DeskCommand::PutFaq { faq: it.faq.as_ref().map_or_else(made, faq), entry }
        }
        Request::FaqRemove(it) => DeskCommand::RemoveFaq { faq: faq(&it.faq) },
        Request::FaqCard(it) => {
            DeskCommand::SetFaqCard { questions: it.questions.iter().map(faq).collect() }
        }
        Request::QuickReplySet(it) => {
            let made = || QuickReplyId::checked(made_id(ask, &it.command_id));
            let id = it.quick_reply.as_ref().map_or_else(made, quick_reply);
            DeskCommand::PutQuickReply { quick_reply: id, text: it.text.to_string() }
        }
        Request::QuickReplyRemove(it) => {
            DeskCommand::RemoveQuickReply { quick_reply: quick_reply(&it.quick_reply) }
        }
        Request::ShopHoliday(it) => {
            DeskCommand::SetHoliday { holiday: it.holiday.as_ref().map(holiday) }
        }
        _ => return None,
    };
    Some((command, EDITORS))
}

/// Begins with the command's own id: where callers make ids that rise with time, as UUIDv7 do, the
/// notes of a buyer stand in the order in which they were made.
fn ordered_id(ask: &Ask<'_>, command: &Id) -> String {
    const MADE_BYTES: usize = 32;
    let begin = command.as_str();
    let begin = begin.get(..hawker_domain::id::ID_BYTES_MAX - MADE_BYTES - 1).unwrap_or(begin);
    format!("{begin}-{}", made_id(ask, command))
}

/// A draft whose file nobody has looked up is of no type, which the domain refuses.
fn content(draft: &Draft, ask: &Ask<'_>) -> Content {
    match draft {
        Draft::Text { text } => Content::Text(text.to_string()),
        Draft::Emoji { emoji } => Content::Emoji(emoji.to_string()),
        Draft::Image { upload } => Content::Image(attachment(upload, ask)),
        Draft::Video { upload } => Content::Video(attachment(upload, ask)),
        Draft::Product { product } => Content::Product(ProductId::checked(product.as_str())),
        Draft::Order { order } => Content::Order(OrderId::checked(order.as_str())),
        Draft::Coupon { coupon } => Content::Coupon(CouponId::checked(coupon.as_str())),
        Draft::QuickReply { quick_reply: id, variables } => {
            let variables = variables.iter().map(|(name, it)| (name.to_string(), it.to_string()));
            Content::QuickReply { quick_reply: quick_reply(id), variables: variables.collect() }
        }
    }
}

fn attachment(upload: &Id, ask: &Ask<'_>) -> command::Attachment {
    let found = ask.attachment.unwrap_or(Attachment { media_type: "", size_bytes: 0 });
    command::Attachment {
        upload: upload_id(upload),
        media_type: found.media_type.to_owned(),
        size_bytes: found.size_bytes,
    }
}

/// What is read was delivered; what is absent moves nothing.
fn marks(delivered: Option<Count>, read: Option<Count>) -> Marks {
    let count = |mark: Option<Count>| mark.map_or(0, |mark| mark.0);
    let read = count(read);
    Marks { delivered: count(delivered).max(read), read }
}

pub fn session_id(session: SessionNumber) -> SessionId {
    SessionId(session.0)
}

pub fn user_id(id: &Id) -> UserId {
    user(id)
}

fn upload_id(id: &Id) -> UploadId {
    UploadId::checked(id.as_str())
}

fn faq(id: &Id) -> FaqId {
    FaqId::checked(id.as_str())
}

fn quick_reply(id: &Id) -> QuickReplyId {
    QuickReplyId::checked(id.as_str())
}

fn intent(intent: object::Intent) -> Intent {
    match intent {
        object::Intent::Accepting => Intent::Accepting,
        object::Intent::Busy => Intent::Busy,
        object::Intent::Away => Intent::Away,
        object::Intent::Off => Intent::Off,
    }
}

fn verdict(verdict: object::Verdict) -> Verdict {
    match verdict {
        object::Verdict::Upheld => Verdict::Upheld,
        object::Verdict::Rejected => Verdict::Rejected,
        object::Verdict::Overturned => Verdict::Overturned,
    }
}

fn holiday(holiday: &object::Holiday) -> Holiday {
    Holiday { from: at(holiday.from), until: holiday.until.map(at) }
}

/// Which list is asked for. Only one's own needs a name, and without it is `asks`'.
pub fn desk_list(list: &request::DeskList, asks: &UserId) -> DeskList {
    let agent = list.agent.as_ref().map(user);
    match list.list {
        object::SessionList::Mine => DeskList::Mine(agent.unwrap_or_else(|| asks.clone())),
        object::SessionList::Unassigned => DeskList::Unassigned,
        object::SessionList::SelfServed => DeskList::SelfServed,
        object::SessionList::Expiring => DeskList::Expiring(agent),
        object::SessionList::NeedsReply => DeskList::NeedsReply(agent),
        object::SessionList::Closed => DeskList::Closed(agent),
    }
}

/// The policy after a change; what is absent stays.
pub fn changed_policy(now: &DeskPolicy, change: &object::PolicyChange) -> DeskPolicy {
    let counts = change.automation_counts.as_ref();
    let excludes = change.excludes.as_ref();
    DeskPolicy {
        answer_within_ms: change.answer_within_ms.map_or(now.answer_within_ms, span),
        expiring_after_ms: change
            .expiring_after_ms
            .map_or(now.expiring_after_ms, |after| after.map(span)),
        automation_counts: counts.map_or_else(
            || now.automation_counts.clone(),
            |counts| counts.iter().copied().map(automation).collect(),
        ),
        excludes: excludes.map_or_else(
            || now.excludes.clone(),
            |excludes| excludes.iter().copied().map(exclusion).collect(),
        ),
        auto_close_ms: change.auto_close_ms.map_or(now.auto_close_ms, span),
        sticky_ms: change.sticky_ms.map_or(now.sticky_ms, span),
        grace_ms: change.grace_ms.map_or(now.grace_ms, span),
        owner_down: change.owner_down.map_or(now.owner_down, owner_down),
        charge_after_ms: change.charge_after_ms.map_or(now.charge_after_ms, span),
        cap: change.cap.map_or(now.cap, |cap| cap.0),
        unassigned_alert: change.unassigned_alert.unwrap_or(now.unassigned_alert),
        verdict_by: change.verdict_by.map_or(now.verdict_by, verdict_by),
        no_reply_by_supervisor: change.no_reply_by_supervisor.unwrap_or(now.no_reply_by_supervisor),
    }
}

fn automation(automation: object::Automation) -> Automation {
    match automation {
        object::Automation::Faq => Automation::Faq,
        object::Automation::Bot => Automation::Bot,
    }
}

fn exclusion(exclusion: object::Exclusion) -> Exclusion {
    match exclusion {
        object::Exclusion::Holiday => Exclusion::Holiday,
        object::Exclusion::NoReply => Exclusion::NoReply,
        object::Exclusion::Reported => Exclusion::Reported,
    }
}

fn owner_down(owner_down: object::OwnerDown) -> OwnerDown {
    match owner_down {
        object::OwnerDown::Keep => OwnerDown::Keep,
        object::OwnerDown::RequeueUnanswered => OwnerDown::RequeueUnanswered,
        object::OwnerDown::RequeueAll => OwnerDown::RequeueAll,
    }
}

fn verdict_by(verdict_by: object::VerdictBy) -> VerdictBy {
    match verdict_by {
        object::VerdictBy::Service => VerdictBy::Service,
        object::VerdictBy::Manager => VerdictBy::Manager,
    }
}
