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

    /// Whether a word occurs anywhere in `text`, inside longer words too: many of the languages
    /// of live commerce put no spaces between words.
    pub(super) fn block(&self, text: &str) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let matcher = self.matcher.get_or_init(|| compiled(&self.words));
        matcher.is_match(text::folded(text).as_bytes())
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
    fn no_words_block_nothing() {
        assert!(!Keywords::default().block("anything"));
    }
}
