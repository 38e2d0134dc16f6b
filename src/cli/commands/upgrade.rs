//! `bowline upgrade`.

use std::cell::Cell;

use clap::Args;

use super::install::ReleaseOutput;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{ApplyArgs, ChartArgs, DeprecatedApplyArgs, OutputArg, ValueArgs, apply};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::Event;
use crate::ops::options::DryRun;
use crate::ops::upgrade::{self as ops, UpgradeOptions};
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
pub struct ServerSide(
    /// The server, or this program; `None` for whoever did it in the revision that is the base.
    pub Option<bool>,
);

/// The value of `--server-side` where it has three.
pub fn server_side(text: &str) -> Result<ServerSide, String> {
    match text {
        "auto" => Ok(ServerSide(None)),
        "true" => Ok(ServerSide(Some(true))),
        "false" => Ok(ServerSide(Some(false))),
        _ => Err("must be true, false or auto".to_string()),
    }
}

/// The words before every failure of an upgrade; an install that it turns into has none, as in Helm.
pub const FAILED: &str = "UPGRADE FAILED: ";

impl UpgradeArgs {
    fn reuse(&self) -> Reuse {
        // Helm's order when several are given.
        if self.reset_values {
            Reuse::Reset
        } else if self.reuse_values {
            Reuse::Reuse
        } else if self.reset_then_reuse_values {
            Reuse::ResetThenReuse
        } else {
            Reuse::Default
        }
    }

    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(UpgradeOptions, ReleaseOutput), Failure> {
        self.dropped.warn(session);
        let mut apply = self.apply.resolve(session)?;
        if self.hide_secret && apply.dry_run == DryRun::None {
            return Err(Failure::usage("hiding Kubernetes secrets requires a dry-run mode"));
        }
        apply.hide_secrets = self.hide_secret;
        apply.cleanup_on_fail = self.cleanup_on_fail;
        let output = ReleaseOutput { format: self.output.output, hide_notes: self.apply.hide_notes };
        let options = UpgradeOptions {
            reuse: self.reuse(),
            chart: self.chart.resolve(session, &self.chart_name),
            release: self.release,
            values: self.values.resolve(),
            install: self.install,
            create_namespace: self.create_namespace,
            history_max: self.history_max.unwrap_or(session.settings.max_history) as usize,
            server_side: self.server_side.0,
            if_changed: false,
            apply,
        };
        Ok((options, output))
    }
}

fn run(session: &Session, options: &UpgradeOptions, output: ReleaseOutput) -> Outcome {
    let namespace = session.namespace().map_err(|failure| failure.prefix(FAILED))?;
    let store = session.store_with_history(options.apply.dry_run)?;
    let target = store.target(&namespace);
    let table = output.format == Format::Table;
    let installs = Cell::new(false);
    let hear = |event: &Event| {
        // Said once, however often a busy release makes it start again. That nobody reads it takes nothing from the rest.
        if matches!(event, Event::InstallsInstead) && !installs.replace(true) && table {
            let _ = session.ui.out(&changes::installing_instead(&options.release));
        }
    };
    let report = session
        .with_listener(&hear, |context| ops::upgrade(context, target, options))
        // An install that an upgrade turned into fails without the words of an upgrade, as in Helm.
        .map_err(|failure| failure.prefix(if installs.get() { "" } else { FAILED }))?;
    if table && report.unchanged {
        session.ui.out(&changes::unchanged(&options.release, report.release.version))?;
        return Ok(Exit::Done);
    }
    if !report.installed && table {
        session.ui.out(&changes::upgraded(&options.release))?;
    }
    output.print_with(session, &report, options.if_changed.then_some(!report.unchanged))?;
    Ok(Exit::Done)
}

impl Run for UpgradeVerbArgs {
    fn run(self, session: &Session) -> Outcome {
        let (mut options, output) =
            self.upgrade.resolve(session).map_err(|failure| failure.prefix(FAILED))?;
        options.if_changed = self.if_changed;
        run(session, &options, output)
    }
}
