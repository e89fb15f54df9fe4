//! One simulated buyer: asks, waits, answers, rates, and writes again after the close. Owns his
//! agenda; the times come from the schedule, the rules from the server.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::Request;
use hawker_protocol::number::{Count, MessageSeq, SessionId, Stars};
use hawker_protocol::object::{ChatSession, ChatState, Draft, Message, Role, Sender};
use hawker_protocol::push::{ChatMessage, ChatPosition, ChatSessionPush};
use hawker_protocol::reply::{ChatOpened, ChatSent, ChatSessionChanged};
use hawker_protocol::request::{
    ChatFaq, ChatOpen, ChatRate, ChatRead, ChatRecall, ChatSend, ChatTyping,
};
use tokio::time::{Duration, Instant};

use super::contact::Contact;
use super::hearing::Hearing;
use super::part::Part;
use super::scene::Scene;
use super::schedule::{self, Drop, First};
use super::{FAQ_ENTRIES, PRODUCT};
use crate::agenda::Agenda;
use crate::api::{id, text};
use crate::line;
use crate::people;
use crate::talk::{Asked, Heard};
use crate::tally::count;

/// A session and at most two more after it.
const RECEPTIONS_MAX: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Begin,
    Speak,
    Recall(u64),
    Rate(u64),
    Drop(Drop),
}

/// What an answer is about.
#[derive(Debug)]
pub(super) enum About {
    Opening,
    /// The words, where they can be compared.
    Words(Option<String>),
    Click,
    Talk,
}

#[derive(Debug)]
pub(super) struct Buyer {
    contact: Contact<About>,
    agenda: Agenda<Deed>,
    hearing: Hearing,
    words_left: u32,
    receptions_left: u32,
    is_speaking: bool,
    /// Of a session that he saw end.
    closed: u64,
}

impl Buyer {
    pub(super) fn new(scene: Arc<Scene>, number: usize) -> Self {
        Self {
            contact: Contact::new(scene, Role::Buyer, format!("b{number}"), number),
            agenda: Agenda::new(),
            hearing: Hearing::default(),
            words_left: 0,
            receptions_left: RECEPTIONS_MAX,
            is_speaking: false,
            closed: 0,
        }
    }
}

impl Part for Buyer {
    type About = About;
    type Deed = Deed;

    fn contact(&mut self) -> &mut Contact<About> {
        &mut self.contact
    }

    fn agenda(&mut self) -> &mut Agenda<Deed> {
        &mut self.agenda
    }

    fn plan(&mut self, began: Instant) {
        let (chance, run) = (&mut self.contact.chance, self.contact.scene.run);
        let first = began + schedule::first_word(chance, run);
        self.agenda.plan(first, Deed::Begin);
        if let Some(drop) = schedule::buyer_drop(chance) {
            let at = began + run.mul_f64(chance.unit());
            self.agenda.plan(at, Deed::Drop(drop));
        }
    }

    fn greet(&mut self) {
        self.hearing = Hearing::default();
        let open = ChatOpen { shop: self.contact.shop() };
        self.contact.ask(open, Instant::now(), About::Opening);
    }

    fn act(&mut self, deed: Deed, at: Instant) -> Result<Option<Drop>> {
        match deed {
            Deed::Begin => {
                self.receptions_left = self.receptions_left.saturating_sub(1);
                self.words_left = schedule::words(&mut self.contact.chance);
                match schedule::first(&mut self.contact.chance) {
                    First::Word => self.speak(at)?,
                    First::Question { follow_up } => self.click(follow_up, at)?,
                }
            }
            Deed::Speak => self.speak(at)?,
            Deed::Recall(seq) => {
                let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
                let recall = ChatRecall { shop, command_id, seq: MessageSeq(seq) };
                self.contact.ask(recall, at, About::Talk);
            }
            Deed::Rate(session) => self.rate(session, at)?,
            Deed::Drop(drop) => return Ok(Some(drop)),
        }
        Ok(None)
    }

    fn on_line(&mut self, line: &str) -> Result<()> {
        match self.contact.hear(line)? {
            Some(Heard::Push { kind, line }) => self.on_push(&kind, line)?,
            Some(Heard::Yes { asked, line }) => self.on_yes(&asked, line)?,
            Some(Heard::No { asked, code, .. }) => self.on_no(&asked, code),
            Some(Heard::NotYet { .. }) | None => {}
        }
        Ok(())
    }
}

impl Buyer {
    fn rate(&mut self, session: u64, at: Instant) -> Result<()> {
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let stars = Stars(1 + self.contact.chance.below(5) as u8);
        let (session, comment) = (SessionId(session), text("")?);
        let rate = ChatRate { shop, command_id, session, stars, comment };
        self.contact.ask(rate, at, About::Talk);
        Ok(())
    }

    fn speak(&mut self, at: Instant) -> Result<()> {
        self.is_speaking = false;
        self.words_left = self.words_left.saturating_sub(1);
        if self.contact.chance.happens(0.3) {
            let typing = ChatTyping { shop: self.contact.shop() };
            self.contact.ask(typing, at, About::Talk);
        }
        let chance = &mut self.contact.chance;
        let words = people::sentence(chance);
        let (content, words) = match chance.unit() {
            ..0.85 => (Draft::Text { text: text(words)? }, Some(words.to_owned())),
            ..0.95 => (Draft::Emoji { emoji: text("🌷")? }, None),
            _ => (Draft::Product { product: id(PRODUCT)? }, None),
        };
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let send = ChatSend { shop, command_id, content, room: None };
        self.contact.ask(send, at, About::Words(words));
        Ok(())
    }

    fn click(&mut self, follow_up: bool, at: Instant) -> Result<()> {
        let faq = id(&format!("q{}", self.contact.chance.below(FAQ_ENTRIES)))?;
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        self.contact.ask(ChatFaq { shop, command_id, faq, room: None }, at, About::Click);
        if follow_up {
            self.plan_word();
        } else {
            self.words_left = 0;
        }
        Ok(())
    }

    fn plan_word(&mut self) {
        if !self.is_speaking {
            self.is_speaking = true;
            let at = Instant::now() + schedule::think(&mut self.contact.chance);
            self.agenda.plan(at, Deed::Speak);
        }
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "chat.message" => self.on_message(&line::push::<ChatMessage>(line)?.message)?,
            "chat.session" => {
                let ChatSessionPush { session } = line::push(line)?;
                self.on_session(&session);
            }
            "chat.position" => {
                let ChatPosition { session, position } = line::push(line)?;
                if self.hearing.is_worse(session.0, position) {
                    let user = &self.contact.user;
                    let say = || format!("{user} fell back in the queue to {position:?}");
                    self.contact.scene.told().add(say);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_message(&mut self, message: &Message) -> Result<()> {
        let missing = self.hearing.on_push(message.seq);
        self.on_gap(missing);
        let Sender::Agent { .. } = message.from else { return Ok(()) };
        self.contact.scene.on_delivered(message.at.0);
        if self.contact.scene.is_resting() {
            return Ok(());
        }
        if self.contact.chance.happens(0.3) {
            let (delivered, read) = (None, Some(Count(message.seq)));
            let read = ChatRead { shop: self.contact.shop(), delivered, read };
            self.contact.ask(read, Instant::now(), About::Talk);
        }
        if self.words_left > 0 {
            self.plan_word();
        }
        Ok(())
    }

    fn on_gap(&self, missing: u64) {
        let gaps = &self.contact.scene.counters.push_gaps;
        gaps.fetch_add(missing, std::sync::atomic::Ordering::Relaxed);
    }

    /// Some rate a session that is over, and some write again.
    fn on_session(&mut self, session: &ChatSession) {
        let id = session.session.0;
        if session.state != ChatState::Closed || id <= self.closed {
            return;
        }
        self.closed = id;
        let chance = &mut self.contact.chance;
        let now = Instant::now();
        if chance.happens(0.3) {
            let at = now + Duration::from_secs_f64(chance.within(0.1, 0.5));
            self.agenda.plan(at, Deed::Rate(id));
        }
        if self.receptions_left > 0 && chance.happens(0.25) {
            let at = now + Duration::from_secs_f64(chance.within(0.5, 3.0));
            self.agenda.plan(at, Deed::Begin);
        }
    }

    fn on_yes(&mut self, asked: &Asked<About>, line: &str) -> Result<()> {
        let scene = Arc::clone(&self.contact.scene);
        match &asked.about {
            About::Opening => {
                let opened: ChatOpened = line::ok(line)?;
                let missing = self.hearing.on_opened(opened.seq);
                self.on_gap(missing);
                opened.session.iter().for_each(|session| self.on_session(session));
            }
            About::Words(words) => {
                scene.messages.lock().answered("accepted", asked.intended);
                self.on_said(&asked.request, words.clone(), line::ok(line)?);
            }
            About::Click => {
                scene.messages.lock().answered("clicked", asked.intended);
                let ChatSessionChanged { session } = line::ok(line)?;
                let mut told = scene.told();
                told.on_accepted(&self.contact.user, &asked.request);
                told.on_session(session.session.0, &self.contact.user);
            }
            About::Talk => {
                scene.others.lock().answered(asked.request.type_name(), asked.intended);
                scene.told().on_accepted(&self.contact.user, &asked.request);
            }
        }
        Ok(())
    }

    fn on_said(&mut self, request: &Request, words: Option<String>, sent: ChatSent) {
        let scene = Arc::clone(&self.contact.scene);
        count(&scene.counters.said);
        let (user, seq) = (self.contact.user.clone(), sent.message.seq);
        let mut told = scene.told();
        told.on_said((&user, request.command_id()), (&user, seq), words);
        if let Some(session) = sent.message.session {
            told.on_session(session.0, &user);
        }
        drop(told);
        if self.contact.chance.happens(0.02) {
            let at = Instant::now() + Duration::from_millis(300);
            self.agenda.plan(at, Deed::Recall(seq));
        }
    }

    fn on_no(&mut self, asked: &Asked<About>, code: &str) {
        let scene = &self.contact.scene;
        scene.told().on_refused(&self.contact.user, &asked.request, code);
        match asked.about {
            About::Words(_) | About::Click => {
                scene.messages.lock().answered(code, asked.intended);
            }
            About::Opening | About::Talk => {
                scene.others.lock().answered(code, asked.intended);
            }
        }
    }
}
