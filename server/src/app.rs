//! The composition root: from the settings to a running server, and back to rest. The only file
//! that names a journal's type.

mod cluster;
mod demo;
pub mod draw_tool;
pub mod journal_tool;
mod options;
mod parts;
mod secret;
mod uploads;

use std::future::Future;
use std::io::Write as _;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli;
use crate::config::{self, Config};
use crate::telemetry;
use parts::Parts;

/// Runs the server until it is told to stop. What must not go on (a failed sync) ends in an error.
pub fn serve(serve: &cli::Serve) -> anyhow::Result<()> {
    let loaded = config::load(serve.settings.config.as_deref())?;
    let mut config = loaded.config;
    if serve.demo {
        config.journal.path = serve.data.join("journal.redb");
        config.journal.redis.node_folder = serve.data.join("node");
        config.uploads.folder = serve.data.join("uploads");
    }
    config.journal.redis.accept_unsafe |= serve.accept_unsafe_redis;
    telemetry::start_tracing(&cli::edge_options::telemetry(&config))?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let cores = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.get())
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    runtime.block_on(run(&config, serve.demo, cores))
}

async fn run(config: &Config, demo: bool, cores: NonZero<usize>) -> anyhow::Result<()> {
    let metrics = telemetry::Metrics::start()?;
    tokio::spawn(metrics.clone().keep_up());
    let parts = Parts::build(config, demo, cores, metrics).await?;
    // Before anybody can know that there is a server to stop.
    let stopped = stop_signal();
    announce(&parts, demo)?;
    let failure = parts.journal_failure();
    let running = parts.start();
    let outcome = tokio::select! {
        signal = stopped => signal.map(|signal| tracing::info!(signal, "draining")),
        problem = failure => {
            Err(anyhow::anyhow!("the journal failed, nothing more is safe: {problem}"))
        }
    };
    running.drain(Duration::from_millis(config.limits.timeouts.drain_ms)).await;
    outcome
}

/// The addresses, on standard output: scripts read them.
fn announce(parts: &Parts, demo: bool) -> anyhow::Result<()> {
    let (public, admin) = parts.addresses()?;
    let mut out = std::io::stdout().lock();
    if demo {
        writeln!(out, "DEMO MODE: loopback only, anybody may act as anybody")?;
        writeln!(
            out,
            "open http://{public}/ (a live room), http://{public}/studio (its streamer's), \
             http://{public}/desk (its service desk)"
        )?;
    }
    writeln!(out, "listening on http://{public}, admin on http://{admin}")?;
    out.flush()?;
    Ok(())
}

/// SIGTERM or SIGINT.
fn stop_signal() -> impl Future<Output = anyhow::Result<&'static str>> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (mut terminate, mut interrupt) = (signals.0?, signals.1?);
        Ok(tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        })
    }
}
