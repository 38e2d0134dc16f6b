//! `bowline objects get`.

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::{sorted, structured};
use crate::ops::objects;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "get",
    aliases: &[],
    about: "Print an object of the store",
    long: "Prints one object as the store holds it, as YAML or JSON.",
    examples: "bowline objects get deployment web -o json",
    positionals: "KIND NAME",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<GetArgs>()),
};

/// Flags of `objects get`.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// Kind of the object
    #[arg(value_name = "KIND")]
    pub kind: String,
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to print the object: yaml or json
    #[arg(long, short, default_value = "yaml", value_parser = parse::format, value_name = "FORMAT")]
    pub output: Format,
}

impl Run for GetArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.store()?;
        let found = session.with_context(|_| objects::get(&*store, &namespace, &self.kind, &self.name))?;
        let body = sorted(&found.body.unwrap_or_default());
        // A manifest has no table form.
        let format = if self.output == Format::Json { Format::Json } else { Format::Yaml };
        session.ui.out(&structured(&body, format)?)?;
        Ok(Exit::Done)
    }
}
