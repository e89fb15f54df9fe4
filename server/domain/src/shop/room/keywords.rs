//! The words a room does not allow. Owns the compiled list; which text is blocked follows from
//! the words alone, so the list is no part of the state.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::Shop;
use crate::command::Actor;
use crate::event::Event;
use crate::id::RoomId;
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::text;

const KEYWORDS_MAX: usize = 1_000;
const KEYWORD_CHARS_MAX: usize = 64;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Keywords {
    words: BTreeSet<String>,
    /// Built at the first comment, so that a replay does not build what nobody will ask.
    #[serde(skip)]
    matcher: OnceLock<AhoCorasick>,
}

impl Keywords {
    pub(super) fn new(words: BTreeSet<String>) -> Self {
        Self { words, matcher: OnceLock::new() }
    }

    pub(super) fn words(&self) -> &BTreeSet<String> {
        &self.words
    }

    /// Whether a word occurs in `text` as a word of its own: "ass" is not in "class". Scripts
    /// without spaces between words, and Korean, which glues endings to them, have no such edges:
    /// there a word is found anywhere. Letters and digits part from each other.
    pub(super) fn block(&self, text: &str) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let matcher = self.matcher.get_or_init(|| compiled(&self.words));
        let text = text::folded(text);
        let mut found = matcher.find_overlapping_iter(text.as_bytes());
        found.any(|hit| text::is_edge(&text, hit.start()) && text::is_edge(&text, hit.end()))
    }
}

fn compiled(words: &BTreeSet<String>) -> AhoCorasick {
    match AhoCorasick::new(words.iter().map(|word| text::folded(word))) {
        Ok(matcher) => matcher,
        Err(error) => unreachable!("a list of bounded words is too large to compile: {error}"),
    }
}

impl Shop {
    pub(super) fn decide_keywords(
        &self,
        actor: &Actor,
        room: &RoomId,
        keywords: &BTreeSet<String>,
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        let field = "keywords";
        if keywords.len() > KEYWORDS_MAX {
            return Err(Rejection::Invalid { field, problem: "must be at most 1,000" });
        }
        let mut cleaned = BTreeSet::new();
        for word in keywords {
            let word = text::line(field, word, KEYWORD_CHARS_MAX)?;
            if text::folded(&word).is_empty() {
                return Err(Rejection::Invalid { field, problem: "must not be invisible" });
            }
            cleaned.insert(word);
        }
        if cleaned == *found.keywords.words() {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::KeywordsSet { room: room.clone(), keywords: cleaned }))
    }

    pub(in crate::shop) fn on_keywords_set(&mut self, room: &RoomId, keywords: &BTreeSet<String>) {
        let room = self.room_mut(room);
        room.keywords = Keywords::new(keywords.clone());
        room.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(words: &[&str]) -> Keywords {
        Keywords::new(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_word_is_found_however_it_is_dressed_up() {
        let keywords = keywords(&["fake", "假货", "Straße"]);
        for text in [
            "this is FAKE!",
            "f\u{200B}a\u{200D}k\u{2060}e",
            "ｆａｋｅ",
            "𝐟𝐚𝐤𝐞",
            "fa\u{AD}ke",
            "这是假货吧",
            "假\u{FE0F}货",
            "strasse",
        ] {
            assert!(keywords.block(text), "{text:?}");
        }
        for text in ["", "fa ke", "假的货", "a fine lipstick"] {
            assert!(!keywords.block(text), "{text:?}");
        }
    }

    #[test]
    fn a_word_written_full_width_is_found_in_plain_text() {
        assert!(keywords(&["ＳＣＡＭ"]).block("no scam"));
        assert!(keywords(&["buy  elsewhere"]).block("Buy Elsewhere"));
    }

    #[test]
    fn a_word_inside_a_longer_one_is_another_word() {
        let list = keywords(&["ass", "хуй", "7"]);
        for text in ["ass", "ASS!", "kick-ass", "(ass)", "bad_ass", "ass123", "no. 7", "a7b"] {
            assert!(list.block(text), "{text:?}");
        }
        for text in ["class", "assess", "bass", "ассхуйня", "17", "70", "âsse", "a\u{300}sser"]
        {
            assert!(!list.block(text), "{text:?}");
        }
        assert!(list.block("classy ass"), "the first hit is no word, the second is");
    }

    #[test]
    fn scripts_without_spaces_have_no_edges() {
        let list = keywords(&["假货", "ปลอม", "偽物", "ニセ", "사기", "ក្លែង"]);
        for text in [
            "这是假货吧",
            "ของปลอมนะ",
            "これは偽物だ",
            "あのニセモノ",
            "사기를 당했다",
            "របស់ក្លែងក្លាយ",
        ] {
            assert!(list.block(text), "{text:?}");
        }
        assert!(
            keywords(&["ass货"]).block("这ass货吧"),
            "a mixed word ends as its last letter does"
        );
        assert!(!keywords(&["ass货"]).block("class货吧"));
    }

    #[test]
    fn no_words_block_nothing() {
        assert!(!Keywords::default().block("anything"));
    }
}
