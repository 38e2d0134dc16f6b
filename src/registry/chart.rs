//! Charts as artifacts: Chart.yaml is the configuration, the archive and its provenance file are layers.
//!
//! Invariant: the same archive gives the same manifest, and it is Helm's to the byte, but for the time in it, which is UTC
//! here. Annotations of the chart may say more, never another title or version.

use indexmap::IndexMap;

use super::manifest::{Descriptor, Document, Manifest, go_json};
use super::{Client, Reference, RegistryError, upload};
use crate::chart::Metadata;
use crate::data::digest::Digest;
use crate::data::time::{Time, Zone};
use crate::package::media;

/// Most indexes within indexes.
const DEEPEST: usize = 4;
/// Most manifests of an index that are looked at.
const MOST_MANIFESTS: usize = 64;
/// Largest configuration, in bytes.
const CONFIG_LIMIT: u64 = 4 << 20;
/// Largest provenance file, in bytes.
const PROVENANCE_LIMIT: u64 = 1 << 20;

/// A chart to push.
#[derive(Debug, Clone, Copy)]
pub struct ChartUpload<'a> {
    /// Its Chart.yaml.
    pub metadata: &'a Metadata,
    /// Its archive.
    pub archive: &'a [u8],
    /// Its provenance file.
    pub provenance: Option<&'a [u8]>,
    /// When the archive was made, in seconds since the Unix epoch.
    pub created: i64,
}

/// A chart that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where, with its tag.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// What is wanted of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Its provenance file, when it is there.
    pub provenance: bool,
    /// Fail without that.
    pub provenance_required: bool,
    /// Largest archive, in bytes.
    pub archive_limit: u64,
}

/// A chart that was pulled.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// What was asked for.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Digest of its archive.
    pub archive_digest: Digest,
    /// Its archive.
    pub archive: Vec<u8>,
    /// Its provenance file.
    pub provenance: Option<Vec<u8>>,
    /// Its Chart.yaml, as the configuration has it.
    pub metadata: Metadata,
    /// Whether the archive has the media type of Helm's first experiments.
    pub legacy: bool,
}

/// Pushes a chart below an address: `HOST/PATH/NAME:VERSION`.
///
/// # Errors
/// The registry refuses it, or the name or version cannot be a repository or a tag.
pub fn push(client: &Client<'_>, below: &str, chart: &ChartUpload<'_>) -> Result<Pushed, RegistryError> {
    let metadata = chart.metadata;
    let below = below.trim_end_matches('/');
    let reference = Reference::parse(&format!("{below}/{}:{}", metadata.name, metadata.version))?;
    let session = client.home(&reference);
    let mut layers = vec![upload::blob(&session, media::CHART, chart.archive)?];
    if let Some(provenance) = chart.provenance {
        layers.push(upload::blob(&session, media::PROVENANCE, provenance)?);
    }
    layers.sort_by(|a, b| a.digest.cmp(&b.digest));
    let config = upload::blob(&session, media::CHART_CONFIG, &config_of(metadata)?)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: String::new(),
        config,
        layers,
        annotations: annotations_of(metadata, chart.created),
    };
    // `Reference::parse` was given a version, so there is a tag.
    let tag = reference.tag.clone().unwrap_or_default();
    let digest = upload::manifest(&session, &manifest, &tag)?;
    Ok(Pushed { reference, digest })
}

/// The configuration of a chart: what Helm knows of Chart.yaml, as JSON.
fn config_of(metadata: &Metadata) -> Result<Vec<u8>, RegistryError> {
    let mut known = metadata.clone();
    if let Some(annotations) = &mut known.annotations {
        annotations.sort_keys();
    }
    // Helm dropped this field; the language of our own charts is not lost with it.
    if known.engine == "gotpl" {
        known.engine.clear();
    }
    go_json(&known)
}

/// The annotations of a chart's manifest.
fn annotations_of(metadata: &Metadata, created: i64) -> IndexMap<String, String> {
    let authors: Vec<String> = metadata
        .maintainers
        .iter()
        .map(|one| match one.email.as_str() {
            "" => one.name.clone(),
            email => format!("{} ({email})", one.name),
        })
        .collect();
    let created = Time::from_unix(created, 0, Zone::Utc).format("2006-01-02T15:04:05Z07:00");
    let known = [
        (media::TITLE, metadata.name.to_string()),
        (media::VERSION, metadata.version.clone()),
        (media::DESCRIPTION, metadata.description.clone()),
        (media::URL, metadata.home.clone()),
        (media::CREATED, created),
        (media::SOURCE, metadata.sources.first().cloned().unwrap_or_default()),
        (media::AUTHORS, authors.join(", ")),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let mut all: IndexMap<String, String> = known.map(|(key, value)| (key.to_string(), value)).collect();
    for (key, value) in metadata.annotations.iter().flatten() {
        if key != media::TITLE && key != media::VERSION {
            all.insert(key.clone(), value.clone());
        }
    }
    all
}

/// Pulls a chart. `cached` may have its archive already.
///
/// # Errors
/// It is not there or is no chart, or something of it is not what its manifest says.
pub fn pull(
    client: &Client<'_>,
    reference: &Reference,
    wanted: Wanted,
    cached: &dyn Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<Pulled, RegistryError> {
    let (manifest, digest) = chart_manifest(client, reference)?;
    let shown = reference.to_string();
    let layer = |kind: &str| manifest.layers.iter().find(|layer| layer.media_type == kind);
    let (archive, legacy) = match (layer(media::CHART), layer(media::LEGACY_CHART)) {
        (Some(archive), _) => (archive, false),
        (None, Some(archive)) => (archive, true),
        (None, None) => {
            let reason = "its manifest has no layer with a chart".to_string();
            return Err(RegistryError::NotAChart { reference: shown, reason });
        }
    };
    let config = client.blob(reference, &manifest.config, CONFIG_LIMIT)?;
    let metadata: Metadata = serde_json::from_slice(&config).map_err(|error| RegistryError::NotAChart {
        reference: shown.clone(),
        reason: format!("its configuration cannot be read: {error}"),
    })?;
    let archive_digest = archive.parsed(&shown)?;
    let bytes = match cached(&archive_digest).filter(|bytes| bytes.len() as u64 == archive.size) {
        Some(bytes) => bytes,
        None => client.blob(reference, archive, wanted.archive_limit)?,
    };
    let provenance = match layer(media::PROVENANCE).filter(|_| wanted.provenance) {
        Some(layer) => Some(client.blob(reference, layer, PROVENANCE_LIMIT)?),
        None if wanted.provenance_required => return Err(RegistryError::NoProvenance { reference: shown }),
        None => None,
    };
    Ok(Pulled {
        reference: reference.clone(),
        digest,
        archive_digest,
        archive: bytes,
        provenance,
        metadata,
        legacy,
    })
}

/// The manifest of a chart, through indexes if need be, and its digest.
fn chart_manifest(client: &Client<'_>, reference: &Reference) -> Result<(Manifest, Digest), RegistryError> {
    let mut looked = 0;
    look(client, reference, DEEPEST, &mut looked)?.ok_or_else(|| RegistryError::NotAChart {
        reference: reference.to_string(),
        reason: "its index names no chart".to_string(),
    })
}

fn look(
    client: &Client<'_>,
    reference: &Reference,
    deep: usize,
    looked: &mut usize,
) -> Result<Option<(Manifest, Digest)>, RegistryError> {
    let not_a_chart = |reason: String| RegistryError::NotAChart { reference: reference.to_string(), reason };
    let fetched = client.manifest(reference)?;
    let index = match fetched.document {
        Document::Manifest(manifest) if manifest.config.media_type == media::CHART_CONFIG => {
            return Ok(Some((*manifest, fetched.digest)));
        }
        // Within an index something else is passed over.
        Document::Manifest(_) if deep < DEEPEST => return Ok(None),
        Document::Manifest(manifest) => {
            let kind = manifest.config.media_type;
            return Err(not_a_chart(format!("its configuration is {kind:?}, not {:?}", media::CHART_CONFIG)));
        }
        Document::Index(index) => index,
    };
    if deep == 0 {
        return Err(not_a_chart(format!("there are indexes in indexes more than {DEEPEST} deep")));
    }
    // Those that say that they are charts go first.
    let mut manifests: Vec<&Descriptor> = index.manifests.iter().collect();
    manifests.sort_by_key(|descriptor| descriptor.artifact_type != media::CHART_CONFIG);
    for descriptor in manifests {
        *looked += 1;
        if *looked > MOST_MANIFESTS {
            return Err(not_a_chart(format!("none of the first {MOST_MANIFESTS} manifests is a chart")));
        }
        let Ok(digest) = descriptor.parsed(&reference.to_string()) else { continue };
        let inner = Reference { digest: Some(digest), ..reference.clone() };
        if let Some(found) = look(client, &inner, deep - 1, looked)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Maintainer;

    #[test]
    fn annotations_are_helms() {
        let maintainer = |name: &str, email: &str| Maintainer {
            name: name.to_string(),
            email: email.to_string(),
            url: String::new(),
        };
        let metadata = Metadata {
            name: "web".into(),
            version: "1.0.0+b1".into(),
            home: "https://h".into(),
            sources: vec!["https://s".into(), "https://t".into()],
            description: " ".into(),
            maintainers: vec![maintainer("Ann", "a@x"), maintainer("Bob", "")],
            annotations: Some(
                [(media::TITLE, "other"), (media::URL, "https://u"), ("own", "1")]
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .into_iter()
                    .collect(),
            ),
            ..Metadata::default()
        };
        let found = annotations_of(&metadata, 0);
        let get = |key: &str| found.get(key).map(String::as_str);
        assert_eq!(get(media::TITLE), Some("web"));
        assert_eq!(get(media::VERSION), Some("1.0.0+b1"));
        assert_eq!(get(media::URL), Some("https://u"));
        assert_eq!(get(media::DESCRIPTION), None);
        assert_eq!(get(media::SOURCE), Some("https://s"));
        assert_eq!(get(media::AUTHORS), Some("Ann (a@x), Bob"));
        assert_eq!(get(media::CREATED), Some("1970-01-01T00:00:00Z"));
        assert_eq!(get("own"), Some("1"));
    }
}
