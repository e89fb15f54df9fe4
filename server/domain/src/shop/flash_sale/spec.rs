//! What a sale may look like when it is created or changed. Owns the bounds and the defaults;
//! moves nothing.

use std::collections::BTreeSet;

use crate::command::{SaleChange, SaleItemSpec, SaleSpec, Scope};
use crate::event::{DrawTerms, SaleCreated, SaleItem, SaleUpdated};
use crate::id::{SaleId, SkuId};
use crate::money::PRICE_MINOR_MAX;
use crate::rejection::Rejection;
use crate::shop::flash_sale::{Phase, Sale};
use crate::shop::{Shop, lot};
use crate::text;
use crate::time::{Millis, SpanMs};

const ITEMS_MAX: usize = 500;
const ROOMS_MAX: usize = 1_000;
pub(super) const TOTAL_UNITS_MAX: u32 = 1_000_000;
const TITLE_CHARS_MAX: usize = 120;
const REMINDER_CHARS_MAX: usize = 200;
/// A sale is planned at most a year ahead; later is a slip of the unit.
const AHEAD_MAX: SpanMs = SpanMs::days(366);

fn invalid(field: &'static str, problem: &'static str) -> Rejection {
    Rejection::Invalid { field, problem }
}

/// A span of the sale's own, or the shop's.
fn span(
    field: &'static str,
    own: Option<SpanMs>,
    default: SpanMs,
    (min, max): (SpanMs, SpanMs),
) -> Result<SpanMs, Rejection> {
    match own {
        None => Ok(default),
        Some(span) if (min..=max).contains(&span) => Ok(span),
        Some(_) => Err(invalid(field, "is out of its range")),
    }
}

const RUN: (SpanMs, SpanMs) = (SpanMs::seconds(1), SpanMs::hours(24));

impl Shop {
    /// The sale that `spec` describes, with the shop's figures where it gives none.
    pub(super) fn sale_from(
        &self,
        sale: &SaleId,
        spec: &SaleSpec,
        now: Millis,
    ) -> Result<SaleCreated, Rejection> {
        self.check_scope(&spec.scope)?;
        let settings = self.settings();
        let countdown = (SpanMs::seconds(1), SpanMs::hours(1));
        let countdown_ms =
            span("countdown_ms", spec.countdown_ms, settings.sale_countdown_ms, countdown)?;
        let hold = (SpanMs::seconds(10), SpanMs::hours(24));
        let presence = (SpanMs(0), SpanMs::minutes(10));
        let times = first_times(spec, countdown_ms, now)?;
        Ok(SaleCreated {
            sale: sale.clone(),
            title: text::line("title", &spec.title, TITLE_CHARS_MAX)?,
            scope: spec.scope.clone(),
            items: self.items_from(&spec.items, now)?,
            announce_at: times.map(|(announce_at, _)| announce_at),
            starts_at: times.map(|(_, starts_at)| starts_at),
            countdown_ms,
            run_ms: span("run_ms", spec.run_ms, settings.sale_run_ms, RUN)?,
            hold_ms: span("hold_ms", spec.hold_ms, settings.reservation_hold_ms, hold)?,
            offer_ms: settings.waitlist_offer_ms,
            min_presence_ms: span(
                "min_presence_ms",
                spec.min_presence_ms,
                settings.min_presence_ms,
                presence,
            )?,
            payment_grace_ms: settings.payment_grace_ms,
            reminder_lead_ms: settings.sale_reminder_lead_ms,
            unpaid_expiries_max: settings.unpaid_expiries_max,
            waitlist_factor: settings.waitlist_factor,
            price_hidden: spec.price_hidden,
            draw: draw_terms(spec)?,
            reminder_text: text::line_or_empty(
                "reminder_text",
                &spec.reminder_text,
                REMINDER_CHARS_MAX,
            )?,
        })
    }

    pub(in crate::shop) fn check_scope(&self, scope: &Scope) -> Result<(), Rejection> {
        let Scope::Rooms(rooms) = scope else { return Ok(()) };
        if rooms.is_empty() || rooms.len() > ROOMS_MAX {
            return Err(invalid("scope", "must name 1 to 1,000 rooms"));
        }
        if rooms.iter().any(|room| !self.rooms.contains_key(room)) {
            return Err(Rejection::RoomUnknown);
        }
        self.check_scope_open(scope)
    }

    /// A sale whose rooms have all ended could never be claimed.
    pub(in crate::shop) fn check_scope_open(&self, scope: &Scope) -> Result<(), Rejection> {
        match scope {
            Scope::Rooms(rooms) if !self.has_open_room(scope, None) => {
                let ended = rooms.first().cloned();
                Err(ended.map_or(Rejection::RoomUnknown, |room| Rejection::RoomEnded { room }))
            }
            Scope::Rooms(_) | Scope::AllRooms => Ok(()),
        }
    }

    fn items_from(&self, specs: &[SaleItemSpec], now: Millis) -> Result<Vec<SaleItem>, Rejection> {
        if specs.is_empty() || specs.len() > ITEMS_MAX {
            return Err(invalid("items", "must be 1 to 500"));
        }
        let mut seen = BTreeSet::new();
        if specs.iter().any(|item| !seen.insert(&item.sku)) {
            return Err(invalid("items", "name a SKU twice"));
        }
        specs.iter().map(|item| self.item_from(item, now)).collect()
    }

    fn item_from(&self, spec: &SaleItemSpec, now: Millis) -> Result<SaleItem, Rejection> {
        let list_price = self.catalog.sku(&spec.sku).ok_or(Rejection::SkuUnknown)?.price_minor;
        if !self.catalog.is_listed(&spec.sku) {
            return Err(Rejection::NotForSale { sku: spec.sku.clone() });
        }
        if !(1..=TOTAL_UNITS_MAX).contains(&spec.total_units) {
            return Err(invalid("total_units", "must be 1 to 1,000,000"));
        }
        if !(1..=spec.total_units).contains(&spec.per_buyer_units) {
            return Err(invalid("per_buyer_units", "must be 1 to the total"));
        }
        if spec.price_minor.0 == 0 || spec.price_minor.0 > PRICE_MINOR_MAX {
            return Err(invalid("price_minor", "is out of its range"));
        }
        if spec.price_minor > list_price {
            return Err(invalid("price_minor", "is above the list price"));
        }
        if spec.price_minor > self.lowest_price(&spec.sku, now) {
            return Err(invalid("price_minor", "is above what the goods cost without it"));
        }
        Ok(SaleItem {
            sku: spec.sku.clone(),
            total_units: spec.total_units,
            per_buyer_units: spec.per_buyer_units,
            price_minor: spec.price_minor,
        })
    }
}

/// How its first claims are drawn, if they are.
fn draw_terms(spec: &SaleSpec) -> Result<Option<DrawTerms>, Rejection> {
    let Some(draw) = &spec.draw else { return Ok(None) };
    let window = (SpanMs(100), SpanMs::minutes(1));
    if !(window.0..=window.1).contains(&draw.window_ms) {
        return Err(invalid("window_ms", "must be 100 ms to 1 min"));
    }
    lot::check_commitment(&draw.commitment)?;
    let seed_hash = draw.commitment.seed_hash.clone();
    Ok(Some(DrawTerms { window_ms: draw.window_ms, seed_hash }))
}

/// When a sale is announced and when it starts, unless it is a draft.
fn first_times(
    spec: &SaleSpec,
    countdown_ms: SpanMs,
    now: Millis,
) -> Result<Option<(Millis, Millis)>, Rejection> {
    let Some(starts_at) = spec.starts_at else {
        return match spec.announce_at {
            Some(_) => Err(invalid("announce_at", "needs starts_at")),
            None => Ok(None),
        };
    };
    check_start(starts_at, now)?;
    let announce_at = spec.announce_at.unwrap_or(starts_at - countdown_ms);
    if announce_at > starts_at {
        return Err(invalid("announce_at", "is after starts_at"));
    }
    if announce_at.0 < 0 {
        return Err(invalid("announce_at", "is out of its range"));
    }
    Ok(Some((announce_at, starts_at)))
}

fn check_start(starts_at: Millis, now: Millis) -> Result<(), Rejection> {
    if starts_at < now {
        return Err(invalid("starts_at", "is in the past"));
    }
    if starts_at > now + AHEAD_MAX {
        return Err(invalid("starts_at", "is more than a year ahead"));
    }
    Ok(())
}

impl Shop {
    /// What `change` means for `sale`: every new value, or why it cannot be.
    pub(super) fn update_from(
        &self,
        id: &SaleId,
        sale: &Sale,
        change: &SaleChange,
        now: Millis,
    ) -> Result<SaleUpdated, Rejection> {
        if sale.phase.is_over() {
            return Err(Rejection::SaleNotReady { state: sale.state() });
        }
        if *change == SaleChange::default() {
            return Err(invalid("change", "is empty"));
        }
        let reminder_text = match &change.reminder_text {
            Some(text) => Some(text::line_or_empty("reminder_text", text, REMINDER_CHARS_MAX)?),
            None => None,
        };
        self.check_totals(sale, &change.totals)?;
        let times = new_times(sale, change, now)?;
        Ok(SaleUpdated {
            sale: id.clone(),
            announce_at: times.announce_at,
            starts_at: times.starts_at,
            ends_at: times.ends_at,
            totals: change.totals.clone(),
            reminder_text,
        })
    }

    fn check_totals(&self, sale: &Sale, totals: &[(SkuId, u32)]) -> Result<(), Rejection> {
        let mut seen = BTreeSet::new();
        for (sku, total_units) in totals {
            let item = sale.item(sku).ok_or(Rejection::SkuUnknown)?;
            if !seen.insert(sku) {
                return Err(invalid("totals", "name a SKU twice"));
            }
            let floor_units = item.stock.total() - item.stock.available();
            if *total_units < floor_units {
                return Err(Rejection::TotalTooLow { sku: sku.clone(), floor_units });
            }
            if !(1..=TOTAL_UNITS_MAX).contains(total_units) {
                return Err(invalid("total_units", "must be 1 to 1,000,000"));
            }
            let more = total_units.saturating_sub(item.stock.total());
            if sale.phase.has_stock() {
                self.check_free(sku, u64::from(more))?;
            }
        }
        Ok(())
    }
}

/// The times after a change; absent ones stay.
#[derive(Default)]
struct NewTimes {
    announce_at: Option<Millis>,
    starts_at: Option<Millis>,
    ends_at: Option<Millis>,
}

/// A moved start takes the announcement before it and the end with it, unless the end is given.
fn new_times(sale: &Sale, change: &SaleChange, now: Millis) -> Result<NewTimes, Rejection> {
    if change.starts_at.is_none() && change.ends_at.is_none() {
        return Ok(NewTimes::default());
    }
    let lead_and_run = match sale.phase {
        Phase::Draft => (Some(sale.terms.countdown_ms), sale.terms.run_ms),
        Phase::Scheduled { announce_at, starts_at, ends_at } => {
            (Some(starts_at.since(announce_at)), ends_at.since(starts_at))
        }
        Phase::Announced { starts_at, ends_at } => (None, ends_at.since(starts_at)),
        Phase::Live { starts_at, ends_at } => (None, ends_at.since(starts_at)),
        Phase::Ended | Phase::Cancelled => (None, SpanMs(0)),
    };
    let before = sale.phase.times();
    let starts_at = match (change.starts_at, before) {
        (Some(_), _) if matches!(sale.phase, Phase::Live { .. }) => {
            return Err(Rejection::SaleNotReady { state: sale.state() });
        }
        (Some(starts_at), _) => {
            check_start(starts_at, now)?;
            starts_at
        }
        (None, Some((starts_at, _))) => starts_at,
        (None, None) => return Err(invalid("ends_at", "needs starts_at")),
    };
    let (lead_ms, run_ms) = lead_and_run;
    let ends_at = change.ends_at.unwrap_or(starts_at + run_ms);
    if ends_at <= now || !(RUN.0..=RUN.1).contains(&ends_at.since(starts_at)) {
        return Err(invalid("ends_at", "must be 1 s to 24 h after the start, and not yet past"));
    }
    Ok(NewTimes {
        announce_at: change.starts_at.and(lead_ms).map(|lead_ms| starts_at - lead_ms),
        starts_at: change.starts_at,
        ends_at: Some(ends_at),
    })
}
