//! Tasks that an event of the shop completes: a word in a comment, a purchase. Owns whom they make
//! ready to claim; watching is `watch`'s, following is looked up when it counts.

use super::campaign::{Campaign, Phase};
use crate::command::Task;
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, RoomId, UserId};
use crate::shop::Shop;
use crate::shop::flash_sale::scope_has;
use crate::text;
use crate::time::{Millis, SpanMs};
use crate::view::promo::ProgressView;

impl Shop {
    fn completes<'a>(
        &'a self,
        buyer: &'a UserId,
        now: Millis,
        does: impl Fn(&Campaign) -> bool + 'a,
    ) -> impl Iterator<Item = Event> + 'a {
        let open = self.promo.campaigns.iter().filter(move |(_, campaign)| {
            campaign.phase == Phase::Open
                && !campaign.completed.contains(buyer)
                && does(campaign)
                && campaign.closes_at().is_none_or(|at| now < at)
        });
        open.map(move |(id, _)| {
            let (campaign, buyers) = (id.clone(), vec![buyer.clone()]);
            Event::Promo(PromoEvent::TaskCompleted { campaign, buyers, due_at: now })
        })
    }

    /// What a comment completes. A keyword is met where it stands as a word of its own.
    pub(in crate::shop) fn tasks_done_by_comment(
        &self,
        room: &RoomId,
        buyer: &UserId,
        said: &str,
        now: Millis,
    ) -> Vec<Event> {
        let waits = |campaign: &Campaign| {
            matches!(campaign.spec.task, Task::Comment { .. }) && campaign.phase == Phase::Open
        };
        if !self.promo.campaigns.values().any(waits) {
            return Vec::new();
        }
        let said = text::folded(said);
        let does = |campaign: &Campaign| {
            let Task::Comment { keyword } = &campaign.spec.task else { return false };
            scope_has(&campaign.spec.rooms, room) && says(&said, keyword)
        };
        self.completes(buyer, now, does).collect()
    }

    /// What a paid order completes: tasks, and the way into draws.
    pub(in crate::shop) fn done_by_purchase(&self, buyer: &UserId, now: Millis) -> Vec<Event> {
        let does = |campaign: &Campaign| campaign.spec.task == Task::Purchase;
        let tasks = self.completes(buyer, now, does);
        tasks.chain(self.draws_entered_by_purchase(buyer)).collect()
    }

    pub(super) fn on_task_completed(&mut self, id: &CampaignId, buyers: &[UserId]) {
        self.change_campaign(id, |campaign| {
            for buyer in buyers {
                if campaign.completed.insert(buyer.clone(), ()).is_none() {
                    campaign.counts.completed += 1;
                }
            }
        });
    }

    /// What of a watch task is written down.
    pub(super) fn shown_progress(
        &self,
        id: &CampaignId,
        campaign: &Campaign,
        buyer: &UserId,
    ) -> SpanMs {
        self.progress_view(id, campaign, buyer).map_or(SpanMs(0), |view| view.watched_ms)
    }

    /// The buyer's progress in a watch task, if it is one.
    pub(in crate::shop) fn progress_view(
        &self,
        id: &CampaignId,
        campaign: &Campaign,
        buyer: &UserId,
    ) -> Option<ProgressView> {
        let Task::Watch { needed_ms } = campaign.spec.task else { return None };
        let completed = campaign.completed.contains(buyer);
        let watched = self.written_progress(campaign, buyer);
        let watched_ms = if completed { needed_ms } else { watched.min(needed_ms) };
        Some(ProgressView {
            campaign: id.clone(),
            buyer: buyer.clone(),
            watched_ms,
            needed_ms,
            completed,
        })
    }
}

/// Whether the folded `said` has the folded `word` between two edges.
pub(in crate::shop) fn says(said: &str, word: &str) -> bool {
    said.match_indices(word)
        .any(|(from, found)| text::is_edge(said, from) && text::is_edge(said, from + found.len()))
}
