//! The bus of nodes that share a Redis: this node's own subscribers are told at once, the others
//! through sharded pub/sub, one message per topic and tick. Owns the channels; looks into no line.

mod ear;
mod letter;
mod mouth;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::Client;
use parking_lot::RwLock;
use tokio_util::task::AbortOnDropHandle;

use self::ear::{Ear, Interests};
use self::mouth::Mouth;
use super::{Attendance, Bus, Class, Deaf, Local, Pending, Publication, Subscriber, Target, Topic};

#[derive(Debug, Clone)]
pub struct Options {
    /// How long a topic's lines are collected after a message has left; the first after quiet and
    /// whatever is critical leave at once.
    pub tick: Duration,
    /// How often the last number of each topic is repeated.
    pub top_every: Duration,
    /// How long after its last line.
    pub top_for: Duration,
    /// Lines that may wait for Redis; what is more is dropped, and the numbers show it.
    pub waiting_bytes_max: usize,
    pub connect_timeout: Duration,
    /// How long Redis may take to answer before it is taken for gone.
    pub answer_timeout: Duration,
    /// How often it is asked for a sign of life.
    pub ping_every: Duration,
    /// How long a topic is still heard after its last attendance: whoever comes back soon finds it.
    pub linger: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(50),
            top_every: Duration::from_secs(1),
            top_for: Duration::from_secs(300),
            waiting_bytes_max: 64 * 1024 * 1024,
            connect_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(2),
            ping_every: Duration::from_secs(2),
            linger: Duration::from_secs(5),
        }
    }
}

/// Whether there is anybody else to tell.
pub type HasOthers = Box<dyn Fn() -> bool + Send + Sync>;

/// A bus over Redis.
pub struct Redis {
    local: Local,
    shared: Arc<Shared>,
    mouth: Arc<Mouth>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// What both directions need.
struct Shared {
    options: Options,
    /// Sets what this node published apart.
    node: u128,
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
    interests: Interests,
}

impl Redis {
    /// Begins to connect; until it has, this node hears only itself. The client must speak RESP3.
    pub fn start(client: Client, options: Options, has_others: HasOthers) -> Self {
        let (interests, wanted) = Interests::new();
        let shared = Arc::new(Shared {
            options,
            node: uuid::Uuid::now_v7().as_u128(),
            subscribers: RwLock::default(),
            interests,
        });
        let mouth = Arc::new(Mouth::new(shared.clone(), has_others));
        let ear = Ear::new(client.clone(), shared.clone(), mouth.clone());
        let hearing = AbortOnDropHandle::new(tokio::spawn(ear.run(wanted)));
        let speaking = AbortOnDropHandle::new(tokio::spawn(mouth.clone().run(client)));
        Self { local: Local::new(), shared, mouth, _tasks: [hearing, speaking] }
    }
}

impl Bus for Redis {
    fn publish(&self, mut publication: Publication) {
        if is_echo(&publication) && self.mouth.has_others() {
            // The reply may have gone to a connection of another node: nobody here can tell.
            publication.class = Class::Critical;
        }
        self.mouth.take(&publication);
        self.local.publish(publication);
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.local.subscribe(subscriber.clone());
        self.shared.subscribers.write().push(subscriber);
    }

    fn attend<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Attendance, Deaf>> {
        Box::pin(async move {
            let confirmed = self.shared.interests.attend(topic);
            let within = self.shared.options.answer_timeout;
            match tokio::time::timeout(within, confirmed).await {
                Ok(kept) => Ok(Attendance { _kept: Some(kept) }),
                Err(_) => Err(Deaf("Redis does not answer".to_owned())),
            }
        })
    }
}

impl Shared {
    fn tell(&self, each: impl Fn(&dyn Subscriber)) {
        self.subscribers.read().iter().for_each(|subscriber| each(&**subscriber));
    }
}

/// What a reply has told somebody already.
fn is_echo(publication: &Publication) -> bool {
    let is_personal = matches!(publication.topic.target(), Target::User(_) | Target::Users(_));
    is_personal && publication.class == Class::Normal
}

/// The channel of a topic. What goes to many users goes to all nodes.
fn channel(topic: &Topic) -> String {
    match topic.target() {
        Target::Users(_) => NODES.to_owned(),
        Target::Room { .. } | Target::User(_) | Target::Desk(_) | Target::Conversation { .. } => {
            format!("hawker:bus:{{{topic}}}")
        }
    }
}

const NODES: &str = "hawker:bus:{nodes}";

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
