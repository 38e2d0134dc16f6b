//! Search in a public catalogue of charts: Artifact Hub, or another server with Monocular's search.
//!
//! Invariant: one request, whose answer is bounded; nothing of it is kept.

use serde::{Deserialize, Deserializer};

use super::{Context, OpsError};
use crate::sys::http::{Http, HttpOptions, Request};

/// Where the search is below a catalogue's address.
const SEARCH: &str = "/api/chartsvc/v1/charts/search";
/// Most bytes of an answer.
const MOST_BYTES: u64 = 64 << 20;

/// A chart in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubHit {
    /// Its page.
    pub url: String,
    /// Its newest version.
    pub version: String,
    /// The application's version in it.
    pub app_version: String,
    /// What it says it is.
    pub description: String,
    /// Name of its repository.
    pub repository: String,
    /// Address of its repository.
    pub repository_url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    #[serde(deserialize_with = "or_nothing")]
    data: Vec<Found>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Found {
    #[serde(deserialize_with = "or_nothing")]
    id: String,
    #[serde(rename = "artifactHub", deserialize_with = "or_nothing")]
    artifact_hub: Page,
    #[serde(deserialize_with = "or_nothing")]
    attributes: Attributes,
    #[serde(deserialize_with = "or_nothing")]
    relationships: Relationships,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    #[serde(rename = "packageUrl", deserialize_with = "or_nothing")]
    package_url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    #[serde(deserialize_with = "or_nothing")]
    description: String,
    #[serde(deserialize_with = "or_nothing")]
    repo: Repo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Repo {
    #[serde(deserialize_with = "or_nothing")]
    name: String,
    #[serde(deserialize_with = "or_nothing")]
    url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Relationships {
    #[serde(rename = "latestChartVersion", deserialize_with = "or_nothing")]
    latest: Latest,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Latest {
    #[serde(deserialize_with = "or_nothing")]
    data: Version,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    #[serde(deserialize_with = "or_nothing")]
    version: String,
    #[serde(deserialize_with = "or_nothing")]
    app_version: String,
}

/// A value that may be null, which means what its absence does: servers in Go write the empty list so.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// Asks a catalogue for charts.
///
/// # Errors
/// The address is none, the catalogue cannot be reached, or its answer is not what such a catalogue says.
pub fn search(context: &Context<'_>, endpoint: &str, keyword: &str) -> Result<Vec<HubHit>, OpsError> {
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(OpsError::refused_with(
            format!("unable to create connection to {endpoint:?}: scheme is missing"),
            "write the address in full, such as https://hub.helm.sh",
        ));
    }
    let endpoint = endpoint.trim_end_matches('/');
    let url = format!("{endpoint}{SEARCH}?q={}", query_escaped(keyword));
    let request = Request { compressed: true, ..Request::new(MOST_BYTES) };
    let answer = Http::new(HttpOptions::new(context.host)).get(&url, &request).map_err(|error| {
        OpsError::refused_with(
            format!("unable to perform search against {endpoint:?}: {error}"),
            "`bowline search repo` finds charts in the repositories that you added, without the network",
        )
    })?;
    let answer: Answer = serde_json::from_slice(&answer.body).map_err(|error| {
        OpsError::refused_with(
            format!("unable to perform search against {endpoint:?}: the answer is no search result: {error}"),
            "is this the address of a catalogue? Artifact Hub's is https://hub.helm.sh",
        )
    })?;
    let page = |found: &Found| match found.artifact_hub.package_url.as_str() {
        "" => format!("{endpoint}/charts/{}", found.id),
        url => url.to_string(),
    };
    let hit = |found: Found| HubHit {
        url: page(&found),
        version: found.relationships.latest.data.version,
        app_version: found.relationships.latest.data.app_version,
        description: found.attributes.description,
        repository: found.attributes.repo.name,
        repository_url: found.attributes.repo.url,
    };
    Ok(answer.data.into_iter().map(hit).collect())
}

/// A text as a query has it: a space is a plus.
fn query_escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            b' ' => "+".to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
