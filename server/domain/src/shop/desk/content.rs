//! What a message may say: kinds, lengths, sizes and types. Owns the body's document; keeps no
//! body longer than it takes to tell those who are there.

use std::collections::VecDeque;

use serde::Serialize;

use crate::command::{Attachment, Content};
use crate::document::{self, DocumentWrite};
use crate::event::desk::MessageKind;
use crate::id::{FaqId, UserId};
use crate::rejection::Rejection;
use crate::shop::Shop;
use crate::text;

const TEXT_CHARS_MAX: usize = 4_000;
const EMOJI_CHARS_MAX: usize = 32;
const IMAGE_BYTES_MAX: u64 = 10 * 1024 * 1024;
const VIDEO_BYTES_MAX: u64 = 100 * 1024 * 1024;
const IMAGE_TYPES: &[&str] = &["image/jpeg", "image/png", "image/webp", "image/gif"];
const VIDEO_TYPES: &[&str] = &["video/mp4", "video/webm", "video/quicktime"];

/// More than one command brings: whoever watches is told right after it.
const BODIES_MAX: usize = 64;

/// What may be said, as it is kept.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) content: Content,
    pub(super) kind: MessageKind,
    pub(super) chars: u32,
}

fn checked(content: Content, kind: MessageKind, text: &str) -> Checked {
    let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Checked { content, kind, chars }
}

pub(super) fn text(text: &str) -> Checked {
    checked(Content::Text(text.to_owned()), MessageKind::Text, text)
}

pub(super) fn question(faq: &FaqId, text: &str) -> Checked {
    let question = Content::Question { faq: faq.clone(), text: text.to_owned() };
    checked(question, MessageKind::Question, text)
}

/// The bytes of a document.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("a document is plain data: {error}"),
    }
}

impl Shop {
    pub(super) fn checked_content(
        &self,
        buyer: &UserId,
        content: &Content,
        by_staff: bool,
    ) -> Result<Checked, Rejection> {
        let kept = content.clone();
        match content {
            Content::Text(said) => Ok(self::text(&text::lines("text", said, TEXT_CHARS_MAX)?)),
            Content::Emoji(said) => {
                let said = text::line("emoji", said, EMOJI_CHARS_MAX)?;
                Ok(checked(Content::Emoji(said.clone()), MessageKind::Emoji, &said))
            }
            Content::Image(image) => {
                check_attachment("image", image, IMAGE_TYPES, IMAGE_BYTES_MAX)?;
                Ok(checked(kept, MessageKind::Image, ""))
            }
            Content::Video(video) => {
                check_attachment("video", video, VIDEO_TYPES, VIDEO_BYTES_MAX)?;
                Ok(checked(kept, MessageKind::Video, ""))
            }
            Content::Product(product) => {
                self.product_view(product).ok_or(Rejection::ProductUnknown)?;
                Ok(checked(kept, MessageKind::Product, ""))
            }
            Content::Order(order) => {
                let view = self.order_view(order);
                if view.is_some_and(|view| view.buyer != *buyer) {
                    return Err(Rejection::OrderUnknown);
                }
                Ok(checked(kept, MessageKind::Order, ""))
            }
            Content::Coupon(_) => Ok(checked(kept, MessageKind::Coupon, "")),
            Content::QuickReply { quick_reply, variables } if by_staff => {
                let said = self.desk.filled_quick_reply(quick_reply, variables)?;
                Ok(self::text(&text::lines("text", &said, TEXT_CHARS_MAX)?))
            }
            Content::Question { .. } | Content::QuickReply { .. } => {
                Err(Rejection::Invalid { field: "content", problem: "is of no kind you may send" })
            }
        }
    }
}

fn check_attachment(
    field: &'static str,
    attachment: &Attachment,
    types: &[&str],
    bytes_max: u64,
) -> Result<(), Rejection> {
    if !types.contains(&attachment.media_type.as_str()) {
        return Err(Rejection::Invalid { field, problem: "is of a type that is not taken" });
    }
    if attachment.size_bytes == 0 || attachment.size_bytes > bytes_max {
        return Err(Rejection::Invalid { field, problem: "is empty or too large" });
    }
    Ok(())
}

/// The newest bodies, by conversation and number.
#[derive(Debug, Clone, Default)]
pub(super) struct Bodies(VecDeque<(UserId, u64, Vec<u8>)>);

impl Bodies {
    /// Keeps the body of one message out of the documents written with it.
    pub(super) fn note(&mut self, buyer: &UserId, seq: u64, documents: &[DocumentWrite]) {
        let wanted = document::message_key(buyer, seq);
        let body = documents.iter().find_map(|write| match write {
            DocumentWrite::Put { key, value } if *key == wanted => Some(value.clone()),
            DocumentWrite::Put { .. } | DocumentWrite::EraseUnder { .. } => None,
        });
        let Some(body) = body else { return };
        if self.0.len() >= BODIES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((buyer.clone(), seq, body));
    }

    pub(super) fn get(&self, buyer: &UserId, seq: u64) -> Option<&[u8]> {
        let mut newest = self.0.iter().rev();
        let found = newest.find(|(of, number, _)| *number == seq && of == buyer);
        found.map(|(_, _, body)| body.as_slice())
    }

    pub(super) fn forget(&mut self, buyer: &UserId) {
        self.0.retain(|(of, _, _)| of != buyer);
    }
}
