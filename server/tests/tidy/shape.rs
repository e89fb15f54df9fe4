//! The shape of one source file: header, sizes, nesting and words that may not stay. Judges no
//! meaning.

use crate::tokens::{self, Kind, Token};
use crate::tree::{File, Finding};

const FILE_LINES_MAX: usize = 600;
/// `lib.rs` and `main.rs` are tables of contents.
const ENTRY_LINES_MAX: usize = 120;
const FUNCTION_LINES_MAX: usize = 70;
/// A dispatch (a body that is one `match` and nothing beside it) is read like a table.
const DISPATCH_LINES_MAX: usize = 120;
const COLUMNS_MAX: usize = 100;
const NESTING_MAX: usize = 3;
/// Fewer words cannot say what a file owns and what it never does.
const HEADER_WORDS_MIN: usize = 4;

pub(crate) fn header(file: &File) -> Vec<Finding> {
    let line = file.text.lines().next().unwrap_or_default();
    let words = line.strip_prefix("//!").map_or(0, |said| said.split_whitespace().count());
    if words >= HEADER_WORDS_MIN {
        return Vec::new();
    }
    let say = "the first line must be `//!` and say what this file owns and what it never does";
    vec![file.at(1, say)]
}

pub(crate) fn sizes(file: &File) -> Vec<Finding> {
    if file.is_table() {
        return Vec::new();
    }
    let entry = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    let max = if entry { ENTRY_LINES_MAX } else { FILE_LINES_MAX };
    let lines = file.text.lines().count();
    let mut findings = Vec::new();
    if lines > max {
        let say = format!("{lines} lines, at most {max}: split it along its jobs, not its lines");
        findings.push(file.at(max, say));
    }
    if file.is("rs") {
        findings.extend(columns(file));
    }
    findings
}

fn columns(file: &File) -> Vec<Finding> {
    let too_wide = |(number, line): (usize, &str)| {
        let columns = line.chars().count();
        let say = || format!("{columns} columns, at most {COLUMNS_MAX}: break the line");
        (columns > COLUMNS_MAX).then(|| file.at(number, say()))
    };
    file.lines().filter_map(too_wide).collect()
}

/// A function with a body, as positions in the tokens of its file.
struct Function<'a> {
    name: &'a str,
    line: usize,
    open: usize,
    close: usize,
}

fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let begins = |at: usize| {
        let name = tokens.get(at + 1)?;
        if tokens[at].text != "fn" || name.kind != Kind::Word {
            return None;
        }
        let open = body(tokens, at + 2)?;
        let close = closing(tokens, open)?;
        Some(Function { name: name.text, line: tokens[at].line, open, close })
    };
    (0..tokens.len()).filter_map(begins).collect()
}

/// Where the body of a signature opens; nothing for a signature that ends with a semicolon.
fn body(tokens: &[Token<'_>], from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return None,
            "{" if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

pub(crate) fn function_sizes(file: &File) -> Vec<Finding> {
    let tokens = tokens::code(&file.text);
    let mut findings = Vec::new();
    for function in functions(&tokens) {
        let name = function.name;
        let lines = tokens[function.close].line - function.line + 1;
        let body = &tokens[function.open..=function.close];
        let max = if is_dispatch(body) { DISPATCH_LINES_MAX } else { FUNCTION_LINES_MAX };
        if lines > max {
            let say = format!("`{name}` has {lines} lines, at most {max}: name its parts");
            findings.push(file.at(function.line, say));
        }
        let (depth, line) = deepest(body);
        if depth > NESTING_MAX {
            let say = format!(
                "`{name}` nests {depth} levels here, at most {NESTING_MAX}: return early, push \
                 the `if` up or extract the loop's body"
            );
            findings.push(file.at(line, say));
        }
    }
    findings
}

fn is_dispatch(body: &[Token<'_>]) -> bool {
    let arms = || (1..body.len()).find(|at| body[*at].text == "{");
    let ends = || closing(body, arms()?);
    body[1].text == "match" && ends().is_some_and(|at| at + 2 == body.len())
}

/// The deepest nesting of if, match and loops in a body, and its line. Closures, match arms and
/// plain blocks do not count.
fn deepest(tokens: &[Token<'_>]) -> (usize, usize) {
    let mut blocks: Vec<bool> = Vec::new();
    let (mut parens, mut waiting) = (0usize, None);
    let mut worst = (0, tokens[0].line);
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1).map_or("", |next| next.text);
        match token.text {
            "(" | "[" => parens += 1,
            ")" | "]" => parens = parens.saturating_sub(1),
            "if" | "else" | "match" | "while" | "loop" => waiting = Some(parens),
            "for" if next != "<" && !is_impl(&tokens[..at]) => waiting = Some(parens),
            "=>" | ";" => waiting = None,
            "{" => blocks.push(waiting.take_if(|depth| *depth == parens).is_some()),
            "}" => drop(blocks.pop()),
            _ => {}
        }
        let depth = blocks.iter().filter(|control| **control).count();
        if depth > worst.0 {
            worst = (depth, token.line);
        }
    }
    worst
}

/// Whether the `for` that follows belongs to an `impl … for …`.
fn is_impl(before: &[Token<'_>]) -> bool {
    let ends = |token: &&Token<'_>| matches!(token.text, "{" | "}" | ";");
    before.iter().rev().take_while(|token| !ends(token)).any(|token| token.text == "impl")
}

pub(crate) fn left_overs(file: &File) -> Vec<Finding> {
    let tokens = tokens::code(&file.text);
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let after = |step: usize| tokens.get(at + step).map_or("", |next| next.text);
        let unfinished = matches!(token.text, "dbg" | "todo" | "unimplemented");
        if unfinished && after(1) == "!" && matches!(after(2), "(" | "[" | "{") {
            let say = format!("`{}!` may not stay: finish it or take it out", token.text);
            findings.push(file.at(token.line, say));
        }
        let bang = usize::from(after(1) == "!");
        if token.text == "#" && after(1 + bang) == "[" {
            findings.extend(attribute(after(2 + bang)).map(|say| file.at(token.line, say)));
        }
    }
    for comment in tokens::comments(&file.text) {
        for (step, line) in comment.text.lines().enumerate() {
            if line.contains(concat!("FIX", "ME")) || line.contains(concat!("XX", "X")) {
                let say = "finish it, or file an issue and say here what is so today";
                findings.push(file.at(comment.line + step, say));
            }
        }
    }
    findings
}

fn attribute(name: &str) -> Option<&'static str> {
    match name {
        "allow" => Some("write `#[expect(lint, reason = \"…\")]`: an allow outlives its cause"),
        "ignore" => Some("a test that does not run proves nothing: mend it or take it out"),
        "should_panic" => Some("assert the error itself: any panic would satisfy this"),
        _ => None,
    }
}

pub(crate) fn sleeps(file: &File) -> Vec<Finding> {
    let tokens = tokens::code(&file.text);
    let in_tests = test_modules(&tokens);
    let slept = |at: &usize| {
        let call = tokens[*at].text == "sleep" && tokens.get(at + 1).is_some_and(|t| t.text == "(");
        call && (file.is_test() || in_tests.iter().any(|range| range.contains(at)))
    };
    let say = "no sleeps in tests: pass the time in, or pause tokio's clock and advance it";
    (0..tokens.len()).filter(slept).map(|at| file.at(tokens[at].line, say)).collect()
}

/// The insides of `#[cfg(test)] mod … { }`.
fn test_modules(tokens: &[Token<'_>]) -> Vec<std::ops::Range<usize>> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let opens = |at: usize| {
        let window = tokens.get(at..at + attribute.len())?;
        let same = window.iter().zip(attribute).all(|(token, text)| token.text == text);
        let open = at + attribute.len() + 1;
        let inline = same && tokens.get(open)?.text == "{";
        inline.then(|| Some(open..closing(tokens, open)?)).flatten()
    };
    (0..tokens.len()).filter_map(opens).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(check: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
        check(&File::new(path, text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_must_open_with_what_it_owns() {
        assert_eq!(say(header, "a.rs", "//! placeholder\n").len(), 1);
        assert_eq!(say(header, "a.rs", "use std::fmt;\n").len(), 1);
        assert!(say(header, "a.rs", "//! Rooms and who is in them.\n").is_empty());
    }

    #[test]
    fn long_files_lines_and_functions_are_named() {
        assert_eq!(say(sizes, "a.rs", &"\n".repeat(601)).len(), 1);
        assert!(say(sizes, "a.rs", &"\n".repeat(600)).is_empty());
        assert!(say(sizes, "tests/golden.rs", &"\n".repeat(601)).is_empty());
        assert_eq!(say(sizes, "server/src/main.rs", &"\n".repeat(121)).len(), 1);
        assert_eq!(say(sizes, "a.rs", &"é".repeat(101)).len(), 1);
        assert!(say(sizes, "a.rs", &"é".repeat(100)).is_empty());
        let function =
            |lines: usize| format!("trait T {{ fn a(); fn b() {{{}}} }}", lines_of(lines));
        assert_eq!(say(function_sizes, "a.rs", &function(70)).len(), 1);
        assert!(say(function_sizes, "a.rs", &function(69)).is_empty());
    }

    #[test]
    fn a_body_that_is_one_match_may_be_longer() {
        let dispatch = |lines: usize, rest: &str| {
            format!("fn f() {{ match a {{ B => {{}}{} }} {rest} }}", lines_of(lines))
        };
        assert!(say(function_sizes, "a.rs", &dispatch(119, "")).is_empty());
        assert_eq!(say(function_sizes, "a.rs", &dispatch(120, "")).len(), 1);
        assert_eq!(say(function_sizes, "a.rs", &dispatch(70, "g();")).len(), 1);
    }

    fn lines_of(count: usize) -> String {
        "\n".repeat(count)
    }

    #[test]
    fn the_fourth_level_of_nesting_is_one_too_many() {
        let three = "fn f() { for x in y { if a && g(|| { b }) {
            match c { D if e => { h() } _ => {} } } } }";
        assert!(say(function_sizes, "a.rs", three).is_empty());
        let four = three.replace("h()", "while i {}");
        assert_eq!(say(function_sizes, "a.rs", &four).len(), 1);
        let not_loops = "fn f() { if a { if b { if c { impl X for Y {} } else { d } } } }";
        assert!(say(function_sizes, "a.rs", not_loops).is_empty());
    }

    #[test]
    fn left_overs_are_found_in_code_and_comments_only_where_they_count() {
        for word in ["dbg", "todo", "unimplemented"] {
            assert_eq!(say(left_overs, "a.rs", &format!("fn f() {{ {word}!() }}")).len(), 1);
            assert!(say(left_overs, "a.rs", &format!("// {word}!()\n\"{word}!()\"")).is_empty());
        }
        for name in ["allow(x)", "ignore", "should_panic"] {
            assert_eq!(say(left_overs, "a.rs", &format!("#[{name}] fn f() {{}}")).len(), 1);
        }
        assert_eq!(say(left_overs, "a.rs", &format!("#![{}(x)]", "allow")).len(), 1);
        let comment = format!("/* a\n {}E: b */", "FIXM");
        assert_eq!(
            say(left_overs, "a.rs", &comment),
            ["a.rs:2: finish it, or file an issue and say here what is so today"]
        );
    }

    #[test]
    fn only_a_test_that_sleeps_is_named() {
        let call = format!("fn f() {{ {}(1) }}", "sleep");
        assert_eq!(say(sleeps, "server/tests/it/a.rs", &call).len(), 1);
        assert!(say(sleeps, "server/src/a.rs", &call).is_empty());
        let inside = format!("#[cfg(test)] mod tests {{ {call} }} {call}");
        assert_eq!(say(sleeps, "server/src/a.rs", &inside).len(), 1);
    }
}
