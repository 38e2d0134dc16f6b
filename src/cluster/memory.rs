//! The reference store: everything in memory, and faults on request.
//!
//! Tests kill an operation at every store write: they run it once, read [`Memory::writes`], and run it again for each of
//! those writes with [`Memory::kill_at_write`]; [`Memory::reopen`] then shows what a next command finds.
//!
//! Invariant: what other stores do, this one does too; where they differ, this one is right.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::object::{self, Given, Key, Prepared};
use super::{Capabilities, Query, Store, StoreError, Stored, Write};
use crate::manifest::ObjectRef;
use crate::sys::{Clock, Host, Random};

/// What the store claims to be.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// What [`Store::capabilities`] says; without atomic batches each write of a batch is a commit of its own.
    pub capabilities: Capabilities,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        let capabilities = Capabilities {
            atomic_batches: true,
            runs_workloads: false,
            largest_object: 256 << 20,
            largest_data: 256 << 20,
        };
        MemoryOptions { capabilities }
    }
}

/// What an injected fault looks like to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk is full.
    Full,
    /// Another process holds the store.
    Busy,
    /// The store cannot be reached.
    Unreachable,
    /// Somebody was faster: a conflict, or for a creation that the object exists.
    Conflict,
}

/// Which calls of a kind an injected fault hits, counted from 1 since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Only that one.
    Nth(u64),
    /// That one and all later ones.
    From(u64),
}

impl When {
    fn hits(self, call: u64) -> bool {
        match self {
            When::Nth(nth) => call == nth,
            When::From(first) => call >= first,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct WriteFault {
    when: When,
    failure: Failure,
    /// Whether the change is made before the caller gets the error, as when an answer is lost.
    committed: bool,
}

#[derive(Debug, Default)]
struct Handle {
    writes: u64,
    reads: u64,
    write_fault: Option<WriteFault>,
    read_fault: Option<(When, Failure)>,
    kill: Option<(u64, bool)>,
    dead: bool,
    delay: Duration,
}

#[derive(Debug, Clone)]
struct Entry {
    prepared: Prepared,
    given: Given,
}

#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<Key, Entry>,
    last_version: u64,
    identity: Option<String>,
}

/// A store in memory. Its contents live as long as one handle does.
#[derive(Debug)]
pub struct Memory {
    contents: Arc<Mutex<Contents>>,
    handle: Mutex<Handle>,
    options: MemoryOptions,
    clock: Clock,
    random: Random,
}

impl Memory {
    /// An empty store.
    pub fn new(host: &Host) -> Self {
        Self::with_options(host, MemoryOptions::default())
    }

    /// An empty store that claims other capabilities.
    pub fn with_options(host: &Host, options: MemoryOptions) -> Self {
        Memory {
            contents: Arc::default(),
            handle: Mutex::default(),
            options,
            clock: host.clock.clone(),
            random: host.random.clone(),
        }
    }

    /// Another client of the same contents, without faults and with its own count.
    pub fn reopen(&self) -> Self {
        Memory {
            contents: Arc::clone(&self.contents),
            handle: Mutex::default(),
            options: self.options,
            clock: self.clock.clone(),
            random: self.random.clone(),
        }
    }

    /// How many writes were asked for. A write is one commit: a whole batch where batches are atomic, else each part of it.
    pub fn writes(&self) -> u64 {
        self.handle().writes
    }

    /// How many reads were asked for.
    pub fn reads(&self) -> u64 {
        self.handle().reads
    }

    /// Lets writes fail; with `committed` the change is made all the same, as when an answer is lost.
    pub fn fail_writes(&self, when: When, failure: Failure, committed: bool) {
        self.handle().write_fault = Some(WriteFault { when, failure, committed });
    }

    /// Lets reads fail.
    pub fn fail_reads(&self, when: When, failure: Failure) {
        self.handle().read_fault = Some((when, failure));
    }

    /// Ends this client at its n-th write (counted from 1): that write is done or not (`committed`), and every call from
    /// then on fails as if the process were gone.
    pub fn kill_at_write(&self, nth: u64, committed: bool) {
        self.handle().kill = Some((nth, committed));
    }

    /// Makes every call take that long.
    pub fn slow_down(&self, delay: Duration) {
        self.handle().delay = delay;
    }

    /// Takes all faults back; the counts stay.
    pub fn heal(&self) {
        let mut handle = self.handle();
        *handle = Handle { writes: handle.writes, reads: handle.reads, ..Handle::default() };
    }

    fn handle(&self) -> MutexGuard<'_, Handle> {
        // Nothing panics while the lock is held, and counters would still be right if it did.
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before_read(&self) -> Result<(), StoreError> {
        let (failure, delay) = {
            let mut handle = self.handle();
            handle.reads += 1;
            let hit =
                handle.read_fault.filter(|(when, _)| when.hits(handle.reads)).map(|(_, failure)| failure);
            (if handle.dead { Some(Failure::Unreachable) } else { hit }, handle.delay)
        };
        std::thread::sleep(delay);
        failure.map_or(Ok(()), |failure| Err(self.failure(failure, None)))
    }

    /// Carries out one commit under the faults that are set.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        let (fault, delay) = {
            let mut handle = self.handle();
            handle.writes += 1;
            let call = handle.writes;
            let mut fault = handle
                .write_fault
                .filter(|fault| fault.when.hits(call))
                .map(|fault| (fault.failure, fault.committed));
            if let Some((nth, committed)) = handle.kill.filter(|(nth, _)| call >= *nth) {
                handle.dead = true;
                fault = Some((Failure::Unreachable, committed && call == nth));
            }
            if handle.dead && fault.is_none() {
                fault = Some((Failure::Unreachable, false));
            }
            (fault, handle.delay)
        };
        std::thread::sleep(delay);
        match fault {
            None => self.apply_all(writes),
            Some((failure, committed)) => {
                if committed {
                    self.apply_all(writes)?;
                }
                Err(self.failure(failure, writes.first()))
            }
        }
    }

    fn failure(&self, failure: Failure, write: Option<&Write>) -> StoreError {
        let store = self.describe();
        match (failure, write) {
            (Failure::Full, _) => StoreError::Full { store },
            (Failure::Busy, _) => StoreError::Busy { store, reason: "a fault was injected".into() },
            (Failure::Conflict, Some(Write::Create { body })) => match object::identity(body) {
                Ok(id) => StoreError::AlreadyExists { id: id.into() },
                Err(error) => error,
            },
            (Failure::Conflict, Some(Write::Replace { body, expected })) => match object::identity(body) {
                Ok(id) => {
                    StoreError::Conflict { id: id.into(), expected: expected.unwrap_or(0), found: u64::MAX }
                }
                Err(error) => error,
            },
            (Failure::Conflict, Some(Write::Delete { id, expected })) => StoreError::Conflict {
                id: id.clone().into(),
                expected: expected.unwrap_or(0),
                found: u64::MAX,
            },
            (Failure::Unreachable | Failure::Conflict, _) => {
                StoreError::Unreachable { store, reason: "a fault was injected".into() }
            }
        }
    }

    /// All of the writes, or none.
    fn apply_all(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut contents = self.contents();
        let mut undo: Vec<(Key, Option<Entry>)> = Vec::new();
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            match self.apply(&mut contents, write, &mut undo) {
                Ok(result) => results.push(result),
                Err(error) => {
                    for (key, entry) in undo.into_iter().rev() {
                        match entry {
                            Some(entry) => contents.entries.insert(key, entry),
                            None => contents.entries.remove(&key),
                        };
                    }
                    return Err(error);
                }
            }
        }
        Ok(results)
    }

    fn apply(
        &self,
        contents: &mut Contents,
        write: &Write,
        undo: &mut Vec<(Key, Option<Entry>)>,
    ) -> Result<Option<Stored>, StoreError> {
        let limit = self.options.capabilities.largest_object;
        match write {
            Write::Create { body } => {
                let prepared = object::prepare(body, &self.describe(), limit)?;
                let key = object::key(&prepared.id);
                if contents.entries.contains_key(&key) {
                    return Err(StoreError::AlreadyExists { id: prepared.id.into() });
                }
                contents.last_version += 1;
                let given = Given {
                    uid: object::new_uid(&self.random)?,
                    resource_version: contents.last_version,
                    created: object::seconds(&self.clock),
                    generation: 1,
                };
                undo.push((key.clone(), None));
                contents.entries.insert(key, Entry { prepared: prepared.clone(), given: given.clone() });
                Ok(Some(object::stored(prepared, &given)))
            }
            Write::Replace { body, expected } => {
                let prepared = object::prepare(body, &self.describe(), limit)?;
                let key = object::key(&prepared.id);
                let Contents { entries, last_version, .. } = contents;
                let Some(entry) = entries.get_mut(&key) else {
                    return Err(StoreError::NotFound { id: prepared.id.into() });
                };
                object::check_version(&prepared.id, *expected, entry.given.resource_version)?;
                if entry.prepared.body != prepared.body {
                    *last_version += 1;
                    undo.push((key, Some(entry.clone())));
                    let given = Given {
                        resource_version: *last_version,
                        generation: object::next_generation(
                            &entry.prepared.body,
                            &prepared.body,
                            entry.given.generation,
                        ),
                        ..entry.given.clone()
                    };
                    *entry = Entry { prepared, given };
                }
                Ok(Some(object::stored(entry.prepared.clone(), &entry.given)))
            }
            Write::Delete { id, expected } => {
                let key = object::key(id);
                let Some(entry) = contents.entries.get(&key) else {
                    return Err(StoreError::NotFound { id: id.clone().into() });
                };
                object::check_version(id, *expected, entry.given.resource_version)?;
                let removed = contents.entries.remove(&key);
                undo.push((key, removed));
                Ok(None)
            }
        }
    }
}

impl Store for Memory {
    fn describe(&self) -> String {
        "memory".to_string()
    }

    fn capabilities(&self) -> Capabilities {
        self.options.capabilities
    }

    fn identity(&self) -> Result<Option<String>, StoreError> {
        self.before_read()?;
        Ok(self.contents().identity.clone())
    }

    fn give_identity(&self) -> Result<String, StoreError> {
        self.before_read()?;
        let mut contents = self.contents();
        if let Some(identity) = &contents.identity {
            return Ok(identity.clone());
        }
        let identity = object::new_uid(&self.random)?;
        contents.identity = Some(identity.clone());
        Ok(identity)
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        self.before_read()?;
        let contents = self.contents();
        let entry = contents.entries.get(&object::key(id));
        Ok(entry.map(|entry| object::stored(entry.prepared.clone(), &entry.given)))
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        self.before_read()?;
        let contents = self.contents();
        let found = contents
            .entries
            .values()
            .filter(|entry| object::matches(query, &entry.prepared.id, &entry.prepared.labels))
            .map(|entry| {
                let mut stored = object::stored(entry.prepared.clone(), &entry.given);
                if query.metadata_only {
                    stored.body = None;
                }
                stored
            });
        Ok(if query.limit == 0 { found.collect() } else { found.take(query.limit).collect() })
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        if self.options.capabilities.atomic_batches || writes.len() < 2 {
            return self.commit(writes);
        }
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            match self.commit(std::slice::from_ref(write)) {
                Ok(result) => results.extend(result),
                Err(error) if results.is_empty() => return Err(error),
                Err(error) => {
                    let (done, total) = (results.len(), writes.len());
                    return Err(StoreError::Partial { done, total, source: Box::new(error) });
                }
            }
        }
        Ok(results)
    }
}
