//! The loop of one reading thread. Owns the order: wait, read, book, answer pings.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use tokio::time::Instant;

use super::State;
use super::digest::Digest;
use super::viewer::Viewer;
use crate::frame::{self, Opcode};

/// A tick of the busiest room in one read.
const BUFFER_BYTES: usize = 128 * 1024;
const EVENTS: usize = 512;
const LOOK_UP_NS: i64 = 100_000_000;
/// An end without a close frame.
const LOST: u16 = 1006;

pub(super) fn read_on(state: &Arc<Mutex<State>>, epoll: &OwnedFd, over: &AtomicBool) {
    let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER_BYTES];
    let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK_UP_NS };
    while !over.load(Relaxed) {
        events.clear();
        // An interrupted wait is another turn.
        let _ = epoll::wait(epoll, spare_capacity(&mut events), Some(&timeout));
        if events.is_empty() {
            continue;
        }
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &events {
            state.on_readable(event.data.u64() as usize, &mut buffer);
        }
    }
}

impl State {
    fn on_readable(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(Some(viewer)) = self.viewers.get_mut(index) else { return };
        match viewer.stream.read(buffer) {
            Ok(0) => self.on_end(index, LOST),
            Ok(count) => self.on_bytes(index, &buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.on_end(index, LOST),
        }
    }

    pub(super) fn on_end(&mut self, index: usize, code: u16) {
        if let Some(viewer) = self.viewers[index].take() {
            *self.figures[viewer.group].closed.entry(code).or_default() += 1;
            self.free.push(index);
        }
    }

    /// Books whole frames right from the buffer; only a part that has no end yet is kept.
    pub(super) fn on_bytes(&mut self, index: usize, bytes: &[u8]) {
        let Some(mut viewer) = self.viewers[index].take() else { return };
        let outcome = if viewer.inbox.is_empty() {
            let outcome = self.on_frames(&mut viewer, bytes);
            if let Ok((read, _)) = outcome {
                viewer.inbox.extend_from_slice(&bytes[read..]);
            }
            outcome
        } else {
            let mut inbox = std::mem::take(&mut viewer.inbox);
            inbox.extend_from_slice(bytes);
            let outcome = self.on_frames(&mut viewer, &inbox);
            if let Ok((read, _)) = outcome {
                inbox.drain(..read);
                if !inbox.is_empty() {
                    viewer.inbox = inbox;
                }
            }
            outcome
        };
        let group = viewer.group;
        self.viewers[index] = Some(viewer);
        match outcome {
            Ok((_, None)) => {}
            Ok((_, Some(code))) => self.on_end(index, code),
            Err(error) => {
                self.figures[group].broken.get_or_insert_with(|| format!("{error:#}"));
                self.on_end(index, LOST);
            }
        }
    }

    /// How many bytes were frames, and the code of a close frame.
    fn on_frames(&mut self, viewer: &mut Viewer, bytes: &[u8]) -> Result<(usize, Option<u16>)> {
        let mut read = 0;
        while let Some(found) =
            frame::first(&bytes[read..]).map_err(|bad| anyhow::anyhow!(bad.0))?
        {
            let payload = &bytes[read..][found.payload.clone()];
            match found.opcode {
                Opcode::Text => {
                    let length = found.payload.end as u64;
                    self.on_text(viewer, payload, found.deflated, length)?;
                }
                Opcode::Ping => answer(viewer, Opcode::Pong, payload),
                Opcode::Pong => {}
                Opcode::Close => {
                    let code = frame::close(payload).0;
                    answer(viewer, Opcode::Close, &payload[..payload.len().min(2)]);
                    return Ok((read, Some(code)));
                }
            }
            read += found.payload.end;
        }
        Ok((read, None))
    }

    fn on_text(
        &mut self,
        viewer: &mut Viewer,
        payload: &[u8],
        deflated: bool,
        length: u64,
    ) -> Result<()> {
        let at = viewer.group;
        let group = &self.groups[at];
        if let Some((ping, pong)) = group.ping
            && payload == ping
        {
            answer(viewer, Opcode::Text, pong);
            return Ok(());
        }
        let intended = |number| group.schedule.intended(number);
        let (digest, is_new) =
            self.memory.digest(at, group.reading, (payload, deflated), intended)?;
        if is_new {
            self.critical[at].extend(&digest.critical);
        }
        let figures = &mut self.figures[at];
        figures.frames += 1;
        figures.bytes += length;
        figures.plain_bytes += digest.plain_bytes as u64;
        figures.answers += digest.answers.len() as u64;
        let (counted, doubled) = book(viewer, &digest, &mut figures.latency);
        figures.deliveries += counted;
        figures.doubled += doubled;
        Ok(())
    }
}

/// Books a frame on its reader: how many messages were new to him, and how many were not.
fn book(viewer: &mut Viewer, digest: &Digest, latency: &mut crate::tally::Latency) -> (u64, u64) {
    for step in &digest.steps {
        viewer.position.take(*step);
    }
    if digest.messages.is_empty() {
        return (0, 0);
    }
    let (now, mut doubled) = (Instant::now(), 0);
    for (number, intended) in &digest.messages {
        // A number of no schedule is an echo of the floor: read, and not counted twice.
        let Some(intended) = intended else { continue };
        doubled += u64::from(!viewer.got.insert(*number));
        latency.record(now.saturating_duration_since(*intended));
    }
    (digest.messages.len() as u64 - doubled, doubled)
}

/// A socket that cannot take a few bytes now has worse problems than a missing pong.
fn answer(viewer: &mut Viewer, opcode: Opcode, payload: &[u8]) {
    let mut bytes = Vec::with_capacity(payload.len() + 6);
    frame::append(opcode, payload, &mut bytes);
    let _ = viewer.stream.write_all(&bytes);
}
