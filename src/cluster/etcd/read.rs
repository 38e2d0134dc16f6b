//! Reading: everything that one call sees belongs to one revision of etcd.
//!
//! Each first request also reads `@head` and `@open`. When a large write is committed but not carried out everywhere yet,
//! its log is laid over what the keys say; so a reader needs no right to write, and never waits for a writer.
//!
//! Invariant: an object is taken either from the log or from its keys at the same revision, never from two revisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Etcd;
use super::client::{Attempts, Fault};
use super::entry::{Change, Entry, Meta, Pieces};
use super::keys::Span;
use super::wire::{Compare, Done, Found, Kv, Op, Txn};
use crate::cluster::object::{self, Key};
use crate::cluster::{Query, Store, StoreError, Stored};
use crate::manifest::ObjectRef;

/// The format of what we keep; a higher one is not touched.
const FORMAT: i64 = 1;
/// Bytes of bodies that are asked for at once.
const BODIES: usize = 8 << 20;
/// Entries of metadata that are asked for at once, at most.
pub(super) const PAGE: usize = 1_000;
/// Abandoned writes that one look finds, at most.
const STAGES: usize = 16;
/// Prepared writes of living processes that one look takes notice of.
const LIVING: usize = 1_000;

/// The value of `@head`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    format: i64,
    /// The name of the write that changed the store last.
    pub(super) token: String,
}

impl Head {
    pub(super) fn new(token: &str) -> Self {
        Head { format: FORMAT, token: token.to_string() }
    }
}

/// The value of `@open`: a write that is committed, and whose log is to be carried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Open {
    /// The log's pieces.
    pub(super) log: Pieces,
    pub(super) size: usize,
}

/// The store at one revision.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) revision: i64,
    /// The revision in which `@head` was written; 0 when nothing ever was.
    pub(super) head: i64,
    /// The open write and the revision that committed it.
    pub(super) open: Option<(Open, i64)>,
    /// Changes of the open write, by object.
    overlay: BTreeMap<Key, Change>,
    /// Prepared writes that nobody works on any more, with the revision of their mark.
    pub(super) abandoned: Vec<(String, i64)>,
}

impl Etcd {
    /// The identity of the store; `None` when it was given none.
    pub(super) fn identified(&self) -> Result<Option<String>, Fault> {
        let done =
            self.client.txn(&Txn::read(vec![Op::get(self.keys.known_by())]), &mut Attempts::default())?;
        self.identity_in(done)
    }

    /// The identity of the store: the one that it has, or else this one. Two that give one at once agree, since the transaction
    /// demands that there is none; one whose answer was lost is found when it is sent again.
    pub(super) fn identify(&self, new: &str) -> Result<String, Fault> {
        let key = self.keys.known_by();
        let txn = Txn {
            compare: vec![Compare::Created { key: key.clone(), revision: 0 }],
            success: vec![Op::put(key.clone(), new)],
            failure: vec![Op::get(key)],
        };
        let done = self.client.txn(&txn, &mut Attempts::default())?;
        if done.succeeded {
            return Ok(new.to_string());
        }
        let gone = || StoreError::Internal("the identity of the store was taken away".into());
        Ok(self.identity_in(done)?.ok_or_else(gone)?)
    }

    fn identity_in(&self, done: Done) -> Result<Option<String>, Fault> {
        let Some(kv) = done.into_found().next().and_then(|found| found.kvs.into_iter().next()) else {
            return Ok(None);
        };
        Ok(Some(String::from_utf8(kv.value).map_err(|_| StoreError::Corrupt {
            store: self.describe(),
            reason: "its identity is no text".to_string(),
        })?))
    }

    /// Reads the state of the store, together with what `extra` asks for, in one request. `to_write` also looks for
    /// abandoned writes, and leaves the log of an open one alone.
    pub(super) fn look(&self, extra: Vec<Op>, to_write: bool) -> Result<(Snapshot, Vec<Found>), Fault> {
        let mut ops = vec![Op::get(self.keys.head()), Op::get(self.keys.open())];
        if to_write {
            for (span, limit) in [(self.keys.stages(), STAGES), (self.keys.living(), LIVING)] {
                ops.push(Op::Range { span, limit, revision: 0, keys_only: true });
            }
        }
        ops.extend(extra);
        let done = self.client.txn(&Txn::read(ops), &mut Attempts::default())?;
        let revision = done.revision();
        let mut found = done.into_found();
        let mut one = || found.next().and_then(|found| found.kvs.into_iter().next());
        let (head, open) = (one(), one());
        let head = match head {
            Some(kv) => {
                self.read_head(&kv)?;
                kv.mod_revision
            }
            None => 0,
        };
        let open = match open {
            Some(kv) => {
                Some((self.parse::<Open>(&kv.value, "the mark of an open write")?, kv.create_revision))
            }
            None => None,
        };
        let mut snapshot = Snapshot { revision, head, open, overlay: BTreeMap::new(), abandoned: Vec::new() };
        if to_write {
            let (stages, living) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
            let alive: Vec<String> = living.kvs.iter().filter_map(|kv| self.keys.write_of(&kv.key)).collect();
            let marks =
                stages.kvs.iter().filter_map(|kv| Some((self.keys.write_of(&kv.key)?, kv.create_revision)));
            snapshot.abandoned = marks.filter(|(write, _)| !alive.contains(write)).collect();
        } else if let Some((open, committed)) = &snapshot.open {
            for mut change in self.log(open, revision)? {
                if let Some(meta) = &mut change.meta {
                    meta.revision = Some(*committed);
                }
                snapshot.overlay.insert(change.key.clone(), change);
            }
        }
        Ok((snapshot, found.collect()))
    }

    /// Reads `@head`.
    pub(super) fn read_head(&self, kv: &Kv) -> Result<Head, Fault> {
        let head: Head = self.parse(&kv.value, "the head")?;
        if head.format > FORMAT {
            let store = self.describe();
            return Err(StoreError::TooNew { store, found: head.format, known: FORMAT }.into());
        }
        Ok(head)
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, json: &[u8], what: &str) -> Result<T, Fault> {
        serde_json::from_slice(json).map_err(|_| self.damaged(format!("{what} cannot be read")))
    }

    pub(super) fn damaged(&self, reason: String) -> Fault {
        StoreError::Corrupt { store: self.describe(), reason }.into()
    }

    /// The log of an open write.
    pub(super) fn log(&self, open: &Open, revision: i64) -> Result<Vec<Change>, Fault> {
        let json = self.pieces(&open.log, revision)?;
        if json.len() != open.size {
            return Err(self.damaged("the log of an open write is not whole".into()));
        }
        self.parse(&json, "the log of an open write")
    }

    /// An object as a key of metadata says.
    pub(super) fn entry(&self, kv: &Kv) -> Result<Entry, Fault> {
        let key = self.keys.identity(&kv.key);
        let key = key.ok_or_else(|| self.damaged("a key is none that this program writes".into()))?;
        let meta: Meta = self.parse(&kv.value, &format!("the metadata of {}/{}/{}", key.1, key.2, key.3))?;
        let revision = meta.revision.unwrap_or(kv.mod_revision);
        Ok(Entry { key, meta, resource_version: u64::try_from(revision).unwrap_or(0) })
    }

    /// An object as the log of an open write says.
    fn laid_over(change: &Change) -> Option<Entry> {
        let meta = change.meta.clone()?;
        let resource_version = u64::try_from(meta.revision?).unwrap_or(0);
        Some(Entry { key: change.key.clone(), meta, resource_version })
    }

    /// All pieces of a value, in order.
    fn pieces(&self, pieces: &Pieces, revision: i64) -> Result<Vec<u8>, Fault> {
        let mut span = self.keys.parts(&pieces.at);
        let (mut bytes, mut count) = (Vec::new(), 0);
        // A piece has at most about 1 MiB.
        let limit = BODIES >> 20;
        loop {
            let found = self.range(Op::Range { span: span.clone(), limit, revision, keys_only: false })?;
            for kv in &found.kvs {
                bytes.extend_from_slice(&kv.value);
                count += 1;
            }
            match found.kvs.last() {
                Some(last) if found.more => span = span.after(&last.key),
                _ => break,
            }
        }
        if count != pieces.count {
            return Err(self.damaged("pieces of a value are missing".into()));
        }
        Ok(bytes)
    }

    fn range(&self, op: Op) -> Result<Found, Fault> {
        let done = self.client.txn(&Txn::read(vec![op]), &mut Attempts::default())?;
        Ok(done.into_found().next().unwrap_or_default())
    }

    /// Reads single keys at a revision.
    pub(super) fn get_keys(&self, keys: Vec<Vec<u8>>, revision: i64) -> Result<Vec<Option<Kv>>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        for part in keys.chunks(self.limits.operations().max(1)) {
            let ops = part.iter().map(|key| Op::Get { key: key.clone(), revision }).collect();
            let done = self.client.txn(&Txn::read(ops), &mut Attempts::default())?;
            found.extend(done.into_found().map(|found| found.kvs.into_iter().next()));
        }
        Ok(found)
    }

    /// One object: its metadata and its body in one request.
    pub(super) fn read_one(&self, id: &ObjectRef) -> Result<Option<Stored>, Fault> {
        let key = object::key(id);
        let ops = vec![Op::get(self.keys.meta(&key)), Op::get(self.keys.body(&key))];
        let (snapshot, found) = self.look(ops, false)?;
        let mut found = found.into_iter().map(|found| found.kvs.into_iter().next());
        let (meta, body) = (found.next().flatten(), found.next().flatten());
        if snapshot.overlay.contains_key(&key) {
            let entry = snapshot.overlay.get(&key).and_then(Self::laid_over);
            return Ok(self.with_bodies(entry.into_iter().collect(), &snapshot)?.pop());
        }
        let Some(meta) = meta else { return Ok(None) };
        let entry = self.entry(&meta)?;
        if entry.meta.pieces.is_some() {
            return Ok(self.with_bodies(vec![entry], &snapshot)?.pop());
        }
        let body = body.map(|kv| kv.value).unwrap_or_default();
        entry.stored(Some(&body)).map(Some).map_err(|reason| self.damaged(reason))
    }

    /// Objects by their identity, in the order of the question.
    pub(super) fn read_each(&self, ids: &[ObjectRef]) -> Result<Vec<Option<Stored>>, Fault> {
        let keys: Vec<Key> = ids.iter().map(object::key).collect();
        let first = self.limits.operations().saturating_sub(2).max(1).min(keys.len());
        let (now, later) = keys.split_at(first);
        let (snapshot, found) =
            self.look(now.iter().map(|key| Op::get(self.keys.meta(key))).collect(), false)?;
        let mut found: Vec<Option<Kv>> =
            found.into_iter().map(|found| found.kvs.into_iter().next()).collect();
        found
            .extend(self.get_keys(later.iter().map(|key| self.keys.meta(key)).collect(), snapshot.revision)?);
        let mut entries = Vec::new();
        for (key, kv) in keys.iter().zip(found) {
            entries.push(match (snapshot.overlay.get(key), kv) {
                (Some(change), _) => Self::laid_over(change),
                (None, Some(kv)) => Some(self.entry(&kv)?),
                (None, None) => None,
            });
        }
        let there: Vec<bool> = entries.iter().map(Option::is_some).collect();
        let mut stored = self.with_bodies(entries.into_iter().flatten().collect(), &snapshot)?.into_iter();
        Ok(there.into_iter().map(|there| if there { stored.next() } else { None }).collect())
    }

    /// A listing.
    pub(super) fn read_list(&self, query: &Query) -> Result<Vec<Stored>, Fault> {
        let span = self.keys.metas(query.group_kind.as_ref(), query.namespace.as_deref());
        let page = self.limits.page();
        let range = |span: Span, revision| Op::Range { span, limit: page, revision, keys_only: false };
        let (snapshot, found) = self.look(vec![range(span.clone(), 0)], false)?;
        let matches = |entry: &Entry| object::matches(query, &entry.id(), &entry.meta.labels);
        // With a log laid over, what comes first is only known at the end.
        let enough = if snapshot.overlay.is_empty() { query.limit } else { 0 };
        let mut entries = BTreeMap::new();
        let mut found = found.into_iter().next().unwrap_or_default();
        'pages: loop {
            for kv in &found.kvs {
                let entry = self.entry(kv)?;
                if !snapshot.overlay.contains_key(&entry.key) && matches(&entry) {
                    entries.insert(entry.key.clone(), entry);
                    if entries.len() == enough {
                        break 'pages;
                    }
                }
            }
            match found.kvs.last() {
                Some(last) if found.more => {
                    found = self.range(range(span.after(&last.key), snapshot.revision))?;
                }
                _ => break,
            }
        }
        for entry in snapshot.overlay.values().filter_map(Self::laid_over).filter(matches) {
            entries.insert(entry.key.clone(), entry);
        }
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let entries: Vec<Entry> = entries.into_values().take(limit).collect();
        if query.metadata_only {
            let bare = entries.into_iter().map(|entry| entry.stored(None));
            return bare.collect::<Result<_, String>>().map_err(|reason| self.damaged(reason));
        }
        self.with_bodies(entries, &snapshot)
    }

    /// Entries with their bodies, several bodies at a time.
    fn with_bodies(&self, entries: Vec<Entry>, snapshot: &Snapshot) -> Result<Vec<Stored>, Fault> {
        let laid_over =
            |entry: &Entry| snapshot.overlay.get(&entry.key).and_then(|change| change.body.clone());
        let mut stored = Vec::with_capacity(entries.len());
        let mut waiting: Vec<Entry> = Vec::new();
        let mut size = 0;
        for entry in entries {
            size += entry.meta.size;
            let alone = entry.meta.pieces.is_some() || laid_over(&entry).is_some();
            if alone || size > BODIES || waiting.len() >= self.limits.operations() {
                self.take_bodies(&mut waiting, snapshot, &mut stored)?;
                size = entry.meta.size;
            }
            if !alone {
                waiting.push(entry);
                continue;
            }
            let body = match (laid_over(&entry), &entry.meta.pieces) {
                (Some(body), _) => body.into_bytes(),
                (None, Some(pieces)) => self.pieces(pieces, snapshot.revision)?,
                (None, None) => Vec::new(),
            };
            stored.push(entry.stored(Some(&body)).map_err(|reason| self.damaged(reason))?);
            size = 0;
        }
        self.take_bodies(&mut waiting, snapshot, &mut stored)?;
        Ok(stored)
    }

    fn take_bodies(
        &self,
        waiting: &mut Vec<Entry>,
        snapshot: &Snapshot,
        stored: &mut Vec<Stored>,
    ) -> Result<(), Fault> {
        let keys = waiting.iter().map(|entry| self.keys.body(&entry.key)).collect();
        let bodies = self.get_keys(keys, snapshot.revision)?;
        for (entry, body) in waiting.drain(..).zip(bodies) {
            let body = body.map(|kv| kv.value).unwrap_or_default();
            stored.push(entry.stored(Some(&body)).map_err(|reason| self.damaged(reason))?);
        }
        Ok(())
    }
}
