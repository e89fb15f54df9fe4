//! Random commands for one shop's desk, the same for the same seed. Owns what is tried and how
//! often; knows no rule, and asks the shop only for who owns what, so that enough is accepted.

use std::collections::BTreeMap;

use hawker_domain::command::{
    ChatCommand, Content, DeskCommand, Faq, Holiday, Intent, Marks, ShopCommand, TransferTo,
    Verdict,
};
use hawker_domain::id::{SessionId, UserId};
use hawker_domain::money::Currency;
use hawker_domain::policy::{Automation, DeskPolicy, OwnerDown};
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::desk::{SessionState, SessionView};
use hawker_domain::{Actor, Command, Role, Shop};

/// SplitMix64: enough for picking, and the same on every machine.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("a few")]
    }
}

/// What is asked next. Nothing is asked of a server that comes back without any connection.
pub(crate) type Ask = Option<(Actor, Command)>;

#[derive(Debug)]
pub(crate) struct DeskScript {
    pub(crate) random: Random,
    pub(crate) now: Millis,
    set_up: Vec<(Actor, Command)>,
    connections: u64,
    reports: u64,
}

pub(crate) const BUYERS: u64 = 14;
const INTENTS: [Intent; 7] = [
    Intent::Accepting,
    Intent::Accepting,
    Intent::Accepting,
    Intent::Busy,
    Intent::Busy,
    Intent::Away,
    Intent::Off,
];
pub(crate) const AGENTS: u64 = 4;
const START: Millis = Millis(1_760_000_000_000);

pub(crate) fn id<T: std::str::FromStr>(prefix: &str, number: u64) -> T {
    let text = format!("{prefix}{number}");
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

fn by(prefix: &str, number: u64, role: Role) -> Actor {
    Actor { user: id(prefix, number), role }
}

fn service(command: impl Into<Command>) -> (Actor, Command) {
    (by("system", 0, Role::Service), command.into())
}

impl DeskScript {
    pub(crate) fn new(seed: u64) -> Self {
        let currency = Currency::parse("USD").expect("a currency");
        let settings = Settings::default();
        let create = ShopCommand::Create { name: "Acme".into(), currency, settings };
        let mut set_up = vec![service(create)];
        for number in 0..2 {
            let entry = Faq { question: "What?".into(), answer: "That.".into() };
            set_up.push(service(DeskCommand::PutFaq { faq: id("q", number), entry }));
        }
        for number in 0..AGENTS {
            let agent = by("a", number, Role::Agent);
            let cap = 2 * u32::try_from(number).expect("a few") + 1;
            set_up.push((agent, DeskCommand::SetCap { agent: None, cap }.into()));
        }
        set_up.reverse();
        Self { random: Random::new(seed), now: START, set_up, connections: 0, reports: 0 }
    }

    pub(crate) fn step(&mut self, shop: &Shop) -> Ask {
        if let Some((actor, command)) = self.set_up.pop() {
            return Some((actor, command));
        }
        self.pass_time();
        let (actor, command) = match self.random.below(100) {
            0..30 => self.buyer(shop),
            30..52 => self.staff(shop),
            52..74 => self.session(shop),
            74..94 => self.agent(),
            94..98 => self.report(shop),
            98 => self.switch(),
            _ if self.random.chance(60) => self.agent(),
            _ => return None,
        };
        Some((actor, command))
    }

    fn pass_time(&mut self) {
        let ms = match self.random.below(1_000) {
            0..300 => 0,
            300..700 => self.random.below(2_000),
            700..900 => 1_000 * self.random.below(60),
            900..980 => 60_000 * self.random.below(120),
            980..994 => 3_600_000 * self.random.below(25),
            _ => 86_400_000 * self.random.below(4),
        };
        self.now = self.now + SpanMs(ms);
    }

    fn buyer(&mut self, shop: &Shop) -> (Actor, Command) {
        let buyer = by("b", self.random.below(BUYERS), Role::Buyer);
        let view = shop.conversation_view(&buyer.user);
        let last = view.and_then(|view| view.last_session).unwrap_or_default();
        let command = match self.random.below(20) {
            0..13 => ChatCommand::Send { content: Content::Text("hello".to_owned()), room: None },
            13..17 => ChatCommand::ClickFaq { faq: id("q", self.random.below(2)), room: None },
            17 => ChatCommand::Recall { seq: 1 + self.random.below(9) },
            18 => ChatCommand::Rate {
                session: if self.random.chance(80) { last } else { SessionId(3) },
                stars: 5,
                comment: String::new(),
            },
            _ => ChatCommand::Mark { marks: Marks { delivered: 5, read: self.random.below(9) } },
        };
        (buyer, command.into())
    }

    /// The owner of a buyer's open session, mostly; else anybody.
    fn speaker(&mut self, shop: &Shop, buyer: &UserId) -> Actor {
        let open = shop.conversation_view(buyer).and_then(|view| view.open_session);
        let view = open.and_then(|session| shop.session_view(session));
        match view.map(|view| view.state) {
            Some(SessionState::Assigned { agent, .. }) if self.random.chance(80) => {
                Actor { user: agent, role: Role::Agent }
            }
            _ => self.anybody(),
        }
    }

    fn anybody(&mut self) -> Actor {
        match self.random.below(12) {
            0 => by("system", 0, Role::Service),
            1 => by("sam", 0, Role::Supervisor),
            _ => by("a", self.random.below(AGENTS), Role::Agent),
        }
    }

    fn staff(&mut self, shop: &Shop) -> (Actor, Command) {
        let buyer: UserId = id("b", self.random.below(BUYERS));
        let actor = self.speaker(shop, &buyer);
        let command = match self.random.below(20) {
            0..15 => DeskCommand::Send { buyer, content: Content::Text("hi".to_owned()) },
            15..19 => {
                let last = shop.conversation_view(&buyer).map_or(1, |view| view.seq);
                let seq = last.saturating_sub(self.random.below(3)).max(1);
                DeskCommand::Recall { buyer, seq }
            }
            _ if self.random.chance(20) => DeskCommand::Block { buyer },
            _ => DeskCommand::Unblock { buyer },
        };
        (actor, command.into())
    }

    /// A young session with the epoch it has, mostly.
    fn some_session(&mut self, shop: &Shop) -> (SessionId, u32, Option<UserId>) {
        let views: BTreeMap<_, _> = (0..BUYERS)
            .filter_map(|number| shop.conversation_view(&id("b", number))?.last_session)
            .filter_map(|session| Some((session, shop.session_view(session)?)))
            .collect();
        let count = views.len() as u64;
        if count == 0 || self.random.chance(4) {
            return (SessionId(self.random.below(30)), 1, None);
        }
        let is_open = |view: &&SessionView| !matches!(view.state, SessionState::Closed { .. });
        let open: Vec<_> = views.values().filter(is_open).collect();
        let all: Vec<_> = views.values().collect();
        let some = if open.is_empty() || self.random.chance(20) { &all } else { &open };
        let view = self.random.one(some);
        let owner = match &view.state {
            SessionState::Assigned { agent, .. } => Some(agent.clone()),
            SessionState::SelfServed | SessionState::Queued | SessionState::Closed { .. } => None,
        };
        let epoch = if self.random.chance(5) { view.epoch + 1 } else { view.epoch };
        (view.session, epoch, owner)
    }

    fn session(&mut self, shop: &Shop) -> (Actor, Command) {
        let (session, epoch, owner) = self.some_session(shop);
        let owner = owner.filter(|_| self.random.chance(85));
        let actor = match owner {
            Some(user) => Actor { user, role: Role::Agent },
            None => self.anybody(),
        };
        let force = actor.role == Role::Supervisor && self.random.chance(50);
        let agent: UserId = id("a", self.random.below(AGENTS + 1));
        let command = match self.random.below(20) {
            0..4 => DeskCommand::Take { session, force },
            4..6 => DeskCommand::Assign { session, epoch, agent, force },
            6..10 => {
                let to = if self.random.chance(20) {
                    TransferTo::Queue
                } else {
                    TransferTo::Agent(agent)
                };
                DeskCommand::Transfer { session, epoch, to, force }
            }
            10..18 => DeskCommand::Close { session, epoch },
            _ => DeskCommand::MarkNoReply { session, epoch },
        };
        (actor, command.into())
    }

    fn agent(&mut self) -> (Actor, Command) {
        let number = self.random.below(AGENTS);
        let actor = by("a", number, Role::Agent);
        let command = match self.random.below(20) {
            0..8 => {
                self.connections += 1;
                DeskCommand::Connect { connection: id("c", self.connections) }
            }
            8..10 => {
                let back = self.random.below(6).min(self.connections);
                DeskCommand::Disconnect { connection: id("c", self.connections - back) }
            }
            10..17 => {
                let intent = self.random.one(&INTENTS);
                DeskCommand::SetIntent { agent: None, intent, confirmed: self.random.chance(70) }
            }
            17 => DeskCommand::LogOut { confirmed: true },
            _ => {
                let cap = u32::try_from(self.random.below(9)).expect("a few");
                DeskCommand::SetCap { agent: None, cap }
            }
        };
        (actor, command.into())
    }

    fn report(&mut self, shop: &Shop) -> (Actor, Command) {
        let (session, _, _) = self.some_session(shop);
        if self.random.chance(40) {
            self.reports += 1;
            let report = id("r", self.reports);
            let reason = "abuse".to_owned();
            let actor = by("a", self.random.below(AGENTS), Role::Agent);
            return (actor, DeskCommand::Report { session, report, reason }.into());
        }
        let number = self.reports.saturating_sub(self.random.below(3));
        let report: hawker_domain::id::ReportId = id("r", number);
        let filed = shop.report_view(&report).map(|view| view.session);
        let session = filed.filter(|_| self.random.chance(90)).unwrap_or(session);
        let verdicts = [Verdict::Upheld, Verdict::Upheld, Verdict::Rejected, Verdict::Overturned];
        let verdict = self.random.one(&verdicts);
        service(DeskCommand::Decide { session, report, verdict })
    }

    fn switch(&mut self) -> (Actor, Command) {
        if self.random.chance(40) {
            let until = Some(self.now + SpanMs::hours(1 + self.random.below(30)));
            let holiday = Some(Holiday { from: self.now, until });
            let holiday = holiday.filter(|_| self.random.chance(70));
            return service(DeskCommand::SetHoliday { holiday });
        }
        let downs = [OwnerDown::Keep, OwnerDown::RequeueUnanswered, OwnerDown::RequeueAll];
        let window = if self.random.chance(50) { SpanMs::minutes(15) } else { SpanMs::hours(24) };
        let mut policy = DeskPolicy {
            owner_down: self.random.one(&downs),
            answer_within_ms: window,
            auto_close_ms: SpanMs::days(2),
            sticky_ms: SpanMs::hours(5),
            ..DeskPolicy::default()
        };
        if self.random.chance(30) {
            policy.automation_counts.insert(Automation::Bot);
        }
        if self.random.chance(20) {
            policy.automation_counts.remove(&Automation::Faq);
        }
        service(DeskCommand::SetPolicy { policy })
    }
}
