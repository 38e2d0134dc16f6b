//! One batch: look, decide, prepare what does not fit, commit; again when somebody else was faster.
//!
//! Invariant: nothing that a reader sees changes except by the one transaction in [`Etcd::commit`], which demands that
//! `@head` is as it was when the batch was decided on.

use std::collections::BTreeMap;

use super::Etcd;
use super::client::{Attempts, Fault};
use super::entry::{self, Change, Entry, Meta};
use super::read::{Head, Snapshot};
use super::stage::Staged;
use super::wire::{Compare, Done, Kv, Op, Txn};
use crate::cluster::object::{self, Key, Prepared};
use crate::cluster::{Store, StoreError, Stored, Write};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// Looks at the history of `@head` for a commit whose answer was lost, at most: one for each later write.
const MOST_LOOKS: usize = 200;

/// A write whose body was already checked.
pub(super) enum Step<'a> {
    Create(Prepared),
    Replace(Prepared, Option<u64>),
    Delete(&'a ObjectRef, Option<u64>),
}

impl<'a> Step<'a> {
    /// Checks a write.
    ///
    /// # Errors
    /// Its body is not acceptable.
    pub(super) fn new(write: &'a Write, store: &str) -> Result<Self, StoreError> {
        let prepare = |body: &Value| {
            let prepared = object::prepare(body, store, super::LARGEST_OBJECT)?;
            entry::check_metadata(&prepared)?;
            Ok::<_, StoreError>(prepared)
        };
        Ok(match write {
            Write::Create { body } => Step::Create(prepare(body)?),
            Write::Replace { body, expected } => Step::Replace(prepare(body)?, *expected),
            Write::Delete { id, expected } => Step::Delete(id, *expected),
        })
    }

    fn key(&self) -> Key {
        match self {
            Step::Create(prepared) | Step::Replace(prepared, _) => object::key(&prepared.id),
            Step::Delete(id, _) => object::key(id),
        }
    }

    fn prepared(&self) -> Option<&Prepared> {
        match self {
            Step::Create(prepared) | Step::Replace(prepared, _) => Some(prepared),
            Step::Delete(..) => None,
        }
    }
}

/// What a batch keeps over its attempts: what was once given and prepared stays the same.
#[derive(Default)]
pub(super) struct Kept {
    /// uid and time of creation, by step.
    given: BTreeMap<usize, (String, i64)>,
    pub(super) staged: Option<Staged>,
}

/// An object while the steps are gone through.
#[derive(Clone)]
struct Current {
    meta: Meta,
    /// `None`: the one that the commit will give.
    version: Option<u64>,
    /// The step that wrote it.
    step: Option<usize>,
}

/// What the steps come to.
struct Decided {
    results: Vec<Option<Current>>,
    finally: BTreeMap<Key, Option<Current>>,
    changed: bool,
}

/// How a commit ended.
enum Committed {
    /// In that revision.
    In(i64),
    /// Somebody else wrote first; nothing was done.
    Lost,
}

impl Etcd {
    /// One attempt; `None` when somebody else was faster.
    pub(super) fn attempt(
        &self,
        steps: &[Step<'_>],
        kept: &mut Kept,
    ) -> Result<Option<Vec<Option<Stored>>>, Fault> {
        let (snapshot, entries) = self.look_at(steps)?;
        if let Some((open, committed)) = &snapshot.open {
            let log = self.log(open, snapshot.revision)?;
            self.carry_out(open, *committed, log)?;
            return Ok(None);
        }
        self.clear_up(&snapshot.abandoned);
        let decided = self.decide(steps, &entries, kept)?;
        if !decided.changed {
            return Ok(Some(told(steps, decided.results, 0)));
        }
        let changes = self.changes(steps, &decided, &entries, kept)?;
        let mut ops = self.leftovers(kept, &changes);
        for change in &changes {
            ops.extend(change.operations(&self.keys, None)?);
        }
        let size: usize = ops.iter().map(Op::size).sum();
        let mut open = None;
        if ops.len() > self.limits.operations() || size > self.limits.bytes() {
            let staged = self.staged(kept)?;
            let log = self.stage_log(staged, &changes)?;
            let json = serde_json::to_vec(&log).map_err(|error| StoreError::Internal(error.to_string()))?;
            ops = self.leftovers(kept, &changes);
            ops.push(Op::put(self.keys.open(), json));
            open = Some(log);
        }
        match self.commit(snapshot.head, ops, kept.staged.as_ref())? {
            Committed::Lost => Ok(None),
            Committed::In(revision) => {
                kept.staged = None;
                if let Some(open) = open {
                    // The batch is done, whatever becomes of this: readers see it, and the next writer goes on.
                    let _ = self.carry_out(&open, revision, changes);
                }
                Ok(Some(told(steps, decided.results, u64::try_from(revision).unwrap_or(0))))
            }
        }
    }

    /// Reads the state of the store and the objects that the steps are about, all at one revision.
    fn look_at(&self, steps: &[Step<'_>]) -> Result<(Snapshot, BTreeMap<Key, Entry>), Fault> {
        let mut keys: Vec<Key> = steps.iter().map(Step::key).collect();
        keys.sort();
        keys.dedup();
        let first = self.limits.operations().saturating_sub(4).max(1).min(keys.len());
        let mut metas: Vec<Vec<u8>> = keys.iter().map(|key| self.keys.meta(key)).collect();
        let later = metas.split_off(first);
        let (snapshot, found) = self.look(metas.into_iter().map(Op::get).collect(), true)?;
        let mut kvs: Vec<Option<Kv>> = found.into_iter().map(|found| found.kvs.into_iter().next()).collect();
        if snapshot.open.is_none() {
            kvs.extend(self.get_keys(later, snapshot.revision)?);
        }
        let entries = kvs.iter().flatten().map(|kv| self.entry(kv)).collect::<Result<Vec<_>, _>>()?;
        Ok((snapshot, entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect()))
    }

    /// Goes through the steps in order.
    ///
    /// # Errors
    /// The first step that the contract does not allow.
    fn decide(
        &self,
        steps: &[Step<'_>],
        entries: &BTreeMap<Key, Entry>,
        kept: &mut Kept,
    ) -> Result<Decided, StoreError> {
        let mut finally: BTreeMap<Key, Option<Current>> = BTreeMap::new();
        let (mut results, mut changed) = (Vec::with_capacity(steps.len()), false);
        for (number, step) in steps.iter().enumerate() {
            let key = step.key();
            let slot = finally.entry(key).or_insert_with_key(|key| {
                entries.get(key).map(|entry| Current {
                    meta: entry.meta.clone(),
                    version: Some(entry.resource_version),
                    step: None,
                })
            });
            match step {
                Step::Create(prepared) => {
                    if slot.is_some() {
                        return Err(StoreError::AlreadyExists { id: prepared.id.clone().into() });
                    }
                    let (uid, created) = match kept.given.get(&number) {
                        Some(given) => given.clone(),
                        None => (object::new_uid(&self.random)?, object::seconds(&self.clock)),
                    };
                    kept.given.insert(number, (uid.clone(), created));
                    let meta = Meta::new(prepared, uid, created);
                    *slot = Some(Current { meta, version: None, step: Some(number) });
                    changed = true;
                }
                Step::Replace(prepared, expected) => {
                    let Some(old) = slot else {
                        return Err(StoreError::NotFound { id: prepared.id.clone().into() });
                    };
                    object::check_version(&prepared.id, *expected, old.version.unwrap_or(0))?;
                    if let Some(meta) = old.meta.replaced(prepared) {
                        *slot = Some(Current { meta, version: None, step: Some(number) });
                        changed = true;
                    }
                }
                Step::Delete(id, expected) => {
                    let Some(old) = slot else {
                        return Err(StoreError::NotFound { id: (*id).clone().into() });
                    };
                    object::check_version(id, *expected, old.version.unwrap_or(0))?;
                    *slot = None;
                    changed = true;
                }
            }
            results.push(slot.clone());
        }
        Ok(Decided { results, finally, changed })
    }

    /// What the batch does to each object in the end. Bodies that are too large for one request are put away here.
    fn changes(
        &self,
        steps: &[Step<'_>],
        decided: &Decided,
        entries: &BTreeMap<Key, Entry>,
        kept: &mut Kept,
    ) -> Result<Vec<Change>, Fault> {
        let mut changes = Vec::new();
        for (key, current) in &decided.finally {
            let old = entries.get(key);
            let dropped = old.and_then(|old| old.meta.pieces.as_ref()).map(|pieces| pieces.at.clone());
            let Some(current) = current else {
                if old.is_some() {
                    changes.push(Change { key: key.clone(), meta: None, body: None, dropped });
                }
                continue;
            };
            let Some(number) = current.step else { continue };
            let Some(prepared) = steps.get(number).and_then(Step::prepared) else { continue };
            let mut meta = current.meta.clone();
            let body = if prepared.json.len() > self.limits.bytes() / 2 {
                meta.pieces = Some(self.stage_body(self.staged(kept)?, number, &prepared.json)?);
                None
            } else {
                Some(prepared.json.clone())
            };
            changes.push(Change { key: key.clone(), meta: Some(meta), body, dropped });
        }
        Ok(changes)
    }

    fn staged<'a>(&self, kept: &'a mut Kept) -> Result<&'a mut Staged, Fault> {
        let staged = match kept.staged.take() {
            Some(staged) => staged,
            None => self.begin()?,
        };
        Ok(kept.staged.insert(staged))
    }

    /// Deletes pieces that an earlier attempt put away and this one does not need.
    fn leftovers(&self, kept: &Kept, changes: &[Change]) -> Vec<Op> {
        let Some(staged) = &kept.staged else { return Vec::new() };
        let needed: Vec<&str> = changes
            .iter()
            .filter_map(|change| Some(change.meta.as_ref()?.pieces.as_ref()?.at.as_str()))
            .collect();
        let unneeded = staged.bodies.values().filter(|pieces| !needed.contains(&pieces.at.as_str()));
        unneeded.map(|pieces| Op::DeleteSpan(self.keys.parts(&pieces.at))).collect()
    }

    /// Commits, if nobody has written since `@head` was read.
    fn commit(&self, head: i64, ops: Vec<Op>, staged: Option<&Staged>) -> Result<Committed, Fault> {
        let token = object::new_uid(&self.random)?;
        let json = serde_json::to_vec(&Head::new(&token))
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        let mut txn = Txn {
            compare: vec![Compare::Modified { key: self.keys.head(), revision: head }],
            success: vec![Op::put(self.keys.head(), json)],
            failure: vec![Op::get(self.keys.head())],
        };
        txn.success.extend(ops);
        if let Some(staged) = staged {
            txn.compare.push(self.marked(staged));
            txn.success.push(Op::Delete { key: self.keys.stage(&staged.write) });
            txn.success.push(Op::Delete { key: self.keys.alive(&staged.write) });
            txn.failure.push(Op::get(self.keys.stage(&staged.write)));
        }
        let mut attempts = Attempts::default();
        let done = match self.client.txn(&txn, &mut attempts) {
            Ok(done) => done,
            Err(Fault::Store(StoreError::Unreachable { store, reason })) if attempts.unclear => {
                let reason = format!("{reason}; whether the last write was done is not known");
                return Err(StoreError::Unreachable { store, reason }.into());
            }
            Err(fault) => return Err(fault),
        };
        if done.succeeded {
            return Ok(Committed::In(done.revision()));
        }
        self.after_refusal(done, &token, head, attempts, staged.is_some())
    }

    /// Finds out why the compares of a commit failed: somebody else wrote, the mark is gone, or an attempt whose answer was
    /// lost had been carried out. The last is told by the history of `@head`: every write leaves its name there, and once
    /// `@head` has moved on, an attempt that is still under way can no longer be carried out.
    fn after_refusal(
        &self,
        done: Done,
        token: &str,
        head: i64,
        attempts: Attempts,
        with_mark: bool,
    ) -> Result<Committed, Fault> {
        let mut found = done.into_found().map(|found| found.kvs.into_iter().next());
        let (mut latest, mark) = (found.next().flatten(), found.next().flatten());
        if attempts.unclear {
            for _ in 0..MOST_LOOKS {
                let Some(kv) = latest.filter(|kv| kv.mod_revision > head) else { break };
                if self.read_head(&kv)?.token == token {
                    return Ok(Committed::In(kv.mod_revision));
                }
                latest = match self.get_keys(vec![self.keys.head()], kv.mod_revision - 1) {
                    Ok(mut found) => found.pop().flatten(),
                    Err(Fault::Compacted) => {
                        let reason =
                            "the answer to a write was lost, and the history that tells whether it was done \
                                      has been compacted"
                                .to_string();
                        return Err(StoreError::Io { store: self.describe(), reason }.into());
                    }
                    Err(fault) => return Err(fault),
                };
            }
        }
        if with_mark && mark.is_none() { Err(Fault::Abandoned) } else { Ok(Committed::Lost) }
    }
}

/// The objects as the steps left them.
fn told(steps: &[Step<'_>], results: Vec<Option<Current>>, revision: u64) -> Vec<Option<Stored>> {
    let pairs = steps.iter().zip(results);
    pairs
        .map(|(step, current)| {
            let current = current?;
            let given = current.meta.given(current.version.unwrap_or(revision));
            Some(object::stored(step.prepared()?.clone(), &given))
        })
        .collect()
}
