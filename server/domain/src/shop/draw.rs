//! Lucky draws of rooms: one at a time, with a seed that is promised before and revealed after.
//! Owns a draw's life and who may win; the formula is `lot`'s.

mod decide;
mod prize;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Shop;
use super::archive::ARCHIVE_AFTER;
use super::due::DueItem;
use super::invariant::{ensure, must};
use crate::command::Task;
use crate::event::promo::DrawStarted;
use crate::id::{DrawId, RoomId, UserId};
use crate::time::{Millis, SpanMs};
use crate::view::promo::{DrawState, DrawView, PrizeState, WinnerView};

/// The longest window in which wins are counted.
const WINS_MEMORY: SpanMs = SpanMs::days(90);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Draws {
    pub(super) draws: BTreeMap<DrawId, Draw>,
    /// Who won when, the oldest first.
    wins: VecDeque<(Millis, UserId)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Draw {
    terms: Terms,
    state: DrawState,
    entrants: BTreeSet<UserId>,
    /// Sorted, once it has closed.
    eligible: Vec<UserId>,
    seed: Option<String>,
    winners: Vec<WinnerView>,
    passed_over: Vec<UserId>,
    /// Who comes next, should a prize be left.
    next: VecDeque<UserId>,
    /// Where the viewers of its room stood when it started, for a watch task.
    pub(super) watch_base: Vec<u32>,
    done_at: Option<Millis>,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Terms {
    room: RoomId,
    title: String,
    winners: u32,
    task: Task,
    closes_at: Millis,
    address_ms: SpanMs,
    next_in_order: bool,
    wins_max: u32,
    repeat_window_ms: SpanMs,
    seed_hash: String,
}

impl Draw {
    fn started(started: &DrawStarted) -> Self {
        let terms = Terms {
            room: started.room.clone(),
            title: started.title.clone(),
            winners: started.winners,
            task: started.task.clone(),
            closes_at: started.closes_at,
            address_ms: started.address_ms,
            next_in_order: started.next_in_order,
            wins_max: started.wins_max,
            repeat_window_ms: started.repeat_window_ms,
            seed_hash: started.seed_hash.clone(),
        };
        Self {
            terms,
            state: DrawState::Running,
            entrants: BTreeSet::new(),
            eligible: Vec::new(),
            seed: None,
            winners: Vec::new(),
            passed_over: Vec::new(),
            next: VecDeque::new(),
            watch_base: Vec::new(),
            done_at: None,
            version: 1,
        }
    }

    pub(super) fn runs_in(&self, room: &RoomId) -> bool {
        self.state == DrawState::Running && self.terms.room == *room
    }

    /// It counts what is watched in the room.
    pub(super) fn watches(&self, room: &RoomId) -> bool {
        self.runs_in(room) && matches!(self.terms.task, Task::Watch { .. })
    }

    fn next_address_by(&self) -> Option<Millis> {
        let open = self.winners.iter().filter_map(|winner| match winner.prize {
            PrizeState::Open { address_by } => Some(address_by),
            PrizeState::Claimed | PrizeState::Forfeited => None,
        });
        open.min()
    }

    /// What time alone will bring about.
    pub(super) fn dues(&self, id: &DrawId) -> Vec<(Millis, DueItem)> {
        let due = match self.state {
            DrawState::Running => Some((self.terms.closes_at, DueItem::DrawClose(id.clone()))),
            DrawState::Closed => None,
            DrawState::Drawn => self.next_address_by().map(|at| (at, DueItem::Prizes(id.clone()))),
            DrawState::Done => {
                self.done_at.map(|at| (at + ARCHIVE_AFTER, DueItem::DrawArchive(id.clone())))
            }
        };
        due.into_iter().collect()
    }

    /// Every prize is claimed or lost: nothing more happens.
    fn rest(&mut self, at: Millis) {
        if self.state == DrawState::Drawn && self.next_address_by().is_none() {
            self.state = DrawState::Done;
            self.done_at = Some(at);
        }
    }
}

impl Draws {
    fn wins_of(&self, buyer: &UserId, window: SpanMs, now: Millis) -> u32 {
        let recent = self.wins.iter().rev().take_while(|(at, _)| now.since(*at) < window);
        let own = recent.filter(|(_, winner)| winner == buyer).count();
        u32::try_from(own).unwrap_or(u32::MAX)
    }

    fn note_win(&mut self, buyer: &UserId, at: Millis) {
        while self.wins.front().is_some_and(|(old, _)| at.since(*old) >= WINS_MEMORY) {
            self.wins.pop_front();
        }
        self.wins.push_back((at, buyer.clone()));
    }

    /// A prize that was not claimed was no win.
    fn forget_win(&mut self, buyer: &UserId) {
        if let Some(place) = self.wins.iter().rposition(|(_, winner)| winner == buyer) {
            self.wins.remove(place);
        }
    }
}

impl Shop {
    pub fn draw_view(&self, id: &DrawId) -> Option<DrawView> {
        let draw = self.draws.draws.get(id)?;
        Some(DrawView {
            draw: id.clone(),
            room: draw.terms.room.clone(),
            title: draw.terms.title.clone(),
            state: draw.state,
            winners_max: draw.terms.winners,
            task: draw.terms.task.clone(),
            closes_at: draw.terms.closes_at,
            seed_hash: draw.terms.seed_hash.clone(),
            entries: u32::try_from(draw.entrants.len()).unwrap_or(u32::MAX),
            eligible: draw.eligible.clone(),
            seed: draw.seed.clone(),
            winners: draw.winners.clone(),
            passed_over: draw.passed_over.clone(),
            version: draw.version,
        })
    }

    /// Every draw that is in memory, by id.
    pub fn draws(&self) -> Vec<DrawView> {
        self.draws.draws.keys().filter_map(|id| self.draw_view(id)).collect()
    }

    /// Running draws that a buyer is in.
    pub(super) fn draws_of(&self, buyer: &UserId) -> Vec<DrawId> {
        let running = self.draws.draws.iter().filter(|(_, draw)| draw.state == DrawState::Running);
        let own = running.filter(|(_, draw)| draw.entrants.contains(buyer));
        own.map(|(id, _)| id.clone()).collect()
    }

    /// Draws that have closed and wait for their seed.
    pub fn draws_awaiting_seed(&self) -> impl Iterator<Item = &DrawId> {
        let closed = self.draws.draws.iter().filter(|(_, draw)| draw.state == DrawState::Closed);
        closed.map(|(id, _)| id)
    }

    pub(super) fn next_draw_seed_due(&self) -> Option<Millis> {
        let closed = self.draws.draws.values().filter(|draw| draw.state == DrawState::Closed);
        closed.map(|draw| draw.terms.closes_at).min()
    }

    /// Changes a draw and keeps the due queue to what it asks for.
    fn change_draw(&mut self, id: &DrawId, change: impl FnOnce(&mut Draw)) {
        let draw = must(self.draws.draws.get_mut(id), "draw");
        draw.dues(id).into_iter().for_each(|(at, item)| self.due.remove(at, item));
        change(draw);
        draw.version += 1;
        draw.dues(id).into_iter().for_each(|(at, item)| self.due.add(at, item));
    }

    pub(super) fn check_draws(&self) -> Result<(), String> {
        let mut rooms = BTreeSet::new();
        for (id, draw) in &self.draws.draws {
            let running = draw.state == DrawState::Running;
            let alone = !running || rooms.insert(&draw.terms.room);
            ensure(alone, || format!("draw {id} runs beside another"))?;
            ensure(draw.eligible.is_sorted(), || format!("draw {id}: not sorted"))?;
            let kept = draw.winners.iter().filter(|winner| winner.prize != PrizeState::Forfeited);
            let fits = kept.count() <= draw.terms.winners as usize;
            ensure(fits, || format!("draw {id} has too many winners"))?;
        }
        Ok(())
    }
}
