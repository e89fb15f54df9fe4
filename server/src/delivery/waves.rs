//! What many people are told at once. Owns the lines that wait for their sockets: a shop hands them
//! over and goes on deciding, and a task of its own writes some at a time.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use hawker_domain::id::UserId;
use hawker_domain::view::promo::ProgressView;
use hawker_protocol::{Id, Push, push};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::{Delivery, encode, lock, to_user};
use crate::bus::{Class, Publication, Topic};
use crate::wire;

/// Written before others have their turn: less than a millisecond of it.
const PEOPLE_AT_ONCE: usize = 64;

/// Who may wait in all; half a minute of writing. Whoever comes after that is told nothing: what is
/// his own is in the answer to his next join.
const PEOPLE_MAX: usize = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Waves {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// What somebody did for these people, or what they have to act on.
    first: VecDeque<Wave>,
    /// How far they are with tasks: as many as watch, and told again soon.
    later: VecDeque<Wave>,
    people: usize,
}

#[derive(Debug)]
struct Wave {
    since: Instant,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Same { users: Vec<UserId>, line: Bytes },
    Progress { shop: Id, views: Vec<ProgressView> },
}

impl Waves {
    /// One line for all of them.
    pub(super) fn tell(&self, users: Vec<UserId>, line: Bytes) {
        self.add(users.len(), |queue| {
            if let Some(Content::Same { users: waiting, line: last }) = queue.last_content()
                && *last == line
            {
                waiting.extend(users);
                return;
            }
            queue.first.push_back(Wave::new(Content::Same { users, line }));
        });
    }

    /// To each how far he is. What was written down earlier is told earlier.
    pub(super) fn tell_progress(&self, shop: Id, views: Vec<ProgressView>) {
        self.add(views.len(), |queue| {
            queue.later.push_back(Wave::new(Content::Progress { shop, views }));
        });
    }

    fn add(&self, people: usize, add: impl FnOnce(&mut Queue)) {
        if people == 0 {
            return;
        }
        let mut queue = lock(&self.queue);
        if queue.people + people > PEOPLE_MAX {
            metrics::counter!("hawker_wave_dropped_total").increment(people as u64);
            return;
        }
        queue.people += people;
        add(&mut queue);
        self.arrived.notify_one();
    }

    /// The next publications, for few enough people.
    fn take(&self) -> Vec<Publication> {
        let mut queue = lock(&self.queue);
        let (mut taken, mut room) = (Vec::new(), PEOPLE_AT_ONCE);
        while room > 0 {
            let Some(mut wave) = queue.pop() else { break };
            let before = wave.content.people();
            wave.content.take(room, &mut taken);
            let left = wave.content.people();
            room -= before - left;
            queue.people -= before - left;
            if left == 0 {
                metrics::histogram!("hawker_wave_seconds").record(wave.since.elapsed());
            } else {
                queue.put_back(wave);
            }
        }
        taken
    }
}

impl Queue {
    fn last_content(&mut self) -> Option<&mut Content> {
        self.first.back_mut().map(|wave| &mut wave.content)
    }

    fn pop(&mut self) -> Option<Wave> {
        self.first.pop_front().or_else(|| self.later.pop_front())
    }

    fn put_back(&mut self, wave: Wave) {
        match wave.content {
            Content::Same { .. } => self.first.push_front(wave),
            Content::Progress { .. } => self.later.push_front(wave),
        }
    }
}

impl Wave {
    fn new(content: Content) -> Self {
        Self { since: Instant::now(), content }
    }
}

impl Content {
    fn people(&self) -> usize {
        match self {
            Self::Same { users, .. } => users.len(),
            Self::Progress { views, .. } => views.len(),
        }
    }

    /// From the end of the list: nobody is promised to be first.
    fn take(&mut self, people_max: usize, taken: &mut Vec<Publication>) {
        let from = self.people().saturating_sub(people_max);
        match self {
            Self::Same { users, line } => {
                let (topic, line) = (Topic::users(users.split_off(from)), line.clone());
                taken.push(Publication { line, ..super::personal_to(topic) });
            }
            Self::Progress { shop, views } => {
                taken.extend(views.drain(from..).map(|view| progress_line(shop, &view)));
            }
        }
    }
}

/// A newer one makes up for one that did not fit.
fn progress_line(shop: &Id, view: &ProgressView) -> Publication {
    let progress = wire::progress(view);
    let class = Class::Counter { key: view.campaign.to_string().into() };
    let push: Push = push::CouponProgress { shop: shop.clone(), progress }.into();
    Publication { class, line: encode(&push), ..to_user(&view.buyer) }
}

impl Delivery {
    /// Sleeps while nobody is to be told anything.
    pub(super) async fn tell_waves(&self) {
        loop {
            self.waves.arrived.notified().await;
            loop {
                let publications = self.waves.take();
                if publications.is_empty() {
                    break;
                }
                publications.into_iter().for_each(|publication| self.bus.publish(publication));
                yield_now().await;
            }
        }
    }

    /// Tells the same to many people, in a moment.
    pub(super) fn tell_all(&self, users: Vec<UserId>, push: &Push) {
        self.waves.tell(users, encode(push));
    }
}

#[cfg(test)]
mod tests {
    use hawker_domain::id::CampaignId;
    use hawker_domain::time::SpanMs;

    use super::*;

    fn users(count: usize) -> Vec<UserId> {
        (0..count).map(|number| UserId::parse(&format!("u{number}")).unwrap()).collect()
    }

    fn progress(count: usize) -> Vec<ProgressView> {
        let view = |buyer| ProgressView {
            campaign: CampaignId::parse("c1").unwrap(),
            buyer,
            watched_ms: SpanMs(1),
            needed_ms: SpanMs(2),
            completed: false,
        };
        users(count).into_iter().map(view).collect()
    }

    /// For how many each publication is.
    fn sizes(publications: &[Publication]) -> Vec<usize> {
        let size = |publication: &Publication| match publication.topic.target() {
            crate::bus::Target::Users(users) => users.len(),
            _ => 1,
        };
        publications.iter().map(size).collect()
    }

    #[test]
    fn lines_go_before_progress_and_no_turn_is_for_more_than_its_share() {
        let waves = Waves::default();
        waves.tell_progress(Id::parse("acme").unwrap(), progress(70));
        waves.tell(users(100), "offer".into());
        waves.tell(users(3), "granted".into());
        let turns = std::iter::from_fn(|| Some(waves.take()).filter(|it| !it.is_empty()));
        let turns: Vec<_> = turns.map(|turn| sizes(&turn)).collect();
        assert_eq!(turns[..2], [vec![64], [vec![36, 3], vec![1; 25]].concat()]);
        assert_eq!(turns[2..], [vec![1; 45]]);
        assert_eq!(lock(&waves.queue).people, 0);
    }

    #[test]
    fn the_same_line_for_one_after_the_other_is_one_publication() {
        let waves = Waves::default();
        for user in users(5) {
            waves.tell(vec![user], "won".into());
        }
        waves.tell(users(1), "lost".into());
        assert_eq!(sizes(&waves.take()), [5, 1]);
    }

    #[test]
    fn beyond_a_million_nobody_is_made_to_wait() {
        let waves = Waves::default();
        let ann = UserId::parse("ann").unwrap();
        waves.tell(vec![ann.clone(); PEOPLE_MAX], "offer".into());
        waves.tell(vec![ann.clone()], "one too many".into());
        assert_eq!(lock(&waves.queue).people, PEOPLE_MAX);
        waves.take();
        waves.tell(vec![ann], "again".into());
        assert_eq!(lock(&waves.queue).first.len(), 2);
    }
}
