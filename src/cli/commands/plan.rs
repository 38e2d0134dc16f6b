//! `bowline plan`.

use std::path::PathBuf;

use clap::Args;

use super::diff::DiffArgs;
use super::upgrade::UpgradeArgs;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::apply;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::plan::{self, PlanReport};
use crate::ops::options::DryRun;
use crate::ops::preview::Preview;
use crate::ops::{saved, upgrade};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "plan",
    aliases: &[],
    about: "Show what an upgrade or install would do, and save it to be applied as it is",
    long: "\
Renders the chart as `bowline upgrade` with the same flags would, and shows what would become of each object and why: it
is created, changed field by field, replaced, adopted, deleted, or kept. On a cluster the server says what an object would
become (a dry run on its side). Hooks and definitions of crds/ are shown too, values of secrets never. The exit code is 0
when there is nothing to change and 2 when there is something.

With --out the plan is saved, and `bowline apply` carries out exactly that: nothing is rendered again, and how it is
carried out (--wait, --timeout, --rollback-on-failure, --history-max, …) is part of the plan. It is refused when the
release or an object changed in the meantime. The file holds the values and the secrets of the release in plain text and
can be read by its owner only (mode 0600). Nothing is written to the store but an identity, by which `apply` knows it
again, where it has none yet. --wait-lock is not part of a plan: `apply` has its own.",
    examples: "\
bowline plan web ./web --set replicaCount=3
# Save it, look at it, carry it out
bowline plan web ./web --set replicaCount=3 --out web.plan
bowline apply web.plan
bowline plan web ./web --install -o json",
    positionals: "RELEASE CHART",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<PlanArgs>()),
};

/// Flags of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Save the plan to this file, for `apply`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Those of the upgrade.
    #[command(flatten)]
    pub upgrade: UpgradeArgs,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
}

impl Run for PlanArgs {
    fn run(self, session: &Session) -> Outcome {
        let (mut options, output) = self.upgrade.resolve(session)?;
        if options.apply.dry_run == DryRun::Client {
            return Err(Failure::usage(
                "a plan is made against the store, and --dry-run=client does not look at it",
            )
            .hint("leave --dry-run out: a plan changes nothing"));
        }
        // A plan is no dry run: what it would do is what will be done.
        options.apply.hide_secrets = false;
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let (operation, preview) = session.with_context(|context| {
            let operation = upgrade::decide(context, target, &options)?;
            let preview = Preview::of(context, target, &operation)?;
            if let Some(path) = &self.out {
                saved::save(context, target, &operation, path)?;
            }
            Ok((operation, preview))
        })?;
        let path = self.out.as_ref().map(|path| path.display().to_string());
        let report = PlanReport { operation: &operation, preview: &preview, saved: path.as_deref() };
        let context = (!self.how.fields).then_some(self.how.context);
        session.ui.out(&plan::text(report, output.format, context, session.ui.paint)?)?;
        Ok(if preview.has_changes() { Exit::Differences } else { Exit::Done })
    }
}
