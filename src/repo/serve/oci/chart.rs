//! The manifest and the configuration of an archive that nobody pushed.
//!
//! Invariant: they are made of the archive and its provenance file alone, so they are the same bytes, with the same digest,
//! at every server and every time.

use serde_json::{Value as Json, json};

use crate::chart::Metadata;
use crate::data::digest::sha256_hex;
use crate::data::to_value;
use crate::package::media;
use crate::repo::generate::Archive;

/// The configuration: Chart.yaml as JSON.
pub(super) fn config(metadata: &Metadata) -> Vec<u8> {
    // What was read from an index or an archive can be written as JSON; were it not, the client would be told by an
    // empty Chart.yaml.
    let value = to_value(metadata).ok().and_then(|value| serde_json::to_value(&value).ok());
    value.unwrap_or_else(|| json!({})).to_string().into_bytes()
}

/// The manifest; of the provenance file digits and size.
pub(super) fn manifest(archive: &Archive, provenance: Option<&(String, u64)>) -> Vec<u8> {
    let metadata = &archive.entry.metadata;
    let config = config(metadata);
    let mut layers = vec![json!({
        "mediaType": media::CHART,
        "digest": format!("sha256:{}", archive.entry.digest),
        "size": archive.size,
    })];
    layers.extend(provenance.map(|(digits, size)| descriptor(media::PROVENANCE, digits, *size)));
    let mut annotations = serde_json::Map::new();
    for (name, text) in [
        (media::DESCRIPTION, metadata.description.as_str()),
        (media::TITLE, &*metadata.name),
        (media::URL, metadata.home.as_str()),
        (media::VERSION, metadata.version.as_str()),
    ] {
        if !text.is_empty() {
            annotations.insert(name.to_string(), json!(text));
        }
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": descriptor(media::CHART_CONFIG, &sha256_hex(&config), config.len() as u64),
        "layers": layers,
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}

fn descriptor(media_type: &str, digits: &str, size: u64) -> Json {
    json!({ "mediaType": media_type, "digest": format!("sha256:{digits}"), "size": size })
}
