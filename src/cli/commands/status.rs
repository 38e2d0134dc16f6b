//! `bowline status`.

use clap::Args;

use std::collections::BTreeMap;

use super::get::{RevisionArgs, RevisionOptions};
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::release::Block;
use crate::cluster::Stored;
use crate::data::Value;
use crate::ops::query::{self, Objects};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "status",
    aliases: &[],
    about: "Show how a release is doing",
    long: "\
Shows a release: when it was last deployed, its status, description, the state of its objects, its tests and notes.",
    examples: "\
bowline status web
bowline status web --revision 2 -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<StatusArgs>()),
};

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
    /// Accepted for Helm 3's sake: the description is always shown
    #[arg(long, hide = true)]
    pub show_desc: bool,
    /// Accepted for Helm 3's sake: objects are always shown
    #[arg(long, hide = true)]
    pub show_resources: bool,
}

impl Run for StatusArgs {
    fn run(self, session: &Session) -> Outcome {
        let options: RevisionOptions = self.which.resolve(session)?;
        let store = session.store()?;
        let target = store.target(&options.namespace);
        let revision = options.revision.map(u64::from);
        let format = self.output.output;
        let shown = format == Format::Table;
        let status = session
            .with_context(|context| query::status(context, target, &options.release, revision, shown))?;
        let live = match &status.objects {
            Objects::Stored(objects) if !objects.is_empty() => Some(resources(objects)),
            _ => None,
        };
        let table =
            view::objects::resources(&status.objects, &status.missing, session.host.now(), session.ui.paint);
        let block =
            Block { resources: Some(&table), live: live.as_ref(), without_chart: true, ..Block::default() };
        session.ui.out(&view::release::text(&status.release, format, &block, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}

/// The live objects by `VERSION/KIND`, as Helm's `info.resources` has them.
fn resources(objects: &[Stored]) -> Value {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for object in objects {
        let group = format!("{}/{}", object.id.version, object.id.kind);
        groups.entry(group).or_default().push(object.body.clone().unwrap_or_default());
    }
    groups.into_iter().collect()
}
