//! `hawker token`. Owns how a token is asked for and explained; the signing and verifying are the
//! edge's.

use std::io::{Read, Write};

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;
use serde_json::json;

use hawker_domain::id::{ShopId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use super::{Mint, Role, Settings, TokenCommand, edge_options, warn};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::edge::auth::{Grant, Identity, Minter, Verifier};

pub fn run(
    command: &TokenCommand,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<()> {
    let clock = Clock::system();
    match command {
        TokenCommand::Mint(wanted) => {
            let config = load(&wanted.settings, err)?;
            writeln!(out, "{}", mint(wanted, &config, &clock)?)?;
        }
        TokenCommand::Check { token, settings } => {
            let config = load(settings, err)?;
            let token = if token == "-" { read_token(input)? } else { token.clone() };
            writeln!(out, "{}", explain(&token, &config, clock)?)?;
        }
    }
    Ok(())
}

fn load(settings: &Settings, err: &mut dyn Write) -> Result<Config> {
    let loaded = config::load(settings.config.as_deref())?;
    warn(err, &loaded.warnings)?;
    Ok(loaded.config)
}

fn read_token(input: &mut dyn Read) -> Result<String> {
    let mut token = String::new();
    input.read_to_string(&mut token).context("no token on standard input")?;
    Ok(token.trim().to_owned())
}

pub(super) fn mint(wanted: &Mint, config: &Config, clock: &Clock) -> Result<String> {
    let id = |kind: &str, text: &str| anyhow!("{kind} {text:?}");
    let user = UserId::parse(&wanted.user).with_context(|| id("--user", &wanted.user))?;
    let shop = |text: &String| ShopId::parse(text).with_context(|| id("--shop", text));
    let secret = config.auth.read_secret()?.context(
        "there is no secret to sign with: set auth.secret_file (HAWKER_AUTH_SECRET_FILE); \
         tokens of a jwks_file are signed by whoever has its private keys",
    )?;
    let minter = Minter::new(&config.auth.issuer, &config.auth.audience, secret.bytes())?;
    let grant = Grant {
        user,
        name: wanted.name.clone(),
        roles: wanted.roles.iter().map(|role| domain_role(*role)).collect(),
        shops: wanted.shops.iter().map(shop).collect::<Result<_>>()?,
        sid: wanted.sid.clone(),
        ttl: wanted.ttl,
    };
    Ok(minter.mint(&grant, clock.now())?)
}

pub(super) fn explain(token: &str, config: &Config, clock: Clock) -> Result<String> {
    let options = edge_options::auth(config)?;
    let verifier = Verifier::new(options, clock.clone())?;
    let identity = verifier.verify(token).context("the token does not count")?;
    let text = serde_json::to_string_pretty(&described(&identity, clock.now()))?;
    Ok(text)
}

fn described(identity: &Identity, now: Millis) -> serde_json::Value {
    let expires_at = Timestamp::from_millisecond(identity.expires_at.0);
    json!({
        "user": identity.user,
        "name": identity.name,
        "roles": identity.roles,
        "shops": identity.shops,
        "sid": identity.sid,
        "expires_at": expires_at.map(|at| at.to_string()).unwrap_or_default(),
        "expires_in_s": identity.expires_at.since(now).0 / 1_000,
    })
}

fn domain_role(role: Role) -> hawker_domain::Role {
    match role {
        Role::Buyer => hawker_domain::Role::Buyer,
        Role::Streamer => hawker_domain::Role::Streamer,
        Role::Agent => hawker_domain::Role::Agent,
        Role::Supervisor => hawker_domain::Role::Supervisor,
        Role::Manager => hawker_domain::Role::Manager,
        Role::Service => hawker_domain::Role::Service,
    }
}

/// A year: a token that lasts longer is a password.
const TTL_MAX: SpanMs = SpanMs::days(366);

pub(super) fn parse_ttl(text: &str) -> Result<SpanMs, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u64 = digits.parse().map_err(|_| "a number and s, m, h or d".to_owned())?;
    let unit = match &text[digits.len()..] {
        "s" => SpanMs::seconds(1),
        "m" => SpanMs::minutes(1),
        "h" => SpanMs::hours(1),
        "d" => SpanMs::days(1),
        _ => return Err("a number and s, m, h or d".to_owned()),
    };
    let span = SpanMs(count.saturating_mul(unit.0));
    let fits = SpanMs(1) <= span && span <= TTL_MAX;
    if fits { Ok(span) } else { Err("1s to 366d".to_owned()) }
}
