//! Somebody who only watches, on each node: sees every push of the room, in its order, and comes
//! back when his node does. Owns his connection; what he saw is judged by the audit.

use std::sync::Arc;

use anyhow::{Result, bail};
use hawker_protocol::reply::Joined;
use hawker_protocol::request::RoomJoin;
use tokio::sync::watch;
use tokio::time::{Duration, sleep, timeout};

use crate::audit::{Seen, Sequence};
use crate::chaos::cycle::Stage;
use crate::line::{self, Line};
use crate::socket::Socket;
use crate::token::Person;

const CONNECT: Duration = Duration::from_secs(1);
/// Before his node is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Watches until it is over. Returns how many pushes came.
pub(super) async fn watch(
    stage: Arc<Stage>,
    seen: Arc<Seen>,
    node: usize,
    mut over: watch::Receiver<bool>,
) -> u64 {
    let mut pushes = 0;
    while !*over.borrow_and_update() {
        tokio::select! {
            _ = over.changed() => {}
            // The error is the node's end; there is another day.
            _ = look_on(&stage, &seen, node, &mut pushes) => sleep(PAUSE).await,
        }
    }
    pushes
}

async fn look_on(stage: &Stage, seen: &Seen, node: usize, pushes: &mut u64) -> Result<()> {
    let (mut socket, mut sequence) = timeout(CONNECT, enter(stage, node)).await??;
    let mut text = String::new();
    loop {
        while socket.next(&mut text)? {
            for line in text.lines() {
                *pushes += 1;
                on_line(line, seen, &mut sequence)?;
            }
        }
        socket.fill().await?;
    }
}

async fn enter(stage: &Stage, node: usize) -> Result<(Socket, Sequence)> {
    let user = format!("v{node}");
    let person = Person::buyer(&user, stage.shop.as_str());
    let mut socket = stage.target.connect(node, person).await?;
    let join = RoomJoin { shop: stage.shop.clone(), room: stage.room.clone() };
    let joined: Joined = line::ok(&socket.ask(&join.into()).await?)?;
    Ok((socket, Sequence::after(joined.snapshot.seq)))
}

fn on_line(line: &str, seen: &Seen, sequence: &mut Sequence) -> Result<()> {
    let Line::Push { kind, line } = line::read(line)? else { return Ok(()) };
    if kind == "drain" {
        bail!("the node goes away");
    }
    if kind.starts_with("room.") {
        seen.on_push(line, sequence);
    }
    Ok(())
}
