//! Manifests, indexes and descriptors, as the OCI image specification has them.
//!
//! ```text
//! index ─► manifest ─► config (Chart.yaml as JSON)
//!                  └─► layers (the archive, its provenance file)
//! ```
//!
//! Invariant: a manifest is written to the bytes that Helm writes, since its digest is what people pin.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::RegistryError;
use crate::data::digest::Digest;
use crate::data::{json, to_value};
use crate::package::media;

/// What a registry says of a blob or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Digest of its bytes, `sha256:…`.
    pub digest: String,
    /// Their number.
    pub size: u64,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
    /// In an index: what the manifest's configuration is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
}

impl Descriptor {
    /// The descriptor of some bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Descriptor {
            media_type: media_type.to_string(),
            digest: Digest::of(bytes).prefixed(),
            size: bytes.len() as u64,
            ..Descriptor::default()
        }
    }

    /// The digest, read. Other algorithms than SHA-256 are not understood.
    ///
    /// # Errors
    /// [`RegistryError::Manifest`] with the reference that it is about.
    pub fn parsed(&self, reference: &str) -> Result<Digest, RegistryError> {
        // The prefix is not optional here, as it is where people write digests.
        let digits = self.digest.strip_prefix(crate::data::digest::PREFIX);
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| RegistryError::Manifest {
            reference: reference.to_string(),
            reason: format!("{:?} is not a SHA-256 digest", self.digest),
        })
    }
}

/// One artifact: its configuration and its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// [`media::MANIFEST`]; Helm leaves it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// The content.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// [`media::INDEX`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
}

/// What a tag or a digest leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A manifest.
    Manifest(Box<Manifest>),
    /// An index.
    Index(Index),
}

impl Manifest {
    /// The bytes as Helm writes them: one line, annotations sorted, `<`, `>` and `&` escaped.
    ///
    /// # Errors
    /// Never for what this module makes: there are no numbers that JSON lacks.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RegistryError> {
        let mut sorted = self.clone();
        sorted.annotations.sort_keys();
        go_json(&sorted)
    }
}

/// A structure as Go's encoder writes it, fields in their order.
pub(super) fn go_json<T: Serialize>(typed: &T) -> Result<Vec<u8>, RegistryError> {
    let unwritable = |error: &dyn std::fmt::Display| RegistryError::Unwritable { reason: error.to_string() };
    let value = to_value(typed).map_err(|error| unwritable(&error))?;
    let style = json::Style { sort_keys: false, ..json::Style::default() };
    Ok(json::to_string_with(&value, style).map_err(|error| unwritable(&error))?.into_bytes())
}

impl Document {
    /// Reads what a registry sent; `content_type` decides when the document does not say what it is.
    ///
    /// # Errors
    /// [`RegistryError::Manifest`].
    pub fn parse(bytes: &[u8], content_type: &str, reference: &str) -> Result<Self, RegistryError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            #[serde(default)]
            schema_version: u32,
            #[serde(default)]
            media_type: String,
            #[serde(default)]
            manifests: Option<serde::de::IgnoredAny>,
        }
        let bad = |reason: String| RegistryError::Manifest { reference: reference.to_string(), reason };
        let unreadable = |error: serde_json::Error| bad(error.to_string());
        let kind: Kind = serde_json::from_slice(bytes).map_err(unreadable)?;
        if kind.schema_version != 2 {
            return Err(bad(format!("its schemaVersion is {}, not 2", kind.schema_version)));
        }
        let said = if kind.media_type.is_empty() { content_type } else { &kind.media_type };
        let said = said.split(';').next().unwrap_or_default().trim();
        let is_index = matches!(said, media::INDEX | media::DOCKER_INDEX)
            || (!matches!(said, media::MANIFEST | media::DOCKER_MANIFEST) && kind.manifests.is_some());
        if is_index {
            return serde_json::from_slice(bytes).map(Document::Index).map_err(unreadable);
        }
        serde_json::from_slice(bytes).map(Document::Manifest).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_written_as_helm_writes_it() {
        let manifest = Manifest {
            schema_version: 2,
            media_type: String::new(),
            config: Descriptor::of(media::CHART_CONFIG, b"{}"),
            layers: vec![Descriptor::of(media::CHART, b"x")],
            annotations: [("z", "1"), ("a", "<b>")]
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .into_iter()
                .collect(),
        };
        let text = String::from_utf8(manifest.to_bytes().unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\",\"digest\":\
             \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":\
             [{\"mediaType\":\"application/vnd.cncf.helm.chart.content.v1.tar+gzip\",\"digest\":\
             \"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\",\"size\":1}],\
             \"annotations\":{\"a\":\"\\u003cb\\u003e\",\"z\":\"1\"}}"
        );
        let read = Document::parse(text.as_bytes(), "", "h/c").unwrap();
        assert!(matches!(read, Document::Manifest(read) if read.layers == manifest.layers));
    }

    #[test]
    fn documents_are_told_apart_and_bad_ones_refused() {
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(matches!(Document::parse(index, media::INDEX, "r"), Ok(Document::Index(_))));
        assert!(matches!(Document::parse(index, "", "r"), Ok(Document::Index(_))));
        for bad in
            ["", "[]", "null", r#"{"schemaVersion":1}"#, r#"{"schemaVersion":2}"#, r#"{"schemaVersion":"2"}"#]
        {
            let error = Document::parse(bad.as_bytes(), media::MANIFEST, "r").unwrap_err();
            assert!(matches!(error, RegistryError::Manifest { .. }), "{bad}: {error}");
        }
        for digest in ["", "sha512:00", "00", &"0".repeat(64)] {
            let descriptor = Descriptor { digest: digest.to_string(), ..Descriptor::default() };
            assert!(descriptor.parsed("r").is_err(), "{digest}");
        }
    }
}
