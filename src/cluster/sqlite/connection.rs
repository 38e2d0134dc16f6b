//! Opening the file, and saying what went wrong with it.
//!
//! Invariant: opening to read changes nothing on the disk that another program would notice.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, State};
use super::{Failure, Open, Sqlite};
use crate::cluster::{Store, StoreError};
use crate::sys::fs::{self, Kind};

/// Pause between two attempts to have the file alone.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens the file if there is a store in it.
///
/// # Errors
/// It cannot be read, is no store, or is too new.
pub(super) fn open_existing(store: &Sqlite) -> Result<Option<Open>, StoreError> {
    if !is_there(store)? || fs::size(&store.path) == Some(0) {
        return Ok(None);
    }
    let attempt = |flags: OpenFlags, immutable: bool| -> Result<Option<Open>, Failure> {
        let connection = connect(store, flags, immutable)?;
        let found = schema::state(&connection, &store.describe())?;
        let writable =
            flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) && !connection.is_readonly("main")?;
        Ok((found == State::Ready).then_some(Open { connection, writable }))
    };
    // SQLite itself falls back to reading when the file may not be written. A log that cannot be made in a folder that
    // may not be written needs more: without a log there is nobody writing, and the file may be read as it stands.
    let first = attempt(OpenFlags::SQLITE_OPEN_READ_WRITE, false);
    let result = match first {
        Err(Failure::Sqlite(error)) if cannot_make_log(&error) && !has_log(&store.path) => {
            attempt(OpenFlags::SQLITE_OPEN_READ_ONLY, true)
        }
        other => other,
    };
    result.map_err(|failure| store.told(failure, None))
}

/// Opens the file to write, and makes it, its folders and its tables where they are missing.
///
/// # Errors
/// It cannot be made or written, is no store, or is too new.
pub(super) fn open_for_writing(store: &Sqlite) -> Result<Open, StoreError> {
    if !is_there(store)? {
        fs::create_private(&store.path)
            .map_err(|error| StoreError::ReadOnly { store: store.describe(), reason: error.to_string() })?;
    }
    let open = || -> Result<Open, Failure> {
        let mut connection = connect(store, OpenFlags::SQLITE_OPEN_READ_WRITE, false)?;
        let found = schema::state(&connection, &store.describe())?;
        if connection.is_readonly("main")? {
            let reason = "the file may only be read".to_string();
            return Err(StoreError::ReadOnly { store: store.describe(), reason }.into());
        }
        // Kept by the file; a file system without shared memory keeps the rollback journal, which is as durable.
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        if found == State::Empty {
            schema::create(&mut connection, &store.describe())?;
        }
        Ok(Open { connection, writable: true })
    };
    // Turning the log on needs the file for itself for a moment, and SQLite does not wait for that by itself.
    let mut patience = store.options.busy_timeout;
    loop {
        match open() {
            Err(Failure::Sqlite(error)) if is_busy(&error) && !patience.is_zero() => {
                std::thread::sleep(PAUSE);
                patience = patience.saturating_sub(PAUSE);
            }
            other => return other.map_err(|failure| store.told(failure, None)),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether there is a file; a folder or a device in its place is an error.
fn is_there(store: &Sqlite) -> Result<bool, StoreError> {
    let found = fs::look(&store.path)
        .map_err(|error| StoreError::Unreachable { store: store.describe(), reason: error.to_string() })?;
    match found {
        Kind::File => Ok(true),
        Kind::Missing => Ok(false),
        Kind::Folder | Kind::Other => {
            let reason = "it is a folder or a device".to_string();
            Err(StoreError::Foreign { store: store.describe(), reason })
        }
    }
}

fn connect(store: &Sqlite, flags: OpenFlags, immutable: bool) -> Result<Connection, Failure> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if immutable {
        let uri = uri(&store.path);
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(&store.path, flags)?
    };
    connection.busy_timeout(store.options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    if let Some(most) = store.options.most_pages {
        connection.execute_batch(&format!("PRAGMA max_page_count = {most}"))?;
    }
    Ok(connection)
}

/// The path as an SQLite URI of a file that nobody changes.
fn uri(path: &Path) -> String {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .flat_map(|c| match c {
            '%' => "%25".chars().collect::<Vec<_>>(),
            '?' => "%3f".chars().collect(),
            '#' => "%23".chars().collect(),
            other => vec![other],
        })
        .collect();
    format!("file:{escaped}?immutable=1")
}

/// Whether the failure is that of a log that cannot be made beside the file.
fn cannot_make_log(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether there is a log with changes that are not in the file yet.
fn has_log(path: &Path) -> bool {
    let mut name = path.as_os_str().to_os_string();
    name.push("-wal");
    fs::size(Path::new(&name)).is_some_and(|size| size > 0)
}

/// What an error of SQLite means to callers.
pub(super) fn told(owner: &Sqlite, error: &rusqlite::Error) -> StoreError {
    let store = owner.describe();
    let reason = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    match error.sqlite_error_code() {
        _ if is_busy(error) => StoreError::Busy {
            store,
            reason: format!(
                "another process is writing to it (waited {} s)",
                owner.options.busy_timeout.as_secs_f64()
            ),
        },
        Some(ErrorCode::DiskFull) => StoreError::Full { store },
        // SQLite's words tell of the file only, and it needs to write beside it too.
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { store, reason: "the file or its folder may only be read".to_string() }
        }
        // Every key is looked for before it is written, so that only a damaged file breaks a rule.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation) => {
            StoreError::Corrupt { store, reason }
        }
        Some(ErrorCode::NotADatabase) => {
            StoreError::Foreign { store, reason: "it is no SQLite file, or its start is damaged".to_string() }
        }
        // The system says more than SQLite does.
        Some(ErrorCode::CannotOpen) => StoreError::Unreachable {
            store,
            reason: match fs::read(&owner.path, 0) {
                Err(error @ fs::FsError::Io { .. }) => error.to_string(),
                _ => reason,
            },
        },
        Some(ErrorCode::SystemIoFailure) => StoreError::Io { store, reason },
        _ => StoreError::Internal(format!("{store}: {reason}")),
    }
}
