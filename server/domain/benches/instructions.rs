//! Instructions that a quote and a heartbeat take, counted by Valgrind, beside the counts that the
//! repository keeps: unlike time, they are the same on every quiet or busy machine.
//!
//! `cargo bench -p hawker-domain --bench instructions` runs itself under Valgrind and fails where a
//! count has moved by more than 5 %; with UPDATE_EXPECT=1 it keeps the new ones.

#[path = "support/till.rs"]
mod till;

use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use hawker_domain::command::{Basket, CouponChoice};
use hawker_domain::time::SpanMs;
use hawker_domain::{Pulse, Shop};

use till::{NOW, VIEWERS, basket, buyer, id, marks, till, watched};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
const TOLERANCE_PERCENT: u64 = 5;
const QUOTES: u64 = 100;

/// Valgrind counts within these and nowhere else.
#[inline(never)]
fn measured_quotes(shop: &Shop, basket: &Basket) {
    for _ in 0..QUOTES {
        black_box(shop.quote(&buyer(0), basket, &CouponChoice::Best, None, NOW)).ok();
    }
}

#[inline(never)]
fn measured_heartbeats(shop: &mut Shop, pulse: Pulse) {
    shop.pulse(&id("room"), pulse, NOW + SpanMs::seconds(9));
}

#[inline(never)]
fn measured_checkpoint(shop: &mut Shop) {
    assert_eq!(shop.elapse(NOW + SpanMs::seconds(10), 10).events.len(), 1);
}

/// A name, and how many of it one run does.
const WORK: [(&str, u64); 3] =
    [("quote", QUOTES), ("heartbeat", VIEWERS), ("viewer_of_a_checkpoint", VIEWERS)];

fn work(name: &str) {
    match name {
        "quote" => measured_quotes(&till(), &basket()),
        "heartbeat" => {
            let pulse = Pulse { marks: marks(NOW + SpanMs::seconds(9)), ..Pulse::default() };
            measured_heartbeats(&mut watched(), pulse);
        }
        "viewer_of_a_checkpoint" => measured_checkpoint(&mut watched()),
        _ => panic!("there is no work {name}"),
    }
}

/// Instructions that one of `name` takes.
fn count(name: &str, each: u64) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=*measured*")
        .arg(program)
        .env("HAWKER_WORK", name)
        .output();
    let run = run.map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    let counted = collected.and_then(|count| count.trim().parse::<u64>().ok());
    counted.filter(|count| *count > 0).map(|count| count / each).ok_or(said.into_owned())
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("HAWKER_WORK") {
        work(&name);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: not counted, there is no valgrind: install the package valgrind");
        return ExitCode::SUCCESS;
    }
    let kept = fs::read_to_string(KEPT).unwrap_or_default();
    let (mut new, mut moved) = (String::new(), false);
    for (name, each) in WORK {
        let counted = match count(name, each) {
            Ok(counted) => counted,
            Err(said) => {
                println!("instructions: {name} was not counted:\n{said}");
                return ExitCode::FAILURE;
            }
        };
        let before = kept.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        let before: u64 = before.unwrap_or(0);
        let off = counted.abs_diff(before) * 100 > before * TOLERANCE_PERCENT;
        let verdict = if off { "MOVED" } else { "as kept" };
        println!("{name}: {counted} instructions, {before} kept: {verdict}");
        new.push_str(&format!("{name} {counted}\n"));
        moved |= off;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return match fs::write(KEPT, new) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    if moved { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
