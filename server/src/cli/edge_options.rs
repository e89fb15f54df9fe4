//! From the settings to the edge's options. Owns the conversion and what is said when a text is
//! no network, no origin or no key; starts nothing.

use std::num::NonZero;

use crate::config::{self, Config, Problem, Problems};
use crate::edge::fault::Render;
use crate::edge::limits::Rate;
use crate::edge::origin::Origin;
use crate::edge::{auth, guard, limits, listener, proxy, seat};
use crate::telemetry;

/// What to do when there is nothing to verify tokens with.
pub const NO_KEYS: &str = "there is no key to verify tokens with, and no default one: set \
    auth.secret_file (HAWKER_AUTH_SECRET_FILE, `openssl rand -base64 48` makes one) or \
    auth.jwks_file, or run `hawker serve --demo`";

/// What only a conversion finds: texts that are no networks and no origins, files that are not
/// there.
pub fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(allowed_origins(config).err().map(|problems| problems.0).unwrap_or_default());
    found.extend(forwarding(config).err().map(|problems| problems.0).unwrap_or_default());
    if config.auth.has_keys() {
        found.extend(auth(config).err());
    }
    found
}

pub fn auth(config: &Config) -> Result<auth::Options, Problem> {
    if !config.auth.has_keys() {
        return Err(Problem::new("auth", NO_KEYS));
    }
    let options = auth_options(config);
    if let Some(file) = options.jwks_file.as_ref().filter(|file| !file.is_file()) {
        return Err(Problem::new("auth.jwks_file", format!("{} is no file", file.display())));
    }
    let secret = config.auth.read_secret()?.map(|secret| secret.bytes().to_vec());
    Ok(auth::Options { secret, ..options })
}

/// The demo's: a secret that ends with this process, whatever the settings say, so that no token
/// of the demo is worth anything elsewhere and none from elsewhere is worth anything here.
pub fn auth_for_demo(config: &Config) -> Result<auth::Options, Problem> {
    if !config.server.listen.ip().to_canonical().is_loopback() {
        let message = "must be a loopback address with --demo: anybody may act as anybody there";
        return Err(Problem::new("server.listen", message));
    }
    let secret = auth::random_secret()
        .map_err(|error| Problem::new("auth", format!("no random secret: {error}")))?;
    Ok(auth::Options { secret: Some(secret), jwks_file: None, ..auth_options(config) })
}

fn auth_options(config: &Config) -> auth::Options {
    auth::Options {
        issuer: config.auth.issuer.clone(),
        audience: config.auth.audience.clone(),
        leeway_ms: config.auth.leeway_ms,
        token_bytes_max: config.limits.sizes.token_bytes_max,
        secret: None,
        jwks_file: config.auth.jwks_file.clone(),
        jwks_look_ms: config.auth.jwks_look_ms,
    }
}

pub fn allowed_origins(config: &Config) -> Result<Vec<Origin>, Problems> {
    all("server.origins", &config.server.origins, str::parse::<Origin>)
}

pub fn forwarding(config: &Config) -> Result<proxy::Options, Problems> {
    let server = &config.server;
    let trusted = all("server.trusted_proxies", &server.trusted_proxies, str::parse)?;
    let forwarding = match server.forwarding {
        config::Forwarding::None => proxy::Forwarding::None,
        config::Forwarding::XForwardedFor => proxy::Forwarding::XForwardedFor,
        config::Forwarding::Forwarded => proxy::Forwarding::Forwarded,
        config::Forwarding::ProxyV2 => proxy::Forwarding::ProxyV2,
    };
    Ok(proxy::Options { forwarding, trusted, hops: server.proxy_hops })
}

/// Every text converted, or every text that could not be.
fn all<T, E: std::fmt::Display>(
    key: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problems> {
    let mut problems = Vec::new();
    let mut parsed = Vec::new();
    for text in texts {
        match parse(text) {
            Ok(value) => parsed.push(value),
            Err(error) => problems.push(Problem::new(key, error.to_string())),
        }
    }
    if problems.is_empty() { Ok(parsed) } else { Err(Problems(problems)) }
}

pub fn seats(config: &Config) -> seat::Options {
    let connections = &config.limits.connections;
    let percent = connections.unauthenticated_percent_max as usize;
    seat::Options {
        total_max: connections.total_max,
        strangers_max: (connections.total_max.saturating_mul(percent) / 100).max(1),
        per_address_max: connections.per_address_max,
    }
}

/// The public listener, on a machine with this many cores.
pub fn listener(
    config: &Config,
    cores: NonZero<usize>,
    render: Render,
) -> Result<listener::Options, Problems> {
    let config::Limits { sizes, timeouts, connections, .. } = &config.limits;
    let cores = u32::try_from(cores.get()).unwrap_or(u32::MAX);
    Ok(listener::Options {
        address: config.server.listen,
        backlog: connections.backlog,
        send_buffer_bytes: sizes.send_buffer_bytes,
        unsent_bytes_max: sizes.unsent_bytes_max,
        unacknowledged_ms: timeouts.unacknowledged_ms,
        head_ms: timeouts.head_ms,
        head_bytes_max: sizes.head_bytes_max,
        accepts_per_s: connections.accepts_per_s_per_core.saturating_mul(cores),
        accept_wait_ms: connections.accept_wait_ms,
        drain_ms: timeouts.drain_ms,
        proxy: forwarding(config)?,
        render,
    })
}

/// The admin listener and its places: a scraper, a few probes, an operator.
pub fn admin_listener(config: &Config, render: Render) -> (listener::Options, seat::Options) {
    const PLACES: usize = 64;
    let seats = seat::Options { total_max: PLACES, strangers_max: PLACES, per_address_max: PLACES };
    let config::Limits { sizes, timeouts, connections, .. } = &config.limits;
    let options = listener::Options {
        address: config.server.admin_listen,
        backlog: connections.backlog,
        send_buffer_bytes: sizes.send_buffer_bytes,
        unsent_bytes_max: sizes.unsent_bytes_max,
        unacknowledged_ms: timeouts.unacknowledged_ms,
        head_ms: timeouts.head_ms,
        head_bytes_max: sizes.head_bytes_max,
        accepts_per_s: connections.accepts_per_s_per_core,
        accept_wait_ms: connections.accept_wait_ms,
        drain_ms: timeouts.drain_ms,
        proxy: proxy::Options::none(),
        render,
    };
    (options, seats)
}

pub fn guard(config: &Config, render: Render) -> Result<guard::Options, Problems> {
    Ok(guard::Options {
        proxy: forwarding(config)?,
        body_bytes_max: config.limits.sizes.body_bytes_max,
        body_ms: config.limits.timeouts.request_ms,
        render,
    })
}

pub fn rates(config: &Config) -> limits::Options {
    let rates = &config.limits.rates;
    let rate = |per_s, burst| Rate { per_s, burst };
    limits::Options {
        request: rate(rates.request_per_s, rates.request_burst),
        comment: rate(rates.comment_per_s, rates.comment_burst),
        claim: rate(rates.claim_per_s, rates.claim_burst),
        join: rate(rates.join_per_s, rates.join_burst),
        like: rate(rates.like_per_s, rates.like_burst),
        chat: rate(rates.chat_per_s, rates.chat_burst),
        http: rate(rates.http_per_s, rates.http_burst),
        upload: rate(rates.upload_per_s, rates.upload_burst),
        address: rate(rates.address_per_s, rates.address_burst),
        excesses_max: rates.excesses_max,
        excess_window_ms: rates.excess_window_ms,
    }
}

pub fn telemetry(config: &Config) -> telemetry::Options {
    let json = config.log.format == config::LogFormat::Json;
    telemetry::Options { json, filter: config.log.filter.clone() }
}
