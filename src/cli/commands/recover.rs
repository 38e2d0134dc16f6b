//! `bowline recover`.

use std::time::Duration;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::{RevisionHead, structured};
use crate::ops::recover;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "recover",
    aliases: &[],
    about: "End an operation that somebody left under way",
    long: "\
Marks a revision as failed that stayed pending because the client that worked on it is gone, so that the next upgrade or
rollback can begin. What bowline itself left is taken over without this, once its lease is over; a revision that Helm left
has no lease, and only you know that nobody is at it any more. Objects are not touched, and a live lease is never broken.",
    examples: "\
bowline recover web
bowline recover web --older-than 0s
bowline recover web -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<RecoverArgs>()),
};

/// Flags of `recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// Only what began at least so long ago
    #[arg(long, default_value = "10m", value_parser = parse::duration, value_name = "DURATION")]
    pub older_than: Duration,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for RecoverArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.changing_store()?;
        let target = store.target(&namespace);
        let name = &self.release;
        let taken =
            session.with_interrupt(|context| recover::recover(context, target, name, self.older_than))?;
        // As it was before it was closed.
        let head = taken
            .as_ref()
            .map(|taken| RevisionHead::new(name, taken.revision, taken.status, &taken.description));
        match self.output.output {
            Format::Table => session.ui.line(
                head.map_or_else(|| format!("nothing is under way on {name}"), |head| head.line("was")),
            )?,
            format => session.ui.out(&structured(&head, format)?)?,
        }
        Ok(Exit::Done)
    }
}
