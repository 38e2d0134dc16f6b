//! `bowline objects list`.

use clap::Args;

use super::SelectArgs;
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::objects::{self, ObjectRow};
use crate::ops::objects::list;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "list",
    aliases: &["ls"],
    about: "List the objects in the store",
    long: "Lists the objects in the store: of a namespace or all, of one kind or all, of one release or all.",
    examples: "\
bowline objects list
bowline objects list deployment -A --release web",
    positionals: "[KIND]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ListArgs>()),
};

/// Flags of `objects list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Kind of the objects
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
    /// Which objects.
    #[command(flatten)]
    pub select: SelectArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        let selection = self.select.resolve(session, self.kind)?;
        let store = session.store()?;
        let found = session.with_context(|_| list(&*store, &selection))?;
        let rows: Vec<ObjectRow> = found.iter().map(ObjectRow::of).collect();
        session.ui.out(&objects::text(&rows, self.output.output, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
