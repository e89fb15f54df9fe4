//! The command line, run without a process.

use clap::CommandFactory;

use super::*;
use crate::clock::Clock;
use crate::config::read;
use hawker_domain::time::Millis;

const SECRET: &str = "0123456789-abcdefghij-ABCDEFGHIJ";
const NOW: Millis = Millis(1_760_000_000_000);

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn run_check(text: &str) -> (bool, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let command = ConfigCommand::Check { file: file.path().to_owned() };
    let passed = run_config(&command, &mut out, &mut err).is_ok();
    (passed, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_command_line_is_consistent_and_takes_every_documented_form() {
    Cli::command().debug_assert();
    let forms = [
        "hawker serve",
        "hawker serve --demo --config f.toml",
        "hawker config init",
        "hawker config init f.toml --force",
        "hawker config check f.toml",
        "hawker config doc",
        "hawker token mint --user u1 --role buyer",
        "hawker token mint --user u1 --role agent --role manager --shop a --shop b --ttl 15m",
        "hawker token check - --config f.toml",
        "hawker journal dump --shop acme --after 7",
        "hawker journal verify --file j.redb",
        "hawker journal backup --to copy.redb",
        "hawker draw verify draw.json",
        "hawker draw verify -",
    ];
    for form in forms {
        assert!(parse(form).is_ok(), "{form}");
    }
    for form in ["hawker", "hawker token mint --user u1", "hawker token mint --user u --role king"]
    {
        assert!(parse(form).is_err(), "{form}");
    }
}

#[test]
fn a_lifetime_has_a_unit_and_ends_within_a_year() {
    assert_eq!(token::parse_ttl("90s").unwrap().0, 90_000);
    assert_eq!(token::parse_ttl("30d").unwrap().0, 30 * 86_400_000);
    for text in ["", "h", "0s", "1", "1w", "367d", "-1h", "1.5h", "99999999999999999999s"] {
        assert!(token::parse_ttl(text).is_err(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minted_token_is_explained_and_a_forged_one_gets_its_reason() {
    let text = format!("[auth]\nsecret = {SECRET:?}");
    let config = read(Some(&text), []).unwrap().config;
    let clock = Clock::starting_at(NOW);
    let line = "hawker token mint --user u1 --role agent --shop acme --ttl 1h";
    let Command::Token(TokenCommand::Mint(wanted)) = parse(line).unwrap().command else {
        panic!("another command");
    };
    let token = token::mint(&wanted, &config, &clock).unwrap();
    let explained = token::explain(&token, &config, clock.clone()).unwrap();
    let explained: serde_json::Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["user"], "u1");
    assert_eq!(explained["roles"], serde_json::json!(["agent"]));
    assert_eq!(explained["shops"], serde_json::json!(["acme"]));
    assert_eq!(explained["expires_in_s"], 3_600);
    let error = token::explain(&format!("{token}x"), &config, clock).unwrap_err();
    assert_eq!(format!("{error:#}"), "the token does not count: the token's signature is wrong");
}

#[test]
fn without_a_secret_nothing_is_minted_and_the_message_says_what_to_do() {
    let config = read(None, []).unwrap().config;
    let line = "hawker token mint --user u1 --role buyer";
    let Command::Token(TokenCommand::Mint(wanted)) = parse(line).unwrap().command else {
        panic!("another command");
    };
    let error = token::mint(&wanted, &config, &Clock::starting_at(NOW)).unwrap_err();
    assert!(error.to_string().contains("HAWKER_AUTH_SECRET_FILE"), "{error}");
    let error = edge_options::auth(&config).unwrap_err();
    assert!(error.to_string().contains("--demo"), "{error}");
}

#[test]
fn the_demo_has_a_secret_of_its_own_and_only_on_loopback() {
    let text = format!("[auth]\nsecret = {SECRET:?}\njwks_file = \"/nowhere/keys.json\"");
    let config = read(Some(&text), []).unwrap().config;
    let (one, other) = (
        edge_options::auth_for_demo(&config).unwrap(),
        edge_options::auth_for_demo(&config).unwrap(),
    );
    assert!(one.secret != other.secret && one.secret.as_deref() != Some(SECRET.as_bytes()));
    assert_eq!(one.jwks_file, None);
    let public = read(Some("[server]\nlisten = \"0.0.0.0:8080\""), []).unwrap().config;
    assert_eq!(edge_options::auth_for_demo(&public).unwrap_err().key, "server.listen");
}

#[test]
fn config_check_finds_what_only_the_edge_understands() {
    let (passed, _, err) = run_check(
        "[server]
         origins = [\"https://shop.example/path\", \"null\"]
         forwarding = \"forwarded\"
         trusted_proxies = [\"10.0.0.0/33\"]
         [auth]
         jwks_file = \"/nowhere/keys.json\"
         [log]
         filter = \"a=b=c\"",
    );
    assert!(!passed);
    let keys: Vec<&str> = err.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "server.origins",
            "server.origins",
            "server.trusted_proxies",
            "auth.jwks_file",
            "log.filter"
        ]
    );
}

#[test]
fn config_check_shows_what_a_file_changes() {
    let (passed, out, _) = run_check("[hub]\ntick_ms = 100");
    assert!(passed);
    assert!(out.contains("hub.tick_ms = 100 (default 50)\n"), "{out}");
}

#[test]
fn config_init_writes_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hawker.toml");
    let init = |force| {
        let command = ConfigCommand::Init { file: Some(file.clone()), force };
        run_config(&command, &mut Vec::new(), &mut Vec::new())
    };
    init(false).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), crate::config::template());
    assert!(init(false).is_err(), "never over a file somebody wrote");
    init(true).unwrap();
}

#[test]
fn config_doc_is_the_reference() {
    let mut out = Vec::new();
    run_config(&ConfigCommand::Doc, &mut out, &mut Vec::new()).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("## `[limits.rates]`"));
}

#[test]
fn every_default_becomes_an_option_of_the_edge() {
    let config = read(None, []).unwrap().config;
    let render = |_| Vec::new();
    let cores = std::num::NonZero::new(2).unwrap();
    let listener = edge_options::listener(&config, cores, render).unwrap();
    assert_eq!((listener.accepts_per_s, listener.head_ms), (1_600, 10_000));
    let seats = edge_options::seats(&config);
    assert_eq!((seats.total_max, seats.strangers_max, seats.per_address_max), (20_000, 2_000, 64));
    assert_eq!(edge_options::guard(&config, render).unwrap().body_bytes_max, 65_536);
    assert_eq!(edge_options::rates(&config).claim.burst, 10);
    assert!(!edge_options::telemetry(&config).json);
    let (admin, _) = edge_options::admin_listener(&config, render);
    assert!(admin.address.ip().is_loopback());
}
