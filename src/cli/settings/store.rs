//! Which store a command works on, and why: the flag, the variable, a Kubernetes cluster if one is configured, else the
//! SQLite file on this machine.
//!
//! Invariant: a kubeconfig that exists and cannot be used is an error, never a silent step to SQLite.

use std::path::{Path, PathBuf};

use super::KubeSettings;
use crate::cli::error::Failure;
use crate::cli::parse;
use crate::data::{Map, Value, yaml};
use crate::diag::{SourceFile, did_you_mean};
use crate::sys::{Host, fs};

/// No kubeconfig is larger.
const KUBECONFIG_LIMIT: u64 = 16 * 1024 * 1024;

/// The kinds of store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Kubernetes API server.
    Kube {
        /// The kubeconfig files, in their order; none inside a cluster.
        kubeconfig: Vec<PathBuf>,
        /// The context, when one was named.
        context: Option<String>,
    },
    /// etcd: hosts and prefix as given, behind `etcd://`.
    Etcd(String),
    /// Nothing survives the process: for tries and tests.
    Memory,
}

/// The store that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreChoice {
    /// Which.
    pub kind: StoreKind,
    /// Why, as the end of a sentence: `--store`, `no kubeconfig was found`.
    pub why: String,
    /// The namespace that the kubeconfig's context names.
    pub namespace: Option<String>,
    /// Nobody asked for it: it is the last resort.
    pub is_fallback: bool,
}

impl StoreChoice {
    /// The choice as `--store` would write it.
    pub fn spec(&self) -> String {
        match &self.kind {
            StoreKind::Sqlite(path) => format!("sqlite:{}", path.display()),
            StoreKind::Kube { context: Some(context), .. } => format!("kube:{context}"),
            StoreKind::Kube { .. } => "kube".to_string(),
            StoreKind::Etcd(rest) => format!("etcd://{rest}"),
            StoreKind::Memory => "memory".to_string(),
        }
    }
}

/// Chooses; `given` is the text of the flag or variable with its name.
///
/// # Errors
/// The text is not understood, or a kubeconfig cannot be read.
pub(super) fn choose(
    host: &Host,
    given: Option<(&str, &str)>,
    kube: &KubeSettings,
) -> Result<StoreChoice, Failure> {
    if let Some((spec, origin)) = given {
        return parse_spec(host, spec, origin, kube);
    }
    if let Some(current) = kubeconfig(host, kube)? {
        let why = format!("the kubeconfig {} has a current context", current.path.display());
        return Ok(StoreChoice {
            kind: StoreKind::Kube { kubeconfig: current.files, context: kube.context.clone() },
            why,
            namespace: current.namespace,
            is_fallback: false,
        });
    }
    if kube.server.is_some() {
        return Ok(StoreChoice {
            kind: StoreKind::Kube { kubeconfig: Vec::new(), context: None },
            why: "an API server was named".to_string(),
            namespace: None,
            is_fallback: false,
        });
    }
    if host.var("KUBERNETES_SERVICE_HOST").is_some() {
        let account = Path::new("/var/run/secrets/kubernetes.io/serviceaccount");
        if fs::kind(&account.join("token")) == fs::Kind::File {
            return Ok(StoreChoice {
                kind: StoreKind::Kube { kubeconfig: Vec::new(), context: None },
                why: "this runs inside a cluster".to_string(),
                namespace: fs::read_text(&account.join("namespace"), 1024).ok(),
                is_fallback: false,
            });
        }
    }
    Ok(StoreChoice {
        kind: StoreKind::Sqlite(default_file(host)),
        why: "no kubeconfig was found".to_string(),
        namespace: None,
        is_fallback: true,
    })
}

fn default_file(host: &Host) -> PathBuf {
    host.dirs.data.join("store.sqlite")
}

fn parse_spec(host: &Host, spec: &str, origin: &str, kube: &KubeSettings) -> Result<StoreChoice, Failure> {
    let (kind, rest) = spec.split_once(':').unwrap_or((spec, ""));
    let mut namespace = None;
    let kind = match kind {
        "sqlite" if rest.is_empty() => StoreKind::Sqlite(default_file(host)),
        "sqlite" => StoreKind::Sqlite(host.resolve(rest.strip_prefix("//").unwrap_or(rest))),
        "kube" => {
            let named = KubeSettings {
                context: Some(rest.to_string()).filter(|name| !name.is_empty()).or(kube.context.clone()),
                ..kube.clone()
            };
            let current = kubeconfig(host, &named)?;
            namespace = current.as_ref().and_then(|current| current.namespace.clone());
            StoreKind::Kube {
                kubeconfig: current.map_or_else(Vec::new, |current| current.files),
                context: named.context,
            }
        }
        "etcd" if rest.len() > 2 && rest.starts_with("//") => StoreKind::Etcd(rest[2..].to_string()),
        "memory" if rest.is_empty() => StoreKind::Memory,
        _ => {
            return Err(Failure::usage(format!("invalid store {} in {origin}", parse::quote(spec)))
                .hint("a store is sqlite:PATH, kube, kube:CONTEXT, etcd://HOST:PORT/PREFIX or memory"));
        }
    };
    Ok(StoreChoice { kind, why: origin.to_string(), namespace, is_fallback: false })
}

/// What the kubeconfig files say about the context in use.
struct Current {
    /// The file that names the context.
    path: PathBuf,
    /// All files that count.
    files: Vec<PathBuf>,
    namespace: Option<String>,
}

/// The kubeconfig files by kubectl's rule: the flag, else the list in `KUBECONFIG`, else `~/.kube/config`.
fn kubeconfig_files(host: &Host, kube: &KubeSettings) -> Vec<PathBuf> {
    if let Some(path) = &kube.kubeconfig {
        return vec![host.resolve(path)];
    }
    if let Some(list) = host.var("KUBECONFIG") {
        return std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| host.resolve(path))
            .collect();
    }
    let home = host.var("HOME").or(host.var("USERPROFILE"));
    home.map(|home| vec![Path::new(home).join(".kube").join("config")]).unwrap_or_default()
}

fn current_context(map: &Map) -> Option<String> {
    let name = map.get("current-context").and_then(Value::as_str)?;
    Some(name.to_string()).filter(|name| !name.is_empty())
}

/// Reads the files that count. Later ones add to earlier ones and replace nothing, as in kubectl.
fn kubeconfig(host: &Host, kube: &KubeSettings) -> Result<Option<Current>, Failure> {
    let files: Vec<PathBuf> = kubeconfig_files(host, kube)
        .into_iter()
        .filter(|path| kube.kubeconfig.is_some() || fs::kind(path) == fs::Kind::File)
        .collect();
    let mut documents = Vec::new();
    for path in &files {
        let text = fs::read_text(path, KUBECONFIG_LIMIT)?;
        let file = SourceFile::new(path.display().to_string(), text);
        documents.push((path, yaml::to_map(&file)?));
    }
    let named = kube.context.as_deref();
    let context = match named {
        Some(name) => Some(name.to_string()),
        None => documents.iter().find_map(|(_, map)| current_context(map)),
    };
    let Some(context) = context else { return Ok(None) };
    let found = documents.iter().find_map(|(path, map)| {
        let contexts = map.get("contexts").and_then(Value::as_list)?;
        let entry = contexts
            .iter()
            .find(|entry| entry.get("name").and_then(Value::as_str).is_some_and(|name| name == context))?;
        Some(((*path).clone(), entry.path(["context", "namespace"]).and_then(Value::as_str)))
    });
    if let Some((path, namespace)) = found {
        let namespace = namespace.filter(|name| !name.is_empty()).map(str::to_string);
        return Ok(Some(Current { path, files, namespace }));
    }
    let names = documents.iter().filter_map(|(_, map)| map.get("contexts")?.as_list()).flatten();
    let names = names.filter_map(|entry| entry.get("name").and_then(Value::as_str));
    let failure = Failure::new(format!("context {} does not exist", parse::quote(&context)));
    Err(match did_you_mean(&context, names) {
        Some(best) => failure.hint(format!("did you mean `{best}`?")),
        None => failure.hint("`--store sqlite` works without a cluster"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixed;
    use super::*;

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    const CONFIG: &str = "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k, namespace: team}\n- name: prod\n  context: {cluster: p}\n";

    #[test]
    fn without_a_kubeconfig_it_is_sqlite() {
        let choice = choose(&fixed::host(&[]), None, &KubeSettings::default()).unwrap();
        assert!(matches!(&choice.kind, StoreKind::Sqlite(path) if path.ends_with("store.sqlite")));
        assert_eq!(choice.why, "no kubeconfig was found");
    }

    #[test]
    fn a_current_context_chooses_the_cluster_and_its_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "config", CONFIG);
        let host = fixed::host(&[("KUBECONFIG", &path)]);
        let choice = choose(&host, None, &KubeSettings::default()).unwrap();
        assert_eq!((choice.spec().as_str(), choice.namespace.as_deref()), ("kube", Some("team")));
        let other = KubeSettings { context: Some("prod".into()), ..KubeSettings::default() };
        let choice = choose(&host, None, &other).unwrap();
        assert_eq!((choice.spec().as_str(), choice.namespace), ("kube:prod", None));
        let named = choose(&host, Some(("kube:c", "--store")), &KubeSettings::default()).unwrap();
        assert_eq!(named.namespace.as_deref(), Some("team"));
    }

    #[test]
    fn a_kubeconfig_that_cannot_be_used_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "config", CONFIG);
        let host = fixed::host(&[("KUBECONFIG", &path)]);
        let missing = KubeSettings { context: Some("prd".into()), ..KubeSettings::default() };
        let failure = choose(&host, None, &missing).unwrap_err();
        assert_eq!(failure.message(), "context \"prd\" does not exist");
        assert_eq!(failure.hints(), ["did you mean `prod`?"]);
        let broken = write(&folder, "broken", "a: [");
        let host = fixed::host(&[("KUBECONFIG", &broken)]);
        assert!(choose(&host, None, &KubeSettings::default()).is_err());
        let gone = KubeSettings { kubeconfig: Some("/nowhere".into()), ..KubeSettings::default() };
        assert!(choose(&fixed::host(&[]), None, &gone).is_err());
    }

    #[test]
    fn stores_are_named_in_words() {
        let host = fixed::host(&[]);
        let spec = |spec: &str| choose(&host, Some((spec, "--store")), &KubeSettings::default());
        assert_eq!(spec("sqlite:a.db").unwrap().kind, StoreKind::Sqlite("/w/a.db".into()));
        assert_eq!(spec("etcd://h:2379/p").unwrap().kind, StoreKind::Etcd("h:2379/p".into()));
        assert_eq!(spec("memory").unwrap().kind, StoreKind::Memory);
        for bad in ["", "postgres:x", "etcd:h", "etcd://", "memory:x"] {
            assert!(spec(bad).is_err(), "{bad}");
        }
    }
}
