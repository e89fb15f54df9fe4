//! Coming back: what a resume returns, and that a stream has neither gap nor double.

use proptest::prelude::*;

use super::*;

async fn house_with_lines(lines: u64, options: Options) -> House {
    let mut house = House::with(options);
    (0..lines).for_each(|_| house.publish(Class::Normal));
    settle().await;
    house
}

#[tokio::test(start_paused = true)]
async fn a_resume_within_the_ring_returns_exactly_what_was_missed() {
    let house = house_with_lines(5, Options::default()).await;
    let guest = house.guest(fake::Pipe::new());
    let resumed = house.hub.resume(&topic(), 7, 3, guest.connection());
    assert!(resumed.recovered);
    assert_eq!(resumed.missed, ["4", "5"]);
    assert_eq!((resumed.epoch, resumed.seq, resumed.snapshot.clone()), (7, 5, None));
}

#[tokio::test(start_paused = true)]
async fn a_resume_from_the_last_line_misses_nothing() {
    let house = house_with_lines(5, Options::default()).await;
    let guest = house.guest(fake::Pipe::new());
    let resumed = house.hub.resume(&topic(), 7, 5, guest.connection());
    assert!(resumed.recovered && resumed.missed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resume_outside_the_ring_starts_anew_from_the_snapshot() {
    let options = Options { ring_lines_max: 4, ..Options::default() };
    let mut house = house_with_lines(9, options).await;
    house.publish(Class::Critical);
    settle().await;
    let guest = house.guest(fake::Pipe::new());
    for (epoch, seq) in [(7, 5), (7, 11), (6, 9), (8, 9)] {
        let resumed = house.hub.resume(&topic(), epoch, seq, guest.connection());
        assert!(!resumed.recovered && resumed.missed.is_empty(), "{epoch}.{seq}");
        assert_eq!((resumed.epoch, resumed.seq), (7, 10));
        assert_eq!(resumed.snapshot.as_deref(), Some(&b"snapshot 7.10"[..]));
    }
    let resumed = house.hub.resume(&topic(), 7, 6, guest.connection());
    assert_eq!(resumed.missed, ["7", "8", "9", "10"]);
}

#[tokio::test(start_paused = true)]
async fn regression_the_ring_is_cut_when_its_lines_are_sent_not_when_the_next_one_comes() {
    // What one tick took beyond the limit stayed until something else was published.
    let options = Options { ring_lines_max: 4, ..Options::default() };
    let house = house_with_lines(9, options).await;
    let guest = house.guest(fake::Pipe::new());
    assert!(!house.hub.resume(&topic(), 7, 4, guest.connection()).recovered);
    assert_eq!(house.hub.resume(&topic(), 7, 5, guest.connection()).missed.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn regression_lines_that_are_too_old_are_gone_without_a_later_one() {
    // Age was looked at only when something was published.
    let house = house_with_lines(3, Options::default()).await;
    pass_ms(300_001).await;
    let guest = house.guest(fake::Pipe::new());
    assert!(!house.hub.resume(&topic(), 7, 2, guest.connection()).recovered);
    assert!(house.hub.resume(&topic(), 7, 3, guest.connection()).recovered);
}

#[tokio::test(start_paused = true)]
async fn lines_older_than_the_ring_keeps_them_cannot_be_resumed() {
    let mut house = house_with_lines(3, Options::default()).await;
    pass_ms(300_001).await;
    house.publish(Class::Normal);
    settle().await;
    let guest = house.guest(fake::Pipe::new());
    assert!(!house.hub.resume(&topic(), 7, 2, guest.connection()).recovered);
    assert!(house.hub.resume(&topic(), 7, 3, guest.connection()).recovered);
}

#[tokio::test(start_paused = true)]
async fn a_room_nobody_has_published_in_is_resumed_from_its_snapshot_alone() {
    let house = House::new();
    let snapshot = Snapshot { epoch: 7, seq: 40, body: "snapshot".into() };
    *house.owner.snapshot.lock() = Some(snapshot);
    let guest = house.guest(fake::Pipe::new());
    assert!(house.hub.resume(&topic(), 7, 40, guest.connection()).recovered);
    assert!(!house.hub.resume(&topic(), 7, 39, guest.connection()).recovered);
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_gives_every_viewer_a_snapshot_and_silences_the_old_owner() {
    let mut house = House::new();
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Critical);
    settle().await;
    house.epoch = 8;
    house.publish_line(Class::Critical, 1, None);
    settle().await;
    house.epoch = 7;
    house
        .hub
        .on_publication(Publication { seq: Some(2), ..house.unnumbered(Class::Critical, "old") });
    settle().await;
    assert_eq!(ann.client.lines(), ["1", "gap 1 1", "snapshot 8.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_never_came_is_told_as_a_gap() {
    let mut house = House::new();
    house.publish(Class::Critical);
    let (mut ann, _in_room) = house.viewer();
    settle().await;
    house.publish_line(Class::Critical, 5, None);
    settle().await;
    assert_eq!(ann.client.lines(), ["gap 2 5", "snapshot 7.5"]);
    house.publish(Class::Critical);
    settle().await;
    assert_eq!(ann.client.lines(), ["6"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_comes_twice_is_sent_once() {
    let mut house = House::new();
    house.publish(Class::Critical);
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Critical);
    house.publish_line(Class::Critical, 2, None);
    settle().await;
    assert_eq!(ann.client.lines(), ["2"]);
}

/// What the viewer of the property below does, or the world around it.
#[derive(Debug, Clone)]
enum Step {
    Publish { critical: bool },
    Join,
    Leave,
    Resume,
    Pass { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => any::<bool>().prop_map(|critical| Step::Publish { critical }),
        1 => Just(Step::Join),
        1 => Just(Step::Leave),
        1 => Just(Step::Resume),
        2 => (0..70_u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// A viewer that believes only what it was told.
struct Believer {
    guest: Guest,
    membership: Option<Membership>,
    seq: u64,
}

impl Believer {
    fn hear(&mut self) {
        for line in self.guest.client.lines() {
            let seq: u64 = line.parse().unwrap();
            assert_eq!(seq, self.seq + 1, "after {}", self.seq);
            self.seq = seq;
        }
    }

    async fn take(&mut self, step: &Step, house: &mut House) {
        match step {
            Step::Publish { critical: true } => house.publish(Class::Critical),
            Step::Publish { critical: false } => house.publish(Class::Lossy),
            Step::Pass { ms } => pass_ms(*ms).await,
            Step::Leave => self.leave().await,
            Step::Join if self.membership.is_none() => {
                let joined = house.hub.join(&topic(), self.guest.connection());
                self.seq = joined.seq;
                self.membership = Some(joined.start());
            }
            Step::Resume if self.membership.is_none() => {
                let resumed = house.hub.resume(&topic(), 7, self.seq, self.guest.connection());
                assert!(
                    !resumed.recovered || resumed.seq == self.seq + resumed.missed.len() as u64
                );
                self.seq = resumed.seq;
                self.membership = Some(resumed.start());
            }
            Step::Join | Step::Resume => {}
        }
    }

    /// A walk that is on its way may still deliver, so it is heard out first.
    async fn leave(&mut self) {
        settle().await;
        self.hear();
        self.membership = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whoever_joins_or_resumes_hears_every_later_number_once(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut house = House::with(Options { ring_lines_max: 6, ..Options::default() });
            house.publish(Class::Normal);
            let guest = house.guest(fake::Pipe::new());
            let mut believer = Believer { guest, membership: None, seq: 0 };
            for step in &steps {
                believer.take(step, &mut house).await;
                believer.hear();
            }
            pass_ms(100).await;
            believer.hear();
            if believer.membership.is_some() {
                assert_eq!(believer.seq, house.seq);
            }
        });
    }
}

#[test]
fn joins_beside_a_busy_publisher_on_other_threads_see_no_gap_and_no_double() {
    const LINES: u64 = 2_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = Options { tick_ms: 1, ring_lines_max: 5_000, ..Options::default() };
        let mut house = House::with(options);
        house.publish(Class::Normal);
        let hub = Arc::clone(&house.hub);
        let publisher = tokio::spawn(async move {
            while house.seq < LINES {
                house.publish(if house.seq.is_multiple_of(7) {
                    Class::Critical
                } else {
                    Class::Lossy
                });
                tokio::task::yield_now().await;
            }
            house
        });
        let viewers: Vec<_> = (0..20)
            .map(|_| {
                let hub = Arc::clone(&hub);
                tokio::spawn(async move { watch_to_the_end(&hub, LINES).await })
            })
            .collect();
        for viewer in viewers {
            viewer.await.unwrap();
        }
        publisher.await.unwrap();
    });
}

async fn watch_to_the_end(hub: &Hub, last: u64) {
    let (pipe, mut client) = fake::Pipe::new();
    let reader = hub.connect(pipe, &[]);
    let joined = hub.join(&topic(), reader.connection());
    let mut seq = joined.seq;
    tokio::task::yield_now().await;
    let _in_room = joined.start();
    while seq < last {
        for line in client.lines() {
            seq += 1;
            assert_eq!(line, seq.to_string());
        }
        tokio::task::yield_now().await;
    }
}
