//! What a shop has written beforehand, over HTTP: the FAQ with its card, and the quick replies.
//! Owns the routes; each verb is the socket's request of the same name.

use hawker_protocol::http::{FaqList, PutFaq, PutQuickReply, QuickReplies, SetFaqCard};
use hawker_protocol::reply::{Done, FaqSaved, QuickReplySaved, Texts};
use hawker_protocol::{Answer, Code, Id, Refusal, request};

use super::call::Call;
use super::problem::{Answered, ok};

fn head(call: &Call) -> Result<(Id, Id), Refusal> {
    Ok((call.id("shop")?, call.command_id()))
}

async fn texts(call: &Call) -> Result<Texts, Refusal> {
    match call.answer(request::DeskQuickReplies { shop: call.id("shop")? }).await? {
        Answer::Texts(texts) => Ok(*texts),
        _ => Err(Refusal::new(Code::Internal)),
    }
}

/// Lists the questions of the FAQ, and which of them stand on the card.
#[utoipa::path(get, path = "/v1/shops/{shop}/faq", tag = "texts",
    responses((status = 200, body = FaqList)))]
pub(super) async fn list_faq(call: Call) -> Answered {
    let Texts { faq, card, .. } = texts(&call).await?;
    ok(&FaqList { faq, card })
}

/// Puts a question of the FAQ, or changes it; at most 500.
#[utoipa::path(put, path = "/v1/shops/{shop}/faq/{faq}", tag = "texts", request_body = PutFaq,
    responses((status = 200, body = FaqSaved)))]
pub(super) async fn put_faq(call: Call) -> Answered {
    let ((shop, command_id), faq) = (head(&call)?, Some(call.id("faq")?));
    let PutFaq { question, answer } = call.body()?;
    call.perform(request::FaqSet { shop, command_id, faq, question, answer }).await
}

/// Takes a question off the FAQ and its card.
#[utoipa::path(delete, path = "/v1/shops/{shop}/faq/{faq}", tag = "texts",
    responses((status = 200, body = Done), (status = 404, description = "faq_unknown")))]
pub(super) async fn remove_faq(call: Call) -> Answered {
    let ((shop, command_id), faq) = (head(&call)?, call.id("faq")?);
    call.perform(request::FaqRemove { shop, command_id, faq }).await
}

/// Replaces the card that opens with the chat page.
#[utoipa::path(put, path = "/v1/shops/{shop}/faq-card", tag = "texts",
    request_body = SetFaqCard,
    responses((status = 200, body = Done), (status = 404, description = "faq_unknown")))]
pub(super) async fn set_faq_card(call: Call) -> Answered {
    let ((shop, command_id), SetFaqCard { questions }) = (head(&call)?, call.body()?);
    call.perform(request::FaqCard { shop, command_id, questions }).await
}

/// Lists the quick replies.
#[utoipa::path(get, path = "/v1/shops/{shop}/quick-replies", tag = "texts",
    responses((status = 200, body = QuickReplies)))]
pub(super) async fn list_quick_replies(call: Call) -> Answered {
    let Texts { quick_replies, .. } = texts(&call).await?;
    ok(&QuickReplies { quick_replies })
}

/// Puts a quick reply, or changes it; at most 500.
#[utoipa::path(put, path = "/v1/shops/{shop}/quick-replies/{quick_reply}", tag = "texts",
    request_body = PutQuickReply,
    responses((status = 200, body = QuickReplySaved)))]
pub(super) async fn put_quick_reply(call: Call) -> Answered {
    let ((shop, command_id), quick_reply) = (head(&call)?, Some(call.id("quick_reply")?));
    let PutQuickReply { text } = call.body()?;
    call.perform(request::QuickReplySet { shop, command_id, quick_reply, text }).await
}

/// Removes a quick reply.
#[utoipa::path(delete, path = "/v1/shops/{shop}/quick-replies/{quick_reply}", tag = "texts",
    responses((status = 200, body = Done), (status = 404, description = "quick_reply_unknown")))]
pub(super) async fn remove_quick_reply(call: Call) -> Answered {
    let ((shop, command_id), quick_reply) = (head(&call)?, call.id("quick_reply")?);
    call.perform(request::QuickReplyRemove { shop, command_id, quick_reply }).await
}
