//! One connection: reads requests within limits of size and time, and writes answers within a limit of time.
//!
//! Invariant: a client that sends slowly, sends too much, reads slowly or says nothing loses its connection after a
//! bounded time; it cannot make the server take more memory than one head. While others wait for a worker, none waits for
//! a client that has nothing to say.

use std::io::Read;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use super::body::Body;
use super::channel::{Channel, TICK, is_wait, prepare};
use super::paced::Paced;
use super::queue::{Caller, Line};
use super::reply::Reply;
use super::request::{self, HEAD_LIMIT, Head, Method};
use super::{Access, Shared, routes};
use crate::sys::monotonic;
use crate::sys::tls::{self, ServerTls};

/// Longest wait for the next request on a connection.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(15);
/// How long a connection may say nothing after an answer while others wait.
const KEPT_TIME: Duration = Duration::from_millis(200);
/// Longest time to agree on TLS while others have waited too long.
const GREETING_IN_NEED: Duration = Duration::from_secs(2);
/// Slowest client that is waited for, in bytes per second.
pub(super) const SLOWEST: u64 = 16 << 10;
/// Most requests on one connection.
const MOST_REQUESTS: usize = 1_000;
/// Longest time for reading on after a refusal.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Most bytes that are read and thrown away after a refusal, so that the client gets to read it.
const LINGER_BYTES: usize = 256 << 10;

/// Serves a connection to its end, or until it is laid aside. Errors of the connection end it and concern nobody else.
pub(super) fn serve(shared: &Shared, caller: Caller) {
    let Some((mut channel, mut buffer, mut wait, answered)) = open(shared, caller) else { return };
    let peer = wait.peer;
    for number in answered..MOST_REQUESTS {
        let head = match read_head(shared, &mut channel, &mut buffer, &mut wait, number) {
            Next::Head(head) => head,
            Next::Nothing => return,
            Next::Later => {
                let line = Line::Open(channel);
                let Wait { since, begun, .. } = wait;
                shared.queue.lay_aside(Caller { peer, line, buffer, answered: number, since, begun });
                return;
            }
            Next::Refused(status) => {
                turn_away(shared, peer, &mut channel, Reply::error(status));
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
        let status = reply.status;
        let written = reply.write(head.method, keep_alive, Paced::new(shared, peer, &mut channel));
        shared.done(&Access { method: head.method.name(), path: &head.path, status }, start.elapsed());
        if !complete {
            linger(shared, &mut channel);
            return;
        }
        if written.is_err() || !keep_alive {
            break;
        }
        wait = Wait::of(peer);
    }
    channel.finish();
}

/// Answers somebody whose request could not be read, and ends the connection.
fn turn_away(shared: &Shared, peer: IpAddr, channel: &mut Channel, reply: Reply) {
    let status = reply.status;
    // The client may be gone; there is nobody else to tell.
    let _ = reply.write(Method::Get, false, Paced::new(shared, peer, channel));
    shared.done(&Access { method: "-", path: "-", status }, Duration::ZERO);
    linger(shared, channel);
}

/// Since when a client is waited for.
struct Wait {
    peer: IpAddr,
    since: Instant,
    /// When its request began to come.
    begun: Option<Instant>,
}

impl Wait {
    fn of(peer: IpAddr) -> Self {
        Wait { peer, since: monotonic(), begun: None }
    }
}

/// Prepares a connection, with TLS where the server has it; `None` when there is nothing to talk about, or not now.
fn open(shared: &Shared, caller: Caller) -> Option<(Channel, Vec<u8>, Wait, usize)> {
    let Caller { peer, line, buffer, answered, since, begun } = caller;
    let wait = Wait { peer, since, begun };
    let stream = match line {
        Line::Open(channel) => return Some((channel, buffer, wait, answered)),
        Line::New(stream) => prepare(stream)?,
    };
    let Some(tls) = &shared.tls else { return Some((Channel::Plain(stream), buffer, Wait::of(peer), 0)) };
    match first_byte(shared, &stream, since) {
        First::Nothing => return None,
        First::Later => {
            let line = Line::New(stream);
            shared.queue.lay_aside(Caller { peer, line, buffer, answered, since, begun });
            return None;
        }
        First::Byte(tls::FIRST_BYTE) => {
            return Some((greet(shared, tls, stream)?, buffer, Wait::of(peer), 0));
        }
        First::Byte(_) => {}
    }
    let told = "this port speaks HTTPS only: write https:// in place of http://\n";
    turn_away(shared, peer, &mut Channel::Plain(stream), Reply::refusal(400, told));
    None
}

/// What a client says first.
enum First {
    Byte(u8),
    /// Nothing, and it is not waited for while others wait.
    Later,
    /// Nothing, and it is gone or its time is over.
    Nothing,
}

/// Waits for what a client says first, and leaves it to be read.
fn first_byte(shared: &Shared, stream: &TcpStream, since: Instant) -> First {
    let mut first = [0];
    loop {
        match stream.peek(&mut first) {
            Ok(0) => return First::Nothing,
            Ok(_) => return First::Byte(first[0]),
            Err(error) if is_wait(&error) => {}
            Err(_) => return First::Nothing,
        }
        if since.elapsed() >= IDLE_TIME || shared.stopping() {
            return First::Nothing;
        }
        if shared.must_hurry() {
            return First::Later;
        }
    }
}

/// Agrees on TLS within the time that a head may take; sooner while others wait.
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
        let took = start.elapsed();
        if took >= shared.request_time || (took >= GREETING_IN_NEED && shared.queue.is_starving()) {
            break;
        }
    }
    // The reason, which TLS tells in its own words, must not be lost with what was not read.
    linger(shared, &mut Channel::Plain(stream.into_inner()));
    None
}

/// What comes of waiting for a head.
enum Next {
    Head(Head),
    /// The client has nothing more to say, or the server no more time for it.
    Nothing,
    /// The client is not waited for while others wait.
    Later,
    /// It cannot be read.
    Refused(u16),
}

/// Reads the next head. Bytes behind it stay in the buffer.
fn read_head(
    shared: &Shared,
    channel: &mut Channel,
    buffer: &mut Vec<u8>,
    wait: &mut Wait,
    number: usize,
) -> Next {
    let start = monotonic();
    if !buffer.is_empty() {
        wait.begun = wait.begun.or(Some(start));
    }
    let mut chunk = [0; 4096];
    loop {
        if let Some(length) = request::head_length(buffer) {
            let head = request::parse(buffer.get(..length).unwrap_or(buffer));
            buffer.drain(..length);
            return head.map_or_else(Next::Refused, Next::Head);
        }
        if buffer.len() >= HEAD_LIMIT {
            return Next::Refused(431);
        }
        let waited = start.elapsed();
        match wait.begun {
            Some(begun) if begun.elapsed() >= shared.request_time => return Next::Refused(408),
            None if shared.stopping() || wait.since.elapsed() >= IDLE_TIME => return Next::Nothing,
            // Who was answered already and is silent now makes room for others.
            None if number > 0 && waited >= KEPT_TIME && shared.must_hurry() => return Next::Nothing,
            Some(_) if waited >= TICK && shared.queue.is_busy() => return Next::Later,
            None if number == 0 && waited >= TICK && shared.queue.is_busy() => return Next::Later,
            _ => {}
        }
        match channel.read(&mut chunk) {
            Ok(0) => return Next::Nothing,
            Ok(count) => {
                wait.begun = wait.begun.or_else(|| Some(monotonic()));
                buffer.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
            }
            Err(error) if is_wait(&error) => {}
            Err(_) => return Next::Nothing,
        }
    }
}

/// Closing a socket with unread bytes resets it, and the client may lose the answer: reads on for a moment.
fn linger(shared: &Shared, channel: &mut Channel) {
    channel.finish();
    let start = monotonic();
    let mut chunk = [0; 4096];
    let mut left = LINGER_BYTES;
    while left > 0 {
        let lasted = start.elapsed();
        if lasted >= LINGER_TIME || (lasted >= TICK && shared.queue.is_starving()) {
            return;
        }
        match channel.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if is_wait(&error) => {}
            Err(_) => return,
        }
    }
}

impl Shared {
    /// Whether idle connections should make room: others wait, or the server stops.
    fn must_hurry(&self) -> bool {
        self.stopping() || self.queue.is_busy()
    }
}
