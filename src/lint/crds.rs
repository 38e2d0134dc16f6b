//! The rules about crds/.
//!
//! Those of subcharts count too, where the chart has such a folder itself. Findings name them by their path in their own
//! chart, and point at the place in the whole.
//!
//! Invariant: a file that is no YAML ends them, as in Helm.

use serde::Deserialize;

use super::templates::{documents, unparsed};
use super::{Files, Finding};
use crate::chart::{Chart, ChartError, ChartFile};
use crate::data::yaml;
use crate::diag::{SourceFile, Span};
use crate::sys::fs::Kind;

const PATH: &str = "crds/";

/// What of a document is looked at. The names are those of Go's messages.
#[derive(Deserialize, Default)]
#[serde(default, rename = "rules.k8sYamlStruct")]
struct Head {
    #[serde(rename = "apiVersion")]
    api_version: String,
    #[serde(rename = "Kind")]
    kind: String,
}

pub(super) fn check(files: &Files, chart: Result<&Chart, &ChartError>, findings: &mut Vec<Finding>) {
    match files.kind("crds") {
        Kind::Missing => return,
        Kind::Folder => {}
        _ => return findings.push(Finding::new("crd-folder", PATH, "not a directory")),
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            return findings.push(Finding::new("crd-folder", PATH, error.to_string()).because(error));
        }
    };
    let mut all = Vec::new();
    collect(chart, "", &mut all);
    for (folder, file) in all {
        let source = SourceFile::new(files.name_of(&format!("{folder}{}", file.path)), file.text().as_ref());
        for (offset, text) in documents(source.text()) {
            let text = match text {
                Ok(text) => text,
                Err(reason) => {
                    let found = unparsed("crd-parse", &file.path, &reason);
                    return findings.push(found.at(&source, Span::new(offset, offset + "---".len())));
                }
            };
            let document = SourceFile::new(source.name(), text);
            if matches!(yaml::parse(&document), Ok(None)) {
                // Comments only.
                continue;
            }
            let at =
                |finding: Finding| finding.at(&source, Span::new(offset, offset + text.trim_end().len()));
            let head: Head = match yaml::typed(&document, false) {
                Ok(head) => head,
                Err(error) => {
                    return findings.push(at(unparsed("crd-parse", &file.path, &error)));
                }
            };
            if !head.api_version.starts_with("apiextensions.k8s.io") {
                let text = "apiVersion is not in 'apiextensions.k8s.io'";
                findings.push(at(Finding::new("crd-api-version", &*file.path, text)));
            }
            if head.kind != "CustomResourceDefinition" {
                let text = "object kind is not 'CustomResourceDefinition'";
                findings.push(at(Finding::new("crd-kind", &*file.path, text)));
            }
        }
    }
}

/// The files of a chart and then those of its subcharts, each after the folder of its chart.
fn collect<'c>(chart: &'c Chart, folder: &str, into: &mut Vec<(String, &'c ChartFile)>) {
    into.extend(chart.crds().map(|file| (folder.to_string(), file)));
    for subchart in &chart.subcharts {
        collect(subchart, &format!("{folder}charts/{}/", subchart.name()), into);
    }
}
