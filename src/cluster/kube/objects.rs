//! Objects as the API server says them, and lists of them.
//!
//! Invariant: an object that was read in a list equals the same object read alone: what a list leaves out of its items
//! (API version and kind) is put back.

use std::collections::BTreeMap;

use http1::Request;
use http1::header::ACCEPT;
use kube::core::params::ListParams;

use super::Kube;
use super::discovery::Resource;
use super::link::{Link, Trouble};
use super::parallel::parallel;
use super::refusals::Asked;
use crate::cluster::{Query, StoreError, Stored};
use crate::data::time::{RFC3339, Time, Zone};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;

/// Objects of one page: whole ones, and ones of which only the metadata is asked for.
const PAGE: (usize, usize) = (200, 1_000);

/// How often a list is begun again because the server forgot the version that it was read at.
const MOST_RESTARTS: u32 = 3;

/// Asks for metadata only.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Kinds that show objects of other kinds again.
const MIRRORS: &[(&str, &str)] =
    &[("", "ComponentStatus"), ("events.k8s.io", "Event"), ("metrics.k8s.io", "*")];

/// The object that an answer is.
pub(super) fn stored(mut body: Value, resource: &Resource, with_body: bool) -> Result<Stored, StoreError> {
    let bad =
        |what: &str| StoreError::Internal(format!("the API server sent a {} without {what}", resource.kind));
    if let Some(map) = body.as_map_mut() {
        // A list of metadata says that its items are metadata.
        if map.get("kind").and_then(Value::as_str) != Some(&resource.kind) {
            map.insert("kind".into(), Value::str(resource.kind.as_str()));
            map.insert("apiVersion".into(), Value::str(resource.api_version()));
            put_first(map);
        }
    }
    let metadata = body.get("metadata").and_then(Value::as_map).ok_or_else(|| bad("metadata"))?;
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or("").to_string();
    let api_version = body.get("apiVersion").and_then(Value::as_str).unwrap_or("").to_string();
    let (group, version) = ObjectRef::split_api_version(&api_version);
    // The version of an object that is only tried out is empty.
    let resource_version = text("resourceVersion");
    let resource_version = if resource_version.is_empty() {
        0
    } else {
        resource_version.parse().map_err(|_| bad("a number as its resourceVersion"))?
    };
    Ok(Stored {
        id: ObjectRef {
            group: group.to_string(),
            version: version.to_string(),
            kind: resource.kind.clone(),
            namespace: text("namespace"),
            name: text("name"),
        },
        uid: text("uid"),
        resource_version,
        created: Time::parse(RFC3339, &text("creationTimestamp"), &Zone::Utc).map_or(0, |time| time.unix()),
        labels: strings(metadata.get("labels")),
        annotations: strings(metadata.get("annotations")),
        body: with_body.then_some(body),
    })
}

/// Moves API version and kind to where they are in an object that is read alone.
fn put_first(map: &mut Map) {
    for (to, field) in ["kind", "apiVersion"].into_iter().enumerate() {
        if let Some(at) = map.get_index_of(field) {
            map.move_index(at, to.min(map.len().saturating_sub(1)));
        }
    }
}

fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let pairs = value.and_then(Value::as_map).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_string()))).collect()
}

/// What a list of a kind is about, for errors.
pub(super) fn kind_as_id(resource: &Resource, namespace: &str) -> ObjectRef {
    ObjectRef {
        group: resource.group.clone(),
        version: resource.version.clone(),
        kind: resource.kind.clone(),
        namespace: namespace.to_string(),
        name: "*".into(),
    }
}

/// One page or more of a kind.
pub(super) struct Listed {
    pub(super) objects: Vec<Stored>,
    /// The version that a watch goes on from.
    pub(super) version: String,
}

/// What one list asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    pub(super) namespace: String,
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    pub(super) metadata_only: bool,
    /// 0 for all.
    pub(super) limit: usize,
}

/// Reads a kind page by page.
pub(super) async fn list(link: &Link, resource: &Resource, selection: &Selection) -> Result<Listed, Trouble> {
    let mut restarts = 0;
    loop {
        match pages(link, resource, selection).await {
            Err(Trouble::Refused(refusal)) if refusal.status.code == 410 && restarts < MOST_RESTARTS => {
                restarts += 1;
            }
            done => return done,
        }
    }
}

async fn pages(link: &Link, resource: &Resource, selection: &Selection) -> Result<Listed, Trouble> {
    let mut listed = Listed { objects: Vec::new(), version: String::new() };
    let mut next: Option<String> = None;
    let page = if selection.metadata_only { PAGE.1 } else { PAGE.0 };
    loop {
        let missing = match selection.limit {
            0 => page,
            limit => page.min(limit.saturating_sub(listed.objects.len())),
        };
        let params = ListParams {
            label_selector: selection.labels.clone(),
            field_selector: selection.fields.clone(),
            limit: Some(missing as u32),
            continue_token: next.take(),
            ..ListParams::default()
        };
        let request = kube::core::Request::new(resource.path(&selection.namespace)).list(&params);
        let mut request =
            request.map_err(|error| Trouble::Failed(StoreError::Internal(error.to_string())))?;
        if selection.metadata_only {
            request.headers_mut().insert(ACCEPT, http1::HeaderValue::from_static(METADATA));
        }
        let mut answer = link.exchange(&request).await?.value().map_err(Trouble::Failed)?;
        if let Some(Value::List(items)) = answer.as_map_mut().and_then(|map| map.get_mut("items")) {
            for item in std::mem::take(items) {
                let object = stored(item, resource, !selection.metadata_only).map_err(Trouble::Failed)?;
                listed.objects.push(object);
            }
        }
        let metadata = |field: &str| answer.path(["metadata", field]).and_then(Value::as_str).unwrap_or("");
        if listed.version.is_empty() {
            listed.version = metadata("resourceVersion").to_string();
        }
        let full = selection.limit > 0 && listed.objects.len() >= selection.limit;
        match metadata("continue") {
            "" => return Ok(listed),
            _ if full => return Ok(listed),
            token => next = Some(token.to_string()),
        }
    }
}

fn selector(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

impl Kube {
    /// Answers a query, of one kind or of all.
    pub(super) fn query(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        let link = self.link()?;
        let selection = Selection {
            namespace: query.namespace.clone().unwrap_or_default(),
            labels: selector(&query.labels),
            fields: None,
            metadata_only: query.metadata_only,
            limit: query.limit,
        };
        let mut found = match &query.group_kind {
            Some((group, kind)) => match self.discovery.preferred(&link, group, kind)? {
                Some(resource) => of_kind(&link, &resource, &selection)?,
                None => Vec::new(),
            },
            None => self.of_all_kinds(&link, query, &selection)?,
        };
        // An object of the whole cluster is in no namespace, wherever it was asked for.
        found.retain(|object| query.namespace.as_ref().is_none_or(|wanted| *wanted == object.id.namespace));
        found.sort_by(|one, other| key(one).cmp(&key(other)));
        if query.limit > 0 {
            found.truncate(query.limit);
        }
        Ok(found)
    }

    /// Every kind that the server lists, in the version that it likes best, several at once. Kinds that the caller may not
    /// list are left out.
    fn of_all_kinds(
        &self,
        link: &Link,
        query: &Query,
        selection: &Selection,
    ) -> Result<Vec<Stored>, StoreError> {
        let catalog = self.discovery.catalog(link)?;
        let mut kinds: Vec<&Resource> = Vec::new();
        for resource in catalog.resources.iter().filter(|resource| resource.can("list")) {
            let seen = |known: &&Resource| (&known.group, &known.kind) == (&resource.group, &resource.kind);
            let is_mirror = MIRRORS
                .iter()
                .any(|(group, kind)| *group == resource.group && (*kind == resource.kind || *kind == "*"));
            let wanted = match query.namespace.as_deref() {
                None => true,
                Some(namespace) => resource.namespaced != namespace.is_empty(),
            };
            if wanted && !is_mirror && !kinds.iter().any(seen) {
                kinds.push(resource);
            }
        }
        let mut found = Vec::new();
        for objects in parallel(&kinds, |resource| of_kind(link, resource, selection)) {
            match objects {
                Ok(objects) => found.extend(objects),
                Err(
                    StoreError::Forbidden { .. }
                    | StoreError::NoKind { .. }
                    | StoreError::Refused { code: 405 | 503, .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// The objects of one kind.
fn of_kind(link: &Link, resource: &Resource, selection: &Selection) -> Result<Vec<Stored>, StoreError> {
    let id = kind_as_id(resource, &selection.namespace);
    let asked = Asked { store: &link.store, id: &id, verb: "list", size: 0 };
    let listed = link.wait(list(link, resource, selection));
    Ok(listed.map_err(|trouble| asked.error(trouble))?.objects)
}

fn key(object: &Stored) -> (&str, &str, &str, &str) {
    let id = &object.id;
    (&id.group, &id.kind, &id.namespace, &id.name)
}

/// A request for one object.
pub(super) fn get(resource: &Resource, id: &ObjectRef) -> Result<Request<Vec<u8>>, StoreError> {
    kube::core::Request::new(resource.path(&id.namespace))
        .get(&id.name, &kube::core::params::GetParams::default())
        .map_err(|error| StoreError::Invalid { what: id.to_string(), reason: error.to_string() })
}
