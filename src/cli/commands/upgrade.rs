//! `bowline upgrade`.

use clap::Args;

use super::install::ReleaseOutput;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{
    ApplyArgs, ApplyOptions, ChartArgs, ChartRequest, DeprecatedApplyArgs, DryRun, OutputArg, ValueArgs,
    ValueSources, apply,
};
use crate::cli::bridge;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::options::Apply;
use crate::ops::upgrade as ops;
use crate::values::Reuse;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "upgrade",
    aliases: &[],
    about: "Bring a release to a new chart or new values",
    long: "\
Renders a chart with values and changes the objects of a release to match, recorded as its next revision. Objects that
are no longer in the chart are deleted.

Values given with -f or --set replace all values of the last revision; without any, the last revision's are used
again. --reuse-values and --reset-then-reuse-values put new values over the old ones.

With --if-changed no revision is written and no hook runs when the newest revision is deployed, it has the same Chart.yaml,
manifest, hooks, values and labels as the new one would have, and there is nothing to do in the store: no definition is
missing, and no object was changed by others in a field that the manifest names. Whether objects are ready is not looked
at. A chart that draws passwords or keys at each rendering is changed each time, unless it looks them up or --seed is
given; so is one that renders the number of the revision.",
    examples: "\
bowline upgrade web ./web --set image.tag=1.3
# Install it when it is not there yet
bowline upgrade --install web ./web -f production.yaml
bowline upgrade web ./web --rollback-on-failure --wait --timeout 10m
# In a pipeline that runs often: a revision only when there is something to do
bowline upgrade --install web ./web -f production.yaml --if-changed -o json",
    positionals: "RELEASE CHART",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<UpgradeVerbArgs>()),
};

/// Flags of `upgrade`.
#[derive(Debug, Clone, Args)]
pub struct UpgradeVerbArgs {
    /// Do nothing when nothing is changed: chart, values, manifest, hooks and live objects
    #[arg(long)]
    pub if_changed: bool,
    /// Those that `plan` and `diff upgrade` have too.
    #[command(flatten)]
    pub upgrade: UpgradeArgs,
}

/// Flags that say what to upgrade to.
#[derive(Debug, Clone, Args)]
pub struct UpgradeArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// The chart
    #[arg(value_name = "CHART")]
    pub chart_name: String,
    /// Install the release when it is not there
    #[arg(long, short)]
    pub install: bool,
    /// With --install, make the namespace when it is not there
    #[arg(long)]
    pub create_namespace: bool,
    /// Delete the objects that a failed upgrade created
    #[arg(long)]
    pub cleanup_on_fail: bool,
    /// How many revisions to keep; 0 for all
    #[arg(long, value_parser = parse::unsigned, value_name = "N")]
    pub history_max: Option<u32>,
    /// Forget the values of the last revision
    #[arg(long)]
    pub reset_values: bool,
    /// Put new values over those of the last revision, with its chart's defaults
    #[arg(long)]
    pub reuse_values: bool,
    /// Put new values over those of the last revision, with the new chart's defaults
    #[arg(long)]
    pub reset_then_reuse_values: bool,
    /// Leave secrets out of a dry run's output
    #[arg(long)]
    pub hide_secret: bool,
    /// Let the server merge changes: true, false, or auto for what the last revision did
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "auto",
          default_missing_value = "true", value_parser = server_side, value_name = "BOOL|auto")]
    pub server_side: ServerSide,
    /// How to render and apply.
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// Flags without effect.
    #[command(flatten)]
    pub dropped: DeprecatedApplyArgs,
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

/// Who merges changes into live objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerSide {
    /// As the revision that is the base did.
    Auto,
    /// The server.
    On,
    /// This program.
    Off,
}

/// The value of `--server-side` where it has three.
pub fn server_side(text: &str) -> Result<ServerSide, String> {
    match text {
        "auto" => Ok(ServerSide::Auto),
        "true" => Ok(ServerSide::On),
        "false" => Ok(ServerSide::Off),
        _ => Err("must be true, false or auto".to_string()),
    }
}

/// Which old values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OldValues {
    /// The old ones when no new ones are given, else none.
    #[default]
    WhenNoneAreNew,
    /// None.
    Reset,
    /// The old ones below the new, with the old chart's defaults.
    Reuse,
    /// The old ones below the new, with the new chart's defaults.
    ResetThenReuse,
}

/// What to upgrade to.
#[derive(Debug, Clone, PartialEq)]
pub struct UpgradeOptions {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The chart.
    pub chart: ChartRequest,
    /// The new values.
    pub values: ValueSources,
    /// What becomes of the old ones.
    pub old_values: OldValues,
    /// Install when absent.
    pub install: bool,
    /// Make the namespace when installing.
    pub create_namespace: bool,
    /// Delete what a failed upgrade created.
    pub cleanup_on_fail: bool,
    /// Revisions to keep; 0 for all.
    pub history_max: u32,
    /// Leave secrets out of what is shown.
    pub hide_secrets: bool,
    /// Who merges.
    pub server_side: ServerSide,
    /// How to render and apply.
    pub apply: ApplyOptions,
}

/// The words before every failure of an upgrade; an install that it turns into has none, as in Helm.
pub const FAILED: &str = "UPGRADE FAILED: ";

impl UpgradeArgs {
    fn old_values(&self) -> OldValues {
        // Helm's order when several are given.
        if self.reset_values {
            OldValues::Reset
        } else if self.reuse_values {
            OldValues::Reuse
        } else if self.reset_then_reuse_values {
            OldValues::ResetThenReuse
        } else {
            OldValues::WhenNoneAreNew
        }
    }

    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(UpgradeOptions, ReleaseOutput), Failure> {
        self.dropped.warn(session);
        let apply = self.apply.resolve(session)?;
        if self.hide_secret && apply.dry_run == DryRun::None {
            return Err(Failure::usage("hiding Kubernetes secrets requires a dry-run mode"));
        }
        let output = ReleaseOutput { format: self.output.output, hide_notes: self.apply.hide_notes };
        let options = UpgradeOptions {
            old_values: self.old_values(),
            chart: self.chart.resolve(session, &self.chart_name)?,
            release: self.release,
            namespace: session.namespace()?,
            values: self.values.resolve(),
            install: self.install,
            create_namespace: self.create_namespace,
            cleanup_on_fail: self.cleanup_on_fail,
            history_max: self.history_max.unwrap_or(session.settings.max_history),
            hide_secrets: self.hide_secret,
            server_side: self.server_side,
            apply,
        };
        Ok((options, output))
    }
}

impl UpgradeOptions {
    /// For the library.
    ///
    /// # Errors
    /// A flag cannot be honoured.
    pub fn to_ops(&self, session: &Session) -> Result<ops::UpgradeOptions, Failure> {
        Ok(ops::UpgradeOptions {
            release: self.release.clone(),
            chart: self.chart.to_ops(),
            values: self.values.to_ops(),
            reuse: match self.old_values {
                OldValues::WhenNoneAreNew => Reuse::Default,
                OldValues::Reset => Reuse::Reset,
                OldValues::Reuse => Reuse::Reuse,
                OldValues::ResetThenReuse => Reuse::ResetThenReuse,
            },
            install: self.install,
            create_namespace: self.create_namespace,
            history_max: self.history_max as usize,
            server_side: self.server_side.to_ops(),
            if_changed: false,
            apply: Apply {
                cleanup_on_fail: self.cleanup_on_fail,
                ..self.apply.to_ops(session, self.hide_secrets)?
            },
        })
    }
}

impl ServerSide {
    /// For the library: `None` is auto.
    pub fn to_ops(self) -> Option<bool> {
        match self {
            ServerSide::Auto => None,
            ServerSide::On => Some(true),
            ServerSide::Off => Some(false),
        }
    }
}

fn run(session: &Session, options: &UpgradeOptions, output: ReleaseOutput, if_changed: bool) -> Outcome {
    let store = session.store_for(options.apply.dry_run)?;
    let wanted = ops::UpgradeOptions { if_changed, ..options.to_ops(session)? };
    let target = bridge::target(&*store, &options.namespace);
    let installs = session.with_context(|context| ops::will_install(context, target, &wanted))?;
    let table = output.format == Format::Table;
    if installs && table {
        session.ui.out(&changes::installing_instead(&options.release))?;
    }
    // An install that an upgrade turned into fails without the words of an upgrade, as in Helm.
    let words = if installs { "" } else { FAILED };
    let report = session
        .with_interrupt(|context| ops::upgrade(context, target, &wanted))
        .map_err(|failure| failure.prefix(words))?;
    if table && report.unchanged {
        session.ui.out(&changes::unchanged(&options.release, report.release.version))?;
        return Ok(Exit::Done);
    }
    if !report.installed && table {
        session.ui.out(&changes::upgraded(&options.release))?;
    }
    output.print_with(session, &report.release, if_changed.then_some(!report.unchanged))?;
    Ok(Exit::Done)
}

impl Run for UpgradeVerbArgs {
    fn run(self, session: &Session) -> Outcome {
        let (options, output) = self.upgrade.resolve(session).map_err(|failure| failure.prefix(FAILED))?;
        run(session, &options, output, self.if_changed)
    }
}
