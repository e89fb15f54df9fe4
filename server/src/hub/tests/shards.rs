//! A room on several cores: nobody is missed, nobody is served twice, nobody is ahead.

use super::*;

/// A small room that behaves like a large one: four shards of a few viewers.
fn sharded() -> Options {
    Options { tick_ms: 0, shards_max: 4, shard_viewers: 4, ..Options::default() }
}

fn numbers(seqs: std::ops::RangeInclusive<u64>) -> Vec<String> {
    seqs.map(|seq| seq.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_room_gets_a_shard_for_each_so_many_viewers_and_no_more_than_there_are_cores() {
    let house = House::with(sharded());
    let mut viewers = Vec::new();
    for shards in [1, 2, 3, 4, 4, 4] {
        viewers.extend((0..4).map(|_| house.viewer()));
        assert_eq!(house.room().subscribers.occupied().len(), shards);
    }
}

#[tokio::test(start_paused = true)]
async fn all_shards_have_sent_a_line_before_any_sends_the_next() {
    let mut house = House::with(Options { writes_per_turn_max: 1, ..sharded() });
    let mut viewers: Vec<_> = (0..40).map(|_| house.viewer()).collect();
    // Shards of very different length: most who leave sat in the first ones.
    viewers.drain(0..12);
    (0..3).for_each(|_| house.publish(Class::Critical));
    let mut heard = vec![0; viewers.len()];
    let mut apart = 0;
    while heard.iter().any(|lines| *lines < 3) {
        tokio::task::yield_now().await;
        for (lines, (guest, _)) in heard.iter_mut().zip(&mut viewers) {
            *lines += guest.client.lines().len();
        }
        let (least, most) = (heard.iter().min().unwrap(), heard.iter().max().unwrap());
        assert!(most - least <= 1, "{heard:?}");
        apart += most - least;
    }
    assert!(apart > 0, "the pass was looked at on its way");
}

#[tokio::test(start_paused = true)]
async fn a_stale_leave_does_not_touch_whoever_sits_there_now() {
    let mut house = House::new();
    let (mut ann, old) = house.viewer();
    let _new = house.hub.join(&topic(), ann.connection()).start();
    let (mut cat, _in_old_place) = house.viewer();
    drop(old);
    house.publish(Class::Critical);
    settle().await;
    assert_eq!((ann.client.lines(), cat.client.lines()), (numbers(1..=1), numbers(1..=1)));
    assert_eq!(house.hub.pulse()[0].viewers, 2);
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_place_in_the_middle_of_a_walk_hears_only_what_came_after_his_snapshot() {
    let mut house = House::with(Options { writes_per_turn_max: 1, ..Options::default() });
    let mut viewers: Vec<_> = (0..20).map(|_| house.viewer()).collect();
    house.publish(Class::Critical);
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    // One place the walk has passed, one that it comes to.
    [17, 2].into_iter().for_each(|at| drop(viewers.remove(at)));
    let mut late: Vec<_> = (0..2).map(|_| house.viewer()).collect();
    house.publish(Class::Critical);
    settle().await;
    for (guest, _) in &mut viewers {
        assert_eq!(guest.client.lines(), numbers(1..=2));
    }
    for (guest, _) in &mut late {
        assert_eq!(guest.client.lines(), numbers(2..=2));
    }
}

#[tokio::test(start_paused = true)]
async fn larger_rooms_may_have_longer_ticks() {
    let tick = |viewers_min, tick_ms| LargerRoomTick { viewers_min, tick_ms };
    let larger_room_ticks = vec![tick(4, 200), tick(2, 100)];
    let mut house = House::with(Options { larger_room_ticks, ..Options::default() });
    let mut viewers = Vec::new();
    for (count, tick_ms) in [(1, 50), (2, 100), (3, 100), (4, 200)] {
        viewers.resize_with(count, || house.viewer());
        pass_ms(300).await;
        house.publish(Class::Lossy);
        settle().await;
        let ann = &mut viewers[0].0.client;
        assert_eq!(ann.lines().len(), 1, "the first leaves at once");
        house.publish(Class::Lossy);
        pass_ms(tick_ms - 2).await;
        assert_eq!(ann.lines(), [""; 0], "{count} viewers");
        pass_ms(3).await;
        assert_eq!(ann.lines().len(), 1, "{count} viewers");
    }
}

#[tokio::test(start_paused = true)]
async fn blocked_readers_cost_the_others_nothing() {
    let mut house = House::with(sharded());
    let mut readers = Vec::new();
    let mut blocked = Vec::new();
    for nth in 0..100 {
        if nth % 10 != 0 {
            readers.push(house.viewer());
            continue;
        }
        let guest = house.guest(fake::Pipe::narrow(16));
        guest.connection().set_outbox_bytes_max(64);
        let membership = house.hub.join(&topic(), guest.connection()).start();
        blocked.push((guest, membership));
    }
    for nth in 0..300 {
        house.publish(if nth % 3 == 0 { Class::Critical } else { Class::Lossy });
        if nth % 7 == 0 {
            pass_ms(1).await;
        }
    }
    settle().await;
    for (guest, _) in &mut readers {
        assert_eq!(guest.client.lines(), numbers(1..=300));
    }
    assert!(blocked.iter().all(|(guest, _)| guest.connection().stats().behind));
}

#[tokio::test(start_paused = true)]
async fn one_gap_with_one_snapshot_is_made_for_all_who_stopped_at_the_same_place() {
    let mut house = House::with(sharded());
    let mut slow: Vec<_> = (0..200)
        .map(|_| {
            let guest = house.guest(fake::Pipe::narrow(3));
            guest.connection().set_outbox_bytes_max(4);
            let membership = house.hub.join(&topic(), guest.connection()).start();
            (guest, membership)
        })
        .collect();
    for _ in 0..20 {
        house.publish(Class::Critical);
        settle().await;
    }
    assert!(slow.iter().all(|(guest, _)| guest.connection().stats().behind));
    assert_eq!(house.owner.gaps_made(), 0);
    let mut heard = vec![Vec::new(); slow.len()];
    while heard.iter().any(|lines: &Vec<_>| lines.last() != Some(&"snapshot 7.20".to_owned())) {
        for (lines, (guest, _)) in heard.iter_mut().zip(&mut slow) {
            lines.extend(guest.client.lines());
        }
        settle().await;
    }
    assert_eq!(heard[0].iter().filter(|line| line.starts_with("gap")).count(), 1);
    assert!(heard.iter().all(|lines| *lines == heard[0]));
    assert_eq!(house.owner.gaps_made(), 1);
}

/// Small, seeded numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn nobody_misses_a_line_or_hears_one_twice_while_others_join_move_and_leave_on_four_threads() {
    const LINES: u64 = 1_500;
    for seed in 1..=3 {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = Options { ring_lines_max: 5_000, writes_per_turn_max: 3, ..sharded() };
            let mut house = House::with(options);
            house.publish(Class::Normal);
            let hub = Arc::clone(&house.hub);
            let viewers: Vec<_> = (1..=40)
                .map(|nth| {
                    let (hub, dice) = (Arc::clone(&hub), Dice(seed * 1_000 + nth));
                    tokio::spawn(async move { come_and_go(&hub, dice, LINES).await })
                })
                .collect();
            while house.seq < LINES {
                let is_critical = house.seq.is_multiple_of(5);
                house.publish(if is_critical { Class::Critical } else { Class::Lossy });
                tokio::task::yield_now().await;
            }
            for viewer in viewers {
                viewer.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
            assert_eq!(hub.pulse()[0].viewers, 0);
        });
    }
}

/// Watches to the last line, and leaves or takes a new place on the way.
async fn come_and_go(hub: &Hub, mut dice: Dice, last: u64) {
    let (pipe, mut client) = fake::Pipe::new();
    let reader = hub.connect(pipe, &[]);
    let joined = hub.join(&topic(), reader.connection());
    let mut seq = joined.seq;
    let mut membership = joined.start();
    while seq < last {
        for line in client.lines() {
            seq += 1;
            assert_eq!(line, seq.to_string());
        }
        match dice.below(40) {
            0 => drop(membership),
            1 => drop(hub.join(&topic(), reader.connection())),
            _ => {
                tokio::task::yield_now().await;
                continue;
            }
        }
        // What had left by then is whole, and nothing comes after it.
        for line in client.lines() {
            seq += 1;
            assert_eq!(line, seq.to_string());
        }
        tokio::task::yield_now().await;
        assert_eq!(client.lines(), [""; 0]);
        let resumed = hub.resume(&topic(), 7, seq, reader.connection());
        assert!(resumed.recovered);
        assert_eq!(resumed.missed, numbers(seq + 1..=resumed.seq));
        seq = resumed.seq;
        membership = resumed.start();
    }
    drop(membership);
}
