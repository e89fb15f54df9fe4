//! The bytes of one connection: what a socket can do without waiting. Knows no frames.

use std::fmt;
use std::io::{self, Read};
use std::net::Shutdown;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Options;

/// A socket, or what stands in for one in a test.
///
/// * `try_read` and `try_write` **must not** wait; when nothing can be done they return
///   `WouldBlock`, and then the matching `poll` **must** wake its task once it can.
/// * Reading is polled by one task at a time and writing by one task at a time.
/// * After `shutdown` both polls **must** become ready and both calls fail or return 0, or a task
///   would wait for a dead peer for ever.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    fn shutdown(&self);
}

impl Transport for TcpStream {
    /// A short read means that the kernel has no more, so it also clears the readiness: that
    /// saves the second `recv` which would only say so.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut got = None;
        let outcome = self.try_io(Interest::READABLE, || {
            let bytes = (&*SockRef::from(self)).read(buffer)?;
            got = Some(bytes);
            let drained = 0 < bytes && bytes < buffer.len();
            if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(bytes) }
        });
        got.map_or(outcome, Ok)
    }

    /// Asks the kernel without asking the runtime first: its record of what is ready lies elsewhere
    /// in memory, and a room touches thousands of sockets a tick. Only what would block is asked
    /// for again by way of the runtime, which has to know it before it can wait.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match send(self, bytes, SendFlags::NOSIGNAL) {
            Err(Errno::AGAIN) => TcpStream::try_write(self, bytes),
            sent => Ok(sent?),
        }
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        TcpStream::poll_read_ready(self, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        TcpStream::poll_write_ready(self, cx)
    }

    fn shutdown(&self) {
        if let Err(error) = SockRef::from(self).shutdown(Shutdown::Both) {
            tracing::trace!(%error, "the socket was gone before it was shut down");
        }
    }
}

/// Sets what keeps a slow or dead reader visible: without a small send buffer the kernel hides
/// megabytes of backlog, without the user timeout a vanished peer looks alive for minutes.
pub fn tune(socket: &TcpStream, options: &Options) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(options.send_buffer_bytes)?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(options.user_timeout_ms)))
}
