//! The revisions of releases in a store.
//!
//! Invariant: listings read labels and annotations only (and the payload of records that Helm wrote, when their row is
//! shown); every write names the version of the record that it changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::cluster::{Query, Store, StoreError, Stored, Write};
use crate::data::time::{Time, Zone};
use crate::manifest::ObjectRef;
use crate::sys::Clock;

use super::codec::{self, Middle};
use super::lease::Lease;
use super::look::Base;
use super::record::{self, OWNER, PART_OWNER};
use super::selector::Selector;
use super::{Driver, Release, ReleaseError, Status, Statuses, Summary, transition};

/// How often a record that disappears while it is read is looked for again.
pub(super) const ATTEMPTS: usize = 3;

/// From so many payloads on they are read in one list, which may hold others too, instead of each by itself.
const MANY: usize = 64;

/// The revisions in a namespace of a store.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// Where the records are.
    pub store: &'a dyn Store,
    /// As which kind of object.
    pub driver: Driver,
    /// Namespace of the releases.
    pub namespace: &'a str,
    /// Time of the labels `createdAt` and `modifiedAt`, and of leases.
    pub clock: &'a Clock,
}

/// A revision as it is in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The revision; change it and hand the record to [`History::update`].
    pub release: Release,
    /// Who is working on it.
    pub lease: Option<Lease>,
    /// What was known when it failed, as JSON; kept beside the payload.
    pub evidence: Option<String>,
    uid: String,
    labels: BTreeMap<String, String>,
    resource_version: u64,
    stored_status: Option<Status>,
    stored_lease: Option<Lease>,
    created_at: Option<String>,
    parts: Vec<String>,
    middle: Middle,
}

impl Record {
    /// A revision that is not in the store yet.
    pub fn new(release: Release, lease: Option<Lease>) -> Self {
        Record {
            release,
            lease,
            evidence: None,
            uid: String::new(),
            labels: BTreeMap::new(),
            resource_version: 0,
            stored_status: None,
            stored_lease: None,
            created_at: None,
            parts: Vec::new(),
            middle: Middle::default(),
        }
    }

    /// The same with what was made of its payload before.
    pub(super) fn with_middle(self, middle: Middle) -> Self {
        Record { middle, ..self }
    }

    /// What another revision of the same chart, values and manifest need not make again.
    pub fn middle(&self) -> Middle {
        self.middle.clone()
    }

    /// Given to the record when it was made; a revision that was purged and made again has another. Empty before it is there.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The labels of the record in the store, those of the system among them; empty before it is there.
    pub fn stored_labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Version of the record in the store; 0 before it is there.
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    /// Its state in the store; `None` before it is there.
    pub(super) fn stored_status(&self) -> Option<Status> {
        self.stored_status
    }

    /// Which revision it is, as an operation looks at it: in the state that the store has.
    pub fn base(&self) -> Base {
        let status = self.stored_status.unwrap_or_default();
        Base { revision: self.release.version, uid: self.uid.clone(), status }
    }

    pub(super) fn renewed(&mut self, lease: Lease, resource_version: u64) {
        self.stored_lease = Some(lease.clone());
        self.lease = Some(lease);
        self.resource_version = resource_version;
    }

    /// Takes note of the version of the record in the store, when it is still the same record in the same state, and held by nobody
    /// else; or, where no answer came to a write, as that wrote it. Returns whether it is so.
    pub(super) fn keeps_up(&mut self, stored: &Stored) -> bool {
        let (status, lease) = (record::status(stored), Lease::read(&stored.annotations));
        let is_same = self.uid == stored.uid
            && self.stored_status == Some(status)
            && self
                .stored_lease
                .as_ref()
                .is_none_or(|ours| lease.as_ref().is_some_and(|lease| lease.holder == ours.holder));
        let told = stored.annotations.get(record::DESCRIPTION);
        let is_written = (self.uid == stored.uid || self.uid.is_empty())
            && (status, &lease) == (self.release.info.status, &self.lease)
            && told == Some(&self.release.info.description);
        if !is_same && !is_written {
            return false;
        }
        self.uid.clone_from(&stored.uid);
        self.resource_version = stored.resource_version;
        self.stored_status = Some(status);
        self.created_at = stored.labels.get("createdAt").cloned();
        true
    }
}

/// What a list sorts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// By the time of the revision, oldest first.
    Date,
    /// By the chart's name and version, as a list shows them.
    Chart,
}

/// What to list.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    /// Every namespace, not only the history's own.
    pub all_namespaces: bool,
    /// Only these states. Exactly `superseded` shows every such revision; any other set looks at the newest one of each
    /// release.
    pub statuses: Statuses,
    /// Only names for which this says yes.
    pub name: Option<&'a dyn Fn(&str) -> bool>,
    /// Only records with these labels, those of the system among them.
    pub selector: Option<&'a Selector>,
    /// Rows to leave out at the start.
    pub offset: usize,
    /// At most this many rows; 0 for all.
    pub max: usize,
    /// Order of the rows.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
}

impl Default for Filter<'_> {
    /// Everything in the namespace, by name.
    fn default() -> Self {
        Filter {
            all_namespaces: false,
            statuses: Statuses::ALL,
            name: None,
            selector: None,
            offset: 0,
            max: 0,
            sort: Sort::Name,
            reverse: false,
        }
    }
}

/// The rows of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// The revisions.
    pub rows: Vec<Summary>,
    /// Records that could not be read and were left out, with the reason.
    pub skipped: Vec<(String, String)>,
}

/// A revision by its labels alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Its number.
    pub revision: u64,
    /// How it stands.
    pub status: Status,
}

/// The names of parts by revision.
pub(super) type Parts = BTreeMap<u64, Vec<String>>;

/// A record's row, and whether its payload is still needed.
struct Row {
    summary: Summary,
    stored: Stored,
    complete: bool,
}

impl Row {
    /// By labels and annotations; `None` for what is no record.
    fn of(stored: Stored) -> Option<Self> {
        let mut summary = Summary::of_labels(&stored)?;
        let complete = summary.fill_from_annotations(&stored.annotations);
        Some(Row { summary, stored, complete })
    }
}

impl History<'_> {
    /// All revisions of a release, oldest first, without payloads. Empty when there is no such release. Records that
    /// cannot be read are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn revisions(&self, name: &str) -> Result<Vec<Summary>, ReleaseError> {
        let mut rows = self.rows(name)?;
        rows.sort_by_key(|row| row.summary.revision);
        let mut listing = Listing::default();
        self.complete_into(rows, &mut listing)?;
        Ok(listing.rows)
    }

    /// One revision; `None` when it cannot be read or is not there any more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get_readable(&self, name: &str, revision: u64) -> Result<Option<Record>, ReleaseError> {
        match self.get(name, revision) {
            Ok(record) => Ok(Some(record)),
            Err(ReleaseError::Undecodable { .. } | ReleaseError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest revision without its payload; `None` when there is none.
    ///
    /// # Errors
    /// The store cannot be read, or the record of that revision.
    pub fn head(&self, name: &str) -> Result<Option<Summary>, ReleaseError> {
        let rows = self.rows(name)?;
        let Some(newest) = rows.into_iter().max_by_key(|row| row.summary.revision) else { return Ok(None) };
        let mut listing = Listing::default();
        self.complete_into(vec![newest], &mut listing)?;
        match listing.skipped.pop() {
            Some((record, reason)) => Err(ReleaseError::Undecodable { record, reason }),
            None => Ok(listing.rows.pop()),
        }
    }

    /// One revision.
    ///
    /// # Errors
    /// [`ReleaseError::NotFound`]; it cannot be read.
    pub fn get(&self, name: &str, revision: u64) -> Result<Record, ReleaseError> {
        let id = self.driver.id(self.namespace, &record::object_name(name, revision));
        let missing = || ReleaseError::NotFound { name: name.to_string(), revision: Some(revision) };
        let mut stored = self.store.get(&id)?.ok_or_else(missing)?;
        for _ in 1..ATTEMPTS {
            match self.load(&stored)? {
                Some(record) => return Ok(record),
                // A part was gone: the record was changed in the meantime.
                None => stored = self.store.get(&id)?.ok_or_else(missing)?,
            }
        }
        let reason = "a part of it is missing".to_string();
        self.load(&stored)?.ok_or(ReleaseError::Undecodable { record: id.name, reason })
    }

    /// Refuses to go on when the record of a revision is there without the labels by which it is found.
    ///
    /// # Errors
    /// [`ReleaseError::Unlabelled`]; the store cannot be read.
    pub fn check_labelled(&self, name: &str, revision: u64) -> Result<(), ReleaseError> {
        let id = self.driver.id(self.namespace, &record::object_name(name, revision));
        let Some(stored) = self.store.get(&id)? else { return Ok(()) };
        let label = |key: &str| stored.labels.get(key).map(String::as_str);
        if label("name") == Some(name) && label("owner") == Some(OWNER) {
            return Ok(());
        }
        Err(ReleaseError::Unlabelled { id: Box::new(id), name: name.to_string(), revision })
    }

    /// The newest revision; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last(&self, name: &str) -> Result<Option<Record>, ReleaseError> {
        self.look(name)?.last()
    }

    /// Writes a new revision.
    ///
    /// # Errors
    /// [`ReleaseError::AlreadyExists`] when somebody was faster; a label is reserved; its state is none to begin with; the
    /// store fails.
    pub fn create(&self, release: Release) -> Result<Record, ReleaseError> {
        let mut record = Record::new(release, None);
        self.save(&mut [&mut record], Vec::new())?;
        Ok(record)
    }

    /// Writes a changed revision, if nobody else changed it since it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] within [`ReleaseError::Store`] when somebody did; the change of state is illegal; the store
    /// fails.
    pub fn update(&self, record: &mut Record) -> Result<(), ReleaseError> {
        self.save(&mut [record], Vec::new()).map(drop)
    }

    /// Writes objects and then records, new or changed, as one batch: all or nothing where the store can. Returns what the
    /// objects became.
    ///
    /// # Errors
    /// As [`History::create`] and [`History::update`]; the first write that fails. Records are left as they were then.
    pub fn save(
        &self,
        records: &mut [&mut Record],
        objects: Vec<Write>,
    ) -> Result<Vec<Option<Stored>>, ReleaseError> {
        let count = objects.len();
        let mut writes = objects;
        let mut saved = Vec::with_capacity(records.len());
        for record in records.iter() {
            saved.push(self.push_writes(record, &mut writes)?);
        }
        let results = if count == 0 { self.store.batch_brief(&writes) } else { self.store.batch(&writes) };
        let mut results = results.map_err(|error| self.told(error, records))?;
        for (record, save) in records.iter_mut().zip(saved) {
            let stored = results.get(save.at).and_then(Option::as_ref);
            record.resource_version = stored.map_or(0, |stored| stored.resource_version);
            record.uid = stored.map(|stored| stored.uid.clone()).unwrap_or_default();
            record.labels = stored.map(|stored| stored.labels.clone()).unwrap_or_default();
            record.stored_status = Some(record.release.info.status);
            record.stored_lease.clone_from(&record.lease);
            record.created_at = save.created_at;
            record.parts = save.parts;
            record.middle = save.middle;
        }
        results.truncate(count);
        Ok(results)
    }

    /// Adds the writes of one record to a batch.
    fn push_writes(&self, record: &Record, writes: &mut Vec<Write>) -> Result<Saved, ReleaseError> {
        let release = &record.release;
        record::check_labels(&release.labels)?;
        if !transition::is_legal(record.stored_status, release.info.status) {
            return Err(ReleaseError::Transition {
                name: release.name.clone(),
                revision: release.version,
                from: record.stored_status,
                to: release.info.status,
            });
        }
        let now = Time::from_system(self.clock.now(), Zone::Utc).unix().to_string();
        let created_at =
            if record.stored_status.is_none() { Some(now.clone()) } else { record.created_at.clone() };
        let mut stamps: Vec<(&str, String)> = Vec::new();
        stamps.extend(created_at.clone().map(|at| ("createdAt", at)));
        if record.stored_status.is_some() {
            stamps.push(("modifiedAt", now));
        }
        let layout = record::lay_out(
            self.driver,
            (release, &record.middle),
            record.lease.as_ref(),
            record.evidence.as_deref(),
            &stamps,
            self.store.capabilities(),
        )?;
        let parts: Vec<String> = layout.parts.iter().filter_map(name_of).collect();
        if parts != record.parts {
            // A process that was killed may have left some of them.
            let left =
                if parts.is_empty() { Vec::new() } else { self.part_names(&release.name, release.version)? };
            for (name, body) in parts.iter().zip(layout.parts) {
                writes.push(if left.contains(name) {
                    Write::Replace { body, expected: None }
                } else {
                    Write::Create { body }
                });
            }
        }
        let (at, body, middle) = (writes.len(), layout.record, layout.middle);
        writes.push(match record.stored_status {
            None => Write::Create { body },
            Some(_) => Write::Replace { body, expected: Some(record.resource_version) },
        });
        for old in record.parts.iter().filter(|old| !parts.contains(old)) {
            writes.push(Write::Delete { id: self.driver.id(self.namespace, old), expected: None });
        }
        Ok(Saved { at, created_at, parts, middle })
    }

    /// A query for objects with some labels in the namespace, without their bodies.
    pub(super) fn metadata(&self, labels: &[(&str, &str)]) -> Query {
        Query {
            group_kind: Some((String::new(), self.driver.kind().to_string())),
            namespace: Some(self.namespace.to_string()),
            labels: labels.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect(),
            metadata_only: true,
            limit: 0,
        }
    }

    /// Lists releases: name filter, newest revision of each, states, selector, order, then the window.
    ///
    /// # Errors
    /// The store cannot be read. A record that cannot be read is left out and named.
    pub fn list(&self, filter: &Filter<'_>) -> Result<Listing, ReleaseError> {
        let mut rows = self.all_rows(filter)?;
        if let Some(wanted) = filter.name {
            rows.retain(|row| wanted(&row.summary.name));
        }
        if filter.statuses != Statuses::of(&[Status::Superseded]) {
            rows = newest_of_each(rows);
        }
        rows.retain(|row| filter.statuses.contains(row.summary.status));
        if let Some(selector) = filter.selector {
            rows.retain(|row| selector.matches(&row.summary.labels));
        }
        let mut listing = Listing::default();
        let by_name = |one: &Summary, two: &Summary| {
            (&one.name, &one.namespace, one.revision).cmp(&(&two.name, &two.namespace, two.revision))
        };
        // By name, only the rows of the window are completed; any other order needs every row completed first.
        match filter.sort {
            Sort::Name => {
                rows.sort_by(|one, two| by_name(&one.summary, &two.summary));
                if filter.reverse {
                    rows.reverse();
                }
                self.complete_into(window(rows, filter), &mut listing)?;
            }
            Sort::Date | Sort::Chart => {
                self.complete_into(rows, &mut listing)?;
                let mut found = std::mem::take(&mut listing.rows);
                found.sort_by(|one, two| {
                    let first = match filter.sort {
                        Sort::Chart => one.chart_label().cmp(&two.chart_label()),
                        _ => one.updated.cmp(&two.updated),
                    };
                    first.then_with(|| by_name(one, two))
                });
                if filter.reverse {
                    found.reverse();
                }
                listing.rows = window(found, filter);
            }
        }
        Ok(listing)
    }

    /// The records of a release, by their labels and annotations.
    fn rows(&self, name: &str) -> Result<Vec<Row>, ReleaseError> {
        let found = self.store.list(&self.metadata(&[("name", name), ("owner", OWNER)]))?;
        Ok(found.into_iter().filter_map(Row::of).collect())
    }

    /// The records of all releases, in the store's order. Where most of those that are shown are Helm's, which have nothing
    /// beside their payloads, these are read along.
    fn all_rows(&self, filter: &Filter<'_>) -> Result<Vec<Row>, ReleaseError> {
        let mut query = self.metadata(&[("owner", OWNER)]);
        query.metadata_only = false;
        if filter.all_namespaces {
            query.namespace = None;
        }
        let is_shown = |row: &Row| {
            filter.statuses.contains(row.summary.status)
                && filter.name.is_none_or(|wanted| wanted(&row.summary.name))
        };
        let needs_body = |stored: &Stored| {
            let bare = Stored { body: None, ..stored.clone() };
            Row::of(bare).is_some_and(|row| !row.complete && is_shown(&row))
        };
        let mut rows = BTreeMap::new();
        self.store.survey(&query, &needs_body, &mut |mut stored| {
            let payload = stored.body.is_some().then(|| record::payload(&stored));
            stored.body = None;
            let Some(mut row) = Row::of(stored) else { return Ok(()) };
            if !row.complete
                && is_shown(&row)
                && let Some(Ok(text)) = payload
                && let Ok(head) = codec::decode_head(&text)
            {
                row.summary.fill_from_head(head);
                row.complete = true;
            }
            rows.insert(row.stored.id.clone(), row);
            Ok(())
        })?;
        Ok(rows.into_values().collect())
    }

    /// Reads the payloads that are still needed, and adds the rows to a listing.
    fn complete_into(&self, rows: Vec<Row>, listing: &mut Listing) -> Result<(), ReleaseError> {
        let mut heads = self.heads(&rows)?;
        for mut row in rows {
            if !row.complete {
                match heads.remove(&row.stored.id) {
                    Some(Ok(head)) => row.summary.fill_from_head(head),
                    Some(Err(reason)) => {
                        listing.skipped.push((row.stored.id.name, reason));
                        continue;
                    }
                    None => {
                        let there = History { namespace: &row.stored.id.namespace, ..*self };
                        match there.get(&row.summary.name, row.summary.revision) {
                            Ok(record) => row.summary.fill_from_release(&record.release),
                            Err(ReleaseError::NotFound { .. }) => continue,
                            Err(ReleaseError::Undecodable { record, reason }) => {
                                listing.skipped.push((record, reason));
                                continue;
                            }
                            Err(error) => return Err(error),
                        }
                    }
                }
            }
            listing.rows.push(row.summary);
        }
        Ok(())
    }

    /// What the payloads of rows that need them tell, without keeping one: several are read at once, in one list when they are
    /// many, as a client of a cluster may send only so many requests a second. Records that have their payload in parts, and
    /// those that were gone, are left out.
    fn heads(&self, rows: &[Row]) -> Result<HashMap<ObjectRef, Result<codec::Head, String>>, ReleaseError> {
        let open: Vec<&Row> =
            rows.iter().filter(|row| !row.complete && record::part_names(&row.stored).is_empty()).collect();
        let mut heads = HashMap::with_capacity(open.len());
        let mut keep = |stored: Stored| {
            let head = record::payload(&stored).and_then(|text| codec::decode_head(&text));
            heads.insert(stored.id, head);
        };
        if open.len() < MANY {
            let ids: Vec<ObjectRef> = open.iter().map(|row| row.stored.id.clone()).collect();
            self.store.get_each(&ids)?.into_iter().flatten().for_each(keep);
            return Ok(heads);
        }
        let wanted: HashSet<&ObjectRef> = open.iter().map(|row| &row.stored.id).collect();
        self.store.visit(&self.query_of(&open), &mut |stored| {
            if wanted.contains(&stored.id) {
                keep(stored);
            }
            Ok(())
        })?;
        Ok(heads)
    }

    /// A query for the records of rows. What all of them share keeps others out.
    fn query_of(&self, rows: &[&Row]) -> Query {
        let mut labels = BTreeMap::from([("owner".to_string(), OWNER.to_string())]);
        let mut namespace = None;
        if let [first, others @ ..] = rows {
            for label in ["name", "status"] {
                let shared = first.stored.labels.get(label);
                if let Some(value) =
                    shared.filter(|_| others.iter().all(|row| row.stored.labels.get(label) == shared))
                {
                    labels.insert(label.to_string(), value.clone());
                }
            }
            let there = &first.stored.id.namespace;
            namespace = others.iter().all(|row| row.stored.id.namespace == *there).then(|| there.clone());
        }
        Query {
            group_kind: Some((String::new(), self.driver.kind().to_string())),
            namespace,
            labels,
            metadata_only: false,
            limit: 0,
        }
    }

    /// Names of all parts that a revision has or had.
    pub(super) fn part_names(&self, name: &str, revision: u64) -> Result<Vec<String>, ReleaseError> {
        let revision = revision.to_string();
        let query = self.metadata(&[("name", name), ("owner", PART_OWNER), ("version", &revision)]);
        Ok(self.store.list(&query)?.into_iter().map(|stored| stored.id.name).collect())
    }

    /// An error of a batch, in the words of releases when it is about one of its records.
    fn told(&self, error: StoreError, records: &[&mut Record]) -> ReleaseError {
        let (id, missing) = match &error {
            StoreError::AlreadyExists { id } => (id, false),
            StoreError::NotFound { id } => (id, true),
            _ => return error.into(),
        };
        let Some((name, revision)) = record::release_of(&id.name) else { return error.into() };
        let is_ours = records.iter().any(|record| {
            let release = &record.release;
            (release.name.as_str(), release.version, &release.namespace) == (name, revision, &id.namespace)
        });
        match (is_ours && id.kind == self.driver.kind(), missing) {
            (false, _) => error.into(),
            (true, true) => ReleaseError::NotFound { name: name.to_string(), revision: Some(revision) },
            (true, false) => ReleaseError::AlreadyExists { name: name.to_string(), revision },
        }
    }

    /// The record with its payload; `None` when a part of it is not there.
    fn load(&self, stored: &Stored) -> Result<Option<Record>, ReleaseError> {
        let undecodable =
            |reason: String| ReleaseError::Undecodable { record: stored.id.name.clone(), reason };
        let parts = record::part_names(stored);
        let mut text = Vec::new();
        if parts.is_empty() {
            text = record::payload(stored).map_err(undecodable)?;
        }
        for part in &parts {
            let Some(part) = self.store.get(&self.driver.id(self.namespace, part))? else { return Ok(None) };
            text.extend(record::payload(&part).map_err(undecodable)?);
        }
        let (release, middle) = record::read(stored, &text)?;
        Ok(Some(Record {
            release,
            lease: Lease::read(&stored.annotations),
            evidence: stored.annotations.get(record::EVIDENCE).cloned(),
            uid: stored.uid.clone(),
            labels: stored.labels.clone(),
            resource_version: stored.resource_version,
            stored_status: Some(record::status(stored)),
            stored_lease: Lease::read(&stored.annotations),
            created_at: stored.labels.get("createdAt").cloned(),
            parts,
            middle,
        }))
    }
}

/// What a record will be once its batch is done.
struct Saved {
    at: usize,
    created_at: Option<String>,
    parts: Vec<String>,
    middle: Middle,
}

fn name_of(body: &crate::data::Value) -> Option<String> {
    Some(body.path(["metadata", "name"])?.as_str()?.to_string())
}

/// Only the newest revision of each release in each namespace.
fn newest_of_each(mut rows: Vec<Row>) -> Vec<Row> {
    let key = |row: &Row| (row.summary.namespace.clone(), row.summary.name.clone());
    rows.sort_by_cached_key(|row| (key(row), std::cmp::Reverse(row.summary.revision)));
    rows.dedup_by(|later, first| {
        (&later.summary.namespace, &later.summary.name) == (&first.summary.namespace, &first.summary.name)
    });
    rows
}

fn window<T>(rows: Vec<T>, filter: &Filter<'_>) -> Vec<T> {
    let most = if filter.max == 0 { usize::MAX } else { filter.max };
    rows.into_iter().skip(filter.offset).take(most).collect()
}
