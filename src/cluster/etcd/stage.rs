//! Writes that do not fit into one request: their pieces, their log, and what is left of those that were abandoned.
//!
//! Invariant: a piece exists only below the mark `@stage` of its write or after that write's commit. Every piece is written
//! by a transaction that demands the mark, the commit takes the mark away, and so does whoever clears up; so an abandoned
//! write can neither leave pieces that nobody finds nor be committed after it was cleared up.

use std::collections::BTreeMap;

use super::Etcd;
use super::client::{Attempts, Fault};
use super::entry::{Change, Pieces};
use super::read::Open;
use super::wire::{Compare, Op, Txn};
use crate::cluster::object;

/// How long a prepared write counts as worked on, in seconds. Preparing takes less; whoever takes longer is refused by the
/// commit when somebody has cleared up in the meantime, and begins again.
const WORKED_ON: u64 = 300;
/// The part of a write that is its log.
const LOG: &str = "log";

/// A write that is being prepared.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) write: String,
    /// The revision of its mark.
    pub(super) mark: i64,
    /// Bodies in pieces, by the number of their step.
    pub(super) bodies: BTreeMap<usize, Pieces>,
    log: Option<(Vec<u8>, Pieces)>,
}

impl Etcd {
    /// Marks a new write as being prepared.
    pub(super) fn begin(&self) -> Result<Staged, Fault> {
        let write = object::new_uid(&self.random)?;
        let lease = self.client.lease(WORKED_ON)?;
        let stage = self.keys.stage(&write);
        let txn = Txn {
            compare: vec![Compare::Created { key: stage.clone(), revision: 0 }],
            success: vec![
                Op::put(stage.clone(), Vec::new()),
                Op::Put { key: self.keys.alive(&write), value: Vec::new(), lease },
            ],
            failure: vec![Op::get(stage)],
        };
        let done = self.client.txn(&txn, &mut Attempts::default())?;
        let mark = if done.succeeded {
            done.revision()
        } else {
            // An attempt whose answer was lost made it: nobody else knows that name.
            let found = done.into_found().next().and_then(|found| found.kvs.into_iter().next());
            found.ok_or(Fault::Abandoned)?.create_revision
        };
        Ok(Staged { write, mark, bodies: BTreeMap::new(), log: None })
    }

    pub(super) fn marked(&self, staged: &Staged) -> Compare {
        Compare::Created { key: self.keys.stage(&staged.write), revision: staged.mark }
    }

    /// Does something that only the owner of a mark may do.
    fn under_mark(&self, staged: &Staged, op: Op) -> Result<(), Fault> {
        let txn = Txn { compare: vec![self.marked(staged)], success: vec![op], failure: Vec::new() };
        let done = self.client.txn(&txn, &mut Attempts::default())?;
        if done.succeeded { Ok(()) } else { Err(Fault::Abandoned) }
    }

    fn put_pieces(&self, staged: &Staged, object: &str, bytes: &[u8]) -> Result<Pieces, Fault> {
        let at = format!("{}/{object}", staged.write);
        let mut count = 0;
        for piece in bytes.chunks(self.limits.bytes()) {
            self.under_mark(staged, Op::put(self.keys.part(&at, count), piece))?;
            count += 1;
        }
        Ok(Pieces { at, count })
    }

    /// Puts a body away in pieces, once.
    pub(super) fn stage_body(&self, staged: &mut Staged, step: usize, json: &str) -> Result<Pieces, Fault> {
        if let Some(pieces) = staged.bodies.get(&step) {
            return Ok(pieces.clone());
        }
        let pieces = self.put_pieces(staged, &step.to_string(), json.as_bytes())?;
        staged.bodies.insert(step, pieces.clone());
        Ok(pieces)
    }

    /// Puts the log of a write away, unless it stands there already, and returns what `@open` has to say.
    pub(super) fn stage_log(&self, staged: &mut Staged, changes: &[Change]) -> Result<Open, Fault> {
        let json = serde_json::to_vec(changes)
            .map_err(|error| Fault::Store(crate::cluster::StoreError::Internal(error.to_string())))?;
        let size = json.len();
        if let Some((old, log)) = &staged.log {
            if *old == json {
                return Ok(Open { log: log.clone(), size });
            }
            self.under_mark(staged, Op::DeleteSpan(self.keys.parts(&log.at)))?;
            staged.log = None;
        }
        let log = self.put_pieces(staged, LOG, &json)?;
        staged.log = Some((json, log.clone()));
        Ok(Open { log, size })
    }

    /// Takes back what was prepared. What fails here is found and cleared up by a later write.
    pub(super) fn give_up(&self, staged: &Staged) {
        let txn = Txn {
            compare: vec![self.marked(staged)],
            success: self.clearing(&staged.write),
            failure: Vec::new(),
        };
        let _ = self.client.txn(&txn, &mut Attempts::default());
    }

    fn clearing(&self, write: &str) -> Vec<Op> {
        vec![
            Op::DeleteSpan(self.keys.parts(write)),
            Op::Delete { key: self.keys.stage(write) },
            Op::Delete { key: self.keys.alive(write) },
        ]
    }

    /// Clears up after prepared writes that nobody works on any more. What fails here is tried by the next write.
    pub(super) fn clear_up(&self, abandoned: &[(String, i64)]) {
        for (write, mark) in abandoned {
            let compare = vec![
                Compare::Created { key: self.keys.alive(write), revision: 0 },
                Compare::Created { key: self.keys.stage(write), revision: *mark },
            ];
            let txn = Txn { compare, success: self.clearing(write), failure: Vec::new() };
            if self.client.txn(&txn, &mut Attempts::default()).is_err() {
                return;
            }
        }
    }

    /// Carries out the log of an open write. Any number of clients may do it at once, and each may stop anywhere: each
    /// step demands that the write is still open, and doing it twice does nothing more.
    pub(super) fn carry_out(&self, open: &Open, committed: i64, log: Vec<Change>) -> Result<(), Fault> {
        let still_open = || vec![Compare::Created { key: self.keys.open(), revision: committed }];
        let mut ops: Vec<Op> = Vec::new();
        let mut size = 0;
        let run = |ops: Vec<Op>| -> Result<bool, Fault> {
            let txn = Txn { compare: still_open(), success: ops, failure: Vec::new() };
            Ok(self.client.txn(&txn, &mut Attempts::default())?.succeeded)
        };
        for change in log {
            let more = change.operations(&self.keys, Some(committed))?;
            let more_size: usize = more.iter().map(Op::size).sum();
            let full =
                ops.len() + more.len() > self.limits.operations() || size + more_size > self.limits.bytes();
            if full && !ops.is_empty() {
                if !run(std::mem::take(&mut ops))? {
                    return Ok(());
                }
                size = 0;
            }
            ops.extend(more);
            size += more_size;
        }
        if !ops.is_empty() && !run(ops)? {
            return Ok(());
        }
        run(vec![Op::Delete { key: self.keys.open() }, Op::DeleteSpan(self.keys.parts(&open.log.at))])
            .map(drop)
    }
}
