//! Which store a command works on, and why: the flag, the variable, a Kubernetes cluster if one is configured, else the
//! SQLite file on this machine. How a store is named and which reason goes first is [`crate::cluster`]'s; here are the flags,
//! the variables and the kubeconfig that it asks for.
//!
//! Invariant: a kubeconfig that exists or was named, and cannot be used, is an error, never a silent step to SQLite.

use std::path::{Path, PathBuf};

use super::KubeSettings;
use crate::cli::error::Failure;
use crate::cli::parse;
use crate::cluster::{self, KubeOptions, Reason, StoreChoice, StoreError};
use crate::data::{Map, Value, yaml};
use crate::diag::{SourceFile, did_you_mean};
use crate::sys::{Host, fs};

/// No kubeconfig is larger.
const KUBECONFIG_LIMIT: u64 = 16 * 1024 * 1024;

/// The store that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenStore {
    /// Which, with the full path of a file.
    pub choice: StoreChoice,
    /// Why.
    pub why: Reason,
    /// The namespace that the kubeconfig's context names.
    pub namespace: Option<String>,
}

impl ChosenStore {
    /// The choice as `--store` would write it, without credentials.
    pub fn spec(&self) -> String {
        self.choice.to_string()
    }

    /// Whether nobody asked for it: it is the last resort.
    pub fn is_fallback(&self) -> bool {
        self.why == Reason::Default
    }
}

/// Chooses; `given` is the text of the flag or variable with its name.
///
/// # Errors
/// The text is not understood, or a kubeconfig cannot be read.
pub(super) fn choose(
    host: &Host,
    given: Option<(&str, &'static str)>,
    kube: &KubeSettings,
) -> Result<ChosenStore, Failure> {
    let mut namespace = None;
    let given = match given {
        Some((spec, origin)) => Some((parse_spec(host, spec, origin, kube, &mut namespace)?, origin)),
        None => None,
    };
    let (choice, why) = cluster::choose(given, || find_cluster(host, kube, &mut namespace))?;
    Ok(ChosenStore { choice: choice.resolved(host), why, namespace })
}

/// The cluster that the kubeconfig, the flags or the surroundings of the process name, and why it is that one.
fn find_cluster(
    host: &Host,
    kube: &KubeSettings,
    namespace: &mut Option<String>,
) -> Result<Option<(Option<String>, Reason)>, Failure> {
    if let Some(current) = kubeconfig(host, kube)? {
        *namespace = current.namespace;
        return Ok(Some((kube.context.clone(), Reason::Kubeconfig(current.path))));
    }
    if kube.server.is_some() {
        return Ok(Some((None, Reason::Server)));
    }
    let account = Path::new("/var/run/secrets/kubernetes.io/serviceaccount");
    if host.var("KUBERNETES_SERVICE_HOST").is_some() && fs::kind(&account.join("token")) == fs::Kind::File {
        *namespace = fs::read_text(&account.join("namespace"), 1024).ok();
        return Ok(Some((None, Reason::InCluster)));
    }
    no_context(host, kube)
}

/// Nothing names a cluster. That is in order where nobody named a kubeconfig either; whoever did wants no other store.
fn no_context(host: &Host, kube: &KubeSettings) -> Result<Option<(Option<String>, Reason)>, Failure> {
    let origin = match (&kube.kubeconfig, host.var("KUBECONFIG")) {
        (Some(_), _) => "--kubeconfig",
        (None, Some(_)) => "KUBECONFIG",
        (None, None) => return Ok(None),
    };
    let told: Vec<String> = kubeconfig_files(host, kube)
        .iter()
        .map(|path| match fs::kind(path) {
            fs::Kind::Missing => format!("{} does not exist", path.display()),
            _ => format!("{} has no current context", path.display()),
        })
        .collect();
    let told = if told.is_empty() { "it names no file".to_string() } else { told.join(", ") };
    let without = match origin {
        "KUBECONFIG" => "unset KUBECONFIG",
        _ => "leave --kubeconfig out",
    };
    Err(Failure::new(format!("{origin} leads to no cluster: {told}")).hint(format!(
        "mend the file, name a context with --kube-context, {without}, or choose the store on this machine with \
         `--store sqlite`"
    )))
}

/// Reads the text of a choice; for a cluster also the namespace that its context names.
fn parse_spec(
    host: &Host,
    spec: &str,
    origin: &str,
    kube: &KubeSettings,
    namespace: &mut Option<String>,
) -> Result<StoreChoice, Failure> {
    let choice = StoreChoice::parse(spec).map_err(|error| match error {
        StoreError::InvalidChoice { given, reason } => {
            Failure::usage(format!("invalid store {} in {origin}: {reason}", parse::quote(&given))).hint(
                "a store is sqlite:PATH, kube, kube:CONTEXT, etcd://HOST:PORT/PREFIX, etcds://… or memory",
            )
        }
        other => other.into(),
    })?;
    let StoreChoice::Kube { context } = choice else { return Ok(choice) };
    let named = KubeSettings { context: context.or_else(|| kube.context.clone()), ..kube.clone() };
    *namespace = kubeconfig(host, &named)?.and_then(|current| current.namespace);
    Ok(StoreChoice::Kube { context: named.context })
}

/// What the kubeconfig files say about the context in use.
struct Current {
    /// The file that names the context.
    path: PathBuf,
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

/// The files that there are; one that was named must be there, or its absence is told when it is read.
fn existing_files(host: &Host, kube: &KubeSettings) -> Vec<PathBuf> {
    kubeconfig_files(host, kube)
        .into_iter()
        .filter(|path| kube.kubeconfig.is_some() || fs::kind(path) != fs::Kind::Missing)
        .collect()
}

/// How to reach an API server.
pub(super) fn kube_options(host: &Host, kube: &KubeSettings) -> KubeOptions {
    KubeOptions {
        kubeconfig: existing_files(host, kube),
        context: kube.context.clone(),
        server: kube.server.clone(),
        token: kube.token.clone(),
        as_user: kube.as_user.clone(),
        as_groups: kube.as_groups.clone(),
        ca_file: kube.ca_file.as_ref().map(|path| host.resolve(path)),
        tls_server_name: kube.tls_server_name.clone(),
        insecure_skip_tls_verify: kube.insecure_skip_tls_verify,
        burst: kube.burst_limit,
        qps: kube.qps,
        ..KubeOptions::default()
    }
}

fn current_context(map: &Map) -> Option<String> {
    let name = map.get("current-context").and_then(Value::as_str)?;
    Some(name.to_string()).filter(|name| !name.is_empty())
}

/// Reads the files that count. Later ones add to earlier ones and replace nothing, as in kubectl.
fn kubeconfig(host: &Host, kube: &KubeSettings) -> Result<Option<Current>, Failure> {
    let files = existing_files(host, kube);
    let mut documents = Vec::new();
    for path in &files {
        let text = fs::read_text(path, KUBECONFIG_LIMIT).map_err(|error| {
            Failure::from(error)
                .prefix("kubeconfig: ")
                .hint("mend it, or name another one; `--store sqlite` works without a cluster")
        })?;
        let file = SourceFile::new(path.display().to_string(), text);
        let map = yaml::to_map(&file).map_err(|error| {
            Failure::from(error).hint("this is the kubeconfig; --kubeconfig or KUBECONFIG names another one")
        })?;
        documents.push((path, map));
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
        return Ok(Some(Current { path, namespace }));
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
        assert!(matches!(&choice.choice, StoreChoice::Sqlite(path) if path.ends_with("store.sqlite")));
        assert_eq!(choice.why.to_string(), "no kubeconfig was found");
        assert!(choice.is_fallback());
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
    fn a_kubeconfig_that_was_named_and_leads_nowhere_is_never_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let pod = write(&folder, "pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n");
        let empty = write(&folder, "empty", "apiVersion: v1\nkind: Config\ncontexts: {}\n");
        let here = folder.path().display().to_string();
        for (path, what) in [
            ("/nowhere/kc", "KUBECONFIG leads to no cluster: /nowhere/kc does not exist"),
            ("/nowhere/a:/nowhere/b", "/nowhere/a does not exist, /nowhere/b does not exist"),
            (":", "it names no file"),
            (&pod, "pod has no current context"),
            (&empty, "empty has no current context"),
            (&here, &here),
        ] {
            let failure =
                choose(&fixed::host(&[("KUBECONFIG", path)]), None, &KubeSettings::default()).unwrap_err();
            assert!(failure.message().contains(what), "{path}: {}", failure.message());
            assert!(failure.hints().iter().any(|hint| hint.contains("`--store sqlite`")), "{path}");
            let host = fixed::host(&[("KUBECONFIG", path)]);
            assert!(choose(&host, Some(("sqlite", "--store")), &KubeSettings::default()).is_ok(), "{path}");
        }
        let flag = KubeSettings { kubeconfig: Some(pod), ..KubeSettings::default() };
        let failure = choose(&fixed::host(&[]), None, &flag).unwrap_err();
        assert!(failure.message().starts_with("--kubeconfig leads to no cluster"), "{}", failure.message());
        let server = KubeSettings { server: Some("https://h".into()), ..KubeSettings::default() };
        let host = fixed::host(&[("KUBECONFIG", "/nowhere/kc")]);
        assert_eq!(choose(&host, None, &server).unwrap().why, Reason::Server);
    }

    #[test]
    fn stores_are_named_in_words() {
        let host = fixed::host(&[]);
        let spec = |spec: &str| choose(&host, Some((spec, "--store")), &KubeSettings::default());
        assert_eq!(spec("sqlite:a.db").unwrap().choice, StoreChoice::Sqlite("/w/a.db".into()));
        assert_eq!(spec("etcd://h:2379/p").unwrap().spec(), "etcd://h:2379/p");
        assert_eq!(spec("memory").unwrap().choice, StoreChoice::Memory);
        for bad in ["", "postgres:x", "etcd:h", "etcd://", "memory:x", "kube:"] {
            assert!(spec(bad).is_err(), "{bad}");
        }
    }
}
