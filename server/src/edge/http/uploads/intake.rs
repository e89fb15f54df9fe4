//! A file on its way in. Owns every check of it: who sends it, what it is, how large and how slow
//! it is; holds no more of it than one piece.

use std::time::Duration;

use axum::body::{Body, Bytes};
use hawker_domain::command::Role;
use hawker_domain::id::{ShopId, UploadId};
use hawker_protocol::http::NewUpload;
use hawker_protocol::{Code, Id, Refusal};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Depot, of_store, quota};
use crate::edge::auth::{Identity, random_secret};
use crate::edge::http::ApiState;
use crate::edge::http::call::{check_rate, check_shop, identify, key_of, media_type, query_of};
use crate::edge::limits::Class;
use crate::edge::service::acting_role;
use crate::uploads::media::HEAD_BYTES;
use crate::uploads::{self as files, Committed, Draft, Filed, MediaType};
use crate::wire;

/// Everybody. A buyer's word counts in any shop, that of staff where they serve.
const SENDERS: &[Role] =
    &[Role::Buyer, Role::Service, Role::Manager, Role::Supervisor, Role::Agent, Role::Streamer];

/// A refused client that is still sending reads no answer: so long, and so much, it is heard.
const HEAR_OUT: Duration = Duration::from_secs(1);
const HEAR_OUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A file that was taken in.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) shop: ShopId,
    pub(super) upload: UploadId,
    pub(super) committed: Committed,
}

/// Takes in what `body` brings.
pub(super) async fn take(
    state: &ApiState,
    parts: &Parts,
    body: &mut Body,
) -> Result<Taken, Refusal> {
    let intake = Intake::of(state, parts)?;
    intake.admit().await?;
    let upload = intake.id()?;
    let draft = state.uploads.store.create().await;
    let mut draft = draft.map_err(|error| of_store(&error))?;
    intake.receive(body, draft.as_mut()).await?;
    let Intake { identity, shop, media_type, .. } = intake;
    let filed = Filed { owner: identity.user, media_type, at: state.service.clock().now() };
    let committed = draft.commit(shop.clone(), upload.clone(), filed).await;
    let committed = committed.map_err(|error| of_store(&error))?;
    Ok(Taken { shop, upload, committed })
}

/// Reads on for a moment after a refusal.
pub(super) async fn hear_out(body: &mut Body) {
    let rest = async {
        let mut bytes = 0;
        while bytes < HEAR_OUT_BYTES_MAX {
            let Some(Ok(frame)) = body.frame().await else { return };
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Either way the answer goes out next.
    let _ = timeout(HEAR_OUT, rest).await;
}

/// What is known before the first byte.
struct Intake<'a> {
    state: &'a ApiState,
    identity: Identity,
    shop: ShopId,
    media_type: MediaType,
    key: Option<Id>,
    announced_bytes: Option<u64>,
}

impl<'a> Intake<'a> {
    fn of(state: &'a ApiState, parts: &Parts) -> Result<Self, Refusal> {
        let identity = identify(parts, &state.service)?;
        check_rate(state, &identity, Class::Http)?;
        check_rate(state, &identity, Class::Upload)?;
        let NewUpload { shop } = query_of(&parts.uri)?;
        let key = key_of(&parts.headers)?;
        let media_type = MediaType::parse(media_type(&parts.headers)).ok_or_else(wrong_type)?;
        let announced = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let announced_bytes = announced.and_then(|text| text.parse().ok());
        let shop = wire::shop_id(&shop);
        Ok(Self { state, identity, shop, media_type, key, announced_bytes })
    }

    fn depot(&self) -> &Depot {
        &self.state.uploads
    }

    async fn admit(&self) -> Result<(), Refusal> {
        let (service, user) = (&self.state.service, &self.identity.user);
        match acting_role(&self.identity, &self.shop, SENDERS)? {
            Role::Buyer | Role::Service => check_shop(service, &self.shop).await?,
            _ => self.state.nodes.serves(&self.identity, &self.shop).await?,
        }
        let Some(bytes) = self.announced_bytes else { return Ok(()) };
        self.check_size(bytes)?;
        let now = service.clock().now();
        self.depot().quota.check(user, bytes, now).map_err(|spent| self.over_quota(spent))
    }

    /// Follows from the key, where there is one, so that a repetition finds the same file.
    fn id(&self) -> Result<UploadId, Refusal> {
        let user = &self.identity.user;
        let secret = match &self.key {
            Some(key) => self.depot().key.secret(&self.shop, user, key),
            None => fresh_secret()?,
        };
        Ok(files::id(&self.shop, user, secret))
    }

    fn check_size(&self, bytes: u64) -> Result<(), Refusal> {
        let bytes_max = self.depot().options.bytes_max(self.media_type.kind());
        if bytes <= bytes_max {
            return Ok(());
        }
        let message = "the file is larger than one of its type may be";
        Err(Refusal::with_message(Code::TooLarge, message).detail("bytes_max", bytes_max))
    }

    fn over_quota(&self, spent: quota::Spent) -> Refusal {
        let message = "you have sent as much as you may in a day: wait for retry_after_ms";
        Refusal::with_message(Code::RateLimited, message)
            .retry_after_ms(spent.retry_after.0)
            .detail("day_bytes_max", self.depot().options.day_bytes_max)
    }

    async fn receive(&self, body: &mut Body, draft: &mut dyn Draft) -> Result<(), Refusal> {
        let ends_at = Instant::now() + Duration::from_millis(self.depot().options.whole_ms);
        let (mut head, mut size_bytes) = (Vec::with_capacity(HEAD_BYTES), 0);
        while let Some(piece) = self.next(body, ends_at).await? {
            size_bytes += piece.len() as u64;
            self.check_size(size_bytes)?;
            let now = self.state.service.clock().now();
            let spent = self.depot().quota.spend(&self.identity.user, piece.len() as u64, now);
            spent.map_err(|spent| self.over_quota(spent))?;
            if head.len() < HEAD_BYTES {
                head.extend_from_slice(&piece[..piece.len().min(HEAD_BYTES - head.len())]);
                self.check_head(&head, head.len() == HEAD_BYTES)?;
            }
            metrics::counter!("hawker_upload_bytes_total").increment(piece.len() as u64);
            draft.write(piece).await.map_err(|error| of_store(&error))?;
        }
        self.check_head(&head, true)
    }

    /// Whether the first bytes are of the type that was said; they may come one by one.
    fn check_head(&self, head: &[u8], is_whole: bool) -> Result<(), Refusal> {
        let fits = MediaType::sniff(head) == Some(self.media_type);
        if fits || !is_whole { Ok(()) } else { Err(wrong_type()) }
    }

    async fn next(&self, body: &mut Body, ends_at: Instant) -> Result<Option<Bytes>, Refusal> {
        let stall = Duration::from_millis(self.depot().options.stall_ms);
        loop {
            let until = ends_at.min(Instant::now() + stall);
            let frame = timeout_at(until, body.frame()).await;
            let frame = frame.map_err(|_| too_slow())?.transpose().map_err(|_| cut_off())?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }
}

fn wrong_type() -> Refusal {
    let message = "a file is of one of media_types, and its first bytes and Content-Type say so";
    let types: Vec<&str> = MediaType::ALL.into_iter().map(MediaType::as_str).collect();
    Refusal::with_message(Code::UnsupportedMediaType, message).detail("media_types", types)
}

fn too_slow() -> Refusal {
    Refusal::with_message(Code::Timeout, "the file came too slowly and was not kept: send it again")
}

fn cut_off() -> Refusal {
    Refusal::invalid_field("body", "the file ended early")
}

fn fresh_secret() -> Result<[u8; 16], Refusal> {
    let random = random_secret().map_err(|error| {
        tracing::error!(%error, "there is no randomness");
        Refusal::new(Code::Internal)
    })?;
    Ok(std::array::from_fn(|index| random[index]))
}
