//! How far buyers are in watch tasks, and who is through. Owns the comparison with what a task
//! needs; grants nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{WatchRoom, clock_ms};
use crate::command::AudienceRule;
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, RoomId, UserId};
use crate::shop::Shop;
use crate::shop::flash_sale::scope_has;
use crate::shop::promo::Campaign;
use crate::time::{Millis, SpanMs};
use crate::view::promo::{ProgressView, WatchTaskView};

/// Buyers that one step names.
const BUYERS_A_STEP: usize = 256;

impl Campaign {
    fn base_ms(&self, room: &RoomId, number: u32) -> u32 {
        let base = self.watch_base.get(room).and_then(|base| base.get(number as usize));
        base.copied().unwrap_or(0)
    }
}

impl WatchRoom {
    fn written_of(&self, buyer: &UserId) -> Option<(u32, u32)> {
        let number = *self.live.numbers.get(buyer)?;
        Some((number, self.written_ms.get(number as usize).copied().unwrap_or(0)))
    }
}

impl Shop {
    /// What of a buyer's watch time is written down and counts for a campaign: the sum over all
    /// rooms of the shop, or the most in one of the campaign's.
    pub(in crate::shop) fn written_progress(&self, campaign: &Campaign, buyer: &UserId) -> SpanMs {
        let rooms = self.watch.rooms.iter();
        let parts = rooms.filter_map(|(id, room)| {
            campaign.remembers_watching(id).then_some(())?;
            let (number, written_ms) = room.written_of(buyer)?;
            Some(u64::from(written_ms.saturating_sub(campaign.base_ms(id, number))))
        });
        let adds_up = campaign.spec.rooms.adds_up();
        SpanMs(if adds_up { parts.sum() } else { parts.max().unwrap_or(0) })
    }

    /// What he watched elsewhere and what counts with it.
    fn progress_elsewhere(&self, campaign: &Campaign, room: &RoomId, buyer: &UserId) -> u32 {
        if !campaign.spec.rooms.adds_up() {
            return 0;
        }
        let parts = self.watch.others(room).filter_map(|(id, other)| {
            let number = *other.live.numbers.get(buyer)?;
            let row = other.live.rows.get(number as usize)?;
            Some(row.settled_ms().saturating_sub(campaign.base_ms(id, number)))
        });
        parts.sum()
    }

    /// How much a viewer of a room lacks for each task that he has not done.
    fn lacks<'a>(
        &'a self,
        room: &'a RoomId,
        number: u32,
        now_ms: u32,
    ) -> impl Iterator<Item = (&'a CampaignId, u32)> {
        let found = self.watch.rooms.get(room);
        let viewer = found.and_then(|found| found.viewer(number));
        let tasks = found.into_iter().flat_map(move |found| {
            let watched = found.live.rows.get(number as usize).map(|row| row.watched_ms(now_ms));
            found.live.tasks.iter().map(move |(id, needed)| (id, *needed, watched))
        });
        tasks.filter_map(move |(id, needed_ms, watched_ms)| {
            let campaign = self.promo.campaigns.get(id)?;
            let viewer = viewer?;
            if campaign.completed.contains(viewer) {
                return None;
            }
            let here = watched_ms?.saturating_sub(campaign.base_ms(room, number));
            let done = here.saturating_add(self.progress_elsewhere(campaign, room, viewer));
            Some((id, needed_ms.saturating_sub(done)))
        })
    }

    /// Notes when this viewer will be through with a task, if his heartbeats reach so far.
    pub(super) fn expect_completion(&mut self, room: &RoomId, number: u32) {
        let Some(row) =
            self.watch.rooms.get(room).and_then(|found| found.live.rows.get(number as usize))
        else {
            return;
        };
        let (tick_ms, until_ms, before) = (row.last_tick_ms(), row.until_ms(), row.soon_ms());
        let least = self.lacks(room, number, tick_ms).map(|(_, lacks_ms)| lacks_ms).min();
        let at = least.map(|lacks_ms| tick_ms.saturating_add(lacks_ms));
        let at = at.filter(|at| *at <= until_ms || *at == tick_ms);
        if at == before {
            return;
        }
        let Some(found) = self.watch.rooms.get_mut(room) else { return };
        if let Some(before) = before {
            found.live.soon.remove(&(before, number));
        }
        if let Some(at) = at {
            found.live.soon.insert((at, number));
        }
        if let Some(row) = found.live.rows.get_mut(number as usize) {
            row.set_soon(at);
        }
    }

    /// The first who will be through, by the wall clock. Nobody is while the live clock stands.
    pub(super) fn next_completion(&self) -> Option<(Millis, &RoomId)> {
        let rooms = self.watch.rooms.iter();
        let firsts = rooms.filter_map(|(id, found)| {
            let (at_ms, _) = found.live.soon.first()?;
            let clock = self.rooms.get(id)?.clock();
            Some((clock.wall(SpanMs(u64::from(*at_ms)))?, id))
        });
        firsts.min()
    }

    /// Who is through by now: an event a campaign, for at most so many buyers a step.
    pub(super) fn completions(&mut self, now: Millis) -> Vec<Event> {
        let Some((due_at, room)) = self.next_completion().filter(|(at, _)| *at <= now) else {
            return Vec::new();
        };
        let room = room.clone();
        let now_ms = self.live_clock(&room, now).map_or(0, clock_ms);
        let Some(found) = self.watch.rooms.get(&room) else { return Vec::new() };
        let ripe = found.live.soon.iter().take_while(|(at_ms, _)| *at_ms <= now_ms);
        let ripe: Vec<u32> = ripe.take(BUYERS_A_STEP).map(|(_, number)| *number).collect();
        let mut done: BTreeMap<CampaignId, Vec<UserId>> = BTreeMap::new();
        for number in &ripe {
            let Some(viewer) = found.viewer(*number) else { continue };
            for (campaign, _) in self.lacks(&room, *number, now_ms).filter(|(_, lack)| *lack == 0) {
                done.entry(campaign.clone()).or_default().push(viewer.clone());
            }
        }
        let events = done.into_iter().map(|(campaign, buyers)| {
            Event::Promo(PromoEvent::TaskCompleted { campaign, buyers, due_at })
        });
        let events: Vec<_> = events.collect();
        if events.is_empty() {
            ripe.into_iter().for_each(|number| self.forget_completion(&room, number));
        }
        events
    }

    fn forget_completion(&mut self, room: &RoomId, number: u32) {
        let Some(found) = self.watch.rooms.get_mut(room) else { return };
        let Some(row) = found.live.rows.get_mut(number as usize) else { return };
        if let Some(at_ms) = row.set_soon(None) {
            found.live.soon.remove(&(at_ms, number));
        }
    }

    /// These are through with a task: the next one is what they wait for now.
    pub(in crate::shop) fn watch_tasks_done(&mut self, id: &CampaignId, buyers: &[UserId]) {
        let Some(scope) = self.promo.campaigns.get(id).map(|found| found.spec.rooms.clone()) else {
            return;
        };
        let rooms = self.watch.rooms.keys();
        let rooms = rooms.filter(|room| scope_has(&scope, room));
        for room in rooms.cloned().collect::<Vec<_>>() {
            for buyer in buyers {
                let number = self.watch.rooms.get(&room);
                let number = number.and_then(|found| found.live.numbers.get(buyer).copied());
                if let Some(number) = number {
                    self.expect_completion(&room, number);
                }
            }
        }
    }

    /// The funnel of a watch task, for whoever runs it. Walks over the viewers.
    pub fn watch_task_view(&self, id: &CampaignId) -> Option<WatchTaskView> {
        let campaign = self.promo.campaigns.get(id)?;
        let mut view = WatchTaskView { campaign: id.clone(), started: 0, watched_ms: SpanMs(0) };
        let mut seen = BTreeSet::new();
        for (room, found) in &self.watch.rooms {
            if !campaign.remembers_watching(room) {
                continue;
            }
            for ((number, viewer), written_ms) in (0..).zip(&found.viewers).zip(&found.written_ms) {
                let own = written_ms.saturating_sub(campaign.base_ms(room, number));
                view.watched_ms.0 += u64::from(own);
                if own > 0 && seen.insert(viewer) {
                    view.started += 1;
                }
            }
        }
        Some(view)
    }

    /// Where everybody stands whom a new task finds.
    pub(in crate::shop) fn watch_bases(&self) -> BTreeMap<RoomId, Vec<u32>> {
        let rooms = self.watch.rooms.iter().filter(|(_, room)| !room.viewers.is_empty());
        rooms.map(|(id, room)| (id.clone(), room.written_ms.clone())).collect()
    }

    /// What a buyer has watched in a room since `base` was noted, up to now.
    pub(in crate::shop) fn watched_since(
        &self,
        room: &RoomId,
        base: &[u32],
        buyer: &UserId,
        now: Millis,
    ) -> SpanMs {
        let now_ms = self.live_clock(room, now).map_or(0, clock_ms);
        let watched = self.watch.rooms.get(room).and_then(|found| {
            let number = *found.live.numbers.get(buyer)? as usize;
            let base_ms = base.get(number).copied().unwrap_or(0);
            Some(found.live.rows.get(number)?.watched_ms(now_ms).saturating_sub(base_ms))
        });
        SpanMs(u64::from(watched.unwrap_or(0)))
    }

    /// The progress of those whom the last checkpoint moved.
    pub(in crate::shop) fn progress_in(&self, room: &RoomId) -> Vec<ProgressView> {
        let Some(found) = self.watch.rooms.get(room) else { return Vec::new() };
        let viewers = found.live.moved.iter().filter_map(|number| found.viewer(*number));
        let views = viewers.flat_map(|viewer| {
            found.live.tasks.iter().filter_map(move |(id, _)| {
                let campaign = self.promo.campaigns.get(id)?;
                self.progress_view(id, campaign, viewer)
            })
        });
        views.collect()
    }

    /// Who watches in the room and fits the segment, as of the push.
    pub(in crate::shop) fn segment_of(
        &self,
        room: &RoomId,
        segment: &[AudienceRule],
    ) -> Vec<UserId> {
        let now = self.promo.last_at;
        let watchers = self.watchers(room, now).into_iter();
        let fits = |buyer: &UserId| self.fits(segment, buyer, room, now);
        watchers.filter(fits).collect()
    }
}
