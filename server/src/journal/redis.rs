//! The journal in Redis: a stream, documents and a snapshot for each shop, written by scripts that
//! compare before they write. Owns the keys and the verdicts; never decides who should have a shop.

mod archive;
mod checks;
mod members;
mod node;
mod reads;
mod script;
mod session;
mod snapshots;
mod trimming;
mod wording;

#[cfg(test)]
mod proxy;
#[cfg(test)]
mod redis_server;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{
    Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates, Value, cmd,
};
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::archive::Archive;
use self::node::{FolderError, Mark, Node};
use self::script::{Scripts, Verdict, Word};
use self::session::{Failure, Problem, Session, Sessions, State};
use self::wording::{DUE, Keys, SHOPS};
use super::record::{self, Encoded, RECORD_BYTES_MAX};
use super::{
    Batch, Committed, Document, DocumentWrite, Error, Journal, Lease, Pending, Position, Record,
    Snapshot, Verified, Version,
};
use crate::clock::Clock;

/// How long a start waits to hear what is behind the address. It goes on without an answer.
const FIRST_LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct Options {
    /// `redis://` or `rediss://`, host, port and number of the database.
    pub url: String,
    pub user: Option<String>,
    pub password: Option<Password>,
    /// Certificates, in PEM, that are believed instead of the system's.
    pub root_certificates: Option<Vec<u8>>,
    /// What this server remembers of the store; belongs to one process.
    pub node_folder: PathBuf,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    /// After this time a shop whose writer fell silent may go to another server.
    pub lease: Duration,
    /// Whether a Redis that may lose acknowledged writes is taken.
    pub accepts_unsafe: bool,
    /// Where old records go, in a folder that all servers share; without one they stay.
    pub archive_folder: Option<PathBuf>,
    /// So many go at once or none: each time makes a file.
    pub archived_records_min: u64,
    /// The server's time, which Redis' is held against.
    pub clock: Clock,
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why the journal cannot be opened. A Redis that does not answer is no reason.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{url} is no address of a Redis: {problem}")]
    Url { url: String, problem: String },
    #[error(
        "{folder} is in use by another process: stop that process, or give this one a folder of \
         its own (`journal.redis.node_folder`)"
    )]
    Locked { folder: PathBuf },
    #[error("{folder} cannot be used: {problem}")]
    Folder { folder: PathBuf, problem: String },
    #[error("the journal does not open on {url}: {problem}")]
    Unfit { url: String, problem: String },
}

/// A journal in Redis.
#[derive(Debug)]
pub struct Redis {
    options: Options,
    node: Arc<Node>,
    sessions: Sessions,
    scripts: Scripts,
    archive: Option<Arc<Archive>>,
    /// Shops with an append of which nobody knows whether it landed.
    unsettled: Mutex<HashSet<ShopId>>,
}

impl Options {
    pub fn new(url: impl Into<String>, node_folder: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
            root_certificates: None,
            node_folder: node_folder.into(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
            lease: Duration::from_secs(10),
            accepts_unsafe: false,
            archive_folder: None,
            archived_records_min: 64,
            clock: Clock::system(),
        }
    }

    fn client(&self) -> Result<Client, OpenError> {
        self.client_with(ProtocolVersion::RESP2)
    }

    fn client_with(&self, protocol: ProtocolVersion) -> Result<Client, OpenError> {
        let failed = |problem: String| OpenError::Url { url: self.url.clone(), problem };
        let info = self.connection(protocol).map_err(|error| failed(error.to_string()))?;
        // The first provider of a process stays; whoever set one before has set the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = match &self.root_certificates {
            None => Client::open(info),
            Some(pem) => Client::build_with_tls(
                info,
                TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) },
            ),
        };
        client.map_err(|error| failed(error.to_string()))
    }

    fn connection(&self, protocol: ProtocolVersion) -> ::redis::RedisResult<ConnectionInfo> {
        let info = self.url.as_str().into_connection_info()?;
        let mut redis = info.redis_settings().clone().set_skip_set_lib_name();
        redis = redis.set_protocol(protocol);
        if let Some(user) = &self.user {
            redis = redis.set_username(user);
        }
        if let Some(password) = &self.password {
            redis = redis.set_password(&password.0);
        }
        Ok(info.set_redis_settings(redis))
    }
}

impl Redis {
    /// Opens the node's folder and begins to connect. A Redis that does not answer is waited for
    /// in the background; one that would lose what it is told is refused.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let folder = options.node_folder.clone();
        let opened = tokio::task::spawn_blocking(move || Node::open(&folder)).await;
        let folder = options.node_folder.clone();
        let node = match opened {
            Ok(Ok(node)) => node,
            Ok(Err(FolderError::Locked)) => return Err(OpenError::Locked { folder }),
            Ok(Err(error)) => return Err(OpenError::Folder { folder, problem: error.to_string() }),
            Err(error) => return Err(OpenError::Folder { folder, problem: error.to_string() }),
        };
        let redis = Self::start(options, node)?;
        if let Some(problem @ Problem::Unfit(_)) = redis.first_look().await {
            let url = redis.options.url.clone();
            return Err(OpenError::Unfit { url, problem: problem.to_string() });
        }
        Ok(redis)
    }

    /// For whoever only reads: takes no shop, remembers nothing, and needs a Redis that answers.
    pub async fn look(options: Options) -> Result<Self, OpenError> {
        // What may be lost of what is written is no matter to a reader.
        let options = Options { accepts_unsafe: true, ..options };
        let redis = Self::start(options, Node::looking())?;
        match redis.first_look().await {
            None => Ok(redis),
            Some(problem) => {
                let url = redis.options.url.clone();
                Err(OpenError::Unfit { url, problem: problem.to_string() })
            }
        }
    }

    fn start(options: Options, node: Node) -> Result<Self, OpenError> {
        let (client, node) = (options.client()?, Arc::new(node));
        let archive = options.archive_folder.as_deref().map(|folder| {
            let unfit = |problem| OpenError::Folder { folder: folder.to_owned(), problem };
            Archive::open(folder).map_err(unfit)
        });
        let archive = archive.transpose()?;
        let sessions = Sessions::start(client, options.clone(), node.clone());
        let scripts = Scripts::new();
        Ok(Self { options, node, sessions, scripts, archive, unsettled: Mutex::default() })
    }

    /// What is in the way, as far as that is known in time.
    async fn first_look(&self) -> Option<Problem> {
        let mut state = self.sessions.state();
        let known = state.wait_for(|state| !matches!(state, State::Starting));
        match tokio::time::timeout(FIRST_LOOK, known).await {
            Ok(Ok(state)) => match &*state {
                State::Down(problem) => Some(problem.clone()),
                State::Up(_) | State::Starting => None,
            },
            _ => Some(Problem::Unreachable("nothing came in time".to_owned())),
        }
    }

    /// What is in the way of writing just now, as a question that does not block.
    pub fn trouble(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let (state, node) = (self.sessions.state(), self.node.clone());
        let clocks = self.sessions.clocks();
        move || match &*state.borrow() {
            State::Up(_) => node.trouble().or_else(|| clocks.lock().clone()).map_or(Ok(()), Err),
            State::Down(problem) => Err(problem.to_string()),
            State::Starting => Err("Redis was not reached yet".to_owned()),
        }
    }

    async fn acquire_shop(&self, shop: &ShopId) -> Result<Lease, Error> {
        if self.node.is_looking() {
            return Err(Error::Unavailable("the journal is open for reading only".to_owned()));
        }
        let session = self.sessions.current()?;
        let (mark, asked_at) = (self.node.mark(shop), Instant::now());
        let keys = Keys::of(shop);
        let mut call = self.scripts.acquire.prepare_invoke();
        call.key(keys.meta).key(keys.journal).arg(self.node.name()).arg(millis(self.options.lease));
        call.arg(mark.epoch).arg(mark.position.version).arg(wording::hex(mark.position.hash));
        let answer = session.read(call.invoke_async(&mut session.appends.clone())).await?;
        let verdict = Verdict::parse(answer)?;
        let found = verdict.position;
        match verdict.word {
            Word::Ok => {}
            Word::Held => {
                let (by, left_ms) = (verdict.holder, verdict.left_ms);
                return Err(Error::Held { by, left_ms });
            }
            Word::Behind => return Err(self.went_back(shop, mark, Error::Backward { found })),
            Word::Other => return Err(self.went_back(shop, mark, Error::Conflict { found })),
            Word::Left if self.archived_at(shop, mark.position.version).await? == mark.position => {
            }
            Word::Left => return Err(self.went_back(shop, mark, Error::Conflict { found })),
            Word::Corrupt => return Err(ends_do_not_meet(found.version)),
            word => return Err(word.unexpected()),
        }
        self.confirm_store(&session).await?;
        self.node.note(shop, Mark { epoch: verdict.epoch, position: found }).await;
        self.unsettled.lock().remove(shop);
        Ok(Lease::with_term(shop.clone(), verdict.epoch, self.options.lease, asked_at))
    }

    /// A shop that looks new may be one whose store was emptied a moment ago.
    async fn confirm_store(&self, session: &Session) -> Result<(), Error> {
        let asked = cmd("GET").arg(wording::INSTALLATION).to_owned();
        let found: Option<String> =
            session.read(asked.query_async(&mut session.appends.clone())).await?;
        if found.is_some() && found == self.node.installation() {
            return Ok(());
        }
        session.give_up();
        Err(Error::Unavailable("the store is not the one this server belongs to".to_owned()))
    }

    fn went_back(&self, shop: &ShopId, mark: Mark, error: Error) -> Error {
        metrics::counter!("hawker_redis_backward_total").increment(1);
        let folder = self.options.node_folder.display();
        tracing::error!(
            %shop, seen = mark.position.version, %error, %folder,
            "the store has not what this server saw in it, and the shop stays closed: bring the \
             newer store back. To go on with the older one on purpose, stop the server, take the \
             shop's lines out of `marks` in its folder and start it again; what came later is lost"
        );
        error
    }

    /// One attempt. What an earlier attempt left open stays open until there is a verdict.
    async fn append_batch(
        &self,
        lease: &Lease,
        expected: Position,
        batch: &Batch,
    ) -> Result<Position, Error> {
        let shop = &lease.shop;
        let refused = |reason: String| match self.unsettled.lock().contains(shop) {
            true => Error::Unknown(reason),
            false => Error::Unavailable(reason),
        };
        check_sizes(&batch.documents)?;
        let head =
            record::Head { shop, epoch: lease.epoch, after: expected, next_due: batch.next_due };
        let encoded = record::encode(head, &batch.entries)
            .map_err(|problem| Error::Unavailable(problem.to_string()))?;
        let session = self.sessions.current().map_err(|error| refused(error.to_string()))?;
        if session.is_lost() {
            return Err(refused("the connection was lost".to_owned()));
        }
        let asked_at = Instant::now();
        let call = self.append_call(lease, expected, &encoded, batch);
        let answer = call.invoke_async(&mut session.appends.clone()).await;
        metrics::histogram!("hawker_journal_commit_seconds").record(asked_at.elapsed());
        let value = match answer {
            Ok(value) => value,
            Err(error) => match session.explain(&error) {
                Failure::Refused(reason) => {
                    count_append("refused");
                    return Err(refused(reason));
                }
                Failure::Lost(reason) => {
                    count_append("unknown");
                    self.unsettled.lock().insert(shop.clone());
                    return Err(Error::Unknown(reason));
                }
            },
        };
        let verdict = Verdict::parse(value)?;
        self.unsettled.lock().remove(shop);
        count_append(verdict.word.label());
        match verdict.word {
            // It landed before, and so long ago that it left the stream; or another batch did.
            Word::Gone
                if self.archived_at(shop, encoded.position.version).await? == encoded.position => {}
            Word::Gone => super::judge(verdict.epoch, verdict.position, lease.epoch, expected)?,
            _ => verdict.judged(encoded.position.version)?,
        }
        if verdict.word == Word::Ok {
            let bytes = encoded.bytes.len() as u64;
            metrics::counter!("hawker_journal_bytes_total").increment(bytes);
            lease.heard(asked_at);
        }
        let mark = Mark { epoch: lease.epoch, position: encoded.position };
        self.node.note(shop, mark).await;
        Ok(encoded.position)
    }

    fn append_call(
        &self,
        lease: &Lease,
        expected: Position,
        encoded: &Encoded,
        batch: &Batch,
    ) -> ::redis::ScriptInvocation<'_> {
        let (keys, made) = (Keys::of(&lease.shop), encoded.position);
        let (head, entries, trailer) = encoded.parts(&lease.shop);
        let due = batch.next_due.map(|due| due.0.to_string()).unwrap_or_default();
        let mut call = self.scripts.append.prepare_invoke();
        call.key(keys.meta).key(keys.journal).key(keys.documents).key(keys.document_keys);
        call.key(DUE).key(SHOPS);
        call.arg(lease.epoch).arg(expected.version).arg(wording::hex(expected.hash));
        call.arg(made.version).arg(wording::hex(made.hash)).arg(millis(self.options.lease));
        call.arg(due).arg(lease.shop.as_str()).arg(head).arg(entries).arg(trailer);
        for write in &batch.documents {
            match write {
                DocumentWrite::Put { key, value } => {
                    call.arg("P").arg(key.as_str()).arg(value.as_slice());
                }
                DocumentWrite::EraseUnder { prefix } => {
                    call.arg("E").arg(prefix.as_str());
                }
            }
        }
        call
    }

    async fn verify_lease(&self, lease: &Lease, expected: Position) -> Result<(), Error> {
        let session = self.sessions.current()?;
        let asked_at = Instant::now();
        let renews = lease.renew_at().is_some_and(|at| at <= asked_at);
        let lease_ms = if renews { millis(self.options.lease).to_string() } else { String::new() };
        let mut call = self.scripts.verify.prepare_invoke();
        call.key(Keys::of(&lease.shop).meta).arg(lease.epoch).arg(expected.version);
        call.arg(wording::hex(expected.hash)).arg(lease_ms);
        let answer = session.read(call.invoke_async(&mut session.appends.clone())).await?;
        Verdict::parse(answer)?.judged(expected.version)?;
        if renews {
            lease.heard(asked_at);
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.node.leave();
    }
}

fn count_append(verdict: &'static str) {
    metrics::counter!("hawker_redis_appends_total", "verdict" => verdict).increment(1);
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a record is that should be in the stream.
const GONE: &str = "the record is gone from the stream (where old ones are archived, \
                    `journal.redis.archive_folder` names the folder)";

fn gone(version: Version) -> Error {
    Error::Corrupt { version, problem: GONE.to_owned() }
}

fn ends_do_not_meet(version: Version) -> Error {
    let problem = "the stream does not end where the shop's own note says".to_owned();
    Error::Corrupt { version, problem }
}

fn check_sizes(documents: &[DocumentWrite]) -> Result<(), Error> {
    documents.iter().try_for_each(|write| match write {
        DocumentWrite::Put { value, .. } => check_size("a document", value.len()),
        DocumentWrite::EraseUnder { .. } => Ok(()),
    })
}

fn check_size(what: &str, bytes: usize) -> Result<(), Error> {
    if bytes > RECORD_BYTES_MAX {
        let reason = format!("{what} has {bytes} bytes, more than {RECORD_BYTES_MAX}");
        return Err(Error::Unavailable(reason));
    }
    Ok(())
}

impl Journal for Redis {
    fn acquire<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Lease, Error>> {
        Box::pin(self.acquire_shop(shop))
    }

    fn append<'a>(
        &'a self,
        lease: &'a mut Lease,
        expected: Position,
        batch: Arc<Batch>,
    ) -> Pending<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let position = self.append_batch(lease, expected, &batch).await?;
            Ok(Committed::new(lease, position, batch))
        })
    }

    fn verify<'a>(
        &'a self,
        lease: &'a Lease,
        expected: Position,
    ) -> Pending<'a, Result<Verified, Error>> {
        Box::pin(async move {
            self.verify_lease(lease, expected).await?;
            Ok(Verified::new(lease, expected))
        })
    }

    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        after: Position,
        records_max: usize,
    ) -> Pending<'a, Result<Vec<Record>, Error>> {
        Box::pin(self.read_after(shop, after, records_max))
    }

    fn position<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Position, Error>> {
        Box::pin(async move {
            let asked = cmd("HMGET").arg(Keys::of(shop).meta).arg("version").arg("hash").to_owned();
            let (version, hash) = self.query(&asked).await?;
            script::position(version, hash)
        })
    }

    fn record<'a>(
        &'a self,
        shop: &'a ShopId,
        version: Version,
    ) -> Pending<'a, Result<Option<Record>, Error>> {
        Box::pin(self.record_at(shop, version))
    }

    fn document<'a>(
        &'a self,
        shop: &'a ShopId,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move {
            let asked = cmd("HGET").arg(Keys::of(shop).documents).arg(key).to_owned();
            self.query(&asked).await
        })
    }

    fn documents<'a>(
        &'a self,
        shop: &'a ShopId,
        prefix: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> Pending<'a, Result<Vec<Document>, Error>> {
        Box::pin(self.documents_from(shop, prefix, after, documents_max))
    }

    fn due(&self, now: Millis, shops_max: usize) -> Pending<'_, Result<Vec<ShopId>, Error>> {
        Box::pin(async move {
            let mut asked = cmd("ZRANGEBYSCORE");
            asked.arg(DUE).arg("-inf").arg(now.0).arg("LIMIT").arg(0).arg(shops_max);
            script::shops(self.query(&asked).await?)
        })
    }

    fn shops<'a>(
        &'a self,
        after: Option<&'a ShopId>,
        shops_max: usize,
    ) -> Pending<'a, Result<Vec<ShopId>, Error>> {
        Box::pin(async move {
            let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
            let mut asked = cmd("ZRANGEBYLEX");
            asked.arg(SHOPS).arg(from).arg("+").arg("LIMIT").arg(0).arg(shops_max);
            script::shops(self.query(&asked).await?)
        })
    }

    fn save_snapshot<'a>(
        &'a self,
        lease: &'a Lease,
        position: Position,
        bytes: Vec<u8>,
    ) -> Pending<'a, Result<(), Error>> {
        Box::pin(async move { self.keep_snapshot(lease, position, &bytes).await })
    }

    fn snapshot<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Option<Snapshot>, Error>> {
        Box::pin(self.kept_snapshot(shop))
    }

    fn is_archived(&self) -> bool {
        self.archive.is_some()
    }

    fn archive<'a>(
        &'a self,
        lease: &'a Lease,
        snapshot: Position,
    ) -> Pending<'a, Result<(), Error>> {
        Box::pin(self.archive_before(lease, snapshot))
    }

    fn release(&self, lease: Lease) -> Pending<'_, ()> {
        Box::pin(async move {
            let Ok(session) = self.sessions.current() else { return };
            let mut call = self.scripts.release.prepare_invoke();
            call.key(Keys::of(&lease.shop).meta).arg(lease.epoch).arg(self.node.name());
            let answer: ::redis::RedisResult<Value> =
                call.invoke_async(&mut session.appends.clone()).await;
            if let Err(error) = answer {
                let shop = &lease.shop;
                tracing::debug!(%shop, %error, "a shop was not given back, its lease runs out");
            }
        })
    }
}
