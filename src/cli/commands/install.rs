//! `bowline install`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{ApplyArgs, ChartArgs, OutputArg, ValueArgs, apply};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::release::Block;
use crate::ops::install::{self as ops, InstallOptions, ReleaseReport};
use crate::ops::options::{DryRun, ReleaseName};
use crate::ops::query;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "install",
    aliases: &[],
    about: "Install a chart as a release",
    long: "\
Renders a chart with values and creates its objects, recorded as revision 1 of a release. The chart is a folder, an
archive, REPOSITORY/NAME of a configured repository, or a URL; with --repo it is a bare name in that repository.

Values come from the chart's values.yaml, then from files (-f), then from --set-json, --set, --set-string, --set-file
and --set-literal; what comes later wins.",
    examples: "\
bowline install web ./web
bowline install web ./web -f production.yaml --set image.tag=1.2
bowline install web stable/web --version '^2.1'
bowline install --generate-name --repo https://charts.example.com web
# Only show what would be created
bowline install web ./web --dry-run=client",
    positionals: "[NAME] CHART",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<InstallArgs>()),
};

/// How a release gets its name.
#[derive(Debug, Clone, Default, Args)]
pub struct NameArgs {
    /// Make up a name from the chart's
    #[arg(long, short)]
    pub generate_name: bool,
    /// Make the name from a template
    #[arg(long, value_name = "TEMPLATE")]
    pub name_template: Option<String>,
    /// Name of the release, as Helm 2 wrote it
    #[arg(long, hide = true)]
    pub name: Option<String>,
}

impl NameArgs {
    /// The name and the chart among the positionals.
    ///
    /// # Errors
    /// There is no name and no way to make one, there are two, or there are too many words. `default` is the name for
    /// commands that need none.
    pub fn resolve(&self, words: &[String], default: Option<&str>) -> Result<(ReleaseName, String), Failure> {
        let (name, chart) = match words {
            [chart] => (None, chart),
            [name, chart] => (Some(name), chart),
            [_, _, rest @ ..] => {
                return Err(Failure::usage(format!(
                    "expected at most two arguments, unexpected arguments: {}",
                    rest.join(", ")
                )));
            }
            [] => return Err(Failure::usage("a chart is needed")),
        };
        if let (Some(name), Some(other)) = (name, &self.name) {
            return Err(Failure::usage("cannot set --name and also specify a name")
                .hint(format!("the release is to be named {name} and {other}: leave one of them out")));
        }
        let name = match (name.or(self.name.as_ref()), &self.name_template) {
            (Some(_), _) if self.generate_name => {
                return Err(Failure::usage("cannot set --generate-name and also specify a name"));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::usage("cannot set --name-template and also specify a name"));
            }
            (Some(name), None) => ReleaseName::Given(name.clone()),
            (None, Some(template)) => ReleaseName::Template(template.clone()),
            (None, None) if self.generate_name => ReleaseName::Generated,
            (None, None) => match default {
                Some(name) => ReleaseName::Given(name.to_string()),
                None => {
                    return Err(Failure::usage("must either provide a name or specify --generate-name")
                        .hint(format!("write the name before the chart: NAME {chart}")));
                }
            },
        };
        Ok((name, chart.clone()))
    }
}

/// Flags of `install`.
#[derive(Debug, Clone, Args)]
pub struct InstallArgs {
    /// The release's name, then the chart
    #[arg(value_name = "NAME CHART", required = true)]
    pub words: Vec<String>,
    /// The release's name.
    #[command(flatten)]
    pub name: NameArgs,
    /// Make the namespace when it is not there
    #[arg(long)]
    pub create_namespace: bool,
    /// Use a name again whose last revision is uninstalled or failed
    #[arg(long)]
    pub replace: bool,
    /// Leave secrets out of a dry run's output
    #[arg(long)]
    pub hide_secret: bool,
    /// Let the server merge changes (server-side apply); =false merges here
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "true", default_missing_value = "true", value_parser = parse::boolean,
          value_name = "BOOL")]
    pub server_side: bool,
    /// How to render and apply.
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
    /// The values.
    #[command(flatten)]
    pub values: ValueArgs,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

/// How to print a release that was installed or upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseOutput {
    /// Table is the release block.
    pub format: Format,
    /// Leave the notes out.
    pub hide_notes: bool,
}

/// The words before every failure of an install.
pub const FAILED: &str = "INSTALLATION FAILED: ";

impl InstallArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(InstallOptions, ReleaseOutput), Failure> {
        let (name, chart) = self.name.resolve(&self.words, None)?;
        let mut apply = self.apply.resolve(session)?;
        if self.hide_secret && apply.dry_run == DryRun::None {
            return Err(Failure::usage("hiding Kubernetes secrets requires a dry-run mode"));
        }
        apply.hide_secrets = self.hide_secret;
        let output = ReleaseOutput { format: self.output.output, hide_notes: self.apply.hide_notes };
        let options = InstallOptions {
            name,
            chart: self.chart.resolve(session, &chart),
            values: self.values.resolve(),
            create_namespace: self.create_namespace,
            replace: self.replace,
            server_side: self.server_side,
            apply,
        };
        Ok((options, output))
    }
}

fn run(session: &Session, options: &InstallOptions, output: ReleaseOutput) -> Outcome {
    let namespace = session.namespace()?;
    let store = session.store_for(options.apply.dry_run)?;
    let target = store.target(&namespace);
    let report = session.with_interrupt(|context| ops::install(context, target, options))?;
    output.print(session, &report)?;
    Ok(Exit::Done)
}

impl ReleaseOutput {
    /// Prints a release that was installed or upgraded.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print(self, session: &Session, report: &ReleaseReport) -> Result<(), Failure> {
        self.print_with(session, report, None)
    }

    /// The same; `changed` says whether there was anything to do, where that was asked.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print_with(
        self,
        session: &Session,
        report: &ReleaseReport,
        changed: Option<bool>,
    ) -> Result<(), Failure> {
        let recorded = match (&report.computed, session.settings.debug) {
            (None, true) => Some(query::values_of(&report.release, true).map_err(Failure::of_verb)?),
            _ => None,
        };
        let block = Block {
            hide_notes: self.hide_notes,
            everything: session.settings.debug,
            computed: report.computed.as_ref().or(recorded.as_ref()),
            fresh: report.computed.is_some(),
            changed,
            ..Block::default()
        };
        session.ui.out(&view::release::text(&report.release, self.format, &block, session.ui.paint)?)
    }
}

impl Run for InstallArgs {
    fn run(self, session: &Session) -> Outcome {
        let (options, output) = self.resolve(session).map_err(|failure| failure.prefix(FAILED))?;
        run(session, &options, output).map_err(|failure| failure.prefix(FAILED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(flags: NameArgs, words: &[&str], default: Option<&str>) -> Result<(ReleaseName, String), String> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        flags.resolve(&words, default).map_err(|failure| failure.message().to_string())
    }

    #[test]
    fn a_name_comes_from_one_place() {
        let given = |name: &str| ReleaseName::Given(name.to_string());
        let none = NameArgs::default;
        assert_eq!(name(none(), &["r", "c"], None), Ok((given("r"), "c".into())));
        let old = NameArgs { name: Some("r".into()), ..none() };
        assert_eq!(name(old, &["c"], None), Ok((given("r"), "c".into())));
        assert_eq!(name(none(), &["c"], Some("d")), Ok((given("d"), "c".into())));
        let generated = NameArgs { generate_name: true, ..none() };
        assert_eq!(name(generated.clone(), &["c"], None), Ok((ReleaseName::Generated, "c".into())));
        for (flags, words, message) in [
            (none(), &["c"][..], "must either provide a name or specify --generate-name"),
            (
                NameArgs { name: Some("w".into()), ..none() },
                &["r", "c"],
                "cannot set --name and also specify a name",
            ),
            (generated, &["r", "c"], "cannot set --generate-name and also specify a name"),
            (none(), &["r", "c", "x", "y"], "expected at most two arguments, unexpected arguments: x, y"),
        ] {
            assert_eq!(name(flags, words, None).unwrap_err(), message);
        }
    }
}
