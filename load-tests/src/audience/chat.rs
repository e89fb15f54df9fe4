//! How a simulated viewer uses the shop's chat: clicks a question or asks his own, thanks for an
//! answer, rates. Owns what he has said; when he does what is planned is his agenda's business.

use anyhow::Result;
use hawker_protocol::number::{Count, SessionId, Stars};
use hawker_protocol::object::{ChatState, Draft, Sender};
use hawker_protocol::push::{ChatMessage, ChatSessionPush};
use hawker_protocol::reply::ChatOpened;
use hawker_protocol::request::{ChatFaq, ChatOpen, ChatRate, ChatRead, ChatSend, ChatTyping};
use hawker_protocol::{Id, Request};

use super::crowd::Crowd;
use crate::api::{id, text};
use crate::chance::Chance;
use crate::line;
use crate::people;
use crate::tally::count;

/// Of those who come, how many write to the shop: with 200 viewers sixteen in the first minute, and
/// two a minute from then on.
const WRITES: f64 = 0.08;
/// Nobody of the audience has more to say.
const WORDS_MAX: u32 = 4;

/// Something to do in the chat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Open,
    Type,
    Click(Id),
    Ask,
    Thank,
    Read(u64),
    Rate(u64, u8),
}

/// What is to be done next, and in how many seconds.
pub(super) type Plans = Vec<(f64, Word)>;

#[derive(Debug, Default)]
pub(super) struct Chat {
    said: u32,
    rated: Option<u64>,
}

impl Chat {
    /// Whether somebody who comes in will write, and when he begins.
    pub(super) fn begin(chance: &mut Chance) -> Option<(f64, Word)> {
        let writes = chance.happens(WRITES);
        writes.then(|| (chance.within(1.0, 45.0), Word::Open))
    }

    pub(super) fn request(
        &mut self,
        word: &Word,
        crowd: &Crowd,
        chance: &mut Chance,
    ) -> Result<Request> {
        let (shop, room) = (crowd.shop.clone(), Some(crowd.room.clone()));
        let command_id = id(&uuid::Uuid::now_v7().to_string())?;
        Ok(match word {
            Word::Open => ChatOpen { shop }.into(),
            Word::Type => ChatTyping { shop }.into(),
            Word::Click(faq) => ChatFaq { shop, command_id, faq: faq.clone(), room }.into(),
            Word::Ask | Word::Thank => {
                self.said += 1;
                let asks = *word == Word::Ask;
                let said = if asks { people::question(chance) } else { people::thanks(chance) };
                let content = Draft::Text { text: text(said)? };
                ChatSend { shop, command_id, content, room }.into()
            }
            Word::Read(seq) => ChatRead { shop, delivered: None, read: Some(Count(*seq)) }.into(),
            Word::Rate(session, stars) => {
                let (session, stars) = (SessionId(*session), Stars(*stars));
                ChatRate { shop, command_id, session, stars, comment: text("")? }.into()
            }
        })
    }

    pub(super) fn on_yes(
        &mut self,
        word: &Word,
        line: &str,
        (crowd, chance): (&Crowd, &mut Chance),
    ) -> Result<Plans> {
        Ok(match word {
            Word::Open => {
                let ChatOpened { mut card, .. } = line::ok(line)?;
                if card.is_empty() || chance.happens(0.6) {
                    return Ok(ask(chance));
                }
                let clicked = card.swap_remove(chance.below(card.len()));
                vec![(chance.within(2.0, 8.0), Word::Click(clicked.faq))]
            }
            // The answer does not help everybody.
            Word::Click(_) if chance.happens(0.4) => ask(chance),
            Word::Ask if self.said == 1 => {
                count(&crowd.figures.chats);
                Plans::new()
            }
            Word::Type | Word::Click(_) | Word::Ask | Word::Thank => Plans::new(),
            Word::Read(_) | Word::Rate(..) => Plans::new(),
        })
    }

    pub(super) fn on_push(&mut self, kind: &str, line: &str, chance: &mut Chance) -> Result<Plans> {
        match kind {
            "chat.message" => {
                let ChatMessage { message } = line::push(line)?;
                let by_person = matches!(message.from, Sender::Agent { .. });
                let reads = (chance.within(0.5, 4.0), Word::Read(message.seq));
                let mut plans = vec![reads];
                if by_person && self.said < WORDS_MAX && chance.happens(0.6) {
                    let word = if chance.happens(0.5) { Word::Thank } else { Word::Ask };
                    let at = chance.within(5.0, 20.0);
                    plans.extend([(at - 3.0, Word::Type), (at, word)]);
                }
                Ok(plans)
            }
            "chat.session" => {
                let ChatSessionPush { session } = line::push(line)?;
                let number = session.session.0;
                let is_over = session.state == ChatState::Closed && session.stars.is_none();
                if !is_over || self.rated == Some(number) || !chance.happens(0.6) {
                    return Ok(Plans::new());
                }
                self.rated = Some(number);
                let stars = if chance.happens(0.7) { 5 } else { 2 + chance.below(3) as u8 };
                Ok(vec![(chance.within(2.0, 10.0), Word::Rate(number, stars))])
            }
            _ => Ok(Plans::new()),
        }
    }
}

/// He types for a while first.
fn ask(chance: &mut Chance) -> Plans {
    let at = chance.within(4.0, 14.0);
    vec![(at - 3.0, Word::Type), (at, Word::Ask)]
}
