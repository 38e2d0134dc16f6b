//! What the benchmarks work on: a large chart, many archives, many releases, all made here.
//!
//! Invariant: the same input on every machine and every run; nothing is read but what the repository holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bowline::chart::scaffold::{Language, PLACEHOLDER};
use bowline::chart::{self, Chart, ChartFile, Limits, Metadata};
use bowline::cluster::{Sqlite, StoreOptions};
use bowline::data::time::{Time, Zone};
use bowline::package::{PackOptions, pack};
use bowline::release::{History, Info, Record, RecordedChart, Release, Status};
use bowline::sys::{Clock, Host, Random};

/// Sections of the large chart's values, and its templates.
const PARTS: usize = 40;

/// A host whose clock and randomness repeat.
///
/// # Panics
/// The current folder does not exist.
pub fn host() -> Host {
    let host = Host::of_process().expect("the current folder exists");
    Host { clock: Clock::ticking(1_700_000_000), random: Random::seeded(*b"bench"), ..host }
}

fn file(path: impl Into<Arc<str>>, text: impl Into<String>) -> ChartFile {
    let data = text.into().into_bytes().into();
    ChartFile { path: path.into(), data, modified: 1_700_000_000 }
}

/// A chart of ingress-nginx's size: some 40 templates, a thousand lines of values with comments, one template of helpers
/// that all of them include.
///
/// # Panics
/// The chart is not valid, which is a mistake here.
pub fn large_chart() -> Chart {
    chart::from_files("large", large_files(), &Limits::default()).expect("the chart is valid")
}

/// The files of [`large_chart`].
pub fn large_files() -> Vec<ChartFile> {
    let mut values = String::new();
    for part in 0..PARTS {
        let _ = write!(
            values,
            "# -- Settings of part {part}\n\
             part{part}:\n  # -- Whether it is rendered\n  enabled: true\n  name: \"part-{part}\"\n  replicas: {part}\n  \
             image:\n    registry: registry.example.org\n    repository: team/part-{part}\n    tag: \"1.{part}.0\"\n    \
             pullPolicy: IfNotPresent\n  \
             # -- Extra environment\n  env:\n    - name: LOG_LEVEL\n      value: info\n    - name: REGION\n      value: \
             'eu-{part}'\n  labels: {{tier: backend, part: p{part}}}\n  resources:\n    requests:\n      cpu: 100m\n      \
             memory: 90Mi\n    # limits:\n    #   cpu: 200m\n  tolerations: []\n  nodeSelector:\n    kubernetes.io/os: linux\n\n"
        );
    }
    let mut files = vec![
        file(
            "Chart.yaml",
            "apiVersion: v2\nname: large\nversion: 1.2.3\nappVersion: 4.5.6\ndescription: A large chart\n",
        ),
        file("values.yaml", values),
        file("README.md", "A line of prose about a setting, as chart readmes have them.\n".repeat(1500)),
        file("templates/_helpers.tpl", HELPERS),
    ];
    files.extend((0..PARTS).map(|part| {
        file(format!("templates/part-{part}.yaml"), TEMPLATE.replace("PART", &format!("part{part}")))
    }));
    files
}

/// The files of a chart of many scaffolds, each with one template that calls tpl often.
pub fn umbrella_files(subcharts: usize, calls: usize) -> Vec<ChartFile> {
    let mut files = vec![file("Chart.yaml", "apiVersion: v2\nname: umbrella\nversion: 0.1.0\n")];
    for at in 0..subcharts {
        let name = format!("app-{at:03}");
        let scaffold = Language::GoTemplate.files().iter();
        files.extend(
            scaffold.map(|(path, text)| file(format!("charts/{name}/{path}"), text.replace(PLACEHOLDER, &name))),
        );
        let mut text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ include \"{name}.fullname\" . }}}}-tpl\ndata:\n"
        );
        for call in 0..calls {
            let inner = format!("{{{{ .Release.Name }}}}-{{{{ .Values.image.repository }}}}-{call}");
            let _ = writeln!(text, "  key-{call}: {{{{ tpl \"{inner}\" . | quote }}}}");
        }
        files.push(file(format!("charts/{name}/templates/tpl.yaml"), text));
    }
    files
}

/// The charts of the folder in BOWLINE_CHARTS (or of `../shared/conformance/charts`), in the order of their names; none
/// when it is not there. `wanted` picks the archives by name.
pub fn archived_charts(wanted: impl Fn(&str) -> bool) -> Vec<Chart> {
    let folder = std::env::var_os("BOWLINE_CHARTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/charts"),
        std::path::PathBuf::from,
    );
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .filter(|path| path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())))
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| chart::load(path, &Limits::default()).ok()).collect()
}

const HELPERS: &str = r#"{{- define "large.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "large.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "large.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- define "large.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
"#;

const TEMPLATE: &str = r#"{{- if and .Values.PART.enabled (ge (int .Values.PART.replicas) 0) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "large.fullname" . }}-{{ .Values.PART.name }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "large.labels" . | nindent 4 }}
    {{- with .Values.PART.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  replicas: {{ .Values.PART.replicas }}
  selector:
    matchLabels:
      {{- include "large.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "large.labels" . | nindent 8 }}
    spec:
      containers:
        - name: main
          {{- with .Values.PART.image }}
          image: "{{ .registry }}/{{ .repository }}:{{ .tag }}{{ if .digest }}@{{ .digest }}{{ end }}"
          imagePullPolicy: {{ .pullPolicy | default "Always" }}
          {{- end }}
          args:
            - /run
            {{- range $key, $value := .Values.PART.nodeSelector }}
            - --{{ $key }}={{ $value | quote }}
            {{- end }}
          env:
            {{- toYaml .Values.PART.env | nindent 12 }}
          resources: {{ toYaml .Values.PART.resources | nindent 12 }}
      {{- if .Values.PART.tolerations }}
      tolerations: {{ toYaml .Values.PART.tolerations | nindent 8 }}
      {{- end }}
{{- end }}
"#;

/// Writes `count` small archives of ten versions a chart into a folder.
///
/// # Panics
/// The folder cannot be written.
pub fn many_archives(folder: &Path, count: usize) {
    for at in 0..count {
        let (name, version) = (format!("app-{:03}", at / 10), format!("1.{}.0", at % 10));
        let files = vec![
            file(
                "Chart.yaml",
                format!("apiVersion: v2\nname: {name}\nversion: {version}\ndescription: One of many\n"),
            ),
            file("values.yaml", "replicas: 1\nimage:\n  repository: nginx\n  tag: stable\n"),
            file("templates/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n"),
        ];
        let small = chart::from_files(&name, files, &Limits::default()).expect("the chart is valid");
        let packed = pack(&small, &PackOptions::default()).expect("the chart packs");
        packed.save(folder).expect("the folder can be written");
    }
}

/// A release with a manifest of a few objects.
pub fn release(name: String, namespace: &str, host: &Host) -> Release {
    let now = Time::from_system(host.now(), Zone::Utc);
    Release {
        name,
        version: 1,
        namespace: namespace.to_string(),
        manifest: "---\n# Source: app/templates/config.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n"
            .repeat(10),
        info: Info {
            first_deployed: Some(now.clone()),
            last_deployed: Some(now),
            status: Status::Deployed,
            description: "Install complete".to_string(),
            ..Info::default()
        },
        chart: RecordedChart {
            metadata: Metadata { name: "app".into(), version: "1.0.0".to_string(), ..Metadata::default() },
            ..RecordedChart::default()
        },
        labels: BTreeMap::new(),
        ..Release::default()
    }
}

/// Writes `count` releases, spread over `namespaces`, into an SQLite store in one transaction.
///
/// # Panics
/// The store cannot be written.
pub fn fill_store(path: &Path, count: usize, namespaces: usize) {
    let host = host();
    let store = Sqlite::new(path, &host, StoreOptions::default());
    let history = History { store: &store, namespace: "space-00", clock: &host.clock };
    let mut records: Vec<Record> = (0..count)
        .map(|at| {
            let namespace = format!("space-{:02}", at % namespaces);
            Record::new(release(format!("release-{at:04}"), &namespace, &host), None)
        })
        .collect();
    history.save(&mut records.iter_mut().collect::<Vec<_>>(), Vec::new()).expect("the releases are written");
}
