//! Objects as the API server says them, and lists of them.
//!
//! Invariant: an object that was read in a list equals the same object read alone: what a list leaves out of its items
//! (API version and kind) is put back.

use std::collections::BTreeMap;
use std::sync::Arc;

use http1::Request;
use http1::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use kube::core::params::ListParams;
use tokio::sync::mpsc::channel;

use super::Kube;
use super::catalog::{Resource, segment};
use super::link::{AT_ONCE, Link, Reply, Trouble};
use super::protobuf;
use super::refusals::Asked;
use crate::cluster::{Query, StoreError, Stored};
use crate::data::time::{RFC3339, Time, Zone};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;
use crate::sys::parallel;

/// Objects of the first page: whole ones, ones of which only the metadata is asked for, and whole ones that may be large.
const FIRST_PAGE: (usize, usize, usize) = (200, 1_000, 50);

/// Objects that are looked at to find out how the others are best asked for.
const PROBE: usize = 20;

/// Fewest and most whole objects of the pages after the first, and about how many bytes one of them is to have.
const PAGE: (usize, usize, usize) = (10, 500, 8 * 1024 * 1024);

/// How often a list is begun again because the server forgot the version that it was read at.
const MOST_RESTARTS: u32 = 3;

/// Asks for metadata only, in the form that costs the server least. One that knows it not answers in JSON.
const METADATA: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
                        application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Asks for what can be read of Secrets and ConfigMaps.
const CONTENT: &str = "application/vnd.kubernetes.protobuf,application/json";

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

/// The texts among the entries of a map.
pub(super) fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
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

/// How much of the objects a list asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// All.
    #[default]
    Whole,
    /// Metadata, and the rest as it can be read of Secrets and ConfigMaps; see [`protobuf::page`].
    Content,
    /// Metadata only.
    Metadata,
}

/// What one list asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    pub(super) namespace: String,
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    pub(super) shape: Shape,
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
    let first = if selection.shape == Shape::Metadata { FIRST_PAGE.1 } else { FIRST_PAGE.0 };
    let mut pages = Pages::new(selection, first);
    let mut objects = Vec::new();
    while let Some(page) = pages.next(link, resource).await? {
        objects.extend(page.objects(resource).map_err(Trouble::Failed)?);
    }
    Ok(Listed { objects, version: pages.version })
}

/// A page of a list.
struct Page {
    objects: Objects,
    /// The version of the list.
    version: String,
    /// Where the next page begins; empty after the last one.
    token: String,
}

enum Objects {
    Read(Vec<Stored>),
    /// Their reading is left to whoever wants them.
    Unread(protobuf::Page),
}

impl Page {
    fn count(&self) -> usize {
        match &self.objects {
            Objects::Read(objects) => objects.len(),
            Objects::Unread(page) => page.count,
        }
    }

    /// Hands the objects on.
    fn each(
        self,
        resource: &Resource,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self.objects {
            Objects::Read(objects) => objects.into_iter().try_for_each(on),
            Objects::Unread(page) => page.each(resource, on),
        }
    }

    fn objects(self, resource: &Resource) -> Result<Vec<Stored>, StoreError> {
        let mut objects = Vec::with_capacity(self.count());
        self.each(resource, &mut |object| {
            objects.push(object);
            Ok(())
        })?;
        Ok(objects)
    }
}

/// A list, read page by page. Pages follow each other; the size of the first ones decides on that of the next.
struct Pages<'s> {
    selection: &'s Selection,
    /// Objects of the next page.
    size: usize,
    /// How many there were until now.
    taken: usize,
    /// Where the next page begins.
    token: Option<String>,
    ended: bool,
    /// The version of the list; empty before the first page.
    version: String,
}

impl<'s> Pages<'s> {
    fn new(selection: &'s Selection, first: usize) -> Self {
        Pages { selection, size: first, taken: 0, token: None, ended: false, version: String::new() }
    }

    /// The next page, `None` after the last one.
    async fn next(&mut self, link: &Link, resource: &Resource) -> Result<Option<Page>, Trouble> {
        if self.ended {
            return Ok(None);
        }
        let reply = link.exchange(&self.ask(resource)?).await?;
        let size = reply.body.len();
        let page = read(reply, resource, self.selection.shape).map_err(Trouble::Failed)?;
        let (fewest, most, bytes) = PAGE;
        let count = page.count();
        if self.selection.shape != Shape::Metadata && count > 0 {
            self.size = (bytes / (size / count).max(1)).clamp(fewest, most);
        }
        self.taken += count;
        if self.version.is_empty() {
            self.version.clone_from(&page.version);
        }
        let full = self.selection.limit > 0 && self.taken >= self.selection.limit;
        self.token = Some(page.token.clone()).filter(|token| !token.is_empty() && !full);
        self.ended = self.token.is_none();
        Ok(Some(page))
    }

    fn ask(&mut self, resource: &Resource) -> Result<Request<Vec<u8>>, Trouble> {
        let size = match self.selection.limit {
            0 => self.size,
            limit => self.size.min(limit.saturating_sub(self.taken)),
        };
        let request = ask_for(resource, self.selection, size, self.token.take());
        let mut request = request.map_err(Trouble::Failed)?;
        let headers = request.headers_mut();
        match self.selection.shape {
            Shape::Whole => {}
            Shape::Content => {
                headers.insert(ACCEPT, HeaderValue::from_static(CONTENT));
                // Payloads are compressed already: to do it again takes a server longer than all the rest of its answer.
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Shape::Metadata => {
                headers.insert(ACCEPT, HeaderValue::from_static(METADATA));
            }
        }
        Ok(request)
    }
}

/// Reads a page in the form that it came in.
fn read(reply: Reply, resource: &Resource, shape: Shape) -> Result<Page, StoreError> {
    if reply.content_type.starts_with(protobuf::CONTENT) {
        let mut page = protobuf::page(reply.body, resource)?;
        let (version, token) = (std::mem::take(&mut page.version), std::mem::take(&mut page.token));
        return Ok(Page { objects: Objects::Unread(page), version, token });
    }
    let mut answer = reply.value()?;
    let items = match answer.as_map_mut().and_then(|map| map.get_mut("items")) {
        Some(Value::List(items)) => std::mem::take(items),
        _ => Vec::new(),
    };
    let object = |item| stored(item, resource, shape != Shape::Metadata);
    let metadata = |field: &str| answer.path(["metadata", field]).and_then(Value::as_str).unwrap_or("");
    Ok(Page {
        version: metadata("resourceVersion").to_string(),
        token: metadata("continue").to_string(),
        objects: Objects::Read(items.into_iter().map(object).collect::<Result<_, _>>()?),
    })
}

/// A request for one page of a list.
pub(super) fn ask_for(
    resource: &Resource,
    selection: &Selection,
    size: usize,
    continue_token: Option<String>,
) -> Result<Request<Vec<u8>>, StoreError> {
    let params = ListParams {
        label_selector: selection.labels.clone(),
        field_selector: selection.fields.clone(),
        limit: u32::try_from(size).ok(),
        continue_token,
        ..ListParams::default()
    };
    kube::core::Request::new(resource.path(&selection.namespace)?)
        .list(&params)
        .map_err(|error| StoreError::Internal(error.to_string()))
}

impl Selection {
    pub(super) fn of(query: &Query) -> Self {
        Selection {
            namespace: query.namespace.clone().unwrap_or_default(),
            labels: selector(&query.labels),
            fields: None,
            shape: if query.metadata_only { Shape::Metadata } else { Shape::Whole },
            limit: query.limit,
        }
    }
}

/// A label selector of pairs; `None` when there are none.
pub(super) fn selector(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

impl Kube {
    /// Answers a query, of one kind or of all.
    pub(super) fn query(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        let link = self.link()?;
        let selection = Selection::of(query);
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

    /// Hands the objects of one kind on page by page, while the next page is on its way. Begins anew, and hands objects on a
    /// second time, when the server forgot the version that it was reading.
    pub(super) fn each(
        &self,
        query: &Query,
        kind: (&str, &str),
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let link = self.link()?;
        let Some(resource) = self.discovery.preferred(&link, kind.0, kind.1)? else { return Ok(()) };
        hand_on(&link, resource, Selection::of(query), on)
    }

    /// See [`crate::cluster::Store::survey`]: with their content when most of the first ones need it, else by their metadata.
    pub(super) fn look_over(
        &self,
        query: &Query,
        kind: (&str, &str),
        needs_body: &dyn Fn(&Stored) -> bool,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let link = self.link()?;
        let Some(resource) = self.discovery.preferred(&link, kind.0, kind.1)? else { return Ok(()) };
        let mut selection = Selection { shape: Shape::Metadata, ..Selection::of(query) };
        let first = {
            let mut pages = Pages::new(&selection, PROBE);
            let first = link.wait(pages.next(&link, &resource));
            let id = kind_as_id(&resource, &selection.namespace);
            let asked = Asked { store: &link.store, id: &id, verb: "list", size: 0 };
            let first = match first.map_err(|trouble| asked.error(trouble))? {
                Some(page) => page.objects(&resource)?,
                None => Vec::new(),
            };
            if pages.ended {
                return first.into_iter().try_for_each(on);
            }
            first
        };
        let needing = first.iter().filter(|object| needs_body(object)).count();
        if needing * 2 >= first.len() {
            selection.shape = Shape::Content;
        }
        hand_on(&link, resource, selection, on)
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
        for objects in parallel::map(&kinds, AT_ONCE, |resource| of_kind(link, resource, selection)) {
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

/// Hands objects on while the next page is on its way; the first page is small where an object may be large.
fn hand_on(
    link: &Arc<Link>,
    resource: Resource,
    selection: Selection,
    on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (to, mut from) = channel(1);
    let id = kind_as_id(&resource, &selection.namespace);
    let (reader, kind) = (Arc::clone(link), resource.clone());
    let first = if selection.shape == Shape::Metadata { FIRST_PAGE.1 } else { FIRST_PAGE.2 };
    let _reading = link.start(async move {
        let mut restarts = 0;
        let mut pages = Pages::new(&selection, first);
        loop {
            let page = match pages.next(&reader, &kind).await {
                Ok(None) => return,
                Err(Trouble::Refused(refusal)) if refusal.status.code == 410 && restarts < MOST_RESTARTS => {
                    restarts += 1;
                    pages = Pages::new(&selection, first);
                    continue;
                }
                Ok(Some(page)) => Ok(page),
                Err(trouble) => Err(trouble),
            };
            let failed = page.is_err();
            if to.send(page).await.is_err() || failed {
                return;
            }
        }
    });
    while let Some(page) = link.wait(from.recv()) {
        let asked = Asked { store: &link.store, id: &id, verb: "list", size: 0 };
        page.map_err(|trouble| asked.error(trouble))?.each(&resource, on)?;
    }
    Ok(())
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
    kube::core::Request::new(resource.path(&id.namespace)?)
        .get(&segment(&id.name), &kube::core::params::GetParams::default())
        .map_err(|error| StoreError::Invalid { what: id.to_string(), reason: error.to_string() })
}
