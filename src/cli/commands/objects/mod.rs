//! `bowline objects`: what is in the store. bowline's own; a store without an API server has no kubectl.

pub mod export;
pub mod get;
pub mod list;

use clap::Args;

use super::{Body, Verb};
use crate::cli::error::Failure;
use crate::cli::settings::Session;
use crate::ops::objects::Selection;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "objects",
    aliases: &[],
    about: "Look at the objects in the store",
    long: "\
Lists, prints and exports the objects that the store holds, those of releases and the records of revisions. It is what
kubectl is for a cluster, for stores that have no API server.",
    examples: "\
bowline objects list
bowline objects export --release web | kubectl apply -f -",
    positionals: "",
    exclusive: &[],
    body: Body::Group { verbs: &[&export::VERB, &get::VERB, &list::VERB], fallback: None },
};

/// Flags that choose objects.
#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// Objects of every namespace
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Objects of this release only
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Labels that objects must have: key=value,key!=value,key
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub selector: Option<String>,
}

impl SelectArgs {
    /// What the flags mean.
    ///
    /// # Errors
    /// The namespace cannot be found out.
    pub fn resolve(self, session: &Session, kind: Option<String>) -> Result<Selection, Failure> {
        Ok(Selection {
            namespace: if self.all_namespaces { None } else { Some(session.namespace()?) },
            kind,
            release: self.release.filter(|name| !name.is_empty()),
            selector: self.selector.filter(|selector| !selector.is_empty()),
        })
    }
}
