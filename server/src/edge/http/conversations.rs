//! Conversations over HTTP: what was said, searched and shown as evidence, and what a shop's own
//! system says. Owns the routes and the form of a transcript as a file; pages are read as the
//! socket reads them.

mod download;

use hawker_protocol::http::{ReadMessages, ReadTranscript, SearchMessages, SendMessage};
use hawker_protocol::limits::CURSOR_CHARS_MAX;
use hawker_protocol::number::{MessageLimit, SessionId};
use hawker_protocol::reply::{
    ChatSent, ConversationChanged, ConversationOpened, Found, Messages, Transcript,
};
use hawker_protocol::request::{self, ExportOf};
use hawker_protocol::text::Text;
use hawker_protocol::{Answer, Code, Id, Refusal};

use super::call::Call;
use super::problem::{Answered, ok};

/// Shows a conversation with all that is known of its buyer.
#[utoipa::path(get, path = "/v1/shops/{shop}/conversations/{buyer}", tag = "conversations",
    responses((status = 200, body = ConversationOpened)))]
pub(super) async fn get_conversation(call: Call) -> Answered {
    let (shop, buyer) = (call.id("shop")?, call.id("buyer")?);
    call.perform(request::DeskOpen { shop, buyer }).await
}

/// Lists messages of a conversation, oldest first; without a bound the last ones.
#[utoipa::path(get, path = "/v1/shops/{shop}/conversations/{buyer}/messages",
    tag = "conversations",
    params(
        ("before" = Option<u64>, Query, description = "Older than this `seq`."),
        ("after" = Option<u64>, Query, description = "Newer than this `seq`; wins over `before`."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 100."),
    ),
    responses((status = 200, body = Messages),
        (status = 404, description = "conversation_unknown")))]
pub(super) async fn list_messages(call: Call) -> Answered {
    let (shop, buyer) = (call.id("shop")?, call.id("buyer")?);
    let ReadMessages { before, after, limit } = call.query()?;
    call.perform(request::DeskHistory { shop, buyer, before, after, limit }).await
}

/// Says something to a buyer: with the role `service` as a system of the shop, else as a person.
///
/// It opens no session. A system's word is an answer only where the shop's policy counts it.
/// A picture or video is uploaded before, by the same user.
#[utoipa::path(post, path = "/v1/shops/{shop}/conversations/{buyer}/messages",
    tag = "conversations", request_body = SendMessage,
    responses((status = 201, body = ChatSent),
        (status = 404, description = "product_unknown, order_unknown, quick_reply_unknown"),
        (status = 409, description = "not_owner")))]
pub(super) async fn send_message(call: Call) -> Answered {
    let (shop, buyer) = (call.id("shop")?, call.id("buyer")?);
    let (command_id, SendMessage { content }) = (call.command_id(), call.body()?);
    call.check_speaker()?;
    call.perform_creation(request::DeskSend { shop, command_id, buyer, content }).await
}

/// Takes no more messages of a buyer; an open session ends.
#[utoipa::path(put, path = "/v1/shops/{shop}/conversations/{buyer}/block",
    tag = "conversations",
    responses((status = 200, body = ConversationChanged)))]
pub(super) async fn block_buyer(call: Call) -> Answered {
    let (shop, command_id, buyer) = (call.id("shop")?, call.command_id(), call.id("buyer")?);
    call.perform(request::BuyerBlock { shop, command_id, buyer }).await
}

/// Takes them again.
#[utoipa::path(delete, path = "/v1/shops/{shop}/conversations/{buyer}/block",
    tag = "conversations",
    responses((status = 200, body = ConversationChanged),
        (status = 404, description = "conversation_unknown")))]
pub(super) async fn unblock_buyer(call: Call) -> Answered {
    let (shop, command_id, buyer) = (call.id("shop")?, call.command_id(), call.id("buyer")?);
    call.perform(request::BuyerUnblock { shop, command_id, buyer }).await
}

/// Searches messages for a text, newest first, in any case.
///
/// A page may hold no hit and still have a `next`: it ends where it has looked far enough.
#[utoipa::path(get, path = "/v1/shops/{shop}/messages", tag = "conversations",
    params(
        ("text" = String, Query, description = "What they contain."),
        ("buyer" = Option<Id>, Query, description = "Absent: in all conversations."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Found), (status = 404, description = "conversation_unknown")))]
pub(super) async fn search_messages(call: Call) -> Answered {
    let (shop, asked): (_, SearchMessages) = (call.id("shop")?, call.query()?);
    let SearchMessages { text, buyer, cursor, limit } = asked;
    call.perform(request::DeskSearch { shop, text, buyer, cursor, limit }).await
}

/// Shows what was said, oldest first, as evidence: a page, or all of it as a file.
///
/// The file has one `Message` a line (NDJSON). It is whole if the transfer ends as HTTP says it
/// should; where a page cannot be read the connection is closed in the middle.
#[utoipa::path(get, path = "/v1/shops/{shop}/conversations/{buyer}/transcript",
    tag = "conversations",
    params(
        ("session" = Option<u64>, Query, description = "Only the messages of this session."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 100."),
        ("download" = Option<u8>, Query,
            description = "1: all of it as a file; `cursor` and `limit` do not count."),
    ),
    responses(
        (status = 200, description = "A page, or the file.", content(
            (Transcript = "application/json"), (String = "application/x-ndjson"))),
        (status = 404, description = "conversation_unknown, session_unknown")))]
pub(super) async fn get_transcript(call: Call) -> Answered {
    let (buyer, asked): (_, ReadTranscript) = (call.id("buyer")?, call.query()?);
    let ReadTranscript { session, cursor, limit, download } = asked;
    let source = Source { call, buyer, session };
    if download.is_some_and(|download| download.0 == 1) {
        return download::whole(source).await;
    }
    ok(&source.page(cursor, limit).await?)
}

/// Where the pages of a transcript come from.
#[derive(Debug)]
struct Source {
    call: Call,
    buyer: Id,
    session: Option<SessionId>,
}

impl Source {
    async fn page(
        &self,
        cursor: Option<Text<CURSOR_CHARS_MAX>>,
        limit: Option<MessageLimit>,
    ) -> Result<Transcript, Refusal> {
        let shop = self.call.id("shop")?;
        let of = match self.session {
            Some(session) => ExportOf::Session(session),
            None => ExportOf::Buyer(self.buyer.clone()),
        };
        let asked = request::DeskExport { shop, of, cursor, limit };
        let Answer::Transcript(page) = self.call.answer(asked).await? else {
            return Err(Refusal::new(Code::Internal));
        };
        if page.buyer != self.buyer {
            return Err(Refusal::new(Code::SessionUnknown));
        }
        Ok(*page)
    }
}
