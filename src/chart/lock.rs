//! Chart.lock and requirements.lock: the versions that were chosen for a chart's dependencies.
//!
//! ```yaml
//! dependencies:
//! - name: db
//!   repository: https://charts.example.com
//!   version: 1.2.3
//! digest: sha256:…
//! generated: "2026-01-02T03:04:05.678901234Z"
//! ```
//!
//! Invariant: [`digest`] is byte for byte what Helm computes, so either program accepts the other's lock.

use std::sync::Arc;

use super::document;
use super::{Chart, ChartError, Dependency, Lock};
use crate::data::{Value, digest::Digest};
use crate::diag::SourceFile;

/// Name of the lock of a v2 chart.
pub const CHART_LOCK: &str = "Chart.lock";
/// Name of the lock of a v1 chart.
pub const REQUIREMENTS_LOCK: &str = "requirements.lock";

impl Lock {
    /// Reads a lock; `path` is [`CHART_LOCK`] or [`REQUIREMENTS_LOCK`].
    ///
    /// # Errors
    /// It is no YAML, or a field has another kind than it must have.
    pub fn read(path: &str, file: &Arc<SourceFile>) -> Result<Self, ChartError> {
        document::typed(path, file)
    }

    /// The text of the lock as Helm writes it.
    ///
    /// # Errors
    /// [`ChartError::Unwritable`], which does not happen for a lock that was read.
    pub fn to_yaml(&self) -> Result<String, ChartError> {
        document::write(CHART_LOCK, self)
    }

    /// Whether the lock was made for the dependencies that the chart asks for now.
    pub fn is_in_sync(&self, chart: &Chart) -> bool {
        let requested = &chart.metadata.dependencies;
        self.digest == digest(requested, &self.dependencies)
            || (chart.metadata.api_version == "v1" && self.digest == digest_of_helm2(requested))
    }
}

/// The digest of a lock: SHA-256 of the JSON array `[requested, locked]` as Go writes it.
pub fn digest(requested: &[Dependency], locked: &[Dependency]) -> String {
    Digest::of(format!("[{},{}]", go_json(requested), go_json(locked))).prefixed()
}

/// The digest that Helm 2 wrote into requirements.lock, which v1 charts may still carry.
pub fn digest_of_helm2(requested: &[Dependency]) -> String {
    Digest::of(format!("{{\"dependencies\":{}}}", go_json(requested))).prefixed()
}

/// Dependencies as Go's JSON writes them: no spaces, HTML characters escaped, keys of free maps sorted.
fn go_json(dependencies: &[Dependency]) -> String {
    let sorted: Vec<Dependency> = dependencies
        .iter()
        .map(|dependency| Dependency {
            import_values: dependency.import_values.iter().map(sorted).collect(),
            ..dependency.clone()
        })
        .collect();
    // Dependencies are texts, flags and values with text keys, all of which JSON can say.
    let json = serde_json::to_string(&sorted).unwrap_or_default();
    // These characters stand only within strings, so replacing them all is what an escaping writer does.
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// A value with the keys of its maps sorted. As deep as the YAML reader lets documents be.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (Arc::clone(key), sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(pairs.into_iter().collect())
        }
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digest of a lock that `helm dependency update` wrote for these dependencies.
    #[test]
    fn digests_are_helms() {
        let requested: Vec<Dependency> =
            serde_json::from_str(include_str!("../../tests/cases/chart/lock/requested.json")).unwrap();
        let text = include_str!("../../tests/cases/chart/lock/Chart.lock");
        let lock = Lock::read(CHART_LOCK, &SourceFile::new(CHART_LOCK, text)).unwrap();
        assert_eq!(digest(&requested, &lock.dependencies), lock.digest);
        assert_eq!(lock.to_yaml().unwrap(), text);
    }
}
