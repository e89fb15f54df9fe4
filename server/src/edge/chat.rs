//! What a buyer reads of his chat with a shop, and the messages of a conversation for whoever may
//! see them. Reads documents where it can: a question wakes the shop, a page of history does not.

use hawker_domain::command::{Actor, Role};
use hawker_domain::document;
use hawker_domain::id::{ShopId, UserId};
use hawker_domain::view::desk::{ChatView, ConversationView, Message, SessionView};
use hawker_protocol::limits::{MESSAGES_OPENED, MESSAGES_PAGE_MAX, PAGE_ITEMS};
use hawker_protocol::number::{Count, MessageLimit};
use hawker_protocol::topic::CONVERSATION_EPOCH;
use hawker_protocol::{Answer, Code, Push, Refusal, Topic, codec, push, reply, request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::auth::Identity;
use super::refusals;
use super::service::{Service, acting_role};
use crate::wire;

const BUYER: &[Role] = &[Role::Buyer];

/// A resume brings along so many messages; whoever missed more opens the conversation again.
const MISSED_MAX: usize = MESSAGES_PAGE_MAX as usize;
/// Messages before the place of a resume that are looked at for recalls: one can be taken back for
/// two minutes, in which nobody says more.
const RECALLS_SEEN: u64 = 50;

/// Where in a conversation a page begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    before: Option<u64>,
    after: Option<u64>,
    messages_max: usize,
}

/// Messages in their order, and whether there are more in the direction that was asked for.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) messages: Vec<Message>,
    pub(super) more: bool,
}

/// What somebody missed who comes back to a conversation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Missed {
    pub(super) seq: u64,
    /// Otherwise he opens the conversation again.
    pub(super) recovered: bool,
    pub(super) lines: Vec<Vec<u8>>,
    /// He serves the buyer, and hears the conversation without watching it.
    pub(super) is_owner: bool,
}

/// A conversation as it is now.
struct Now {
    conversation: Option<ConversationView>,
    session: Option<SessionView>,
}

impl Bounds {
    pub(super) fn new(
        before: Option<Count>,
        after: Option<Count>,
        limit: Option<MessageLimit>,
    ) -> Self {
        let messages_max = limit.map_or(PAGE_ITEMS, |limit| limit.0) as usize;
        let number = |bound: Option<Count>| bound.map(|bound| bound.0);
        Self { before: number(before), after: number(after), messages_max }
    }
}

impl Service {
    pub(super) async fn open_chat(
        &self,
        shop: &ShopId,
        identity: &Identity,
    ) -> Result<Answer, Refusal> {
        acting_role(identity, shop, BUYER)?;
        let buyer = identity.user.clone();
        let found = self.ask(shop, move |shop, now| {
            shop.view()?;
            let ChatView { conversation, session, card, holiday } = shop.chat_view(&buyer, now);
            let last = conversation.as_ref().and_then(|conversation| conversation.last_session);
            let session = session.or_else(|| shop.session_view(last?));
            Some(ChatView { conversation, session, card, holiday })
        });
        let chat = found.await?.ok_or(Refusal::new(Code::ShopUnknown))?;
        let seq = chat.conversation.as_ref().map_or(0, |conversation| conversation.seq);
        let messages = self.last_messages(shop, &identity.user, seq).await?;
        let opened = reply::ChatOpened {
            topic: conversation_topic(shop, &identity.user),
            epoch: CONVERSATION_EPOCH.to_owned(),
            seq,
            conversation: chat.conversation.as_ref().map(wire::conversation),
            session: chat.session.as_ref().map(wire::chat_session),
            card: wire::card(&chat.card),
            holiday: chat.holiday,
            messages: messages.iter().map(|it| wire::message(shop, it)).collect(),
        };
        Ok(opened.into())
    }

    /// Of his own, which are documents: the shop is asked only where nobody knows the last number.
    pub(super) async fn chat_history(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::ChatHistory,
    ) -> Result<Answer, Refusal> {
        acting_role(identity, shop, BUYER)?;
        let bounds = Bounds::new(it.before, it.after, it.limit);
        let buyer = &identity.user;
        if bounds.after.is_some() || bounds.before.is_some() {
            let page = self.message_page(shop, buyer, bounds, u64::MAX).await?;
            if bounds.after.is_some() || !page.messages.is_empty() {
                return Ok(wire_page(shop, &page));
            }
        }
        let asks = buyer.clone();
        let view = self.ask(shop, move |shop, _| shop.conversation_view(&asks)).await?;
        let Some(view) = view else { return Ok(wire_page(shop, &Page::default())) };
        Ok(wire_page(shop, &self.message_page(shop, buyer, bounds, view.seq).await?))
    }

    /// A page of a conversation whose last message is `seq`, as far as the caller knows.
    pub(super) async fn message_page(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        bounds: Bounds,
        seq: u64,
    ) -> Result<Page, Refusal> {
        let Bounds { before, after, messages_max } = bounds;
        if let Some(after) = after {
            let mut messages = self.messages(shop, buyer, after, messages_max + 1).await?;
            let more = messages.len() > messages_max;
            messages.truncate(messages_max);
            return Ok(Page { messages, more });
        }
        let end = before.unwrap_or(u64::MAX).min(seq.saturating_add(1));
        let from = end.saturating_sub(1).saturating_sub(messages_max as u64);
        let mut messages = self.messages(shop, buyer, from, messages_max).await?;
        messages.retain(|message| message.seq < end);
        // What somebody wrote before he was erased is nowhere: nothing older follows.
        let more = from > 0 && !messages.is_empty();
        Ok(Page { messages, more })
    }

    /// Those that come along when a conversation is opened, up to `seq` and no further: what was
    /// said after it is pushed.
    pub(super) async fn last_messages(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        seq: u64,
    ) -> Result<Vec<Message>, Refusal> {
        let from = seq.saturating_sub(MESSAGES_OPENED as u64);
        if seq == 0 {
            return Ok(Vec::new());
        }
        let mut messages = self.messages(shop, buyer, from, MESSAGES_OPENED).await?;
        messages.retain(|message| message.seq <= seq);
        Ok(messages)
    }

    /// Up to `messages_max` messages behind `after`.
    pub(super) async fn messages(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        after: u64,
        messages_max: usize,
    ) -> Result<Vec<Message>, Refusal> {
        let prefix = document::messages_prefix(buyer);
        let after = document::message_key(buyer, after);
        self.stored_list(shop, &prefix, Some(&after), messages_max).await
    }

    /// The documents under a prefix, read as what they are.
    pub(super) async fn stored_list<T: DeserializeOwned>(
        &self,
        shop: &ShopId,
        prefix: &str,
        after: Option<&str>,
        documents_max: usize,
    ) -> Result<Vec<T>, Refusal> {
        let found = self.engine().documents(shop, prefix, after, documents_max).await;
        let found = found.map_err(|error| refusals::of_journal(&error))?;
        found.iter().map(|it| read_stored(shop, &it.key, &it.value)).collect()
    }

    /// One document, if it is there.
    pub(super) async fn stored<T: DeserializeOwned>(
        &self,
        shop: &ShopId,
        key: &str,
    ) -> Result<Option<T>, Refusal> {
        let found = self.engine().document(shop, key).await;
        let bytes = found.map_err(|error| refusals::of_journal(&error))?;
        bytes.map(|bytes| read_stored(shop, key, &bytes)).transpose()
    }

    /// What the caller missed of a conversation of which he knows everything up to `known`. A
    /// buyer hears his own, the staff of the shop any.
    pub(super) async fn missed(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        identity: &Identity,
        known: u64,
    ) -> Result<Missed, Refusal> {
        let now = self.conversation_now(shop, buyer, identity).await?;
        let seq = now.conversation.as_ref().map_or(0, |conversation| conversation.seq);
        let owner = now.conversation.as_ref().and_then(|it| it.owner.as_ref());
        let is_owner = owner == Some(&identity.user);
        let too_many = seq.saturating_sub(known) > MISSED_MAX as u64;
        // Who knows more than there is comes from another history.
        if too_many || known > seq {
            return Ok(Missed { seq, recovered: false, lines: Vec::new(), is_owner });
        }
        let from = known.saturating_sub(RECALLS_SEEN);
        let count = usize::try_from(seq - from).unwrap_or(MISSED_MAX);
        let mut messages = match count {
            0 => Vec::new(),
            count => self.messages(shop, buyer, from, count).await?,
        };
        messages.retain(|message| message.seq <= seq);
        let lines = missed_lines((shop, buyer), &messages, known, &now);
        Ok(Missed { seq, recovered: true, lines, is_owner })
    }

    async fn conversation_now(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        identity: &Identity,
    ) -> Result<Now, Refusal> {
        let is_own = *buyer == identity.user;
        let role = acting_role(identity, shop, if is_own { BUYER } else { wire::STAFF })?;
        let (actor, buyer) = (Actor { user: identity.user.clone(), role }, buyer.clone());
        self.ask_as(shop, actor, move |shop, _| {
            let conversation = shop.conversation_view(&buyer);
            let last = conversation.as_ref().and_then(|it| it.last_session);
            Now { session: last.and_then(|last| shop.session_view(last)), conversation }
        })
        .await
    }
}

pub(super) fn wire_page(shop: &ShopId, page: &Page) -> Answer {
    let messages = page.messages.iter().map(|message| wire::message(shop, message)).collect();
    reply::Messages { messages, more: page.more }.into()
}

pub(super) fn conversation_topic(shop: &ShopId, buyer: &UserId) -> Topic {
    Topic::Conversation { shop: wire::id(shop.clone()), buyer: wire::id(buyer.clone()) }
}

/// The messages as they are now, what was taken back of those that are known, and how far both
/// sides and the session have got.
fn missed_lines(
    (shop, buyer): (&ShopId, &UserId),
    messages: &[Message],
    known: u64,
    now: &Now,
) -> Vec<Vec<u8>> {
    let topic = conversation_topic(shop, buyer).to_string();
    let mut lines = Vec::new();
    let mut add = |push: Push, seq: Option<u64>| {
        let mut line = Vec::with_capacity(256);
        codec::encode_topic_push(&push, &topic, seq, &mut line);
        line.pop();
        lines.push(line);
    };
    for said in messages.iter().filter(|message| message.seq > known) {
        let message = wire::message(shop, said);
        add(push::ChatMessage { message }.into(), Some(said.seq));
    }
    let is_recalled = |it: &&Message| it.seq <= known && it.content.is_none();
    for recalled in messages.iter().filter(is_recalled) {
        add(push::ChatRecalled { message_seq: recalled.seq }.into(), None);
    }
    if let Some(view) = &now.conversation {
        add(push::ChatReadPush { conversation: wire::conversation(view) }.into(), None);
    }
    if let Some(view) = &now.session {
        add(push::ChatSessionPush { session: wire::chat_session(view) }.into(), None);
    }
    lines
}

fn read_stored<T: DeserializeOwned>(shop: &ShopId, key: &str, bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The key names a person, who may be erased: the log outlives him.
        let kind = key.split('/').nth(2).unwrap_or(key);
        tracing::error!(%shop, kind, %error, "a document cannot be read");
        Refusal::new(Code::Internal)
    })
}
