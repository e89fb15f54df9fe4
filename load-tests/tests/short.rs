//! Each command about viewers, desks and coupons in a short form, against the server that was
//! built beside it. Owns what must hold whatever the machine does: nothing lost or doubled. Asserts
//! no time.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a command and returns its JSON object. `cargo test --workspace` builds the server too.
fn run(arguments: &[&str]) -> Value {
    let program = Path::new(env!("CARGO_BIN_EXE_hawker-load"));
    let server = program.with_file_name("hawker");
    let told = "run `cargo build -p hawker-server` first: these tests start its program";
    assert!(server.is_file(), "there is no {}: {told}", server.display());
    let output = Command::new(program).args(arguments).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} ended with {}:\n{said}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["audit"], "passed", "{report}");
    report
}

#[test]
fn every_message_reaches_every_viewer_once_at_each_tick() {
    for tick_ms in ["0", "100"] {
        let short = ["fan-out", "--viewers", "200", "--rate", "40", "--seconds", "2"];
        let report = run(&[&short[..], &["--tick-ms", tick_ms]].concat());
        assert_eq!((&report["lost"], &report["doubled"]), (&0.into(), &0.into()), "{report}");
        assert_eq!(report["deliveries"], 200 * 40 * 2, "{report}");
        let figure = |key: &str| report[key].as_f64().unwrap();
        assert!(figure("floor_us_per_write") > 0.0 && figure("bytes_per_delivery") > 100.0);
        assert!(figure("writes") >= figure("frames"), "{report}");
    }
}

#[test]
fn compressed_messages_reach_every_viewer_in_fewer_bytes() {
    let short = ["fan-out", "--viewers", "50", "--rate", "100", "--tick-ms", "100"];
    let report = run(&[&short[..], &["--seconds", "1", "--compress"]].concat());
    assert_eq!((&report["lost"], &report["deliveries"]), (&0.into(), &5_000.into()), "{report}");
    let figure = |key: &str| report[key].as_f64().unwrap();
    assert!(figure("bytes_per_delivery") * 2.0 < figure("plain_bytes_per_delivery"), "{report}");
}

#[test]
fn viewers_who_only_watch_are_all_there_at_the_end() {
    let report = run(&["idle", "--viewers", "200", "--settle-seconds", "1"]);
    assert_eq!((&report["answered"], &report["closed"]), (&200.into(), &0.into()), "{report}");
    assert!(report["rss_kib_per_viewer"].as_f64().is_some(), "{report}");
}

#[test]
fn a_room_that_drops_comes_back_and_loses_nothing_that_matters() {
    let short = ["reconnect", "--viewers", "200", "--live-viewers", "20", "--seconds", "1"];
    let report = run(&short);
    assert_eq!((&report["rejoined"], &report["lost_critical"]), (&200.into(), &0.into()));
    assert_eq!(report["live_lost"], 0, "{report}");
    assert!(report["critical"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn readers_who_stop_are_closed_on_and_the_others_lose_nothing() {
    let short = ["slow", "--viewers", "60", "--never-reading", "10", "--late-reading", "2"];
    let pace = ["--rate", "400", "--seconds", "1", "--slow-reader-ms", "1000"];
    let report = run(&[&short[..], &pace].concat());
    assert_eq!((&report["lost_critical"], &report["lost"]), (&0.into(), &0.into()), "{report}");
    assert_eq!(report["late_lost_critical"], 0, "{report}");
    assert_eq!(report["never_reading_closed"], 10, "{report}");
}

#[test]
fn every_session_of_a_desk_is_in_one_place_and_every_rate_is_what_its_events_make() {
    let short = ["desk", "--agents", "6", "--cap", "3", "--buyers", "60", "--seconds", "4"];
    is_right(&run(&short), false);
}

#[test]
fn a_desk_that_is_killed_in_its_rush_loses_nothing() {
    let short = ["desk", "--agents", "6", "--cap", "3", "--buyers", "60", "--seconds", "5"];
    let report = run(&[&short[..], &["--kill"]].concat());
    is_right(&report, true);
    let killed = &report["killed"];
    assert_eq!((&killed["lost_sessions"], &killed["rate_difference"]), (&0.into(), &0.into()));
    assert!(report["links_lost"].as_u64().unwrap() > 0, "{report}");
    assert!(killed["sessions_before"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(killed["journal_verify"], "passed", "{report}");
}

/// Nothing was lost, and there was something to lose.
fn is_right(report: &Value, was_killed: bool) {
    let never = ["over_cap", "lost_sessions", "double_assigned", "fifo_violations"];
    for figure in [&never[..], &["rate_difference", "lost_messages"]].concat() {
        assert_eq!(report[figure], 0, "{figure}: {report}");
    }
    for figure in ["sessions", "delivered", "transcript_messages", "waiting_max", "closed"] {
        assert!(report[figure].as_u64().unwrap() > 0, "{figure}: {report}");
    }
    assert_eq!(report["killed"].is_object(), was_killed, "{report}");
}

/// Twenty seconds of a room are played here in thirteen: a watch task takes ten.
const COUPONS: [&str; 7] = ["coupons", "--viewers", "120", "--quota", "30", "--seconds", "13"];

#[test]
fn no_coupon_is_given_twice_or_beyond_its_budget_and_no_progress_is_lost() {
    coupons_are_right(&run(&COUPONS), false);
}

#[test]
fn a_room_that_is_killed_in_a_push_of_coupons_loses_and_doubles_no_claim() {
    let report = run(&[&COUPONS[..], &["--kill"]].concat());
    coupons_are_right(&report, true);
    let killed = &report["killed"];
    for figure in ["lost_claims", "double_claims", "over_budget"] {
        assert_eq!(killed[figure], 0, "{figure}: {report}");
    }
    assert!(killed["coupons_before"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(killed["journal_verify"], "passed", "{report}");
}

/// Nothing went wrong, and there was something that could.
fn coupons_are_right(report: &Value, was_killed: bool) {
    let never = ["over_quota", "over_budget", "double_claims", "progress_resets"];
    let nor = ["progress_ahead", "refused_at_till", "quote_mismatches", "lost_claims"];
    let these = ["lost_pushes", "doubled_pushes", "early_checkpoints", "unfinished"];
    for figure in [never, nor, these].concat() {
        assert_eq!(report[figure], 0, "{figure}: {report}");
    }
    let some = ["claimed", "paid", "quotes_compared", "pushes_expected", "checkpoints"];
    for figure in [&some[..], &["coupons_in_hand", "resumed", "progress_shown"]].concat() {
        assert!(report[figure].as_u64().unwrap() > 0, "{figure}: {report}");
    }
    assert_eq!(report["killed"].is_object(), was_killed, "{report}");
}

#[test]
fn nodes_that_share_a_redis_sell_what_there_is_and_nothing_twice() {
    let short = ["flash-sale", "--nodes", "2", "--buyers", "120", "--stock", "30"];
    let report = run(&[&short[..], &["--seconds", "2"]].concat());
    assert_eq!((&report["oversold"], &report["accepted"]), (&0.into(), &30.into()), "{report}");
    assert_eq!((&report["joins"], &report["sockets_lost"]), (&120.into(), &0.into()), "{report}");
    let nodes = report["nodes"].as_array().unwrap();
    let owners = nodes.iter().filter(|node| node["has_shop"] == true).count();
    assert_eq!((nodes.len(), owners), (2, 1), "{report}");
    assert_eq!(report["shop_moved"], false, "{report}");
}

#[test]
fn what_is_said_on_one_node_reaches_every_viewer_of_all_nodes_once() {
    let short = ["fan-out", "--nodes", "2", "--publish-at", "other", "--viewers", "100"];
    let pace = ["--rate", "40", "--seconds", "2", "--tick-ms", "100"];
    let report = run(&[&short[..], &pace].concat());
    assert_eq!((&report["lost"], &report["doubled"]), (&0.into(), &0.into()), "{report}");
    let shares = report["shares"].as_array().unwrap();
    assert!(shares.iter().all(|share| share["deliveries"] == 50 * 40 * 2), "{report}");
    assert!(shares.iter().any(|share| share["bus_messages"].as_u64().unwrap() > 0), "{report}");
}

#[test]
fn nodes_that_die_stand_still_and_go_lose_no_acknowledged_command() {
    let report = run(&["chaos", "nodes", "--cycles", "4", "--buyers", "8"]);
    for figure in ["lost", "doubled", "oversold", "answers_different", "prefixes_changed"] {
        assert_eq!(report[figure], 0, "{figure}: {report}");
    }
    let faults = report["faults"].as_object().unwrap();
    assert!(faults.len() == 4 && faults.values().all(|fault| fault["cycles"] == 1), "{report}");
    assert!(report["reigns"].as_u64().unwrap() > 3, "each owner had a successor: {report}");
    assert_eq!(report["journal_verify"], "passed", "{report}");
}
