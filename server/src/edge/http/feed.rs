//! The event feed: a shop's history for other systems, in pages and with a long poll. Owns how
//! much a page holds and how long one waits; reads the journal through the engine.

use std::time::Duration;

use hawker_domain::event::Entry;
use hawker_domain::id::ShopId;
use hawker_protocol::http::{Event, EventPage, ListEvents};
use hawker_protocol::limits::{EVENT_PAGE_MAX, EVENT_WAIT_MS_MAX};
use hawker_protocol::{Code, Refusal};
use serde_json::Value;
use tokio::time::Instant;

use super::call::Call;
use super::problem::{Answered, ok};
use crate::edge::refusals;
use crate::wire;

/// Lists what happened, in the order it happened.
///
/// A page holds whole journal entries: it ends with the one that brings it to `limit` events. With
/// `wait_ms` a request at the end waits for the next entry. Ask again with `next` as `after`;
/// `version` and `index` of an event together never repeat.
#[utoipa::path(get, path = "/v1/shops/{shop}/events", tag = "events",
    params(
        ("after" = Option<u64>, Query,
            description = "`next` of the page before; absent: from the beginning."),
        ("limit" = Option<u32>, Query, description = "Absent: 1,000, which is also the most."),
        ("wait_ms" = Option<u64>, Query,
            description = "At the end, wait this long for more; at most 30,000."),
    ),
    responses((status = 200, body = EventPage)))]
pub(super) async fn list_events(call: Call) -> Answered {
    let (shop, asked): (_, ListEvents) = (call.shop()?, call.query()?);
    call.admit(&shop, wire::KEEPERS).await?;
    let after = asked.after.unwrap_or_default().0;
    check_after(&call, &shop, after).await?;
    let events_max = asked.limit.unwrap_or(EVENT_PAGE_MAX).clamp(1, EVENT_PAGE_MAX) as usize;
    let wait_ms = asked.wait_ms.unwrap_or_default().0.min(EVENT_WAIT_MS_MAX);
    let until = Instant::now() + Duration::from_millis(wait_ms);
    ok(&page_until(&call, &shop, after, events_max, until).await?)
}

/// A version that is not there yet was read from another history: say so rather than wait for it.
async fn check_after(call: &Call, shop: &ShopId, after: u64) -> Result<(), Refusal> {
    let position = call.service().engine().position(shop).await;
    let version = position.map_err(|error| refusals::of_journal(&error))?.version;
    if after <= version {
        return Ok(());
    }
    Err(Refusal::invalid_field("after", "lies beyond the end of this history")
        .detail("version", version))
}

async fn page_until(
    call: &Call,
    shop: &ShopId,
    after: u64,
    events_max: usize,
    until: Instant,
) -> Result<EventPage, Refusal> {
    loop {
        let is_patient = Instant::now() < until && !call.state().shutdown.is_cancelled();
        // Asked for before the page is read, so that nothing falls between the two. It keeps the
        // shop in memory; once it is told off, the next round asks anew.
        let versions = is_patient.then(|| call.service().engine().versions(shop));
        let mut versions = versions.transpose().map_err(refusals::of_engine)?;
        if let Some(versions) = &mut versions {
            versions.mark_unchanged();
        }
        let page = page(call, shop, after, events_max).await?;
        let Some(mut versions) = versions.filter(|_| page.events.is_empty()) else {
            return Ok(page);
        };
        tokio::select! {
            _ = versions.changed() => {}
            () = tokio::time::sleep_until(until) => {}
            () = call.state().shutdown.cancelled() => {}
        }
    }
}

async fn page(
    call: &Call,
    shop: &ShopId,
    after: u64,
    events_max: usize,
) -> Result<EventPage, Refusal> {
    let engine = call.service().engine();
    let records = engine.records(shop, after, events_max).await;
    let mut page = EventPage { events: Vec::new(), next: after, end: false };
    for record in records.map_err(|error| refusals::of_journal(&error))? {
        if page.events.len() >= events_max {
            break;
        }
        page.next = record.position.version;
        add(&mut page.events, page.next, &record.entries)?;
    }
    let position = engine.position(shop).await.map_err(|error| refusals::of_journal(&error))?;
    page.end = page.next >= position.version;
    Ok(page)
}

fn add(events: &mut Vec<Event>, version: u64, entries: &[Entry]) -> Result<(), Refusal> {
    let mut index = 0;
    for entry in entries {
        for event in &entry.events {
            events.push(shown(version, index, entry, event)?);
            index += 1;
        }
    }
    Ok(())
}

fn shown(
    version: u64,
    index: u32,
    entry: &Entry,
    event: &hawker_domain::Event,
) -> Result<Event, Refusal> {
    let (kind, data) = match serde_json::to_value(event) {
        Ok(Value::Object(mut fields)) => (fields.remove("type"), fields.remove("data")),
        _ => (None, None),
    };
    let Some(Value::String(kind)) = kind else {
        tracing::error!(version, index, "an event has no JSON form");
        return Err(Refusal::new(Code::Internal));
    };
    let by = entry.by.as_ref();
    Ok(Event {
        version,
        index,
        at: wire::at(entry.at),
        user: by.map(|by| wire::id(by.user.clone())),
        command_id: by.map(|by| wire::id(by.command.clone())),
        kind,
        data: data.unwrap_or_default(),
    })
}
