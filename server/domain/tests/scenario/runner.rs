//! Runs one scenario file line by line and writes down what came of it. After every line the
//! invariants are checked and a replica that only heard the events must be equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use hawker_domain::command::{
    DeskCommand, Faq, RoomCommand, SaleCommand, ShopCommand, SkuSpec, Stock,
};
use hawker_domain::id::{FaqId, ProductId, RoomId, SaleId, ShopId, UserId};
use hawker_domain::money::Minor;
use hawker_domain::time::Millis;
use hawker_domain::{Accepted, Pulse, Touched};
use hawker_domain::{Actor, Command, Event, Role};

use crate::twin::Twin;
use crate::words::Words;
use crate::{desk_grammar, grammar, promo_grammar, promo_render, render};

pub(crate) struct Runner {
    twin: Twin,
    now: Millis,
    roles: BTreeMap<UserId, Role>,
    /// The events of the last line, for `show changes`.
    last: Vec<Event>,
    outcome: String,
}

/// The outcome of the scenario in `text`, or the line at which something does not hold.
pub(crate) fn run(text: &str) -> Result<String, String> {
    let mut runner = Runner::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if line.starts_with('#') {
            writeln!(runner.outcome, "{line}").expect("a string grows");
            continue;
        }
        runner.line(line);
        runner.twin.check().map_err(|problem| format!("line {number}: {line}\n{problem}"))?;
    }
    Ok(runner.outcome)
}

impl Runner {
    fn new() -> Self {
        let shop = ShopId::parse("acme").expect("an id");
        let roles = [("system", Role::Service), ("mia", Role::Manager)];
        let roles = roles.map(|(name, role)| (UserId::parse(name).expect("an id"), role));
        Self {
            twin: Twin::new(shop),
            now: Millis(0),
            roles: roles.into(),
            last: Vec::new(),
            outcome: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let mut words = Words::read(line);
        let first = words.word("a command");
        self.say(&format!("> {}", line.split_whitespace().collect::<Vec<_>>().join(" ")));
        match first.as_str() {
            "shop" => self.set_up_shop(&mut words),
            "sku" => self.set_up_sku(&mut words),
            "room" => self.set_up_room(&mut words),
            "staff" => self.set_up_staff(&mut words),
            "sale" => self.set_up_sale(&mut words),
            "agent" => self.set_up_agent(&mut words),
            "faq" => self.set_up_faq(&mut words),
            "show" => self.show(&mut words),
            "at" => self.at(line, &mut words),
            other => panic!("{line}: no command {other}"),
        }
        words.finish();
    }

    /// `at TIME elapse`, `at TIME pulse ROOM …`, `at TIME ACTOR[:ROLE] VERB …`
    fn at(&mut self, line: &str, words: &mut Words) {
        let time = words.word("a time");
        let at = Millis(0) + words.parse_span(&time);
        assert!(at >= self.now, "{line}: time only goes on");
        self.now = at;
        self.last.clear();
        let elapsed = self.twin.elapse(at);
        self.accepted("  (elapse) ", &elapsed);
        let actor = words.word("an actor");
        match actor.as_str() {
            "elapse" => {}
            "pulse" => self.pulse(words),
            "restart" => self.restart(),
            "positions" => self.positions(),
            "quote" => self.quote(words),
            _ => self.command(&actor, words),
        }
    }

    fn command(&mut self, actor: &str, words: &mut Words) {
        let actor = self.actor(actor, words);
        let verb = words.word("a verb");
        let command = grammar::command(&verb, words);
        match self.twin.execute(&actor, &command, self.now) {
            Ok(accepted) => self.accepted("  ", &accepted),
            Err(rejection) => self.say(&format!("  refused {}", render::rejection(&rejection))),
        }
    }

    /// `at TIME restart`: the server comes back, without any connection.
    fn restart(&mut self) {
        let accepted = self.twin.live.links_lost(self.now);
        self.twin.follow(&accepted.events, self.now);
        self.accepted("  ", &accepted);
    }

    /// `at TIME positions`: what waiting buyers are told of their places.
    fn positions(&mut self) {
        for better in self.twin.live.better_positions() {
            let position = render::debug(&better.position);
            self.say(&format!("  {} is told {position}", better.buyer));
        }
    }

    /// `at TIME quote BUYER BASKET [coupons=] [room=]`: what it would cost.
    fn quote(&mut self, words: &mut Words) {
        let buyer: UserId = words.id("buyer");
        let coupons = promo_grammar::coupons(words);
        let room: Option<RoomId> = words.value("room");
        let basket = grammar::basket(words);
        let quoted = self.twin.live.quote(&buyer, &basket, &coupons, room.as_ref(), self.now);
        match quoted {
            Ok(quote) => {
                promo_render::quote(&quote).iter().for_each(|line| self.say(&format!("  {line}")));
            }
            Err(rejection) => self.say(&format!("  refused {}", render::rejection(&rejection))),
        }
    }

    fn actor(&self, text: &str, words: &Words) -> Actor {
        let (name, role) = match text.split_once(':') {
            Some((name, role)) => (name, Some(grammar::role(role))),
            None => (text, None),
        };
        let user: UserId = words.parse(name, "user");
        let known = self.roles.get(&user).copied().unwrap_or(Role::Buyer);
        Actor { role: role.unwrap_or(known), user }
    }

    fn pulse(&mut self, words: &mut Words) {
        let room: RoomId = words.id("room");
        let mut count = |key| words.value(key).unwrap_or(0);
        let (likes, joins, viewers) = (count("likes"), count("joins"), count("viewers"));
        let marks = promo_grammar::marks(words, self.now);
        let pulse = Pulse { likes, joins, viewers, marks };
        let accepted = self.twin.live.pulse(&room, pulse, self.now);
        self.twin.follow(&accepted.events, self.now);
        self.accepted("  ", &accepted);
    }

    fn accepted(&mut self, indent: &str, accepted: &Accepted) {
        for event in &accepted.events {
            self.say(&format!("{indent}{}", render::event(event)));
        }
        for document in &accepted.documents {
            self.say(&format!("{indent}document {}", render::document(document)));
        }
        if let Some(ephemeral) = &accepted.ephemeral {
            self.say(&format!("{indent}passing {}", render::debug(ephemeral)));
        }
        if let Some(existing) = &accepted.existing {
            self.say(&format!("{indent}existing {}", render::reservation(existing)));
        }
        self.last.extend(accepted.events.iter().cloned());
    }

    fn show(&mut self, words: &mut Words) {
        if words.flag("changes") {
            let mut touched = Touched::default();
            for event in &self.last {
                self.twin.live.touch(event, &mut touched);
            }
            for change in self.twin.live.changes(&touched) {
                self.say(&format!("  {}", render::change(&change)));
            }
            return;
        }
        for shown in render::show(&self.twin.live, words) {
            self.say(&format!("  {shown}"));
        }
    }

    fn say(&mut self, line: &str) {
        self.outcome.push_str(line.trim_end());
        self.outcome.push('\n');
    }

    /// Set-up lines are accepted and write nothing down.
    fn do_now(&mut self, command: Command) {
        let actor = Actor { user: UserId::parse("system").expect("an id"), role: Role::Service };
        let outcome = self.twin.execute(&actor, &command, self.now);
        self.last = outcome.unwrap_or_else(|no| panic!("set-up {command:?}: {no:?}")).events;
    }

    /// `shop acme [currency=USD] [SETTING=VALUE]…`
    fn set_up_shop(&mut self, words: &mut Words) {
        assert_eq!(words.word("a shop"), "acme", "scenarios play in one shop");
        let create = grammar::create_shop(words);
        self.do_now(Command::Shop(create));
    }

    /// `sku NAME [price=2999] [stock=10] [listed=no]`: a product with one SKU, both named so.
    fn set_up_sku(&mut self, words: &mut Words) {
        let name = words.word("a SKU");
        let product: ProductId = words.parse(&name, "product");
        let sku: hawker_domain::id::SkuId = words.parse(&name, "sku");
        let price_minor = Minor(words.value("price").unwrap_or(2_999));
        let spec = hawker_domain::command::ProductSpec {
            title: name.clone(),
            image_url: None,
            listed: words.text("listed").as_deref() != Some("no"),
            skus: vec![SkuSpec { sku: sku.clone(), title: name, price_minor }],
        };
        self.do_now(Command::Shop(ShopCommand::PutProduct { product, spec }));
        let stock = match words.text("stock").as_deref() {
            Some("unlimited") => Stock::Unlimited,
            Some(units) => Stock::Units(words.parse(units, "stock")),
            None => Stock::Units(10),
        };
        self.do_now(Command::Shop(ShopCommand::SetStock { sku, stock }));
    }

    /// `room NAME streamer=NAME [slow_mode=5s] [keep_comments] [live]`
    fn set_up_room(&mut self, words: &mut Words) {
        let room: RoomId = words.id("room");
        let live = words.flag("live");
        let spec = grammar::room_spec(words);
        self.roles.insert(spec.streamer.clone(), Role::Streamer);
        self.do_now(Command::Room(RoomCommand::Create { room: room.clone(), spec }));
        if live {
            self.do_now(Command::Room(RoomCommand::Start { room }));
        }
    }

    /// `staff NAME ROLES`
    fn set_up_staff(&mut self, words: &mut Words) {
        let user: UserId = words.id("user");
        let roles: BTreeSet<Role> = grammar::roles(&words.word("roles"));
        let first = roles.first().copied().unwrap_or(Role::Buyer);
        self.roles.insert(user.clone(), first);
        self.do_now(Command::Shop(ShopCommand::PutStaff { user, roles }));
    }

    /// `sale NAME SKU… [what sale.create takes] [announced|live]`
    fn set_up_sale(&mut self, words: &mut Words) {
        let sale: SaleId = words.id("sale");
        let live = words.flag("live");
        let announced = words.flag("announced") || live;
        let spec = grammar::sale_spec(words);
        self.do_now(Command::Sale(SaleCommand::Create { sale: sale.clone(), spec }));
        if announced {
            self.do_now(Command::Sale(SaleCommand::Announce { sale: sale.clone() }));
        }
        if live {
            self.do_now(Command::Sale(SaleCommand::Start { sale }));
        }
    }

    /// `agent NAME [cap=N] [intent=accepting]`: connected, by a connection of his name.
    fn set_up_agent(&mut self, words: &mut Words) {
        let user: UserId = words.id("user");
        self.roles.insert(user.clone(), Role::Agent);
        let connection = words.parse(user.as_str(), "connection");
        self.do_as(&user, DeskCommand::Connect { connection });
        if let Some(cap) = words.value("cap") {
            self.do_as(&user, DeskCommand::SetCap { agent: None, cap });
        }
        let intent = words.text("intent").unwrap_or_else(|| "accepting".to_owned());
        let intent = desk_grammar::intent(&intent);
        self.do_as(&user, DeskCommand::SetIntent { agent: None, intent, confirmed: true });
    }

    fn do_as(&mut self, user: &UserId, command: DeskCommand) {
        let actor = Actor { user: user.clone(), role: Role::Agent };
        let command = Command::Desk(command);
        let outcome = self.twin.execute(&actor, &command, self.now);
        self.last = outcome.unwrap_or_else(|no| panic!("set-up {command:?}: {no:?}")).events;
    }

    /// `faq ID…`: questions on the card, each with its answer.
    fn set_up_faq(&mut self, words: &mut Words) {
        let mut questions = Vec::new();
        while let Some(id) = words.next() {
            let faq: FaqId = words.parse(&id, "question");
            let (question, answer) = (format!("What about {id}?"), format!("All about {id}."));
            let entry = Faq { question, answer };
            self.do_now(Command::Desk(DeskCommand::PutFaq { faq: faq.clone(), entry }));
            questions.push(faq);
        }
        self.do_now(Command::Desk(DeskCommand::SetFaqCard { questions }));
    }
}
