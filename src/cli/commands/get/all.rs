//! `bowline get all`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::release::Block;
use crate::ops::{query, text_template};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "all",
    aliases: &[],
    about: "Print everything that is recorded of a release",
    long: "\
Prints all that is recorded of a release: its state, values as given and as computed, hooks, manifest and notes. With
--template it prints what a Go template makes of it.",
    examples: "\
bowline get all web
bowline get all web --template '{{.Release.Manifest}}'",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<AllArgs>()),
};

/// Flags of `get all`.
#[derive(Debug, Clone, Args)]
pub struct AllArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// Go template to print, over {Release}
    #[arg(long, value_name = "TEMPLATE")]
    pub template: Option<String>,
}

impl Run for AllArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let release = super::release(session, &options)?;
        if let Some(template) = self.template.as_deref().filter(|template| !template.is_empty()) {
            session.ui.out(&text_template::of_release(template, &release).map_err(Failure::of_verb)?)?;
            return Ok(Exit::Done);
        }
        let computed = query::values_of(&release, true).map_err(Failure::of_verb)?;
        let metadata = &release.chart.metadata;
        let block = Block {
            chart: Some((&metadata.name, &metadata.version, &metadata.app_version)),
            everything: true,
            computed: Some(&computed),
            ..Block::default()
        };
        session.ui.out(&view::release::block(&release, &block, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
