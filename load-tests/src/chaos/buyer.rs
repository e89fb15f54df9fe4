//! A restless buyer for a server that is about to die: claims, orders, gives up and waits, and
//! remembers exactly what he was told and what he was not.

mod roaming;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::number::Quantity;
use hawker_protocol::reply::OrderChanged;
use hawker_protocol::request::{
    Basket, CouponChoice, OrderCancel, OrderPlace, ReservationRelease, RoomJoin, SaleClaim,
    SaleWaitlist,
};
use hawker_protocol::{Id, Request};
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep_until};

use super::cycle::Stage;
use crate::api::{id, list};
use crate::audit::{Acks, Audit};
use crate::chance::Chance;
use crate::claims::reservation;
use crate::line;
use crate::people;
use crate::talk::{Asked, Heard, Talk};
use crate::token::Person;

/// Between two commands of one buyer.
const THINK_MS: f64 = 6.0;
/// Accepted commands that are asked once more after the crash.
const ASKED_AGAIN_MAX: usize = 24;

/// A yes, to be compared with the yes to the same command after the crash.
#[derive(Debug)]
struct Accepted {
    request: Request,
    ok: Value,
}

#[derive(Debug)]
pub(super) struct Buyer {
    pub(super) user: String,
    chance: Chance,
    stage: Arc<Stage>,
    commands: u64,
    holds: Vec<Id>,
    pub(super) orders: Vec<Id>,
    accepted: Vec<Accepted>,
    pub(super) acks: Acks,
    /// When he was told of each accepted command.
    pub(super) told_at: Vec<(Instant, String)>,
    unanswered: Vec<Request>,
    /// Commands that went out on more than one connection: the first may still be on its way when
    /// the second is refused, and be carried out after it.
    repeated: HashSet<Id>,
    /// Those of them that were refused.
    refused_again: Vec<String>,
    /// The node of several that he is on.
    node: usize,
}

/// What asking again showed.
#[derive(Debug, Default, Clone)]
pub(super) struct Retried {
    pub(super) unanswered: u64,
    pub(super) compared: u64,
    /// Told the same thing at a later version.
    pub(super) newer: u64,
    pub(super) differences: Vec<String>,
}

impl Buyer {
    pub(super) fn new(stage: Arc<Stage>, number: usize) -> Self {
        Self {
            user: format!("b{number}"),
            chance: Chance::branch(stage.seed, number as u64),
            stage,
            commands: 0,
            holds: Vec::new(),
            orders: Vec::new(),
            accepted: Vec::new(),
            acks: Acks::default(),
            told_at: Vec::new(),
            unanswered: Vec::new(),
            repeated: HashSet::new(),
            refused_again: Vec::new(),
            node: number,
        }
    }

    async fn connect(&self) -> Result<Talk<()>> {
        let person = Person::buyer(&self.user, self.stage.shop.as_str());
        let mut socket = self.stage.target.connect(self.node, person).await?;
        let (shop, room) = (self.stage.shop.clone(), self.stage.room.clone());
        socket.ask(&RoomJoin { shop, room }.into()).await?;
        Ok(Talk::new(socket))
    }

    /// Buys until the server is gone.
    pub(super) async fn shop(mut self) -> Result<Self> {
        let mut talk = self.connect().await?;
        // The error is the server's death, which is what was waited for.
        let died = self.buy(&mut talk).await;
        debug_assert!(died.is_err());
        let unanswered = talk.into_unanswered().into_iter().map(|asked| asked.request);
        self.unanswered.extend(unanswered.filter(|request| request.command_id().is_some()));
        Ok(self)
    }

    async fn buy(&mut self, talk: &mut Talk<()>) -> Result<()> {
        let mut text = String::new();
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                filled = talk.socket.fill() => filled?,
                () = sleep_until(next) => {
                    let request = self.choose()?;
                    talk.send_again(next);
                    talk.ask(request, next, ());
                    next += Duration::from_secs_f64(self.chance.exponential(THINK_MS) / 1_000.0);
                }
            }
            while talk.socket.next(&mut text)? {
                for line in text.lines() {
                    let heard = talk.hear(line)?;
                    self.on_heard(heard)?;
                }
            }
        }
    }

    fn choose(&mut self) -> Result<Request> {
        self.commands += 1;
        let (user, number) = (&self.user, self.commands);
        let command_id = id(&format!("{}-{user}-{number}", self.stage.name))?;
        let (shop, room, sale) =
            (self.stage.shop.clone(), self.stage.room.clone(), self.stage.sale.clone());
        let sku = id(&self.stage.skus[self.chance.below(self.stage.skus.len())])?;
        let quantity = Quantity(if self.chance.happens(0.2) { 2 } else { 1 });
        let dice = self.chance.unit();
        Ok(match dice {
            ..0.30 if !self.holds.is_empty() => {
                let held = self.holds.swap_remove(self.chance.below(self.holds.len()));
                let basket = Basket::Reservations(list(vec![held])?);
                let address = people::address(user)?;
                let coupons = CouponChoice::Best;
                OrderPlace { shop, command_id, basket, address, coupons, room: None }.into()
            }
            ..0.45 if !self.holds.is_empty() => {
                let reservation = self.holds.swap_remove(self.chance.below(self.holds.len()));
                ReservationRelease { shop, command_id, reservation }.into()
            }
            ..0.55 if !self.orders.is_empty() => {
                let order = self.orders.swap_remove(self.chance.below(self.orders.len()));
                OrderCancel { shop, command_id, order }.into()
            }
            0.9.. => SaleWaitlist { shop, command_id, room, sale, sku, quantity }.into(),
            _ => SaleClaim {
                shop,
                command_id,
                room,
                sale,
                sku,
                quantity,
                coupons: CouponChoice::Best,
            }
            .into(),
        })
    }

    fn on_heard(&mut self, heard: Heard<'_, ()>) -> Result<()> {
        match heard {
            Heard::Yes { asked, line } => self.on_yes(asked.request, line)?,
            Heard::No { asked, code, .. } => self.on_no(&asked, code),
            Heard::Push { .. } | Heard::NotYet { .. } => {}
        }
        Ok(())
    }

    fn on_yes(&mut self, request: Request, line: &str) -> Result<()> {
        let Some(command) = request.command_id().cloned() else { return Ok(()) };
        let made = reservation(line);
        match &request {
            Request::SaleClaim(_) => match &made {
                Some(made) => self.holds.push(id(made)?),
                None => {
                    self.acks.already(&self.user, command.as_str());
                    return Ok(());
                }
            },
            Request::OrderPlace(_) => {
                let changed: OrderChanged = line::ok(line)?;
                self.stage.on_order(&changed.order);
                self.orders.push(changed.order.order);
            }
            _ => {}
        }
        let made = made.filter(|_| matches!(request, Request::SaleClaim(_)));
        self.acks.accepted(&self.user, command.as_str(), made.as_deref());
        self.told_at.push((Instant::now(), command.to_string()));
        self.accepted.push(Accepted { request, ok: line::ok(line)? });
        Ok(())
    }

    fn on_no(&mut self, asked: &Asked<()>, code: &str) {
        match asked.request.command_id() {
            Some(command) if self.repeated.contains(command) => {
                self.refused_again.push(command.to_string());
            }
            Some(command) => self.acks.refused(&self.user, command.as_str(), code),
            None => {}
        }
    }

    /// Commands that were refused on one way and carried out on another.
    pub(super) fn done_on_another_way(&self, audit: &Audit) -> u64 {
        let commands = &audit.ledger.commands;
        let done = self.refused_again.iter().filter(|it| commands.has(&self.user, it));
        done.count() as u64
    }

    /// After the crash, of several nodes on the next one: asks for every answer that did not come,
    /// and for some that did.
    pub(super) async fn ask_again(mut self) -> Result<(Self, Retried)> {
        let mut retried = Retried::default();
        self.node += 1;
        let mut talk = self.connect().await?;
        for request in std::mem::take(&mut self.unanswered) {
            retried.unanswered += 1;
            talk.ask(request, Instant::now(), ());
            self.settle(&mut talk, None, &mut retried).await?;
        }
        let known = std::mem::take(&mut self.accepted);
        let spread = known.len().div_ceil(ASKED_AGAIN_MAX).max(1);
        for accepted in known.into_iter().step_by(spread) {
            retried.compared += 1;
            talk.ask(accepted.request, Instant::now(), ());
            self.settle(&mut talk, Some(&accepted.ok), &mut retried).await?;
        }
        talk.socket.close().await;
        Ok((self, retried))
    }

    /// Waits for the one answer. With `first` it must say the same again.
    async fn settle(
        &mut self,
        talk: &mut Talk<()>,
        first: Option<&Value>,
        retried: &mut Retried,
    ) -> Result<()> {
        let mut text = String::new();
        while !talk.is_idle() {
            match talk.next_again() {
                None => talk.socket.fill().await?,
                Some(due) => {
                    sleep_until(due).await;
                    talk.send_again(Instant::now());
                    talk.socket.flush().await?;
                }
            }
            while talk.socket.next(&mut text)? {
                self.on_frame(talk, &text, first, retried)?;
            }
        }
        Ok(())
    }

    fn on_frame(
        &mut self,
        talk: &mut Talk<()>,
        frame: &str,
        first: Option<&Value>,
        retried: &mut Retried,
    ) -> Result<()> {
        for line in frame.lines() {
            let heard = talk.hear(line)?;
            match first {
                None => self.on_heard(heard)?,
                Some(first) => compare(&self.user, first, &heard, retried),
            }
        }
        Ok(())
    }
}

/// How a repeated answer stands to the first.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    Equal,
    /// The same thing at a later version: it has gone on since.
    Newer,
    Different,
}

/// An accepted command is answered alike on any connection. The object in the answer is shown as
/// it stands now, so only its version may have grown; at the same version it is the same.
fn judge(first: &Value, again: &Value) -> Again {
    if first == again {
        return Again::Equal;
    }
    let of = |answer: &Value| {
        let (kind, object) = answer.as_object()?.iter().find(|(_, object)| object.is_object())?;
        let id = object.get(kind).cloned();
        Some((kind.clone(), id, object.get("version")?.as_u64()?))
    };
    match (of(first), of(again)) {
        (Some((kind, id, before)), Some((other, same_id, now)))
            if kind == other && id == same_id && now > before =>
        {
            Again::Newer
        }
        (_, _) => Again::Different,
    }
}

fn compare(user: &str, first: &Value, heard: &Heard<'_, ()>, retried: &mut Retried) {
    let (command, line) = match heard {
        Heard::Yes { asked, line } => match line::ok(line).map(|again| judge(first, &again)) {
            Ok(Again::Equal) => return,
            Ok(Again::Newer) => {
                retried.newer += 1;
                return;
            }
            Ok(Again::Different) | Err(_) => (asked, *line),
        },
        Heard::No { asked, line, .. } => (asked, *line),
        Heard::Push { .. } | Heard::NotYet { .. } => return,
    };
    let command = command.request.command_id().map(Id::as_str).unwrap_or_default().to_owned();
    let say = format!("{command} of {user}: first {first}, after the crash {line}");
    retried.differences.push(say);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repeated_answer_is_the_same_or_newer_and_never_about_something_else() {
        let answer = |order: &str, state: &str, version: u64| {
            let order = json!({"order": order, "state": {"kind": state}, "version": version});
            json!({ "order": order })
        };
        let first = answer("o1", "unpaid", 1);
        assert_eq!(judge(&first, &answer("o1", "unpaid", 1)), Again::Equal);
        assert_eq!(judge(&first, &answer("o1", "paid", 2)), Again::Newer);
        assert_eq!(judge(&first, &answer("o1", "paid", 1)), Again::Different);
        assert_eq!(judge(&first, &answer("o2", "unpaid", 2)), Again::Different);
        assert_eq!(judge(&answer("o1", "paid", 2), &first), Again::Different);
        let claimed = |existing: bool| json!({"existing": existing, "reservation": {"version": 1}});
        assert_eq!(judge(&claimed(false), &claimed(true)), Again::Different);
    }
}
