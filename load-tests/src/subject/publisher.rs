//! Whoever makes the room hear something, at the times of a schedule whatever the server does. Owns
//! what is said and the count of refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result};
use hawker_protocol::request::RoomComment;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep_until;

use super::Hawker;
use crate::api::{id, text};
use crate::chance::Chance;
use crate::http::{Ask, Client};
use crate::line::{self, Line};
use crate::marker::marker;
use crate::people;
use crate::report::say;
use crate::schedule::Row;
use crate::socket::Socket;
use crate::token::Person;

/// Refusals that are told one by one.
const TOLD: u64 = 3;

#[derive(Debug)]
pub(crate) enum Publisher {
    Commenters(Commenters),
    Posts(Posts),
    Sender(Sender),
}

impl Publisher {
    /// Publishes a row of messages; returns how many were refused.
    pub(crate) async fn publish(&mut self, row: &Row) -> Result<u64> {
        match self {
            Self::Commenters(commenters) => commenters.publish(row).await,
            Self::Posts(posts) => posts.publish(row).await,
            Self::Sender(sender) => sender.publish(row).await,
        }
    }

    /// Returns when all that was said is on its way.
    pub(crate) async fn finish(self) {
        match self {
            Self::Commenters(Commenters { mouths, mut talks, .. }) => {
                drop(mouths);
                while talks.join_next().await.is_some() {}
            }
            Self::Sender(Sender { mouth, passing, .. }) => {
                drop(mouth);
                // It has told by itself how it ended.
                let _ = passing.await;
            }
            Self::Posts(_) => {}
        }
    }
}

/// What is said, with its number in it.
#[derive(Debug)]
pub(crate) struct Words {
    chance: Chance,
    /// What a message should weigh with everything around it; 0 leaves it as people say it.
    message_bytes: usize,
}

/// What a comment's text has around it in one of our pushes.
const AROUND_BYTES: usize = 180;

impl Words {
    pub(crate) fn new(seed: u64, message_bytes: usize) -> Self {
        Self { chance: Chance::new(seed), message_bytes }
    }

    /// A comment, as somebody says it.
    fn comment(&mut self, number: u32) -> String {
        let mut said = format!("{} {}", marker(number), people::sentence(&mut self.chance));
        let wanted = self.message_bytes.saturating_sub(AROUND_BYTES);
        while said.len() < wanted {
            said.push(' ');
            said += people::sentence(&mut self.chance);
        }
        let end = said.char_indices().nth(hawker_protocol::limits::COMMENT_CHARS_MAX);
        said.truncate(end.map_or(said.len(), |(at, _)| at));
        said
    }

    /// The push that one of ours makes of such a comment: what a peer is given to deliver.
    fn line(&mut self, number: u32) -> String {
        let said = self.comment(number);
        let (user, name) = (self.chance.below(20), people::name(&mut self.chance));
        let comment = serde_json::json!({
            "comment": format!("0199{:012x}", self.chance.next() >> 16), "name": name,
            "user": format!("0123456789-c{user}"), "text": said,
            "at": crate::clock::wall_ms(),
        });
        let topic = "room:0123456789/room";
        let line = serde_json::json!({
            "type": "room.comment", "topic": topic, "seq": number, "comment": comment,
        });
        line.to_string()
    }
}

/// People who talk in a Hawker room, each over a socket of his own. They do not watch it.
#[derive(Debug)]
pub(crate) struct Commenters {
    hawker: Hawker,
    words: Words,
    mouths: Vec<mpsc::UnboundedSender<RoomComment>>,
    talks: JoinSet<()>,
    refused: Arc<AtomicU64>,
}

impl Commenters {
    pub(super) async fn join(hawker: &Hawker, count: usize, seed: u64) -> Result<Self> {
        let refused = Arc::new(AtomicU64::new(0));
        let mut chance = Chance::new(seed);
        let (mut mouths, mut talks) = (Vec::new(), JoinSet::new());
        for number in 0..count {
            let user = format!("{}-c{number}", hawker.target.name);
            let name = Some(people::name(&mut chance));
            let person = Person { name, ..Person::buyer(&user, hawker.shop.as_str()) };
            let socket = hawker.target.connect(hawker.mouth, person).await;
            let socket = socket.context("a commenter")?;
            let (mouth, words) = mpsc::unbounded_channel();
            let refused = Arc::clone(&refused);
            talks.spawn(async move {
                if let Err(error) = talk(socket, words, &refused).await {
                    say(&format!("a commenter was cut off: {error:#}"));
                }
            });
            mouths.push(mouth);
        }
        let words = Words::new(seed, hawker.message_bytes);
        Ok(Self { hawker: hawker.clone(), words, mouths, talks, refused })
    }

    async fn publish(&mut self, row: &Row) -> Result<u64> {
        let before = self.refused.load(Relaxed);
        for number in row.numbers() {
            let said = self.words.comment(number);
            let comment = RoomComment {
                shop: self.hawker.shop.clone(),
                command_id: id(&format!("{}-{number}", self.hawker.room))?,
                room: self.hawker.room.clone(),
                text: text(&said)?,
            };
            sleep_until(row.at(number)).await;
            let mouth = &self.mouths[number as usize % self.mouths.len()];
            mouth.send(comment).ok().context("a commenter is gone")?;
        }
        Ok(self.refused.load(Relaxed) - before)
    }
}

async fn talk(
    mut socket: Socket,
    mut words: mpsc::UnboundedReceiver<RoomComment>,
    refused: &AtomicU64,
) -> Result<()> {
    let mut frame = String::new();
    loop {
        while socket.next(&mut frame)? {
            for line in frame.lines() {
                hear(line, refused)?;
            }
        }
        tokio::select! {
            comment = words.recv() => match comment {
                Some(comment) => {
                    socket.queue(&comment.into());
                    socket.flush().await?;
                }
                None => return Ok(()),
            },
            filled = socket.fill() => filled?,
        }
    }
}

fn hear(line: &str, refused: &AtomicU64) -> Result<()> {
    if let Line::No { .. } = line::read(line)?
        && refused.fetch_add(1, Relaxed) < TOLD
    {
        say(&format!("a message was refused: {line}"));
    }
    Ok(())
}

/// A shop's system that posts each message, several at a time if the server is slow.
#[derive(Debug)]
pub(crate) struct Posts {
    pub(super) client: Arc<Client>,
    pub(super) path: String,
    pub(super) body: &'static str,
    pub(super) words: Words,
}

impl Posts {
    async fn publish(&mut self, row: &Row) -> Result<u64> {
        let mut posting = JoinSet::new();
        let mut refused = 0;
        for number in row.numbers() {
            let body = self.body.replace("PAYLOAD", &self.words.line(number));
            let (client, path) = (Arc::clone(&self.client), self.path.clone());
            sleep_until(row.at(number)).await;
            posting.spawn(async move {
                let ask = Ask::post(&path, body.as_bytes());
                client.send(ask).await.and_then(crate::http::Answer::success)
            });
            while let Some(posted) = posting.try_join_next() {
                refused += u64::from(is_refused(&posted?));
            }
        }
        while let Some(posted) = posting.join_next().await {
            refused += u64::from(is_refused(&posted?));
        }
        Ok(refused)
    }
}

fn is_refused(posted: &Result<Vec<u8>>) -> bool {
    if let Err(error) = posted {
        say(&format!("a message was refused: {error:#}"));
    }
    posted.is_err()
}

/// Somebody in the room who sends each message as a text frame.
#[derive(Debug)]
pub(crate) struct Sender {
    mouth: mpsc::UnboundedSender<String>,
    passing: JoinHandle<()>,
    form: &'static str,
    words: Words,
}

impl Sender {
    pub(super) fn start(socket: Socket, form: &'static str, words: Words) -> Self {
        let (mouth, said) = mpsc::unbounded_channel();
        let passing = tokio::spawn(async move {
            if let Err(error) = pass_on(socket, said).await {
                say(&format!("the sender was cut off: {error:#}"));
            }
        });
        Self { mouth, passing, form, words }
    }

    async fn publish(&mut self, row: &Row) -> Result<u64> {
        for number in row.numbers() {
            let text = self.form.replace("PAYLOAD", &self.words.line(number));
            sleep_until(row.at(number)).await;
            self.mouth.send(text).ok().context("the sender was cut off")?;
        }
        Ok(0)
    }
}

async fn pass_on(mut socket: Socket, mut said: mpsc::UnboundedReceiver<String>) -> Result<()> {
    let mut echo = String::new();
    loop {
        while socket.next(&mut echo)? {}
        tokio::select! {
            text = said.recv() => match text {
                Some(text) => socket.queue_lines(text.as_bytes()),
                None => return Ok(()),
            },
            filled = socket.fill() => filled?,
        }
        socket.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comment_carries_its_number_and_fits_whatever_weight_is_asked_for() {
        for bytes in [0, 200, 300, 5_000] {
            let mut words = Words::new(3, bytes);
            for number in 0..200 {
                let said = words.comment(number);
                assert_eq!(crate::marker::numbers(said.as_bytes()).collect::<Vec<_>>(), [number]);
                let chars = said.chars().count();
                assert!(chars <= hawker_protocol::limits::COMMENT_CHARS_MAX, "{chars}");
            }
        }
        let line = Words::new(3, 0).line(7);
        assert_eq!(crate::marker::numbers(line.as_bytes()).collect::<Vec<_>>(), [7]);
    }
}
