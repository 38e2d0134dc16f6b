//! Objects as rows.
//!
//! Invariant: the columns of an object and its labels say the same as its body.

use std::collections::BTreeMap;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params, params_from_iter};

use super::{Failure, LARGEST_OBJECT};
use crate::cluster::object::{self, Given, Prepared};
use crate::cluster::{Query, StoreError, Stored, Write};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// More rows than this under one label are not looked up one by one.
const FEW: i64 = 200;

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
        let prepare = |body: &Value| object::prepare(body, store, LARGEST_OBJECT);
        Ok(match write {
            Write::Create { body } => Step::Create(prepare(body)?),
            Write::Replace { body, expected } => Step::Replace(prepare(body)?, *expected),
            Write::Delete { id, expected } => Step::Delete(id, *expected),
        })
    }
}

/// One object as it was read.
pub(super) struct Row {
    rowid: i64,
    id: ObjectRef,
    given: Given,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    body: Option<Value>,
}

impl Row {
    pub(super) fn stored(self) -> Stored {
        Stored {
            body: self.body.map(|body| object::complete(body, &self.given)),
            id: self.id,
            uid: self.given.uid,
            resource_version: self.given.resource_version,
            created: self.given.created,
            labels: self.labels,
            annotations: self.annotations,
        }
    }
}

const COLUMNS: &str = "o.id, o.api_group, o.version, o.kind, o.namespace, o.name, o.uid, o.resource_version, o.created, \
                       o.generation, o.labels, o.annotations";

fn read_row(row: &SqlRow<'_>, with_body: bool) -> Result<Row, Failure> {
    let id = ObjectRef {
        group: row.get(1)?,
        version: row.get(2)?,
        kind: row.get(3)?,
        namespace: row.get(4)?,
        name: row.get(5)?,
    };
    let json = |column: usize, what: &str| -> Result<String, Failure> {
        row.get::<_, String>(column).map_err(|_| damaged(&id, what))
    };
    let labels = serde_json::from_str(&json(10, "labels")?).map_err(|_| damaged(&id, "labels"))?;
    let annotations =
        serde_json::from_str(&json(11, "annotations")?).map_err(|_| damaged(&id, "annotations"))?;
    let body = if with_body {
        Some(serde_json::from_str(&json(12, "body")?).map_err(|_| damaged(&id, "body"))?)
    } else {
        None
    };
    let given = Given {
        uid: row.get(6)?,
        resource_version: row.get::<_, i64>(7)? as u64,
        created: row.get(8)?,
        generation: row.get(9)?,
    };
    Ok(Row { rowid: row.get(0)?, id, given, labels, annotations, body })
}

/// A row that cannot be read; SQLite's own code for damage makes the caller look at the whole file.
fn damaged(id: &ObjectRef, what: &str) -> Failure {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Failure::Sqlite(rusqlite::Error::SqliteFailure(code, Some(format!("the {what} of {id} cannot be read"))))
}

/// The object of an identity, with its body.
pub(super) fn find(connection: &Connection, id: &ObjectRef) -> Result<Option<Row>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS}, b.json FROM object o LEFT JOIN body b ON b.object = o.id \
         WHERE o.api_group = ?1 AND o.kind = ?2 AND o.namespace = ?3 AND o.name = ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.group, id.kind, id.namespace, id.name])?;
    rows.next()?.map(|row| read_row(row, true)).transpose()
}

/// All objects that match, in the contract's order.
pub(super) fn list(connection: &Connection, query: &Query) -> Result<Vec<Stored>, Failure> {
    let mut conditions: Vec<String> = vec!["1".to_string()];
    let mut values: Vec<Sql> = Vec::new();
    let mut place = |value: &str| {
        values.push(Sql::Text(value.to_string()));
        format!("?{}", values.len())
    };
    if let Some((group, kind)) = &query.group_kind {
        conditions.push(format!("o.api_group = {} AND o.kind = {}", place(group), place(kind)));
    }
    if let Some(namespace) = &query.namespace {
        conditions.push(format!("o.namespace = {}", place(namespace)));
    }
    let driver = rarest_label(connection, query)?;
    for (key, value) in &query.labels {
        let (key_place, value_place) = (place(key), place(value));
        conditions.push(if driver == Some(key.as_str()) {
            // The unary plus keeps the planner from walking all objects in order: this label has few rows.
            format!("o.id IN (SELECT object FROM label WHERE key = {key_place} AND value = {value_place})")
        } else {
            format!(
                "EXISTS (SELECT 1 FROM label l WHERE l.key = {key_place} AND l.value = {value_place} AND l.object = +o.id)"
            )
        });
    }
    // A listing that starts from a label sorts its few rows; any other one follows the index of identities.
    let order = if driver.is_some() {
        "+o.api_group, +o.kind, +o.namespace, +o.name"
    } else {
        "o.api_group, o.kind, o.namespace, o.name"
    };
    let (body, join) =
        if query.metadata_only { ("", "") } else { (", b.json", " LEFT JOIN body b ON b.object = o.id") };
    let limit = if query.limit == 0 { -1 } else { i64::try_from(query.limit).unwrap_or(-1) };
    let sql = format!(
        "SELECT {COLUMNS}{body} FROM object o{join} WHERE {} ORDER BY {order} LIMIT {limit}",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_row(row, !query.metadata_only)?.stored());
    }
    Ok(found)
}

/// The label of a query that the fewest objects have, when they are few.
fn rarest_label<'a>(connection: &Connection, query: &'a Query) -> Result<Option<&'a str>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM label WHERE key = ?1 AND value = ?2 LIMIT ?3)",
    )?;
    let mut rarest = None;
    for (key, value) in &query.labels {
        let count: i64 = statement.query_row(params![key, value, FEW], |row| row.get(0))?;
        if count < rarest.map_or(FEW, |(fewest, _)| fewest) {
            rarest = Some((count, key.as_str()));
        }
    }
    Ok(rarest.map(|(_, key)| key))
}

/// Carries out one step inside a transaction.
pub(super) fn apply(
    connection: &Connection,
    step: &Step<'_>,
    uid: impl FnOnce() -> Result<String, StoreError>,
    now: impl FnOnce() -> i64,
) -> Result<Option<Stored>, Failure> {
    match step {
        Step::Create(prepared) => {
            if row_of(connection, &prepared.id)?.is_some() {
                return Err(StoreError::AlreadyExists { id: prepared.id.clone().into() }.into());
            }
            let given = Given {
                uid: uid()?,
                resource_version: next_version(connection)?,
                created: now(),
                generation: 1,
            };
            insert(connection, prepared, &given)?;
            Ok(Some(object::stored(prepared.clone(), &given)))
        }
        Step::Replace(prepared, expected) => {
            let Some(old) = find(connection, &prepared.id)? else {
                return Err(StoreError::NotFound { id: prepared.id.clone().into() }.into());
            };
            object::check_version(&prepared.id, *expected, old.given.resource_version)?;
            let body = old.body.unwrap_or_default();
            if body == prepared.body {
                return Ok(Some(object::stored(prepared.clone(), &old.given)));
            }
            let given = Given {
                resource_version: next_version(connection)?,
                generation: object::next_generation(&body, &prepared.body, old.given.generation),
                ..old.given
            };
            update(connection, old.rowid, prepared, &given, old.labels != prepared.labels)?;
            Ok(Some(object::stored(prepared.clone(), &given)))
        }
        Step::Delete(id, expected) => {
            let Some((rowid, version)) = row_of(connection, id)? else {
                return Err(StoreError::NotFound { id: (*id).clone().into() }.into());
            };
            object::check_version(id, *expected, version)?;
            connection.prepare_cached("DELETE FROM object WHERE id = ?1")?.execute([rowid])?;
            Ok(None)
        }
    }
}

/// Row and version of an identity.
fn row_of(connection: &Connection, id: &ObjectRef) -> Result<Option<(i64, u64)>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, resource_version FROM object WHERE api_group = ?1 AND kind = ?2 AND namespace = ?3 AND name = ?4",
    )?;
    let found = statement
        .query_row(params![id.group, id.kind, id.namespace, id.name], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))
        })
        .optional()?;
    Ok(found)
}

fn next_version(connection: &Connection) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(
        "UPDATE counter SET value = value + 1 WHERE name = 'resource_version' RETURNING value",
    )?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))? as u64)
}

fn as_json(map: &BTreeMap<String, String>) -> Result<String, Failure> {
    serde_json::to_string(map).map_err(|error| StoreError::Internal(error.to_string()).into())
}

fn insert(connection: &Connection, prepared: &Prepared, given: &Given) -> Result<(), Failure> {
    let id = &prepared.id;
    connection
        .prepare_cached(
            "INSERT INTO object (api_group, version, kind, namespace, name, uid, resource_version, created, generation, \
             labels, annotations) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            id.group,
            id.version,
            id.kind,
            id.namespace,
            id.name,
            given.uid,
            given.resource_version as i64,
            given.created,
            given.generation,
            as_json(&prepared.labels)?,
            as_json(&prepared.annotations)?,
        ])?;
    let rowid = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO body (object, json) VALUES (?1, ?2)")?
        .execute(params![rowid, prepared.json])?;
    insert_labels(connection, rowid, &prepared.labels)
}

fn insert_labels(
    connection: &Connection,
    rowid: i64,
    labels: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let mut statement =
        connection.prepare_cached("INSERT INTO label (key, value, object) VALUES (?1, ?2, ?3)")?;
    for (key, value) in labels {
        statement.execute(params![key, value, rowid])?;
    }
    Ok(())
}

fn update(
    connection: &Connection,
    rowid: i64,
    prepared: &Prepared,
    given: &Given,
    new_labels: bool,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE object SET version = ?2, resource_version = ?3, generation = ?4, labels = ?5, annotations = ?6 \
             WHERE id = ?1",
        )?
        .execute(params![
            rowid,
            prepared.id.version,
            given.resource_version as i64,
            given.generation,
            as_json(&prepared.labels)?,
            as_json(&prepared.annotations)?,
        ])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO body (object, json) VALUES (?1, ?2)")?
        .execute(params![rowid, prepared.json])?;
    if new_labels {
        connection.prepare_cached("DELETE FROM label WHERE object = ?1")?.execute([rowid])?;
        insert_labels(connection, rowid, &prepared.labels)?;
    }
    Ok(())
}
