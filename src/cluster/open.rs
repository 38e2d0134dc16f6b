//! Which store, and the one place that names them all.
//!
//! Invariant: nothing falls back silently. A store that was chosen, by whatever means, is used or its error is told.

use std::fmt;
use std::path::PathBuf;

use super::{Etcd, Kube, KubeOptions, Memory, Sqlite, Store, StoreError, StoreOptions, etcd};
use crate::diag::did_you_mean;
use crate::sys::Host;
use crate::sys::secret::redact_url;

/// Name of the default store below the data folder.
const DEFAULT_FILE: &str = "store.sqlite";

/// A store that can be named.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file on this machine; an empty path is the default one, `store.sqlite` in the data folder.
    Sqlite(PathBuf),
    /// Nothing is kept.
    Memory,
    /// The Kubernetes API.
    Kube {
        /// A context of the kubeconfig; its current one when `None`.
        context: Option<String>,
    },
    /// etcd, by the whole URL as given: `etcd://host:2379[,host…]/prefix`, or `etcds://` with TLS.
    Etcd(String),
}

/// Why a store was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for: by this flag or variable.
    Given(&'static str),
    /// This kubeconfig has a current context.
    Kubeconfig(PathBuf),
    /// A Kubernetes API server was named.
    Server,
    /// The process runs inside a cluster.
    InCluster,
    /// Nothing else was said or found.
    Default,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Given(origin) => origin,
            Reason::Kubeconfig(path) => {
                return write!(f, "the kubeconfig {} has a current context", path.display());
            }
            Reason::Server => "an API server was named",
            Reason::InCluster => "this runs inside a cluster",
            Reason::Default => "no kubeconfig was found",
        })
    }
}

impl StoreChoice {
    /// Reads `sqlite:PATH` or `sqlite://PATH` (or `sqlite` for the default file), `memory`, `kube`, `kube:CONTEXT`, `etcd://HOST:PORT/PREFIX`.
    ///
    /// # Errors
    /// [`StoreError::InvalidChoice`] for anything else.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let given = || if text.contains("://") { etcd::hidden(text) } else { redact_url(text) };
        let invalid = |reason: String| StoreError::InvalidChoice { given: given(), reason };
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => (text, None),
        };
        match (scheme, rest) {
            ("sqlite", rest) => {
                let path = rest.unwrap_or("");
                Ok(StoreChoice::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            ("memory", None) => Ok(StoreChoice::Memory),
            ("memory", Some(_)) => Err(invalid("`memory` takes nothing after it".into())),
            ("kube", None) => Ok(StoreChoice::Kube { context: None }),
            ("kube", Some("")) => Err(invalid("the context after `kube:` is empty".into())),
            ("kube", Some(context)) => Ok(StoreChoice::Kube { context: Some(context.to_string()) }),
            ("etcd" | "etcds", Some(_)) => {
                etcd::check(text).map_err(invalid)?;
                Ok(StoreChoice::Etcd(text.to_string()))
            }
            ("", _) => Err(invalid("it is empty".into())),
            _ => {
                let near = did_you_mean(scheme, ["sqlite", "memory", "kube", "etcd", "etcds"]);
                let near = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                Err(invalid(format!("unknown kind of store `{scheme}`{near}")))
            }
        }
    }

    /// The file of a sqlite store, the default one filled in.
    pub fn path(&self, host: &Host) -> Option<PathBuf> {
        match self {
            StoreChoice::Sqlite(path) if path.as_os_str().is_empty() => {
                Some(host.dirs.data.join(DEFAULT_FILE))
            }
            StoreChoice::Sqlite(path) => Some(host.resolve(path)),
            _ => None,
        }
    }

    /// The same store with the file of a sqlite store as a full path.
    pub fn resolved(self, host: &Host) -> Self {
        self.path(host).map_or(self, StoreChoice::Sqlite)
    }
}

impl fmt::Debug for StoreChoice {
    /// As [`fmt::Display`]: the address of an etcd store may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreChoice({self})")
    }
}

impl fmt::Display for StoreChoice {
    /// As it is given on the command line, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreChoice::Sqlite(path) if path.as_os_str().is_empty() => f.write_str("sqlite"),
            StoreChoice::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreChoice::Memory => f.write_str("memory"),
            StoreChoice::Kube { context: None } => f.write_str("kube"),
            StoreChoice::Kube { context: Some(context) } => write!(f, "kube:{context}"),
            StoreChoice::Etcd(url) => f.write_str(&etcd::hidden(url)),
        }
    }
}

/// Decides on a store: the one that was asked for, with the flag or variable that did, then the Kubernetes cluster that
/// `cluster` finds (a context and the reason), then the default file. `cluster` is only asked when it counts.
///
/// # Errors
/// Those of `cluster`: a cluster that is configured and cannot be used is never passed over.
pub fn choose<E>(
    given: Option<(StoreChoice, &'static str)>,
    cluster: impl FnOnce() -> Result<Option<(Option<String>, Reason)>, E>,
) -> Result<(StoreChoice, Reason), E> {
    if let Some((choice, origin)) = given {
        return Ok((choice, Reason::Given(origin)));
    }
    Ok(match cluster()? {
        Some((context, reason)) => (StoreChoice::Kube { context }, reason),
        None => (StoreChoice::Sqlite(PathBuf::new()), Reason::Default),
    })
}

/// Opens a store. Nothing is read or made yet: that is for the first call that needs it. `kube` says how to reach an API
/// server; the context of the choice goes over its own.
///
/// # Errors
/// The address of an etcd store cannot be used.
pub fn open(choice: &StoreChoice, host: &Host, kube: &KubeOptions) -> Result<Box<dyn Store>, StoreError> {
    match choice {
        StoreChoice::Sqlite(_) => {
            let path = choice.path(host).unwrap_or_default();
            Ok(Box::new(Sqlite::new(&path, host, StoreOptions::default())))
        }
        StoreChoice::Memory => Ok(Box::new(Memory::new(host))),
        StoreChoice::Kube { context } => {
            let mut options = kube.clone();
            options.context = context.clone().or(options.context);
            Ok(Box::new(Kube::new(options, host)))
        }
        StoreChoice::Etcd(address) => Ok(Box::new(Etcd::new(address, host)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_written() {
        for text in
            ["sqlite", "sqlite:/a/b.db", "sqlite:rel.db", "memory", "kube", "kube:a:b", "etcd://h:1,i:2/p"]
        {
            assert_eq!(StoreChoice::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(StoreChoice::parse("etcd://u:p@h:1/p").unwrap().to_string(), "etcd://h:1/p");
        assert_eq!(StoreChoice::parse("sqlite:///a/b").unwrap().to_string(), "sqlite:/a/b");
        for (text, want) in [
            ("", "it is empty"),
            ("sqlte:x", "unknown kind of store `sqlte`; did you mean `sqlite`?"),
            ("/a/b", "unknown kind of store `/a/b`"),
            ("memory:x", "`memory` takes nothing after it"),
            ("kube:", "the context after `kube:` is empty"),
            ("etcd://", "an etcd store is named"),
            ("etcd:h:1", "an etcd store is named"),
            ("etcd://a:1,/p", "an etcd store is named"),
        ] {
            let error = StoreChoice::parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn the_order_is_given_cluster_default() {
        let kube = || StoreChoice::Kube { context: Some("prod".into()) };
        let found = || Ok::<_, ()>(Some((Some("prod".to_string()), Reason::Server)));
        let unread = || Err(());
        let given = (StoreChoice::Memory, "--store");
        assert_eq!(choose(Some(given), unread), Ok((StoreChoice::Memory, Reason::Given("--store"))));
        assert_eq!(choose(None, found), Ok((kube(), Reason::Server)));
        assert_eq!(choose(None, unread), Err(()));
        let default = (StoreChoice::Sqlite(PathBuf::new()), Reason::Default);
        assert_eq!(choose(None, || Ok::<_, ()>(None)), Ok(default));
    }
}
