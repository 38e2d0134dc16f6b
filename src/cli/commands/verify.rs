//! `bowline verify`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::verify;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "verify",
    aliases: &[],
    about: "Check the signature of an archive",
    long: "\
Checks that an archive is the one that its publisher signed. The signature is in the .prov file beside it, and its key
must be in the keyring, valid at this moment. The archive must have the name that it was signed with.",
    examples: "\
bowline verify web-0.1.0.tgz
bowline verify web-0.1.0.tgz --keyring publishers.asc",
    positionals: "ARCHIVE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<VerifyArgs>()),
};

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE", required = true)]
    pub path: String,
    /// File of public keys; GnuPG's pubring.gpg or pubring.kbx when left out
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<String>,
}

impl Run for VerifyArgs {
    fn run(self, session: &Session) -> Outcome {
        let keyring = session.keyring(self.keyring.as_deref());
        let verified = session.with_context(|context| verify::verify(context, &self.path, &keyring))?;
        session.ui.out(&changes::verified(&verified))?;
        Ok(Exit::Done)
    }
}
