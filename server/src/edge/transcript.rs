//! What was said to and by buyers, as the staff reads it: a conversation with all that is known of
//! its buyer, its pages, a search and an export. Reads documents a bounded piece at a time.

use hawker_domain::command::{Content, Role};
use hawker_domain::document;
use hawker_domain::event::Event;
use hawker_domain::event::desk::{DeskEvent, MessageKind};
use hawker_domain::id::{SessionId, ShopId, UserId};
use hawker_domain::rejection::Rejection;
use hawker_domain::view::desk::{ClosedSession, Message, Note, SessionView};
use hawker_protocol::limits::PAGE_ITEMS;
use hawker_protocol::topic::CONVERSATION_EPOCH;
use hawker_protocol::{Answer, Code, Refusal, reply, request};

use super::auth::Identity;
use super::chat::{Bounds, Page, conversation_topic, wire_page};
use super::desk::{foreign_cursor, page_size};
use super::refusals;
use super::service::Service;
use crate::wire;

/// Closed sessions that are shown with a conversation.
const EARLIER_SHOWN: usize = 20;
/// A buyer's closed sessions are kept with the oldest first; so many are walked to the newest. It
/// takes ten years of three a day to have more.
const EARLIER_PAGE: usize = 500;
const EARLIER_PAGES_MAX: usize = 20;
const NOTES_SHOWN: usize = 200;
/// What one search looks at before it answers with a cursor: some milliseconds of reading.
const MESSAGES_SEARCHED: u64 = 500;
const RECORDS_SEARCHED: usize = 200;

/// Who takes evidence out of the house.
const EXPORTERS: &[Role] = wire::EDITORS;

/// Where a search in all conversations goes on: with the messages of a record that come before
/// `messages`, or with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    version: u64,
    messages: Option<usize>,
}

/// A session's messages: whose, behind which one they begin, and the last as far as is known.
struct Extent {
    buyer: UserId,
    view: Option<SessionView>,
    after: u64,
    last: u64,
}

impl Service {
    pub(super) async fn open_conversation(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: &request::DeskOpen,
    ) -> Result<Answer, Refusal> {
        let buyer = wire::user_id(&it.buyer);
        let asks = buyer.clone();
        let found = self.ask_for(shop, identity, wire::SPEAKERS, move |shop, _| {
            let conversation = shop.conversation_view(&asks);
            let last = conversation.as_ref().and_then(|it| it.last_session);
            let session = last.and_then(|last| shop.session_view(last));
            (conversation, session)
        });
        let (conversation, session) = found.await?;
        let seq = conversation.as_ref().map_or(0, |conversation| conversation.seq);
        let (notes_prefix, tags_key) = (document::notes_prefix(&buyer), document::tags_key(&buyer));
        let (messages, earlier, notes, tags) = tokio::try_join!(
            self.last_messages(shop, &buyer, seq),
            self.closed_sessions(shop, &buyer),
            self.stored_list::<Note>(shop, &notes_prefix, None, NOTES_SHOWN),
            self.stored::<Vec<String>>(shop, &tags_key),
        )?;
        // The last one stands by itself.
        let last = session.as_ref().map(|session| session.session);
        let earlier = earlier.iter().rev().filter(|it| Some(it.session) != last);
        let opened = reply::ConversationOpened {
            topic: conversation_topic(shop, &buyer),
            epoch: CONVERSATION_EPOCH.to_owned(),
            seq,
            conversation: conversation.as_ref().map(wire::conversation),
            session: session.as_ref().map(wire::session),
            earlier: earlier.take(EARLIER_SHOWN).map(wire::closed_session).collect(),
            messages: messages.iter().map(|it| wire::message(shop, it)).collect(),
            notes: notes.iter().map(wire::note).collect(),
            tags: tags.unwrap_or_default(),
        };
        Ok(opened.into())
    }

    /// The newest closed sessions of a buyer, the oldest of them first.
    async fn closed_sessions(
        &self,
        shop: &ShopId,
        buyer: &UserId,
    ) -> Result<Vec<ClosedSession>, Refusal> {
        let prefix = document::buyer_sessions_prefix(buyer);
        let mut newest: Vec<ClosedSession> = Vec::new();
        for _ in 0..EARLIER_PAGES_MAX {
            let last = newest.last().map(|it| document::buyer_session_key(buyer, it.session));
            let found: Vec<ClosedSession> =
                self.stored_list(shop, &prefix, last.as_deref(), EARLIER_PAGE).await?;
            let is_last_page = found.len() < EARLIER_PAGE;
            newest.extend(found);
            newest.drain(..newest.len().saturating_sub(EARLIER_SHOWN + 1));
            if is_last_page {
                break;
            }
        }
        Ok(newest)
    }

    pub(super) async fn desk_history(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: &request::DeskHistory,
    ) -> Result<Answer, Refusal> {
        let buyer = wire::user_id(&it.buyer);
        let asks = buyer.clone();
        let found = self.ask_for(shop, identity, wire::SPEAKERS, move |shop, _| {
            shop.conversation_view(&asks).map(|view| view.seq)
        });
        let seq = found.await?.ok_or(Refusal::new(Code::ConversationUnknown))?;
        let bounds = Bounds::new(it.before, it.after, it.limit);
        Ok(wire_page(shop, &self.message_page(shop, &buyer, bounds, seq).await?))
    }

    pub(super) async fn search(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: &request::DeskSearch,
    ) -> Result<Answer, Refusal> {
        let text = it.text.trim().to_lowercase();
        if text.is_empty() {
            return Err(Refusal::invalid_field("text", "must not be empty"));
        }
        let buyer = it.buyer.as_ref().map(wire::user_id);
        let asks = buyer.clone();
        let found = self.ask_for(shop, identity, wire::SPEAKERS, move |shop, _| {
            asks.and_then(|buyer| shop.conversation_view(&buyer)).map(|view| view.seq)
        });
        let seq = found.await?;
        let (cursor, hits_max) = (it.cursor.as_deref(), page_size(it.limit));
        let (hits, next) = match buyer {
            Some(buyer) => {
                let seq = seq.ok_or(Refusal::new(Code::ConversationUnknown))?;
                self.search_in(shop, &buyer, (&text, cursor, hits_max), seq).await?
            }
            None => self.search_all(shop, (&text, cursor, hits_max)).await?,
        };
        let hits = hits.into_iter().map(|(buyer, message)| reply::Hit {
            buyer: wire::id(buyer),
            message: wire::message(shop, &message),
        });
        Ok(reply::Found { hits: hits.collect(), next }.into())
    }

    /// In one conversation, from its end. The cursor is the number it goes on before.
    async fn search_in(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        (text, cursor, hits_max): (&str, Option<&str>, usize),
        seq: u64,
    ) -> Result<(Vec<(UserId, Message)>, Option<String>), Refusal> {
        let before = cursor.map(|text| text.parse::<u64>().map_err(|_| foreign_cursor()));
        let end = before.transpose()?.unwrap_or(u64::MAX).min(seq.saturating_add(1));
        let from = end.saturating_sub(1).saturating_sub(MESSAGES_SEARCHED);
        let mut messages = self.messages(shop, buyer, from, MESSAGES_SEARCHED as usize).await?;
        messages.retain(|message| message.seq < end);
        let found = messages.into_iter().rev().filter(|message| says(message, text));
        let hits: Vec<_> = found.take(hits_max).map(|message| (buyer.clone(), message)).collect();
        let is_full = hits.len() == hits_max;
        let before = match hits.last() {
            Some((_, message)) if is_full => message.seq,
            Some(_) | None => from + 1,
        };
        Ok((hits, (before > 1).then(|| before.to_string())))
    }

    /// In all conversations. The history is the one order that all messages stand in, so it is
    /// walked from its end; words that were recalled or erased are found no more.
    async fn search_all(
        &self,
        shop: &ShopId,
        (text, cursor, hits_max): (&str, Option<&str>, usize),
    ) -> Result<(Vec<(UserId, Message)>, Option<String>), Refusal> {
        let mut place = match cursor {
            Some(cursor) => Place::parse(cursor).ok_or_else(foreign_cursor)?,
            None => self.newest_record(shop).await?,
        };
        let (mut hits, mut records, mut messages) = (Vec::new(), 0, 0);
        while place.version > 0 && records < RECORDS_SEARCHED {
            records += 1;
            let said = self.said_in(shop, place.version, text).await?;
            let end = place.messages.unwrap_or(said.len()).min(said.len());
            for (index, (buyer, seq)) in said.iter().enumerate().take(end).rev() {
                let key = document::message_key(buyer, *seq);
                let found = self.stored::<Message>(shop, &key).await?;
                messages += 1;
                let found = found.filter(|message| says(message, text));
                hits.extend(found.map(|message| (buyer.clone(), message)));
                if hits.len() == hits_max || messages == MESSAGES_SEARCHED {
                    let place = Place { messages: Some(index), ..place };
                    return Ok((hits, Some(place.to_string())));
                }
            }
            place = Place { version: place.version - 1, messages: None };
        }
        Ok((hits, (place.version > 0).then(|| place.to_string())))
    }

    async fn newest_record(&self, shop: &ShopId) -> Result<Place, Refusal> {
        let position = self.engine().position(shop).await;
        let position = position.map_err(|error| refusals::of_journal(&error))?;
        Ok(Place { version: position.version, messages: None })
    }

    /// The messages of one record that are long enough and of a kind with words.
    async fn said_in(
        &self,
        shop: &ShopId,
        version: u64,
        text: &str,
    ) -> Result<Vec<(UserId, u64)>, Refusal> {
        let records = self.engine().records(shop, version - 1, 1).await;
        let records = records.map_err(|error| refusals::of_journal(&error))?;
        let entries = records.into_iter().flat_map(|record| record.entries);
        let events = entries.flat_map(|entry| entry.events);
        // Folding case may lengthen what was said, but never threefold.
        let chars_min = text.chars().count() / 3;
        let said = events.filter_map(|event| match event {
            Event::Desk(DeskEvent::MessageSent(sent)) => {
                let has_words = matches!(sent.kind, MessageKind::Text | MessageKind::Question);
                let fits = has_words && sent.chars as usize >= chars_min;
                fits.then_some((sent.buyer, sent.seq))
            }
            _ => None,
        });
        Ok(said.collect())
    }

    /// A page of what was said, as evidence: by leaders and the shop's own systems.
    pub(super) async fn export(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: &request::DeskExport,
    ) -> Result<Answer, Refusal> {
        let after = it.cursor.as_deref().map(|text| text.parse().map_err(|_| foreign_cursor()));
        let after = after.transpose()?;
        let messages_max = it.limit.map_or(PAGE_ITEMS, |limit| limit.0) as usize;
        match &it.of {
            request::ExportOf::Buyer(buyer) => {
                let buyer = wire::user_id(buyer);
                let asks = buyer.clone();
                let found = self.ask_for(shop, identity, EXPORTERS, move |shop, _| {
                    shop.conversation_view(&asks).map(|view| view.seq)
                });
                let last = found.await?.ok_or(Refusal::new(Code::ConversationUnknown))?;
                let extent = Extent { buyer, view: None, after: after.unwrap_or(0), last };
                let page = self.extent_page(shop, &extent, messages_max).await?;
                Ok(transcript(shop, &extent, page))
            }
            request::ExportOf::Session(session) => {
                let session = wire::session_id(*session);
                let mut extent = self.extent_of(shop, identity, session).await?;
                extent.after = after.unwrap_or(extent.after);
                let mut page = self.extent_page(shop, &extent, messages_max).await?;
                let is_later = |it: &Message| it.session.is_some_and(|of| of > session);
                page.more &= !page.messages.iter().any(is_later);
                let next = page.messages.last().map(|message| message.seq);
                page.messages.retain(|message| message.session == Some(session));
                Ok(transcript_behind(shop, &extent, &page, next))
            }
        }
    }

    async fn extent_page(
        &self,
        shop: &ShopId,
        extent: &Extent,
        messages_max: usize,
    ) -> Result<Page, Refusal> {
        let mut messages =
            self.messages(shop, &extent.buyer, extent.after, messages_max + 1).await?;
        messages.retain(|message| message.seq <= extent.last);
        let more = messages.len() > messages_max;
        messages.truncate(messages_max);
        Ok(Page { messages, more })
    }

    /// Where the messages of a session are. One that is open begins behind the last that closed.
    async fn extent_of(
        &self,
        shop: &ShopId,
        identity: &Identity,
        session: SessionId,
    ) -> Result<Extent, Refusal> {
        let found = self.ask_for(shop, identity, EXPORTERS, move |shop, _| {
            let view = shop.session_view(session)?;
            let last = shop.conversation_view(&view.buyer).map_or(0, |view| view.seq);
            Some((view, last))
        });
        let found = found.await?;
        let closed: Option<ClosedSession> =
            self.stored(shop, &document::session_key(session)).await?;
        match (closed, found) {
            (Some(closed), found) => {
                let (view, last) = found.map_or((None, u64::MAX), |(view, seq)| (Some(view), seq));
                let after = closed.first_seq.saturating_sub(1);
                Ok(Extent { buyer: closed.buyer, view, after, last })
            }
            (None, Some((view, last))) => {
                let buyer = view.buyer.clone();
                let earlier = self.closed_sessions(shop, &buyer).await?;
                let before = earlier.iter().rev().find(|it| it.session < session);
                let after = before.map_or(0, |it| it.last_seq);
                Ok(Extent { buyer, view: Some(view), after, last })
            }
            (None, None) => Err(wire::rejection_refusal(&Rejection::SessionUnknown)),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (version, messages) = match text.split_once('-') {
            Some((version, messages)) => (version, Some(messages.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { version: version.parse().ok()?, messages })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.messages {
            Some(messages) => write!(f, "{}-{messages}", self.version),
            None => write!(f, "{}", self.version),
        }
    }
}

/// Whether the words of a message contain a text that was folded to lower case.
fn says(message: &Message, text: &str) -> bool {
    match &message.content {
        Some(Content::Text(said) | Content::Question { text: said, .. }) => {
            said.to_lowercase().contains(text)
        }
        _ => false,
    }
}

fn transcript(shop: &ShopId, extent: &Extent, page: Page) -> Answer {
    let next = page.messages.last().map(|message| message.seq);
    transcript_behind(shop, extent, &page, next)
}

fn transcript_behind(shop: &ShopId, extent: &Extent, page: &Page, next: Option<u64>) -> Answer {
    let transcript = reply::Transcript {
        buyer: wire::id(extent.buyer.clone()),
        session: extent.view.as_ref().map(wire::session),
        messages: page.messages.iter().map(|message| wire::message(shop, message)).collect(),
        next: next.filter(|_| page.more).map(|seq| seq.to_string()),
    };
    transcript.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_on_where_its_cursor_says() {
        let places = [
            Place { version: 7, messages: None },
            Place { version: 7, messages: Some(0) },
            Place { version: 12, messages: Some(40) },
        ];
        for place in places {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "-", "7-", "-7", "x", "7-x", "-1", "7-8-9"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
