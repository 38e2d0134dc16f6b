//! Changes: the requests of a store and of a cluster, one object each.
//!
//! Source: how Helm 4 sends them: server-side apply and replace with strict field validation, create and patch without.
//!
//! Invariant: a body is sent as it was given; only what the server gives itself is taken out, and the expected version is
//! put in.

use http1::Method;
use http1::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, ValidationDirective};

use super::Kube;
use super::catalog::{Resource, segment};
use super::fields;
use super::link::{APPLY, Ask, Link, Trouble};
use super::objects::{get, stored};
use super::refusals::Asked;
use crate::cluster::live::{FIELD_MANAGER, Propagation, Request};
use crate::cluster::object::{check_names, check_texts, identity, plain, without_given};
use crate::cluster::{StoreError, Stored, Write};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;

/// How often a change of whatever version is tried when others change the object at the same time.
const MOST_RACES: u32 = 5;

/// Whether fields that no schema has are an error.
#[derive(Clone, Copy, PartialEq)]
enum Validation {
    /// The server warns.
    Lenient,
    /// The server refuses.
    Strict,
}

/// How an object is written.
#[derive(Clone, Copy)]
pub(super) struct How {
    validation: Validation,
    dry_run: bool,
    /// The answer need not have the object's body: the caller wrote it.
    brief: bool,
}

impl How {
    /// A write of a batch.
    pub(super) fn written(brief: bool) -> Self {
        How { validation: Validation::Lenient, dry_run: false, brief }
    }

    fn requested(validation: Validation, dry_run: bool) -> Self {
        How { validation, dry_run, brief: false }
    }
}

/// Asks for nothing of the written object but its metadata. One that knows it not answers with all.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

fn built(request: Result<Ask, kube::core::request::Error>, id: &ObjectRef) -> Result<Ask, StoreError> {
    request.map_err(|error| StoreError::Invalid { what: id.to_string(), reason: error.to_string() })
}

/// The identity of an object to be created; it may have a name that the server makes.
fn identity_to_create(body: &Value) -> Result<ObjectRef, StoreError> {
    let prefix = body.path(["metadata", "generateName"]).and_then(Value::as_str).unwrap_or("");
    let name = body.path(["metadata", "name"]).and_then(Value::as_str).unwrap_or("");
    if prefix.is_empty() || !name.is_empty() {
        return identity(body);
    }
    let mut named = body.clone();
    if let Some(Value::Map(metadata)) = named.as_map_mut().and_then(|map| map.get_mut("metadata")) {
        metadata.insert("name".into(), Value::str(prefix));
    }
    identity(&named)
}

/// The body as bytes, with a version to be met.
fn bytes(body: &Value, id: &ObjectRef, expected: Option<u64>) -> Result<Vec<u8>, StoreError> {
    let mut body =
        without_given(body).map_err(|reason| StoreError::Invalid { what: id.to_string(), reason })?;
    if let Some(expected) = expected {
        expect(&mut body, expected);
    }
    serde_json::to_vec(&body)
        .map_err(|error| StoreError::Invalid { what: id.to_string(), reason: error.to_string() })
}

fn expect(body: &mut Value, version: u64) {
    let Some(map) = body.as_map_mut() else { return };
    let metadata = map.entry("metadata".into()).or_insert_with(|| Value::Map(Map::new()));
    if let Some(metadata) = metadata.as_map_mut() {
        metadata.insert("resourceVersion".into(), Value::str(version.to_string()));
    }
}

/// A kind with an object of it.
struct Place {
    resource: Resource,
    id: ObjectRef,
}

impl Place {
    fn request(&self) -> Result<kube::core::Request, StoreError> {
        Ok(kube::core::Request::new(self.resource.path(&self.id.namespace)?))
    }

    /// Its name in a path.
    fn name(&self) -> String {
        segment(&self.id.name)
    }
}

impl Kube {
    /// Where an object is in the API.
    fn place(&self, link: &Link, id: ObjectRef) -> Result<Place, StoreError> {
        let resource = self.discovery.of(link, &id)?;
        if resource.namespaced && id.namespace.is_empty() {
            let reason = "its kind lives in namespaces, and it names none".to_string();
            return Err(StoreError::Invalid { what: id.to_string(), reason });
        }
        check_names(&id)?;
        Ok(Place { resource, id })
    }

    /// One object; the version does not matter when it is not served any more.
    pub(super) fn read(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        let link = self.link()?;
        match self.resource_of(&link, id)? {
            Some(resource) => look(&link, &Place { resource, id: id.clone() }),
            None => Ok(None),
        }
    }

    /// Where an object would be, in the version that the server likes best when its own is not served any more. `None` too for
    /// a name that no object can have: old manifests may have such ones.
    pub(super) fn resource_of(&self, link: &Link, id: &ObjectRef) -> Result<Option<Resource>, StoreError> {
        let exact = self.discovery.find(link, &id.group, &id.version, &id.kind)?;
        let resource = match exact {
            Some(resource) => Some(resource),
            None => self.discovery.preferred(link, &id.group, &id.kind)?,
        };
        Ok(resource.filter(|resource| resource.can_have(id)))
    }

    /// One write of a batch.
    pub(super) fn write(&self, write: &Write, how: How) -> Result<Option<Stored>, StoreError> {
        match write {
            Write::Create { body } => self.create_object(body, how).map(Some),
            Write::Replace { body, expected } => self.replace_object(body, *expected, how).map(Some),
            Write::Delete { id, expected } => {
                self.delete_object(id, (*expected, None), Propagation::Background, false).map(|_| None)
            }
        }
    }

    /// One request to a cluster.
    pub(super) fn carry_out(&self, request: &Request, dry_run: bool) -> Result<Option<Stored>, StoreError> {
        match request {
            Request::Create { body } => {
                self.create_object(body, How::requested(Validation::Lenient, dry_run)).map(Some)
            }
            Request::Apply { body, force } => self.apply(body, *force, dry_run).map(Some),
            Request::Patch { id, patch, expected } => self.patch(id, patch, *expected, dry_run).map(Some),
            Request::Replace { body, expected } => {
                self.replace_object(body, *expected, How::requested(Validation::Strict, dry_run)).map(Some)
            }
            Request::Delete { id, propagation, uid } => {
                self.delete_object(id, (None, uid.as_deref()), *propagation, dry_run)
            }
        }
    }

    fn create_object(&self, body: &Value, how: How) -> Result<Stored, StoreError> {
        let link = self.link()?;
        let id = identity_to_create(body)?;
        check_texts(body, &id)?;
        let place = self.place(&link, id)?;
        let params = PostParams { dry_run: how.dry_run, field_manager: Some(FIELD_MANAGER.into()) };
        let ask = built(place.request()?.create(&params, bytes(body, &place.id, None)?), &place.id)?;
        self.change(&link, &place, "create", with(ask, how)?)
    }

    fn replace_object(&self, body: &Value, expected: Option<u64>, how: How) -> Result<Stored, StoreError> {
        let link = self.link()?;
        let id = identity(body)?;
        check_texts(body, &id)?;
        let place = self.place(&link, id)?;
        let params = PostParams { dry_run: how.dry_run, field_manager: Some(FIELD_MANAGER.into()) };
        let send = |version: u64| {
            let body = bytes(body, &place.id, Some(version))?;
            let ask = built(place.request()?.replace(&place.name(), &params, body), &place.id)?;
            self.change(&link, &place, "update", with(ask, how)?)
        };
        if let Some(expected) = expected {
            return with_versions(&link, &place, expected, send(expected));
        }
        let mut races = 0;
        loop {
            // Most kinds can be replaced without a version, but a few are then created where there is none.
            let Some(found) = look(&link, &place)? else {
                return Err(StoreError::NotFound { id: place.id.clone().into() });
            };
            match with_versions(&link, &place, found.resource_version, send(found.resource_version)) {
                Err(StoreError::Conflict { .. }) if races < MOST_RACES => races += 1,
                done => return done,
            }
        }
    }

    /// Deletes an object, if it still has that version and that uid; it is returned when it goes later: something has to be done
    /// first, or its pods have to end.
    fn delete_object(
        &self,
        id: &ObjectRef,
        (expected, uid): (Option<u64>, Option<&str>),
        propagation: Propagation,
        dry_run: bool,
    ) -> Result<Option<Stored>, StoreError> {
        let link = self.link()?;
        let place = match self.place(&link, id.clone()) {
            Err(StoreError::NoKind { .. }) => return Err(StoreError::NotFound { id: id.clone().into() }),
            // No object can have that name.
            Err(_) if check_names(id).is_err() => return Err(StoreError::NotFound { id: id.clone().into() }),
            place => place?,
        };
        let mut params = match propagation {
            Propagation::Background => DeleteParams::background(),
            Propagation::Foreground => DeleteParams::foreground(),
            Propagation::Orphan => DeleteParams::orphan(),
        };
        params.dry_run = dry_run;
        params.preconditions = (expected.is_some() || uid.is_some()).then(|| Preconditions {
            resource_version: expected.map(|version| version.to_string()),
            uid: uid.map(str::to_string),
        });
        if !place.resource.can_have(id) {
            return Err(StoreError::NotFound { id: id.clone().into() });
        }
        let ask = built(place.request()?.delete(&place.name(), &params), id)?;
        let answer = link.call(&ask);
        self.note_definition(id);
        let answer = answer
            .map_err(|trouble| asked(&link, id, "delete", &ask).error(trouble))
            .and_then(|reply| remains(reply.value()?, &place));
        match expected {
            Some(expected) => with_versions(&link, &place, expected, answer),
            None => answer,
        }
    }

    fn apply(&self, body: &Value, force: bool, dry_run: bool) -> Result<Stored, StoreError> {
        let link = self.link()?;
        let id = identity(body)?;
        let body = &plain(body, 0).map_err(|reason| StoreError::Invalid { what: id.to_string(), reason })?;
        let place = self.place(&link, id)?;
        let params = PatchParams {
            dry_run,
            force,
            field_manager: Some(FIELD_MANAGER.into()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let ask = built(place.request()?.patch(&place.name(), &params, &Patch::Apply(body)), &place.id)?;
        debug_assert!(ask.headers().get(CONTENT_TYPE).is_some_and(|value| value == APPLY));
        match self.change(&link, &place, "patch", ask) {
            // Values of secrets are told to nobody.
            Err(StoreError::Fields { id, mut fields }) if !id.is_secret() => {
                // The values are only for people: without them the conflict is as true.
                let live = look(&link, &place).ok().flatten().and_then(|live| live.body);
                for conflict in &mut fields {
                    let shown = |body: &Value| serde_json::to_string(fields::at(body, &conflict.field)?).ok();
                    conflict.found = live.as_ref().and_then(shown);
                    conflict.wanted = shown(body);
                }
                Err(StoreError::Fields { id, fields })
            }
            done => done,
        }
    }

    fn patch(
        &self,
        id: &ObjectRef,
        patch: &Value,
        expected: Option<u64>,
        dry_run: bool,
    ) -> Result<Stored, StoreError> {
        let link = self.link()?;
        let place = self.place(&link, id.clone())?;
        let params =
            PatchParams { dry_run, field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let mut patch = patch.clone();
        if let Some(expected) = expected {
            expect(&mut patch, expected);
        }
        let ask = built(place.request()?.patch(&place.name(), &params, &Patch::Merge(patch)), id)?;
        let answer = self.change(&link, &place, "patch", ask);
        match expected {
            Some(expected) => with_versions(&link, &place, expected, answer),
            None => answer,
        }
    }

    /// Sends a change and reads the object that it made.
    fn change(&self, link: &Link, place: &Place, verb: &str, ask: Ask) -> Result<Stored, StoreError> {
        let answer = link.call(&ask);
        self.note_definition(&place.id);
        let reply = answer.map_err(|trouble| asked(link, &place.id, verb, &ask).error(trouble))?;
        stored(reply.value()?, &place.resource, true)
    }

    /// A definition changes what kinds there are.
    fn note_definition(&self, id: &ObjectRef) {
        if matches!(id.kind.as_str(), "CustomResourceDefinition" | "APIService") {
            self.discovery.forget();
        }
    }

    /// See [`crate::cluster::Cluster::adopt_fields`].
    pub(super) fn move_fields(&self, id: &ObjectRef) -> Result<bool, StoreError> {
        let link = self.link()?;
        let place = self.place(&link, id.clone())?;
        let mut races = 0;
        loop {
            let not_found = || StoreError::NotFound { id: id.clone().into() };
            let found = look(&link, &place)?.ok_or_else(not_found)?;
            let entries = found.body.as_ref().and_then(|body| body.path(["metadata", "managedFields"]));
            let entries = entries.and_then(Value::as_list).unwrap_or_default();
            let Some(moved) = fields::as_applied(entries, FIELD_MANAGER) else { return Ok(false) };
            let step = |field: &str, value: Value| -> Value {
                let path = Value::str(format!("/metadata/{field}"));
                [("op", Value::str("replace")), ("path", path), ("value", value)].into_iter().collect()
            };
            let version = Value::str(found.resource_version.to_string());
            let patch = [step("managedFields", Value::List(moved)), step("resourceVersion", version)];
            let ask = json_patch(&place, &patch)?;
            match with_versions(
                &link,
                &place,
                found.resource_version,
                self.change(&link, &place, "patch", ask),
            ) {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict { .. }) if races < MOST_RACES => races += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The object that the answer to a deletion is, when it is still there. For some kinds servers answer with the object as it
/// was, for others with a status.
fn remains(answer: Value, place: &Place) -> Result<Option<Stored>, StoreError> {
    if answer.path(["metadata", "deletionTimestamp"]).is_none() {
        return Ok(None);
    }
    stored(answer, &place.resource, true).map(Some)
}

/// The object as it is now.
fn look(link: &Link, place: &Place) -> Result<Option<Stored>, StoreError> {
    let ask = get(&place.resource, &place.id)?;
    match link.call(&ask) {
        Ok(reply) => stored(reply.value()?, &place.resource, true).map(Some),
        Err(trouble) => match asked(link, &place.id, "get", &ask).error(trouble) {
            StoreError::NotFound { .. } | StoreError::NoKind { .. } => Ok(None),
            error => Err(error),
        },
    }
}

/// Puts the version that is there now into a conflict.
fn with_versions<T>(
    link: &Link,
    place: &Place,
    expected: u64,
    answer: Result<T, StoreError>,
) -> Result<T, StoreError> {
    let Err(StoreError::Refused { code: 409, .. }) = &answer else { return answer };
    let id = Box::new(place.id.clone());
    match look(link, place)? {
        None => Err(StoreError::NotFound { id }),
        Some(found) if found.resource_version == expected => answer,
        Some(found) => Err(StoreError::Conflict { id, expected, found: found.resource_version }),
    }
}

fn json_patch(place: &Place, patch: &[Value]) -> Result<Ask, StoreError> {
    let failed = |error: String| StoreError::Internal(error);
    let within = place.resource.path(&place.id.namespace)?;
    let path = format!("{within}/{}?fieldManager={FIELD_MANAGER}", place.name());
    let body = serde_json::to_vec(patch).map_err(|error| failed(error.to_string()))?;
    http1::Request::builder()
        .method(Method::PATCH)
        .uri(path)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json-patch+json"))
        .body(body)
        .map_err(|error| failed(error.to_string()))
}

/// The request with what kube-rs has no parameter for.
fn with(mut ask: Ask, how: How) -> Result<Ask, StoreError> {
    if how.brief {
        ask.headers_mut().insert(ACCEPT, HeaderValue::from_static(METADATA));
    }
    if how.validation == Validation::Strict {
        let strict = format!("{}&fieldValidation=Strict", ask.uri());
        *ask.uri_mut() =
            strict.parse().map_err(|error| StoreError::Internal(format!("{}: {error}", ask.uri())))?;
    }
    Ok(ask)
}

fn asked<'a>(link: &'a Link, id: &'a ObjectRef, verb: &'a str, ask: &Ask) -> Asked<'a> {
    Asked { store: &link.store, id, verb, size: ask.body().len() }
}

/// The error of some trouble with an object.
pub(super) fn error_of(link: &Link, id: &ObjectRef, verb: &str, trouble: Trouble) -> StoreError {
    Asked { store: &link.store, id, verb, size: 0 }.error(trouble)
}
