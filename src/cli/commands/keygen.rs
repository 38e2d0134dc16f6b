//! `bowline keygen`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::passphrase::passphrase;
use crate::cli::settings::Session;
use crate::ops::keygen;
use crate::package::provenance::{Algorithm, NewKey};
use crate::sys::Secret;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "keygen",
    aliases: &[],
    about: "Make a key to sign charts with",
    long: "\
Makes a key pair in two keyrings: secring.gpg, for `package --sign`, which only you can read, and pubring.gpg, for those
who verify. Helm and GnuPG take both. The secret key is protected by a passphrase: asked for, or read with
--passphrase-file.",
    examples: "\
bowline keygen --name 'Ada Lovelace' --email ada@example.com
bowline keygen --email ci@example.com -d keys --armor --passphrase-file phrase.txt
# then
bowline package ./web --sign --key ada@example.com --keyring secring.gpg",
    positionals: "",
    exclusive: &[&["passphrase-file", "no-passphrase"]],
    body: Body::Leaf(Leaf::of::<KeygenArgs>()),
};

/// Flags of `keygen`.
#[derive(Debug, Clone, Args)]
pub struct KeygenArgs {
    /// Name of the key's owner
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Mail address of the key's owner
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Kind of the key: ed25519, rsa2048, rsa3072 or rsa4096
    #[arg(long, default_value = "ed25519", value_parser = algorithm, value_name = "KIND")]
    pub algorithm: Algorithm,
    /// Write keyrings as text: secring.asc and pubring.asc
    #[arg(long)]
    pub armor: bool,
    /// Folder to write to
    #[arg(long, short, default_value = ".", value_name = "FOLDER")]
    pub destination: PathBuf,
    /// File whose first line is the passphrase, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<String>,
    /// Leave the secret key without protection
    #[arg(long)]
    pub no_passphrase: bool,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Ok(match text {
        "ed25519" => Algorithm::Ed25519,
        "rsa2048" => Algorithm::Rsa(2048),
        "rsa3072" => Algorithm::Rsa(3072),
        "rsa4096" => Algorithm::Rsa(4096),
        _ => return Err("must be ed25519, rsa2048, rsa3072 or rsa4096".to_string()),
    })
}

impl KeygenArgs {
    /// The name on the key: `NAME <ADDRESS>`, or what there is of it.
    fn owner(&self) -> Result<String, Failure> {
        let given = |flag: &Option<String>| flag.clone().filter(|text| !text.trim().is_empty());
        let (name, email) = (given(&self.name), given(&self.email));
        if name.iter().chain(&email).any(|part| part.contains(['<', '>'])) {
            return Err(Failure::usage("--name and --email cannot hold < or >"));
        }
        match (name, email) {
            (Some(name), Some(email)) => Ok(format!("{} <{}>", name.trim(), email.trim())),
            (Some(name), None) => Ok(name.trim().to_string()),
            (None, Some(email)) => Ok(format!("<{}>", email.trim())),
            (None, None) => Err(Failure::usage("whose key is it? --name or --email is missing")),
        }
    }

    fn passphrase(&self, session: &Session) -> Result<Secret, Failure> {
        if self.no_passphrase {
            return Ok(Secret::default());
        }
        let file = self.passphrase_file.as_deref();
        let Some(typed) = passphrase(session, file, "Passphrase for the new key: ")? else {
            return Err(Failure::usage("a passphrase is missing")
                .hint("give it with --passphrase-file, or leave the key without with --no-passphrase"));
        };
        if file.is_none() {
            let again = session.ui.ask_secret("The same again: ")?;
            if again.as_ref() != Some(&typed) {
                return Err(Failure::new("the two passphrases differ; no key was made"));
            }
        }
        if typed.is_empty() {
            return Err(Failure::new("the passphrase is empty; no key was made")
                .hint("--no-passphrase leaves the key without protection"));
        }
        Ok(typed)
    }
}

impl Run for KeygenArgs {
    fn run(self, session: &Session) -> Outcome {
        let key = NewKey {
            name: self.owner()?,
            algorithm: self.algorithm,
            passphrase: self.passphrase(session)?,
            armor: self.armor,
        };
        let report = session.with_context(|context| keygen::keygen(context, &key, &self.destination))?;
        session.ui.out(&format!(
            "Key of {}\nFingerprint: {}\nSecret key: {}\nPublic key: {}\n",
            report.name,
            report.fingerprint,
            report.secret.display(),
            report.public.display(),
        ))?;
        Ok(Exit::Done)
    }
}
