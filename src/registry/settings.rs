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

use serde::Deserialize;

use super::reference::{SCHEME, is_host, is_repository};
use super::{Reference, RegistryError};
use crate::data::yaml;
use crate::diag::SourceFile;
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

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    mirrors: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
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
        Self::parse(&text).map_err(|reason| RegistryError::Settings { path: path.to_path_buf(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file = SourceFile::new("registries.yaml", text);
        let raw: Raw = yaml::typed(&file, true).map_err(|error| error.to_string())?;
        let mut read = Registries::default();
        for (host, mirrors) in raw.mirrors {
            if !is_host(&host) {
                return Err(format!("{host:?} is no registry: write HOST or HOST:PORT"));
            }
            if mirrors.len() > MOST_MIRRORS {
                return Err(format!("{host} has more than {MOST_MIRRORS} mirrors"));
            }
            let mirrors: Result<_, _> = mirrors.iter().map(|text| mirror(text)).collect();
            read.mirrors.insert(host, mirrors?);
        }
        for (name, url) in raw.aliases {
            let bare = url.trim_end_matches('/');
            let rest = bare.strip_prefix(SCHEME).unwrap_or_default();
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_host(host) || !(path.is_empty() || is_repository(path)) {
                return Err(format!("the alias {name:?} must be an address oci://HOST[/PATH]"));
            }
            if name.is_empty() || name.contains(['/', ':', '@', '\\']) {
                return Err(format!("{name:?} cannot be an alias: it must be one word"));
            }
            read.aliases.insert(name, bare.to_string());
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
            ("mirror: {}", "unknown field"),
            ("mirrors: {'a/b': []}", "write HOST or HOST:PORT"),
            ("mirrors: {a: ['u:hunter2@h']}", "a mirror must be HOST"),
            ("aliases: {a: 'https://h'}", "must be an address oci://HOST"),
            ("aliases: {'a/b': 'oci://h'}", "must be one word"),
        ] {
            let error = Registries::parse(text).unwrap_err();
            assert!(error.contains(told) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
