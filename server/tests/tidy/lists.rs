//! Lists that must agree: crates and folders, enums and the tests that meet each variant. Compares
//! names only; whether the test is a good one is for its reader.

use crate::rules::{self, Listed};
use crate::tokens::{self, Token};
use crate::tree::{File, Finding};

/// The folders with a manifest, the workspace's members and the table name the same crates, and no
/// crate depends on one that its row lacks.
pub(crate) fn crates(files: &[File]) -> Vec<Finding> {
    let Some(workspace) = files.iter().find(|file| file.path == "Cargo.toml") else {
        return Vec::new();
    };
    let members = members(&workspace.text);
    let mut findings = Vec::new();
    for manifest in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = manifest.path.trim_end_matches("/Cargo.toml");
        if !members.contains(&folder) {
            let say = format!("`{folder}` is not among the workspace's members in Cargo.toml");
            findings.push(manifest.at(1, say));
        }
        match rules::CRATES.iter().find(|(known, _)| *known == folder) {
            Some((_, may)) => findings.extend(dependencies(manifest, may)),
            None => findings.push(manifest.at(
                1,
                "this crate has no row in CRATES of server/tests/tidy/rules.rs: add one, as a \
                 commit of its own",
            )),
        }
    }
    findings
}

fn members(manifest: &str) -> Vec<&str> {
    let list = manifest.split_once("members = [").map_or("", |(_, rest)| rest);
    let list = list.split_once(']').map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).collect()
}

fn dependencies(manifest: &File, may: &[&str]) -> Vec<Finding> {
    let foreign = |(number, line): (usize, &str)| {
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let ours = name.starts_with("hawker-");
        let say = || format!("this crate may not depend on `{name}`: see who may import whom");
        (ours && !may.contains(&name)).then(|| manifest.at(number, say()))
    };
    manifest.lines().filter_map(foreign).collect()
}

/// Each variant of a listed enum is met, by its name or its code, where the rule says.
pub(crate) fn variants_met(rule: &Listed, files: &[File]) -> Vec<Finding> {
    let Some(file) = files.iter().find(|file| file.path == rule.file) else { return Vec::new() };
    let variants = variants(&file.text, rule.name);
    if variants.is_empty() {
        let say = format!("no enum `{}` is declared here: mend LISTED in rules.rs", rule.name);
        return vec![file.at(1, say)];
    }
    let counts = |other: &&File| {
        let has = |part: &&str| other.path.contains(*part);
        rule.seen_in.iter().any(has) && !rule.except.iter().any(has)
    };
    let met: Vec<&str> = files.iter().filter(counts).flat_map(|other| words(&other.text)).collect();
    let unmet = variants.iter().filter(|(name, _)| !met.contains(name));
    unmet
        .filter(|(name, _)| !met.contains(&snake(name).as_str()))
        .map(|(name, line)| file.at(*line, format!("`{name}` is met nowhere: {}", rule.todo)))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// `SoldOut` as the wire writes it: `sold_out`.
fn snake(name: &str) -> String {
    let mut code = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.extend(c.to_lowercase());
    }
    code
}

/// The variants of `enum name`, also where a macro declares it: then from the macro's invocation.
fn variants<'a>(text: &'a str, name: &str) -> Vec<(&'a str, usize)> {
    let tokens = tokens::code(text);
    let declared = |at: &usize| tokens[*at].text == "enum" && next(&tokens, *at).text == name;
    let Some(at) = (0..tokens.len().saturating_sub(2)).find(declared) else { return Vec::new() };
    let body = inside(&tokens, at + 2);
    if !body.iter().any(|token| token.text == "$") {
        return names(body);
    }
    let macros = |from: &usize| tokens[*from].text == "macro_rules";
    let Some(rules) = (0..at).rev().find(macros) else { return Vec::new() };
    let called = tokens[rules + 2].text;
    let calls = |from: &usize| tokens[*from].text == called && next(&tokens, *from).text == "!";
    // A macro may call itself: the invocation that counts comes after its rules.
    let after = rules + 3 + inside(&tokens, rules + 3).len();
    let call = (after..tokens.len() - 1).find(calls);
    call.map_or(Vec::new(), |call| names(inside(&tokens, call + 2)))
}

fn next<'a>(tokens: &[Token<'a>], at: usize) -> Token<'a> {
    tokens[at + 1]
}

/// From the bracket at or after `from` up to the one that closes it.
fn inside<'s, 'a>(tokens: &'s [Token<'a>], from: usize) -> &'s [Token<'a>] {
    let open = (from..tokens.len()).find(|at| tokens[*at].text == "{").unwrap_or(tokens.len());
    let mut depth = 0usize;
    for at in open..tokens.len() {
        match tokens[at].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &tokens[open..=at];
        }
    }
    &tokens[open..]
}

/// Capitalised words that begin an entry of the outermost list.
fn names<'a>(body: &[Token<'a>]) -> Vec<(&'a str, usize)> {
    let mut depth = 0usize;
    let mut found = Vec::new();
    for (at, token) in body.iter().enumerate() {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = at > 0 && matches!(body[at - 1].text, "{" | "," | ";" | "]");
        if depth == 1 && begins && token.text.starts_with(char::is_uppercase) {
            found.push((token.text, token.line));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(text: &str) -> Vec<&str> {
        variants(text, "Code").into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn variants_are_read_from_an_enum_and_from_the_macro_that_declares_it() {
        let plain = "enum Code { #[error(\"x\")] SoldOut, Short { Sku: u8, B: C }, Odd(D) = 3 }";
        assert_eq!(names_of(plain), ["SoldOut", "Short", "Odd"]);
        let made = "macro_rules! codes { ($($n:ident;)*) => { enum Code { $($n,)* } codes!(@ 1) } }
                    codes! { /// Gone.\n SoldOut = 1, \"x\", false; Odd; }";
        assert_eq!(names_of(made), ["SoldOut", "Odd"]);
    }

    #[test]
    fn a_variant_that_no_test_meets_is_named_with_its_line() {
        let rule = &rules::LISTED[0];
        let of = |scenario: &str| {
            let source = format!("enum {} {{\n SoldOut,\n RoomEnded }}", rule.name);
            let seen = format!("{}a.txt", rule.seen_in[0]);
            let files = [File::new(rule.file, &source), File::new(&seen, scenario)];
            variants_met(rule, &files).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(of("refused: sold_out, RoomEnded").is_empty());
        let said = of("refused: sold_out_of");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains(":2: `SoldOut` is met nowhere"), "{said:?}");
    }

    #[test]
    fn crates_and_folders_must_agree() {
        let workspace = File::new("Cargo.toml", "members = [\"protocol\", \"server\"]");
        let said =
            |manifest: File| crates(&[File::new("Cargo.toml", &workspace.text), manifest]).len();
        assert_eq!(said(File::new("protocol/Cargo.toml", "serde = \"1\"")), 0);
        assert_eq!(said(File::new("protocol/Cargo.toml", "hawker-domain.workspace = true")), 1);
        assert_eq!(said(File::new("server/domain/Cargo.toml", "")), 1);
        assert_eq!(said(File::new("extra/Cargo.toml", "")), 2);
    }
}
