//! Reports of sessions and their verdicts. Owns their states: an upheld one takes its session out
//! of the rate, however late, and an overturned one puts it back.

use serde::{Deserialize, Serialize};

use super::{Desk, yes};
use crate::command::{Actor, Role, Verdict};
use crate::document::{self, DocumentWrite};
use crate::event::desk::{DeskEvent, Exclusion};
use crate::id::{ReportId, SessionId};
use crate::policy::VerdictBy;
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::shop::invariant::must;
use crate::text;
use crate::view::desk::{ReportState, ReportView};

const REASON_CHARS_MAX: usize = 500;
/// Filed again and again, each time rejected.
const REPORTS_OF_SESSION_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) session: SessionId,
    pub(super) state: ReportState,
}

impl Desk {
    fn reports(&self, session: SessionId) -> &[ReportId] {
        self.reports_of.get(&session).map_or(&[], Vec::as_slice)
    }

    pub(super) fn decide_report(
        &self,
        actor: &Actor,
        session: SessionId,
        report: &ReportId,
        reason: &str,
    ) -> Result<Accepted, Rejection> {
        let row = self.row(session)?;
        let stands = |id: &ReportId| {
            let state = self.reports.get(id).map(|report| report.state);
            matches!(state, Some(ReportState::Filed | ReportState::Upheld))
        };
        let earlier = self.reports(session);
        if self.reports.contains_key(report) || earlier.iter().any(stands) {
            return Err(Rejection::ReportExists);
        }
        if earlier.len() >= REPORTS_OF_SESSION_MAX {
            return Err(Rejection::Invalid { field: "report", problem: "is one too many" });
        }
        let reason = text::line("reason", reason, REASON_CHARS_MAX)?;
        let (key, value) = (document::report_key(self.buyer_of(row), report), reason.into_bytes());
        let (report, by) = (report.clone(), actor.user.clone());
        let hash = document::hash(&value);
        let event = DeskEvent::SessionReported { session, report, by, hash };
        Ok(Accepted { documents: vec![DocumentWrite::Put { key, value }], ..yes(event) })
    }

    /// The same verdict again is no news.
    pub(super) fn decide_verdict(
        &self,
        actor: &Actor,
        session: SessionId,
        id: &ReportId,
        verdict: Verdict,
    ) -> Result<Accepted, Rejection> {
        let needed = match self.policy.verdict_by {
            VerdictBy::Service => Role::Service,
            VerdictBy::Manager => Role::Manager,
        };
        if actor.role != needed {
            return Err(Rejection::Forbidden { needed });
        }
        self.row(session)?;
        let report = self.reports.get(id).filter(|report| report.session == session);
        let report = report.ok_or(Rejection::ReportUnknown)?;
        let state = state_after(verdict);
        if report.state == state {
            return Ok(Accepted::default());
        }
        let needed = match verdict {
            Verdict::Upheld | Verdict::Rejected => ReportState::Filed,
            Verdict::Overturned => ReportState::Upheld,
        };
        if report.state != needed {
            return Err(Rejection::ReportNotReady { state: report.state });
        }
        let (report, by) = (id.clone(), actor.user.clone());
        Ok(yes(DeskEvent::ReportDecided { report, verdict, by }))
    }

    pub(super) fn on_session_reported(&mut self, session: SessionId, report: &ReportId) {
        let filed = Report { session, state: ReportState::Filed };
        self.reports.insert(report.clone(), filed);
        self.reports_of.entry(session).or_default().push(report.clone());
    }

    pub(super) fn on_report_decided(&mut self, id: &ReportId, verdict: Verdict) {
        let report = must(self.reports.get_mut(id), "report");
        report.state = state_after(verdict);
        let session = report.session;
        let is_upheld = verdict == Verdict::Upheld;
        self.recount(session, |row| row.marks.set(Exclusion::Reported, is_upheld));
        self.reconsider_expiring(session);
    }

    /// Reports go with the rows of their sessions.
    pub(super) fn forget_reports_before(&mut self, kept: SessionId) {
        while let Some(entry) = self.reports_of.first_entry() {
            if *entry.key() >= kept {
                return;
            }
            for report in entry.remove() {
                self.reports.remove(&report);
            }
        }
    }

    pub(super) fn report_view(&self, id: &ReportId) -> Option<ReportView> {
        let Report { session, state } = *self.reports.get(id)?;
        Some(ReportView { report: id.clone(), session, state, version: self.events })
    }
}

fn state_after(verdict: Verdict) -> ReportState {
    match verdict {
        Verdict::Upheld => ReportState::Upheld,
        Verdict::Rejected => ReportState::Rejected,
        Verdict::Overturned => ReportState::Overturned,
    }
}
