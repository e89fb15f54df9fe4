//! A journal that lives in memory: for tests and for trying things out. Keeps every rule of the
//! contract but one: **nothing survives the process**.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tokio::sync::watch;
use tokio::time::Instant;

use super::record::{self, Encoded, Frame, Head};
use super::{
    Batch, Committed, Document, DocumentWrite, Error, Journal, Lease, Pending, Position, Record,
    Verified, Version, check_on_history, judge,
};

/// Clones share one store, as two handles of one file would.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Shared>,
    /// Where several servers share the store: this one's name, and how long a lease lasts.
    server: Option<(&'static str, Duration)>,
}

/// Makes a [`Memory`] misbehave on purpose.
#[derive(Debug, Clone)]
pub struct Faults {
    memory: Memory,
}

/// How one append fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `Unavailable`: nothing was written.
    Unavailable,
    /// `Unknown`, and the batch is there.
    UnknownLanded,
    /// `Unknown`, and the batch is not there.
    UnknownLost,
    /// Another writer takes the shop over just before: `LeaseLost`.
    TakenOver,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    appends_held: watch::Sender<bool>,
    appends_waiting: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    shops: BTreeMap<ShopId, Shop>,
    due: BTreeSet<(Millis, ShopId)>,
    faults: VecDeque<Fault>,
    reads_refused: bool,
    records_read: usize,
    /// The snapshots that old records were to go with, where somebody watches.
    archived: Option<Vec<Position>>,
}

#[derive(Default)]
struct Shop {
    epoch: u64,
    records: Vec<Encoded>,
    documents: BTreeMap<String, Vec<u8>>,
    due: Option<Millis>,
    snapshot: Option<(Position, Vec<u8>)>,
    held: Option<(&'static str, Instant)>,
}

impl Memory {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same store as another server sees it, whose leases last so long.
    pub fn seen_by(&self, server: &'static str, lease: Duration) -> Self {
        Self { shared: self.shared.clone(), server: Some((server, lease)) }
    }

    pub fn faults(&self) -> Faults {
        Faults { memory: self.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readable(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.reads_refused {
            return Err(Error::Unavailable("reads are refused on purpose".to_owned()));
        }
        Ok(state)
    }

    /// Renews a lease that has a term.
    fn hear_of(&self, state: &mut State, lease: &Lease) {
        let (Some((server, lasts)), now) = (self.server, Instant::now()) else { return };
        if let Some(shop) = state.shops.get_mut(&lease.shop) {
            shop.held = Some((server, now + lasts));
            lease.heard(now);
        }
    }

    async fn pass_the_gate(&self) {
        if !*self.shared.appends_held.borrow() {
            return;
        }
        let _waiting = Waiting::new(&self.shared.appends_waiting);
        let mut held = self.shared.appends_held.subscribe();
        // The sender lives in `self`, so the wait can only end by the gate opening.
        let _ = held.wait_for(|held| !held).await;
    }
}

impl Faults {
    /// Faults are used up in the order they were given, one per append.
    pub fn fail_append(&self, fault: Fault) {
        self.memory.state().faults.push_back(fault);
    }

    /// Takes back the faults that no append has met yet.
    pub fn clear(&self) {
        self.memory.state().faults.clear();
    }

    /// Appends stay in flight until [`Self::release_appends`].
    pub fn hold_appends(&self) {
        self.memory.shared.appends_held.send_replace(true);
    }

    pub fn release_appends(&self) {
        self.memory.shared.appends_held.send_replace(false);
    }

    /// Returns once this many appends are held.
    pub async fn appends_waiting(&self, count: usize) {
        let mut waiting = self.memory.shared.appends_waiting.subscribe();
        let _ = waiting.wait_for(|waiting| *waiting >= count).await;
    }

    /// How many records were read and decoded since the last time somebody asked.
    pub fn records_read(&self) -> usize {
        std::mem::take(&mut self.memory.state().records_read)
    }

    /// From now on there is an archive, which takes nothing and remembers when it was asked.
    pub fn watch_archive(&self) {
        self.memory.state().archived = Some(Vec::new());
    }

    pub fn archived(&self) -> Vec<Position> {
        self.memory.state().archived.clone().unwrap_or_default()
    }

    /// Whether everything that reads answers `Unavailable`.
    pub fn refuse_reads(&self, refused: bool) {
        self.memory.state().reads_refused = refused;
    }

    /// Flips a bit in the record that made `version`. Answers whether there is such a record.
    pub fn damage(&self, shop: &ShopId, version: Version) -> bool {
        let mut state = self.memory.state();
        let records = state.shops.get_mut(shop).map(|shop| &mut shop.records);
        let record = records.and_then(|records| records.get_mut(index_of(version)?));
        let Some(record) = record else { return false };
        let middle = record.bytes.len() / 2;
        record.bytes[middle] ^= 1;
        true
    }
}

impl State {
    fn append(&mut self, lease: &Lease, expected: Position, batch: &Batch) -> Result<(), Error> {
        let fault = self.faults.pop_front();
        let shop = self.shops.entry(lease.shop.clone()).or_default();
        match fault {
            Some(Fault::Unavailable) => {
                return Err(Error::Unavailable("made to fail".to_owned()));
            }
            Some(Fault::UnknownLost) => return Err(Error::Unknown("made to fail".to_owned())),
            Some(Fault::TakenOver) => shop.epoch += 1,
            Some(Fault::UnknownLanded) | None => {}
        }
        self.land(lease, expected, batch)?;
        if fault == Some(Fault::UnknownLanded) {
            return Err(Error::Unknown("made to fail".to_owned()));
        }
        Ok(())
    }

    fn land(&mut self, lease: &Lease, expected: Position, batch: &Batch) -> Result<(), Error> {
        let head = Head {
            shop: &lease.shop,
            epoch: lease.epoch,
            after: expected,
            next_due: batch.next_due,
        };
        let encoded = record::encode(head, &batch.entries)
            .map_err(|problem| Error::Unavailable(problem.to_string()))?;
        let shop = self.shops.entry(lease.shop.clone()).or_default();
        if shop.at(encoded.position.version) == Some(encoded.position) {
            return Ok(());
        }
        judge(shop.epoch, shop.position(), lease.epoch, expected)?;
        shop.records.push(encoded);
        shop.documents_written(&batch.documents);
        if let Some(due) = std::mem::replace(&mut shop.due, batch.next_due) {
            self.due.remove(&(due, lease.shop.clone()));
        }
        if let Some(due) = batch.next_due {
            self.due.insert((due, lease.shop.clone()));
        }
        Ok(())
    }
}

impl Shop {
    fn position(&self) -> Position {
        self.records.last().map(|record| record.position).unwrap_or_default()
    }

    /// Where the shop stood at `version`.
    fn at(&self, version: Version) -> Option<Position> {
        if version == 0 {
            return Some(Position::default());
        }
        self.records.get(index_of(version)?).map(|record| record.position)
    }

    fn documents_written(&mut self, writes: &[DocumentWrite]) {
        for write in writes {
            match write {
                DocumentWrite::Put { key, value } => {
                    self.documents.insert(key.clone(), value.clone());
                }
                DocumentWrite::EraseUnder { prefix } => {
                    self.documents.retain(|key, _| !key.starts_with(prefix));
                }
            }
        }
    }

    fn read(&self, id: &ShopId, after: Position, max: usize) -> Result<Vec<Record>, Error> {
        check_on_history(self.position(), self.at(after.version), after)?;
        let mut previous = after;
        let mut records = Vec::new();
        let skip = usize::try_from(after.version).unwrap_or(usize::MAX);
        for encoded in self.records.iter().skip(skip).take(max) {
            let record = record::decode_after(&encoded.bytes, id, previous)
                .map_err(|problem| problem.at(previous.version + 1))?;
            previous = record.position;
            records.push(record);
        }
        Ok(records)
    }

    fn record(&self, id: &ShopId, version: Version) -> Result<Option<Record>, Error> {
        let encoded = index_of(version).and_then(|index| self.records.get(index));
        let Some(encoded) = encoded else { return Ok(None) };
        let frame = Frame::parse(&encoded.bytes).map_err(|problem| problem.at(version))?;
        frame.made(id, version).map_err(|problem| problem.at(version))?;
        frame.decode().map(Some).map_err(|problem| problem.at(version))
    }
}

fn index_of(version: Version) -> Option<usize> {
    usize::try_from(version.checked_sub(1)?).ok()
}

impl Journal for Memory {
    fn acquire<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Lease, Error>> {
        Box::pin(async move {
            let mut state = self.readable()?;
            let stored = state.shops.entry(shop.clone()).or_default();
            let now = Instant::now();
            if let (Some((holder, until)), Some((server, _))) = (stored.held, self.server)
                && holder != server
                && until > now
            {
                let left_ms = u64::try_from((until - now).as_millis()).unwrap_or(u64::MAX);
                return Err(Error::Held { by: holder.to_owned(), left_ms });
            }
            stored.epoch += 1;
            let Some((server, lasts)) = self.server else {
                return Ok(Lease::new(shop.clone(), stored.epoch));
            };
            stored.held = Some((server, now + lasts));
            Ok(Lease::with_term(shop.clone(), stored.epoch, lasts, now))
        })
    }

    fn append<'a>(
        &'a self,
        lease: &'a mut Lease,
        expected: Position,
        batch: Arc<Batch>,
    ) -> Pending<'a, Result<Committed, Error>> {
        Box::pin(async move {
            self.pass_the_gate().await;
            let mut state = self.state();
            state.append(lease, expected, &batch)?;
            self.hear_of(&mut state, lease);
            let version = expected.version + 1;
            let position = state.shops.get(&lease.shop).and_then(|shop| shop.at(version));
            Ok(Committed::new(lease, position.unwrap_or_default(), batch))
        })
    }

    fn verify<'a>(
        &'a self,
        lease: &'a Lease,
        expected: Position,
    ) -> Pending<'a, Result<Verified, Error>> {
        Box::pin(async move {
            let mut state = self.readable()?;
            let (epoch, found) = state
                .shops
                .get(&lease.shop)
                .map(|shop| (shop.epoch, shop.position()))
                .unwrap_or_default();
            judge(epoch, found, lease.epoch, expected)?;
            self.hear_of(&mut state, lease);
            Ok(Verified::new(lease, found))
        })
    }

    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        after: Position,
        records_max: usize,
    ) -> Pending<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            let mut state = self.readable()?;
            let empty = Shop::default();
            let read = state.shops.get(shop).unwrap_or(&empty).read(shop, after, records_max);
            state.records_read += read.as_ref().map_or(0, Vec::len);
            read
        })
    }

    fn position<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Position, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            Ok(state.shops.get(shop).map(Shop::position).unwrap_or_default())
        })
    }

    fn record<'a>(
        &'a self,
        shop: &'a ShopId,
        version: Version,
    ) -> Pending<'a, Result<Option<Record>, Error>> {
        Box::pin(async move {
            let mut state = self.readable()?;
            let read =
                state.shops.get(shop).map_or(Ok(None), |stored| stored.record(shop, version));
            state.records_read += usize::from(matches!(read, Ok(Some(_))));
            read
        })
    }

    fn document<'a>(
        &'a self,
        shop: &'a ShopId,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            Ok(state.shops.get(shop).and_then(|shop| shop.documents.get(key)).cloned())
        })
    }

    fn documents<'a>(
        &'a self,
        shop: &'a ShopId,
        prefix: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> Pending<'a, Result<Vec<Document>, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            let Some(shop) = state.shops.get(shop) else { return Ok(Vec::new()) };
            let found = shop.documents.range(prefix.to_owned()..);
            Ok(found
                .take_while(|(key, _)| key.starts_with(prefix))
                .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after))
                .take(documents_max)
                .map(|(key, value)| Document { key: key.clone(), value: value.clone() })
                .collect())
        })
    }

    fn due(&self, now: Millis, shops_max: usize) -> Pending<'_, Result<Vec<ShopId>, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            let due = state.due.iter().take_while(|(at, _)| *at <= now);
            Ok(due.take(shops_max).map(|(_, shop)| shop.clone()).collect())
        })
    }

    fn shops<'a>(
        &'a self,
        after: Option<&'a ShopId>,
        shops_max: usize,
    ) -> Pending<'a, Result<Vec<ShopId>, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            let written = state.shops.iter().filter(|(_, shop)| !shop.records.is_empty());
            Ok(written
                .map(|(id, _)| id)
                .filter(|id| after.is_none_or(|after| *id > after))
                .take(shops_max)
                .cloned()
                .collect())
        })
    }

    fn save_snapshot<'a>(
        &'a self,
        lease: &'a Lease,
        position: Position,
        bytes: Vec<u8>,
    ) -> Pending<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut state = self.state();
            let shop = state.shops.entry(lease.shop.clone()).or_default();
            if shop.epoch != lease.epoch {
                return Err(Error::LeaseLost { epoch: shop.epoch });
            }
            check_on_history(shop.position(), shop.at(position.version), position)?;
            let kept = shop.snapshot.as_ref().map(|(kept, _)| kept.version);
            if kept.is_none_or(|kept| kept <= position.version) {
                shop.snapshot = Some((position, bytes));
            }
            Ok(())
        })
    }

    fn snapshot<'a>(
        &'a self,
        shop: &'a ShopId,
    ) -> Pending<'a, Result<Option<(Position, Vec<u8>)>, Error>> {
        Box::pin(async move {
            let state = self.readable()?;
            Ok(state.shops.get(shop).and_then(|shop| shop.snapshot.clone()))
        })
    }

    fn release(&self, lease: Lease) -> Pending<'_, ()> {
        Box::pin(async move {
            let mut state = self.state();
            let shop = state.shops.get_mut(&lease.shop);
            if let Some(shop) = shop.filter(|shop| shop.epoch == lease.epoch) {
                shop.held = None;
            }
        })
    }

    fn is_archived(&self) -> bool {
        self.state().archived.is_some()
    }

    fn archive<'a>(
        &'a self,
        _lease: &'a Lease,
        snapshot: Position,
    ) -> Pending<'a, Result<(), Error>> {
        self.state().archived.iter_mut().for_each(|archived| archived.push(snapshot));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shops = self.state().shops.len();
        f.debug_struct("Memory").field("shops", &shops).finish_non_exhaustive()
    }
}

/// Counts one held append for as long as it is held.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::contract::{Bench, append, batch, contract, fill, read_all, shop};

    impl Bench for Memory {
        fn start() -> Self {
            Self::new()
        }

        fn journal(&self) -> Arc<dyn Journal> {
            Arc::new(self.clone())
        }

        fn restart(self) -> Self {
            self
        }

        fn damage(self, shop: &ShopId, version: Version) -> Self {
            assert!(self.faults().damage(shop, version));
            self
        }
    }

    contract! { Memory }

    #[tokio::test]
    async fn an_unknown_append_is_settled_by_the_identical_batch() {
        for (fault, landed) in [(Fault::UnknownLanded, 1), (Fault::UnknownLost, 0)] {
            let (memory, shop) = (Memory::new(), shop("s1"));
            let mut lease = memory.acquire(&shop).await.unwrap();
            memory.faults().fail_append(fault);
            let unknown = memory.append(&mut lease, Position::default(), Arc::new(batch(1))).await;
            assert!(matches!(unknown, Err(Error::Unknown(_))));
            assert_eq!(memory.position(&shop).await.unwrap().version, landed);
            let settled = append(&memory, &mut lease, Position::default(), batch(1)).await;
            assert_eq!(settled.version, 1);
            assert_eq!(read_all(&memory, &shop).await.len(), 1);
        }
    }

    #[tokio::test]
    async fn an_append_made_unavailable_leaves_nothing() {
        let (memory, shop) = (Memory::new(), shop("s1"));
        let mut lease = memory.acquire(&shop).await.unwrap();
        memory.faults().fail_append(Fault::Unavailable);
        let refused = memory.append(&mut lease, Position::default(), Arc::new(batch(1))).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))));
        assert_eq!(read_all(&memory, &shop).await, []);
    }

    #[tokio::test]
    async fn a_writer_can_be_deposed_in_the_middle() {
        let (memory, shop) = (Memory::new(), shop("s1"));
        let mut lease = memory.acquire(&shop).await.unwrap();
        memory.faults().fail_append(Fault::TakenOver);
        let refused = memory.append(&mut lease, Position::default(), Arc::new(batch(1))).await;
        assert!(matches!(refused, Err(Error::LeaseLost { .. })));
    }

    #[tokio::test]
    async fn held_appends_land_when_they_are_released() {
        let (memory, shop) = (Memory::new(), shop("s1"));
        memory.faults().hold_appends();
        let writer = tokio::spawn({
            let (memory, shop) = (memory.clone(), shop.clone());
            async move {
                let mut lease = memory.acquire(&shop).await.unwrap();
                fill(&memory, &mut lease, Position::default(), 0..1).await
            }
        });
        memory.faults().appends_waiting(1).await;
        assert_eq!(memory.position(&shop).await.unwrap().version, 0);
        memory.faults().release_appends();
        assert_eq!(writer.await.unwrap().version, 1);
    }

    #[tokio::test]
    async fn reads_can_be_refused_for_a_while() {
        let memory = Memory::new();
        memory.faults().refuse_reads(true);
        let refused = memory.position(&shop("s1")).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))));
        memory.faults().refuse_reads(false);
        assert_eq!(memory.position(&shop("s1")).await.unwrap(), Position::default());
    }
}
