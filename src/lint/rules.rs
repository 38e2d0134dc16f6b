//! The table of rules.
//!
//! Invariant: sorted by id, each id once; every finding names one of them.

use crate::diag::Severity::{self, Error, Info, Warning};

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which never changes.
    pub id: &'static str,
    /// How bad a finding of it is.
    pub severity: Severity,
    /// What it demands, in one sentence.
    pub doc: &'static str,
}

const fn new(id: &'static str, severity: Severity, doc: &'static str) -> Rule {
    Rule { id, severity, doc }
}

/// Every rule, sorted by id.
pub const RULES: &[Rule] = &[
    new("chart-api-version", Error, "Chart.yaml's apiVersion is v1 or v2."),
    new("chart-app-version-type", Error, "Chart.yaml's appVersion is a text; quote numbers."),
    new("chart-dependencies-v1", Error, "Charts of apiVersion v1 have no dependencies in Chart.yaml."),
    new("chart-file", Error, "Chart.yaml is a file."),
    new("chart-icon", Info, "A chart has an icon."),
    new("chart-icon-url", Error, "The icon is a URL."),
    new("chart-maintainer", Error, "A maintainer has a name; address and page are well-formed."),
    new("chart-name", Error, "A chart has a name that can be a folder's."),
    new("chart-parse", Error, "Chart.yaml is YAML with fields of the right types."),
    new("chart-source-url", Error, "Sources are URLs."),
    new("chart-strict", Warning, "Chart.yaml has no unknown and no repeated fields."),
    new("chart-type-v1", Error, "Charts of apiVersion v1 have no type."),
    new("chart-version", Error, "A chart has a semantic version."),
    new("chart-version-strict", Warning, "The version has all of its three numbers and nothing before them."),
    new("chart-version-type", Error, "Chart.yaml's version is a text; quote numbers."),
    new("crd-api-version", Error, "Objects in crds/ are of the group apiextensions.k8s.io."),
    new("crd-folder", Error, "crds is a folder of a chart that can be loaded."),
    new("crd-kind", Error, "Objects in crds/ are CustomResourceDefinitions."),
    new("crd-parse", Error, "Files in crds/ are YAML."),
    new("dependency-load", Error, "The chart and its subcharts can be loaded."),
    new("dependency-undeclared", Error, "Every chart below charts/ is among the dependencies in Chart.yaml."),
    new("dependency-unfetched", Warning, "Every dependency in Chart.yaml is below charts/."),
    new("object-deprecated", Warning, "Objects are of versions that the cluster will go on to serve."),
    new(
        "object-list-annotation",
        Error,
        "Objects within a List carry no resource policy, which has no effect there.",
    ),
    new("object-name", Warning, "Objects have names that Kubernetes takes."),
    new("object-selector", Error, "Workloads have a selector."),
    new("template-extension", Error, "Files in templates/ end in .yaml, .yml, .tpl or .txt."),
    new("template-folder", Warning, "A chart has a folder of templates."),
    new("template-folder-kind", Error, "templates is a folder."),
    new("template-indent", Warning, "A rendered document starts at the left edge."),
    new("template-load", Error, "The chart can be loaded."),
    new("template-parse", Error, "Templates render to YAML objects."),
    new("template-render", Error, "Templates render."),
    new("template-values", Error, "The values meet the schemas of the chart and its subcharts."),
    new("values-file", Info, "A chart has a values.yaml."),
    new("values-parse", Error, "values.yaml is YAML and a map."),
    new("values-schema", Error, "The values meet the chart's schema."),
];

/// The rule of an id. An id that is not in the table is a slip in this module, which its tests would show; the last rule
/// stands in for it.
pub fn rule(id: &str) -> &'static Rule {
    let at = RULES.binary_search_by(|rule| rule.id.cmp(id)).unwrap_or(RULES.len() - 1);
    &RULES[at] // `at` is the place of a rule: found, or the last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_rule_finds_itself() {
        assert!(RULES.is_sorted_by(|one, other| one.id < other.id));
        for found in RULES {
            assert_eq!(rule(found.id), found);
            assert!(found.doc.ends_with('.'), "{}", found.id);
        }
    }

    #[test]
    fn ids_in_the_code_are_in_the_table_and_the_other_way_round() {
        let code = [
            include_str!("chart_yaml.rs"),
            include_str!("crds.rs"),
            include_str!("dependencies.rs"),
            include_str!("templates.rs"),
            include_str!("values_yaml.rs"),
        ]
        .concat();
        for found in RULES {
            assert!(code.contains(&format!("\"{}\"", found.id)), "no code finds {}", found.id);
        }
        let ids =
            regex::Regex::new(r#""((?:chart|crd|dependency|object|template|values)-[a-z0-9-]+)""#).unwrap();
        for id in ids.captures_iter(&code) {
            assert!(RULES.iter().any(|rule| rule.id == &id[1]), "{} is not in the table", &id[1]);
        }
    }
}
