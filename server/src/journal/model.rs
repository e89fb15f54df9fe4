//! What a journal should answer, in a few lines without storage, and random calls that ask both.
//! Knows the rules only; hashes and epochs it takes from the journal under test.

use std::collections::BTreeMap;
use std::sync::Arc;

use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;

use super::contract::{batch, read_all};
use super::{Batch, ChainHash, DocumentWrite, Error, Journal, Lease, Position};

const CALLS: usize = 120;

#[derive(Default)]
struct Model {
    epoch: u64,
    /// Each batch that landed: who wrote it after what, its number, and where the shop stood then.
    landed: Vec<(u64, Position, u64, Position)>,
    documents: BTreeMap<String, Vec<u8>>,
    snapshot: Option<(Position, Vec<u8>)>,
}

/// A generator whose numbers follow from its seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

impl Model {
    fn end(&self) -> Position {
        self.landed.last().map(|landed| landed.3).unwrap_or_default()
    }

    fn at(&self, version: u64) -> Option<Position> {
        match version {
            0 => Some(Position::default()),
            _ => self.landed.get(version as usize - 1).map(|landed| landed.3),
        }
    }

    /// What `append` should say before it writes; `Some(Ok)` for what landed already.
    fn judge(
        &self,
        epoch: u64,
        expected: Position,
        number: Option<u64>,
    ) -> Option<Result<Position, Error>> {
        let repeated = self
            .landed
            .iter()
            .find(|(by, after, what, _)| (*by, *after, Some(*what)) == (epoch, expected, number));
        if let Some((.., position)) = repeated {
            return Some(Ok(*position));
        }
        let found = self.end();
        if self.epoch > epoch {
            return Some(Err(Error::LeaseLost { epoch: self.epoch }));
        }
        if found.version < expected.version {
            return Some(Err(Error::Backward { found }));
        }
        (found != expected).then_some(Err(Error::Conflict { found }))
    }

    fn apply(&mut self, batch: &Batch) {
        for write in &batch.documents {
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

    /// A position that a writer might believe in: the end, another place, or nowhere.
    fn position(&self, chance: &mut Chance) -> Position {
        let nowhere = Position { version: chance.below(5) as u64, hash: ChainHash([9; 16]) };
        match chance.below(8) {
            0 => nowhere,
            1 | 2 => self.at(chance.below(self.landed.len() + 1) as u64).unwrap_or_default(),
            _ => self.end(),
        }
    }
}

/// A batch that follows from its number.
fn numbered(number: u64) -> Batch {
    let mut batch = batch(number);
    let key = format!("{}/{}", ["a", "b", "ab"][number as usize % 3], number % 7);
    batch.documents.push(DocumentWrite::Put { key, value: number.to_be_bytes().to_vec() });
    if number.is_multiple_of(5) {
        let prefix = ["a", "a/", "b/1", ""][number as usize / 5 % 4].to_owned();
        batch.documents.push(DocumentWrite::EraseUnder { prefix });
    }
    batch.next_due = (!number.is_multiple_of(3)).then_some(Millis(number.cast_signed()));
    batch
}

/// Asks journal and model the same things at random and holds their answers together.
pub(super) async fn drive(journal: &dyn Journal, shop: &ShopId, seed: u64) {
    let (mut chance, mut model) = (Chance(seed), Model::default());
    let first = journal.acquire(shop).await.unwrap();
    model.epoch = first.epoch();
    let mut leases = vec![first];
    for call in 0..CALLS {
        let index = leases.len() - 1 - chance.below(leases.len().min(3));
        let case = format!("seed {seed}, call {call}");
        match chance.below(10) {
            0 => {
                let lease = journal.acquire(shop).await.unwrap();
                assert!(lease.epoch() > model.epoch, "{case}");
                model.epoch = lease.epoch();
                leases.push(lease);
            }
            1 | 2 => verify(journal, &mut model, &leases[index], &mut chance, &case).await,
            3 => save(journal, &mut model, &leases[index], &mut chance, &case).await,
            _ => append(journal, &mut model, &mut leases[index], &mut chance, &case).await,
        }
    }
    let records = read_all(journal, shop).await;
    let positions: Vec<_> = records.iter().map(|record| record.position).collect();
    let landed: Vec<_> = model.landed.iter().map(|landed| landed.3).collect();
    assert_eq!(positions, landed, "seed {seed}");
    let documents = journal.documents(shop, "", None, usize::MAX >> 1).await.unwrap();
    let found: BTreeMap<_, _> = documents.into_iter().map(|it| (it.key, it.value)).collect();
    assert_eq!(found, model.documents, "seed {seed}");
    assert_eq!(journal.snapshot(shop).await.unwrap(), model.snapshot, "seed {seed}");
}

async fn append(
    journal: &dyn Journal,
    model: &mut Model,
    lease: &mut Lease,
    chance: &mut Chance,
    case: &str,
) {
    // Often one that was sent before, word for word.
    let sent = model.landed.get(chance.below(model.landed.len() + 1));
    let (expected, number) = match sent {
        Some((_, after, number, _)) if chance.below(3) == 0 => (*after, *number),
        _ => (model.position(chance), chance.below(1_000) as u64),
    };
    let epoch = lease.epoch();
    let answer = journal.append(lease, expected, Arc::new(numbered(number))).await;
    let answer = answer.map(|committed| committed.position());
    if let Some(judged) = model.judge(epoch, expected, Some(number)) {
        return assert_eq!(answer, judged, "{case}");
    }
    let position = answer.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(position.version, expected.version + 1, "{case}");
    model.landed.push((epoch, expected, number, position));
    model.apply(&numbered(number));
}

async fn verify(
    journal: &dyn Journal,
    model: &mut Model,
    lease: &Lease,
    chance: &mut Chance,
    case: &str,
) {
    let expected = model.position(chance);
    let answer = journal.verify(lease, expected).await.map(|verified| verified.position());
    let judged = model.judge(lease.epoch(), expected, None).unwrap_or(Ok(expected));
    assert_eq!(answer, judged, "{case}");
}

async fn save(
    journal: &dyn Journal,
    model: &mut Model,
    lease: &Lease,
    chance: &mut Chance,
    case: &str,
) {
    let (position, found) = (model.position(chance), model.end());
    let bytes = chance.below(1_000).to_string().into_bytes();
    let judged = match model.at(position.version) {
        None => Err(Error::Backward { found }),
        Some(there) if there != position => Err(Error::Conflict { found }),
        Some(_) => Ok(()),
    };
    if lease.epoch() != model.epoch {
        // Which of two reasons is told is up to the store.
        let lost = Error::LeaseLost { epoch: model.epoch };
        let answer = journal.save_snapshot(lease, position, bytes).await.unwrap_err();
        assert!(answer == lost || Err(answer) == judged, "{case}");
        return;
    }
    let kept = model.snapshot.as_ref().map_or(0, |(kept, _)| kept.version);
    // The start of a history needs no snapshot.
    if position.version == 0 {
        return;
    }
    if judged.is_ok() && kept <= position.version {
        model.snapshot = Some((position, bytes.clone()));
    }
    assert_eq!(journal.save_snapshot(lease, position, bytes).await, judged, "{case}");
}
