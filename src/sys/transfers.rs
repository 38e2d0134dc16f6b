//! Bytes on their way over the network: told to whoever shows them, and given up when the user asks to stop.
//!
//! Invariants: a transfer that was begun is ended, however its request ends; what is told of it names its URL as it may be
//! shown; where nobody watches, it costs nothing.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To this machine.
    Down,
    /// To the server.
    Up,
}

/// How a transfer stands when it is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is under way.
    Moving,
    /// No more comes of it: all is there, or it failed.
    Ended,
}

/// A transfer at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// The same number for what is told of one transfer, and another for each.
    pub id: u64,
    /// Where from or where to, without secrets.
    pub url: &'a str,
    /// Which way.
    pub direction: Direction,
    /// Bytes that have passed.
    pub done: u64,
    /// Bytes that there are to pass, when it is known.
    pub total: Option<u64>,
    /// When it began.
    pub began: Instant,
    /// How it stands.
    pub stage: Stage,
}

/// Hears of transfers, from many threads, and says when to stop.
pub trait Watch: Send + Sync {
    /// Bytes have passed, or a moment went by without any, or it ended.
    fn transfer(&self, transfer: &Transfer<'_>);

    /// Whether the user asked to stop: what waits for bytes gives up then.
    fn is_stopped(&self) -> bool;
}

/// Who watches the transfers of a run; nobody by default.
#[derive(Clone, Default)]
pub struct Watched(Option<Arc<dyn Watch>>);

impl Watched {
    /// Transfers that are told to a watcher.
    pub fn by(watch: Arc<dyn Watch>) -> Self {
        Watched(Some(watch))
    }

    /// Whether the user asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.as_ref().is_some_and(|watch| watch.is_stopped())
    }

    /// Begins a transfer.
    pub(super) fn begin(&self, url: &str, direction: Direction, total: Option<u64>) -> Moving {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let watch = self.0.as_ref().map(|watch| Watching {
            watch: Arc::clone(watch),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            url: url.to_string(),
            began: Instant::now(),
        });
        Moving { watch, direction, total, done: AtomicU64::new(0) }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watched" } else { "Unwatched" })
    }
}

struct Watching {
    watch: Arc<dyn Watch>,
    id: u64,
    url: String,
    began: Instant,
}

/// A transfer under way; it ends when this is dropped.
pub(super) struct Moving {
    watch: Option<Watching>,
    direction: Direction,
    total: Option<u64>,
    done: AtomicU64,
}

impl Moving {
    /// Tells how many bytes there are, once it is known.
    pub(super) fn expect(&mut self, total: Option<u64>) {
        self.total = total.or(self.total);
    }

    /// Bytes have passed; none when only time has.
    pub(super) fn moved(&self, bytes: usize) {
        self.done.fetch_add(bytes as u64, Ordering::Relaxed);
        self.tell(Stage::Moving);
    }

    /// Which way it goes.
    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether to give up.
    pub(super) fn is_stopped(&self) -> bool {
        self.watch.as_ref().is_some_and(|watching| watching.watch.is_stopped())
    }

    fn tell(&self, stage: Stage) {
        let Some(Watching { watch, id, url, began }) = &self.watch else { return };
        watch.transfer(&Transfer {
            id: *id,
            url,
            direction: self.direction,
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
            began: *began,
            stage,
        });
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.tell(Stage::Ended);
    }
}

/// A body that tells how much of it was read, in pieces small enough to see it move.
pub(super) struct Counted {
    bytes: Cursor<Vec<u8>>,
    moving: Arc<Moving>,
}

impl Counted {
    pub(super) fn new(bytes: Vec<u8>, moving: Arc<Moving>) -> Self {
        Counted { bytes: Cursor::new(bytes), moving }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.moving.is_stopped() {
            return Err(io::Error::other("interrupted"));
        }
        let count = self.bytes.read(buffer)?;
        self.moving.moved(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(u64, Option<u64>, Stage)>>);

    impl Watch for Heard {
        fn transfer(&self, transfer: &Transfer<'_>) {
            self.0.lock().unwrap().push((transfer.done, transfer.total, transfer.stage));
        }

        fn is_stopped(&self) -> bool {
            self.0.lock().unwrap().len() > 2
        }
    }

    #[test]
    fn a_body_tells_how_it_is_read_and_stops_when_asked() {
        let heard = Arc::new(Heard::default());
        let watched = Watched::by(heard.clone());
        let moving = Arc::new(watched.begin("http://h/", Direction::Up, Some(6)));
        let mut body = Counted::new(b"abcdef".to_vec(), moving);
        let mut piece = [0; 2];
        for _ in 0..3 {
            assert_eq!(body.read(&mut piece).unwrap(), 2);
        }
        assert!(body.read(&mut piece).is_err());
        drop(body);
        let told: Vec<_> = heard.0.lock().unwrap().clone();
        let total = Some(6);
        let moving = |done| (done, total, Stage::Moving);
        assert_eq!(told, [moving(2), moving(4), moving(6), (6, total, Stage::Ended)]);
    }
}
