//! A socket without a network, for tests: two byte queues and a client at the other end. Owns how
//! stubborn the pipe is; the hub cannot tell it from a real one.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use super::Transport;

/// The server's end of a fake socket.
#[derive(Debug, Clone)]
pub(crate) struct Pipe(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// How much may wait for the client before a write would block: the kernel's send buffer.
    window: usize,
    /// The most that one write takes.
    bite: usize,
    /// Every second write would block although there is room.
    stutters: bool,
    writes: u64,
    is_shut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The client's end: real frames, masked, made and read by the client role of the library.
#[derive(Debug)]
pub(crate) struct Client {
    pipe: Pipe,
    socket: WebSocket<ClientEnd>,
}

#[derive(Debug)]
struct ClientEnd(Pipe);

impl Pipe {
    /// A pipe that takes everything at once.
    pub(crate) fn new() -> (Self, Client) {
        Self::with(usize::MAX, usize::MAX, false)
    }

    /// A pipe that blocks once `window` bytes wait for the client.
    pub(crate) fn narrow(window: usize) -> (Self, Client) {
        Self::with(window, usize::MAX, false)
    }

    /// A pipe that takes one byte a write and blocks at every second one.
    pub(crate) fn dripping() -> (Self, Client) {
        Self::with(usize::MAX, 1, true)
    }

    fn with(window: usize, bite: usize, stutters: bool) -> (Self, Client) {
        let state = State { window, bite, stutters, ..State::default() };
        let pipe = Self(Arc::new(Mutex::new(state)));
        let config = WebSocketConfig::default().write_buffer_size(0);
        let end = ClientEnd(pipe.clone());
        let socket = WebSocket::from_raw_socket(end, Role::Client, Some(config));
        (pipe.clone(), Client { pipe, socket })
    }
}

impl Client {
    pub(crate) fn say(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.say(Message::text(text));
    }

    /// Puts bytes on the wire as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.pipe.deliver(bytes);
    }

    /// The next whole message that has arrived. Panics when what arrives is no WebSocket stream.
    pub(crate) fn hear(&mut self) -> Option<Message> {
        match self.socket.read() {
            Ok(message) => Some(message),
            Err(tokio_tungstenite::tungstenite::Error::Io(error))
                if error.kind() == io::ErrorKind::WouldBlock =>
            {
                None
            }
            Err(error) => panic!("the server broke the protocol: {error}"),
        }
    }

    /// The lines of all text messages that have arrived; the code of a close as `close 4408`.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(message) = self.hear() {
            match message {
                Message::Text(text) => lines.extend(text.split('\n').map(str::to_owned)),
                Message::Close(Some(close)) => {
                    lines.push(format!("close {}", u16::from(close.code)));
                    return lines;
                }
                _ => {}
            }
        }
        lines
    }

    /// What is on the wire and not read yet, as bytes.
    pub(crate) fn unread(&self) -> Vec<u8> {
        self.pipe.0.lock().to_client.iter().copied().collect()
    }

    /// Goes away without a word.
    pub(crate) fn vanish(&self) {
        self.pipe.shutdown();
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.pipe.0.lock().is_shut
    }

    /// How often the server has called `write`.
    pub(crate) fn writes(&self) -> u64 {
        self.pipe.0.lock().writes
    }
}

impl Pipe {
    fn deliver(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        state.to_server.extend(bytes);
        if let Some(waker) = state.reader.take() {
            waker.wake();
        }
    }
}

impl Transport for Pipe {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.to_server.is_empty() && !state.is_shut {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.to_server.read(buffer)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        state.writes += 1;
        if state.is_shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let free = state.window.saturating_sub(state.to_client.len());
        let taken = bytes.len().min(free).min(state.bite);
        if taken == 0 || state.stutters && state.writes.is_multiple_of(2) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.to_client.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.is_shut || !state.to_server.is_empty() {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.is_shut || state.to_client.len() < state.window {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn shutdown(&self) {
        let mut state = self.0.lock();
        state.is_shut = true;
        let wakers = [state.reader.take(), state.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Read for ClientEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock();
        if state.to_client.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = state.to_client.read(buffer)?;
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
        Ok(bytes)
    }
}

impl Write for ClientEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.deliver(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
