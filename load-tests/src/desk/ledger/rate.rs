//! The response rate, counted session by session from the audit's own book. Owns the arithmetic of
//! the comparison with what the server says; asks nobody.

use std::collections::BTreeMap;

use hawker_protocol::object::{AgentRate, FirstReplies, Rate};

use super::DeskLedger;
use super::session::{Answer, Duty, Session};

const SATISFIED_STARS: u8 = 4;

/// Sessions that opened in `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::desk) struct Window {
    pub(in crate::desk) from: i64,
    pub(in crate::desk) until: i64,
}

/// What a window came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::desk) struct Rates {
    shop: Counts,
    agents: BTreeMap<String, Share>,
    /// From the beginning of the duty to the first reply in time.
    first_replies_ms: Vec<i64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    pending: u32,
    faq_hits: u32,
    human_hits: u32,
    missed: u32,
    missed_unassigned: u32,
    excluded: u32,
    holiday: u32,
    no_reply: u32,
    reported: u32,
    rated: u32,
    satisfied: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Share {
    hits: u32,
    missed: u32,
    no_reply: u32,
}

/// Hundredths of a percent, rounded down; of nothing there is no share.
fn share_bps(part: u32, whole: u32) -> Option<u32> {
    (u64::from(part) * 10_000).checked_div(whole.into()).and_then(|bps| bps.try_into().ok())
}

impl DeskLedger {
    /// The first and the last moment at which a session opened.
    pub(in crate::desk) fn span(&self) -> Option<(i64, i64)> {
        Some((self.sessions.first()?.opened_at, self.sessions.last()?.opened_at))
    }

    pub(in crate::desk) fn rates(&self, window: Window) -> Rates {
        let mut rates = Rates::default();
        let inside = |session: &&Session| (window.from..window.until).contains(&session.opened_at);
        self.sessions.iter().filter(inside).for_each(|session| rates.count(session));
        rates
    }
}

impl Rates {
    fn share(&mut self, agent: &str) -> &mut Share {
        self.agents.entry(agent.to_owned()).or_default()
    }

    fn count(&mut self, session: &Session) {
        let shop = &mut self.shop;
        shop.holiday += u32::from(session.is_holiday);
        shop.no_reply += u32::from(session.is_no_reply);
        shop.reported += u32::from(session.is_reported);
        if let Some(stars) = session.stars {
            shop.rated += 1;
            shop.satisfied += u32::from(stars >= SATISFIED_STARS);
        }
        if session.is_no_reply
            && let Some(marker) = &session.closed_by
        {
            self.share(marker).no_reply += 1;
        }
        if session.is_excluded() {
            self.shop.excluded += 1;
            return;
        }
        self.count_answer(session.own.as_ref().unwrap_or(&session.told));
    }

    fn count_answer(&mut self, duty: &Duty) {
        match &duty.answer {
            Answer::Pending => self.shop.pending += 1,
            Answer::Automatic => self.shop.faq_hits += 1,
            Answer::Human(agent) => {
                self.shop.human_hits += 1;
                self.share(agent).hits += 1;
                self.first_replies_ms.push(duty.replied_at.unwrap_or(duty.since) - duty.since);
            }
            Answer::Missed(Some(agent)) => {
                self.shop.missed += 1;
                self.share(agent).missed += 1;
            }
            Answer::Missed(None) => {
                self.shop.missed += 1;
                self.shop.missed_unassigned += 1;
            }
        }
    }

    /// Every figure of the shop beside the server's, by name.
    fn pairs(&self, told: &Rate) -> Vec<(&'static str, u32, u32)> {
        let own = self.shop;
        let hits = own.human_hits + own.faq_hits;
        let counted = own.pending + hits + own.missed;
        let none = u32::MAX;
        let bps = [
            ("rate_bps", share_bps(hits, counted), told.rate_bps),
            ("settled_bps", share_bps(hits, hits + own.missed), told.settled_bps),
            ("no_reply_bps", share_bps(own.no_reply, counted + own.excluded), told.no_reply_bps),
        ];
        let mut pairs = vec![
            ("pending", own.pending, told.pending),
            ("faq_hits", own.faq_hits, told.faq_hits),
            ("human_hits", own.human_hits, told.human_hits),
            ("missed", own.missed, told.missed),
            ("missed_unassigned", own.missed_unassigned, told.missed_unassigned),
            ("excluded", own.excluded, told.excluded),
            ("holiday", own.holiday, told.holiday),
            ("no_reply", own.no_reply, told.no_reply),
            ("reported", own.reported, told.reported),
            ("rated", own.rated, told.rated),
            ("satisfied", own.satisfied, told.satisfied),
        ];
        let named = |(name, own, told): (_, Option<u32>, Option<u32>)| {
            (name, own.unwrap_or(none), told.unwrap_or(none))
        };
        pairs.extend(bps.map(named));
        pairs.extend(self.replies_beside(&told.first_replies));
        pairs
    }

    /// The first replies by the steps that the server names.
    fn replies_beside(&self, told: &[FirstReplies]) -> Vec<(&'static str, u32, u32)> {
        let mut from = i64::MIN;
        let steps = told.iter().map(|step| {
            let to = step.within_ms.and_then(|most| i64::try_from(most.0).ok()).unwrap_or(i64::MAX);
            let within = |ms: &&i64| **ms > from && **ms <= to;
            let count = self.first_replies_ms.iter().filter(within).count();
            from = to;
            ("first_replies", u32::try_from(count).unwrap_or(u32::MAX), step.count)
        });
        steps.collect()
    }

    /// How far the server's figures of the shop are off, in sessions and hundredths of a percent.
    pub(in crate::desk) fn differences(&self, told: &Rate) -> Differences {
        let mut found = Differences::default();
        for (name, own, told) in self.pairs(told) {
            found.compare(name, own, told);
        }
        found
    }

    /// The same of the agents.
    pub(in crate::desk) fn agent_differences(&self, told: &[AgentRate]) -> Differences {
        let mut found = Differences::default();
        let mut left = self.agents.clone();
        for it in told {
            let own = left.remove(it.agent.as_str()).unwrap_or_default();
            let bps = share_bps(own.hits, own.hits + own.missed);
            found.compare(it.agent.as_str(), own.hits, it.hits);
            found.compare(it.agent.as_str(), own.missed, it.missed);
            found.compare(it.agent.as_str(), own.no_reply, it.no_reply);
            let none = u32::MAX;
            found.compare(it.agent.as_str(), bps.unwrap_or(none), it.rate_bps.unwrap_or(none));
        }
        for (agent, own) in left {
            found.compare(&agent, own.hits + own.missed + own.no_reply, 0);
        }
        found
    }
}

/// Figures that are not the same.
#[derive(Debug, Default, Clone)]
pub(in crate::desk) struct Differences {
    pub(in crate::desk) compared: u64,
    pub(in crate::desk) sum: u64,
    pub(in crate::desk) said: Vec<String>,
}

impl Differences {
    fn compare(&mut self, name: &str, own: u32, told: u32) {
        self.compared += 1;
        if own != told {
            self.sum += u64::from(own.abs_diff(told));
            self.said.push(format!("{name}: the server says {told}, its events {own}"));
        }
    }

    pub(in crate::desk) fn add(&mut self, what: &str, other: Self) {
        self.compared += other.compared;
        self.sum += other.sum;
        self.said.extend(other.said.into_iter().map(|said| format!("{what}: {said}")));
    }
}
