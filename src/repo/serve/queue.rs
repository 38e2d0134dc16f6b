//! Connections that wait: for a worker, or beside the workers for what their clients have yet to say.
//!
//! A worker that meets a client with nothing (or half a head) to say while others wait lays the connection aside and takes
//! the next. One thread looks after all that were laid aside and gives each back when its head is complete, when its time
//! is over, or when its client is gone. So silent clients cost a file each, and no worker.
//!
//! Invariant: no more than so many wait in either place; what is laid aside comes back, or ends, within the times for heads.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::channel::{Channel, is_wait};
use super::connection::IDLE_TIME;
use super::request::{HEAD_LIMIT, head_length};
use crate::sys::monotonic;

/// Most connections that wait for a worker; further ones are closed.
const MOST_WAITING: usize = 2_048;
/// Most connections that are laid aside; when there are more, the one that was laid aside first is closed.
const MOST_ASIDE: usize = 1_024;
/// How often is looked at those that were laid aside.
const LOOK: Duration = Duration::from_millis(10);
/// How soon a stop is seen.
const TICK: Duration = Duration::from_millis(50);
/// When somebody has waited so long, the workers are too few.
const STARVING: Duration = Duration::from_millis(500);

/// A connection with what its client has said so far.
pub(super) struct Caller {
    pub(super) peer: IpAddr,
    pub(super) line: Line,
    /// Bytes that were read and not used.
    pub(super) buffer: Vec<u8>,
    /// How many requests were answered.
    pub(super) answered: usize,
    /// When it was first waited for the next request.
    pub(super) since: Instant,
    /// When that began to come.
    pub(super) begun: Option<Instant>,
}

/// How far a connection is.
pub(super) enum Line {
    /// Accepted and not looked at.
    New(TcpStream),
    Open(Channel),
}

/// What became of a connection that was laid aside.
enum Look {
    Waits,
    Ready,
    Gone,
}

impl Caller {
    pub(super) fn new(stream: TcpStream, peer: IpAddr) -> Self {
        let (line, since) = (Line::New(stream), monotonic());
        Caller { peer, line, buffer: Vec::new(), answered: 0, since, begun: None }
    }

    fn set_nonblocking(&self, on: bool) -> bool {
        match &self.line {
            Line::New(stream) => stream.set_nonblocking(on),
            Line::Open(channel) => channel.set_nonblocking(on),
        }
        .is_ok()
    }

    /// Takes what its client has said meanwhile.
    fn look(&mut self, request_time: Duration) -> Look {
        let mut piece = [0; 4096];
        let read = match &mut self.line {
            // With TLS the first byte decides over what to do, and is left where it is.
            Line::New(stream) => match stream.peek(&mut piece[..1]) {
                Ok(count) if count > 0 => return Look::Ready,
                read => read,
            },
            Line::Open(channel) => channel.read(&mut piece),
        };
        match read {
            Ok(0) => return Look::Gone,
            Ok(count) => {
                self.begun = self.begun.or_else(|| Some(monotonic()));
                self.buffer.extend_from_slice(piece.get(..count).unwrap_or(&[]));
            }
            Err(error) if is_wait(&error) => {}
            Err(_) => return Look::Gone,
        }
        match self.begun {
            _ if head_length(&self.buffer).is_some() || self.buffer.len() >= HEAD_LIMIT => Look::Ready,
            // It is told that it was too slow.
            Some(begun) if begun.elapsed() >= request_time => Look::Ready,
            None if self.since.elapsed() >= IDLE_TIME => Look::Gone,
            _ => Look::Waits,
        }
    }
}

/// All that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<(Caller, Instant)>>,
    arrived: Condvar,
    /// Length of the queue, to be read without its lock.
    length: AtomicUsize,
    aside: Mutex<VecDeque<Caller>>,
    /// Answers that take long, by the address of the client.
    slow: Mutex<HashMap<IpAddr, usize>>,
}

impl Queue {
    /// Whether anybody waits for a worker.
    pub(super) fn is_busy(&self) -> bool {
        self.length.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody has waited for a worker for too long.
    pub(super) fn is_starving(&self) -> bool {
        self.is_busy() && self.lock().front().is_some_and(|(_, since)| since.elapsed() >= STARVING)
    }

    /// The next connection; `None` when the server stops.
    pub(super) fn next(&self, is_stopping: impl Fn() -> bool) -> Option<Caller> {
        let mut waiting = self.lock();
        loop {
            if let Some((caller, _)) = waiting.pop_front() {
                self.length.store(waiting.len(), Ordering::Relaxed);
                return Some(caller);
            }
            if is_stopping() {
                return None;
            }
            waiting = self
                .arrived
                .wait_timeout(waiting, TICK)
                .map_or_else(|error| error.into_inner().0, |(waiting, _)| waiting);
        }
    }

    pub(super) fn push(&self, caller: Caller) {
        let mut waiting = self.lock();
        // Too many wait already: closing at once tells the client to come back, and costs nothing.
        if waiting.len() < MOST_WAITING {
            waiting.push_back((caller, monotonic()));
            self.length.store(waiting.len(), Ordering::Relaxed);
            self.arrived.notify_one();
        }
    }

    /// Wakes all that wait for a connection.
    pub(super) fn wake(&self) {
        self.arrived.notify_all();
    }

    /// Lays a connection aside until its client has said more.
    pub(super) fn lay_aside(&self, caller: Caller) {
        if !caller.set_nonblocking(true) {
            return;
        }
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        if aside.len() >= MOST_ASIDE {
            aside.pop_front();
        }
        aside.push_back(caller);
    }

    /// Looks after those that were laid aside, until the server stops.
    pub(super) fn look_after(&self, request_time: Duration, is_stopping: impl Fn() -> bool) {
        while !is_stopping() {
            let is_empty = self.aside.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            std::thread::sleep(if is_empty { TICK } else { LOOK });
            let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..aside.len() {
                let Some(mut caller) = aside.pop_front() else { break };
                match caller.look(request_time) {
                    Look::Waits => aside.push_back(caller),
                    Look::Ready if caller.set_nonblocking(false) => self.push(caller),
                    Look::Ready | Look::Gone => {}
                }
            }
        }
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts an answer that takes long, until what is returned is dropped.
    pub(super) fn count_slow(&self, peer: IpAddr) -> Slow<'_> {
        *self.slow().entry(peer).or_default() += 1;
        Slow { queue: self, peer }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Caller, Instant)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slow(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that takes long.
pub(super) struct Slow<'q> {
    queue: &'q Queue,
    peer: IpAddr,
}

impl Slow<'_> {
    /// Whether such answers have more than their share of the workers: a quarter for one address, three quarters for all.
    pub(super) fn is_too_many(&self, workers: usize) -> bool {
        let slow = self.queue.slow();
        let own = slow.get(&self.peer).copied().unwrap_or_default();
        own > (workers / 4).max(1) || slow.values().sum::<usize>() > (workers * 3 / 4).max(1)
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        let mut slow = self.queue.slow();
        if let Some(count) = slow.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
        }
        slow.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_answers_have_their_share() {
        let queue = Queue::default();
        let of = |last: u8| queue.count_slow(IpAddr::from([192, 0, 2, last]));
        let mut all: Vec<Slow<'_>> = (0..2).map(|_| of(1)).collect();
        assert!(!all[0].is_too_many(8));
        all.push(of(1));
        assert!(all[0].is_too_many(8), "three of eight for one address");
        all.pop();
        all.extend((2..6).map(of));
        assert!(!all[0].is_too_many(8));
        all.push(of(6));
        assert!(all[0].is_too_many(8), "seven of eight for all");
        all.clear();
        assert!(queue.slow().is_empty());
    }
}
