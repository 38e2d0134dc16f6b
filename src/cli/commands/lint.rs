//! `bowline lint`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::args::{ArchiveLimits, LimitArgs, OutputArg, ValueArgs, ValueSources};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "lint",
    aliases: &[],
    about: "Look for mistakes in charts",
    long: "\
Checks charts for mistakes: in Chart.yaml, in values and their schema, in templates and what they render to, in
dependencies and CRDs. Errors make it fail; with --strict warnings do too.",
    examples: "\
bowline lint ./web
bowline lint charts/* --strict -f ci/values.yaml
bowline lint ./web --kube-version 1.34 -o json",
    positionals: "PATH...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<LintArgs>()),
};

/// Flags of `lint`.
#[derive(Debug, Clone, Args)]
pub struct LintArgs {
    /// Charts to check, folders or archives
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Kubernetes version to check against
    #[arg(long, value_name = "VERSION")]
    pub kube_version: Option<String>,
    /// Print warnings and errors only
    #[arg(long)]
    pub quiet: bool,
    /// Do not check values against values.schema.json
    #[arg(long)]
    pub skip_schema_validation: bool,
    /// Fail on warnings too
    #[arg(long)]
    pub strict: bool,
    /// Check the charts below charts/ too
    #[arg(long)]
    pub with_subcharts: bool,
    /// Bounds for reading charts.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
    /// The values.
    #[command(flatten)]
    pub values: ValueArgs,
}

/// What to check.
#[derive(Debug, Clone, PartialEq)]
pub struct LintOptions {
    /// The charts.
    pub paths: Vec<PathBuf>,
    /// The namespace that templates see.
    pub namespace: String,
    /// Kubernetes version in place of the built-in one.
    pub kube_version: Option<String>,
    /// Check values against the schema.
    pub schema_validation: bool,
    /// Warnings fail.
    pub strict: bool,
    /// Check subcharts.
    pub with_subcharts: bool,
    /// The values.
    pub values: ValueSources,
    /// Bounds for reading.
    pub limits: ArchiveLimits,
}

impl Run for LintArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = LintOptions {
            paths: self.paths.iter().map(PathBuf::from).collect(),
            namespace: session.namespace_or_default(),
            kube_version: self.kube_version.filter(|version| !version.is_empty()),
            schema_validation: !self.skip_schema_validation,
            strict: self.strict,
            with_subcharts: self.with_subcharts,
            values: self.values.resolve(),
            limits: self.limits.resolve(),
        };
        unwired(session, &options)
    }
}
