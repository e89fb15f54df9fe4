//! The desk of one shop as its staff may see it: its numbering, its alerts and switches, its
//! snapshot. Owns no list: who wants the sessions or the team asks for them.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use hawker_domain::command::Holiday;
use hawker_domain::id::ShopId;
use hawker_domain::policy::DeskPolicy;
use hawker_domain::shop::Shop;
use hawker_domain::view::desk::AlertsView;
use hawker_protocol::object::{self, Alerts, DeskSnapshot, Policy};
use hawker_protocol::{Id, Push, codec, push};
use tokio::time::Instant;

use super::room_feed::Numbered;
use super::{lock, without_line_feed};
use crate::bus::{Class, Topic};
use crate::clock::Clock;
use crate::hub::Snapshot;
use crate::wire;

/// How long a snapshot's clock is good enough: a tenth of a second is less than what a slow network
/// adds, and ten thousand agents who come back at once share one encoding.
const SNAPSHOT_FRESH: Duration = Duration::from_millis(100);

/// A desk's feed. Whoever publishes holds the lock of its shop's feed; the state is locked only for
/// moments, since joins ask for the snapshot meanwhile.
pub(super) struct DeskFeed {
    pub(super) topic: Topic,
    pub(super) epoch: u64,
    shop: Id,
    state: Mutex<State>,
}

struct State {
    seq: u64,
    alerts: Alerts,
    policy: Policy,
    holiday: Option<object::Holiday>,
    /// The snapshot as bytes, until something changes or its clock is too old.
    encoded: Option<(Instant, Bytes)>,
}

impl DeskFeed {
    /// The desk of a shop that nobody works for yet.
    pub(super) fn founded(shop: &ShopId, epoch: u64) -> Self {
        let alerts = AlertsView { no_agent_routable: true, ..AlertsView::default() };
        Self::new(shop, epoch, (alerts, &DeskPolicy::default(), None))
    }

    pub(super) fn restored(shop: &Shop, epoch: u64) -> Self {
        Self::new(shop.id(), epoch, (shop.alerts_view(), shop.desk_policy(), shop.holiday()))
    }

    fn new(
        shop: &ShopId,
        epoch: u64,
        (alerts, policy, holiday): (AlertsView, &DeskPolicy, Option<Holiday>),
    ) -> Self {
        let state = State {
            seq: 0,
            alerts: wire::alerts(&alerts),
            policy: wire::policy(policy),
            holiday: holiday.as_ref().map(wire::holiday),
            encoded: None,
        };
        let (topic, shop) = (Topic::desk(shop), wire::id(shop.clone()));
        Self { topic, epoch, shop, state: Mutex::new(state) }
    }

    /// A line of its own for what has no part in the snapshot.
    pub(super) fn number(&self, push: &Push, class: Class) -> Numbered {
        self.change(|_| (), push, class)
    }

    /// Only the version of the alerts rises with every event: that is no news.
    pub(super) fn on_alerts(&self, view: &AlertsView) -> Option<Numbered> {
        let alerts = wire::alerts(view);
        if lock(&self.state).alerts == alerts {
            return None;
        }
        let push = push::DeskAlert { alerts }.into();
        Some(self.change(|state| state.alerts = alerts, &push, Class::Critical))
    }

    pub(super) fn on_policy(&self, policy: &DeskPolicy) -> Numbered {
        let policy = wire::policy(policy);
        let push = push::DeskSettings { policy: policy.clone(), ..self.settings() }.into();
        self.change(|state| state.policy = policy, &push, Class::Normal)
    }

    pub(super) fn on_holiday(&self, holiday: Option<&Holiday>) -> Numbered {
        let holiday = holiday.map(wire::holiday);
        let push = push::DeskSettings { holiday, ..self.settings() }.into();
        self.change(|state| state.holiday = holiday, &push, Class::Normal)
    }

    pub(super) fn on_texts(&self) -> Numbered {
        let push = push::DeskSettings { texts_changed: true, ..self.settings() }.into();
        self.number(&push, Class::Normal)
    }

    fn settings(&self) -> push::DeskSettings {
        let state = lock(&self.state);
        let (policy, holiday) = (state.policy.clone(), state.holiday);
        push::DeskSettings { policy, holiday, texts_changed: false }
    }

    fn change(&self, change: impl FnOnce(&mut State), push: &Push, class: Class) -> Numbered {
        let mut state = lock(&self.state);
        change(&mut state);
        state.encoded = None;
        state.seq += 1;
        let seq = Some(state.seq);
        let mut line = Vec::with_capacity(512);
        codec::encode_topic_push(push, self.topic.as_str(), seq, &mut line);
        Numbered { seq, class, key: None, redacts: None, line: without_line_feed(line) }
    }

    pub(super) fn snapshot(&self, clock: &Clock) -> Snapshot {
        let mut state = lock(&self.state);
        let (epoch, seq) = (self.epoch, state.seq);
        let fresh = |at: &Instant| at.elapsed() < SNAPSHOT_FRESH;
        if let Some((_, body)) = state.encoded.as_ref().filter(|(at, _)| fresh(at)) {
            return Snapshot { epoch, seq, body: body.clone() };
        }
        let body = Bytes::from(codec::encode_snapshot(&DeskSnapshot {
            topic: hawker_protocol::Topic::Desk { shop: self.shop.clone() },
            epoch: epoch.to_string(),
            seq,
            now: wire::at(clock.now()),
            alerts: state.alerts,
            holiday: state.holiday,
            policy: state.policy.clone(),
        }));
        state.encoded = Some((Instant::now(), body.clone()));
        Snapshot { epoch, seq, body }
    }
}
