//! `hawker journal`: prints, proves and copies the journal, through the admin port where a server
//! runs on the file, beside the servers where it is in Redis. Reads only.

mod remote;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hawker_domain::id::ShopId;
use hawker_domain::shop::Shop;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::{JournalCommand, JournalSource};
use crate::config::{self, JournalKind};
use crate::journal::redb::{OpenError, Options, Redb};
use crate::journal::redis::Redis;
use crate::journal::{Error, Journal, Position, Record};

/// Records read at a time.
const RECORDS_MAX: usize = 64;
/// Shops listed at a time.
const SHOPS_MAX: usize = 256;

/// Redis copies its own files, and only it knows when they are whole.
const REDIS_COPIES: &str = "a journal in Redis is copied by Redis: copy its append-only folder \
    after BGREWRITEAOF, or use `hawker journal dump`, which prints all that happened";

/// What a walk over the whole journal found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Verified {
    shops: Vec<VerifiedShop>,
}

/// One shop, replayed from its first event.
#[derive(Debug, Serialize, Deserialize)]
struct VerifiedShop {
    shop: ShopId,
    version: u64,
    events: u64,
    /// Of the state after the last event: equal for equal histories.
    state_hash: String,
}

/// Carries out one of the journal's commands.
pub fn run(
    command: &JournalCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            JournalCommand::Dump { shop, after, source } => {
                let shop = shop.as_deref().map(ShopId::parse).transpose()?;
                dump(&open(source).await?, shop.as_ref(), *after, out).await
            }
            JournalCommand::Verify { source } => {
                let verified = match open(source).await? {
                    Opened::File(redb) => verify(redb.as_ref()).await?,
                    Opened::Redis(redis) => verify(redis.as_ref()).await?,
                    Opened::Served(server) => server.verify().await?,
                };
                for it in &verified.shops {
                    writeln!(out, "{}", serde_json::to_string(it)?)?;
                }
                writeln!(err, "every checksum and chain holds, {} shops", verified.shops.len())?;
                Ok(())
            }
            JournalCommand::Backup { to, source } => {
                match open(source).await? {
                    Opened::File(redb) => redb.backup(to.clone()).await?,
                    Opened::Redis(_) => bail!(REDIS_COPIES),
                    Opened::Served(server) => server.backup(to).await?,
                }
                writeln!(err, "the copy is {}", to.display())?;
                Ok(())
            }
        }
    })
}

/// A journal at rest, or the server that has it open.
enum Opened {
    File(Box<Redb>),
    Redis(Box<Redis>),
    Served(remote::Server),
}

async fn open(source: &JournalSource) -> anyhow::Result<Opened> {
    let config = config::load(source.settings.config.as_deref())?.config;
    if source.file.is_none() && config.journal.kind == JournalKind::Redis {
        let redis = Redis::look(super::options::redis(&config.journal.redis)?).await?;
        return Ok(Opened::Redis(Box::new(redis)));
    }
    let path = source.file.as_deref().unwrap_or(&config.journal.path);
    if !path.is_file() {
        bail!("there is no journal at {}: name it with --file or --config", path.display());
    }
    match Redb::open(Options::new(path)) {
        Ok(redb) => Ok(Opened::File(Box::new(redb))),
        Err(OpenError::Locked { .. }) => {
            Ok(Opened::Served(remote::Server::new(config.server.admin_listen)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn dump(
    opened: &Opened,
    shop: Option<&ShopId>,
    after: u64,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let shops = match (shop, opened) {
        (Some(shop), _) => vec![shop.clone()],
        (None, Opened::File(redb)) => all_shops(redb.as_ref()).await?,
        (None, Opened::Redis(redis)) => all_shops(redis.as_ref()).await?,
        (None, Opened::Served(server)) => server.shops().await?,
    };
    for shop in shops {
        let mut version = after;
        loop {
            let records = match opened {
                Opened::File(redb) => page(redb.as_ref(), &shop, version).await?,
                Opened::Redis(redis) => page(redis.as_ref(), &shop, version).await?,
                Opened::Served(server) => server.records(&shop, version).await?,
            };
            let Some(last) = records.last() else { break };
            version = last["version"].as_u64().context("a record without its version")?;
            for record in &records {
                writeln!(out, "{record}")?;
            }
        }
    }
    Ok(())
}

async fn all_shops(journal: &dyn Journal) -> Result<Vec<ShopId>, Error> {
    let mut all: Vec<ShopId> = Vec::new();
    loop {
        let page = journal.shops(all.last(), SHOPS_MAX).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Records after `version`, as they are printed.
async fn page(journal: &dyn Journal, shop: &ShopId, version: u64) -> Result<Vec<Value>, Error> {
    let mut records = Vec::new();
    for version in version + 1..=version + RECORDS_MAX as u64 {
        match journal.record(shop, version).await? {
            Some(record) => records.push(printed(shop, &record)),
            None => break,
        }
    }
    Ok(records)
}

fn printed(shop: &ShopId, record: &Record) -> Value {
    json!({
        "shop": shop,
        "version": record.position.version,
        "hash": format!("{:?}", record.position.hash),
        "epoch": record.epoch,
        "entries": record.entries,
    })
}

/// Reads everything as a restart would: checksums, chain, and every event applied.
async fn verify(journal: &dyn Journal) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    for id in all_shops(journal).await? {
        let (mut shop, mut at, mut events) = (Shop::new(id.clone()), Position::default(), 0);
        loop {
            let records = journal.read(&id, at, RECORDS_MAX).await?;
            let Some(last) = records.last() else { break };
            at = last.position;
            for entry in records.iter().flat_map(|record| &record.entries) {
                entry.events.iter().for_each(|event| shop.apply(event, entry.at));
                events += entry.events.len() as u64;
            }
        }
        let state_hash = shop.state_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        verified.shops.push(VerifiedShop { shop: id, version: at.version, events, state_hash });
    }
    Ok(verified)
}

/// What the admin port offers of this, for the time a server has the file open.
#[derive(Clone)]
struct Tools {
    journal: Arc<dyn Journal>,
    redb: Option<Arc<Redb>>,
}

#[derive(Deserialize)]
struct Page {
    shop: ShopId,
    #[serde(default)]
    after: u64,
}

#[derive(Serialize, Deserialize)]
struct BackupTo {
    to: PathBuf,
}

pub(super) fn router(journal: Arc<dyn Journal>, redb: Option<Arc<Redb>>) -> Router {
    Router::new()
        .route("/journal/shops", get(on_shops))
        .route("/journal/records", get(on_records))
        .route("/journal/verify", post(on_verify))
        .route("/journal/backup", post(on_backup))
        .with_state(Tools { journal, redb })
}

async fn on_shops(State(tools): State<Tools>) -> Response {
    told(all_shops(&*tools.journal).await)
}

async fn on_records(State(tools): State<Tools>, Query(asked): Query<Page>) -> Response {
    told(page(&*tools.journal, &asked.shop, asked.after).await)
}

async fn on_verify(State(tools): State<Tools>) -> Response {
    told(verify(&*tools.journal).await)
}

async fn on_backup(State(tools): State<Tools>, Json(asked): Json<BackupTo>) -> Response {
    let Some(redb) = tools.redb else {
        return told::<()>(Err("only a journal that is a file can be copied here"));
    };
    if !asked.to.is_absolute() {
        return told::<()>(Err("the path must be absolute: the server has its own folder"));
    }
    told(redb.backup(asked.to).await)
}

fn told<T: Serialize>(result: Result<T, impl std::fmt::Display>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => {
            let body = Json(json!({ "error": error.to_string() }));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

/// The server has its own working folder, so it is told whole paths.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))
}
