//! What the tests of verbs on a real API server share: a namespace of its own for each, the program with the cluster's
//! kubeconfig, and a few requests as another client would send them.

use std::time::{Duration, Instant};

use bowline::cluster::{Kube, KubeOptions, Store, Stored};
use bowline::data::Value;
use bowline::manifest::ObjectRef;

use crate::support::{Env, Ran};

/// A namespace of a test, gone with it.
pub(crate) struct Place {
    /// The program, with its files.
    pub env: Env,
    /// The namespace.
    pub namespace: String,
    kube: Kube,
}

/// A namespace in the cluster, or `None` (with a line that says so) without a cluster.
pub(crate) fn place() -> Option<Place> {
    let place = no_namespace()?;
    place.kube.create(place.namespace_body()).expect("a namespace can be made");
    // The controllers fill it first; what they do would otherwise happen in the middle of a test.
    let account = crate::kube::id("v1", "ServiceAccount", &place.namespace, "default");
    wait_until(|| place.kube.get(&account).is_ok_and(|found| found.is_some()));
    Some(place)
}

/// The same without the namespace being there.
pub(crate) fn no_namespace() -> Option<Place> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let path = crate::kube::kubeconfig()?;
    let namespace = format!("v{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let env = Env::new().with("KUBECONFIG", path.to_str().expect("the path is text"));
    let options = KubeOptions { kubeconfig: vec![path], burst: -1, ..KubeOptions::default() };
    Some(Place { env, namespace, kube: Kube::new(options, &crate::kube::real_host()) })
}

/// Waits until something holds: far longer than it takes, since machines are busy.
#[track_caller]
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < end, "it did not become so within three minutes");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.kube.delete(&crate::kube::id("v1", "Namespace", "", &self.namespace), None);
    }
}

impl Place {
    /// The same with another variable in the program's environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let env = std::mem::take(&mut self.env);
        self.env = env.with(name, value);
        self
    }

    fn namespace_body(&self) -> Value {
        crate::stores::body(&format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}"}}}}"#,
            self.namespace
        ))
    }

    /// Runs a command of the program in the namespace.
    pub fn run(&self, line: &str) -> Ran {
        self.env.run(&format!("{line} -n {}", self.namespace))
    }

    /// A chart `app` of these templates; `values` are its defaults.
    pub fn chart(&self, name: &str, values: &str, templates: &str) {
        let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\nappVersion: \"1\"\n");
        self.env.write(&format!("{name}/Chart.yaml"), &metadata);
        self.env.write(&format!("{name}/values.yaml"), values);
        self.env.write(&format!("{name}/templates/all.yaml"), templates);
    }

    /// The store as another client sees it.
    pub fn store(&self) -> &Kube {
        &self.kube
    }

    /// An object of the namespace.
    pub fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Stored> {
        let id: ObjectRef = crate::kube::id(api_version, kind, &self.namespace, name);
        self.kube.get(&id).expect("the cluster answers")
    }

    /// A text in an object, empty when there is none.
    pub fn text(&self, api_version: &str, kind: &str, name: &str, path: &[&str]) -> String {
        let body = self.get(api_version, kind, name).and_then(|stored| stored.body).unwrap_or_default();
        match body.path(path.iter().copied()) {
            Some(Value::Str(text)) => text.to_string(),
            Some(other) => serde_json::to_string(other).expect("JSON"),
            None => String::new(),
        }
    }

    /// `1 superseded, 2 failed: …` of a release; empty when there is none.
    pub fn states(&self, release: &str) -> String {
        let ran = self.run(&format!("history {release} -o json"));
        if ran.code != Some(0) {
            return String::new();
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
        let told =
            rows.iter().map(|row| format!("{} {}", row["revision"], row["status"].as_str().unwrap_or("")));
        told.collect::<Vec<_>>().join(", ")
    }

    /// What the record of a revision says.
    pub fn description(&self, release: &str, revision: u64) -> String {
        let ran = self.run(&format!("history {release} -o json"));
        let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
        let row = rows.iter().find(|row| row["revision"] == revision);
        row.and_then(|row| row["description"].as_str()).unwrap_or("").to_string()
    }

    /// Sets a field as somebody else does: replaces the object, under another manager's name.
    pub fn set(&self, api_version: &str, kind: &str, name: &str, path: &[&str], value: Value) {
        let stored = self.get(api_version, kind, name).expect("it is there");
        let mut body = stored.body.expect("it has a body");
        crate::kube::set(&mut body, path, value);
        self.kube.replace(body, None).expect("it can be written");
    }

    /// Sends a merge patch under another manager's name; the path is below the namespace's.
    pub fn patch_as(&self, manager: &str, api: &str, path: &str, patch: &str) {
        assert!(self.may_patch(manager, api, path, patch), "{path}");
    }

    /// The same; tells whether the server took it.
    pub fn may_patch(&self, manager: &str, api: &str, path: &str, patch: &str) -> bool {
        let config = std::fs::read_to_string(crate::kube::kubeconfig().expect("there is a cluster"));
        let config: serde_json::Value = serde_json::from_str(&config.expect("it can be read")).expect("JSON");
        let server = config["clusters"][0]["cluster"]["server"].as_str().expect("a server");
        let url = format!("{server}/{api}/namespaces/{}/{path}?fieldManager={manager}", self.namespace);
        let done = std::process::Command::new("curl")
            .args(["-sfk", "-X", "PATCH", &url, "-d", patch, "-o", "/dev/null"])
            .args(["-H", "Authorization: Bearer admin-token"])
            .args(["-H", "Content-Type: application/merge-patch+json"])
            .status();
        done.expect("curl runs").success()
    }

    /// The managers of an object, as `name/operation`.
    pub fn managers(&self, api_version: &str, kind: &str, name: &str) -> Vec<String> {
        let body = self.get(api_version, kind, name).and_then(|stored| stored.body).unwrap_or_default();
        let entries = body.path(["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default();
        let text =
            |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("").to_string();
        let mut found: Vec<String> = entries
            .iter()
            .filter(|entry| text(entry, "subresource").is_empty())
            .map(|entry| format!("{}/{}", text(entry, "manager"), text(entry, "operation")))
            .collect();
        found.sort();
        found
    }
}

/// A chart of two ConfigMaps, a Service and a Deployment whose pods `kwok` plays as `.Values.pod` says.
pub(crate) const VALUES: &str = "color: red\nreplicas: 1\npod: ok\ndeadline: 600\n";

/// Its templates.
pub(crate) const TEMPLATES: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
data: {color: {{ .Values.color | quote }}{{ with .Values.extra }}, extra: {{ . | quote }}{{ end }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-two}
data: {fixed: "1"}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {ports: [{port: 80}], selector: {app: {{ .Release.Name }}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  progressDeadlineSeconds: {{ .Values.deadline }}
  selector: {matchLabels: {app: {{ .Release.Name }}{{ with .Values.other }}, other: {{ . }}{{ end }}}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}{{ with .Values.other }}, other: {{ . }}{{ end }}}
      annotations: {bowline.test/pod: {{ .Values.pod | quote }}}
    spec:
      containers:
      - {name: web, image: nginx:1, env: [{name: COLOR, value: {{ .Values.tint | default "none" | quote }}}]}
"#;

/// A place with that chart.
pub(crate) fn with_app() -> Option<Place> {
    let place = place()?;
    place.chart("app", VALUES, TEMPLATES);
    Some(place)
}
