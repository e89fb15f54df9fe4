//! One simulated agent: joins the desk, accepts, answers, passes on, closes; now and then his
//! socket goes away without a word. Owns his agenda and what he believes to hold.

mod held;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::number::{Cap, MessageSeq, OwnerEpoch, PageLimit, SessionId};
use hawker_protocol::object::{Draft, Intent, Message, Role, Sender, Session, SessionList};
use hawker_protocol::push::{DeskAssigned, DeskUnassigned};
use hawker_protocol::reply::{ChatSent, SessionChanged, Sessions};
use hawker_protocol::request::{
    DeskCap, DeskClose, DeskJoin, DeskList, DeskNoReply, DeskRecall, DeskReport, DeskSend,
    DeskStatus, DeskTake, DeskTransfer, DeskTyping,
};
use hawker_protocol::text::{Map, Text};
use hawker_protocol::{Id, Topic};
use serde::Deserialize;
use tokio::time::{Duration, Instant};

use self::held::Held;
use super::contact::Contact;
use super::part::Part;
use super::scene::Scene;
use super::schedule::{self, Drop};
use super::{BUYERS_BEFORE_AGENTS, QUICK_REPLY};
use crate::agenda::Agenda;
use crate::api::{id, text};
use crate::line;
use crate::people;
use crate::socket::Socket;
use crate::talk::{Asked, Heard};
use crate::tally::count;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Reply(u64),
    End(u64),
    Recall {
        buyer: Id,
        seq: u64,
    },
    /// Looks for somebody who waits, to take him by hand.
    Pick,
    Drop(Drop),
    Intent(usize),
    Cap(u32),
}

const INTENTS: [Intent; 4] = [Intent::Accepting, Intent::Busy, Intent::Away, Intent::Off];

/// What an answer is about.
#[derive(Debug)]
pub(super) enum About {
    Joining,
    Holdings,
    Queue,
    Take,
    Words { session: u64, buyer: Id, words: Option<String> },
    Ending { session: u64 },
    Talk,
}

#[derive(Debug)]
pub(super) struct Agent {
    contact: Contact<About>,
    agenda: Agenda<Deed>,
    held: Held,
    /// Sockets that stay open and that nobody reads any more.
    dead: Vec<Socket>,
}

/// A message with the conversation it is in.
#[derive(Debug, Deserialize)]
struct Said {
    topic: Topic,
    message: Message,
}

impl Agent {
    pub(super) fn new(scene: Arc<Scene>, number: usize) -> Self {
        let user = scene.agent(number);
        Self {
            contact: Contact::new(scene, Role::Agent, user, BUYERS_BEFORE_AGENTS + number),
            agenda: Agenda::new(),
            held: Held::default(),
            dead: Vec::new(),
        }
    }
}

impl Part for Agent {
    type About = About;
    type Deed = Deed;

    fn contact(&mut self) -> &mut Contact<About> {
        &mut self.contact
    }

    fn agenda(&mut self) -> &mut Agenda<Deed> {
        &mut self.agenda
    }

    fn arrive(&mut self) -> Result<()> {
        let now = Instant::now();
        self.set_cap(self.contact.scene.cap, now)?;
        self.set_intent(Intent::Accepting, now)
    }

    /// Some pick by hand, some change what they mean to do or hold, some drop.
    fn plan(&mut self, began: Instant) {
        let (chance, run) = (&mut self.contact.chance, self.contact.scene.run);
        let cap = self.contact.scene.cap;
        let at = |share: f64| began + run.mul_f64(share);
        if let Some(drop) = schedule::agent_drop(chance) {
            self.agenda.plan(at(chance.within(0.15, 0.7)), Deed::Drop(drop));
        }
        if chance.happens(0.2) {
            let from = chance.within(0.1, 0.6);
            let away = 1 + chance.below(INTENTS.len() - 1);
            self.agenda.plan(at(from), Deed::Intent(away));
            self.agenda.plan(at(from + 0.1), Deed::Intent(0));
        }
        if chance.happens(0.2) {
            let from = chance.within(0.1, 0.6);
            self.agenda.plan(at(from), Deed::Cap(cap / 2));
            self.agenda.plan(at(from + 0.15), Deed::Cap(cap));
        }
        if chance.happens(0.3) {
            let looks = (1..20).map(|look| f64::from(look) / 20.0);
            looks.for_each(|share| self.agenda.plan(at(share), Deed::Pick));
        }
    }

    fn greet(&mut self) {
        let join = DeskJoin { shop: self.contact.shop() };
        self.contact.ask(join, Instant::now(), About::Joining);
    }

    fn act(&mut self, deed: Deed, at: Instant) -> Result<Option<Drop>> {
        match deed {
            Deed::Reply(session) => self.reply(session, at)?,
            Deed::End(session) => self.end(session, at)?,
            Deed::Recall { buyer, seq } => {
                let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
                let seq = MessageSeq(seq);
                let recall = DeskRecall { shop, command_id, buyer, seq };
                self.contact.ask(recall, at, About::Talk);
            }
            Deed::Pick => self.list(SessionList::Unassigned, None, at),
            Deed::Intent(number) => self.set_intent(INTENTS[number], at)?,
            Deed::Cap(cap) => self.set_cap(cap, at)?,
            Deed::Drop(drop) => return Ok(Some(drop)),
        }
        Ok(None)
    }

    fn on_line(&mut self, line: &str) -> Result<()> {
        match self.contact.hear(line)? {
            Some(Heard::Push { kind, line }) => self.on_push(&kind, line)?,
            Some(Heard::Yes { asked, line }) => self.on_yes(asked, line)?,
            Some(Heard::No { asked, code, .. }) => self.on_no(&asked, code),
            Some(Heard::NotYet { .. }) | None => {}
        }
        Ok(())
    }

    fn on_drop(&mut self, socket: Option<Socket>, drop: Drop) {
        if let Drop::Dead { .. } = drop {
            self.dead.extend(socket);
        }
    }
}

impl Agent {
    fn set_cap(&mut self, cap: u32, at: Instant) -> Result<()> {
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let cap = DeskCap { shop, command_id, agent: None, cap: Cap(cap) };
        self.contact.ask(cap, at, About::Talk);
        Ok(())
    }

    fn set_intent(&mut self, status: Intent, at: Instant) -> Result<()> {
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let status = DeskStatus { shop, command_id, agent: None, status, confirmed: true };
        self.contact.ask(status, at, About::Talk);
        Ok(())
    }

    fn list(&mut self, list: SessionList, cursor: Option<String>, at: Instant) {
        let limit = if list == SessionList::Mine { 200 } else { 3 };
        let about = if list == SessionList::Mine { About::Holdings } else { About::Queue };
        let cursor = cursor.and_then(|cursor| Text::try_from(cursor).ok());
        let (shop, limit) = (self.contact.shop(), Some(PageLimit(limit)));
        self.contact.ask(DeskList { shop, list, agent: None, cursor, limit }, at, about);
    }

    fn reply(&mut self, session: u64, at: Instant) -> Result<()> {
        let Some(buyer) = self.held.on_reply(session) else { return Ok(()) };
        let chance = &mut self.contact.chance;
        let words = people::sentence(chance);
        let (content, words) = match chance.unit() {
            ..0.8 => (Draft::Text { text: text(words)? }, Some(words.to_owned())),
            _ => (quick_reply(&buyer)?, None),
        };
        if chance.happens(0.2) {
            let typing = DeskTyping { shop: self.contact.shop(), buyer: buyer.clone() };
            self.contact.ask(typing, at, About::Talk);
        }
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let about = About::Words { session, buyer: buyer.clone(), words };
        self.contact.ask(DeskSend { shop, command_id, buyer, content }, at, about);
        Ok(())
    }

    /// The session is done, for him at least.
    fn end(&mut self, session: u64, at: Instant) -> Result<()> {
        let Some(epoch) = self.held.epoch(session) else { return Ok(()) };
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let (id_, epoch) = (SessionId(session), OwnerEpoch(epoch));
        let about = About::Ending { session };
        let dice = self.contact.chance.unit();
        if dice < 0.06 {
            let other = self.contact.chance.below(self.contact.scene.agents);
            let other = id(&self.contact.scene.agent(other))?;
            let agent = Some(other).filter(|_| dice < 0.04);
            let (session, force) = (id_, false);
            let pass = DeskTransfer { shop, command_id, session, epoch, agent, force };
            self.contact.ask(pass, at, about);
        } else if dice < 0.08 {
            let no_reply = DeskNoReply { shop, command_id, session: id_, epoch };
            self.contact.ask(no_reply, at, about);
        } else {
            self.contact.ask(DeskClose { shop, command_id, session: id_, epoch }, at, about);
        }
        if dice > 0.98 {
            let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
            let reason = text("nothing but advertisements")?;
            let report = DeskReport { shop, command_id, session: id_, reason };
            self.contact.ask(report, at, About::Talk);
        }
        Ok(())
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "desk.assigned" => {
                let DeskAssigned { session, .. } = line::push(line)?;
                self.take_on(&session, true);
            }
            "desk.unassigned" => {
                let DeskUnassigned { session, .. } = line::push(line)?;
                self.held.on_unassigned(session.session.0, session.epoch);
            }
            "chat.message" => {
                let Said { topic, message } = line::push(line)?;
                if let (Sender::Buyer, Topic::Conversation { buyer, .. }) = (&message.from, &topic)
                {
                    self.on_word(buyer, &message);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A session is his: by a push, by a pick, or because he found it when he came back.
    fn take_on(&mut self, session: &Session, is_news: bool) {
        let user = self.contact.user.clone();
        let epoch = session.epoch;
        if !self.held.is_owner(session, &user) {
            return;
        }
        let scene = Arc::clone(&self.contact.scene);
        scene.told().on_owner(session.session.0, epoch, &user);
        scene.told().on_session(session.session.0, session.buyer.as_str());
        let words = schedule::words(&mut self.contact.chance);
        if !self.held.take_on(session, words) {
            return;
        }
        if is_news {
            count(&scene.counters.assigned);
        }
        let delay = schedule::first_reply(&mut self.contact.chance);
        self.plan_reply(session.session.0, delay);
    }

    fn plan_reply(&mut self, session: u64, delay: Duration) {
        if self.held.on_planned(session) {
            self.agenda.plan(Instant::now() + delay, Deed::Reply(session));
        }
    }

    fn on_word(&mut self, buyer: &Id, message: &Message) {
        self.contact.scene.on_delivered(message.at.0);
        if let Some(session) = self.held.session_of(buyer) {
            let delay = schedule::later_reply(&mut self.contact.chance);
            self.plan_reply(session, delay);
        }
    }

    fn on_yes(&mut self, asked: Asked<About>, line: &str) -> Result<()> {
        let scene = Arc::clone(&self.contact.scene);
        let Asked { request, intended, about } = asked;
        match &about {
            About::Words { .. } => scene.messages.lock().answered("accepted", intended),
            _ => scene.others.lock().answered(request.type_name(), intended),
        }
        match about {
            About::Joining => {
                // Whatever changed meanwhile stands in the list.
                self.held = Held::default();
                self.list(SessionList::Mine, None, Instant::now());
            }
            About::Holdings => {
                let Sessions { sessions, next } = line::ok(line)?;
                sessions.iter().for_each(|session| self.take_on(session, false));
                if next.is_some() {
                    self.list(SessionList::Mine, next, Instant::now());
                }
            }
            About::Queue => self.pick(&line::ok(line)?)?,
            About::Take => {
                scene.told().on_accepted(&self.contact.user, &request);
                self.take_on(&line::ok::<SessionChanged>(line)?.session, true);
            }
            About::Words { session, buyer, words } => {
                let ChatSent { message } = line::ok(line)?;
                let mut told = scene.told();
                let said = (buyer.as_str(), message.seq);
                told.on_said((&self.contact.user, request.command_id()), said, words);
                drop(told);
                self.on_said(session, buyer, message.seq);
            }
            About::Ending { session } => {
                count(&scene.counters.closed);
                scene.told().on_accepted(&self.contact.user, &request);
                self.held.drop(session);
            }
            About::Talk => scene.told().on_accepted(&self.contact.user, &request),
        }
        Ok(())
    }

    /// Takes the first one who waits. Others do the same at that moment.
    fn pick(&mut self, queue: &Sessions) -> Result<()> {
        let Some(first) = queue.sessions.first() else { return Ok(()) };
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let take = DeskTake { shop, command_id, session: first.session, force: false };
        self.contact.ask(take, Instant::now(), About::Take);
        Ok(())
    }

    fn on_said(&mut self, session: u64, buyer: Id, seq: u64) {
        count(&self.contact.scene.counters.said);
        let now = Instant::now();
        if self.contact.chance.happens(0.02) {
            let at = now + Duration::from_millis(400);
            self.agenda.plan(at, Deed::Recall { buyer, seq });
        }
        if self.held.is_done(session) {
            let at = now + schedule::later_reply(&mut self.contact.chance);
            self.agenda.plan(at, Deed::End(session));
        }
    }

    fn on_no(&mut self, asked: &Asked<About>, code: &str) {
        let scene = &self.contact.scene;
        scene.told().on_refused(&self.contact.user, &asked.request, code);
        match &asked.about {
            About::Words { session, .. } => {
                scene.messages.lock().answered(code, asked.intended);
                self.held.drop(*session);
            }
            About::Ending { session } => {
                scene.others.lock().answered(code, asked.intended);
                let is_gone = matches!(code, "not_owner" | "session_moved" | "session_closed");
                if is_gone {
                    self.held.drop(*session);
                } else {
                    // Nobody could take it on: he ends it himself, later.
                    let at = Instant::now() + Duration::from_millis(500);
                    self.agenda.plan(at, Deed::End(*session));
                }
            }
            _ => scene.others.lock().answered(code, asked.intended),
        }
    }
}

fn quick_reply(buyer: &Id) -> Result<Draft> {
    let variables = BTreeMap::from([(text("name")?, text(buyer.as_str())?)]);
    let variables = Map::try_from(variables)?;
    Ok(Draft::QuickReply { quick_reply: id(QUICK_REPLY)?, variables })
}
