//! The two directions of a connection, whatever carries them.
//!
//! Invariant: reading and writing return after a tick at the latest, so that deadlines are seen.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::sys::tls::TlsStream;

/// Longest wait of one system call.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// A connection to a client.
#[derive(Debug)]
pub(super) enum Channel {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// Prepares an accepted connection; `None` when it is gone already.
pub(super) fn prepare(stream: TcpStream) -> Option<TcpStream> {
    // Without it answers are slower, never wrong.
    let _ = stream.set_nodelay(true);
    stream.set_read_timeout(Some(TICK)).ok()?;
    stream.set_write_timeout(Some(TICK)).ok()?;
    Some(stream)
}

impl Channel {
    /// Makes reading and writing return at once, or wait for a tick again.
    pub(super) fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match self {
            Channel::Plain(stream) => stream.set_nonblocking(on),
            Channel::Tls(stream) => stream.set_nonblocking(on),
        }
    }

    /// Tells the client that nothing more will come.
    pub(super) fn finish(&mut self) {
        match self {
            Channel::Plain(stream) => {
                // A client that is gone needs no goodbye.
                let _ = stream.shutdown(Shutdown::Write);
            }
            Channel::Tls(stream) => stream.close(),
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(stream) => stream.read(buffer),
            Channel::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(stream) => stream.write(bytes),
            Channel::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Channel::Plain(stream) => stream.flush(),
            Channel::Tls(stream) => stream.flush(),
        }
    }
}

/// Whether an error only says that the tick is over.
pub(super) fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
