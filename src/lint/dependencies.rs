//! The rules about charts/ and the dependencies in Chart.yaml. Names count, as in Helm.
//!
//! Invariant: names are told in the order of charts/ (sorted) or of Chart.yaml.

use super::{Files, Finding};
use crate::chart::{Chart, ChartError};

pub(super) fn check(files: &Files, chart: Result<&Chart, &ChartError>, findings: &mut Vec<Finding>) {
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            let text = format!("unable to load chart\n\t{error}");
            return findings.push(Finding::new("dependency-load", "", text).because(error));
        }
    };
    let wanted = &chart.metadata.dependencies;
    let undeclared: Vec<&str> = chart
        .subcharts
        .iter()
        .map(Chart::name)
        .filter(|name| !wanted.iter().any(|dependency| dependency.name == *name))
        .collect();
    if !undeclared.is_empty() {
        let text = format!("chart metadata is missing these dependencies: {}", undeclared.join(","));
        findings.push(Finding::new("dependency-undeclared", &*files.place, text));
    }
    let unfetched: Vec<&str> =
        chart.missing_dependencies().map(|dependency| dependency.name.as_str()).collect();
    if !unfetched.is_empty() {
        let text = format!("chart directory is missing these dependencies: {}", unfetched.join(","));
        findings.push(Finding::new("dependency-unfetched", &*files.place, text));
    }
}
