//! Whole scenarios as text: `scenarios/NAME.txt` is what happens, `NAME.out` beside it what came
//! of it. Owns the comparison; the grammar stands in `scenario/`. Never sleeps: time is a word.

#[path = "scenario/desk_grammar.rs"]
mod desk_grammar;
#[path = "scenario/desk_render.rs"]
mod desk_render;
#[path = "support/event_names.rs"]
mod event_names;
#[path = "scenario/grammar.rs"]
mod grammar;
#[path = "scenario/promo_grammar.rs"]
mod promo_grammar;
#[path = "scenario/promo_render.rs"]
mod promo_render;
#[path = "support/rejection_names.rs"]
mod rejection_names;
#[path = "scenario/render.rs"]
mod render;
#[path = "scenario/runner.rs"]
mod runner;
#[path = "support/twin.rs"]
mod twin;
#[path = "scenario/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};

const UPDATE: &str = "UPDATE_EXPECT=1 cargo test -p hawker-domain --test scenario";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

/// The lines that differ, with their numbers; the rest of the file says nothing new.
fn differences(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), actual.lines().collect());
    let mut report = String::new();
    for index in 0..expected.len().max(actual.len()) {
        let (was, is) = (expected.get(index), actual.get(index));
        if was == is {
            continue;
        }
        let number = index + 1;
        let line = |mark, text: Option<&&str>| {
            text.map_or(String::new(), |text| format!("{number:>4} {mark} {text}\n"))
        };
        report += &line('-', was);
        report += &line('+', is);
    }
    report
}

/// What is wrong with one scenario, if anything.
fn problem_with(path: &Path, update: bool) -> Option<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a scenario");
    let actual = match runner::run(&text) {
        Ok(outcome) => outcome,
        Err(problem) => return Some(format!("{name}: {problem}")),
    };
    let out = path.with_extension("out");
    let expected = fs::read_to_string(&out).unwrap_or_default();
    if expected == actual {
        return None;
    }
    if update {
        fs::write(&out, actual).expect("the outcome can be written");
        return None;
    }
    Some(format!("{name}: the outcome differs\n{}", differences(&expected, &actual)))
}

#[test]
fn every_scenario_ends_as_its_committed_outcome_says() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let chosen = files("txt").into_iter().filter(|path| path.to_string_lossy().contains(&only));
    let problems: Vec<_> = chosen.filter_map(|path| problem_with(&path, update)).collect();
    assert!(
        problems.is_empty(),
        "{}\n\nIf that is what should happen: {UPDATE}\nand read the difference in git.",
        problems.join("\n\n")
    );
}

#[test]
fn every_outcome_has_its_scenario() {
    for out in files("out") {
        assert!(out.with_extension("txt").exists(), "{} is left over: remove it", out.display());
    }
}

/// Names in `all` that start no line of any outcome after `before`.
fn unseen(all: &[&'static str], before: &str) -> Vec<&'static str> {
    let read = |path: &PathBuf| fs::read_to_string(path).expect("an outcome");
    let outcomes: Vec<_> = files("out").iter().map(read).collect();
    let lines = outcomes.iter().flat_map(|text| text.lines());
    let heads: Vec<_> = lines
        .filter_map(|line| line.trim_start().trim_start_matches("(elapse) ").strip_prefix(before))
        .filter_map(|line| line.split(' ').next())
        .collect();
    all.iter().copied().filter(|name| !heads.contains(name)).collect()
}

#[test]
fn every_refusal_is_given_in_some_scenario() {
    let unseen = unseen(rejection_names::REJECTIONS, "refused ");
    assert!(unseen.is_empty(), "no scenario in {} is refused {unseen:?}", folder().display());
}

#[test]
fn every_event_happens_in_some_scenario() {
    let unseen = unseen(event_names::EVENTS, "");
    assert!(unseen.is_empty(), "no scenario in {} shows {unseen:?}", folder().display());
}
