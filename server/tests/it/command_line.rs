//! The command line beside a server: the journal's tools at work and at rest, and starts that are
//! refused.

use std::process::Output;

use serde_json::Value;

use crate::hawker::{Site, soon};

#[track_caller]
fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[tokio::test]
async fn the_journal_is_dumped_verified_and_copied_while_a_server_runs_and_at_rest() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let admin = server.admin.to_string();
    let env = [("HAWKER_SERVER_ADMIN_LISTEN", admin.as_str())];
    let copy = site.file("copy.redb");
    let to = copy.to_str().unwrap();

    let dumped = lines(&site.run_with(&["journal", "dump"], &env).await);
    let events = server.events().await;
    let versions: Vec<_> = dumped.iter().map(|it| it["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    assert_eq!(versions.last().copied(), events.last().unwrap()["version"].as_u64());
    let later = ["journal", "dump", "--shop", "acme", "--after", "2"];
    assert_eq!(lines(&site.run_with(&later, &env).await), dumped[2..]);
    let verified = lines(&site.run_with(&["journal", "verify"], &env).await);
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0]["shop"], "acme");
    assert_eq!(verified[0]["events"].as_u64(), Some(events.len() as u64));
    let backup = ["journal", "backup", "--to", to];
    assert!(site.run_with(&backup, &env).await.status.success());
    let again = site.run_with(&backup, &env).await;
    assert!(!again.status.success(), "a copy is never written over");
    server.stop().await;

    assert_eq!(lines(&site.run(&["journal", "dump"]).await)[..dumped.len()], dumped[..]);
    let copied = lines(&site.run(&["journal", "verify", "--file", to]).await);
    assert_eq!(copied, verified, "the copy holds the same state");
    let at_rest = lines(&site.run(&["journal", "verify"]).await);
    assert!(at_rest[0]["events"].as_u64() >= verified[0]["events"].as_u64());
    let to = site.file("second.redb");
    let backup = ["journal", "backup", "--to", to.to_str().unwrap()];
    assert!(site.run(&backup).await.status.success());
    let second = site.run(&["journal", "verify", "--file", to.to_str().unwrap()]).await;
    assert_eq!(lines(&second), at_rest);
}

#[tokio::test]
async fn a_journal_that_is_not_there_is_named() {
    let site = Site::new();
    let output = site.run(&["journal", "verify"]).await;
    assert!(!output.status.success());
    assert!(said(&output).contains("there is no journal at"), "{output:?}");
    assert!(!site.journal().exists(), "and none is made");
}

#[tokio::test]
async fn a_server_without_a_secret_does_not_start_and_says_how_to_get_one() {
    let site = Site::new();
    let output = soon("the refusal", site.program(&["serve"]).output()).await.unwrap();
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("no key to verify tokens with"), "{said}");
    assert!(said.contains("HAWKER_AUTH_SECRET_FILE") && said.contains("--demo"), "{said}");
}

#[tokio::test]
async fn a_key_that_is_not_known_is_an_error_that_names_it() {
    let site = Site::new();
    let config = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), config.replace("[auth]", "[auth]\nisuer = \"x\"")).unwrap();
    let output = site.run(&["serve"]).await;
    assert!(!output.status.success());
    assert!(said(&output).contains("isuer"), "{output:?}");
    assert!(!site.journal().exists(), "nothing was begun");
}

#[tokio::test]
async fn a_second_server_on_the_same_journal_does_not_start() {
    let site = Site::new();
    let server = site.start().await;
    let output = site.run(&["serve"]).await;
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("journal.redb"), "{said}");
    server.stop().await;
}
