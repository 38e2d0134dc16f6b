//! Lint: what is wrong with a chart, as findings and never as a failure.
//!
//! ```text
//! folder | archive ─► Files ─► Chart.yaml ─► values.yaml ─► templates ─► dependencies ─► crds ─► findings, in this order
//! ```
//!
//! Source of the rules, their texts and their order: `helm lint` of Helm 4.3.1, by running it. A finding has a rule from
//! the table [`RULES`] and, where there is a text to point at, a place in it.
//!
//! Invariant: a chart that cannot even be loaded gives findings; only what cannot be looked at at all is an error.

mod address;
mod chart_yaml;
mod crds;
mod dependencies;
mod deprecated;
mod error;
mod files;
mod names;
mod rules;
mod templates;
mod values_yaml;

use std::sync::Arc;

pub use error::LintError;
pub use files::{Files, is_archive};
pub use rules::{RULES, Rule, rule};

use crate::chart::Link;
use crate::data::Map;
use crate::diag::{Diagnostic, Location, Severity, SourceFile, Span};
use crate::render::{Capabilities, Passed};
use crate::sys::Host;
use crate::values::schema::Fetch;
use crate::values::{Compat, Provenance};

/// What is wrong at one place.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// What it is about, as Helm names it: `Chart.yaml`, `templates/`, `templates/a.yaml`, the chart's folder, or nothing.
    pub path: String,
    /// What is wrong, in Helm's words.
    pub message: String,
    /// The place in a text with advice, when there is one.
    pub diagnostic: Option<Diagnostic>,
}

impl Finding {
    fn new(id: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { rule: rule(id), path: path.into(), message: message.into(), diagnostic: None }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }

    /// Points at a place.
    fn at(mut self, file: &Arc<SourceFile>, span: Span) -> Self {
        let diagnostic = self.diagnostic.take();
        let diagnostic = diagnostic.unwrap_or_else(|| Diagnostic::new(self.rule.severity, &*self.message));
        self.diagnostic = Some(diagnostic.at(file, span));
        self
    }

    /// Takes the place and the advice of an error.
    fn because(mut self, error: &impl crate::diag::Hint) -> Self {
        if let Some(found) = error.diagnostic() {
            let mut diagnostic = found.clone();
            diagnostic.severity = self.rule.severity;
            self.diagnostic = Some(diagnostic);
        }
        self
    }

    /// Where it is, when there is a text to point at.
    pub fn location(&self) -> Option<&Location> {
        self.diagnostic.as_ref()?.at.as_ref()
    }
}

/// What a chart is checked with.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Clock and randomness for templates.
    pub host: &'a Host,
    /// The namespace that templates see.
    pub namespace: &'a str,
    /// The cluster that templates see, and whose deprecations count.
    pub capabilities: &'a Capabilities,
    /// The user's values.
    pub values: &'a Map,
    /// Where each of them was given.
    pub provenance: &'a Provenance,
    /// Leave values.schema.json out.
    pub skip_schema: bool,
    /// Fetches what schemas refer to.
    pub documents: &'a Fetch<'a>,
    /// Which Helm's rules for values count.
    pub compat: Compat,
    /// Hears of demands of templates that were let pass.
    pub passed: &'a dyn Fn(&Passed),
    /// Hears of the links in the chart's folder.
    pub linked: &'a dyn Fn(&Link),
}

/// Checks a chart.
pub fn lint(files: &Files, settings: &Settings<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    chart_yaml::check(files, &mut findings);
    values_yaml::check(files, settings, &mut findings);
    let chart = files.load();
    chart.iter().flat_map(|chart| &chart.links).for_each(settings.linked);
    templates::check(files, chart.as_ref(), settings, &mut findings);
    dependencies::check(files, chart.as_ref(), &mut findings);
    crds::check(files, chart.as_ref(), &mut findings);
    findings
}
