//! What the shop has written beforehand: the FAQ with its card, quick replies; and the switches of
//! the desk. Owns their limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desk, yes};
use crate::command::{Actor, DeskCommand, Faq, Holiday};
use crate::event::desk::DeskEvent;
use crate::id::{FaqId, QuickReplyId};
use crate::policy::DeskPolicy;
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::text;

/// What the guide puts on the card.
const CARD_MAX: usize = 5;
const FAQ_MAX: usize = 500;
const QUESTION_CHARS_MAX: usize = 200;
const ANSWER_CHARS_MAX: usize = 2_000;
const QUICK_REPLIES_MAX: usize = 500;
const QUICK_REPLY_CHARS_MAX: usize = 1_000;

impl Desk {
    pub(super) fn decide_texts(
        &self,
        actor: &Actor,
        command: &DeskCommand,
    ) -> Result<Accepted, Rejection> {
        if let DeskCommand::PutFaq { faq, entry } = command {
            return self.decide_faq(faq, entry);
        }
        if let DeskCommand::RemoveFaq { faq } = command {
            self.faq.get(faq).ok_or(Rejection::FaqUnknown)?;
            return Ok(yes(DeskEvent::FaqRemoved { faq: faq.clone() }));
        }
        if let DeskCommand::SetFaqCard { questions } = command {
            return self.decide_card(questions);
        }
        if let DeskCommand::PutQuickReply { quick_reply, text } = command {
            return self.decide_quick_reply(quick_reply, text);
        }
        if let DeskCommand::RemoveQuickReply { quick_reply } = command {
            self.quick_replies.get(quick_reply).ok_or(Rejection::QuickReplyUnknown)?;
            let quick_reply = quick_reply.clone();
            return Ok(yes(DeskEvent::QuickReplyRemoved { quick_reply }));
        }
        if let DeskCommand::SetHoliday { holiday } = command {
            return self.decide_holiday(actor, *holiday);
        }
        if let DeskCommand::SetPolicy { policy } = command {
            return self.decide_policy(actor, policy);
        }
        unreachable!("{command:?} is none of the shop's texts and switches")
    }

    fn decide_faq(&self, faq: &FaqId, entry: &Faq) -> Result<Accepted, Rejection> {
        if !self.faq.contains_key(faq) && self.faq.len() >= FAQ_MAX {
            return Err(Rejection::Invalid { field: "faq", problem: "is one too many" });
        }
        let entry = Faq {
            question: text::line("question", &entry.question, QUESTION_CHARS_MAX)?,
            answer: text::lines("answer", &entry.answer, ANSWER_CHARS_MAX)?,
        };
        if self.faq.get(faq) == Some(&entry) {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::FaqPut { faq: faq.clone(), entry }))
    }

    fn decide_card(&self, questions: &[FaqId]) -> Result<Accepted, Rejection> {
        let field = "questions";
        if questions.len() > CARD_MAX {
            return Err(Rejection::Invalid { field, problem: "must be at most 5" });
        }
        if questions.iter().collect::<BTreeSet<_>>().len() != questions.len() {
            return Err(Rejection::Invalid { field, problem: "must differ" });
        }
        if !questions.iter().all(|faq| self.faq.contains_key(faq)) {
            return Err(Rejection::FaqUnknown);
        }
        if self.card == questions {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::FaqCardSet { questions: questions.to_vec() }))
    }

    fn decide_quick_reply(&self, id: &QuickReplyId, text: &str) -> Result<Accepted, Rejection> {
        let is_new = !self.quick_replies.contains_key(id);
        if is_new && self.quick_replies.len() >= QUICK_REPLIES_MAX {
            return Err(Rejection::Invalid { field: "quick_reply", problem: "is one too many" });
        }
        let text = text::lines("text", text, QUICK_REPLY_CHARS_MAX)?;
        if self.quick_replies.get(id) == Some(&text) {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::QuickReplyPut { quick_reply: id.clone(), text }))
    }

    fn decide_holiday(
        &self,
        actor: &Actor,
        holiday: Option<Holiday>,
    ) -> Result<Accepted, Rejection> {
        let ends_first = |it: &Holiday| it.until.is_some_and(|until| until <= it.from);
        if holiday.as_ref().is_some_and(ends_first) {
            return Err(Rejection::Invalid { field: "until", problem: "must be after from" });
        }
        if self.holiday == holiday {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::HolidaySet { holiday, by: actor.user.clone() }))
    }

    fn decide_policy(&self, actor: &Actor, policy: &DeskPolicy) -> Result<Accepted, Rejection> {
        policy.check()?;
        if self.policy == *policy {
            return Ok(Accepted::default());
        }
        Ok(yes(DeskEvent::DeskPolicySet { policy: policy.clone(), by: actor.user.clone() }))
    }

    /// A quick reply with its `{name}`s filled in; one without a value stays as it is written.
    pub(super) fn filled_quick_reply(
        &self,
        id: &QuickReplyId,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, Rejection> {
        let text = self.quick_replies.get(id).ok_or(Rejection::QuickReplyUnknown)?;
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let named = after.split_once('}').and_then(|(name, after)| {
                let value = variables.get(name)?;
                Some((value, after))
            });
            match named {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    pub(super) fn on_faq_put(&mut self, faq: &FaqId, entry: &Faq) {
        self.faq.insert(faq.clone(), entry.clone());
    }

    pub(super) fn on_faq_removed(&mut self, faq: &FaqId) {
        self.faq.remove(faq);
        self.card.retain(|shown| shown != faq);
    }
}
