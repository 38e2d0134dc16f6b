//! `bowline objects get`.

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;

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

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Its namespace, for kinds that have one.
    pub namespace: String,
    /// Its kind, as typed.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Run for GetArgs {
    fn run(self, session: &Session) -> Outcome {
        let object = ObjectName { namespace: session.namespace()?, kind: self.kind, name: self.name };
        unwired(session, &object)
    }
}
