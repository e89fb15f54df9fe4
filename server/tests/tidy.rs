//! Keeps the tree as ARCHITECTURE.md and the style page say: each test is one promise, and each
//! message says which file, which line, what to do. Runs no code of Hawker.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/lists.rs"]
mod lists;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/tokens.rs"]
mod tokens;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{File, Finding};

fn files() -> Vec<File> {
    let files = tree::read(&tree::root());
    assert!(files.iter().any(|file| file.path == "Cargo.toml"), "this is not the repository");
    files
}

/// Runs a check over every file with one of the endings; no endings means all files.
fn each(endings: &[&str], check: impl Fn(&File) -> Vec<Finding>) {
    let files = files();
    let wanted = |file: &&File| endings.is_empty() || endings.iter().any(|end| file.is(end));
    nothing_in(files.iter().filter(wanted).flat_map(check));
}

fn nothing_in(findings: impl IntoIterator<Item = Finding>) {
    let said: Vec<String> = findings.into_iter().map(|finding| finding.to_string()).collect();
    assert!(said.is_empty(), "{} to mend:\n\n{}\n", said.len(), said.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_owns() {
    each(&["rs"], shape::header);
}

#[test]
fn modules_import_only_what_their_row_allows() {
    each(&["rs"], imports::server);
}

#[test]
fn the_domain_knows_no_clock_and_no_outside_world() {
    each(&["rs"], imports::domain);
}

#[test]
fn files_and_lines_are_short() {
    each(&["rs", "ts", "tsx"], shape::sizes);
}

#[test]
fn functions_are_short_and_flat() {
    each(&["rs"], shape::function_sizes);
}

#[test]
fn nothing_unfinished_or_silenced_is_left() {
    each(&["rs"], shape::left_overs);
}

#[test]
fn no_test_waits_for_the_clock() {
    each(&["rs"], shape::sleeps);
}

#[test]
fn links_lead_somewhere() {
    let files = files();
    let paths = papers::Paths::of(&files);
    let pages = files.iter().filter(|file| file.is("md"));
    nothing_in(pages.flat_map(|page| papers::links(page, &files, &paths)));
}

#[test]
fn paths_in_pages_and_headers_lead_somewhere() {
    let files = files();
    let paths = papers::Paths::of(&files);
    let said = files.iter().filter(|file| file.is("md") || file.is("rs"));
    nothing_in(said.flat_map(|file| papers::named_paths(file, &paths)));
}

#[test]
fn lock_files_do_not_say_where_packages_are_downloaded() {
    each(&["json"], papers::lock_addresses);
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    each(&[], papers::machine_paths);
}

#[test]
fn crates_folders_and_the_table_agree() {
    nothing_in(lists::crates(&files()));
}

#[test]
fn every_refusal_close_code_and_event_is_met_in_a_test() {
    let files = files();
    nothing_in(rules::LISTED.iter().flat_map(|rule| lists::variants_met(rule, &files)));
}
