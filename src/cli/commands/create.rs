//! `bowline create`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::create::{self, CreateOptions, Language};

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
    // A starter brings its own templates.
    exclusive: &[&["engine", "starter"]],
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

impl CreateArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> CreateOptions {
        let default =
            if session.settings.program.as_helm { TemplateEngine::Gotpl } else { TemplateEngine::Tera };
        CreateOptions {
            path: PathBuf::from(self.name),
            language: match self.engine.unwrap_or(default) {
                TemplateEngine::Tera => Language::Tera,
                TemplateEngine::Gotpl => Language::GoTemplate,
            },
            starter: self.starter.filter(|name| !name.is_empty()).map(PathBuf::from),
        }
    }
}

impl Run for CreateArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session);
        session.ui.out(&changes::creating(&options.path.display().to_string()))?;
        let report = session.with_context(|context| create::create(context, &options))?;
        for path in &report.overwritten {
            session.ui.note(changes::overwritten(&path.display().to_string()));
        }
        Ok(Exit::Done)
    }
}
