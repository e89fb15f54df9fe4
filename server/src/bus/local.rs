//! The bus of a single node: hands each publication to the subscribers in the caller's own task.
//! Never queues, so it can neither lose nor reorder.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{Attendance, Bus, Deaf, Pending, Publication, Subscriber, Topic};

#[derive(Debug, Default)]
pub struct Local {
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
}

impl Local {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Bus for Local {
    fn publish(&self, publication: Publication) {
        let subscribers = self.subscribers.read();
        let Some((last, others)) = subscribers.split_last() else { return };
        for subscriber in others {
            subscriber.on_publication(publication.clone());
        }
        last.on_publication(publication);
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.subscribers.write().push(subscriber);
    }

    fn attend<'a>(&'a self, _topic: &'a Topic) -> Pending<'a, Result<Attendance, Deaf>> {
        Box::pin(std::future::ready(Ok(Attendance::alone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::contract;

    #[test]
    fn keeps_the_contract_of_a_bus() {
        contract::holds_for(Local::new);
    }
}
