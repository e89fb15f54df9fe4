//! What a connection costs while nothing happens: sizes that may shrink and must not grow.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_viewer_is_small() {
    let house = House::open().await;
    let (pipe, _client) = Pipe::new();
    let reader = house.around.hub.connect(pipe, &[]);
    println!("reader {}", size_of_val(&reader));
    println!("conversation {}", size_of::<Conversation>());
    let seat = Arc::new(house.seats.take().unwrap());
    println!("converse {}", size_of_val(&converse(house.around.clone(), reader, None, seat)));
    let mut probe = house.around.hub.connect(Pipe::new().0, &[]);
    println!("next {}", size_of_val(&next(&mut probe, &house.around.drain)));
    println!("reader.next {}", size_of_val(&probe.next()));
    println!("reader.close {}", size_of_val(&probe.close(1, "")));
    println!("cancelled {}", size_of_val(&house.around.drain.cancelled()));
    println!("sleep {}", size_of_val(&tokio::time::sleep(GRACE)));
}
