//! How a subscriber's pushes begin, and begin again after it was skipped. Owns the order of gap,
//! snapshot and what came since; everything here happens under the lock of the subscriber's shard.

use super::connection::ConnectionId;
use super::outbox::{Sent, Waiter};
use super::room::Room;
use super::stream::Return;
use super::subscribers::{Flow, Place, Slot};

impl Room {
    /// Lets a new subscriber's pushes flow, beginning with what came since it joined.
    pub(super) fn start(&self, place: Place) {
        self.subscribers.with(place, |slot| {
            let since = self.stream.lock().since(slot.stand);
            slot.flow = Flow::Behind;
            if let Some((frame, stand)) = since
                && frame.is_none_or(|frame| slot.connection.offer(&frame) != Sent::Full)
            {
                slot.stand = stand;
                slot.flow = Flow::Live;
            }
            self.resync(slot);
        });
    }

    /// Brings a drained subscriber back: what it missed as one gap, the room as it is, and what
    /// came since. One that is still draining is called again later.
    pub(super) fn resync(&self, slot: &mut Slot) {
        while slot.flow == Flow::Behind {
            if slot.connection.is_closing() || slot.connection.when_drained(self.me.clone()) {
                return;
            }
            self.catch_up(slot);
        }
    }

    fn catch_up(&self, slot: &mut Slot) {
        let (snapshot, mut stream) = self.beside(self.source.snapshot(&self.topic));
        self.learn(&mut stream, snapshot.as_ref(), self.subscribers.len());
        let gap = |from, to, body: Option<&_>| self.source.gap(&self.topic, from, to, body);
        let Return { gap, since, stand } = stream.catch_up(slot.stand, snapshot.as_ref(), gap);
        drop(stream);
        if let Some((gap, stand)) = gap {
            if slot.connection.offer(&gap) == Sent::Full {
                return;
            }
            slot.stand = stand;
        }
        if since.is_none_or(|frame| slot.connection.offer(&frame) != Sent::Full) {
            slot.stand = stand;
            slot.flow = Flow::Live;
        }
    }
}

impl Waiter for Room {
    fn on_drained(&self, connection: ConnectionId) {
        if let Some(place) = self.subscribers.place_of(connection) {
            self.subscribers.with(place, |slot| self.resync(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Class;
    use crate::hub::tests::House;

    /// Between the failed write and the note of it another thread may have emptied the outbox:
    /// then no drain is left that would call.
    #[tokio::test(start_paused = true)]
    async fn one_that_drained_before_it_was_noted_as_behind_is_brought_back_at_once() {
        let mut house = House::new();
        let (mut ann, _in_room) = house.viewer();
        let room = house.room();
        house.publish(Class::Lossy);
        let place = room.subscribers.place_of(ann.reader.connection().id()).unwrap();
        room.subscribers.with(place, |slot| {
            slot.flow = Flow::Behind;
            room.resync(slot);
        });
        assert_eq!(ann.client.lines(), ["gap 1 1", "snapshot 7.1"]);
    }
}
