//! How everybody at a desk lives: on one socket after the other, by an agenda, until the run is
//! over. Owns the loop; what is done and what an answer means is each one's own.

use anyhow::Result;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::contact::Contact;
use super::schedule::Drop;
use crate::agenda::Agenda;
use crate::socket::Socket;
use crate::tally::count;

pub(super) trait Part: Send + 'static {
    type About: Send + 'static;
    type Deed: Ord + Send + 'static;

    fn contact(&mut self) -> &mut Contact<Self::About>;

    fn agenda(&mut self) -> &mut Agenda<Self::Deed>;

    /// He is here for the first time.
    fn arrive(&mut self) -> Result<()> {
        Ok(())
    }

    /// The run has begun.
    fn plan(&mut self, began: Instant);

    /// There is a new socket.
    fn greet(&mut self);

    /// The time of a deed has come. With an answer his socket goes away.
    fn act(&mut self, deed: Self::Deed, at: Instant) -> Result<Option<Drop>>;

    fn on_line(&mut self, line: &str) -> Result<()>;

    /// The run is over for him.
    fn on_end(&mut self) {}

    /// His socket has to go, or to lie open unread.
    fn on_drop(&mut self, socket: Option<Socket>, _: Drop) {
        drop(socket);
    }
}

/// Connects, tells `inside` how that went, and lives until the run is over.
pub(super) async fn live<P: Part>(mut part: P, inside: mpsc::UnboundedSender<Result<bool>>) {
    let arrived = part.contact().connect().await;
    let is_here = matches!(arrived, Ok(true)) && part.arrive().is_ok();
    // Who waits for it gave up if it has gone.
    let _ = inside.send(arrived);
    drop(inside);
    if !is_here {
        return;
    }
    let mut has_planned = false;
    loop {
        if let Err(error) = attend(&mut part, &mut has_planned).await {
            part.contact().on_failure(&error);
        }
        let contact = part.contact();
        if contact.scene.is_over() || !contact.connect().await.unwrap_or(false) {
            contact.end();
            return part.on_end();
        }
    }
}

/// Stays on one socket as long as it lasts.
async fn attend<P: Part>(part: &mut P, has_planned: &mut bool) -> Result<()> {
    part.greet();
    let mut text = String::new();
    while !part.contact().scene.is_over() {
        let began = *part.contact().scene.began.borrow();
        if let Some(began) = began
            && !std::mem::replace(has_planned, true)
        {
            part.plan(began);
        }
        let is_resting = part.contact().scene.is_resting();
        let next = part.agenda().next_at().filter(|_| !is_resting);
        part.contact().wait(next).await?;
        if !is_resting && let Some(drop) = act_on_due(part)? {
            vanish(part, drop).await;
            return Ok(());
        }
        while part.contact().next(&mut text)? {
            for line in text.lines() {
                part.on_line(line)?;
            }
        }
    }
    Ok(())
}

fn act_on_due<P: Part>(part: &mut P) -> Result<Option<Drop>> {
    while let Some((at, deed)) = part.agenda().take_due(Instant::now()) {
        let dropped = part.act(deed, at)?;
        if dropped.is_some() {
            return Ok(dropped);
        }
    }
    Ok(None)
}

async fn vanish<P: Part>(part: &mut P, drop: Drop) {
    count(&part.contact().scene.counters.dropped);
    let socket = part.contact().lose();
    part.on_drop(socket, drop);
    let (Drop::Silent { back_after } | Drop::Dead { back_after }) = drop;
    sleep(back_after).await;
}
