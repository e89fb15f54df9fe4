//! One line of a scenario as words and `key=value` pairs. Owns reading of texts, times and
//! numbers; knows no command.

use std::collections::BTreeMap;
use std::str::FromStr;

use hawker_domain::time::{Millis, SpanMs};

/// What stands behind a verb. Whatever is not asked for is a mistake of the writer.
#[derive(Debug)]
pub(crate) struct Words {
    line: String,
    plain: Vec<String>,
    next: usize,
    pairs: BTreeMap<String, String>,
}

impl Words {
    pub(crate) fn read(line: &str) -> Self {
        let mut plain = Vec::new();
        let mut pairs = BTreeMap::new();
        for word in split(line) {
            match word.split_once('=') {
                Some((key, value)) if is_key(key) => {
                    pairs.insert(key.to_owned(), unquote(value));
                }
                _ => plain.push(unquote(&word)),
            }
        }
        Self { line: line.to_owned(), plain, next: 0, pairs }
    }

    pub(crate) fn next(&mut self) -> Option<String> {
        let word = self.plain.get(self.next).cloned();
        self.next += 1;
        word
    }

    pub(crate) fn word(&mut self, what: &str) -> String {
        self.next().unwrap_or_else(|| panic!("{}: {what} is missing", self.line))
    }

    /// The next plain word as an id, a number or whatever else can be read from a text.
    pub(crate) fn id<T: FromStr>(&mut self, what: &str) -> T {
        let word = self.word(what);
        self.parse(&word, what)
    }

    /// Takes `flag` out of the plain words that are left.
    pub(crate) fn flag(&mut self, flag: &str) -> bool {
        let rest = self.next.min(self.plain.len());
        let Some(at) = self.plain[rest..].iter().position(|word| word == flag) else {
            return false;
        };
        self.plain.remove(rest + at);
        true
    }

    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        self.pairs.remove(key)
    }

    pub(crate) fn value<T: FromStr>(&mut self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        Some(self.parse(&text, key))
    }

    pub(crate) fn span(&mut self, key: &str) -> Option<SpanMs> {
        let text = self.text(key)?;
        Some(self.parse_span(&text))
    }

    pub(crate) fn time(&mut self, key: &str) -> Option<Millis> {
        self.span(key).map(|span| Millis(0) + span)
    }

    pub(crate) fn list<T: FromStr>(&self, text: &str, what: &str) -> Vec<T> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| self.parse(part, what)).collect()
    }

    pub(crate) fn parse<T: FromStr>(&self, text: &str, what: &str) -> T {
        text.parse().unwrap_or_else(|_| panic!("{}: {text:?} is no {what}", self.line))
    }

    pub(crate) fn parse_span(&self, text: &str) -> SpanMs {
        span(text).unwrap_or_else(|| panic!("{}: {text:?} is no time, such as 1m30s", self.line))
    }

    /// The pairs nobody asked for yet, for settings.
    pub(crate) fn take_pairs(&mut self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.pairs)
    }

    pub(crate) fn finish(self) {
        let rest = &self.plain[self.next.min(self.plain.len())..];
        assert!(rest.is_empty(), "{}: nobody understands {rest:?}", self.line);
        assert!(self.pairs.is_empty(), "{}: nobody understands {:?}", self.line, self.pairs);
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn unquote(word: &str) -> String {
    word.replace('"', "")
}

/// Splits at spaces that stand outside quotes, up to a `#`.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '#' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            _ => {
                quoted ^= c == '"';
                words.last_mut().expect("never empty").push(c);
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `1m30s`, `500ms`, `48h`, `0s`.
fn span(text: &str) -> Option<SpanMs> {
    let mut rest = text;
    let mut sum = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        sum += count * unit_ms(&rest[..unit])?;
        rest = &rest[unit..];
    }
    Some(SpanMs(sum))
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

/// The shortest way to write a span in one unit.
pub(crate) fn span_text(ms: i64) -> String {
    match ms {
        0 => "0s".to_owned(),
        _ if ms % 86_400_000 == 0 => format!("{}d", ms / 86_400_000),
        _ if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        _ if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        _ if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}
