//! The embedded store: one SQLite file, write-ahead log, durable commits.
//!
//! ```text
//! object      identity, uid, version, and labels and annotations as JSON: a listing reads only these rows
//! label       one row per label, indexed by key and value
//! body        the whole object as JSON, without what the store gives
//! counter     the last resourceVersion, and the identity of the store
//! ```
//!
//! The file is opened at the first call that needs it. Reading a store that is not there finds nothing and makes nothing;
//! the first write makes the folders and the file (mode 0600). `application_id` says that the file is ours, `user_version`
//! which form it has.
//!
//! Invariant: one call is one transaction; when it returns, it is on the disk. The only user of rusqlite.

mod connection;
mod rows;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::object;
use super::{Capabilities, Query, Store, StoreError, Stored, Write};
use crate::manifest::ObjectRef;
use crate::sys::{Clock, Host, Random};

/// Largest object in bytes of JSON. SQLite takes 1 GB; a release record should never come near this.
const LARGEST_OBJECT: usize = 256 << 20;

/// How a store in a file behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long a call waits for another process that is writing.
    pub busy_timeout: Duration,
    /// Most pages (of 4,096 bytes) that the file may have; the store is full beyond. None for no bound.
    pub most_pages: Option<u32>,
}

impl Default for StoreOptions {
    /// Ten seconds, no bound.
    fn default() -> Self {
        StoreOptions { busy_timeout: Duration::from_secs(10), most_pages: None }
    }
}

/// A store in a file. Any number of processes may use the file at once.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    options: StoreOptions,
    clock: Clock,
    random: Random,
    open: Mutex<Option<Open>>,
}

/// A connection, and whether it may write.
#[derive(Debug)]
struct Open {
    connection: Connection,
    writable: bool,
}

impl Sqlite {
    /// A store at a path. Touches nothing.
    pub fn new(path: &Path, host: &Host, options: StoreOptions) -> Self {
        Sqlite {
            path: path.to_path_buf(),
            options,
            clock: host.clock.clone(),
            random: host.random.clone(),
            open: Mutex::new(None),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file and checks that it is sound; a store that is not there is.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with what is wrong, or the store cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read((), |connection| match schema::first_fault(connection)? {
            None => Ok(()),
            Some(reason) => Err(Failure::Store(StoreError::Corrupt { store: self.describe(), reason })),
        })
    }

    /// Runs a reader on the connection, or gives `missing` when there is no store yet.
    fn read<T>(
        &self,
        missing: T,
        run: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut slot = self.slot();
        if slot.is_none() {
            *slot = connection::open_existing(self)?;
        }
        let Some(open) = slot.as_ref() else { return Ok(missing) };
        run(&open.connection).map_err(|failure| self.told(failure, Some(&open.connection)))
    }

    /// Runs a writer on the connection; makes the store when there is none yet.
    fn write<T>(&self, run: impl FnOnce(&mut Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut slot = self.slot();
        if !slot.as_ref().is_some_and(|open| open.writable) {
            *slot = Some(connection::open_for_writing(self)?);
        }
        let Some(open) = slot.as_mut() else {
            return Err(StoreError::Internal("the store was not opened".into()));
        };
        let result = run(&mut open.connection);
        result.map_err(|failure| self.told(failure, Some(&open.connection)))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Open>> {
        // A connection is left in order by SQLite's own rollback, whatever panicked while the lock was held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns a failure into what callers see; where the file seems damaged, looks at it to say how.
    fn told(&self, failure: Failure, connection: Option<&Connection>) -> StoreError {
        let error = match failure {
            Failure::Store(error) => return error,
            Failure::Sqlite(error) => connection::told(self, &error),
        };
        match (error, connection) {
            (StoreError::Corrupt { store, reason }, Some(connection)) => {
                let found = schema::first_fault(connection).ok().flatten();
                StoreError::Corrupt { store, reason: found.unwrap_or(reason) }
            }
            (error, _) => error,
        }
    }
}

/// What can fail inside: SQLite itself, or a rule of the contract.
#[derive(Debug)]
enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

impl Store for Sqlite {
    fn describe(&self) -> String {
        format!("sqlite:{}", self.path.display())
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
        self.read(None, schema::identity)
    }

    fn give_identity(&self) -> Result<String, StoreError> {
        if let Some(known) = self.identity()? {
            return Ok(known);
        }
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).map_err(|error| {
            StoreError::Internal(format!("no random bytes for the identity of a store: {error}"))
        })?;
        self.write(|connection| schema::give_identity(connection, i64::from_le_bytes(bytes)))
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        self.read(None, |connection| Ok(rows::find(connection, id)?.map(rows::Row::stored)))
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        self.read(Vec::new(), |connection| rows::list(connection, query))
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        // Bodies are checked and written out before the file is locked.
        let store = self.describe();
        let steps: Vec<rows::Step<'_>> =
            writes.iter().map(|write| rows::Step::new(write, &store)).collect::<Result<_, _>>()?;
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|connection| run(connection, &steps, &self.clock, &self.random))
    }
}

/// Carries out the steps in one transaction, which is rolled back when one fails.
fn run(
    connection: &mut Connection,
    steps: &[rows::Step<'_>],
    clock: &Clock,
    random: &Random,
) -> Result<Vec<Option<Stored>>, Failure> {
    // Immediate: the write lock is taken (and waited for) before anything is read, so what was read stays true.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let results = steps
        .iter()
        .map(|step| {
            let uid = || object::new_uid(random);
            rows::apply(&transaction, step, uid, || object::seconds(clock))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    transaction.commit()?;
    Ok(results)
}
