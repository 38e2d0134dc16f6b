//! `bowline template`.

use std::path::PathBuf;

use clap::Args;

use super::install::NameArgs;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{ApplyArgs, ChartArgs, ValueArgs, apply};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Csv};
use crate::cli::settings::Session;
use crate::ops::options::{DryRun, ReleaseName};
use crate::ops::template::{self as ops, TemplateOptions};
use crate::render::KubeVersion;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "template",
    aliases: &[],
    about: "Print what a chart renders to",
    long: "\
Renders a chart with values and prints the manifests, without touching any store. Lookups find nothing unless
--dry-run=server asks the store.

The release is called release-name unless a name is given.",
    examples: "\
bowline template web ./web
bowline template ./web -f production.yaml --show-only templates/service.yaml
bowline template web ./web --kube-version 1.34 --api-versions monitoring.coreos.com/v1
bowline template web ./web --output-dir rendered",
    positionals: "[NAME] CHART",
    exclusive: EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<TemplateArgs>()),
};

const EXCLUSIVE: &[&[&str]] = &[apply::EXCLUSIVE[0], &["validate", "dry-run"]];

/// Flags of `template`.
#[derive(Debug, Clone, Args)]
pub struct TemplateArgs {
    /// The release's name, then the chart
    #[arg(value_name = "NAME CHART", required = true)]
    pub words: Vec<String>,
    /// The release's name.
    #[command(flatten)]
    pub name: NameArgs,
    /// API versions that templates shall find, beside the built-in ones
    #[arg(long, short, value_parser = parse::csv, value_name = "VERSION,…")]
    pub api_versions: Vec<Csv>,
    /// Kubernetes version that templates see
    #[arg(long, value_name = "VERSION")]
    pub kube_version: Option<String>,
    /// Print the objects of crds/ first
    #[arg(long)]
    pub include_crds: bool,
    /// Render as an upgrade does, not as an install
    #[arg(long)]
    pub is_upgrade: bool,
    /// Print only these templates
    #[arg(long, short, alias = "execute", short_alias = 'x', value_name = "PATH")]
    pub show_only: Vec<String>,
    /// Print the notes too, after everything else
    #[arg(long)]
    pub notes: bool,
    /// Leave out hooks that are tests
    #[arg(long)]
    pub skip_tests: bool,
    /// Write files below this folder instead of printing
    #[arg(long, value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,
    /// With --output-dir, put the release's name into the path
    #[arg(long)]
    pub release_name: bool,
    /// Ask the store to check the manifests
    #[arg(long, hide = true)]
    pub validate: bool,
    /// Accepted, without effect here
    #[arg(long, hide = true)]
    pub create_namespace: bool,
    /// Accepted, without effect here
    #[arg(long, hide = true)]
    pub replace: bool,
    /// Accepted, without effect here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value = "true",
          default_missing_value = "true", value_parser = parse::boolean)]
    pub server_side: bool,
    /// How to render and apply.
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// The values.
    #[command(flatten)]
    pub values: ValueArgs,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl TemplateArgs {
    /// What the flags mean, and the folder to write files below.
    pub(crate) fn resolve(self, session: &Session) -> Result<(TemplateOptions, Option<PathBuf>), Failure> {
        // Helm looks at it first.
        self.kube_version
            .as_deref()
            .filter(|version| !version.is_empty())
            .map(KubeVersion::parse)
            .transpose()?;
        let (name, chart) = self.name.resolve(&self.words, Some("release-name"))?;
        let inert = ["hide-notes", "render-subchart-notes"].into_iter().filter(|_| !self.notes);
        for flag in inert.filter(|flag| session.was_given(flag)) {
            session.ui.note(format!(
                "Flag --{flag} has been deprecated, this flag has no effect for 'helm template' and will be removed in \
                 Helm 5"
            ));
        }
        let typed = self.apply.dry_run.dry_run.as_deref();
        if typed.is_some_and(|typed| parse::boolean(typed) == Ok(false)) {
            return Err(Failure::usage(
                "invalid dry-run value (\"false\"). Must be \"server\" or \"client\"",
            ));
        }
        let mut apply = self.apply.resolve(session)?;
        if !session.was_given("dry-run") {
            apply.dry_run = if self.validate { DryRun::Server } else { DryRun::Client };
        } else if apply.dry_run == DryRun::None {
            return Err(Failure::usage("invalid dry-run value (\"none\"). Must be \"server\" or \"client\""));
        }
        let output_folder = match &name {
            ReleaseName::Given(name) if self.release_name => self.output_dir.map(|folder| folder.join(name)),
            _ => self.output_dir,
        };
        let options = TemplateOptions {
            name,
            namespace: if apply.dry_run == DryRun::Server {
                session.namespace()?
            } else {
                session.namespace_or_default()
            },
            chart: self.chart.resolve(session, &chart),
            values: self.values.resolve(),
            api_versions: self.api_versions.into_iter().flat_map(|Csv(versions)| versions).collect(),
            kube_version: self.kube_version.filter(|version| !version.is_empty()),
            include_crds: self.include_crds,
            is_upgrade: self.is_upgrade,
            show_only: self.show_only,
            notes: self.notes,
            skip_tests: self.skip_tests,
            apply,
        };
        Ok((options, output_folder))
    }
}

impl Run for TemplateArgs {
    fn run(self, session: &Session) -> Outcome {
        let (options, output_folder) = self.resolve(session)?;
        let server = options.apply.dry_run == DryRun::Server;
        let store = if server { Some(session.store()?) } else { None };
        let report = session.with_context(|context| ops::template(context, store.as_deref(), &options))?;
        match &output_folder {
            None => session.ui.out_from(|out| report.write_to(out))?,
            Some(folder) => {
                let paths =
                    session.with_context(|_| ops::write_files(&report, &session.host.resolve(folder)))?;
                // As it was typed, without a leading `./`: so Helm shows it.
                let shown = folder.strip_prefix(".").unwrap_or(folder);
                for path in paths {
                    session.ui.line(format!("wrote {}", shown.join(path).display()))?;
                }
                session.ui.line("")?;
            }
        }
        // The process ends here, and the system takes its memory back faster than it can be taken apart.
        std::mem::forget(report);
        Ok(Exit::Done)
    }
}
