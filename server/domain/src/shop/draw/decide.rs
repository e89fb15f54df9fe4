//! Starting, entering, closing and drawing. Owns who may enter and who counts at the close; the
//! events own the change.

use super::{Draw, must};
use crate::command::{Actor, DrawSpec, Scope, Seed, Task};
use crate::document::{self, DocumentWrite};
use crate::event::promo::DrawStarted;
use crate::event::{Event, PromoEvent};
use crate::id::{DrawId, RoomId, UserId};
use crate::rejection::Rejection;
use crate::shop::promo::{checked_task, invalid, says, yes};
use crate::shop::{Accepted, Shop, lot};
use crate::text;
use crate::time::{Millis, SpanMs};
use crate::view::RoomState;
use crate::view::promo::{DrawState, PrizeState, WinnerView};

const TITLE_CHARS_MAX: usize = 120;
const WINNERS_MAX: u32 = 1_000;
/// A list of them is one event.
const ENTRANTS_MAX: usize = 100_000;
const RUN: (SpanMs, SpanMs) = (SpanMs::seconds(10), SpanMs::hours(12));
const ADDRESS: (SpanMs, SpanMs) = (SpanMs::hours(1), SpanMs::days(30));
/// What a watch task leaves to those who come late.
const WATCH_SLACK: SpanMs = SpanMs::minutes(2);

impl Shop {
    pub(in crate::shop) fn start_draw(
        &self,
        actor: &Actor,
        id: &DrawId,
        spec: &DrawSpec,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.require_runner(actor, &Scope::Rooms([spec.room.clone()].into()))?;
        if !self.promo.capabilities.lucky_draws {
            return Err(Rejection::NotCapable { capability: "lucky_draws" });
        }
        match self.room_state(&spec.room).ok_or(Rejection::RoomUnknown)? {
            RoomState::Live | RoomState::Paused => {}
            state @ RoomState::Scheduled => return Err(Rejection::RoomNotReady { state }),
            RoomState::Ended => return Err(Rejection::RoomEnded { room: spec.room.clone() }),
        }
        if self.draws.draws.contains_key(id) {
            return Err(Rejection::DrawExists);
        }
        if let Some((draw, _)) = self.draws.draws.iter().find(|(_, draw)| draw.runs_in(&spec.room))
        {
            return Err(Rejection::DrawRunning { draw: draw.clone() });
        }
        let task = checked_spec(spec)?;
        let settings = self.settings();
        let started = PromoEvent::DrawStarted(DrawStarted {
            draw: id.clone(),
            room: spec.room.clone(),
            title: text::line("title", &spec.title, TITLE_CHARS_MAX)?,
            winners: spec.winners,
            task,
            closes_at: now + spec.run_ms,
            address_ms: spec.address_ms,
            next_in_order: spec.next_in_order,
            wins_max: settings.draw_wins_max,
            repeat_window_ms: settings.draw_repeat_window_ms,
            seed_hash: spec.commitment.seed_hash.clone(),
            by: actor.user.clone(),
        });
        let (key, value) = (document::draw_seed_key(id), spec.commitment.sealed.clone());
        let before = self.checkpoint_of(&spec.room, now);
        let events = before.into_iter().chain([Event::Promo(started)]).collect();
        let documents = vec![DocumentWrite::Put { key, value }];
        Ok(Accepted { events, documents, ..Accepted::default() })
    }

    fn draw(&self, id: &DrawId) -> Result<&Draw, Rejection> {
        self.draws.draws.get(id).ok_or(Rejection::DrawUnknown)
    }

    /// Entering again changes nothing. Where the task is a comment or a purchase, that enters.
    pub(in crate::shop) fn enter_draw(
        &self,
        actor: &Actor,
        id: &DrawId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let draw = self.draw(id)?;
        if draw.state != DrawState::Running || now >= draw.terms.closes_at {
            return Err(Rejection::DrawNotReady { state: draw.state });
        }
        self.check_not_banned(&draw.terms.room, &actor.user, now)?;
        if draw.entrants.contains(&actor.user) {
            return Ok(Accepted::default());
        }
        draw.check_room_for_more()?;
        match draw.terms.task {
            Task::None | Task::Follow | Task::Watch { .. } => {}
            Task::Comment { .. } | Task::Purchase => {
                let (watched_ms, needed_ms) = (SpanMs(0), SpanMs(0));
                return Err(Rejection::TaskOpen { watched_ms, needed_ms });
            }
        }
        Ok(yes(entered(id, &actor.user)))
    }

    /// The draws that a comment enters.
    pub(in crate::shop) fn draws_entered_by_comment(
        &self,
        room: &RoomId,
        buyer: &UserId,
        said: &str,
    ) -> Vec<Event> {
        self.entered_where(buyer, |draw| {
            let Task::Comment { keyword } = &draw.terms.task else { return false };
            draw.terms.room == *room && says(&text::folded(said), keyword)
        })
    }

    pub(in crate::shop) fn draws_entered_by_purchase(&self, buyer: &UserId) -> Vec<Event> {
        self.entered_where(buyer, |draw| draw.terms.task == Task::Purchase)
    }

    fn entered_where(&self, buyer: &UserId, does: impl Fn(&Draw) -> bool) -> Vec<Event> {
        let open = self.draws.draws.iter().filter(|(_, draw)| {
            draw.state == DrawState::Running
                && !draw.entrants.contains(buyer)
                && draw.check_room_for_more().is_ok()
                && does(draw)
        });
        open.map(|(id, _)| Event::Promo(entered(id, buyer))).collect()
    }

    pub(in crate::shop) fn on_draw_close_due(&self, id: &DrawId, due_at: Millis) -> Vec<Event> {
        let Some(draw) = self.draws.draws.get(id) else { return Vec::new() };
        vec![self.closing(id, draw, due_at)]
    }

    pub(in crate::shop) fn draw_closing_with_room(
        &self,
        room: &RoomId,
        now: Millis,
    ) -> Option<Event> {
        let (id, draw) = self.draws.draws.iter().find(|(_, draw)| draw.runs_in(room))?;
        Some(self.closing(id, draw, now))
    }

    /// Whoever entered, was there at that time, may be there and had done the task counts.
    fn closing(&self, id: &DrawId, draw: &Draw, due_at: Millis) -> Event {
        let room = &draw.terms.room;
        let there = self.watchers(room, due_at).into_iter();
        let welcome = there.filter(|buyer| self.check_not_banned(room, buyer, due_at).is_ok());
        let entered = welcome.filter(|buyer| draw.entrants.contains(buyer));
        let eligible = entered.filter(|buyer| self.did_task(draw, buyer, due_at)).collect();
        Event::Promo(PromoEvent::DrawClosed { draw: id.clone(), eligible, due_at })
    }

    fn did_task(&self, draw: &Draw, buyer: &UserId, due_at: Millis) -> bool {
        match draw.terms.task {
            Task::None | Task::Comment { .. } | Task::Purchase => true,
            Task::Follow => self.buyers.get(buyer).is_some_and(|row| row.following_since.is_some()),
            Task::Watch { needed_ms } => {
                self.watched_since(&draw.terms.room, &draw.watch_base, buyer, due_at) >= needed_ms
            }
        }
    }

    pub(in crate::shop) fn reveal_draw(
        &self,
        id: &DrawId,
        seed: Seed,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let draw = self.draw(id)?;
        if draw.state != DrawState::Closed {
            return Err(Rejection::DrawNotReady { state: draw.state });
        }
        lot::check_seed(&seed, &draw.terms.seed_hash)?;
        let Draw { terms, eligible, .. } = draw;
        let won = |buyer: &UserId| self.draws.wins_of(buyer, terms.repeat_window_ms, now);
        let (winners, passed_over): (Vec<_>, Vec<_>) =
            lot::ranked(&seed, eligible).into_iter().partition(|buyer| won(buyer) < terms.wins_max);
        let winners = winners.into_iter().take(terms.winners as usize).collect();
        let revealed = PromoEvent::DrawRevealed {
            draw: id.clone(),
            seed: lot::hex(&seed.0),
            winners,
            passed_over,
            address_by: now + terms.address_ms,
        };
        let prefix = document::draw_seed_key(id);
        let documents = vec![DocumentWrite::EraseUnder { prefix }];
        Ok(Accepted { documents, ..yes(revealed) })
    }

    pub(in crate::shop) fn on_draw_started(&mut self, started: &DrawStarted, at: Millis) {
        let mut draw = Draw::started(started);
        if let Task::Watch { .. } = started.task {
            draw.watch_base = self.watch_bases().remove(&started.room).unwrap_or_default();
        }
        draw.dues(&started.draw).into_iter().for_each(|(at, item)| self.due.add(at, item));
        self.draws.draws.insert(started.draw.clone(), draw);
        self.watch_tasks_changed(at);
    }

    pub(in crate::shop) fn on_draw_entered(&mut self, id: &DrawId, buyer: &UserId) {
        self.change_draw(id, |draw| {
            draw.entrants.insert(buyer.clone());
        });
    }

    pub(in crate::shop) fn on_draw_closed(&mut self, id: &DrawId, eligible: &[UserId], at: Millis) {
        self.change_draw(id, |draw| {
            draw.state = DrawState::Closed;
            draw.eligible = eligible.to_vec();
            draw.watch_base = Vec::new();
        });
        self.watch_tasks_changed(at);
    }

    pub(in crate::shop) fn on_draw_revealed(
        &mut self,
        id: &DrawId,
        seed: &str,
        (winners, passed_over): (&[UserId], &[UserId]),
        address_by: Millis,
        at: Millis,
    ) {
        for buyer in winners {
            self.draws.note_win(buyer, at);
        }
        let eligible = &must(self.draws.draws.get(id), "draw").eligible;
        let order = lot::seed_from_hex(seed).map(|seed| lot::ranked(&seed, eligible));
        let rest = order.into_iter().flatten();
        let next = rest.filter(|buyer| !winners.contains(buyer) && !passed_over.contains(buyer));
        let next = next.collect();
        self.change_draw(id, |draw| {
            draw.seed = Some(seed.to_owned());
            draw.passed_over = passed_over.to_vec();
            draw.next = next;
            let open = |buyer: &UserId| WinnerView {
                buyer: buyer.clone(),
                prize: PrizeState::Open { address_by },
            };
            draw.winners = winners.iter().map(open).collect();
            draw.state = DrawState::Drawn;
            draw.rest(at);
        });
    }
}

impl Draw {
    fn check_room_for_more(&self) -> Result<(), Rejection> {
        if self.entrants.len() >= ENTRANTS_MAX {
            return Err(invalid("draw", "has as many entrants as it takes"));
        }
        Ok(())
    }
}

fn entered(id: &DrawId, buyer: &UserId) -> PromoEvent {
    PromoEvent::DrawEntered { draw: id.clone(), buyer: buyer.clone() }
}

fn checked_spec(spec: &DrawSpec) -> Result<Task, Rejection> {
    if !(1..=WINNERS_MAX).contains(&spec.winners) {
        return Err(invalid("winners", "must be 1 to 1,000"));
    }
    if !(RUN.0..=RUN.1).contains(&spec.run_ms) {
        return Err(invalid("run_ms", "must be 10 s to 12 h"));
    }
    if !(ADDRESS.0..=ADDRESS.1).contains(&spec.address_ms) {
        return Err(invalid("address_ms", "must be 1 h to 30 days"));
    }
    lot::check_commitment(&spec.commitment)?;
    let task = checked_task(&spec.task)?;
    if matches!(task, Task::Watch { needed_ms } if needed_ms.0 + WATCH_SLACK.0 > spec.run_ms.0) {
        return Err(invalid("needed_ms", "must end 2 min before the draw does"));
    }
    Ok(task)
}
