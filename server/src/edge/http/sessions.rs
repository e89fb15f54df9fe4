//! Sessions of the desk over HTTP: the lists, what a supervisor does to one, reports and their
//! verdicts. Owns the routes; the verbs are those of the socket.

use hawker_domain::command::DeskCommand;
use hawker_domain::document;
use hawker_domain::id::{self, ReportId, ShopId};
use hawker_domain::view::Change;
use hawker_domain::view::desk::{DeskChange, ReportView, SessionView};
use hawker_protocol::http::{
    AssignSession, EndSession, FileReport, FiledReport, ListSessions, SessionReports, SetVerdict,
    TransferSession,
};
use hawker_protocol::number::SessionId;
use hawker_protocol::object::SessionList;
use hawker_protocol::reply::{ReportChanged, SessionChanged, Sessions};
use hawker_protocol::{Code, Id, Refusal, request};

use super::call::Call;
use super::problem::{Answered, created, ok};
use crate::edge::refusals;
use crate::wire;

/// What every verb of a session starts with: shop, command id, session.
fn head(call: &Call) -> Result<(Id, Id, SessionId), Refusal> {
    Ok((call.id("shop")?, call.command_id(), call.session()?))
}

/// Shows one of the lists of the desk.
///
/// `closed` begins with the newest, the others with what has waited longest.
#[utoipa::path(get, path = "/v1/shops/{shop}/sessions", tag = "desk",
    params(
        ("list" = SessionList, Query, description = "`mine` needs an `agent`."),
        ("agent" = Option<Id>, Query, description = "Whose; absent: everybody's."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Sessions)))]
pub(super) async fn list_sessions(call: Call) -> Answered {
    let (shop, asked): (_, ListSessions) = (call.id("shop")?, call.query()?);
    let ListSessions { list, agent, cursor, limit } = asked;
    if list == SessionList::Mine && agent.is_none() {
        return Err(Refusal::invalid_field("agent", "is needed with mine").into());
    }
    call.perform(request::DeskList { shop, list, agent, cursor, limit }).await
}

/// Shows a session, open or closed, for 97 days.
#[utoipa::path(get, path = "/v1/shops/{shop}/sessions/{session}", tag = "desk",
    responses((status = 200, body = SessionChanged),
        (status = 404, description = "session_unknown"), (status = 410, description = "too_old")))]
pub(super) async fn get_session(call: Call) -> Answered {
    let (shop, session) = (call.shop()?, wire::session_id(call.session()?));
    let view = call.ask(&shop, wire::SPEAKERS, move |shop, _| shop.session_view(session)).await?;
    let view = present(&call, &shop, session, view).await?;
    ok(&SessionChanged { session: wire::session(&view) })
}

/// A session that the shop no longer keeps figures of is another matter than one that never was.
async fn present(
    call: &Call,
    shop: &ShopId,
    session: id::SessionId,
    view: Option<SessionView>,
) -> Result<SessionView, Refusal> {
    if let Some(view) = view {
        return Ok(view);
    }
    let found = call.service().engine().document(shop, &document::session_key(session)).await;
    let is_old = found.map_err(|error| refusals::of_journal(&error))?.is_some();
    Err(Refusal::new(if is_old { Code::TooOld } else { Code::SessionUnknown }))
}

/// Gives a session to an agent, by a supervisor or manager.
#[utoipa::path(post, path = "/v1/shops/{shop}/sessions/{session}/assign", tag = "desk",
    request_body = AssignSession,
    responses((status = 200, body = SessionChanged),
        (status = 404, description = "session_unknown, agent_unknown"),
        (status = 409, description = "session_closed, session_moved, already_taken, saturated, \
            agent_not_ready"),
        (status = 410, description = "too_old")))]
pub(super) async fn assign_session(call: Call) -> Answered {
    let (shop, command_id, session) = head(&call)?;
    let AssignSession { epoch, agent, force } = call.body()?;
    let asked = request::DeskAssign { shop, command_id, session, epoch, agent, force };
    call.perform(asked).await
}

/// Passes a session on, or back among those that wait.
#[utoipa::path(post, path = "/v1/shops/{shop}/sessions/{session}/transfer", tag = "desk",
    request_body = TransferSession,
    responses((status = 200, body = SessionChanged),
        (status = 404, description = "session_unknown, agent_unknown"),
        (status = 409, description = "session_closed, session_moved, not_owner, already_taken, \
            saturated, agent_not_ready"),
        (status = 410, description = "too_old")))]
pub(super) async fn transfer_session(call: Call) -> Answered {
    let (shop, command_id, session) = head(&call)?;
    let TransferSession { epoch, agent, force } = call.body()?;
    let asked = request::DeskTransfer { shop, command_id, session, epoch, agent, force };
    call.perform(asked).await
}

/// Ends a session; one that is not answered still has to be.
#[utoipa::path(post, path = "/v1/shops/{shop}/sessions/{session}/close", tag = "desk",
    request_body = EndSession,
    responses((status = 200, body = SessionChanged),
        (status = 404, description = "session_unknown"),
        (status = 409, description = "session_closed, session_moved, not_owner"),
        (status = 410, description = "too_old")))]
pub(super) async fn close_session(call: Call) -> Answered {
    let (shop, command_id, session) = head(&call)?;
    let EndSession { epoch } = call.body()?;
    call.perform(request::DeskClose { shop, command_id, session, epoch }).await
}

/// Ends a session that needs no reply: it leaves the response rate.
#[utoipa::path(post, path = "/v1/shops/{shop}/sessions/{session}/no-reply", tag = "desk",
    request_body = EndSession,
    responses((status = 200, body = SessionChanged),
        (status = 404, description = "session_unknown"),
        (status = 409, description = "session_closed, session_moved, not_owner"),
        (status = 410, description = "too_old")))]
pub(super) async fn end_without_reply(call: Call) -> Answered {
    let (shop, command_id, session) = head(&call)?;
    let EndSession { epoch } = call.body()?;
    call.perform(request::DeskNoReply { shop, command_id, session, epoch }).await
}

/// Lists the reports of a session with their reasons.
#[utoipa::path(get, path = "/v1/shops/{shop}/sessions/{session}/reports", tag = "desk",
    responses((status = 200, body = SessionReports),
        (status = 404, description = "session_unknown"), (status = 410, description = "too_old")))]
pub(super) async fn list_reports(call: Call) -> Answered {
    let (shop, session) = (call.shop()?, wire::session_id(call.session()?));
    let asked = call.ask(&shop, wire::SPEAKERS, move |shop, _| {
        (shop.session_view(session), shop.reports_of(session))
    });
    let (view, filed) = asked.await?;
    let view = present(&call, &shop, session, view).await?;
    let mut reports = Vec::with_capacity(filed.len());
    for report in &filed {
        reports.push(with_reason(&call, &shop, &view, report).await?);
    }
    ok(&SessionReports { reports })
}

async fn with_reason(
    call: &Call,
    shop: &ShopId,
    session: &SessionView,
    report: &ReportView,
) -> Result<FiledReport, Refusal> {
    let key = document::report_key(&session.buyer, &report.report);
    let found = call.service().engine().document(shop, &key).await;
    let found = found.map_err(|error| refusals::of_journal(&error))?;
    let reason = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(FiledReport { report: wire::report(report), reason })
}

/// Reports a session as no fair one. It counts until the report is upheld.
///
/// Without an id the server makes one; with the same `Idempotency-Key` it is the same.
#[utoipa::path(post, path = "/v1/shops/{shop}/sessions/{session}/reports", tag = "desk",
    request_body = FileReport,
    responses((status = 201, body = ReportChanged),
        (status = 404, description = "session_unknown"),
        (status = 409, description = "report_exists"), (status = 410, description = "too_old")))]
pub(super) async fn file_report(call: Call) -> Answered {
    let (shop, session) = (call.shop()?, wire::session_id(call.session()?));
    let FileReport { report, reason } = call.body()?;
    let report = report.unwrap_or_else(|| call.made_id());
    let report = ReportId::checked(report.as_str());
    let command = DeskCommand::Report { session, report, reason: reason.into_string() };
    let answer = call.submit(&shop, wire::SPEAKERS, command).await?;
    match answer.result {
        Some(Change::Desk(DeskChange::Report(view))) => {
            created(&ReportChanged { report: wire::report(&view) })
        }
        _ => Err(Refusal::new(Code::Internal).into()),
    }
}

/// Decides a report: the platform's system, or a manager where the shop's policy says so.
///
/// The same verdict again changes nothing.
#[utoipa::path(put, path = "/v1/shops/{shop}/sessions/{session}/reports/{report}/verdict",
    tag = "desk", request_body = SetVerdict,
    responses((status = 200, body = ReportChanged),
        (status = 404, description = "session_unknown, report_unknown"),
        (status = 409, description = "report_not_ready"), (status = 410, description = "too_old")))]
pub(super) async fn decide_report(call: Call) -> Answered {
    let (shop, command_id, session) = head(&call)?;
    let (report, SetVerdict { verdict }) = (call.id("report")?, call.body()?);
    call.perform(request::DeskVerdict { shop, command_id, session, report, verdict }).await
}
