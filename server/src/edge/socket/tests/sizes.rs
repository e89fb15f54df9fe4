//! What a conversation costs while nothing happens: sizes that may shrink and must not grow.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_waiting_conversation_is_small() {
    let house = House::open().await;
    let (pipe, _client) = Pipe::new();
    let reader = house.around.hub.connect(pipe, &[]);
    let seat = Arc::new(house.seats.take().unwrap());
    let waiting = converse(house.around.clone(), reader, None, seat);
    let sizes = [
        ("converse", size_of_val(&waiting), 384),
        ("Conversation", size_of::<Conversation>(), 224),
        ("Identity", size_of::<Identity>(), 120),
        ("Seat", size_of::<Seat>(), 40),
    ];
    for (what, bytes, bytes_max) in sizes {
        assert!(bytes <= bytes_max, "{what} has {bytes} bytes, and had {bytes_max}");
    }
}
