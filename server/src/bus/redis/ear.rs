//! What this node hears of the others: the topics it attends, on a connection of their own. Owns
//! which are subscribed, and that a silent connection is noticed; understands no line.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisResult, Value, cmd, pipe};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::letter::{Letter, Says};
use super::mouth::Mouth;
use super::{NODES, Shared, channel};
use crate::bus::Topic;

/// Channels that are subscribed to with one call.
const CALL_MAX: usize = 1_024;
/// Between two attempts to connect, doubling.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The topics that somebody on this node wants to hear.
pub(super) struct Interests {
    known: Mutex<HashMap<String, Interest>>,
    changes: mpsc::UnboundedSender<String>,
}

struct Interest {
    topic: Topic,
    kept: Weak<Kept>,
    /// Whether Redis has confirmed it.
    confirmed: watch::Sender<bool>,
    /// Since when nobody wants it.
    left_at: Option<Instant>,
}

/// As long as there is one, the topic is heard.
struct Kept {
    channel: String,
    changes: mpsc::UnboundedSender<String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Nobody listens any more only when the process ends.
        let _ = self.changes.send(std::mem::take(&mut self.channel));
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.channel)
    }
}

impl Interests {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        // What is in it is bounded by the connections of the node and their topics.
        let (changes, changed) = mpsc::unbounded_channel();
        (Self { known: Mutex::default(), changes }, changed)
    }

    /// Resolves when Redis has confirmed that the topic is heard.
    pub(super) fn attend(
        &self,
        topic: &Topic,
    ) -> impl Future<Output = Arc<dyn fmt::Debug + Send + Sync>> + use<> {
        let channel = channel(topic);
        let mut known = self.known.lock();
        let interest = known.entry(channel.clone()).or_insert_with(|| {
            let _ = self.changes.send(channel.clone());
            let (confirmed, _) = watch::channel(false);
            Interest { topic: topic.clone(), kept: Weak::new(), confirmed, left_at: None }
        });
        let kept = interest.kept.upgrade().unwrap_or_else(|| {
            let kept = Arc::new(Kept { channel, changes: self.changes.clone() });
            interest.kept = Arc::downgrade(&kept);
            kept
        });
        interest.left_at = None;
        let mut confirmed = interest.confirmed.subscribe();
        async move {
            // Its end would be the end of the process.
            let _ = confirmed.wait_for(|confirmed| *confirmed).await;
            kept as Arc<dyn fmt::Debug + Send + Sync>
        }
    }

    fn topic(&self, channel: &str) -> Option<Topic> {
        self.known.lock().get(channel).map(|interest| interest.topic.clone())
    }

    fn channels(&self) -> Vec<String> {
        self.known.lock().keys().cloned().collect()
    }

    fn confirm(&self, channels: &[String]) {
        let known = self.known.lock();
        for interest in channels.iter().filter_map(|channel| known.get(channel)) {
            interest.confirmed.send_replace(true);
        }
    }

    fn unconfirm_all(&self) {
        let known = self.known.lock();
        for interest in known.values() {
            interest.confirmed.send_replace(false);
        }
    }

    /// Of the channels that changed: those that are new, after noting which nobody wants.
    fn new_of(&self, changed: Vec<String>) -> Vec<String> {
        let mut known = self.known.lock();
        let is_new = |channel: &String| {
            let Some(interest) = known.get_mut(channel) else { return false };
            if interest.kept.strong_count() == 0 {
                interest.left_at.get_or_insert_with(Instant::now);
            }
            !*interest.confirmed.borrow()
        };
        changed.into_iter().filter(is_new).collect()
    }

    /// Forgets what nobody has wanted for `linger`.
    fn spent(&self, linger: Duration) -> Vec<String> {
        let mut known = self.known.lock();
        let is_spent = |interest: &Interest| {
            let is_left = interest.kept.strong_count() == 0;
            is_left && interest.left_at.is_some_and(|left_at| left_at.elapsed() >= linger)
        };
        let spent = known.extract_if(|_, interest| is_spent(interest));
        spent.map(|(channel, _)| channel).collect()
    }
}

pub(super) struct Ear {
    client: Client,
    shared: Arc<Shared>,
    mouth: Arc<Mouth>,
}

impl Ear {
    pub(super) fn new(client: Client, shared: Arc<Shared>, mouth: Arc<Mouth>) -> Self {
        Self { client, shared, mouth }
    }

    /// Hears until the process ends.
    pub(super) async fn run(self, mut changed: mpsc::UnboundedReceiver<String>) {
        let (mut pause, mut has_heard) = (PAUSE_MIN, false);
        loop {
            let lost = CancellationToken::new();
            match self.connect(&lost).await {
                Ok(mut connection) => {
                    pause = PAUSE_MIN;
                    if std::mem::replace(&mut has_heard, true) {
                        metrics::counter!("hawker_bus_interruptions_total").increment(1);
                        tracing::warn!("other nodes are heard again");
                        self.shared.tell(|subscriber| subscriber.on_interruption());
                    }
                    let end = self.listen(&mut connection, &mut changed, &lost).await;
                    tracing::warn!(end, "other nodes are not heard");
                }
                Err(error) => tracing::debug!(%error, "Redis is not reached to hear other nodes"),
            }
            self.shared.interests.unconfirm_all();
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// A connection on which everything that is wanted is heard.
    async fn connect(&self, lost: &CancellationToken) -> RedisResult<MultiplexedConnection> {
        let options = &self.shared.options;
        let (shared, mouth, ended) = (self.shared.clone(), self.mouth.clone(), lost.clone());
        let hear = move |push: PushInfo| {
            match push.kind {
                PushKind::SMessage => on_message(&shared, &mouth, &push.data),
                PushKind::Disconnection => ended.cancel(),
                _ => {}
            }
            Ok::<(), ::redis::aio::SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout))
            .set_push_sender(hear);
        let opening = self.client.get_multiplexed_async_connection_with_config(&config);
        let within = options.connect_timeout + options.answer_timeout;
        let mut connection = tokio::time::timeout(within, opening).await.map_err(|_| {
            ::redis::RedisError::from((::redis::ErrorKind::Io, "nothing came in time"))
        })??;
        let mut wanted = self.shared.interests.channels();
        wanted.push(NODES.to_owned());
        self.subscribe(&mut connection, &wanted).await?;
        Ok(connection)
    }

    async fn subscribe(
        &self,
        connection: &mut MultiplexedConnection,
        channels: &[String],
    ) -> RedisResult<()> {
        for channels in channels.chunks(CALL_MAX) {
            call(connection, "SSUBSCRIBE", channels).await?;
            self.shared.interests.confirm(channels);
        }
        Ok(())
    }

    /// Says why it ended.
    async fn listen(
        &self,
        connection: &mut MultiplexedConnection,
        changed: &mut mpsc::UnboundedReceiver<String>,
        lost: &CancellationToken,
    ) -> &'static str {
        let options = &self.shared.options;
        let mut ping = tokio::time::interval(options.ping_every);
        let mut buffer = Vec::new();
        loop {
            tokio::select! {
                () = lost.cancelled() => return "the connection was lost",
                count = changed.recv_many(&mut buffer, CALL_MAX) => {
                    if count == 0 {
                        return "the node stops";
                    }
                    let new = self.shared.interests.new_of(std::mem::take(&mut buffer));
                    if self.subscribe(connection, &new).await.is_err() {
                        return "a topic could not be subscribed to";
                    }
                }
                _ = ping.tick() => {
                    let pong: RedisResult<Value> = cmd("PING").query_async(connection).await;
                    if pong.is_err() {
                        return "Redis is silent";
                    }
                    let spent = self.shared.interests.spent(options.linger);
                    for spent in spent.chunks(CALL_MAX) {
                        if call(connection, "SUNSUBSCRIBE", spent).await.is_err() {
                            return "a topic could not be left";
                        }
                    }
                    let topics = self.shared.interests.known.lock().len() as f64;
                    metrics::gauge!("hawker_bus_topics").set(topics);
                }
            }
        }
    }
}

/// One command for each channel, since each is answered by itself.
async fn call(
    connection: &mut MultiplexedConnection,
    name: &str,
    channels: &[String],
) -> RedisResult<()> {
    if channels.is_empty() {
        return Ok(());
    }
    let mut call = pipe();
    for channel in channels {
        call.cmd(name).arg(channel).ignore();
    }
    call.exec_async(connection).await
}

fn on_message(shared: &Shared, mouth: &Mouth, data: &[Value]) {
    let [Value::BulkString(channel), Value::BulkString(bytes)] = data else { return };
    let Some(letter) = Letter::decode(bytes) else {
        metrics::counter!("hawker_bus_unreadable_total").increment(1);
        return;
    };
    if letter.node == shared.node {
        return;
    }
    metrics::counter!("hawker_bus_messages_received_total").increment(1);
    let channel = String::from_utf8_lossy(channel);
    // What is for many users names them itself.
    let nodes = || (channel == NODES).then(|| Topic::users([]));
    let Some(topic) = shared.interests.topic(&channel).or_else(nodes) else { return };
    match letter.says {
        Says::Top { epoch, seq } => {
            mouth.on_reign(&topic, epoch);
            shared.tell(|subscriber| subscriber.on_top(&topic, epoch, seq));
        }
        Says::Lines(lines) => {
            let publications = lines.into_iter().filter_map(|line| line.publication(&topic));
            let publications: Vec<_> = publications.collect();
            if let Some(last) = publications.last() {
                mouth.on_reign(&topic, last.epoch);
            }
            shared.tell(|subscriber| subscriber.on_message(publications.clone()));
        }
    }
}

/// Between half of `span` and all of it.
fn jittered(span: Duration) -> Duration {
    // The low half of a time-ordered id is random.
    let chance = uuid::Uuid::now_v7().as_u64_pair().1 % 1_000;
    span / 2 + span / 2_000 * u32::try_from(chance).unwrap_or(0)
}
