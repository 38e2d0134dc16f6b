//! The Kubernetes store against a real API server: who may ask, what is served, apply and its conflicts, dry runs, watches,
//! logs. `tests/servers/servers start cluster DIR` starts one and tells its address in `BOWLINE_TEST_KUBECONFIG`; without
//! it these tests say that they were skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bowline::cluster::live::{LogOptions, Propagation, Request, Seen};
use bowline::cluster::{Capabilities, Cluster, Kube, KubeOptions, Query, Store, StoreError, Stored, Write};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::sys::{Host, Random, Secret};

use crate::stores::{body, host};

/// The kubeconfig of the cluster, if there is one.
pub(crate) fn kubeconfig() -> Option<PathBuf> {
    let path = std::env::var_os("BOWLINE_TEST_KUBECONFIG").map(PathBuf::from);
    if path.is_none() {
        crate::support::skip::server_is_missing("BOWLINE_TEST_KUBECONFIG names no cluster");
    }
    path
}

/// A host with a `PATH`, for plugins, and true randomness, for names that no other run has.
pub(crate) fn real_host() -> Host {
    let env = BTreeMap::from([("PATH".to_string(), "/usr/bin:/bin".to_string())]);
    Host { env: Arc::new(env), random: Random::System, ..host() }
}

fn connect(change: impl Fn(&mut KubeOptions)) -> Option<Kube> {
    let mut options = KubeOptions { kubeconfig: vec![kubeconfig()?], burst: -1, ..KubeOptions::default() };
    change(&mut options);
    Some(Kube::new(options, &real_host()))
}

/// A cluster and a prefix of namespaces that are a test's own; they are deleted with it.
pub(crate) struct Own {
    kube: Kube,
    prefix: String,
    namespaces: Vec<String>,
}

/// A cluster with these namespaces, when there is a cluster.
pub(crate) fn own(namespaces: &[&str]) -> Option<Own> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let kube = connect(|_| ())?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("t{}-{number}", std::process::id());
    for namespace in namespaces {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{prefix}-{namespace}"}}}}"#
        );
        kube.create(body(&text)).unwrap();
    }
    Some(Own { kube, prefix, namespaces: namespaces.iter().map(|name| (*name).to_string()).collect() })
}

impl Drop for Own {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            let _ =
                self.kube.delete(&id("v1", "Namespace", "", &format!("{}-{namespace}", self.prefix)), None);
        }
    }
}

impl Own {
    fn out(&self, mut id: ObjectRef) -> ObjectRef {
        id.namespace = format!("{}-{}", self.prefix, id.namespace);
        id
    }

    fn back(&self, mut stored: Stored) -> Stored {
        stored.id.namespace = stored.id.namespace.replace(&format!("{}-", self.prefix), "");
        if let Some(Value::Map(metadata)) =
            stored.body.as_mut().and_then(Value::as_map_mut).and_then(|map| map.get_mut("metadata"))
        {
            metadata.insert("namespace".into(), Value::str(stored.id.namespace.as_str()));
        }
        stored
    }

    fn body_out(&self, mut body: Value) -> Value {
        if let Some(Value::Map(metadata)) = body.as_map_mut().and_then(|map| map.get_mut("metadata")) {
            let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or("").to_string();
            if !namespace.is_empty() {
                metadata.insert("namespace".into(), Value::str(format!("{}-{namespace}", self.prefix)));
            }
        }
        body
    }

    fn error_back(&self, error: StoreError) -> StoreError {
        let bare = |mut id: Box<ObjectRef>| {
            id.namespace = id.namespace.replace(&format!("{}-", self.prefix), "");
            id
        };
        match error {
            StoreError::Conflict { id, expected, found } => {
                StoreError::Conflict { id: bare(id), expected, found }
            }
            StoreError::NotFound { id } => StoreError::NotFound { id: bare(id) },
            StoreError::AlreadyExists { id } => StoreError::AlreadyExists { id: bare(id) },
            StoreError::Partial { done, total, source } => {
                StoreError::Partial { done, total, source: Box::new(self.error_back(*source)) }
            }
            other => other,
        }
    }
}

/// The store as the tests of all stores see it: with namespaces of its own, and without what controllers put into them.
impl Store for Own {
    fn describe(&self) -> String {
        self.kube.describe()
    }

    fn capabilities(&self) -> Capabilities {
        self.kube.capabilities()
    }

    fn identity(&self) -> Result<Option<String>, StoreError> {
        self.kube.identity()
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        Ok(self.kube.get(&self.out(id.clone()))?.map(|stored| self.back(stored)))
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        let mut all = Vec::new();
        for namespace in &self.namespaces {
            if query.namespace.as_ref().is_some_and(|wanted| wanted != namespace) {
                continue;
            }
            let namespace = Some(format!("{}-{namespace}", self.prefix));
            let found = self.kube.list(&Query { namespace, ..query.clone() })?;
            let is_own =
                |stored: &Stored| !["kube-root-ca.crt", "default"].contains(&stored.id.name.as_str());
            all.extend(found.into_iter().filter(is_own).map(|stored| self.back(stored)));
        }
        Ok(all)
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        let writes: Vec<Write> = writes
            .iter()
            .map(|write| match write.clone() {
                Write::Create { body } => Write::Create { body: self.body_out(body) },
                Write::Replace { body, expected } => Write::Replace { body: self.body_out(body), expected },
                Write::Delete { id, expected } => Write::Delete { id: self.out(id), expected },
            })
            .collect();
        let done = self.kube.batch(&writes).map_err(|error| self.error_back(error))?;
        Ok(done.into_iter().map(|stored| stored.map(|stored| self.back(stored))).collect())
    }
}

pub(crate) fn id(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    let (group, version) = ObjectRef::split_api_version(api_version);
    ObjectRef {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

/// A cluster and the full name of one namespace in it.
fn in_namespace() -> Option<(Own, String)> {
    let own = own(&["x"])?;
    let namespace = format!("{}-x", own.prefix);
    Some((own, namespace))
}

fn config(namespace: &str, name: &str, data: &str) -> Value {
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"{namespace}"}},"data":{data}}}"#
    ))
}

fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    body(&format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}","namespace":"{namespace}"}},"spec":{{"replicas":{replicas},"selector":{{"matchLabels":{{"app":"{name}"}}}},"template":{{"metadata":{{"labels":{{"app":"{name}"}}}},"spec":{{"containers":[{{"name":"web","image":"nginx:1"}}]}}}}}}}}"#
    ))
}

#[test]
fn every_way_to_say_who_asks_works() {
    let Some(path) = kubeconfig() else { return };
    let secrets = Query { group_kind: Some((String::new(), "Secret".into())), limit: 1, ..Query::default() };
    let ask = |change: &dyn Fn(&mut KubeOptions)| connect(change).unwrap().list(&secrets);
    assert!(ask(&|_| ()).is_ok(), "a token");
    assert!(ask(&|options| options.context = Some("certificate".into())).is_ok(), "a client certificate");
    let error = ask(&|options| options.context = Some("nobody".into())).unwrap_err();
    assert!(matches!(&error, StoreError::Forbidden { verb, .. } if verb == "list"), "{error}");
    assert!(error.to_string().contains("cannot list resource \"secrets\""), "{error}");
    let error = ask(&|options| options.token = Some(Secret::new("wrong-token"))).unwrap_err();
    assert!(matches!(error, StoreError::Unauthorized { .. }), "{error}");
    let error = ask(&|options| options.as_user = Some("somebody".into())).unwrap_err();
    assert!(error.to_string().contains("User \"somebody\" cannot list"), "{error}");
    assert!(
        ask(&|options| {
            options.as_user = Some("somebody".into());
            options.as_groups = vec!["other".into(), "system:masters".into()];
        })
        .is_ok(),
        "both groups count"
    );
    assert!(ask(&|options| options.tls_server_name = Some("kubernetes.default.svc".into())).is_ok());
    let error = ask(&|options| options.tls_server_name = Some("other.example".into())).unwrap_err();
    assert!(matches!(error, StoreError::ClusterUnreachable { .. }), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut named: Value = serde_json::from_str(&text).unwrap();
    let user = |named: &mut Value, user: &str| -> PathBuf {
        let users = named.as_map_mut().unwrap().get_mut("users").unwrap();
        *users = body(&format!(r#"[{{"name":"admin","user":{user}}}]"#));
        let file = folder.path().join("config");
        std::fs::write(&file, serde_json::to_string(named).unwrap()).unwrap();
        file
    };
    std::fs::write(folder.path().join("token"), "admin-token\n").unwrap();
    let file = user(&mut named, r#"{"tokenFile":"token"}"#);
    assert!(ask(&|options| options.kubeconfig = vec![file.clone()]).is_ok(), "a token file");
    let credential =
        r#"{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"admin-token\"}}"#;
    let exec = format!(
        r#"{{"exec":{{"apiVersion":"client.authentication.k8s.io/v1","command":"echo","args":["{credential}"]}}}}"#
    );
    let file = user(&mut named, &exec);
    assert!(ask(&|options| options.kubeconfig = vec![file.clone()]).is_ok(), "a plugin with a token");
    let pem = |name: &str| std::fs::read_to_string(path.with_file_name(name)).unwrap().replace('\n', "\\\\n");
    let credential = format!(
        r#"{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{{\"clientCertificateData\":\"{}\",\"clientKeyData\":\"{}\"}}}}"#,
        pem("client.crt"),
        pem("client.key")
    );
    let exec = format!(
        r#"{{"exec":{{"apiVersion":"client.authentication.k8s.io/v1","command":"printf","args":["%s","{credential}"]}}}}"#
    );
    let file = user(&mut named, &exec);
    assert!(ask(&|options| options.kubeconfig = vec![file.clone()]).is_ok(), "a plugin with a certificate");
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_unless_asked_otherwise() {
    let Some(path) = kubeconfig() else { return };
    let named: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let server =
        named.get("clusters").and_then(Value::as_list).unwrap()[0].path(["cluster", "server"]).cloned();
    let server = server.unwrap().as_str().unwrap().to_string();
    let bare = |insecure| {
        let options = KubeOptions {
            server: Some(server.clone()),
            token: Some(Secret::new("admin-token")),
            insecure_skip_tls_verify: insecure,
            ..KubeOptions::default()
        };
        Kube::new(options, &real_host()).server()
    };
    let error = bare(false).unwrap_err().to_string();
    assert!(error.starts_with("Kubernetes cluster unreachable: Get \"https://127.0.0.1:"), "{error}");
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert!(bare(true).unwrap().version.starts_with("v1."));
}

#[test]
fn what_is_served_is_found_and_new_kinds_too() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let start = Instant::now();
    let server = kube.server().unwrap();
    println!("version and discovery: {:?}, {} names", start.elapsed(), server.api_versions.len());
    assert_eq!((server.major.as_str(), server.version.get(..3)), ("1", Some("v1.")));
    for known in ["v1", "v1/Pod", "v1/Eviction", "apps/v1", "apps/v1/Deployment", "apps/v1/Scale"] {
        assert!(server.api_versions.iter().any(|found| found == known), "{known}");
    }
    let kind = kube.kind("rbac.authorization.k8s.io", "v1", "ClusterRole").unwrap().unwrap();
    assert_eq!((kind.plural.as_str(), kind.namespaced), ("clusterroles", false));
    assert!(kube.kind("apps", "v1beta1", "Deployment").unwrap().is_none());
    let group = format!("{namespace}.example.com");
    assert!(kube.kind(&group, "v1", "Thing").unwrap().is_none());
    let definition = format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{{"name":"things.{group}"}},"spec":{{"group":"{group}","scope":"Namespaced","names":{{"kind":"Thing","plural":"things"}},"versions":[{{"name":"v1","served":true,"storage":true,"schema":{{"openAPIV3Schema":{{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}}]}}}}"#
    );
    let made = kube.send(&Request::Apply { body: body(&definition), force: false }, false).unwrap().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while kube.kind(&group, "v1", "Thing").unwrap().is_none() {
        assert!(Instant::now() < end, "the new kind is served at last");
        std::thread::sleep(Duration::from_millis(200));
    }
    let thing = body(&format!(
        r#"{{"apiVersion":"{group}/v1","kind":"Thing","metadata":{{"name":"a","namespace":"{namespace}"}},"spec":{{"x":1}}}}"#
    ));
    let first = kube.create(thing.clone()).unwrap();
    let second = kube.replace(thing, None).unwrap();
    assert_eq!(first.resource_version, second.resource_version, "nothing changed");
    kube.delete(&made.id, None).unwrap();
}

#[test]
fn apply_takes_over_what_nobody_else_manages() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let apply = |replicas, force| {
        kube.send(&Request::Apply { body: deployment(&namespace, "web", replicas), force }, false)
    };
    let made = apply(1, false).unwrap().unwrap();
    let replicas = |stored: &Stored| stored.body.as_ref().unwrap().path(["spec", "replicas"]).cloned();
    assert_eq!(replicas(&apply(2, false).unwrap().unwrap()), Some(Value::Int(2)));
    assert_eq!(apply(2, false).unwrap().unwrap().uid, made.uid);
    // Somebody else sets it.
    let other = connect(|_| ()).unwrap();
    let scaled = other.get(&made.id).unwrap().unwrap();
    let mut scaled = scaled.body.unwrap();
    set(&mut scaled, &["spec", "replicas"], Value::Int(7));
    kube.send(&Request::Replace { body: scaled, expected: None }, false).unwrap();
    let error = apply(2, false).unwrap_err();
    let StoreError::Fields { fields, .. } = &error else { panic!("{error}") };
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!((fields[0].field.as_str(), fields[0].manager.as_str()), (".spec.replicas", "helm"));
    assert_eq!((fields[0].found.as_deref(), fields[0].wanted.as_deref()), (Some("7"), Some("2")));
    assert!(error.to_string().contains(".spec.replicas is managed by \"helm\" (it is 7, not 2)"), "{error}");
    assert_eq!(replicas(&apply(2, true).unwrap().unwrap()), Some(Value::Int(2)));
}

pub(crate) fn set(value: &mut Value, path: &[&str], to: Value) {
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(value, |at, key| at.as_map_mut().unwrap().get_mut(*key).unwrap());
    parent.as_map_mut().unwrap().insert((*last).into(), to);
}

#[test]
fn fields_of_client_side_apply_are_adopted_so_that_they_can_go() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let made = kube
        .send(&Request::Create { body: config(&namespace, "c", r#"{"a":"1","b":"2"}"#) }, false)
        .unwrap()
        .unwrap();
    assert!(kube.adopt_fields(&made.id).unwrap());
    assert!(!kube.adopt_fields(&made.id).unwrap(), "once is enough");
    let applied = Request::Apply { body: config(&namespace, "c", r#"{"a":"1"}"#), force: false };
    let now = kube.send(&applied, false).unwrap().unwrap();
    let data = now.body.as_ref().and_then(|body| body.get("data")).unwrap();
    assert_eq!(serde_json::to_string(data).unwrap(), r#"{"a":"1"}"#);
    assert!(matches!(
        kube.adopt_fields(&id("v1", "ConfigMap", &namespace, "none")),
        Err(StoreError::NotFound { .. })
    ));
}

#[test]
fn unknown_fields_are_refused_by_apply_and_replace_and_warned_of_by_create() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let mut odd = deployment(&namespace, "web", 1);
    set(&mut odd, &["spec", "bogusField"], Value::Int(1));
    let error = kube.send(&Request::Apply { body: odd.clone(), force: false }, false).unwrap_err();
    assert!(matches!(&error, StoreError::Refused { .. }), "{error}");
    assert!(error.to_string().contains(".spec.bogusField: field not declared in schema"), "{error}");
    kube.send(&Request::Create { body: odd.clone() }, false).unwrap();
    let warnings = kube.warnings();
    assert_eq!(warnings, ["unknown field \"spec.bogusField\""]);
    assert!(kube.warnings().is_empty());
    let error = kube.send(&Request::Replace { body: odd, expected: None }, false).unwrap_err();
    assert!(error.to_string().contains("unknown field \"spec.bogusField\""), "{error}");
    let mut invalid = deployment(&namespace, "web", 1);
    set(&mut invalid, &["spec", "selector", "matchLabels"], body(r#"{"app":"other"}"#));
    let error = kube.send(&Request::Apply { body: invalid, force: true }, false).unwrap_err();
    let StoreError::Refused { code: 422, fields, .. } = &error else { panic!("{error}") };
    assert!(fields.iter().any(|field| field.starts_with("spec.")), "{fields:?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let requests = [
        Request::Create { body: config(&namespace, "a", "{}") },
        Request::Apply { body: deployment(&namespace, "web", 3), force: false },
    ];
    for answer in kube.send_each(&requests, true) {
        let object = answer.unwrap().unwrap();
        assert!(!object.uid.is_empty());
        assert_eq!(kube.get(&object.id).unwrap(), None);
    }
    let made = kube.send(&requests[0], false).unwrap().unwrap();
    let delete = Request::Delete { id: made.id.clone(), propagation: Propagation::Background, uid: None };
    assert_eq!(kube.send(&delete, true).unwrap(), None);
    let patch = Request::Patch { id: made.id.clone(), patch: body(r#"{"data":{"k":"v"}}"#), expected: None };
    let tried = kube.send(&patch, true).unwrap().unwrap();
    assert_eq!(tried.body.unwrap().path(["data", "k"]), Some(&Value::str("v")));
    assert_eq!(kube.get(&made.id).unwrap().as_ref(), Some(&made));
    let stale = Request::Patch { id: made.id.clone(), patch: body("{}"), expected: Some(1) };
    let error = kube.send(&stale, false).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { expected: 1, .. }), "{error}");
    assert_eq!(kube.send(&delete, false).unwrap(), None);
    assert!(matches!(kube.send(&delete, false), Err(StoreError::NotFound { .. })));
}

#[test]
fn names_that_the_server_makes_come_back() {
    let Some((own, namespace)) = in_namespace() else { return };
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"generateName":"made-","namespace":"{namespace}"}}}}"#
    );
    let made = own.kube.send(&Request::Create { body: body(&text) }, false).unwrap().unwrap();
    assert!(made.id.name.starts_with("made-") && made.id.name.len() > 5, "{}", made.id);
}

#[test]
fn refusals_say_what_was_wrong() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let error = kube.create(config("no-such-namespace", "a", "{}")).unwrap_err();
    assert_eq!(error.to_string(), "Namespace/no-such-namespace not found");
    let error = kube.create(config(&namespace, "Bad_Name", "{}")).unwrap_err();
    let StoreError::Refused { code: 422, fields, .. } = &error else { panic!("{error}") };
    assert_eq!(fields, &["metadata.name"]);
    let large = "x".repeat(1_100_000);
    let error = kube.create(config(&namespace, "large", &format!(r#"{{"k":"{large}"}}"#))).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { limit: 1_048_576, .. }), "{error}");
    let error =
        kube.create(config(&namespace, "huge", &format!(r#"{{"k":"{}"}}"#, large.repeat(4)))).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    let unnamed = body(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#);
    let error = kube.create(unnamed).unwrap_err();
    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    let error = kube.create(body(r#"{"apiVersion":"apps/v9","kind":"Deployment","metadata":{"name":"a"}}"#));
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "no matches for kind \"Deployment\" in version \"apps/v9\"");
    assert_eq!(kube.get(&id("nothing.io/v1", "Thing", "n", "a")).unwrap(), None);

    let quota = format!(
        r#"{{"apiVersion":"v1","kind":"ResourceQuota","metadata":{{"name":"q","namespace":"{namespace}"}},"spec":{{"hard":{{"secrets":"0"}}}}}}"#
    );
    kube.create(body(&quota)).unwrap();
    let secret = body(&format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"s","namespace":"{namespace}"}}}}"#
    ));
    let end = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match kube.create(secret.clone()) {
            Err(error) if error.to_string().contains("exceeded quota") => break error,
            other => assert!(Instant::now() < end, "{other:?}"),
        }
        let _ = kube.delete(&id("v1", "Secret", &namespace, "s"), None);
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(matches!(error, StoreError::Refused { code: 403, .. }), "{error}");
}

#[test]
fn a_namespace_that_goes_away_takes_nothing_more() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let mut held = config(&namespace, "held", "{}");
    set(&mut held, &["metadata", "finalizers"], body(r#"["test.example/hold"]"#));
    let held = kube.create(held).unwrap();
    kube.delete(&id("v1", "Namespace", "", &namespace), None).unwrap();
    let error = kube.create(config(&namespace, "late", "{}")).unwrap_err();
    assert!(matches!(&error, StoreError::Refused { code: 403, .. }), "{error}");
    assert!(error.to_string().contains("because it is being terminated"), "{error}");
    let patch = body(r#"{"metadata":{"finalizers":null}}"#);
    kube.send(&Request::Patch { id: held.id, patch, expected: None }, false).unwrap();
}

#[test]
fn many_objects_are_written_together_and_listed_in_pages() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let requests: Vec<Request> = (0..230)
        .map(|number| Request::Create { body: config(&namespace, &format!("c{number:03}"), r#"{"k":"v"}"#) })
        .collect();
    let start = Instant::now();
    assert!(kube.send_each(&requests, false).iter().all(Result::is_ok));
    println!("230 objects created in {:?}", start.elapsed());
    let query = Query {
        group_kind: Some((String::new(), "ConfigMap".into())),
        namespace: Some(namespace.clone()),
        ..Query::default()
    };
    let start = Instant::now();
    let own_ones = |found: Vec<Stored>| -> Vec<Stored> {
        found.into_iter().filter(|found| found.id.name.starts_with('c')).collect()
    };
    let whole = own_ones(kube.list(&query).unwrap());
    println!("listed in {:?}", start.elapsed());
    assert_eq!(whole.len(), 230);
    assert!(whole.is_sorted_by_key(|found| &found.id.name));
    let bare = own_ones(kube.list(&Query { metadata_only: true, ..query.clone() }).unwrap());
    let without_bodies: Vec<Stored> =
        whole.iter().cloned().map(|found| Stored { body: None, ..found }).collect();
    assert_eq!(bare, without_bodies);
    assert_eq!(kube.list(&Query { limit: 205, ..query.clone() }).unwrap().len(), 205);
    let ids: Vec<ObjectRef> = whole.iter().take(40).map(|found| found.id.clone()).collect();
    let each: Vec<Stored> = kube.get_each(&ids).unwrap().into_iter().flatten().collect();
    assert_eq!(each, whole[..40], "an object in a list is the object");
    let mut visited = Vec::new();
    kube.visit(&query, &mut |found| {
        visited.push(found);
        Ok(())
    })
    .unwrap();
    assert_eq!(own_ones(visited), whole, "page by page they are the same");
    for needs in [true, false] {
        let mut surveyed = Vec::new();
        let mut on = |found| {
            surveyed.push(found);
            Ok(())
        };
        kube.survey(&query, &|_| needs, &mut on).unwrap();
        let data = |found: &Stored| found.body.as_ref().map(|body| body.get("data").cloned());
        let wanted = whole.iter().map(|found| (found.id.clone(), data(found).filter(|_| needs)));
        let surveyed = own_ones(surveyed);
        assert!(surveyed.iter().map(|found| (found.id.clone(), data(found))).eq(wanted));
        assert!(
            surveyed
                .iter()
                .zip(&whole)
                .all(|(one, other)| one.labels == other.labels && one.uid == other.uid)
        );
    }
    let all = kube.list(&Query { namespace: Some(namespace.clone()), ..Query::default() }).unwrap();
    assert!(all.len() >= 230 && all.iter().all(|found| found.id.namespace == namespace));
    assert!(all.iter().any(|found| found.id.kind == "ServiceAccount"), "all kinds are listed");
    let start = Instant::now();
    let everything = kube.list(&Query { metadata_only: true, ..Query::default() }).unwrap();
    println!("{} objects of all kinds listed in {:?}", everything.len(), start.elapsed());
    assert!(everything.iter().any(|found| found.id.kind == "ClusterRole"));
}

#[test]
fn a_watch_tells_how_objects_become_and_go() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let pod = |name: &str, how: &str| {
        body(&format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"{namespace}","annotations":{{"bowline.test/pod":"{how}"}}}},"spec":{{"restartPolicy":"Never","tolerations":[{{"operator":"Exists"}}],"containers":[{{"name":"c","image":"busybox"}}]}}}}"#
        ))
    };
    let ids = [
        id("v1", "Pod", &namespace, "good"),
        id("v1", "Pod", &namespace, "bad"),
        id("v1", "ConfigMap", &namespace, "other"),
    ];
    let end = Instant::now() + Duration::from_secs(60);
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut begun = false;
    kube.watch(&ids, Duration::from_millis(100), &mut |what| {
        match what {
            Seen::Is(object) => {
                let phase = object.body.as_ref().and_then(|body| body.path(["status", "phase"])?.as_str());
                let phases = seen.entry(object.id.name.clone()).or_default();
                let phase = phase.unwrap_or("there").to_string();
                if phases.last() != Some(&phase) {
                    phases.push(phase);
                }
            }
            Seen::Gone(id) => seen.entry(id.name).or_default().push("gone".into()),
            Seen::Reconnecting(reason) => println!("reconnecting: {reason}"),
            Seen::Quiet => {}
        }
        if !begun && seen.len() == 3 {
            begun = true;
            // The caller may use the store meanwhile.
            kube.create(pod("good", "")).unwrap();
            kube.create(pod("bad", "fail")).unwrap();
            kube.create(config(&namespace, "other", "{}")).unwrap();
        }
        let last = |name: &str| seen.get(name).and_then(|seen| seen.last()).map(String::as_str);
        match (last("good"), last("bad"), last("other")) {
            (Some("Succeeded"), Some("Failed"), Some("there")) => {
                // Told again for every event until the deletion is seen.
                let _ = kube.delete(&ids[2], None);
                true
            }
            (Some("Succeeded"), Some("Failed"), Some("gone")) => !begun || seen["other"].len() < 3,
            _ => Instant::now() < end,
        }
    })
    .unwrap();
    assert_eq!(seen["other"], ["gone", "there", "gone"]);
    assert_eq!(seen["good"].first().map(String::as_str), Some("gone"));
    assert_eq!(seen["good"].last().map(String::as_str), Some("Succeeded"), "{seen:?}");
    assert_eq!(seen["bad"].last().map(String::as_str), Some("Failed"), "{seen:?}");
    let error = kube.watch(&[id("x.io/v1", "Thing", "n", "a")], Duration::from_secs(1), &mut |_| true);
    assert!(matches!(error, Err(StoreError::NoKind { .. })));
}

#[test]
fn logs_come_from_the_container() {
    let Some((own, namespace)) = in_namespace() else { return };
    let kube = &own.kube;
    let missing = kube.logs(&id("v1", "Pod", &namespace, "none"), &LogOptions::default()).unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing}");
    let pod = body(&format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p","namespace":"{namespace}","annotations":{{"bowline.test/pod":"run"}}}},"spec":{{"tolerations":[{{"operator":"Exists"}}],"containers":[{{"name":"c","image":"busybox"}},{{"name":"d","image":"busybox"}}]}}}}"#
    ));
    let made = kube.create(pod).unwrap();
    let error = kube.logs(&made.id, &LogOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a container name must be specified"), "{error}");
    let options = LogOptions { container: "nothing".into(), ..LogOptions::default() };
    let error = kube.logs(&made.id, &options).unwrap_err();
    assert!(matches!(error, StoreError::Refused { code: 400, .. }), "{error}");
    let end = Instant::now() + Duration::from_secs(60);
    kube.watch(std::slice::from_ref(&made.id), Duration::from_secs(1), &mut |what| {
        assert!(Instant::now() < end, "the pod runs at last");
        let Seen::Is(pod) = what else { return true };
        pod.body.as_ref().and_then(|body| body.path(["status", "phase"])?.as_str()) != Some("Running")
    })
    .unwrap();
    let container = "d".to_string();
    let all =
        kube.logs(&made.id, &LogOptions { container: container.clone(), ..LogOptions::default() }).unwrap();
    assert_eq!((all.lines().count(), all.lines().next()), (200, Some("line 1")));
    let options = LogOptions { container, tail: Some(2), ..LogOptions::default() };
    assert_eq!(kube.logs(&made.id, &options).unwrap(), "line 199\nline 200\n");
}
