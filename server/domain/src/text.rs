//! Rules for what people write: what is stripped, how long it may be, and the folded form in
//! which words are compared. Owns no word list.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::rejection::Rejection;

/// More marks than any script stacks on one letter, fewer than it takes to paint over the
/// neighbouring lines.
const MARKS_IN_A_ROW_MAX: usize = 8;
const URL_BYTES_MAX: usize = 2_048;

/// `text` without controls, direction overrides and piled-up marks, trimmed. Tabs and line
/// breaks become spaces, so that they still part words.
pub(crate) fn cleaned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if matches!(c, '\t' | '\n' | '\r') {
            out.push(' ');
        } else if !c.is_control() && !overrides_direction(c) && marks <= MARKS_IN_A_ROW_MAX {
            out.push(c);
        }
    }
    out.trim().to_owned()
}

/// `text` cleaned, of 1 to `chars_max` characters.
pub(crate) fn line(field: &'static str, text: &str, chars_max: usize) -> Result<String, Rejection> {
    let text = line_or_empty(field, text, chars_max)?;
    if text.is_empty() {
        return Err(Rejection::Invalid { field, problem: "must not be empty" });
    }
    Ok(text)
}

/// `text` cleaned, of at most `chars_max` characters.
pub(crate) fn line_or_empty(
    field: &'static str,
    text: &str,
    chars_max: usize,
) -> Result<String, Rejection> {
    let text = cleaned(text);
    if text.chars().count() > chars_max {
        return Err(Rejection::Invalid { field, problem: "is too long" });
    }
    Ok(text)
}

/// `text` of 1 to `chars_max` characters, cleaned line by line: the one form that keeps its lines.
pub(crate) fn lines(
    field: &'static str,
    text: &str,
    chars_max: usize,
) -> Result<String, Rejection> {
    let text = text.split('\n').map(cleaned).collect::<Vec<_>>().join("\n");
    let text = text.trim();
    if text.is_empty() {
        return Err(Rejection::Invalid { field, problem: "must not be empty" });
    }
    if text.chars().count() > chars_max {
        return Err(Rejection::Invalid { field, problem: "is too long" });
    }
    Ok(text.to_owned())
}

/// A web address, where there is one.
pub(crate) fn url(field: &'static str, url: Option<&str>) -> Result<Option<String>, Rejection> {
    let Some(url) = url else { return Ok(None) };
    if url.len() > URL_BYTES_MAX {
        return Err(Rejection::Invalid { field, problem: "is too long" });
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let has_host = rest.is_some_and(|rest| !rest.starts_with(['/', '?', '#']) && !rest.is_empty());
    let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    if has_host && is_plain {
        Ok(Some(url.to_owned()))
    } else {
        Err(Rejection::Invalid { field, problem: "must be an http or https address" })
    }
}

/// `text` as it is compared: compatibility forms unified, case folded, invisible characters
/// gone, runs of white space one space.
pub(crate) fn folded(text: &str) -> String {
    let folded: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .nfkc()
        // Up and down again is the standard library's nearest to a full case fold: ß meets ss.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .filter(|c| !is_invisible(*c))
        .collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a word may begin or end at this place of a folded text.
pub(crate) fn is_edge(text: &str, place: usize) -> bool {
    let before = text[..place].chars().next_back().map(glue);
    let after = text[place..].chars().next().map(glue);
    match (before, after) {
        (Some(before), Some(after)) => before != after || before == Glue::None,
        (_, _) => true,
    }
}

/// What a character sticks to: two neighbours that stick to the same belong to one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glue {
    Letters,
    Digits,
    None,
}

fn glue(c: char) -> Glue {
    if has_no_edges(c) {
        return Glue::None;
    }
    if c.is_numeric() {
        return Glue::Digits;
    }
    if c.is_alphabetic() || is_combining_mark(c) { Glue::Letters } else { Glue::None }
}

/// Scripts that put no spaces between words, and Hangul, whose particles follow without one.
fn has_no_edges(c: char) -> bool {
    matches!(
        c,
        // Thai, Lao, Tibetan, Myanmar, Khmer and their extensions.
        '\u{0E00}'..='\u{109F}'
            | '\u{1780}'..='\u{17FF}'
            | '\u{19E0}'..='\u{19FF}'
            | '\u{A9E0}'..='\u{A9FF}'
            | '\u{AA60}'..='\u{AA7F}'
            // Hangul.
            | '\u{1100}'..='\u{11FF}'
            | '\u{A960}'..='\u{A97F}'
            | '\u{AC00}'..='\u{D7FF}'
            // Han, Hiragana, Katakana, Bopomofo, Yi and their extensions.
            | '\u{2E80}'..='\u{A4CF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FF66}'..='\u{FFDC}'
            | '\u{1B000}'..='\u{1B16F}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

fn overrides_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take no room: joiners, fillers, direction marks, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_overrides_are_stripped_and_the_rest_is_trimmed() {
        assert_eq!(cleaned("  a\u{0}b\u{7f}\u{85}c \u{202E}d\u{2066}\n"), "abc d");
        assert_eq!(cleaned("two\nlines"), "two lines");
        assert_eq!(cleaned("\u{1F468}\u{200D}\u{1F33E}"), "\u{1F468}\u{200D}\u{1F33E}");
    }

    #[test]
    fn at_most_eight_marks_stay_on_one_letter() {
        let piled = format!("e{}x\u{301}", "\u{301}".repeat(20));
        assert_eq!(cleaned(&piled), format!("e{}x\u{301}", "\u{301}".repeat(8)));
    }

    #[test]
    fn length_counts_characters_after_trimming() {
        let longest = "é".repeat(5);
        assert_eq!(line("title", &format!("  {longest}  "), 5), Ok(longest.clone()));
        let too_long = Rejection::Invalid { field: "title", problem: "is too long" };
        assert_eq!(line("title", &format!("{longest}x"), 5), Err(too_long));
        let empty = Rejection::Invalid { field: "title", problem: "must not be empty" };
        assert_eq!(line("title", " \u{1} ", 5), Err(empty));
        assert_eq!(line_or_empty("text", " ", 5), Ok(String::new()));
    }

    #[test]
    fn lines_stay_lines_and_each_is_cleaned() {
        assert_eq!(lines("text", " \n a\u{0} \r\n\nb\u{202E} \n", 9), Ok("a\n\nb".to_owned()));
        let too_long = Rejection::Invalid { field: "text", problem: "is too long" };
        assert_eq!(lines("text", "a\nb", 2), Err(too_long));
        assert!(lines("text", " \n\t", 9).is_err());
    }

    #[test]
    fn only_web_addresses_are_urls() {
        for good in ["https://cdn.example/a.m3u8?x=1", "http://localhost:8080/"] {
            assert_eq!(url("cover_url", Some(good)), Ok(Some(good.to_owned())));
        }
        let long = format!("https://{}", "x".repeat(URL_BYTES_MAX));
        for bad in ["", "javascript:alert(1)", "https://", "https:///x", "http://a b", &long] {
            assert!(url("cover_url", Some(bad)).is_err(), "{bad:?}");
        }
        assert_eq!(url("cover_url", None), Ok(None));
    }

    #[test]
    fn folding_unites_what_looks_alike() {
        for same in ["scam", "SCAM", "ｓｃａｍ", "s\u{200B}c\u{FEFF}a\u{AD}m", "𝓈𝒸𝒶𝓂"]
        {
            assert_eq!(folded(same), "scam", "{same:?}");
        }
        assert_eq!(folded("Straße"), folded("STRASSE"));
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
        assert_eq!(folded("buy \u{3000} now"), "buy now");
    }
}
