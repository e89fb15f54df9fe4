//! Who names whom: every path of ours in `server/src` and the domain, held against the tables.
//! Reads paths wherever they stand, in `use` lines and in code; resolves no re-exports.

use std::collections::BTreeSet;

use crate::rules::{self, Row};
use crate::tokens::{self, Kind, Token};
use crate::tree::{File, Finding};

/// A path as written, with `crate`, `super`, `self` and crate names resolved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// The crates of ours under the name that the tables use; `hawker_server` is seen from `main`.
const OURS: &[(&str, &[&str])] =
    &[("hawker_domain", &["domain"]), ("hawker_protocol", &["protocol"]), ("hawker_server", &[])];

pub(crate) fn server(file: &File) -> Vec<Finding> {
    let Some(module) = module_of(&file.path, "server/src/") else { return Vec::new() };
    if module.iter().any(|part| part == "tests" || part == "testing") {
        // A test puts the real neighbours together, as app.rs does.
        return Vec::new();
    }
    let Some(row) = rules::IMPORTS.iter().find(|row| row.module == module[0]) else {
        let say = format!(
            "module `{}` has no row in IMPORTS of server/tests/tidy/rules.rs: add one with its \
             reason, as a commit of its own, or move the file into a module that has one",
            module[0]
        );
        return vec![file.at(1, say)];
    };
    let mut findings: Vec<Finding> = imports(&module, &file.text)
        .iter()
        .filter_map(|import| judge(row, &module, import).map(|say| file.at(import.line, say)))
        .collect();
    findings.extend(libraries(file, row.module));
    findings
}

/// The rules see no clock, no chance and no outside world.
pub(crate) fn domain(file: &File) -> Vec<Finding> {
    if !file.path.starts_with("server/domain/src/") {
        return Vec::new();
    }
    let tokens = tokens::code(&file.text);
    let mut findings = Vec::new();
    let roots: BTreeSet<&str> = rules::NOT_IN_DOMAIN.iter().map(|path| path[0]).collect();
    for root in roots {
        let starts = starts_of(&tokens, root);
        for import in starts.into_iter().flat_map(|start| tree(&tokens, start, &[])) {
            let path: Vec<&str> = import.path.iter().map(String::as_str).collect();
            if rules::NOT_IN_DOMAIN.iter().any(|banned| path.starts_with(banned)) {
                let say = format!(
                    "the domain may not use {}: take what you need from it as an argument",
                    path.join("::")
                );
                findings.push(file.at(import.line, say));
            }
        }
    }
    findings
}

/// `server/src/hub/room.rs` is `hub::room`; `lib.rs` and `main.rs` stand for themselves.
fn module_of(path: &str, under: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix(under)?.strip_suffix(".rs")?;
    Some(inner.split('/').filter(|part| *part != "mod").map(String::from).collect())
}

fn judge(row: &Row, module: &[String], import: &Import) -> Option<String> {
    let path = import.path.join("::");
    if let Some(sibling) = sibling(module, &import.path) {
        return Some(format!(
            "siblings never import each other: move what {} needs from {sibling} into the module \
             above both",
            module.join("::")
        ));
    }
    let first = import.path.first()?;
    if first == row.module {
        return None;
    }
    for (part, by, because) in rules::RESERVED {
        if within(&path, part) && !by.contains(&row.module) {
            return Some(format!("`{part}` is for {} alone: {because}", by.join(" and ")));
        }
    }
    if row.may.iter().any(|allowed| within(&path, allowed)) {
        return None;
    }
    let may = if row.may.is_empty() { "nothing of ours".into() } else { row.may.join(", ") };
    Some(format!(
        "`{}` may not import `{path}`. It may import {may}, because {}. Pass the value in, define \
         a trait here that app.rs connects, or argue for a new row in server/tests/tidy/rules.rs",
        row.module, row.because
    ))
}

fn within(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn sibling(module: &[String], path: &[String]) -> Option<String> {
    let (parent, group) = rules::SIBLINGS.iter().find(|(parent, group)| {
        let depth = parent.split("::").count();
        module.len() > depth
            && module[..depth].join("::") == *parent
            && group.contains(&module[depth].as_str())
    })?;
    let depth = parent.split("::").count();
    let other = path.get(depth)?;
    let met = path[..depth].join("::") == *parent
        && *other != module[depth]
        && group.contains(&other.as_str());
    met.then(|| format!("{parent}::{other}"))
}

fn libraries(file: &File, module: &str) -> Vec<Finding> {
    let tokens = tokens::code(&file.text);
    let mut findings = Vec::new();
    for (library, homes, because) in rules::LIBRARIES {
        if homes.contains(&module) {
            continue;
        }
        for start in starts_of(&tokens, library) {
            let say = format!("`{library}` stays in {}: {because}", homes.join(" and "));
            findings.push(file.at(tokens[start].line, say));
        }
    }
    findings
}

/// Where `name::` begins a path.
fn starts_of(tokens: &[Token<'_>], name: &str) -> Vec<usize> {
    (0..tokens.len()).filter(|&at| tokens[at].text == name && begins_path(tokens, at)).collect()
}

fn begins_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |index| tokens[index].text);
    let after = tokens.get(at + 1).map_or("", |token| token.text);
    before != "::" && before != "." && (after == "::" || (before == "use" && after == "as"))
}

/// Every path in `text` that leads to something of ours, seen from `module`.
pub(crate) fn imports(module: &[String], text: &str) -> Vec<Import> {
    let tokens = tokens::code(text);
    let aliases = aliases(&tokens);
    let mut here = module.to_vec();
    if matches!(module, [only] if only == "lib" || only == "main") {
        here.clear();
    }
    let mut depth = 0usize;
    let mut inline: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
            }
            "mod" if tokens.get(at + 2).is_some_and(|next| next.text == "{") => {
                inline.push(depth);
                here.push(tokens[at + 1].text.into());
            }
            _ if token.kind == Kind::Word && begins_path(&tokens, at) => {
                if let Some((base, next)) = base(&tokens, at, &here, &aliases) {
                    found.extend(tree(&tokens, next, &base));
                }
            }
            _ => {}
        }
    }
    found
}

/// What a path that starts at `at` is relative to, and where its own segments begin.
fn base(
    tokens: &[Token<'_>],
    at: usize,
    here: &[String],
    aliases: &[(String, Vec<String>)],
) -> Option<(Vec<String>, usize)> {
    // `use hawker_domain as domain`: what is taken from it shows where the alias is used.
    if tokens[at + 1].text == "as" {
        return None;
    }
    let word = tokens[at].text;
    if let Some((_, path)) = aliases.iter().find(|(name, _)| name == word) {
        return Some((path.clone(), at + 2));
    }
    let mut path = match word {
        "crate" => Vec::new(),
        "self" => here.to_vec(),
        "super" => here[..here.len().saturating_sub(1)].to_vec(),
        _ => {
            let (_, base) = OURS.iter().find(|(name, _)| *name == word)?;
            base.iter().map(ToString::to_string).collect()
        }
    };
    let mut next = at + 2;
    while tokens.get(next).is_some_and(|token| token.text == "super") {
        path.pop();
        next += 2;
    }
    Some((path, next))
}

/// `use hawker_domain as domain` and `use crate::journal as truth` give other names to paths.
fn aliases(tokens: &[Token<'_>]) -> Vec<(String, Vec<String>)> {
    let renamed = |window: &[Token<'_>]| {
        let [word, name, alias] = window else { return None };
        let (_, base) = OURS.iter().find(|(ours, _)| *ours == word.text)?;
        let base = base.iter().map(ToString::to_string).collect();
        (name.text == "as").then(|| (alias.text.to_string(), base))
    };
    tokens.windows(3).filter_map(renamed).collect()
}

/// The paths of the use-tree (or plain path) whose first segment stands at `at`.
fn tree(tokens: &[Token<'_>], at: usize, base: &[String]) -> Vec<Import> {
    let Some(token) = tokens.get(at) else { return Vec::new() };
    if token.text == "{" {
        return branches(tokens, at, base);
    }
    let mut path = base.to_vec();
    if token.text != "self" {
        path.push(token.text.into());
    }
    let goes_on = tokens.get(at + 1).is_some_and(|next| next.text == "::")
        && tokens.get(at + 2).is_some_and(|next| next.text != "<");
    match goes_on {
        true => tree(tokens, at + 2, &path),
        false => vec![Import { path, line: token.line }],
    }
}

fn branches(tokens: &[Token<'_>], open: usize, base: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    let mut depth = 0;
    for at in open..tokens.len() {
        let text = tokens[at].text;
        let starts = depth == 1 && matches!(tokens[at - 1].text, "{" | ",") && text != "}";
        if starts {
            found.extend(tree(tokens, at, base));
        }
        match text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[cfg(test)]
fn found(path: &str, text: &str) -> Vec<String> {
    server(&File::new(path, text)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_layer_that_reaches_past_its_row_is_named_with_file_and_line() {
    let text = "//! x\nuse std::fmt;\nuse crate::{bus, wire::{self, Frame}};\n";
    let said = found("server/src/hub/room.rs", text);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("server/src/hub/room.rs:3: `hub` may not import `wire`"));
    assert!(said[1].contains("`wire::Frame`"));
}

#[test]
fn a_path_in_code_counts_like_a_use_line_and_a_string_does_not() {
    let said = found("server/src/bus.rs", "fn f() { \"crate::hub::X\"; crate::hub::f(); }");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(found("server/src/bus.rs", "use hawker_domain::id::RoomId;").is_empty());
    assert_eq!(found("server/src/bus.rs", "use hawker_domain::{Event, id::RoomId};").len(), 1);
}

#[test]
fn a_renamed_crate_is_judged_where_its_name_is_used() {
    let text = "use hawker_domain as domain;\nfn f(_: domain::id::RoomId, _: domain::Event) {}";
    let said = found("server/src/bus.rs", text);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`domain::Event`"));
}

#[test]
fn super_is_resolved_through_inline_modules() {
    let text = "mod tests { use super::*; use super::super::memory; } use super::redis::X;";
    let said = found("server/src/journal/redb.rs", text);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.contains("siblings never import each other")));
}

#[test]
fn storages_and_their_libraries_stay_behind_the_journal() {
    let edge = found("server/src/edge/http.rs", "use redb::Database; use crate::engine::X;");
    assert!(edge[0].contains("`redb` stays in journal"), "{edge:?}");
    let engine = found("server/src/engine.rs", "use crate::journal::redb::Journal;");
    assert!(engine[0].contains("is for app alone"), "{engine:?}");
    assert!(found("server/src/app.rs", "use crate::journal::redb::Journal;").is_empty());
}

#[test]
fn a_module_without_a_row_is_refused() {
    assert!(found("server/src/helpers.rs", "")[0].contains("has no row in IMPORTS"));
}

#[test]
fn the_domain_sees_no_outside_world() {
    let file =
        File::new("server/domain/src/shop.rs", "use std::{fmt, time::Instant}; use uuid::Uuid;");
    let said = domain(&file);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].say.contains("std::time::Instant"));
}
