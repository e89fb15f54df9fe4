//! The lines of an order as rows of equal width: the event's form of a line leaves out what it has
//! not, which only a format that names its fields can read.

use serde::{Deserialize, Deserializer, Serializer};

use crate::event::OrderLine;
use crate::id::{ReservationId, SkuId};
use crate::money::Minor;

type Row = (SkuId, u32, Minor, Option<ReservationId>);

pub(super) fn serialize<S: Serializer>(lines: &[OrderLine], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(
        lines
            .iter()
            .map(|line| (&line.sku, line.quantity, line.unit_price_minor, &line.reservation)),
    )
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<OrderLine>, D::Error> {
    let rows = Vec::<Row>::deserialize(from)?;
    let line = |(sku, quantity, unit_price_minor, reservation)| OrderLine {
        sku,
        quantity,
        unit_price_minor,
        reservation,
    };
    Ok(rows.into_iter().map(line).collect())
}
