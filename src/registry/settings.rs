//! `registries.yaml`, beside `repositories.yaml`: mirrors and short names that the user set up. Nothing writes it.
//!
//! ```yaml
//! mirrors:                          # tried in this order before the registry itself, for reading alone
//!   registry.example.com:
//!   - mirror.example.com/cache      # HOST[:PORT][/PATH]; the repository's name goes below the path
//!   - http://localhost:5000         # without TLS
//! aliases:                          # `team/web` then means oci://registry.example.com/team/charts/web
//!   team: oci://registry.example.com/team/charts
//! ```
//!
//! Invariant: a mirror is only ever read; what is asked for by digest comes with that digest from wherever it comes.

use std::collections::BTreeMap;
use std::path::Path;

use super::reference::{SCHEME, is_host, is_repository};
use super::{Reference, RegistryError};
use crate::data::{Map, Value, yaml};
use crate::diag::{SourceFile, did_you_mean};
use crate::sys::fs;

/// Largest file, in bytes.
const FILE_LIMIT: u64 = 1 << 20;
/// Most mirrors of one registry.
const MOST_MIRRORS: usize = 16;

/// The content of `registries.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries {
    mirrors: BTreeMap<String, Vec<Mirror>>,
    aliases: BTreeMap<String, String>,
}

/// Another registry that has what a registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) host: String,
    /// What stands before the name of a repository; may be empty.
    pub(super) path: String,
    pub(super) plain_http: bool,
}

/// The keys of the file.
const KEYS: [&str; 2] = ["mirrors", "aliases"];

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    reason: String,
    meant: Option<&'static str>,
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Wrong { reason, meant: None }
    }
}

impl Registries {
    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// The file cannot be read or has another shape.
    pub fn load(path: &Path) -> Result<Self, RegistryError> {
        let text = match fs::read_text(path, FILE_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(Registries::default()),
            text => text?,
        };
        Self::parse(&text).map_err(|Wrong { reason, meant }| RegistryError::Settings {
            path: path.to_path_buf(),
            reason,
            meant: meant.map(str::to_string),
        })
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let file = SourceFile::new("registries.yaml", text);
        let root = match yaml::to_value(&file).map_err(|error| error.to_string())? {
            Value::Null => Map::new(),
            Value::Map(root) => root,
            _ => return Err(format!("it must be a mapping with the keys {}", KEYS.join(" and ")).into()),
        };
        if let Some(key) = root.keys().find(|key| !KEYS.contains(&&***key)) {
            let longer = || KEYS.into_iter().find(|known| !key.is_empty() && known.starts_with(&**key));
            let meant = did_you_mean(key, KEYS).or_else(longer);
            let known = KEYS.join(" and ");
            return Err(Wrong { reason: format!("unknown key {key:?}; the keys are {known}"), meant });
        }
        let mut read = Registries::default();
        for (host, mirrors) in mapping(&root, "mirrors")? {
            if !is_host(host) {
                return Err(format!("{host:?} is no registry: write HOST or HOST:PORT").into());
            }
            let no_list = || format!("the mirrors of {host} must be a list of addresses");
            let mirrors = match mirrors {
                Value::Null => &[],
                Value::List(mirrors) => &mirrors[..],
                _ => return Err(no_list().into()),
            };
            if mirrors.len() > MOST_MIRRORS {
                return Err(format!("{host} has more than {MOST_MIRRORS} mirrors").into());
            }
            let read_one = |address: &Value| mirror(address.as_str().ok_or_else(no_list)?);
            let mirrors: Result<_, _> = mirrors.iter().map(read_one).collect();
            read.mirrors.insert(host.to_string(), mirrors?);
        }
        for (name, url) in mapping(&root, "aliases")? {
            let Some(url) = url.as_str() else {
                return Err(format!("the alias {name:?} must be an address oci://HOST[/PATH]").into());
            };
            let bare = url.trim_end_matches('/');
            let rest = bare.strip_prefix(SCHEME).unwrap_or_default();
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_host(host) || !(path.is_empty() || is_repository(path)) {
                return Err(format!("the alias {name:?} must be an address oci://HOST[/PATH]").into());
            }
            if name.is_empty() || name.contains(['/', ':', '@', '\\']) {
                return Err(format!("{name:?} cannot be an alias: it must be one word").into());
            }
            read.aliases.insert(name.to_string(), bare.to_string());
        }
        Ok(read)
    }

    /// The address that an alias stands for, without a slash at the end.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }

    /// The aliases.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.keys().map(String::as_str)
    }

    /// The mirrors of a reference's registry.
    pub(super) fn mirrors(&self, reference: &Reference) -> &[Mirror] {
        self.mirrors.get(&reference.host).map_or(&[], Vec::as_slice)
    }
}

/// The pairs below a key of the file.
fn mapping<'a>(root: &'a Map, key: &str) -> Result<impl Iterator<Item = (&'a str, &'a Value)>, String> {
    let pairs = match root.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::Map(map)) => Some(map),
        Some(_) => return Err(format!("{key} must be a mapping")),
    };
    Ok(pairs.into_iter().flat_map(|map| map.iter()).map(|(key, value)| (&**key, value)))
}

fn mirror(text: &str) -> Result<Mirror, String> {
    let plain_http = text.starts_with("http://");
    let bare = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    let bare = bare.trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if !is_host(host) || !(path.is_empty() || is_repository(path)) {
        // Somebody may have written a password into it.
        return Err(
            "a mirror must be HOST[:PORT][/PATH], with http:// before it when it has no TLS".to_string()
        );
    }
    Ok(Mirror { host: host.to_string(), path: path.to_string(), plain_http })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_and_aliases_are_read() {
        let text = "mirrors:\n  r.test:\n  - m.test:5000/cache/\n  - http://localhost:1\naliases:\n  team: oci://r.test/charts/\n";
        let read = Registries::parse(text).unwrap();
        assert_eq!(read.alias("team"), Some("oci://r.test/charts"));
        let mirrors = read.mirrors(&Reference::parse("r.test/a").unwrap());
        assert_eq!(
            mirrors,
            [
                Mirror { host: "m.test:5000".into(), path: "cache".into(), plain_http: false },
                Mirror { host: "localhost:1".into(), path: String::new(), plain_http: true },
            ]
        );
        assert!(read.mirrors(&Reference::parse("other.test/a").unwrap()).is_empty());
        assert_eq!(Registries::parse("").unwrap(), Registries::default());
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        for (text, told) in [
            ("mirror: {}", "unknown key \"mirror\"; the keys are mirrors and aliases"),
            ("[a]", "it must be a mapping"),
            ("mirrors: [a]", "mirrors must be a mapping"),
            ("mirrors: {a: 'http://u:hunter2@h'}", "the mirrors of a must be a list of addresses"),
            ("mirrors: {a: [{}]}", "the mirrors of a must be a list of addresses"),
            ("aliases: {a: [1]}", "must be an address oci://HOST"),
            ("aliases: x", "aliases must be a mapping"),
            ("mirrors: {'a/b': []}", "write HOST or HOST:PORT"),
            ("mirrors: {a: ['u:hunter2@h']}", "a mirror must be HOST"),
            ("aliases: {a: 'https://h'}", "must be an address oci://HOST"),
            ("aliases: {'a/b': 'oci://h'}", "must be one word"),
        ] {
            let error = Registries::parse(text).unwrap_err().reason;
            assert!(error.contains(told) && !error.contains("hunter2"), "{text}: {error}");
        }
        for (key, meant) in [
            ("mirror", Some("mirrors")),
            ("Alaises", Some("aliases")),
            ("alias", Some("aliases")),
            ("hosts", None),
        ] {
            let error = Registries::parse(&format!("{key}: {{}}")).unwrap_err();
            assert_eq!(error.meant, meant, "{key}");
        }
    }
}
