//! `bowline apply`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::install::ReleaseOutput;
use super::uninstall;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LockArgs, OutputArg};
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::{changes, structured};
use crate::ops::operation::Kind;
use crate::ops::saved::{self, ApplyOptions};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "apply",
    aliases: &[],
    about: "Carry out a saved plan",
    long: "\
Carries out a plan that `bowline plan --out` saved: the same objects, the same hooks, the same way. Nothing is rendered
again, and no chart is needed.

It is refused, and nothing is changed, when the file is damaged, the store is another one than the plan was made for, the
release has another newest revision, the plan was applied already, or an object that the plan is about is no longer what
it was: it appeared, vanished, or was changed in a field that the manifest names or the plan changes. What a cluster
writes by itself (status, versions) and fields that the plan leaves alone are no reason.",
    examples: "\
bowline plan web ./web --set replicaCount=3 --out web.plan
bowline apply web.plan
# Wait longer than the plan says, for another process and for the objects
bowline apply web.plan --wait-lock 5m --timeout 20m",
    positionals: "PLANFILE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ApplyPlanArgs>()),
};

/// Flags of `apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyPlanArgs {
    /// The plan
    #[arg(value_name = "PLANFILE")]
    pub plan: PathBuf,
    /// How long to wait for each object or hook, instead of the time that the plan was made with
    #[arg(long, value_parser = parse::duration, value_name = "DURATION")]
    pub timeout: Option<Duration>,
    /// Leave the notes out of the output
    #[arg(long)]
    pub hide_notes: bool,
    /// Waiting for other processes.
    #[command(flatten)]
    pub lock: LockArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ApplyPlanArgs {
    fn run(self, session: &Session) -> Outcome {
        let plan = session.with_context(|context| saved::read(context, &self.plan))?;
        let release = &plan.operation.release;
        // Only a namespace that somebody asked for can contradict the plan's own.
        let namespace = session.settings.given_namespace().unwrap_or(&release.namespace);
        let store = session.changing_store()?;
        let target = store.target(namespace);
        let options = ApplyOptions { wait_lock: self.lock.wait_lock, timeout: self.timeout };
        let report = session.with_interrupt(|context| saved::apply(context, target, &plan, options))?;
        let format = self.output.output;
        match (plan.operation.kind, format) {
            (Kind::Uninstall, _) => {
                let row = uninstall::row(&release.name, &report.plan);
                session.ui.out(&match format {
                    Format::Table => changes::uninstalled(&row),
                    format => structured(&[row], format)?,
                })?;
                return Ok(Exit::Done);
            }
            (Kind::Rollback, Format::Table) => {
                session.ui.out(changes::ROLLED_BACK)?;
                return Ok(Exit::Done);
            }
            (Kind::Upgrade, Format::Table) => session.ui.out(&changes::upgraded(&release.name))?,
            _ => {}
        }
        // As the verb itself prints it.
        let hide_notes = self.hide_notes || plan.operation.kind == Kind::Rollback;
        ReleaseOutput { format, hide_notes }.print(session, &report)?;
        Ok(Exit::Done)
    }
}
