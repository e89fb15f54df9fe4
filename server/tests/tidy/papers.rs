//! What is said outside code: links and paths in Markdown and headers, lock files, machine paths.
//! Follows no link that leaves the repository.

use std::collections::BTreeSet;

use crate::tree::{File, Finding};

/// Every file and folder of the tree, to look paths up in.
pub(crate) struct Paths(BTreeSet<String>);

impl Paths {
    pub(crate) fn of(files: &[File]) -> Self {
        let mut known = BTreeSet::new();
        for file in files {
            let ends = file.path.match_indices('/').map(|(at, _)| at);
            known.extend(ends.map(|at| file.path[..at].to_string()));
            known.insert(file.path.clone());
        }
        Self(known)
    }

    fn has(&self, path: &str) -> bool {
        path.is_empty() || self.0.contains(path.trim_end_matches('/'))
    }

    /// `hub/room.rs` may stand for `server/src/hub/room.rs`.
    fn has_ending(&self, path: &str) -> bool {
        let ending = format!("/{path}");
        self.has(path) || self.0.iter().any(|known| known.ends_with(&ending))
    }

    /// Whether a path starts in a folder of the root, so that it can only mean a place in here.
    fn starts_here(&self, path: &str) -> bool {
        path.split_once('/').is_some_and(|(first, rest)| !rest.is_empty() && self.0.contains(first))
    }
}

/// `[text](target)` of a Markdown file: the file and, within Markdown, the heading exist.
pub(crate) fn links(file: &File, files: &[File], paths: &Paths) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(file) {
        for target in targets(line) {
            if let Some(why) = broken(file, target, files, paths) {
                let say = format!("link `{target}`: {why}");
                findings.push(file.at(number, say));
            }
        }
    }
    findings
}

fn broken(file: &File, target: &str, files: &[File], paths: &Paths) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (place, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if place.is_empty() { file.path.clone() } else { joined(folder, place) };
    if !paths.has(&path) {
        return Some(format!("there is no `{path}`: mend the link, or add what it promises"));
    }
    let page = files.iter().find(|other| other.path == path && other.is("md"))?;
    let known = heading.is_empty() || prose(page).any(|(_, line)| anchor(line) == heading);
    (!known).then(|| format!("`{path}` has no heading `{heading}`"))
}

fn joined(folder: &str, place: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in place.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The name that a heading gets in a rendered page.
fn anchor(line: &str) -> String {
    let Some(title) = line.trim_start_matches('#').strip_prefix(' ') else { return String::new() };
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let name: String = title.trim().chars().filter(kept).collect();
    name.to_lowercase().replace(' ', "-")
}

/// The lines of a Markdown file that are not inside a fenced block.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

/// Paths between back-ticks, in Markdown and in `//!` lines, lead somewhere.
pub(crate) fn named_paths(file: &File, paths: &Paths) -> Vec<Finding> {
    // A changelog speaks of files as they were.
    if file.path == "CHANGELOG.md" {
        return Vec::new();
    }
    let header = |(_, line): &(usize, &str)| file.is("md") || line.starts_with("//!");
    let mut findings = Vec::new();
    for (number, line) in file.lines().filter(header) {
        for span in line.split('`').skip(1).step_by(2) {
            if !leads_somewhere(span, paths) {
                let say = format!("there is no `{span}`: say where it is now");
                findings.push(file.at(number, say));
            }
        }
    }
    findings
}

fn leads_somewhere(span: &str, paths: &Paths) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !span.chars().all(plain) || span.starts_with(['/', '.']) {
        return true;
    }
    let source = span.ends_with(".rs") || span.ends_with(".md");
    match source {
        true => paths.has_ending(span),
        false => !paths.starts_here(span) || paths.has_ending(span),
    }
}

/// A lock file that names where packages were downloaded binds everyone to that place.
pub(crate) fn lock_addresses(file: &File) -> Vec<Finding> {
    if !file.path.ends_with("package-lock.json") {
        return Vec::new();
    }
    let say = "run `npm config set omit-lockfile-registry-resolved true` and lock again: the file \
               must not say where packages are downloaded";
    let resolved = |line: &str| line.contains("\"resolved\"") && line.contains("\"http");
    file.lines().filter(|(_, l)| resolved(l)).map(|(number, _)| file.at(number, say)).collect()
}

/// Folders that exist on one machine only. In pieces, so that this file does not find itself.
const MACHINE: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

pub(crate) fn machine_paths(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        for folder in MACHINE.iter().filter(|folder| begins_a_path(line, folder)) {
            let say = format!("`{folder}…` exists on one machine only: write a relative path");
            findings.push(file.at(number, say));
        }
    }
    findings
}

/// `/x/` at the start of a path, not in the middle of one.
fn begins_a_path(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "/._-}~".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Vec<File> {
        vec![
            File::new("README.md", "# One\n## The words, all of them\n"),
            File::new("server/src/hub/room.rs", "//! Rooms.\n"),
        ]
    }

    fn broken_links(text: &str) -> usize {
        let files = tree();
        links(&File::new("docs/a.md", text), &files, &Paths::of(&files)).len()
    }

    #[test]
    fn a_link_needs_its_file_and_its_heading() {
        assert_eq!(broken_links("[a](../README.md) [b](https://example.org/x)"), 0);
        assert_eq!(broken_links("[a](../README.md#the-words-all-of-them)"), 0);
        assert_eq!(broken_links("[a](../README.md#no-such)"), 1);
        assert_eq!(broken_links("[a](README.md), [b](../server/src)"), 1);
        assert_eq!(broken_links("```\n[a](nowhere.md)\n```"), 0);
    }

    #[test]
    fn a_path_in_back_ticks_must_lead_somewhere() {
        let paths = Paths::of(&tree());
        let count = |path: &str, text: &str| named_paths(&File::new(path, text), &paths).len();
        assert_eq!(count("a.md", "`hub/room.rs` `server/src/hub/` `tokio/rt` `x == y.rs`"), 0);
        assert_eq!(count("a.md", "`hub/rooms.rs` and `server/src/bus`"), 2);
        assert_eq!(count("a.rs", "//! See `gone.rs`.\n// not `gone.rs`"), 1);
        assert_eq!(count("CHANGELOG.md", "`gone.rs`"), 0);
    }

    #[test]
    fn lock_files_name_no_download_address() {
        let line = "\"resolved\": \"https://example.org/a.tgz\"";
        assert_eq!(lock_addresses(&File::new("a/package-lock.json", line)).len(), 1);
        assert!(lock_addresses(&File::new("a/other.json", line)).is_empty());
    }

    #[test]
    fn machine_paths_are_found_where_a_path_begins() {
        let home = MACHINE[0];
        assert_eq!(machine_paths(&File::new("a", &format!("cd {home}ann/x"))).len(), 1);
        assert!(machine_paths(&File::new("a", &format!("GET https://a.b{home}x"))).is_empty());
    }
}
