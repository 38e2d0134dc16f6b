//! Where something is in a registry: `HOST/REPOSITORY[:TAG][@DIGEST]`, with or without `oci://` before it.
//!
//! Invariant: the parts of a [`Reference`] keep to the grammar of the distribution specification, so that they can stand in
//! a URL as they are.

use std::fmt;

use super::RegistryError;
use crate::data::digest::{Digest, PREFIX};
use crate::sys::secret::redact_url;

/// The scheme of charts in registries.
pub const SCHEME: &str = "oci://";
/// Longest name of a repository with its host, in bytes (the distribution specification's number).
const LONGEST_NAME: usize = 255;
/// Longest tag in bytes (the same).
const LONGEST_TAG: usize = 128;

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `HOST` or `HOST:PORT`.
    pub host: String,
    /// The repository, `team/charts/web`.
    pub repository: String,
    /// The tag, `1.2.0_b1`.
    pub tag: Option<String>,
    /// The digest of the manifest.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads a reference; a `+` in the tag, which tags cannot have, becomes `_` as in Helm.
    ///
    /// # Errors
    /// [`RegistryError::Reference`].
    ///
    /// ```
    /// use bowline::registry::Reference;
    /// let reference = Reference::parse("oci://localhost:5000/charts/web:1.0.0+b1")?;
    /// assert_eq!(reference.to_string(), "localhost:5000/charts/web:1.0.0_b1");
    /// # Ok::<(), bowline::registry::RegistryError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let invalid = |reason: &str| RegistryError::Reference {
            reference: redact_url(text),
            reason: reason.to_string(),
        };
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (host, rest) = rest.split_once('/').ok_or_else(|| invalid("missing repository"))?;
        if !is_host(host) {
            return Err(invalid("invalid registry"));
        }
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) if digest.starts_with(PREFIX) => {
                (rest, Some(digest.parse().map_err(|_| invalid("invalid digest"))?))
            }
            Some(_) => return Err(invalid("invalid digest: only sha256 is understood")),
        };
        let (repository, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((repository, tag)) => (repository, Some(tag_of(tag))),
        };
        if !is_repository(repository) || host.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(invalid("invalid repository"));
        }
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("invalid tag"));
        }
        Ok(Reference { host: host.to_string(), repository: repository.to_string(), tag, digest })
    }

    /// The same repository at a tag.
    #[must_use]
    pub fn at_version(&self, version: &str) -> Self {
        Reference { tag: Some(tag_of(version)), digest: None, ..self.clone() }
    }

    /// What a manifest is asked for by: the digest, else the tag.
    pub fn target(&self) -> Option<String> {
        self.digest.map(|digest| digest.prefixed()).or_else(|| self.tag.clone())
    }

    /// The repository's last part: the chart's name.
    pub fn chart(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// `HOST/REPOSITORY`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{}", digest.prefixed()),
            None => Ok(()),
        }
    }
}

/// The tag of a chart's version: tags have no `+`.
pub fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

/// The version that a tag stands for: versions have no `_`.
pub fn version_of(tag: &str) -> String {
    tag.replace('_', "+")
}

/// Whether a text is `NAME`, `NAME:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
pub(super) fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else { return false };
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
            {
                return false;
            }
            if rest.is_empty() {
                return true;
            }
            let Some(port) = rest.strip_prefix(':') else { return false };
            ("v6", Some(port))
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(['-', '.'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    is_name(name) && port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

/// Whether a text is a repository: parts of small letters and digits, with single `.`, `_`, `__` or any number of `-`
/// between them.
pub(super) fn is_repository(name: &str) -> bool {
    let is_part = |part: &str| {
        let mut separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let bounded = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        bounded(part.chars().next())
            && bounded(part.chars().next_back())
            && separators.all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
    };
    name.split('/').all(is_part)
}

/// Whether a text is a tag.
pub(super) fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, written) in [
            ("oci://h/c", "h/c".to_string()),
            ("h:5000/a/b-c__d:1.0.0+b", "h:5000/a/b-c__d:1.0.0_b".to_string()),
            (&format!("oci://[::1]:5000/a@{digest}"), format!("[::1]:5000/a@{digest}")),
            (&format!("oci://h/a:1@{digest}"), format!("h/a:1@{digest}")),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), written);
        }
        assert_eq!(Reference::parse("h/a/web").unwrap().chart(), "web");
        assert_eq!(version_of("1.0.0_b1"), "1.0.0+b1");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for (text, reason) in [
            ("oci://h", "missing repository"),
            ("oci:///c", "invalid registry"),
            ("oci://h:x/c", "invalid registry"),
            ("oci://h:99999/c", "invalid registry"),
            ("oci://u:hunter2@h/c", "invalid registry"),
            ("oci://h%2f/c", "invalid registry"),
            ("oci://h/", "invalid repository"),
            ("oci://h/Web", "invalid repository"),
            ("oci://h/a//b", "invalid repository"),
            ("oci://h/../b", "invalid repository"),
            ("oci://h/a..b", "invalid repository"),
            ("oci://h/a?x", "invalid repository"),
            ("oci://h/a:", "invalid tag"),
            ("oci://h/a:b:c", "invalid tag"),
            ("oci://h/a:.b", "invalid tag"),
            ("oci://h/a@md5:00", "invalid digest: only sha256 is understood"),
            ("oci://h/a@sha256:00", "invalid digest"),
        ] {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.ends_with(reason), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(Reference::parse(&format!("h/{}", "a".repeat(256))).is_err());
        assert!(Reference::parse(&format!("h/a:{}", "1".repeat(129))).is_err());
    }
}
