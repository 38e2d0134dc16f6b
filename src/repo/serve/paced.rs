//! A writer that gives up on clients that read too slowly.
//!
//! Invariant: a client has to take something every so often, and on average [`SLOWEST`] bytes a second; when others have
//! waited too long for a worker, more than that, and no more than its share of the workers.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Shared;
use super::channel::{Channel, is_wait};
use super::connection::SLOWEST;
use super::queue::Slow;
use crate::sys::monotonic;

/// Longest time for an answer: this, and a second for each [`SLOWEST`] bytes that have passed.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Longest time in which nothing passes.
const STALL: Duration = Duration::from_secs(10);
/// The same while others have waited too long.
const STALL_IN_NEED: Duration = Duration::from_secs(2);
/// From when on an answer counts as slow.
const SLOW_FROM: Duration = Duration::from_secs(3);
/// How much is sent at once.
const PIECE: usize = 64 << 10;

/// The writer of one answer.
pub(super) struct Paced<'a> {
    shared: &'a Shared,
    peer: IpAddr,
    channel: &'a mut Channel,
    start: Instant,
    /// When something passed last.
    progress: Instant,
    sent: u64,
    slow: Option<Slow<'a>>,
    /// Small pieces wait here, so that a head does not become a dozen packets.
    pending: Vec<u8>,
}

impl<'a> Paced<'a> {
    pub(super) fn new(shared: &'a Shared, peer: IpAddr, channel: &'a mut Channel) -> Self {
        let start = monotonic();
        Paced { shared, peer, channel, start, progress: start, sent: 0, slow: None, pending: Vec::new() }
    }

    /// Whether to go on with the client.
    fn has_patience(&mut self) -> bool {
        let now = monotonic();
        let (lasted, stalled) = (now - self.start, now - self.progress);
        if stalled >= STALL || lasted >= ANSWER_TIME + Duration::from_secs(self.sent / SLOWEST) {
            return false;
        }
        if lasted < SLOW_FROM {
            return true;
        }
        let (shared, peer) = (self.shared, self.peer);
        let slow = self.slow.get_or_insert_with(|| shared.queue.count_slow(peer));
        if !shared.queue.is_starving() {
            return true;
        }
        if stalled < STALL_IN_NEED && !slow.is_too_many(shared.workers) {
            return true;
        }
        // Not counted any more, so that no more give up than have to.
        self.slow = None;
        false
    }

    fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.pending.len() {
            match self.channel.write(self.pending.get(sent..).unwrap_or(&[])) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    sent += count;
                    self.sent += count as u64;
                    self.progress = monotonic();
                }
                Err(error) if is_wait(&error) => {}
                Err(error) => return Err(error),
            }
            if !self.has_patience() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.pending.clear();
        loop {
            match self.channel.flush() {
                Err(error) if is_wait(&error) && self.has_patience() => {}
                done => return done,
            }
        }
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
