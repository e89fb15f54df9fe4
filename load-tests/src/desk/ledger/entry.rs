//! The feed's events of the desk, as the audit reads them. Owns only the fields it needs; every
//! other field and every other event is skipped.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct MessageSent<'a> {
    pub(super) buyer: &'a str,
    pub(super) seq: u64,
    pub(super) session: Option<u64>,
    #[serde(borrow)]
    pub(super) from: Sender<'a>,
    pub(super) kind: &'a str,
    pub(super) chars: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sender<'a> {
    Buyer,
    Agent(&'a str),
    Faq(&'a str),
    Bot(&'a str),
}

#[derive(Debug, Deserialize)]
pub(super) struct MessageRecalled<'a> {
    pub(super) buyer: &'a str,
    pub(super) seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionOpened<'a> {
    pub(super) session: u64,
    pub(super) buyer: &'a str,
    pub(super) answer_by: Option<i64>,
    pub(super) holiday: bool,
    #[serde(borrow)]
    pub(super) excludes: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnswerDue {
    pub(super) session: u64,
    pub(super) since: i64,
    pub(super) due_at: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionQueued<'a> {
    pub(super) session: u64,
    pub(super) cause: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionsRequeued<'a> {
    pub(super) agent: &'a str,
    pub(super) sessions: Vec<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionAssigned<'a> {
    pub(super) session: u64,
    pub(super) agent: &'a str,
    pub(super) epoch: u32,
    #[serde(borrow)]
    pub(super) why: Why<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Why<'a> {
    pub(super) reason: &'a str,
    pub(super) load: u32,
    pub(super) cap: u32,
    pub(super) forced: bool,
    pub(super) by: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionAnswered<'a> {
    pub(super) session: u64,
    #[serde(borrow)]
    pub(super) by: Answerer<'a>,
    pub(super) replied_at: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answerer<'a> {
    Human(&'a str),
    Faq,
    Bot,
}

/// An event that needs no more than its session.
#[derive(Debug, Deserialize)]
pub(super) struct OfSession {
    pub(super) session: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionMissed<'a> {
    pub(super) session: u64,
    pub(super) charged: Option<&'a str>,
    pub(super) due_at: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionClosed<'a> {
    pub(super) session: u64,
    pub(super) reason: &'a str,
    pub(super) by: Option<&'a str>,
    pub(super) owner: Option<&'a str>,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionReported<'a> {
    pub(super) session: u64,
    pub(super) report: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReportDecided<'a> {
    pub(super) report: &'a str,
    pub(super) verdict: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionRated {
    pub(super) session: u64,
    pub(super) stars: u8,
}

#[derive(Debug, Deserialize)]
pub(super) struct AgentConnected<'a> {
    pub(super) agent: &'a str,
    pub(super) connection: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct AgentDisconnected<'a> {
    pub(super) agent: &'a str,
    pub(super) connection: &'a str,
    pub(super) grace_until: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AgentDown<'a> {
    pub(super) agent: &'a str,
    pub(super) cause: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct LinksLost {
    pub(super) grace_until: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct AgentIntentSet<'a> {
    pub(super) agent: &'a str,
    pub(super) intent: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct AgentCapSet<'a> {
    pub(super) agent: &'a str,
    pub(super) cap: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct HolidaySet {
    pub(super) holiday: Option<Holiday>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Holiday {
    from: i64,
    until: Option<i64>,
}

impl Holiday {
    pub(super) fn contains(&self, at: i64) -> bool {
        at >= self.from && self.until.is_none_or(|until| at < until)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PolicySet {
    pub(super) policy: Policy,
}

/// What the rules of the audit depend on.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Policy {
    pub(super) answer_within_ms: i64,
    pub(super) automation_counts: Vec<String>,
    pub(super) excludes: Vec<String>,
    pub(super) sticky_ms: i64,
    pub(super) grace_ms: i64,
    pub(super) charge_after_ms: i64,
    pub(super) cap: u32,
}

impl Default for Policy {
    /// What the sellers' guide says where a shop says nothing.
    fn default() -> Self {
        Self {
            answer_within_ms: 86_400_000,
            automation_counts: vec!["faq".to_owned()],
            excludes: ["holiday", "no_reply", "reported"].map(str::to_owned).to_vec(),
            sticky_ms: 7 * 86_400_000,
            grace_ms: 30_000,
            charge_after_ms: 1_800_000,
            cap: 200,
        }
    }
}

impl Policy {
    pub(super) fn counts(&self, automation: &str) -> bool {
        self.automation_counts.iter().any(|it| it == automation)
    }
}
