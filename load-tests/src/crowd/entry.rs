//! How one viewer gets in: connect, upgrade, say what has to be said, wait for the word that he is
//! in. Owns the way; what is said is the subject's business.

use std::net::{IpAddr, TcpStream};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, timeout};

use super::deflate;
use super::viewer::{Position, Viewer};
use crate::frame::{self, Opcode};
use crate::socket::{Address, NearEnd, Upgraded, handshake};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a viewer does to get in.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) address: Address,
    pub(crate) source: Option<IpAddr>,
    /// Whole header lines.
    pub(crate) headers: String,
    /// Text frames that leave together after the upgrade.
    pub(crate) greetings: Vec<String>,
    /// How the frame begins that says he is in; without it the upgrade says so.
    pub(crate) welcome: Option<&'static str>,
    /// How a frame begins that says he is not.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) compress: bool,
    /// The size of his receive buffer; without it the kernel's own.
    pub(crate) receive_bytes: Option<u32>,
}

/// Somebody who is in.
#[derive(Debug)]
pub(crate) struct Entrant {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// The frame that let him in.
    pub(crate) welcome: String,
    pub(crate) position: Position,
}

impl Entrant {
    /// A socket that needs no word to be in.
    pub(crate) fn of(stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let (inbox, welcome, position) = (Vec::new(), String::new(), Position::default());
        Ok(Self { stream, inbox, welcome, position })
    }

    pub(super) fn into_viewer(self, group: usize) -> Viewer {
        let Self { stream, inbox, position, .. } = self;
        Viewer { stream, group, inbox, got: Default::default(), position }
    }
}

impl Entry {
    pub(crate) async fn enter(&self) -> Result<Entrant> {
        let entered = timeout(PATIENCE, self.try_to_enter()).await;
        entered.context("nobody said within a minute that the viewer is in")?
    }

    async fn try_to_enter(&self) -> Result<Entrant> {
        let mut headers = self.headers.clone();
        if self.compress {
            headers += deflate::OFFER;
        }
        let near = NearEnd { source: self.source, receive_bytes: self.receive_bytes };
        let mut upgraded = handshake(&self.address, near, &headers).await?;
        if self.compress && !deflate::is_agreed(&upgraded.head) {
            bail!("the server does not compress: it answered {}", upgraded.head);
        }
        let mut said = Vec::new();
        for greeting in &self.greetings {
            frame::append(Opcode::Text, greeting.as_bytes(), &mut said);
        }
        upgraded.stream.write_all(&said).await?;
        let welcome = self.welcome(&mut upgraded).await?;
        let Upgraded { stream, inbox, .. } = upgraded;
        let stream = stream.into_std()?;
        Ok(Entrant { stream, inbox, welcome, position: Position::default() })
    }

    /// Takes frames off the inbox up to the one that says he is in.
    async fn welcome(&self, upgraded: &mut Upgraded) -> Result<String> {
        let Some(welcome) = self.welcome else { return Ok(String::new()) };
        loop {
            while let Some(text) = next_text(&mut upgraded.inbox)? {
                if let Some(line) = self.welcome_in(welcome, &text)? {
                    return Ok(line.to_owned());
                }
            }
            if upgraded.stream.read_buf(&mut upgraded.inbox).await? == 0 {
                bail!("the connection ended before the viewer was in");
            }
        }
    }

    /// The line that says he is in; one that says he is not is an error.
    fn welcome_in<'a>(&self, welcome: &str, text: &'a str) -> Result<Option<&'a str>> {
        let is_refusal = |line: &&str| self.refusal.is_some_and(|refusal| line.contains(refusal));
        if let Some(line) = text.lines().find(is_refusal) {
            bail!("a viewer was refused: {line}");
        }
        Ok(text.lines().find(|line| line.starts_with(welcome)))
    }
}

/// Takes the first text off the bytes.
fn next_text(inbox: &mut Vec<u8>) -> Result<Option<String>> {
    while let Some(found) = frame::first(inbox).map_err(|bad| anyhow::anyhow!(bad.0))? {
        let payload = &inbox[found.payload.clone()];
        let text = match found.opcode {
            Opcode::Text if found.deflated => Some(deflate::inflate(payload)?),
            Opcode::Text => Some(payload.to_vec()),
            Opcode::Close => bail!("the server closed the connection: {:?}", frame::close(payload)),
            Opcode::Ping | Opcode::Pong => None,
        };
        inbox.drain(..found.payload.end);
        if let Some(text) = text {
            return Ok(Some(String::from_utf8(text)?));
        }
    }
    Ok(None)
}
