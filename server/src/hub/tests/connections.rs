//! The directory of users and the frames themselves.

use super::*;
use crate::bus::UserId;

fn ann() -> UserId {
    UserId::parse("ann").unwrap()
}

fn admit(house: &House, guest: &Guest, per_user_max: usize) -> Result<Registration, NotAdmitted> {
    house.hub.connections().admit(guest.connection(), &ann(), per_user_max)
}

#[tokio::test(start_paused = true)]
async fn a_line_for_many_reaches_each_connection_of_each_of_them_and_an_echo_the_other_ones() {
    let house = House::new();
    let bob = UserId::parse("bob").unwrap();
    let mut guests = [(); 4].map(|()| house.guest(fake::Pipe::new()));
    let _his = house.hub.connections().admit(guests[2].connection(), &bob, 8).unwrap();
    let _places = [0, 1].map(|at| admit(&house, &guests[at], 8).unwrap());
    let both = Topic::users([ann(), bob]);
    for (class, line) in [(Class::Critical, "offer"), (Class::Normal, "echo")] {
        let publication = Publication { topic: both.clone(), ..house.unnumbered(class, line) };
        house.hub.on_publication(publication);
    }
    let heard = guests.each_mut().map(|guest| guest.client.lines().join(" "));
    assert_eq!(heard, ["offer echo", "offer echo", "offer", ""]);
    assert_eq!(house.hub.rooms.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_again_anyway_closes_nobody_who_does_not_read() {
    let house = House::new();
    let guest = house.guest(fake::Pipe::narrow(64));
    let _place = admit(&house, &guest, 8).unwrap();
    let line = "x".repeat(10_000);
    let topic = Topic::user(&ann());
    for nth in 0..1_000 {
        let class = Class::Counter { key: "c1".into() };
        let publication = Publication {
            topic: topic.clone(),
            ..house.unnumbered(class, &format!("{nth}{line}"))
        };
        house.hub.on_publication(publication);
    }
    let bytes_max = house.hub.options().buyer.outbox_bytes_max;
    assert!((bytes_max / 2..bytes_max).contains(&guest.connection().stats().queued_bytes));
    assert_eq!(guest.connection().close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn a_publication_on_a_users_topic_goes_to_that_user_alone() {
    let house = House::new();
    let (mut guest, mut stranger) =
        (house.guest(fake::Pipe::new()), house.guest(fake::Pipe::new()));
    let _place = admit(&house, &guest, 8).unwrap();
    let publication =
        Publication { topic: Topic::user(&ann()), ..house.unnumbered(Class::Critical, "order") };
    house.hub.on_publication(publication);
    assert_eq!(guest.client.lines(), ["order"]);
    assert_eq!(stranger.client.lines(), [""; 0]);
    assert_eq!(house.hub.rooms.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_user_has_no_more_connections_than_allowed_and_a_gone_one_makes_room() {
    let house = House::new();
    let guests = [(); 3].map(|()| house.guest(fake::Pipe::new()));
    let first = admit(&house, &guests[0], 2).unwrap();
    let _second = admit(&house, &guests[1], 2).unwrap();
    assert_eq!(admit(&house, &guests[2], 2).err(), Some(NotAdmitted::TooMany));
    drop(first);
    assert_eq!(house.hub.connections().count_of(&ann()), 1);
    let _third = admit(&house, &guests[2], 2).unwrap();
    assert_eq!(house.hub.connections().count(), 2);
    assert_eq!(admit(&house, &guests[2], 9).err(), Some(NotAdmitted::AlreadyIdentified));
}

#[tokio::test(start_paused = true)]
async fn closing_a_user_closes_every_connection_of_his() {
    let house = House::new();
    let mut guests = [(); 2].map(|()| house.guest(fake::Pipe::new()));
    let _places = guests.each_ref().map(|guest| admit(&house, guest, 8).unwrap());
    house.hub.connections().close_user(&ann(), 4503, "banned");
    assert_eq!(guests.each_mut().map(|guest| guest.client.lines()), [["close 4503"]; 2]);
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_after_the_close_frame() {
    let mut guest = House::new().guest(fake::Pipe::new());
    guest.connection().close(1000, "");
    guest.connection().close(4408, "");
    assert_eq!(guest.connection().send(&Frame::line(b"x")), Sent::Closed);
    assert_eq!(guest.client.lines(), ["close 1000"]);
    assert!(guest.client.unread().is_empty());
}

#[test]
fn a_frame_of_any_size_is_read_by_the_library_as_it_was_written() {
    for bytes in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
        let (pipe, mut client) = fake::Pipe::new();
        let line = "x".repeat(bytes);
        pipe.try_write(Frame::line(line.as_bytes()).bytes()).unwrap();
        assert_eq!(client.lines(), [line]);
    }
}

#[test]
fn a_close_reason_that_is_too_long_is_cut_between_characters() {
    let frame = Frame::close(4000, &"\u{e9}".repeat(100));
    assert_eq!(frame.bytes().len(), 2 + 2 + 122);
    assert!(std::str::from_utf8(&frame.bytes()[4..]).is_ok());
}
