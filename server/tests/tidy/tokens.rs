//! Cuts Rust source into words and marks, enough to see paths, braces and attributes. Knows no
//! grammar, and never mistakes a string or a comment for code.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Mark,
    /// A string, character or lifetime: nothing in it is code.
    Literal,
    Comment,
    Space,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// Words and marks only, in order.
pub(crate) fn code(text: &str) -> Vec<Token<'_>> {
    let is_code = |token: &Token<'_>| matches!(token.kind, Kind::Word | Kind::Mark);
    all(text).into_iter().filter(is_code).collect()
}

pub(crate) fn comments(text: &str) -> Vec<Token<'_>> {
    all(text).into_iter().filter(|token| token.kind == Kind::Comment).collect()
}

fn all(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let (kind, len) = first(&text[at..]);
        let piece = &text[at..at + len];
        tokens.push(Token { kind, text: piece, line });
        line += piece.matches('\n').count();
        at += len;
    }
    tokens
}

fn first(rest: &str) -> (Kind, usize) {
    let start = rest.chars().next().unwrap_or(' ');
    if start.is_whitespace() {
        return (Kind::Space, run(rest, char::is_whitespace));
    }
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if let Some(len) = string(rest) {
        return (Kind::Literal, len);
    }
    if start == '\'' {
        return (Kind::Literal, quoted(rest));
    }
    if is_word(start) {
        return (Kind::Word, run(rest, is_word));
    }
    let pair = ["::", "=>", "->"].iter().any(|mark| rest.starts_with(mark));
    (Kind::Mark, if pair { 2 } else { start.len_utf8() })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn run(rest: &str, wanted: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !wanted(c)).unwrap_or(rest.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut at, mut open) = (0, 0usize);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            (open, at) = (open + 1, at + 2);
        } else if tail.starts_with(b"*/") {
            (open, at) = (open - 1, at + 2);
        } else {
            at += 1;
        }
        if open == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|p| {
        let tail = rest.strip_prefix(p).unwrap_or(" ");
        let tail = if p.ends_with('r') { tail.trim_start_matches('#') } else { tail };
        tail.starts_with('"')
    })?;
    let tail = &rest[prefix.len()..];
    if !prefix.ends_with('r') {
        return Some(prefix.len() + escaped(tail, '"'));
    }
    let hashes = run(tail, |c| c == '#');
    let end = format!("\"{}", "#".repeat(hashes));
    let body = &tail[hashes + 1..];
    let len = body.find(&end).map_or(tail.len(), |found| hashes + 1 + found + end.len());
    Some(prefix.len() + len)
}

/// The length of a literal that opens and closes with `quote` and may escape it.
fn escaped(rest: &str, quote: char) -> usize {
    let mut skip = true;
    for (at, c) in rest.char_indices() {
        if skip {
            skip = false;
        } else if c == '\\' {
            skip = true;
        } else if c == quote {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

fn quoted(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    let (inner, after) = (chars.next(), chars.next());
    if inner == Some('\\') || after == Some('\'') {
        return escaped(rest, '\'');
    }
    1 + run(&rest[1..], is_word)
}

#[test]
fn strings_characters_and_comments_are_not_code() {
    let text = "let a = \"fn x() {\\\" }\"; /* { /* } */ */ b'{' '\\'' r#\"{\"}\"# &'a str // {";
    let words: Vec<&str> = code(text).iter().map(|token| token.text).collect();
    assert_eq!(words, ["let", "a", "=", ";", "b", "&", "str"]);
}

#[test]
fn lines_are_counted_through_multi_line_literals() {
    let tokens = code("a \"one\ntwo\" b\n/* x\n*/ c");
    let lines: Vec<(&str, usize)> = tokens.iter().map(|t| (t.text, t.line)).collect();
    assert_eq!(lines, [("a", 1), ("b", 2), ("c", 4)]);
}
