//! Thirty ways in which service desks are known to fail, and what of ours would notice each. The
//! table is the proof's index: every name in it must be a scenario or a test that exists.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a failure is caught.
enum By {
    /// `scenarios/desk_NAME.txt`
    Scenario(&'static str),
    /// A test function of this crate.
    Test(&'static str),
    /// Why it cannot happen in the rules, or whose it is.
    Design(&'static str),
}
use By::{Design, Scenario, Test};

const MODEL: By = Test("the_desk_does_what_a_naive_model_of_the_rules_does");

/// The numbers and the failures are those of the research on public incidents.
const FAILURES: &[(u8, &str, &[By])] = &[
    (1, "parallel arrivals pass a cap", &[Scenario("one_slot_and_many_arrivals"), MODEL]),
    (2, "two agents take one session", &[Scenario("two_picks_and_one_session"), MODEL]),
    (
        3,
        "assigners bounce a session between them",
        &[Scenario("a_transfer_changes_the_owner_and_not_the_clock"), MODEL],
    ),
    (
        4,
        "a group read from a stale snapshot",
        &[
            Design(
                "groups come later; who may be given a session is kept with every event, and \
                    read in the same step",
            ),
            Scenario("somebody_who_left_the_shop_is_given_nothing"),
        ],
    ),
    (
        5,
        "parallel first messages open several conversations",
        &[Scenario("many_first_words_at_once_are_one_session")],
    ),
    (
        6,
        "a freed slot or a new agent drains nothing, or the wrong one",
        &[
            Scenario("a_freed_slot_goes_to_the_oldest_in_the_same_step"),
            Scenario("a_session_waits_until_an_agent_is_there"),
        ],
    ),
    (
        7,
        "a dropped trigger leaves a backlog",
        &[Test("a_long_queue_drains_in_bounded_steps_and_in_its_order")],
    ),
    (
        8,
        "old sessions are never assigned, chatty ones lose their place",
        &[
            Scenario("the_earliest_unanswered_word_sets_the_clock"),
            Scenario("a_transfer_to_the_queue_keeps_the_clock"),
        ],
    ),
    (
        9,
        "one poisoned session blocks the queue",
        &[
            Design(
                "only open sessions are queued, closing takes them out in the same event, and \
                    assigning cannot fail",
            ),
            MODEL,
        ],
    ),
    (
        10,
        "a session is taken and served by nobody",
        &[
            Design("taking and assigning are one event"),
            Test("a_crash_at_any_position_of_the_journal_loses_no_session"),
        ],
    ),
    (
        11,
        "ghost agents",
        &[
            Scenario("an_agent_who_does_not_come_back_loses_what_is_unanswered"),
            Scenario("after_a_restart_every_agent_is_expected_back"),
            Design("noticing a dead socket within 30 s is the edge's"),
        ],
    ),
    (
        12,
        "an open intent without a connection is given sessions",
        &[Scenario("an_agent_who_does_not_come_back_loses_what_is_unanswered")],
    ),
    (
        13,
        "a device sets somebody online",
        &[Scenario("connections_come_and_go_and_the_intent_stays")],
    ),
    (14, "flapping connections", &[Scenario("a_flapping_connection_loses_nothing")]),
    (
        15,
        "sessions stay with an absent agent",
        &[Scenario("an_agent_who_does_not_come_back_loses_what_is_unanswered")],
    ),
    (
        16,
        "counters drift",
        &[
            Design("a load is the length of a set; check_invariants recounts it from the sessions"),
            MODEL,
        ],
    ),
    (
        17,
        "a cap is passed by another road",
        &[
            Scenario("a_failed_transfer_changes_nothing"),
            Scenario("a_pick_asks_for_presence_and_room"),
            MODEL,
        ],
    ),
    (18, "a failed transfer is told as done", &[Scenario("a_failed_transfer_changes_nothing")]),
    (
        19,
        "the first reply is credited to whoever has it now",
        &[Scenario("the_first_human_word_decides_and_the_sender_is_credited")],
    ),
    (20, "a system's line counts as the first reply", &[Scenario("what_is_no_answer")]),
    (21, "the waiting clock is wrong", &[MODEL]),
    (
        22,
        "two replies, and none is the first",
        &[Scenario("the_first_human_word_decides_and_the_sender_is_credited")],
    ),
    (
        23,
        "the clock goes on after the close, or hides a miss",
        &[
            Scenario("more_than_twenty_hours_is_expiring"),
            Scenario("a_session_closed_unanswered_is_charged_to_whoever_closed_it"),
        ],
    ),
    (
        24,
        "clock changes and leap days",
        &[Test("verdicts_are_the_same_across_clock_changes_and_a_leap_day")],
    ),
    (
        25,
        "messages are lost while somebody is away",
        &[
            Design(
                "every message is a document under its seq; reading from a cursor is the \
                    engine's",
            ),
            Scenario("messages_are_numbered_and_marked"),
        ],
    ),
    (
        26,
        "repeated and shuffled sends",
        &[
            Design(
                "the engine answers a known command id from its record and never decides it \
                    again, also after the session has closed",
            ),
            Scenario("a_double_tap_on_the_faq_is_one_click"),
            Scenario("many_first_words_at_once_are_one_session"),
        ],
    ),
    (
        27,
        "messages fail without agents, a buyer is bound to one who left",
        &[
            Scenario("a_session_waits_until_an_agent_is_there"),
            Scenario("somebody_who_left_the_shop_is_given_nothing"),
        ],
    ),
    (
        28,
        "a message into a closed session is seen by nobody",
        &[Scenario("a_word_after_the_close_is_a_new_session")],
    ),
    (29, "a wrong place in the queue", &[Scenario("a_shown_place_never_becomes_worse"), MODEL]),
    (
        30,
        "fifty agents fill a core",
        &[Design(
            "the team view is told by one agent's view per event; benches/desk.rs runs \
                  10,000 agents",
        )],
    ),
];

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn each_known_failure_has_its_test_or_its_reason() {
    let numbers: Vec<_> = FAILURES.iter().map(|(number, _, _)| *number).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    let entries = fs::read_dir(tests_folder()).expect("the tests");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let sources: String = sources.map(|path| fs::read_to_string(path).expect("a test")).collect();
    for (number, failure, guards) in FAILURES {
        assert!(!guards.is_empty(), "{number}: {failure}");
        for guard in *guards {
            match guard {
                Scenario(name) => {
                    let path = tests_folder().join(format!("scenarios/desk_{name}.out"));
                    assert!(path.exists(), "{number}: {failure}: {path:?}");
                }
                Test(name) => {
                    let is_there = sources.contains(&format!("fn {name}()"));
                    assert!(is_there, "{number}: {failure}: there is no test {name}");
                }
                Design(reason) => assert!(reason.len() > 20, "{number}: {failure}"),
            }
        }
    }
}
