//! The connections to Redis: makes them, checks what is behind them, makes them anew when they are
//! lost, one attempt at a time. Owns no shop; whoever asks while there is none hears so at once.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError, cmd};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::Options;
use super::checks::{self, Checked, Info};
use super::node::Node;
use super::wording::{INSTALLATION, SHOPS};
use crate::journal::Error;

/// How often the server is looked at while nothing goes wrong: notices a connection that is cut
/// off without a word, a replica that was attached, memory that runs out.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many times as long as for a verdict is waited for a page of history or for a snapshot, which
/// may be 64 MB.
const LONG_ANSWER: u32 = 10;

/// Between two attempts to connect, with full jitter: a server that is down is not hammered, and
/// many nodes do not come back at one instant.
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(2);

/// What is open at the moment. Appends have a connection of their own, which a long answer to a
/// reader cannot hold up.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) appends: MultiplexedConnection,
    pub(super) reads: MultiplexedConnection,
    lost: CancellationToken,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    /// Nobody has tried yet.
    Starting,
    Down(Problem),
    Up(Arc<Session>),
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("Redis does not answer: {0}")]
    Unreachable(String),
    #[error("{0}")]
    Unfit(String),
    /// The store is another than the one this server knows: it lost everything or is not ours.
    #[error("{0}")]
    OtherStore(String),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Redis said no before it did anything.
    Refused(String),
    /// It may have been carried out.
    Lost(String),
}

#[derive(Debug)]
pub(super) struct Sessions {
    state: watch::Receiver<State>,
    clocks: Arc<Mutex<Option<String>>>,
    _keeper: AbortOnDropHandle<()>,
}

impl Sessions {
    pub(super) fn start(client: Client, options: Options, node: Arc<Node>) -> Self {
        let (sender, state) = watch::channel(State::Starting);
        let (warned, clocks) = (Mutex::default(), Arc::new(Mutex::default()));
        let keeper =
            Keeper { client, options, node, state: sender, warned, clocks: clocks.clone() };
        Self { state, clocks, _keeper: AbortOnDropHandle::new(tokio::spawn(keeper.run())) }
    }

    pub(super) fn current(&self) -> Result<Arc<Session>, Error> {
        match &*self.state.borrow() {
            State::Up(session) => Ok(session.clone()),
            State::Down(problem) => Err(Error::Unavailable(problem.to_string())),
            State::Starting => Err(Error::Unavailable("Redis was not reached yet".to_owned())),
        }
    }

    /// What is wrong between the clocks of Redis and this server, as far as it was looked at.
    pub(super) fn clocks(&self) -> Arc<Mutex<Option<String>>> {
        self.clocks.clone()
    }

    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }
}

impl Session {
    /// Says what an error means, and gives the session up if it cannot be relied on any more.
    pub(super) fn explain(&self, error: &RedisError) -> Failure {
        let reason = checks::worded(error);
        match error.code() {
            Some(code) if checks::is_refusal(code) => {
                if checks::tells_of_another_server(code) {
                    self.give_up();
                }
                Failure::Refused(reason)
            }
            _ => {
                self.give_up();
                Failure::Lost(reason)
            }
        }
    }

    pub(super) fn give_up(&self) {
        self.lost.cancel();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// What comes of reading. A long answer may take its time, unless the session is lost.
    pub(super) async fn read<T>(
        &self,
        reading: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, Error> {
        let lost = || Error::Unavailable("the connection was lost".to_owned());
        tokio::select! {
            answer = reading => answer.map_err(|error| match self.explain(&error) {
                Failure::Refused(reason) | Failure::Lost(reason) => Error::Unavailable(reason),
            }),
            () = self.lost.cancelled() => Err(lost()),
        }
    }
}

/// Keeps one session open.
struct Keeper {
    client: Client,
    options: Options,
    node: Arc<Node>,
    state: watch::Sender<State>,
    /// What was said already, and is still so.
    warned: Mutex<Vec<String>>,
    clocks: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    async fn run(self) {
        let mut back_off = BACK_OFF_MIN;
        while !self.state.is_closed() {
            match self.connect().await {
                Ok(session) => {
                    let (session, opened_at) = (Arc::new(session), Instant::now());
                    self.tell(State::Up(session.clone()));
                    let problem = self.watch(&session).await;
                    self.tell(State::Down(problem));
                    // One that did not last is as good as none.
                    if opened_at.elapsed() > LOOK_EVERY {
                        back_off = BACK_OFF_MIN;
                    }
                }
                Err(problem) => self.tell(State::Down(problem)),
            }
            tokio::time::sleep(jittered(back_off)).await;
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
    }

    /// Logs what is new, then shows it.
    fn tell(&self, state: State) {
        let is_up = matches!(state, State::Up(_));
        metrics::gauge!("hawker_redis_up").set(if is_up { 1.0 } else { 0.0 });
        let url = &self.options.url;
        match (&*self.state.borrow(), &state) {
            (_, State::Up(_)) => tracing::info!(%url, "the journal in Redis is open"),
            (State::Down(before), State::Down(now)) if before == now => {}
            (_, State::Down(problem)) => {
                tracing::error!(%url, %problem, "the journal in Redis is not open");
            }
            (_, State::Starting) => {}
        }
        self.state.send_replace(state);
    }

    async fn connect(&self) -> Result<Session, Problem> {
        metrics::counter!("hawker_redis_connects_total").increment(1);
        let mut appends = self.open(1).await?;
        self.check(&mut appends).await?;
        self.check_installation(&mut appends).await?;
        let reads = self.open(LONG_ANSWER).await?;
        Ok(Session { appends, reads, lost: CancellationToken::new() })
    }

    async fn open(&self, patience: u32) -> Result<MultiplexedConnection, Problem> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.response_timeout * patience));
        let opened = self.client.get_multiplexed_async_connection_with_config(&config);
        // The library's own bound does not cover what is said right after connecting.
        let within = self.options.connect_timeout + self.options.response_timeout;
        match tokio::time::timeout(within, opened).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(unreachable(&error)),
            Err(_) => Err(Problem::Unreachable("nothing came in time".to_owned())),
        }
    }

    /// Returns once the session is of no more use.
    async fn watch(&self, session: &Session) -> Problem {
        // Not where long answers come: they would look like silence.
        let mut appends = session.appends.clone();
        let mut look_at = Instant::now() + LOOK_EVERY;
        loop {
            tokio::select! {
                () = session.lost.cancelled() => {
                    return Problem::Unreachable("the connection was lost".to_owned());
                }
                () = tokio::time::sleep_until(look_at) => {
                    look_at = Instant::now() + LOOK_EVERY;
                    let checked = self.check(&mut appends).await;
                    let known = match checked {
                        Ok(()) => self.check_installation(&mut appends).await,
                        Err(problem) => Err(problem),
                    };
                    if let Err(problem) = known {
                        session.give_up();
                        return problem;
                    }
                }
            }
        }
    }

    /// Whether the server is one that keeps what it was told.
    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), Problem> {
        let info: String =
            cmd("INFO").query_async(connection).await.map_err(|error| unreachable(&error))?;
        let fsync: Result<Vec<String>, RedisError> =
            cmd("CONFIG").arg("GET").arg("appendfsync").query_async(connection).await;
        // Who may not look into the settings is told that nobody did.
        let fsync = fsync.ok().and_then(|mut pair| pair.pop());
        let clocks = self.compare_clocks(connection).await?;
        *self.clocks.lock() = clocks.clone();
        let info = Info::parse(&info);
        info.count();
        match checks::judge(&info, fsync.as_deref(), self.options.accepts_unsafe) {
            Checked::Fit { mut warnings } => {
                warnings.extend(clocks);
                let mut warned = self.warned.lock();
                let new = warnings.iter().filter(|warning| !warned.contains(warning));
                new.for_each(|warning| tracing::warn!("{warning}"));
                *warned = warnings;
                Ok(())
            }
            Checked::Unfit(reason) => Err(Problem::Unfit(reason)),
        }
    }

    /// What is wrong between the two clocks. Redis looked at its own somewhere between the question
    /// and its answer; the nearest moment counts, so that a slow answer is no difference.
    async fn compare_clocks(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<String>, Problem> {
        let clock = &self.options.clock;
        let asked_ms = clock.now().0;
        let (s, us): (i64, i64) =
            cmd("TIME").query_async(connection).await.map_err(|error| unreachable(&error))?;
        let (answered_ms, theirs_ms) = (clock.now().0, s * 1_000 + us / 1_000);
        let difference_ms = theirs_ms - theirs_ms.clamp(asked_ms, answered_ms.max(asked_ms));
        metrics::gauge!("hawker_redis_clock_difference_seconds").set(difference_ms as f64 / 1e3);
        Ok(checks::judge_clock(Duration::from_millis(difference_ms.unsigned_abs())))
    }

    /// Whether this is the store that the server knows; a server that knows none joins it, and
    /// names it if nobody has used it before.
    async fn check_installation(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Problem> {
        let failed = |error: RedisError| unreachable(&error);
        let found: Option<String> =
            cmd("GET").arg(INSTALLATION).query_async(connection).await.map_err(failed)?;
        match (self.node.installation(), found) {
            (Some(known), Some(found)) if known == found => Ok(()),
            (Some(known), found) => Err(Problem::OtherStore(other_store(&known, found, self))),
            (None, Some(found)) => self.join(&found),
            (None, None) if self.node.is_looking() => {
                Err(Problem::OtherStore("no server has used this Redis as its journal".to_owned()))
            }
            (None, None) => {
                let has_shops: bool =
                    cmd("EXISTS").arg(SHOPS).query_async(connection).await.map_err(failed)?;
                if has_shops {
                    let reason = format!("the store has shops and no {INSTALLATION}: restore it");
                    return Err(Problem::OtherStore(reason));
                }
                let named: Option<String> = cmd("SET")
                    .arg(INSTALLATION)
                    .arg(Uuid::now_v7().to_string())
                    .arg("NX")
                    .arg("GET")
                    .query_async(connection)
                    .await
                    .map_err(failed)?;
                let found: Option<String> = match named {
                    Some(named) => Some(named),
                    None => cmd("GET")
                        .arg(INSTALLATION)
                        .query_async(connection)
                        .await
                        .map_err(failed)?,
                };
                found.map_or_else(
                    || Err(Problem::Unreachable("the store was emptied just now".to_owned())),
                    |found| self.join(&found),
                )
            }
        }
    }

    fn join(&self, installation: &str) -> Result<(), Problem> {
        if self.node.is_looking() {
            return Ok(());
        }
        self.node.join(installation).map_err(|error| {
            Problem::Unfit(format!("the node's folder cannot be written: {error}"))
        })?;
        tracing::info!(installation, "this server belongs to that installation from now on");
        Ok(())
    }
}

fn other_store(known: &str, found: Option<String>, keeper: &Keeper) -> String {
    let is = match found {
        None => "is empty".to_owned(),
        Some(found) => format!("is the installation {found}"),
    };
    let folder = keeper.options.node_folder.display();
    format!(
        "the store {is}, and this server belongs to {known}: bring that store back, or, to begin \
         with this one on purpose, stop the server and move its folder {folder} away"
    )
}

fn unreachable(error: &RedisError) -> Problem {
    Problem::Unreachable(checks::worded(error))
}

/// Somewhere between nothing and `span`.
fn jittered(span: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) % 1_000;
    span / 1_000 * u32::try_from(chance).unwrap_or(1_000)
}
