//! `bowline plan`: what an operation would do, shown and saved.

pub mod rollback;
pub mod uninstall;
pub mod upgrade;

use std::path::PathBuf;

use clap::Args;

use super::diff::DiffArgs;
use super::{Body, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view::plan::{self, PlanReport};
use crate::ops::change::Target;
use crate::ops::operation::Operation;
use crate::ops::preview::Preview;
use crate::ops::{Context, OpsError, saved};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "plan",
    aliases: &[],
    about: "Show what an operation would do, and save it to be applied as it is",
    long: "\
Shows what an upgrade (or install), a rollback or an uninstall would do, object by object, and changes nothing. `plan
RELEASE CHART` is `plan upgrade`. The exit code is 0 when there is nothing to change and 2 when there is something.

With --out the plan is saved, and `bowline apply` carries out exactly that: nothing is rendered again, and how it is
carried out (--wait, --timeout, --rollback-on-failure, --history-max, …) is part of the plan. It is refused when the
release or an object changed in the meantime. The file holds the values and the secrets of the release in plain text and
can be read by its owner only (mode 0600). Nothing is written to the store but an identity, by which `apply` knows it
again, where it has none yet. --wait-lock is not part of a plan: `apply` has its own.",
    examples: "\
bowline plan web ./web --set replicaCount=3
bowline plan rollback web 3 --out web.plan
bowline plan uninstall web --out web.plan
bowline apply web.plan",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[&rollback::VERB, &uninstall::VERB, &upgrade::VERB],
        fallback: Some(&upgrade::VERB),
    },
};

/// Where a plan is saved.
#[derive(Debug, Clone, Args)]
pub struct OutArg {
    /// Save the plan to this file, for `apply`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Decides on an operation, saves it when that is asked for, prints it, and says with the exit code whether it does anything.
///
/// # Errors
/// It cannot be decided, saved or printed.
fn show(
    session: &Session,
    how: &DiffArgs,
    format: Format,
    out: &OutArg,
    decide: impl Fn(&Context<'_>, Target<'_>) -> Result<Operation, OpsError>,
) -> Outcome {
    let namespace = session.namespace()?;
    let store = session.store()?;
    let target = store.target(&namespace);
    let (operation, preview) = session.with_context(|context| {
        let operation = decide(context, target)?;
        let preview = Preview::of(context, target, &operation)?;
        if let Some(path) = &out.out {
            saved::save(context, target, &operation, path)?;
        }
        Ok((operation, preview))
    })?;
    let path = out.out.as_ref().map(|path| path.display().to_string());
    let report = PlanReport { operation: &operation, preview: &preview, saved: path.as_deref() };
    let context = (!how.fields).then_some(how.context);
    session.ui.out(&plan::text(report, format, context, session.ui.paint)?)?;
    Ok(if preview.has_changes() { Exit::Differences } else { Exit::Done })
}
