//! The manifest and the configuration of an archive that nobody pushed.
//!
//! Invariant: they are made of the archive and its provenance file alone, so they are the same bytes, with the same digest,
//! at every server and every time.

use serde_json::{Value as Json, json};

use crate::chart::Metadata;
use crate::data::digest::Digest;
use crate::data::to_value;
use crate::repo::generate::Archive;

/// A manifest: one chart.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of manifests.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The configuration of a chart: Chart.yaml as JSON.
pub(super) const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// The archive of a chart.
pub(super) const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The archive of a chart, as Helm called it while this was an experiment.
pub(super) const OLD_CHART: &str = "application/tar+gzip";
/// The provenance file of an archive.
pub(super) const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// The configuration: Chart.yaml as JSON.
pub(super) fn config(metadata: &Metadata) -> Vec<u8> {
    // What was read from an index or an archive can be written as JSON; were it not, the client would be told by an
    // empty Chart.yaml.
    let value = to_value(metadata).ok().and_then(|value| serde_json::to_value(&value).ok());
    value.unwrap_or_else(|| json!({})).to_string().into_bytes()
}

/// The manifest.
pub(super) fn manifest(archive: &Archive, provenance: Option<&[u8]>) -> Vec<u8> {
    let metadata = &archive.entry.metadata;
    let config = config(metadata);
    let mut layers = vec![json!({
        "mediaType": CHART,
        "digest": format!("sha256:{}", archive.entry.digest),
        "size": archive.size,
    })];
    layers.extend(provenance.map(|bytes| descriptor(PROVENANCE, bytes)));
    let mut annotations = serde_json::Map::new();
    for (name, text) in [
        ("org.opencontainers.image.description", metadata.description.as_str()),
        ("org.opencontainers.image.title", &*metadata.name),
        ("org.opencontainers.image.url", metadata.home.as_str()),
        ("org.opencontainers.image.version", metadata.version.as_str()),
    ] {
        if !text.is_empty() {
            annotations.insert(name.to_string(), json!(text));
        }
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": layers,
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Json {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes).prefixed(), "size": bytes.len() })
}
