//! `bowline create`.

use clap::{Args, ValueEnum};

use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "create",
    aliases: &[],
    about: "Make a new chart from a scaffold",
    long: "\
Makes a folder with a chart that works: a deployment with its service, service account, ingress and autoscaler, values
for all of them, notes and a test. The last part of the path is the chart's name. Files that exist already are
overwritten, with a warning for each.

Templates are in Tera, in which values cannot break the YAML; --engine gotpl writes them as Go templates, for which
Helm needs nothing else.",
    examples: "\
bowline create web
bowline create --engine gotpl charts/web
bowline create --starter mine web",
    positionals: "NAME",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<CreateArgs>()),
};

/// The template language of a new chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TemplateEngine {
    /// Tera.
    #[default]
    Tera,
    /// Go templates.
    Gotpl,
}

/// Flags of `create`.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Name of the chart, or path of the folder to make
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Template language of the chart: tera or gotpl
    #[arg(long, value_enum, value_name = "ENGINE", hide_possible_values = true)]
    pub engine: Option<TemplateEngine>,
    /// Scaffold to start from: a name below the starters folder, or an absolute path
    #[arg(long, short = 'p', value_name = "NAME")]
    pub starter: Option<String>,
}

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOptions {
    /// Folder to make, its last part the chart's name.
    pub path: String,
    /// Template language; under the name `helm`, Go templates.
    pub engine: TemplateEngine,
    /// Scaffold in place of the built-in ones.
    pub starter: Option<String>,
}

impl CreateArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> CreateOptions {
        let default =
            if session.settings.program.as_helm { TemplateEngine::Gotpl } else { TemplateEngine::Tera };
        CreateOptions { path: self.name, engine: self.engine.unwrap_or(default), starter: self.starter }
    }
}

impl Run for CreateArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session);
        unwired(session, &options)
    }
}
