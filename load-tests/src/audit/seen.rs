//! What sockets saw of the stock, to be held against the feed. Owns the newest push of each item
//! and the gaps in a room's sequence.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hawker_protocol::Id;
use hawker_protocol::push::{RoomSale, RoomStock};
use serde::Deserialize;

use super::{Ledger, Violations};

/// An item as a push showed it.
#[derive(Debug, Clone, Copy)]
struct Shown {
    version: u64,
    /// Available, reserved, offered, sold, total.
    units: [i64; 5],
}

#[derive(Debug, Default)]
struct Inner {
    stock: HashMap<(String, String), Shown>,
    violations: Violations,
}

/// Shared by the sockets that look closely.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    inner: Mutex<Inner>,
}

/// The envelope of a room's push.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    seq: Option<u64>,
    #[serde(default)]
    to: Option<u64>,
}

/// The sequence of one room as one socket sees it.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    last: Option<u64>,
    pub(crate) skipped: u64,
}

impl Sequence {
    /// Begins after what the join's snapshot holds.
    pub(crate) fn after(seq: u64) -> Self {
        Self { last: Some(seq), skipped: 0 }
    }
}

impl Seen {
    /// Looks at one push of a room.
    pub(crate) fn on_push(&self, line: &str, sequence: &mut Sequence) {
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(line) else {
            return self.complain(|| format!("unreadable push {line}"));
        };
        if envelope.kind == "room.gap" {
            sequence.skipped += 1;
            sequence.last = envelope.to.or(sequence.last);
            return;
        }
        if let (Some(seq), Some(last)) = (envelope.seq, sequence.last)
            && seq != last + 1
        {
            self.complain(|| format!("a room's seq went from {last} to {seq}"));
        }
        sequence.last = envelope.seq.or(sequence.last);
        match &*envelope.kind {
            "room.stock" => self.on_stock(line),
            "room.sale" => self.on_sale(line),
            _ => {}
        }
    }

    fn complain(&self, what: impl FnOnce() -> String) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).violations.add(what);
    }

    fn on_stock(&self, line: &str) {
        let Ok(stock) = serde_json::from_str::<RoomStock>(line) else {
            return self.complain(|| format!("unreadable stock {line}"));
        };
        let units = [stock.available, stock.reserved, stock.offered, stock.sold, stock.total];
        self.on_units(&stock.sale, &stock.sku, stock.version, units);
    }

    /// A sale's push carries all of its items.
    fn on_sale(&self, line: &str) {
        let Ok(RoomSale { sale }) = serde_json::from_str(line) else {
            return self.complain(|| format!("unreadable sale {line}"));
        };
        for item in &sale.items {
            let units = [item.available, item.reserved, item.offered, item.sold, item.total];
            self.on_units(&sale.sale, &item.sku, item.version, units);
        }
    }

    fn on_units(&self, sale: &Id, sku: &Id, version: u64, units: [u32; 5]) {
        let units = units.map(i64::from);
        let [places @ .., total] = units;
        if places.iter().sum::<i64>() != total {
            self.complain(|| format!("{sale}/{sku}: a push does not add up: {units:?}"));
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (sale.to_string(), sku.to_string());
        match inner.stock.get(&key) {
            Some(known) if known.version > version => {}
            Some(_) | None => drop(inner.stock.insert(key, Shown { version, units })),
        }
    }

    /// Where the newest pushes differ from the books.
    pub(crate) fn compare(&self, ledger: &Ledger) -> Violations {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = inner.violations.clone();
        for ((sale, sku), shown) in &inner.stock {
            let seen = shown.units;
            let booked = ledger.item(sale, sku);
            let booked = booked.map(|b| [b.available, b.reserved, b.offered, b.sold, b.total]);
            if booked != Some(seen) {
                found.add(|| {
                    format!(
                        "{sale}/{sku}: sockets saw available, reserved, offered, sold, total \
                         {seen:?}, the feed says {booked:?}"
                    )
                });
            }
        }
        found
    }

    pub(crate) fn items(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).stock.len()
    }
}
