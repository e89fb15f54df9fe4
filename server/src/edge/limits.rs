//! How often somebody may ask. Owns the buckets: one of sixteen bytes in a connection, keyed ones
//! for users and addresses; never closes anything itself, it only says when to.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use hawker_domain::id::UserId;
use hawker_domain::time::Millis;
use hawker_protocol::Request;

use super::proxy::limit_key;

/// So many a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_s: u32,
    pub burst: u32,
}

/// What is counted apart. Every request of a socket is a `Request`; some are one of the others as
/// well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    Request,
    Comment,
    Claim,
    Join,
    Like,
    /// What is said in a chat, by either side.
    Chat,
    /// A request over HTTP, whatever it asks.
    Http,
    /// A file that is sent; it is an `Http` as well.
    Upload,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub request: Rate,
    pub comment: Rate,
    pub claim: Rate,
    pub join: Rate,
    pub like: Rate,
    pub chat: Rate,
    /// HTTP requests of one token's user, from wherever.
    pub http: Rate,
    /// Files of one user.
    pub upload: Rate,
    /// HTTP requests of one address.
    pub address: Rate,
    /// So many excesses within the window close a connection.
    pub excesses_max: u32,
    pub excess_window_ms: u64,
}

/// An excess: ask again after so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too often: ask again in {retry_after_ms} ms")]
pub struct Excess {
    pub retry_after_ms: u64,
}

/// A token bucket without a rate: sixteen bytes, because there is one in every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    at: Millis,
    millitokens: u64,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Millis) -> Self {
        Self { at: now, millitokens: u64::from(rate.burst) * 1_000 }
    }

    /// Takes one token. So many tokens a second are as many millitokens a millisecond.
    pub fn take(&mut self, rate: Rate, now: Millis) -> Result<(), Excess> {
        let full = u64::from(rate.burst) * 1_000;
        let gained = now.since(self.at).0.saturating_mul(u64::from(rate.per_s));
        self.millitokens = self.millitokens.saturating_add(gained).min(full);
        self.at = self.at.max(now);
        match self.millitokens.checked_sub(1_000) {
            Some(rest) => {
                self.millitokens = rest;
                Ok(())
            }
            None => {
                let missing = 1_000 - self.millitokens;
                Err(Excess { retry_after_ms: missing.div_ceil(u64::from(rate.per_s.max(1))) })
            }
        }
    }
}

/// The excesses of one connection. A window starts with its first excess.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Excesses {
    since: Millis,
    count: u32,
}

/// What an excess means for its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Refuse,
    /// Close with 4429: it does not listen.
    Close,
}

impl Excesses {
    pub fn on_excess(&mut self, options: &Options, now: Millis) -> Verdict {
        if self.count == 0 || now.since(self.since).0 > options.excess_window_ms {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        if self.count >= options.excesses_max { Verdict::Close } else { Verdict::Refuse }
    }
}

/// The runtime's time as governor wants it, so that tests can pause it.
#[derive(Debug, Clone)]
struct Ticks {
    origin: Instant,
}

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.origin.elapsed().into()
    }
}

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Nanos>>;

fn keyed<K: std::hash::Hash + Eq + Clone>(rate: Rate, ticks: &Ticks) -> Keyed<K> {
    let positive = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let period = Duration::from_secs(1) / positive(rate.per_s).get();
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(positive(rate.per_s)));
    RateLimiter::dashmap_with_clock(quota.allow_burst(positive(rate.burst)), ticks.clone())
}

fn check<K: std::hash::Hash + Eq + Clone>(limiter: &Keyed<K>, key: &K) -> Result<(), Excess> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(limiter.clock().now());
        let wait_ms = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        Excess { retry_after_ms: wait_ms.max(1) }
    })
}

/// The rates of all users and addresses of this node.
pub struct Limits {
    options: Options,
    request: Keyed<UserId>,
    comment: Keyed<UserId>,
    claim: Keyed<UserId>,
    join: Keyed<UserId>,
    like: Keyed<UserId>,
    chat: Keyed<UserId>,
    http: Keyed<UserId>,
    upload: Keyed<UserId>,
    address: Keyed<IpAddr>,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Users who asked nothing for a while are forgotten this often; the stores never shrink alone.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

impl Limits {
    pub fn new(options: Options) -> Self {
        let ticks = Ticks { origin: Instant::now() };
        Self {
            request: keyed(options.request, &ticks),
            comment: keyed(options.comment, &ticks),
            claim: keyed(options.claim, &ticks),
            join: keyed(options.join, &ticks),
            like: keyed(options.like, &ticks),
            chat: keyed(options.chat, &ticks),
            http: keyed(options.http, &ticks),
            upload: keyed(options.upload, &ticks),
            address: keyed(options.address, &ticks),
            options,
        }
    }

    /// Counts a socket's request of a user: as one, and as what it is besides.
    pub fn check_request(&self, user: &UserId, request: &Request) -> Result<(), Excess> {
        self.check_user(user, Class::Request)?;
        match request {
            Request::RoomComment(_) => self.check_user(user, Class::Comment),
            Request::SaleClaim(_) => self.check_user(user, Class::Claim),
            Request::RoomJoin(_) | Request::DeskJoin(_) => self.check_user(user, Class::Join),
            Request::RoomLike(_) => self.check_user(user, Class::Like),
            Request::ChatSend(_) | Request::ChatFaq(_) | Request::DeskSend(_) => {
                self.check_user(user, Class::Chat)
            }
            _ => Ok(()),
        }
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// One of `class` by `user`, over all sockets or all of HTTP.
    pub fn check_user(&self, user: &UserId, class: Class) -> Result<(), Excess> {
        let limiter = match class {
            Class::Request => &self.request,
            Class::Comment => &self.comment,
            Class::Claim => &self.claim,
            Class::Join => &self.join,
            Class::Like => &self.like,
            Class::Chat => &self.chat,
            Class::Http => &self.http,
            Class::Upload => &self.upload,
        };
        check(limiter, user)
    }

    /// One HTTP request from `address`.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Excess> {
        check(&self.address, &limit_key(address))
    }

    /// Forgets everybody whose buckets are full again.
    pub fn sweep(&self) {
        let people = [&self.request, &self.comment, &self.claim, &self.join, &self.like];
        for limiter in people.into_iter().chain([&self.chat, &self.http, &self.upload]) {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.address.retain_recent();
        self.address.shrink_to_fit();
    }

    /// Sweeps once a minute, for ever.
    pub async fn keep_swept(self: std::sync::Arc<Self>) {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        loop {
            every.tick().await;
            self.sweep();
        }
    }
}

#[cfg(test)]
pub(super) fn options_for_tests() -> Options {
    let rate = |per_s, burst| Rate { per_s, burst };
    Options {
        request: rate(10, 30),
        comment: rate(1, 5),
        claim: rate(5, 10),
        join: rate(2, 4),
        like: rate(1, 3),
        chat: rate(3, 10),
        http: rate(100, 400),
        upload: rate(1, 8),
        address: rate(50, 200),
        excesses_max: 20,
        excess_window_ms: 10_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_s: 10, burst: 3 };

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    #[test]
    fn a_connections_bucket_is_sixteen_bytes() {
        assert_eq!(size_of::<Bucket>(), 16);
        assert_eq!(size_of::<Excesses>(), 16);
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate_and_says_how_long_to_wait() {
        let mut bucket = Bucket::new(RATE, Millis(0));
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, Millis(0)), Ok(()));
        }
        assert_eq!(bucket.take(RATE, Millis(0)), Err(Excess { retry_after_ms: 100 }));
        assert_eq!(bucket.take(RATE, Millis(40)), Err(Excess { retry_after_ms: 60 }));
        assert_eq!(bucket.take(RATE, Millis(99)), Err(Excess { retry_after_ms: 1 }));
        assert_eq!(bucket.take(RATE, Millis(100)), Ok(()));
        assert_eq!(bucket.take(RATE, Millis(100)), Err(Excess { retry_after_ms: 100 }));
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_burst_and_never_loses_to_a_clock_behind() {
        let mut bucket = Bucket::new(RATE, Millis(0));
        assert_eq!(bucket.take(RATE, Millis(i64::MAX)), Ok(()));
        assert_eq!(bucket.take(RATE, Millis(0)), Ok(()));
        assert_eq!(bucket.take(RATE, Millis(0)), Ok(()));
        assert!(bucket.take(RATE, Millis(i64::MAX)).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn users_are_counted_apart_and_classes_too() {
        let limits = Limits::new(options_for_tests());
        for _ in 0..5 {
            assert_eq!(limits.check_user(&user("ann"), Class::Comment), Ok(()));
        }
        let excess = limits.check_user(&user("ann"), Class::Comment).unwrap_err();
        assert_eq!(excess, Excess { retry_after_ms: 1_000 });
        assert_eq!(limits.check_user(&user("bob"), Class::Comment), Ok(()));
        assert_eq!(limits.check_user(&user("ann"), Class::Claim), Ok(()));
        tokio::time::advance(Duration::from_millis(excess.retry_after_ms)).await;
        assert_eq!(limits.check_user(&user("ann"), Class::Comment), Ok(()));
        assert!(limits.check_user(&user("ann"), Class::Comment).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn every_class_has_the_burst_it_was_given() {
        let limits = Limits::new(options_for_tests());
        let classes = [
            (Class::Request, 30),
            (Class::Comment, 5),
            (Class::Claim, 10),
            (Class::Join, 4),
            (Class::Like, 3),
            (Class::Chat, 10),
            (Class::Http, 400),
            (Class::Upload, 8),
        ];
        for (class, burst) in classes {
            let passed = (0..1_000).filter(|_| limits.check_user(&user("ann"), class).is_ok());
            assert_eq!(passed.count(), burst, "{class:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_addresses_is_one_address() {
        let limits = Limits::new(options_for_tests());
        let from = |host: u128| IpAddr::from((0x2001_0db8_u128 << 96 | host).to_be_bytes());
        let passed = (0..300).filter(|host| limits.check_address(from(*host)).is_ok()).count();
        assert_eq!(passed, 200);
        assert_eq!(limits.check_address("198.51.100.1".parse().unwrap()), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_for_a_while_is_forgotten() {
        let limits = Limits::new(options_for_tests());
        limits.check_user(&user("ann"), Class::Request).unwrap();
        limits.sweep();
        assert_eq!(limits.request.len(), 1);
        tokio::time::advance(Duration::from_secs(10)).await;
        limits.sweep();
        assert_eq!(limits.request.len(), 0);
    }

    #[test]
    fn twenty_excesses_in_ten_seconds_close_and_the_same_over_a_minute_do_not() {
        let options = options_for_tests();
        let mut excesses = Excesses::default();
        for index in 0..19 {
            assert_eq!(excesses.on_excess(&options, Millis(index * 500)), Verdict::Refuse);
        }
        assert_eq!(excesses.on_excess(&options, Millis(10_000)), Verdict::Close);
        let mut excesses = Excesses::default();
        for index in 0..100 {
            assert_eq!(excesses.on_excess(&options, Millis(index * 3_000)), Verdict::Refuse);
        }
    }
}
