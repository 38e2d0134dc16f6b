//! Verbs that only read: list, history, status, get, objects.
//!
//! Invariant: nothing is written, and a store that does not exist yet is an empty one.

use std::collections::BTreeSet;

use regex::Regex;

use super::change::{self, Target};
use super::{Context, OpsError};
use crate::cluster::live::Shown;
use crate::cluster::{Cluster, Query, Sought, Store, StoreError, Stored};
use crate::data::{Map, Value};
use crate::manifest::{self, ObjectRef};
use crate::release::{Filter, Record, Release, ReleaseError, Selector, Sort, Status, Statuses, Summary};
use crate::values::{self, Compat};
use crate::wait;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Every namespace, not only the target's.
    pub all_namespaces: bool,
    /// Regular expression on the name.
    pub filter: Option<String>,
    /// Label selector.
    pub selector: Option<String>,
    /// Only these states.
    pub statuses: Statuses,
    /// What the rows are sorted by.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
    /// Rows to leave out at the start.
    pub offset: usize,
    /// At most this many rows; 0 for all.
    pub most: usize,
}

/// Lists releases; those of the target's namespace unless all are asked for.
///
/// # Errors
/// The expression or the selector does not parse, or the store cannot be read.
pub fn list(
    context: &Context<'_>,
    target: Target<'_>,
    options: &ListOptions,
) -> Result<Vec<Summary>, OpsError> {
    let pattern = options.filter.as_deref().filter(|filter| !filter.is_empty()).map(Regex::new).transpose();
    let pattern = pattern.map_err(|error| OpsError::refused(format!("error parsing regexp: {error}")))?;
    let matches = |name: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
    let selector = options.selector.as_deref().map(Selector::parse).transpose()?;
    let listing = target.history(context).list(&Filter {
        all_namespaces: options.all_namespaces,
        statuses: options.statuses,
        name: Some(&matches),
        selector: selector.as_ref(),
        offset: options.offset,
        max: options.most,
        sort: options.sort,
        reverse: options.reverse,
    })?;
    for (record, reason) in listing.skipped {
        context.warn(format!("record {record} cannot be read and is left out: {reason}"));
    }
    Ok(listing.rows)
}

/// The revisions of a release, oldest first; at most the newest `most` of them, all for 0.
///
/// # Errors
/// There is no such release, or the store cannot be read.
pub fn history(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    most: usize,
) -> Result<Vec<Summary>, OpsError> {
    manifest::check_release(name)?;
    let mut rows = target.history(context).revisions(name)?;
    if rows.is_empty() {
        return Err(ReleaseError::NotFound { name: name.to_string(), revision: None }.into());
    }
    if most > 0 && rows.len() > most {
        rows.drain(..rows.len() - most);
    }
    Ok(rows)
}

/// One revision of a release, the newest when none is named.
///
/// # Errors
/// There is no such release or revision, or its record cannot be read.
pub fn release(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    revision: Option<u64>,
) -> Result<Release, OpsError> {
    Ok(record(context, target, name, revision)?.release)
}

/// The same with what its record says beside.
///
/// # Errors
/// As [`release`].
pub fn record(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    revision: Option<u64>,
) -> Result<Record, OpsError> {
    manifest::check_release(name)?;
    let history = target.history(context);
    let record = match revision {
        Some(revision) => Some(history.get(name, revision)?),
        None => history.last(name)?,
    };
    let missing = || ReleaseError::NotFound { name: name.to_string(), revision };
    Ok(record.ok_or_else(missing)?)
}

/// A release with the objects that its manifest names, as they are now.
#[derive(Debug, Clone)]
pub struct StatusReport {
    /// The release.
    pub release: Release,
    /// Its objects, in manifest order; those that are gone are left out.
    pub objects: Objects,
    /// Objects of the manifest that are not in the store.
    pub missing: Vec<ObjectRef>,
}

/// The objects of a release.
#[derive(Debug, Clone)]
pub enum Objects {
    /// As the store has them.
    Stored(Vec<Stored>),
    /// As a cluster shows them.
    Shown {
        /// Those of the manifest.
        objects: Vec<(ObjectRef, Shown)>,
        /// The pods of its workloads.
        pods: Vec<Shown>,
    },
}

/// Most pods of one workload that are shown.
const MOST_PODS: usize = 100;

/// How a release stands. `shown` asks for its objects as the cluster shows them to people, where there is a cluster.
///
/// # Errors
/// There is no such release or revision, or the store cannot be read.
pub fn status(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    revision: Option<u64>,
    shown: bool,
) -> Result<StatusReport, OpsError> {
    target.store.prepare();
    let release = release(context, target, name, revision)?;
    let documents = manifest::parse_stored(&format!("manifest of {name}"), &release.manifest)?;
    let wanted = change::findable(&documents)?;
    let scopes = change::scopes(target.store, wanted.iter())?;
    let sought: Vec<Sought> = wanted
        .iter()
        .map(|object| Sought {
            id: crate::plan::located(&object.id, target.namespace, &scopes),
            labels: change::labels_given(&object.body),
        })
        .collect();
    let ids = || sought.iter().map(|sought| sought.id.clone());
    let mut missing = Vec::new();
    let objects = match target.store.cluster().filter(|_| shown) {
        Some(cluster) => {
            let found = cluster.shown(&sought)?;
            let workloads = wanted.iter().zip(&sought).zip(&found).filter(|(_, found)| found.is_some());
            let pods = pods(cluster, workloads.map(|((object, sought), _)| (&sought.id, &object.body)))?;
            Objects::Shown { objects: there(ids(), found, &mut missing).collect(), pods }
        }
        None => {
            let found = target.store.find_each(&sought)?;
            Objects::Stored(there(ids(), found, &mut missing).map(|(_, stored)| stored).collect())
        }
    };
    // After an uninstall nothing is missed.
    if release.info.status == Status::Uninstalled {
        missing.clear();
    }
    Ok(StatusReport { release, objects, missing })
}

/// The pods of workloads, each once.
fn pods<'o>(
    cluster: &dyn Cluster,
    objects: impl Iterator<Item = (&'o ObjectRef, &'o Value)>,
) -> Result<Vec<Shown>, OpsError> {
    let workloads = objects.filter(|(_, body)| body.path(["spec", "template"]).is_some());
    let queries: Vec<Query> = workloads
        .map(|(id, body)| Query {
            group_kind: Some((String::new(), "Pod".to_string())),
            namespace: Some(id.namespace.clone()),
            labels: wait::selector(id, body),
            limit: MOST_PODS,
            ..Query::default()
        })
        .filter(|query| !query.labels.is_empty())
        .collect();
    let (mut pods, mut seen) = (Vec::new(), BTreeSet::new());
    for (query, found) in queries.iter().zip(cluster.shown_lists(&queries)) {
        match found {
            Ok(found) => pods.extend(
                found.into_iter().filter(|pod| seen.insert((&query.namespace, pod.cells.first().cloned()))),
            ),
            // Who may not see pods sees the rest.
            Err(StoreError::Forbidden { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(pods)
}

/// Those that were found; the others are missing.
fn there<T>(
    ids: impl IntoIterator<Item = ObjectRef>,
    found: Vec<Option<T>>,
    missing: &mut Vec<ObjectRef>,
) -> impl Iterator<Item = (ObjectRef, T)> {
    ids.into_iter().zip(found).filter_map(move |(id, found)| match found {
        Some(found) => Some((id, found)),
        None => {
            missing.push(id);
            None
        }
    })
}

/// The values of a revision: those that the user gave, or all that templates saw.
///
/// # Errors
/// The recorded values do not fit the recorded chart.
pub fn values_of(release: &Release, all: bool) -> Result<Value, OpsError> {
    if !all {
        return Ok(release.config.clone());
    }
    let empty = Map::new();
    let config = release.config.as_map().unwrap_or(&empty);
    let chart = super::upgrade::recorded_as_chart(release);
    let values = values::coalesce(&chart, config, Compat::default(), &mut Vec::new())?;
    Ok(Value::Map(values))
}

/// Which objects of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSelection {
    /// Only this namespace; all when `None`.
    pub namespace: Option<String>,
    /// Only this kind, without case; `Kind` or `Kind.group`.
    pub kind: Option<String>,
    /// Only this name.
    pub name: Option<String>,
    /// Only objects of this release.
    pub release: Option<String>,
    /// Release records too.
    pub records: bool,
}

/// Lists the objects of a store, in its order.
///
/// # Errors
/// The store cannot be read.
pub fn objects(store: &dyn Store, selection: &ObjectSelection) -> Result<Vec<Stored>, OpsError> {
    let query = Query { namespace: selection.namespace.clone(), ..Query::default() };
    let mut found = store.list(&query)?;
    found.retain(|stored| is_selected(stored, selection));
    Ok(found)
}

fn is_selected(stored: &Stored, selection: &ObjectSelection) -> bool {
    let kind = selection.kind.as_deref().is_none_or(|wanted| {
        let (kind, group) = wanted.split_once('.').unwrap_or((wanted, &stored.id.group));
        stored.id.kind.eq_ignore_ascii_case(kind) && stored.id.group == group
    });
    let release = selection
        .release
        .as_ref()
        .is_none_or(|wanted| stored.annotations.get(crate::cluster::ownership::RELEASE_NAME) == Some(wanted));
    let name = selection.name.as_ref().is_none_or(|wanted| stored.id.name == *wanted);
    let record = matches!(stored.id.kind.as_str(), "Secret" | "ConfigMap")
        && crate::release::is_record_name(&stored.id.name);
    kind && release && name && (selection.records || !record || selection.name.is_some())
}
