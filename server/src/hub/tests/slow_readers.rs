//! Whoever does not read fast enough: nothing is torn, nothing waits for him, he is told.

use super::*;

const LINE: usize = 1_000;

/// A viewer behind a pipe that holds `window` bytes.
fn slow_viewer(house: &House, window: usize) -> (Guest, Membership) {
    let guest = house.guest(fake::Pipe::narrow(window));
    let membership = house.hub.join(&topic(), guest.connection()).start();
    (guest, membership)
}

/// Publishes lines of a kilobyte, each in its own tick.
async fn flood(house: &mut House, lines: u64) {
    for _ in 0..lines {
        let seq = house.seq + 1;
        house.snapshot_at(seq);
        let line = format!("{seq:0LINE$}");
        house.hub.on_publication(Publication {
            seq: Some(seq),
            ..house.unnumbered(Class::Critical, &line)
        });
        settle().await;
    }
}

/// Reads until nothing more comes.
async fn read_all(client: &mut fake::Client) -> Vec<String> {
    let mut all = Vec::new();
    let mut empty_rounds = 0;
    // A long line takes several rounds.
    while empty_rounds < 20 {
        let lines = client.lines();
        empty_rounds = if lines.is_empty() { empty_rounds + 1 } else { 0 };
        all.extend(lines);
        settle().await;
    }
    all
}

fn seq_of(line: &str) -> Option<u64> {
    line.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_one_gap_and_the_snapshot_and_goes_on() {
    let mut house = House::new();
    let (mut slow, _in_room) = slow_viewer(&house, 4_096);
    let (mut fast, _also) = house.viewer();
    flood(&mut house, 300).await;
    assert!(slow.connection().stats().behind);
    assert_eq!(fast.client.lines().len(), 300);

    let lines = read_all(&mut slow.client).await;
    let kept = lines.iter().take_while(|line| seq_of(line).is_some()).count() as u64;
    assert!((190..300).contains(&kept), "{kept}");
    let told = [format!("gap {} 300", kept + 1), "snapshot 7.300".to_owned()];
    assert_eq!(lines[kept as usize..], told);
    assert!(!slow.connection().stats().behind);

    flood(&mut house, 1).await;
    let lines = read_all(&mut slow.client).await;
    assert_eq!(lines.iter().filter_map(|line| seq_of(line)).collect::<Vec<_>>(), [301]);
}

#[tokio::test(start_paused = true)]
async fn lines_that_come_while_a_reader_drains_are_part_of_his_gap() {
    let mut house = House::new();
    let (mut slow, _in_room) = slow_viewer(&house, 4_096);
    flood(&mut house, 250).await;
    slow.client.hear();
    settle().await;
    flood(&mut house, 50).await;
    let lines = read_all(&mut slow.client).await;
    assert_eq!(lines.last().map(String::as_str), Some("snapshot 7.300"));
    assert_eq!(lines.iter().filter(|line| line.starts_with("gap")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn replies_still_fit_when_room_traffic_has_filled_its_share() {
    let mut house = House::new();
    let (mut slow, _in_room) = slow_viewer(&house, 4_096);
    flood(&mut house, 300).await;
    assert_eq!(slow.connection().send(&Frame::line(&[b'r'; 30_000])), Sent::Queued);
    let lines = read_all(&mut slow.client).await;
    assert!(lines.contains(&"r".repeat(30_000)));
}

#[tokio::test(start_paused = true)]
async fn an_outbox_full_of_replies_closes_with_4408() {
    let house = House::new();
    let mut slow = house.guest(fake::Pipe::narrow(4_096));
    let frame = Frame::line(&[b'r'; LINE]);
    let taken = (0..400).take_while(|_| slow.connection().send(&frame) != Sent::Closed).count();
    assert!((255..275).contains(&taken), "{taken}");
    let lines = read_all(&mut slow.client).await;
    assert_eq!(lines.last().map(String::as_str), Some("close 4408"));
    // What had begun to leave is whole, what had not is gone.
    assert!(lines[..lines.len() - 1].iter().all(|line| line.len() == LINE));
    assert!(lines.len() < 10);
    assert_eq!(slow.connection().close_code(), Some(CLOSE_TOO_SLOW));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_still_behind_after_ten_seconds_is_closed_with_4408() {
    let mut house = House::new();
    let (mut slow, _in_room) = slow_viewer(&house, 4_096);
    flood(&mut house, 300).await;
    // He reads, but a little a second is not enough.
    for _ in 0..9 {
        pass_ms(1_000).await;
        slow.client.hear();
        settle().await;
        assert_eq!(slow.connection().close_code(), None);
    }
    pass_ms(1_001).await;
    assert_eq!(slow.connection().close_code(), Some(CLOSE_TOO_SLOW));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_nothing_at_all_for_ten_seconds_is_cut_off() {
    let house = House::new();
    let slow = house.guest(fake::Pipe::narrow(100));
    slow.connection().send(&Frame::line(&[b'r'; LINE]));
    settle().await;
    pass_ms(9_900).await;
    assert_eq!(slow.connection().close_code(), None);
    pass_ms(101).await;
    assert_eq!(slow.connection().close_code(), Some(CLOSE_TOO_SLOW));
    assert!(!slow.client.is_cut_off());
    pass_ms(3_001).await;
    assert!(slow.client.is_cut_off());
}

#[tokio::test(start_paused = true)]
async fn one_who_never_reads_delays_nobody() {
    let mut house = House::new();
    let (_stuck, _in_room) = slow_viewer(&house, 10);
    let (mut fast, _also) = house.viewer();
    for seq in 1..=400 {
        house.publish(Class::Critical);
        settle().await;
        assert_eq!(fast.client.lines(), [seq.to_string()]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_joiner_whose_outbox_is_full_starts_with_a_snapshot() {
    let mut house = House::new();
    let mut slow = house.guest(fake::Pipe::narrow(4_096));
    let frame = Frame::line(&[b'r'; LINE]);
    (0..220).for_each(|_| assert_ne!(slow.connection().send(&frame), Sent::Closed));
    let joined = house.hub.join(&topic(), slow.connection());
    flood(&mut house, 1).await;
    let _in_room = joined.start();
    let lines = read_all(&mut slow.client).await;
    assert_eq!(lines[220..], ["gap 1 1", "snapshot 7.1"]);
}

#[test]
fn frames_are_never_torn_by_partial_writes_beside_concurrent_replies() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut house = House::with(Options { tick_ms: 0, ..Options::default() });
        let mut ann = house.guest(fake::Pipe::dripping());
        let _in_room = house.hub.join(&topic(), ann.connection()).start();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let connection = Arc::clone(ann.connection());
                tokio::spawn(async move { reply_often(&connection, writer, 300).await })
            })
            .collect();
        for _ in 0..100 {
            house.publish(Class::Critical);
            tokio::task::yield_now().await;
        }
        let mut lines = Vec::new();
        while lines.len() < 8 * 100 + 100 {
            lines.extend(ann.client.lines());
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        in_order(&lines, 300);
    });
}

/// How much follows the number of a reply; every twentieth is a long one.
fn tail_bytes(nth: usize, long: usize) -> usize {
    if nth % 20 == 19 { long } else { nth * 3 }
}

pub(super) async fn reply_often(connection: &Arc<Connection>, writer: usize, long: usize) {
    for nth in 0..100 {
        let line = format!("{writer} {nth} {}", "x".repeat(tail_bytes(nth, long)));
        assert_ne!(connection.send(&Frame::line(line.as_bytes())), Sent::Closed);
        tokio::task::yield_now().await;
    }
}

/// Each writer's lines are whole and in their order, and so are the room's.
pub(super) fn in_order(lines: &[String], long: usize) {
    let mut next = [0; 8];
    let mut seq = 0;
    for line in lines {
        match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
            [writer, nth, tail] => {
                let next: &mut usize = &mut next[writer.parse::<usize>().unwrap()];
                assert_eq!((nth, tail.len()), (&next.to_string()[..], tail_bytes(*next, long)));
                *next += 1;
            }
            _ => {
                seq += 1;
                assert_eq!(*line, seq.to_string());
            }
        }
    }
    assert_eq!((next, seq), ([100; 8], 100));
}

#[test]
fn a_slow_reader_beside_a_busy_publisher_on_other_threads_always_catches_up() {
    const LINES: u64 = 3_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut house = House::with(Options { tick_ms: 0, ..Options::default() });
        let viewers: Vec<_> = (0..8)
            .map(|_| {
                let (mut guest, in_room) = slow_viewer(&house, 7);
                guest.connection().set_outbox_bytes_max(64);
                tokio::spawn(async move {
                    let _in_room = in_room;
                    let _reader = guest.reader;
                    catch_up_to(&mut guest.client, LINES).await;
                })
            })
            .collect();
        while house.seq < LINES {
            house.publish(Class::Critical);
            tokio::task::yield_now().await;
        }
        for viewer in viewers {
            viewer.await.unwrap();
        }
    });
}

/// Reads until the last number is known, from a line or from a snapshot. Every number is either
/// heard or told as skipped, and none goes back.
async fn catch_up_to(client: &mut fake::Client, last: u64) {
    let mut seq = 0;
    while seq < last {
        for line in client.lines() {
            match line.split([' ', '.']).collect::<Vec<_>>()[..] {
                ["gap", from, to] => {
                    assert_eq!(from.parse(), Ok(seq + 1));
                    seq = to.parse().unwrap();
                }
                ["snapshot", "7", at] => assert_eq!(at.parse(), Ok(seq)),
                [line] => {
                    assert_eq!(line.parse(), Ok(seq + 1));
                    seq += 1;
                }
                _ => panic!("{line}"),
            }
        }
        tokio::task::yield_now().await;
    }
}
