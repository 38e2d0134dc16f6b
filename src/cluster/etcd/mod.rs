//! etcd v3 as a store, through its own JSON gateway (etcd 3.4 and newer).
//!
//! # What is where
//!
//! An object is a small key with its metadata and a key with its body (`keys`); a body above half a MiB is cut into pieces.
//! Its resourceVersion is the etcd revision of the commit that wrote it. All keys of a store are below one prefix, and two
//! prefixes never meet.
//!
//! # Reading
//!
//! One call sees one revision: the first request tells which, and all others ask for that one. When etcd has compacted it in
//! the meantime, the call begins again.
//!
//! # Writing
//!
//! Every write is **one commit**: a transaction that demands that `@head` was not modified since the write was decided on,
//! and modifies it. So the states of a store form one line, a batch is decided on what it replaces, and a batch of any
//! size is guarded by a single compare. Who loses looks again and decides anew.
//!
//! ```text
//! fits into a request      look ─► commit: metadata and bodies                                        (2 requests)
//! a large body             look ─► mark, pieces ─► commit: metadata, mark away
//! a large batch            look ─► mark, pieces, log ─► commit: @open = log, mark away ─► carry the log out ─► @open away
//! ```
//!
//! **Killed anywhere.** Before the commit nothing that a reader looks at has changed. What was prepared stands below a mark
//! (`@stage`); a second one hangs on a lease (`@alive`) and vanishes by itself when nobody works on the write any more. The
//! next write that finds a mark without it clears up, in a transaction that demands exactly that. Pieces demand the mark
//! when they are written, and the commit demands and removes it: what was cleared up can neither grow again nor be committed.
//! Pieces themselves never hang on a lease: they could vanish after their commit.
//!
//! After the commit of a large batch its log counts: readers lay it over the keys, with the commit's revision as
//! resourceVersion, and every writer first carries it out. Each transaction of that demands that this very `@open` (by its
//! create revision) is still there, and writes what anybody else would write; so any number of clients may do it at once
//! and die at it, and one that comes late changes nothing.
//!
//! **No answer.** A commit without an answer is sent again as it is, to another member where there is one. If it succeeds,
//! it was not done before. If its compare fails, the history of `@head` tells: every commit leaves its own random name
//! there. From then on an attempt that is still under way fails its compare as well.
//!
//! Invariant: for every revision of etcd, the objects of a store are those of the last commit at or before it, all of it.

mod address;
mod client;
mod entry;
mod keys;
mod read;
mod stage;
mod wire;
mod write;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(super) use address::{check, hidden};

use address::Settings;
use client::{Client, Fault, deadline};
use keys::Keys;
use write::{Kept, Step};

use super::object;
use super::{Capabilities, Query, Store, StoreError, Stored, Write};
use crate::manifest::ObjectRef;
use crate::sys::{Clock, Host, Random};

/// Largest object in bytes of JSON: sixty-four pieces, still read and written within seconds.
const LARGEST_OBJECT: usize = 64 << 20;
/// Operations of a transaction at first, without the few around those of the objects; etcd takes 128 unless it is told
/// otherwise.
const OPERATIONS: usize = 120;
/// Bytes of a request at first; etcd takes 1.5 MiB unless it is told otherwise.
const BYTES: usize = 1 << 20;
/// How often a read begins again because the limits of the server were smaller, or a compaction was faster.
const MOST_TRIES: usize = 16;
/// How long a batch tries to be faster than others.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store in etcd. Any number of processes may use it at once.
#[derive(Debug)]
pub struct Etcd {
    name: String,
    keys: Keys,
    client: Client,
    limits: Limits,
    clock: Clock,
    random: Random,
}

impl Etcd {
    /// A store by its address: `etcd://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…]/PREFIX[?SETTING=VALUE…]`, or
    /// `etcds://` for TLS. Touches nothing.
    ///
    /// # Errors
    /// [`StoreError::InvalidChoice`]: the address cannot be read.
    pub fn new(address: &str, host: &Host) -> Result<Self, StoreError> {
        let settings = Settings::new(address, host)?;
        Ok(Etcd {
            name: settings.shown(),
            keys: Keys::new(&settings.prefix),
            client: Client::new(settings, host),
            limits: Limits::default(),
            clock: host.clock.clone(),
            random: host.random.clone(),
        })
    }

    /// Runs a reader until it comes through.
    fn settled<T>(&self, run: impl Fn() -> Result<T, Fault>) -> Result<T, StoreError> {
        for _ in 0..MOST_TRIES {
            match run() {
                Ok(found) => return Ok(found),
                Err(fault) => self.adapt(fault)?,
            }
        }
        Err(self.gave_up("what is read is compacted again and again"))
    }

    /// Makes the next try one that may succeed.
    ///
    /// # Errors
    /// There is nothing to be made smaller, or the fault is another one.
    fn adapt(&self, fault: Fault) -> Result<(), StoreError> {
        let smaller = match fault {
            Fault::Store(error) => return Err(error),
            Fault::Compacted | Fault::Abandoned => true,
            Fault::TooManyOperations => halve(&self.limits.operations, 8),
            Fault::RequestTooLarge => halve(&self.limits.bytes, 16 << 10),
            Fault::AnswerTooLarge => halve(&self.limits.page, 1),
        };
        if smaller { Ok(()) } else { Err(self.gave_up("its limits are too small for this program")) }
    }

    fn gave_up(&self, reason: &str) -> StoreError {
        StoreError::Io { store: self.name.clone(), reason: reason.to_string() }
    }
}

/// What this server takes, as far as it is known. Only ever made smaller.
#[derive(Debug)]
struct Limits {
    operations: AtomicUsize,
    bytes: AtomicUsize,
    page: AtomicUsize,
}

impl Default for Limits {
    fn default() -> Self {
        let [operations, bytes, page] = [OPERATIONS, BYTES, read::PAGE].map(AtomicUsize::new);
        Limits { operations, bytes, page }
    }
}

impl Limits {
    fn operations(&self) -> usize {
        self.operations.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn page(&self) -> usize {
        self.page.load(Ordering::Relaxed)
    }
}

fn halve(limit: &AtomicUsize, least: usize) -> bool {
    let now = limit.load(Ordering::Relaxed);
    limit.store((now / 2).max(least), Ordering::Relaxed);
    now > least
}

impl Store for Etcd {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_batches: true,
            runs_workloads: false,
            largest_object: LARGEST_OBJECT,
            largest_data: LARGEST_OBJECT,
        }
    }

    fn identity(&self) -> Result<Option<String>, StoreError> {
        self.settled(|| self.identified())
    }

    fn give_identity(&self) -> Result<String, StoreError> {
        let new = object::new_uid(&self.random)?;
        self.settled(|| self.identify(&new))
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        self.settled(|| self.read_one(id))
    }

    fn get_each(&self, ids: &[ObjectRef]) -> Result<Vec<Option<Stored>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.settled(|| self.read_each(ids))
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        self.settled(|| self.read_list(query))
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        let steps: Vec<Step<'_>> =
            writes.iter().map(|write| Step::new(write, &self.name)).collect::<Result<_, _>>()?;
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let mut kept = Kept::default();
        let result = self.try_batch(&steps, &mut kept);
        if let Some(staged) = &kept.staged {
            self.give_up(staged);
        }
        result
    }
}

impl Etcd {
    fn try_batch(&self, steps: &[Step<'_>], kept: &mut Kept) -> Result<Vec<Option<Stored>>, StoreError> {
        let late = deadline(PATIENCE);
        let mut pause = 1;
        loop {
            match self.attempt(steps, kept) {
                Ok(Some(results)) => return Ok(results),
                Ok(None) => {}
                Err(fault) => {
                    if matches!(fault, Fault::Abandoned) {
                        kept.staged = None;
                    }
                    self.adapt(fault)?;
                }
            }
            if late() {
                let reason = format!("others kept writing to it (waited {} s)", PATIENCE.as_secs());
                return Err(StoreError::Busy { store: self.name.clone(), reason });
            }
            // Not all of those who lost should come back at the same moment.
            let mut byte = [0];
            let _ = self.random.fill(&mut byte);
            std::thread::sleep(Duration::from_millis(u64::from(byte[0]) % pause));
            pause = (pause * 2).min(200);
        }
    }
}
