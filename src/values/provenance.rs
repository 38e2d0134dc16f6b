//! Who set a value: for each path the layer and the place in it.
//!
//! Invariant: an entry speaks for the value at its path and for all below it that has no entry of its own, so an entry
//! written later for a path takes the place of all entries below.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::coalesce::DEEPEST_CHART;
use super::set::Flag;
use super::{pointer, read};
use crate::chart::Chart;
use crate::diag::{Location, SourceFile, Span};

/// Where a value can come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// The values.yaml of a chart (its name).
    Defaults(Arc<str>),
    /// A file given with `-f`.
    File,
    /// A flag.
    Flag(Flag),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Defaults(chart) => write!(f, "defaults of chart {chart}"),
            Layer::File => f.write_str("values file"),
            Layer::Flag(flag) => f.write_str(flag.name()),
        }
    }
}

/// The layer and the place that set a value.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The key in a file, or the pair in an argument.
    pub at: Location,
}

/// For each JSON pointer who set the value there.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    origins: BTreeMap<String, Origin>,
}

impl Provenance {
    /// Who set the value at a JSON pointer (`/image/tag`): the entry of the path itself or of its nearest ancestor.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let mut at = path;
        loop {
            if let Some(origin) = self.origins.get(at) {
                return Some(origin);
            }
            at = pointer::parent(at)?;
        }
    }

    /// All entries, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.origins.iter().map(|(path, origin)| (path.as_str(), origin))
    }

    /// Notes that a layer set the value at `path`; unless `merged`, what lay below is gone.
    pub(crate) fn set(&mut self, path: &str, merged: bool, layer: Layer, file: &Arc<SourceFile>, span: Span) {
        if !merged {
            self.forget_below(path);
        }
        self.origins
            .insert(path.to_string(), Origin { layer, at: Location { file: Arc::clone(file), span } });
    }

    /// Notes the defaults of a chart (its values.yaml) and of its subcharts below `path`: they speak where nothing else
    /// does. Call it once for the root chart, with an empty path, after the user's layers were merged.
    ///
    /// A chart's own defaults for a subchart come before those of the subchart.
    pub fn add_defaults(&mut self, chart: &Chart, path: &str) {
        self.add_defaults_within(chart, path, 0);
    }

    fn add_defaults_within(&mut self, chart: &Chart, path: &str, depth: usize) {
        if let Some(file) = &chart.values_yaml {
            // A values.yaml that cannot be read has stopped the loading of the chart.
            for document in read::documents(file).unwrap_or_default() {
                for key in read::keys(&document) {
                    let at = Location { file: Arc::clone(file), span: key.span };
                    let layer = Layer::Defaults(Arc::clone(&chart.metadata.name));
                    self.origins.entry(format!("{path}{}", key.pointer)).or_insert(Origin { layer, at });
                }
            }
        }
        if depth < DEEPEST_CHART {
            for subchart in &chart.subcharts {
                self.add_defaults_within(subchart, &pointer::join(path, subchart.name()), depth + 1);
            }
        }
    }

    fn forget_below(&mut self, path: &str) {
        let below = format!("{path}/");
        let stale: Vec<String> = self
            .origins
            .range(below.clone()..)
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(&below))
            .cloned()
            .collect();
        for key in stale {
            self.origins.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::Layers;
    use super::*;

    fn places(provenance: &Provenance, path: &str) -> String {
        match provenance.origin(path) {
            Some(origin) => format!("{} {}", origin.layer, origin.at),
            None => "nowhere".to_string(),
        }
    }

    #[test]
    fn each_value_knows_the_layer_that_set_it_last() {
        let layers = Layers {
            files: vec![
                SourceFile::new(
                    "a.yaml",
                    "image:\n  tag: \"1\"\n  name: web\nlist: [x, z]\nold: {deep: {er: 1}}\n",
                ),
                SourceFile::new("b.yaml", "# more\n---\nimage:\n  tag: \"2\"\n"),
            ],
            json: vec![r#"{"whole": {"a": 1}, "old": 5}"#.to_string()],
            set: vec!["x=1,list[1]=w".to_string(), "image.extra.deep=1".to_string()],
            ..Layers::default()
        };
        let mut provenance = Provenance::default();
        layers.merge(&mut |_| Err(String::new()), Some(&mut provenance)).unwrap();
        for (path, expected) in [
            ("/image/name", "values file a.yaml:3:3"),
            ("/image/tag", "values file b.yaml:4:3"),
            ("/list/0", "values file a.yaml:4:8"),
            ("/list/1", "--set --set:1:5"),
            ("/image/extra/deep/below", "--set --set:1:1"),
            ("/whole/a", "--set-json --set-json:1:1"),
            ("/old/deep/er", "--set-json --set-json:1:1"),
            ("/nothing", "nowhere"),
        ] {
            assert_eq!(places(&provenance, path), expected, "{path}");
        }
    }
}
