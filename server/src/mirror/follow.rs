//! The task behind a followed topic: attends, asks the owner and asks again. Owns when; what an
//! answer means is for the topic.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::followed::Followed;
use super::{Mirror, NotReady, Options, has_snapshot};
use crate::bus::Attendance;
use crate::hub::Hub;

/// How often is looked whether anybody still watches, and whether the copy grows old.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the task stands between two questions.
struct Round {
    attendance: Option<Attendance>,
    /// When the last answer came, or did not.
    ended_at: Instant,
    /// How long to wait before something that is missing is asked for again.
    back_off: Duration,
}

impl Mirror {
    /// Until nobody has watched for a while.
    pub(super) async fn keep_following(self: Arc<Self>, followed: Arc<Followed>) {
        let mut round =
            Round { attendance: None, ended_at: Instant::now(), back_off: Duration::ZERO };
        while let Some(hub) = self.hub() {
            let asked = followed.asked();
            followed.begin_recheck();
            let outcome = self.ask(&hub, &followed, &mut round).await;
            if let Err(trouble) = &outcome {
                metrics::counter!("hawker_mirror_troubles_total").increment(1);
                tracing::debug!(topic = %followed.topic, %trouble, "a topic is not ready");
            }
            let failed = outcome.is_err();
            followed.settle(asked, outcome);
            round.end(failed || followed.needs(&hub).now, &self.options);
            drop(hub);
            if !self.wait(&followed, &round).await {
                break;
            }
        }
    }

    async fn ask(&self, hub: &Hub, followed: &Followed, round: &mut Round) -> Result<(), NotReady> {
        let deaf = self.attend(followed, round).await.err();
        let is_listening_enough = !has_snapshot(&followed.topic);
        if is_listening_enough && deaf.is_none() {
            return Ok(());
        }
        let known = hub.position(&followed.topic);
        let history = self.owners.history(&followed.topic, known);
        let answer = timeout(self.options.ask, history).await;
        let answer = answer.map_err(|_| NotReady("the owner does not answer".to_owned()))??;
        match (answer, deaf) {
            (None, _) => followed.give_up(hub),
            // Its lines come with the answers, if late.
            (Some(history), _) if !is_listening_enough => followed.install(hub, history),
            (Some(_), None) => {}
            (Some(_), Some(deaf)) => return Err(deaf),
        }
        Ok(())
    }

    async fn attend(&self, followed: &Followed, round: &mut Round) -> Result<(), NotReady> {
        if round.attendance.is_some() {
            return Ok(());
        }
        let attended = timeout(self.options.attend, self.bus.attend(&followed.topic)).await;
        let attended = attended.map_err(|_| NotReady("the bus does not answer".to_owned()))?;
        round.attendance = Some(attended.map_err(|deaf| NotReady(deaf.to_string()))?);
        Ok(())
    }

    /// Until there is something to ask. `false`: nobody wants the topic any more.
    async fn wait(&self, followed: &Arc<Followed>, round: &Round) -> bool {
        loop {
            let Some(hub) = self.hub() else { return false };
            if hub.has_viewers(&followed.topic) {
                followed.touch();
            } else if self.let_go(followed, &hub) {
                return false;
            }
            let (now, due) = (Instant::now(), self.due(followed, &hub, round));
            drop(hub);
            if due <= now {
                return true;
            }
            tokio::select! {
                () = sleep_until(due.min(now + LOOK_EVERY)) => {}
                () = followed.wake.notified() => {}
            }
        }
    }

    fn due(&self, followed: &Followed, hub: &Hub, round: &Round) -> Instant {
        let Options { refresh, silence, .. } = self.options;
        let numbered = has_snapshot(&followed.topic);
        let needs = followed.needs(hub);
        let is_deaf = round.attendance.is_none();
        let dues = [
            needs.now.then(|| round.ended_at + round.back_off),
            (is_deaf || needs.refresh).then(|| round.ended_at + refresh),
            needs.recheck_at.filter(|_| numbered),
            numbered.then(|| needs.heard_at.max(round.ended_at) + silence),
        ];
        let never = round.ended_at + Duration::from_secs(3_600);
        dues.into_iter().flatten().min().unwrap_or(never)
    }

    /// Forgets the topic if nobody wants it; not longer after the last viewer than the hub
    /// remembers the room, whose place would be lost unnoticed.
    fn let_go(&self, followed: &Arc<Followed>, hub: &Hub) -> bool {
        let remembered = Duration::from_millis(hub.options().ring_age_ms / 2);
        let linger = self.options.linger.min(remembered);
        let is_unwanted =
            |known: &Arc<Followed>| Arc::ptr_eq(known, followed) && followed.is_unwanted(linger);
        let gone = self.followed.remove_if(&followed.topic, |_, known| is_unwanted(known));
        if gone.is_some() {
            self.topics.decrement(1);
        }
        gone.is_some()
    }
}

impl Round {
    fn end(&mut self, lacks: bool, options: &Options) {
        self.ended_at = Instant::now();
        let longer = (self.back_off * 2).clamp(options.retry_min, options.retry_max);
        self.back_off = if lacks { longer } else { Duration::ZERO };
    }
}
