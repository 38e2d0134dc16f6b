//! `bowline lint`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LimitArgs, OutputArg, ValueArgs};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::lint::LintedChart;
use crate::ops::lint::{self, LintOptions};

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

impl LintArgs {
    fn resolve(self, session: &Session) -> LintOptions {
        LintOptions {
            paths: self.paths,
            namespace: session.namespace_or_default(),
            kube_version: self.kube_version.filter(|version| !version.is_empty()),
            skip_schema: self.skip_schema_validation,
            strict: self.strict,
            with_subcharts: self.with_subcharts,
            values: self.values.resolve(),
            compat: session.settings.values_compat(),
            limits: self.limits.resolve(),
        }
    }
}

impl Run for LintArgs {
    fn run(self, session: &Session) -> Outcome {
        let (format, quiet) = (self.output.output, self.quiet);
        let options = self.resolve(session);
        let linted = session.with_context(|context| lint::lint(context, &options))?;
        let any_failed = linted.iter().any(|chart| chart.failed);
        if format != Format::Table {
            let charts: Vec<LintedChart> = linted.iter().map(|chart| LintedChart::of(chart, quiet)).collect();
            session.ui.out(&view::structured(&charts, format)?)?;
            return Ok(if any_failed { Exit::Failed } else { Exit::Done });
        }
        // Helm's lines are for programs that read them; a person sees the places too.
        let places = session.ui.out_is_terminal() && !session.settings.program.as_helm;
        let charts: Vec<LintedChart> = linted.iter().map(|chart| LintedChart::of(chart, false)).collect();
        let (text, summary) = view::lint::text(&charts, quiet, places, session.ui.paint);
        session.ui.out(&text)?;
        if any_failed {
            return Err(Failure::new(summary));
        }
        if !summary.is_empty() {
            session.ui.line(summary)?;
        }
        Ok(Exit::Done)
    }
}
