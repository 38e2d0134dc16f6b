//! The body of a request, read in pieces within a limit of time.
//!
//! Invariant: a client must send its first byte within a bounded time, and on average [`SLOWEST`] bytes a second after that;
//! no more than one piece is held in memory. How much is accepted in all is for the reader to say.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::channel::{Channel, is_wait};
use super::connection::SLOWEST;
use super::request::{Framing, Head};
use crate::sys::monotonic;

/// Bytes that are read at once.
const PIECE: usize = 16 << 10;
/// Longest line between chunks, and most bytes of a trailer.
const LINE_LIMIT: usize = 4 << 10;
/// How long is waited for the rest of a body that nobody wanted.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// Most bytes that are read to keep a connection whose body nobody wanted.
const DRAIN_LIMIT: u64 = 64 << 10;

/// What comes next on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Bytes of a body of known length, so many.
    Plain(u64),
    /// The size of a chunk.
    Size,
    /// Bytes of a chunk, so many.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// Lines after the last chunk.
    Trailer,
    Nothing,
}

/// The body of one request. Reading gives `TimedOut`, `InvalidData` and `UnexpectedEof` for clients at fault.
pub(super) struct Body<'c> {
    channel: &'c mut Channel,
    /// Bytes that were read and not used, those of the next request among them.
    buffer: &'c mut Vec<u8>,
    next: Next,
    /// Whether the client waits to be told to go on.
    waits: bool,
    start: Option<Instant>,
    /// How long it may take, beside a second for each [`SLOWEST`] bytes.
    patience: Duration,
    taken: u64,
    /// Whether reading failed, so that nobody knows what comes next.
    failed: bool,
}

impl<'c> Body<'c> {
    pub(super) fn new(
        head: &Head,
        channel: &'c mut Channel,
        buffer: &'c mut Vec<u8>,
        patience: Duration,
    ) -> Self {
        let next = match head.framing {
            Framing::Length(0) => Next::Nothing,
            Framing::Length(length) => Next::Plain(length),
            Framing::Chunked => Next::Size,
        };
        let waits = next != Next::Nothing && head.expects_continue();
        Body { channel, buffer, next, waits, start: None, patience, taken: 0, failed: false }
    }

    /// Reads a body that is to be kept in memory, of at most `limit` bytes.
    ///
    /// # Errors
    /// As reading; `FileTooLarge` when it is larger.
    pub(super) fn read_small(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    /// Reads on to the end when little is missing; tells whether the next request can follow.
    pub(super) fn drain(&mut self) -> bool {
        let little = match self.next {
            Next::Nothing => return true,
            Next::Plain(left) => left <= DRAIN_LIMIT,
            _ => true,
        };
        if self.waits || self.failed || !little {
            return false;
        }
        // Whoever sent nothing until now may be waiting for the answer.
        (self.start, self.patience, self.taken) = (Some(monotonic()), DRAIN_TIME, 0);
        let copied = io::copy(&mut self.by_ref().take(DRAIN_LIMIT), &mut io::sink());
        copied.is_ok() && self.next == Next::Nothing
    }

    /// Reads more from the wire into the buffer.
    fn fill(&mut self) -> io::Result<()> {
        if self.waits {
            self.waits = false;
            self.channel.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.channel.flush()?;
        }
        let start = *self.start.get_or_insert_with(monotonic);
        let until = start + self.patience + Duration::from_secs(self.taken / SLOWEST);
        let mut piece = [0; PIECE];
        loop {
            match self.channel.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.buffer.extend_from_slice(piece.get(..count).unwrap_or(&[]));
                    return Ok(());
                }
                Err(error) if is_wait(&error) && monotonic() < until => {}
                Err(error) if is_wait(&error) => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) => return Err(error),
            }
            if monotonic() >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            if self.buffer.len() > LINE_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.fill()?;
        }
    }

    /// Reads what stands between the bytes of a chunked body.
    fn advance(&mut self) -> io::Result<()> {
        match self.next {
            Next::Size => {
                let line = self.line()?;
                let digits = line.split(';').next().unwrap_or("").trim();
                if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                // Up to 15 hexadecimal digits always fit.
                let size = u64::from_str_radix(digits, 16).unwrap_or(0);
                self.next = if size == 0 { Next::Trailer } else { Next::Chunk(size) };
            }
            Next::ChunkEnd => {
                if !self.line()?.is_empty() {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.next = Next::Size;
            }
            Next::Trailer => {
                let mut seen = 0;
                loop {
                    let line = self.line()?;
                    seen += line.len();
                    if line.is_empty() {
                        break;
                    }
                    if seen > LINE_LIMIT {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                }
                self.next = Next::Nothing;
            }
            Next::Plain(_) | Next::Chunk(_) | Next::Nothing => {}
        }
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.read_some(out);
        self.failed |= read.is_err();
        read
    }
}

impl Body<'_> {
    fn read_some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = loop {
            match self.next {
                Next::Nothing => return Ok(0),
                Next::Plain(left) | Next::Chunk(left) => break left,
                _ => self.advance()?,
            }
        };
        if out.is_empty() {
            return Ok(0);
        }
        if self.buffer.is_empty() {
            self.fill()?;
        }
        let count = out.len().min(self.buffer.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        for (to, from) in out.iter_mut().zip(self.buffer.drain(..count)) {
            *to = from;
        }
        self.taken += count as u64;
        let left = left - count as u64;
        self.next = match self.next {
            Next::Plain(_) if left == 0 => Next::Nothing,
            Next::Plain(_) => Next::Plain(left),
            _ if left == 0 => Next::ChunkEnd,
            _ => Next::Chunk(left),
        };
        if self.next == Next::ChunkEnd {
            // So that the end of the last chunk is seen as soon as it can be.
            self.advance()?;
        }
        Ok(count)
    }
}

/// The status to answer when reading a body failed.
pub(super) fn status_of(error: &io::Error) -> u16 {
    match error.kind() {
        io::ErrorKind::TimedOut => 408,
        io::ErrorKind::FileTooLarge => 413,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => 507,
        _ => 400,
    }
}
