//! `bowline diff`: what an operation would change.

pub mod release;
pub mod revision;
pub mod rollback;
pub mod upgrade;

use clap::Args;

use super::{Body, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::plan::diff::ObjectDiff;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "diff",
    aliases: &[],
    about: "Show what an upgrade or rollback would change, or how revisions differ",
    long: "\
Shows differences object by object, hooks and new definitions of crds/ among them, and changes nothing. Values of secrets
are never shown. Where live objects are compared, a field that others had changed since the last revision is marked with
what that revision has. The exit code is 0 when there are no differences and 2 when there are some.",
    examples: "\
bowline diff upgrade web ./web --set replicaCount=3
bowline diff rollback web 1
bowline diff revision web 1 2",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[&release::VERB, &revision::VERB, &rollback::VERB, &upgrade::VERB],
        fallback: None,
    },
};

/// How differences are shown.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// Lines to show around each change
    #[arg(long, default_value = "3", value_name = "LINES")]
    pub context: usize,
    /// Show only which fields change, one a line
    #[arg(long)]
    pub fields: bool,
}

/// Prints differences and says with the exit code whether there are any.
///
/// # Errors
/// They cannot be printed.
pub fn show(session: &Session, how: &DiffArgs, output: &OutputArg, found: &[ObjectDiff]) -> Outcome {
    let context = (!how.fields).then_some(how.context);
    session.ui.out(&view::diff::text(found, output.output, context, session.ui.paint)?)?;
    Ok(if found.is_empty() { Exit::Done } else { Exit::Differences })
}
