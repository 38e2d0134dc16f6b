//! One connection: reads requests within limits of size and time, and writes answers within a limit of time.
//!
//! Invariant: a client that sends slowly, sends too much, reads slowly or says nothing loses its connection after a
//! bounded time; it cannot make the server take more memory than one head.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::body::Body;
use super::channel::{Channel, TICK, is_wait, prepare};
use super::reply::Reply;
use super::request::{self, HEAD_LIMIT, Head, Method};
use super::{Access, Shared, routes};
use crate::sys::monotonic;
use crate::sys::tls::{self, ServerTls};

/// Longest wait for the next request on a connection.
const IDLE_TIME: Duration = Duration::from_secs(15);
/// How long a connection may say nothing at its start while others wait.
const FRESH_TIME: Duration = Duration::from_secs(1);
/// Longest time for an answer: this, and a second for each [`SLOWEST`] bytes.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Slowest client that is waited for, in bytes per second.
pub(super) const SLOWEST: u64 = 16 << 10;
/// Most requests on one connection.
const MOST_REQUESTS: usize = 1_000;
/// Most bytes that are read and thrown away after a refusal, so that the client gets to read it.
const LINGER_BYTES: usize = 256 << 10;

/// Serves a connection to its end. Errors of the connection end it and concern nobody else.
pub(super) fn serve(shared: &Shared, stream: TcpStream) {
    let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let Some(mut channel) = open(shared, stream) else { return };
    let mut buffer = Vec::new();
    for number in 0..MOST_REQUESTS {
        let hurry = if number == 0 { FRESH_TIME } else { TICK };
        let head = match read_head(shared, &mut channel, &mut buffer, hurry) {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(status) => {
                turn_away(shared, &mut channel, Reply::error(status));
                return;
            }
        };
        let start = monotonic();
        let mut body = Body::new(&head, &mut channel, &mut buffer, shared.request_time * 3);
        let reply = routes::answer(shared, peer, &head, &mut body);
        let complete = body.drain();
        // The last answer says that it is the last one, so that no client sends a request into a closed connection.
        let is_last = number + 1 == MOST_REQUESTS;
        let keep_alive = head.keep_alive && complete && !is_last && !shared.must_hurry();
        let (status, size) = (reply.status, reply.size());
        let written = reply.write(head.method, keep_alive, Paced::new(&mut channel, size));
        shared.done(&Access { method: head.method.name(), path: &head.path, status }, start.elapsed());
        if !complete {
            linger(&mut channel);
            return;
        }
        if written.is_err() || !keep_alive {
            break;
        }
    }
    channel.finish();
}

/// Answers somebody whose request could not be read, and ends the connection.
fn turn_away(shared: &Shared, channel: &mut Channel, reply: Reply) {
    let (status, size) = (reply.status, reply.size());
    // The client may be gone; there is nobody else to tell.
    let _ = reply.write(Method::Get, false, Paced::new(channel, size));
    shared.done(&Access { method: "-", path: "-", status }, Duration::ZERO);
    linger(channel);
}

/// Prepares a connection, with TLS where the server has it; `None` when there is nothing to talk about.
fn open(shared: &Shared, stream: TcpStream) -> Option<Channel> {
    let stream = prepare(stream)?;
    let Some(tls) = &shared.tls else { return Some(Channel::Plain(stream)) };
    if first_byte(shared, &stream)? == tls::FIRST_BYTE {
        return greet(shared, tls, stream);
    }
    let told = "this port speaks HTTPS only: write https:// in place of http://\n";
    turn_away(shared, &mut Channel::Plain(stream), Reply::refusal(400, told));
    None
}

/// Waits for what a client says first, and leaves it to be read.
fn first_byte(shared: &Shared, stream: &TcpStream) -> Option<u8> {
    let start = monotonic();
    let mut first = [0];
    loop {
        match stream.peek(&mut first) {
            Ok(0) => return None,
            Ok(_) => return Some(first[0]),
            Err(error) if is_wait(&error) => {}
            Err(_) => return None,
        }
        let waited = start.elapsed();
        if waited >= IDLE_TIME || (waited >= FRESH_TIME && shared.must_hurry()) || shared.stopping() {
            return None;
        }
    }
}

/// Agrees on TLS within the time that a head may take.
fn greet(shared: &Shared, tls: &ServerTls, stream: TcpStream) -> Option<Channel> {
    let start = monotonic();
    let mut stream = tls.accept(stream).ok()?;
    loop {
        match stream.handshake() {
            Ok(true) => return Some(Channel::Tls(Box::new(stream))),
            Ok(false) => {}
            Err(error) if is_wait(&error) => {}
            Err(_) => break,
        }
        if start.elapsed() >= shared.request_time {
            break;
        }
    }
    // The reason, which TLS tells in its own words, must not be lost with what was not read.
    linger(&mut Channel::Plain(stream.into_inner()));
    None
}

/// Reads the next head. Bytes behind it stay in the buffer.
///
/// While others wait, it waits no longer than `hurry` for the first byte. `Ok(None)` when the client has nothing more to say, or the server no more time for it.
fn read_head(
    shared: &Shared,
    channel: &mut Channel,
    buffer: &mut Vec<u8>,
    hurry: Duration,
) -> Result<Option<Head>, u16> {
    let start = monotonic();
    let mut first_byte: Option<Instant> = (!buffer.is_empty()).then_some(start);
    let mut chunk = [0; 4096];
    loop {
        if let Some(length) = request::head_length(buffer) {
            let head = request::parse(buffer.get(..length).unwrap_or(buffer));
            buffer.drain(..length);
            return head.map(Some);
        }
        if buffer.len() >= HEAD_LIMIT {
            return Err(431);
        }
        let waited = first_byte.unwrap_or(start).elapsed();
        match first_byte {
            Some(_) if waited >= shared.request_time => return Err(408),
            None if waited >= IDLE_TIME || (waited >= hurry && shared.must_hurry()) => return Ok(None),
            _ => {}
        }
        if shared.stopping() && first_byte.is_none() {
            return Ok(None);
        }
        match channel.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(count) => {
                first_byte = first_byte.or_else(|| Some(monotonic()));
                buffer.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
            }
            Err(error) if is_wait(&error) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Closing a socket with unread bytes resets it, and the client may lose the answer: reads on for a moment.
fn linger(channel: &mut Channel) {
    channel.finish();
    let start = monotonic();
    let mut chunk = [0; 4096];
    let mut left = LINGER_BYTES;
    while left > 0 && start.elapsed() < Duration::from_secs(1) {
        match channel.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if is_wait(&error) => {}
            Err(_) => return,
        }
    }
}

/// A writer that gives up on a client that reads too slowly.
struct Paced<'a> {
    channel: &'a mut Channel,
    until: Instant,
    /// Small pieces wait here, so that a head does not become a dozen packets.
    pending: Vec<u8>,
}

/// How much is sent at once.
const PIECE: usize = 64 << 10;

impl<'a> Paced<'a> {
    fn new(channel: &'a mut Channel, size: u64) -> Self {
        let until = monotonic() + ANSWER_TIME + Duration::from_secs(size / SLOWEST);
        Paced { channel, until, pending: Vec::new() }
    }

    fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while let Some(rest) = self.pending.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.channel.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if is_wait(&error) && monotonic() < self.until => {}
                Err(error) => return Err(error),
            }
            if monotonic() >= self.until {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.pending.clear();
        loop {
            match self.channel.flush() {
                Err(error) if is_wait(&error) && monotonic() < self.until => {}
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

impl Shared {
    /// Whether idle connections should make room: others wait, or the server stops.
    fn must_hurry(&self) -> bool {
        self.stopping() || self.waiting.load(Ordering::Relaxed) > 0
    }
}
