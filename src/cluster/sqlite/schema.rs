//! The form of the file, and how to tell ours from others.
//!
//! Invariant: a file whose form is not known exactly is never written.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::Failure;
use crate::cluster::StoreError;

/// `Bowl`, as an integer: marks the file as ours.
pub(super) const APPLICATION_ID: i64 = 0x426f_776c;
/// The newest form this program knows.
pub(super) const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  api_group TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  uid TEXT NOT NULL UNIQUE,
  resource_version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  UNIQUE (api_group, kind, namespace, name)
) STRICT;
CREATE TABLE label (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  PRIMARY KEY (key, value, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_by_object ON label (object);
CREATE TABLE body (
  object INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  json TEXT NOT NULL
) STRICT;
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('resource_version', 0);
";

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is in it yet.
    Empty,
    /// Ours, in a form we know.
    Ready,
}

/// Looks at the marks of a file.
///
/// # Errors
/// It belongs to another program, is newer than this one, or cannot be read.
pub(super) fn state(connection: &Connection, store: &str) -> Result<State, Failure> {
    // The marks and the tables are looked at in one snapshot: another process may be making them just now.
    let snapshot = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let found = state_in_snapshot(connection, store);
    drop(snapshot);
    found
}

fn state_in_snapshot(connection: &Connection, store: &str) -> Result<State, Failure> {
    let mark = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (application, format) = (mark("application_id")?, mark("user_version")?);
    if application == APPLICATION_ID {
        return match format {
            FORMAT => Ok(State::Ready),
            newer if newer > FORMAT => {
                Err(StoreError::TooNew { store: store.to_string(), found: newer, known: FORMAT }.into())
            }
            other => Err(StoreError::Corrupt {
                store: store.to_string(),
                reason: format!("it says it has format {other}, which never existed"),
            }
            .into()),
        };
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && tables == 0 {
        return Ok(State::Empty);
    }
    let reason = "it is an SQLite file of another program".to_string();
    Err(StoreError::Foreign { store: store.to_string(), reason }.into())
}

/// Makes the tables, unless another process just did.
///
/// # Errors
/// See [`state`]; or the file cannot be written.
pub(super) fn create(connection: &mut Connection, store: &str) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if state(&transaction, store)? == State::Empty {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        ))?;
    }
    transaction.commit()?;
    Ok(())
}

/// Name of the counter that is no counter but the identity of the store: any number, given once.
const IDENTITY: &str = "identity";

/// The identity of a store, when it has one.
///
/// # Errors
/// The file cannot be read.
pub(super) fn identity(connection: &Connection) -> Result<Option<String>, Failure> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let found =
        connection.query_row("SELECT value FROM counter WHERE name = ?1", [IDENTITY], read).optional()?;
    // As sixteen hexadecimal digits: without a sign it is read more easily.
    Ok(found.map(|number| format!("{number:016x}")))
}

/// Gives a store an identity, unless it has one; returns the one that it has then.
///
/// # Errors
/// The file cannot be written.
pub(super) fn give_identity(connection: &mut Connection, number: i64) -> Result<String, Failure> {
    connection.execute("INSERT OR IGNORE INTO counter (name, value) VALUES (?1, ?2)", (IDENTITY, number))?;
    identity(connection)?
        .ok_or_else(|| StoreError::Internal("the identity of the store was not kept".into()).into())
}

/// The first thing that is wrong with the file, if anything is.
///
/// # Errors
/// The file cannot be read at all.
pub(super) fn first_fault(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then(|| found.trim().replace('\n', "; ")))
}
