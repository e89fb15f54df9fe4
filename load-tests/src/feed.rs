//! `feed`: prints a shop's orders as they are paid, read from the journal in Redis with a consumer
//! group, as a warehouse would. Owns the reader's way through the stream; writes nothing of a shop.

mod record;

use std::io::Write as _;
use std::path::PathBuf;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo as _, RedisError, cmd,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use crate::report::say;
use record::{Fields, Record};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The Redis that is the journal, such as redis://127.0.0.1:6379/0.
    #[arg(long)]
    redis: String,
    /// A user of Redis who may read streams and no more: `feed` of config/redis-acl.conf.
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    password: Option<String>,
    /// A file that holds the password.
    #[arg(long, conflicts_with = "password")]
    password_file: Option<PathBuf>,
    #[arg(long)]
    shop: String,
    /// Readers of one group share its records; another group gets all of them again.
    #[arg(long, default_value = "warehouse")]
    group: String,
    /// This reader among those of its group. It keeps its name over a restart, and no other reader
    /// that runs has it.
    #[arg(long, default_value = "reader")]
    consumer: String,
    /// What another reader took and did not finish within this time is taken over.
    #[arg(long, default_value_t = 60_000)]
    claim_after_ms: u64,
    /// Ends when everything that is there has been printed.
    #[arg(long)]
    once: bool,
}

/// Entries of a stream with their ids; one that was trimmed meanwhile has no fields.
type Entries = Vec<(String, Option<Fields>)>;
/// What XREADGROUP answers: a list for each stream, or nothing in time.
type Streams = Option<Vec<(String, Entries)>>;
/// What XAUTOCLAIM answers: where to go on, what it claimed, what is gone from the stream.
type Claimed = (String, Entries, Vec<String>);

/// Records that one question brings.
const PAGE: usize = 100;
const BLOCK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);

/// A line on standard output. The pair of `version` and `index` names the event for ever.
#[derive(Debug, Serialize)]
struct Paid<'a> {
    shop: &'a str,
    version: u64,
    index: usize,
    at_ms: i64,
    order: &'a Value,
    payment: &'a Value,
    amount_minor: &'a Value,
    /// Its units had gone back and were taken again.
    late: bool,
    /// It may have been printed before: whoever took it did not say that it was done.
    again: bool,
}

struct Reader<'a> {
    options: &'a Options,
    connection: MultiplexedConnection,
    stream: String,
    last: Option<Record>,
}

/// Follows the shop over interruptions; an error that asking again does not heal ends it.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    loop {
        match follow(options).await {
            Ok(()) => return Ok(true),
            Err(error) if is_passing(&error) && !options.once => {
                say(&format!("Redis does not answer, asking again: {error:#}"));
                sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<RedisError>();
    error.is_some_and(|error| error.kind() == ErrorKind::Io || error.code() == Some("LOADING"))
}

async fn follow(options: &Options) -> Result<()> {
    let connection = connect(options).await?;
    let stream = format!("hawker:{{{}}}:journal", options.shop);
    let mut reader = Reader { options, connection, stream, last: None };
    reader.join_group().await?;
    reader.finish_own().await?;
    let mut claim_at = Instant::now();
    loop {
        if Instant::now() >= claim_at {
            reader.take_over().await?;
            claim_at = Instant::now() + Duration::from_millis(options.claim_after_ms).max(BLOCK);
        }
        if !reader.read_new().await? && options.once {
            return Ok(());
        }
    }
}

async fn connect(options: &Options) -> Result<MultiplexedConnection> {
    let info = options.redis.as_str().into_connection_info()?;
    let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
    if let Some(user) = &options.user {
        settings = settings.set_username(user);
    }
    let password = match &options.password_file {
        Some(file) => {
            let read = std::fs::read_to_string(file);
            Some(read.with_context(|| file.display().to_string())?.trim().to_owned())
        }
        None => options.password.clone(),
    };
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    let client = Client::open(info.set_redis_settings(settings))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

impl Reader<'_> {
    /// From the beginning of the history. The stream is the server's to make.
    async fn join_group(&mut self) -> Result<()> {
        let mut made = cmd("XGROUP");
        made.arg("CREATE").arg(&self.stream).arg(&self.options.group).arg("0");
        match made.query_async::<()>(&mut self.connection).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            Err(error) if error.to_string().contains("requires the key to exist") => {
                bail!("the shop {} has no history in this Redis", self.options.shop)
            }
            made => Ok(made?),
        }
    }

    /// What this reader took before it was interrupted.
    async fn finish_own(&mut self) -> Result<()> {
        let mut after = "0".to_owned();
        loop {
            let asked = self.read_from(&after, None);
            let page = self.ask(&asked).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            self.handle(page, true).await?;
        }
    }

    /// What another reader of the group took and left lying.
    async fn take_over(&mut self) -> Result<()> {
        let mut from = "0-0".to_owned();
        loop {
            let Options { group, consumer, claim_after_ms, .. } = self.options;
            let mut asked = cmd("XAUTOCLAIM");
            asked.arg(&self.stream).arg(group).arg(consumer).arg(*claim_after_ms).arg(&from);
            asked.arg("COUNT").arg(PAGE);
            let (next, claimed, _): Claimed = asked.query_async(&mut self.connection).await?;
            self.handle(claimed, true).await?;
            if next == "0-0" {
                return Ok(());
            }
            from = next;
        }
    }

    /// Whether there was something that nobody had had.
    async fn read_new(&mut self) -> Result<bool> {
        let block = (!self.options.once).then_some(BLOCK);
        let asked = self.read_from(">", block);
        let page = self.ask(&asked).await?;
        let found = !page.is_empty();
        self.handle(page, false).await?;
        Ok(found)
    }

    fn read_from(&self, from: &str, block: Option<Duration>) -> Cmd {
        let mut asked = cmd("XREADGROUP");
        asked.arg("GROUP").arg(&self.options.group).arg(&self.options.consumer);
        asked.arg("COUNT").arg(PAGE);
        if let Some(block) = block {
            asked.arg("BLOCK").arg(block.as_millis().to_string());
        }
        asked.arg("STREAMS").arg(&self.stream).arg(from);
        asked
    }

    async fn ask(&mut self, asked: &Cmd) -> Result<Entries> {
        let streams: Streams = asked.query_async(&mut self.connection).await?;
        Ok(streams.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    /// Prints, and only then says that it is done: a crash in between prints once more.
    async fn handle(&mut self, page: Entries, again: bool) -> Result<()> {
        for (id, fields) in page {
            match &fields {
                Some(fields) => self.print(&id, fields, again)?,
                None => say(&format!("{id} is gone from the stream")),
            }
            let mut done = cmd("XACK");
            done.arg(&self.stream).arg(&self.options.group).arg(&id);
            done.query_async::<()>(&mut self.connection).await?;
        }
        Ok(())
    }

    fn print(&mut self, id: &str, fields: &Fields, again: bool) -> Result<()> {
        let decoded = Record::decode(id, fields, self.last.as_ref());
        let record = decoded.with_context(|| format!("the entry {id} of {}", self.stream))?;
        let mut output = std::io::stdout().lock();
        for paid in paid(&self.options.shop, &record, again) {
            serde_json::to_writer(&mut output, &paid)?;
            output.write_all(b"\n")?;
        }
        output.flush()?;
        drop(output);
        self.last = Some(record);
        Ok(())
    }
}

fn paid<'a>(shop: &'a str, record: &'a Record, again: bool) -> impl Iterator<Item = Paid<'a>> {
    let events = record.entries.iter().flat_map(|entry| {
        let at_ms = entry.at;
        entry.events.iter().map(move |event| (at_ms, event))
    });
    events.enumerate().filter_map(move |(index, (at_ms, event))| {
        let late = match event.kind.as_str() {
            "order_paid" => false,
            "order_paid_late" => true,
            _ => return None,
        };
        let field = |name| &event.data[name];
        Some(Paid {
            shop,
            version: record.version,
            index,
            at_ms,
            order: field("order"),
            payment: field("payment"),
            amount_minor: field("amount_minor"),
            late,
            again,
        })
    })
}
