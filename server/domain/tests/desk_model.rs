//! The desk against a naive model of the same rules, over random commands, and the invariants of
//! assignment one by one. Owns the comparison; the model stands in `model/`. A failure prints the
//! seed: run it again with `HAWKER_SEED=N`. `HAWKER_SEEDS=N` tries that many.

#[path = "model/desk.rs"]
mod desk;
#[path = "support/desk_script.rs"]
mod desk_script;
#[path = "support/rejection_names.rs"]
mod rejection_names;
#[path = "support/twin.rs"]
mod twin;

use std::collections::{BTreeMap, BTreeSet};

use hawker_domain::event::DeskEvent;
use hawker_domain::event::desk::{AssignReason, SessionAssigned};
use hawker_domain::id::{SessionId, ShopId, UserId};
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::desk::{
    AgentStatus, AgentView, AnswerState, DeskList, Position, RateView, SessionState, SessionView,
};
use hawker_domain::{Event, Shop};

use desk::{Answer, Desk, Place, Session};
use desk_script::{AGENTS, Ask, DeskScript, id};
use rejection_names::{REJECTIONS, rejection_name};
use twin::Twin;

const STEPS: usize = 400;
/// This many keep the suite at a few seconds; two hundred were tried.
const SEEDS: u64 = 24;
/// Hashing and freezing the whole shop is what costs.
const WHOLE_EVERY: usize = 20;
/// So does a recount of every bucket of the rate.
const AUDIT_EVERY: usize = 5;
const PAGE: usize = 1_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// What the seeds must come across: a model that sees little finds little.
const CORNERS: &[&str] = &[
    "agent_not_ready",
    "agent_unknown",
    "already_rated",
    "already_taken",
    "buyer_blocked",
    "conversation_unknown",
    "forbidden",
    "last_agent",
    "message_unknown",
    "not_owner",
    "recall_too_late",
    "report_exists",
    "report_not_ready",
    "report_unknown",
    "saturated",
    "session_closed",
    "session_moved",
    "session_open",
    "session_unknown",
];

/// Events without which nothing was tried.
const SIGHTS: &[&str] = &[
    "sticky",
    "lowest_saturation",
    "picked",
    "transferred",
    "forced",
    "requeued",
    "missed charged",
    "missed unassigned",
    "expiring",
    "answered late",
    "due again",
    "idle",
];

type Seen = BTreeMap<&'static str, u32>;

#[test]
fn the_desk_does_what_a_naive_model_of_the_rules_does() {
    let (from, count) = match number("HAWKER_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("HAWKER_SEEDS").unwrap_or(SEEDS)),
    };
    let mut seen = Seen::new();
    for seed in from..from + count {
        if let Err(problem) = run(seed, &mut seen) {
            panic!("HAWKER_SEED={seed}: {problem}");
        }
    }
    if count < SEEDS {
        return;
    }
    assert!(CORNERS.iter().all(|name| REJECTIONS.contains(name)));
    let missing: Vec<_> =
        CORNERS.iter().chain(SIGHTS).filter(|name| !seen.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no {missing:?} in {seen:?}");
    let accepted = seen.get("yes").copied().unwrap_or(0);
    assert!(accepted * 2 > STEPS as u32 * count as u32, "too little is accepted: {seen:?}");
}

fn run(seed: u64, seen: &mut Seen) -> Result<(), String> {
    let mut pair = Pair::new(seed);
    for step in 0..STEPS {
        pair.step(seen).map_err(|problem| format!("step {step}: {problem}"))?;
        if step % WHOLE_EVERY == 0 {
            pair.whole().map_err(|problem| format!("step {step}: {problem}"))?;
        }
    }
    pair.whole()
}

struct Pair {
    script: DeskScript,
    twin: Twin,
    naive: Desk,
    /// Who owned a session in which epoch.
    owners: BTreeMap<(SessionId, u32), UserId>,
    /// What each waiting session was last told.
    shown: BTreeMap<SessionId, Position>,
    queue: Vec<SessionId>,
    /// How each session and each agent looked last.
    sessions: BTreeMap<SessionId, SessionView>,
    agents: BTreeMap<UserId, AgentView>,
    seen: Seen,
    steps: usize,
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            script: DeskScript::new(seed),
            twin: Twin::new(ShopId::parse("acme").expect("an id")),
            naive: Desk::default(),
            owners: BTreeMap::new(),
            shown: BTreeMap::new(),
            queue: Vec::new(),
            sessions: BTreeMap::new(),
            agents: BTreeMap::new(),
            seen: Seen::new(),
            steps: 0,
        }
    }

    fn step(&mut self, seen: &mut Seen) -> Result<(), String> {
        let ask = self.script.step(&self.twin.live);
        let now = self.script.now;
        let elapsed = self.twin.elapse(now);
        self.naive.elapse(now);
        self.look_at(&elapsed.events, true)?;
        self.compare().map_err(|problem| format!("elapsed to {now}: {problem}"))?;
        let (name, events) = self.ask(&ask, now)?;
        *seen.entry(name).or_default() += 1;
        self.look_at(&events, true).map_err(|problem| format!("{ask:?}: {problem}"))?;
        self.compare().map_err(|problem| format!("{ask:?}\n{events:?}\n{problem}"))?;
        self.steps += 1;
        if self.steps.is_multiple_of(AUDIT_EVERY) {
            let audit = self.twin.live.check_invariants();
            audit.map_err(|problem| format!("{ask:?}: {problem}"))?;
        }
        for (name, count) in std::mem::take(&mut self.seen) {
            *seen.entry(name).or_default() += count;
        }
        Ok(())
    }

    fn ask(&mut self, ask: &Ask, now: Millis) -> Result<(&'static str, Vec<Event>), String> {
        let Some((actor, command)) = ask else {
            self.naive.restart(now);
            let accepted = self.twin.live.links_lost(now);
            self.twin.follow(&accepted.events, now);
            return Ok(("restart", accepted.events));
        };
        let outcome = self.twin.execute(actor, command, now);
        let expected = self.naive.execute(actor, command, now);
        let name = outcome.as_ref().err().map_or("yes", rejection_name);
        if name != expected.err().unwrap_or("yes") {
            return Err(format!("{ask:?}\nthe shop: {outcome:?}\nthe model: {expected:?}"));
        }
        Ok((name, outcome.map(|accepted| accepted.events).unwrap_or_default()))
    }

    /// The shop and its replica, as a whole: invariant 10.
    fn whole(&self) -> Result<(), String> {
        self.twin.check()?;
        let frozen = self.twin.live.freeze();
        let thawed = Shop::thaw(&frozen).map_err(|error| error.to_string())?;
        let same = thawed.freeze() == frozen
            && thawed.state_hash() == self.twin.live.state_hash()
            && thawed.next_due() == self.twin.live.next_due();
        thawed.check_invariants().map_err(|problem| format!("thawed: {problem}"))?;
        if same { Ok(()) } else { Err("the thawed shop differs".to_owned()) }
    }

    /// What the events alone must obey: invariants 1, 5, 6 and 7.
    fn look_at(&mut self, events: &[Event], compare_moves: bool) -> Result<(), String> {
        let mut moves = Vec::new();
        for event in events {
            let json = serde_json::to_string(event).map_err(|error| error.to_string())?;
            let read: Event = serde_json::from_str(&json).map_err(|error| error.to_string())?;
            same("an event and its JSON", &read, event)?;
            let Event::Desk(event) = event else { continue };
            self.count(event);
            if let DeskEvent::SessionAssigned(assigned) = event {
                moves.extend(self.look_at_assignment(assigned)?);
            }
        }
        if compare_moves { same("moves", &moves, &self.naive.moves) } else { Ok(()) }
    }

    fn look_at_assignment(
        &mut self,
        assigned: &SessionAssigned,
    ) -> Result<Option<(SessionId, UserId, bool)>, String> {
        let SessionAssigned { session, agent, epoch, why } = assigned;
        let before = self.owners.insert((*session, *epoch), agent.clone());
        same("invariant 6: owners of an epoch", &before, &None)?;
        let by_itself = match why.reason {
            AssignReason::Sticky | AssignReason::LowestSaturation => true,
            AssignReason::Picked
            | AssignReason::Transferred
            | AssignReason::AssignedBySupervisor => false,
        };
        if why.load >= why.cap && (by_itself || !why.forced) {
            return Err(format!("invariant 1: {assigned:?} is above the cap"));
        }
        let is_sticky = why.reason == AssignReason::Sticky;
        Ok(by_itself.then(|| (*session, agent.clone(), is_sticky)))
    }

    fn count(&mut self, event: &DeskEvent) {
        let name = if let DeskEvent::SessionAssigned(assigned) = event {
            if assigned.why.forced {
                *self.seen.entry("forced").or_default() += 1;
            }
            match assigned.why.reason {
                AssignReason::Sticky => "sticky",
                AssignReason::LowestSaturation => "lowest_saturation",
                AssignReason::Picked => "picked",
                AssignReason::Transferred => "transferred",
                AssignReason::AssignedBySupervisor => "assigned",
            }
        } else if let DeskEvent::SessionsRequeued { .. } = event {
            "requeued"
        } else if let DeskEvent::SessionMissed { charged, .. } = event {
            if charged.is_some() { "missed charged" } else { "missed unassigned" }
        } else if let DeskEvent::SessionExpiring { .. } = event {
            "expiring"
        } else if let DeskEvent::SessionAnsweredLate { .. } = event {
            "answered late"
        } else if let DeskEvent::AnswerDue { .. } = event {
            "due again"
        } else if let DeskEvent::SessionClosed { by: None, .. } = event {
            "idle"
        } else {
            "other"
        };
        *self.seen.entry(name).or_default() += 1;
    }

    fn compare(&mut self) -> Result<(), String> {
        self.compare_sessions()?;
        self.compare_places()?;
        self.compare_positions()?;
        self.compare_versions()?;
        self.compare_rates()
    }

    /// Of two views of one thing the higher version is the newer; with the same they are the same.
    fn compare_versions(&mut self) -> Result<(), String> {
        for naive in &self.naive.sessions {
            let view = self.twin.live.session_view(naive.id).ok_or("a session is gone")?;
            let before = self.sessions.insert(naive.id, view.clone());
            let fits = |old: &SessionView| old.version < view.version || *old == view;
            if !before.as_ref().is_none_or(fits) {
                return Err(format!("versions: {before:?}, then {view:?}"));
            }
        }
        for view in self.twin.live.team_view() {
            let before = self.agents.insert(view.agent.clone(), view.clone());
            let fits = |old: &AgentView| old.version < view.version || *old == view;
            if !before.as_ref().is_none_or(fits) {
                return Err(format!("versions: {before:?}, then {view:?}"));
            }
        }
        Ok(())
    }

    fn compare_sessions(&self) -> Result<(), String> {
        for naive in &self.naive.sessions {
            let view = self.twin.live.session_view(naive.id).ok_or("a session is gone")?;
            let what = format!("session {}", naive.id);
            same(&what, &state_of(naive), &view.state).or_else(|problem| match naive.place {
                Place::Closed if matches!(view.state, SessionState::Closed { .. }) => Ok(()),
                _ => Err(problem),
            })?;
            same(&what, &answer_of(naive), &view.answer)?;
            same(&what, &naive.is_excluded(), &!view.excluded.is_empty())?;
            if naive.place != Place::Closed {
                let own = (naive.epoch, naive.expiring, naive.unanswered);
                same(&what, &own, &(view.epoch, view.expiring, view.unanswered_since))?;
            }
        }
        Ok(())
    }

    /// Invariants 2 to 5: loads are recounts, nothing is in two places or in none, nobody waits
    /// beside a free agent, and the queue is in the order of its duties.
    fn compare_places(&mut self) -> Result<(), String> {
        let live = &self.twin.live;
        let page = |list: &DeskList| -> Vec<SessionId> {
            let page = live.desk_list(list, None, PAGE);
            page.sessions.iter().map(|view: &SessionView| view.session).collect()
        };
        self.queue = page(&DeskList::Unassigned);
        let expected: Vec<_> = self.naive.queue().into_iter().map(|(_, _, id)| id).collect();
        same("the queue", &self.queue, &expected)?;
        let mut everywhere = self.queue.clone();
        everywhere.extend(page(&DeskList::SelfServed));
        let mut over_cap = 0;
        for number in 0..AGENTS {
            let agent: UserId = id("a", number);
            let Some(view) = live.agent_view(&agent) else { continue };
            let mine = page(&DeskList::Mine(agent.clone()));
            same("a load", &view.load, &self.naive.load(&agent))?;
            same("a list", &(view.load as usize), &mine.len())?;
            if view.status == AgentStatus::Accepting && !self.queue.is_empty() {
                return Err(format!("invariant 4: {view:?} is free, {:?} wait", self.queue));
            }
            over_cap += u64::from(view.load.saturating_sub(view.cap));
            everywhere.extend(mine);
        }
        same("over cap", &over_cap, &live.alerts_view().over_cap)?;
        let count = everywhere.len();
        let places: BTreeSet<_> = everywhere.into_iter().collect();
        let open = self.naive.sessions.iter().filter(|it| it.place != Place::Closed);
        let open: BTreeSet<_> = open.map(|it| it.id).collect();
        same("invariant 3: places", &(count, places), &(open.len(), open))
    }

    /// Invariant 9: a place that was shown never becomes worse while the session waits.
    fn compare_positions(&mut self) -> Result<(), String> {
        let waiting: BTreeSet<_> = self.queue.iter().copied().collect();
        self.shown.retain(|session, _| waiting.contains(session));
        for better in self.twin.live.better_positions() {
            let before = self.shown.insert(better.session, better.position);
            if before.is_some_and(|before| before <= better.position) {
                return Err(format!("{before:?} was shown before {better:?}"));
            }
        }
        for (rank, session) in (1..).zip(&self.queue) {
            let live = &self.twin.live;
            same("a rank", &live.true_position(*session), &Some(Position::Exact(rank)))?;
            let view = live.session_view(*session).ok_or("a session is gone")?;
            let best = self.shown.get(session).copied().min(view.position);
            same("a shown place", &view.position, &best.or(view.position))?;
        }
        Ok(())
    }

    /// Incremental equals recomputed, for a random window.
    fn compare_rates(&mut self) -> Result<(), String> {
        let now = self.script.now;
        let start = self.naive.sessions.first().map_or(now, |it| it.opened);
        let span = now.since(start).0 + 2;
        let from = start + SpanMs(self.script.random.below(span));
        let until = from + SpanMs(self.script.random.below(span));
        for (from, until) in [(start, now + SpanMs(1)), (from, until)] {
            let view = self.twin.live.response_rate(from, until);
            let rows: Vec<_> = self.naive.sessions.iter().collect();
            let rows: Vec<_> =
                rows.into_iter().filter(|it| it.opened >= from && it.opened < until).collect();
            same("a rate", &counts_of(&view), &recount(&rows))?;
            let shares = self.twin.live.agent_rates((from, until), None, PAGE).agents;
            for share in &shares {
                same("a share", &(share.hits, share.missed), &share_of(&rows, &share.agent))?;
            }
            let all: u32 = shares.iter().map(|share| share.hits + share.missed).sum();
            let shop = view.hits() + view.missed;
            same("the identity", &shop, &(all + view.faq_hits + view.missed_unassigned))?;
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: {one:?} and {other:?}")) }
}

fn state_of(session: &Session) -> SessionState {
    match &session.place {
        Place::SelfServed => SessionState::SelfServed,
        Place::Queued(..) => SessionState::Queued,
        Place::Owned(agent, since) => {
            SessionState::Assigned { agent: agent.clone(), since: *since }
        }
        Place::Closed => {
            SessionState::Closed { reason: hawker_domain::event::desk::CloseReason::Agent }
        }
    }
}

fn answer_of(session: &Session) -> AnswerState {
    match &session.answer {
        Answer::Pending => {
            AnswerState::Pending { since: session.since, due_at: session.due.expect("a deadline") }
        }
        Answer::Automatic => AnswerState::Automatic,
        Answer::Human(agent, at) => AnswerState::Human { agent: agent.clone(), at: *at },
        Answer::Missed(charged, replied_at) => {
            AnswerState::Missed { charged: charged.clone(), replied_at: *replied_at }
        }
    }
}

/// Pending, automatic, human, missed, unassigned misses, excluded.
fn counts_of(view: &RateView) -> [u32; 6] {
    let RateView { pending, faq_hits, human_hits, missed, missed_unassigned, excluded, .. } = view;
    [*pending, *faq_hits, *human_hits, *missed, *missed_unassigned, *excluded]
}

fn recount(rows: &[&Session]) -> [u32; 6] {
    let mut counts = [0; 6];
    for row in rows {
        let places: &[usize] = match &row.answer {
            _ if row.is_excluded() => &[5],
            Answer::Pending => &[0],
            Answer::Automatic => &[1],
            Answer::Human(..) => &[2],
            Answer::Missed(None, _) => &[3, 4],
            Answer::Missed(Some(_), _) => &[3],
        };
        places.iter().for_each(|place| counts[*place] += 1);
    }
    counts
}

fn share_of(rows: &[&Session], agent: &UserId) -> (u32, u32) {
    let counted = rows.iter().filter(|row| !row.is_excluded());
    counted.fold((0, 0), |(hits, missed), row| match &row.answer {
        Answer::Human(by, _) if by == agent => (hits + 1, missed),
        Answer::Missed(Some(by), _) if by == agent => (hits, missed + 1),
        Answer::Pending | Answer::Automatic | Answer::Human(..) | Answer::Missed(..) => {
            (hits, missed)
        }
    })
}

/// What a journal keeps of a random life of the desk, entry by entry.
fn lived(seed: u64, steps: usize) -> (Shop, Vec<(Millis, Vec<Event>)>) {
    let mut shop = Shop::new(ShopId::parse("acme").expect("an id"));
    let mut script = DeskScript::new(seed);
    let mut journal = Vec::new();
    for _ in 0..steps {
        let ask = script.step(&shop);
        let now = script.now;
        while shop.next_due().is_some_and(|due| due <= now) {
            journal.push((now, shop.elapse(now, 512).events));
        }
        let events = match ask {
            Some((actor, command)) => shop.execute(&actor, &command, now).map(|it| it.events),
            None => Ok(shop.links_lost(now).events),
        };
        journal.extend(events.ok().map(|events| (now, events)));
    }
    (shop, journal)
}

fn open_sessions(shop: &Shop) -> usize {
    let page = |list: DeskList| shop.desk_list(&list, None, PAGE).sessions.len();
    let held: usize = shop.team_view().iter().map(|view| view.load as usize).sum();
    page(DeskList::Unassigned) + page(DeskList::SelfServed) + held
}

/// A crash between any two entries: what comes back is sound, has everything, and goes on.
#[test]
fn a_crash_at_any_position_of_the_journal_loses_no_session() {
    for seed in 401..=402 {
        let (live, journal) = lived(seed, 120);
        let mut replica = Shop::new(live.id().clone());
        for (position, (at, events)) in journal.iter().enumerate() {
            events.iter().for_each(|event| replica.apply(event, *at));
            let mut back = Shop::thaw(&replica.freeze()).expect("a shop");
            let open = open_sessions(&back);
            back.links_lost(*at);
            while back.next_due().is_some_and(|due| due <= *at) {
                back.elapse(*at, 512);
            }
            assert_eq!(back.check_invariants(), Ok(()), "seed {seed}, entry {position}");
            assert_eq!(open_sessions(&back), open, "seed {seed}, entry {position}");
        }
        assert_eq!(replica.state_hash(), live.state_hash(), "seed {seed}");
    }
}

const GOLDEN: &str = "tests/golden/desk.frozen";

/// A form that changed under the same version would be read as another state.
#[test]
fn the_form_of_the_desk_changes_only_together_with_its_version() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let mut pair = Pair::new(77);
        (0..STEPS).for_each(|_| pair.step(&mut Seen::new()).expect("a step"));
        std::fs::write(&path, pair.twin.live.freeze()).expect("the golden bytes are written");
    }
    let golden = std::fs::read(&path).expect("golden bytes");
    let same = Shop::thaw(&golden).is_ok_and(|shop| shop.freeze() == golden);
    assert!(
        same,
        "{GOLDEN} is read otherwise than it was written: raise VERSION in src/shop/freeze.rs, then \
         UPDATE_EXPECT=1 cargo test -p hawker-domain --test desk_model"
    );
}
