//! Why an archive cannot be signed, or is not trusted.
//!
//! Texts are Helm's where Helm has the case. Invariant: no text holds a passphrase or a part of a secret key.

use std::path::PathBuf;

use crate::diag::Hint;
use crate::sys::fs::FsError;

/// An error of signing or verifying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// A folder was given where an archive belongs.
    #[error("unpacked charts cannot be verified")]
    Folder,
    /// A file of another kind was given.
    #[error("chart must be a tgz file")]
    NotAnArchive,
    /// The archive has no provenance file.
    #[error("could not load provenance file {file}: {reason}")]
    Missing {
        /// The path or URL of the provenance file.
        file: String,
        /// Why it cannot be had.
        reason: String,
        /// Whether verifying is all that was asked for, so that nothing is left without it.
        demanded: bool,
    },
    /// The provenance file is too large to be one.
    #[error("the provenance file of {archive} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The archive.
        archive: String,
        /// The limit.
        limit: u64,
    },
    /// The provenance file is no signed text.
    #[error("the provenance file of {archive} is not a signed text: {reason}")]
    NotSigned {
        /// The archive.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The signed text does not say what it must.
    #[error("the provenance file of {archive} cannot be read: {reason}")]
    Malformed {
        /// The archive.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The signed text is about other files.
    #[error("provenance does not contain a SHA for a file named {archive:?}")]
    OtherFile {
        /// The archive.
        archive: String,
        /// The files that it is about.
        files: Vec<String>,
    },
    /// The archive is not the one that was signed.
    #[error("sha256 sum does not match for {archive}: {signed:?} != {found:?}")]
    Altered {
        /// The archive.
        archive: String,
        /// The digest that was signed, with `sha256:`.
        signed: String,
        /// The digest of the archive, with `sha256:`.
        found: String,
    },
    /// None of the keys that signed is in the keyring.
    #[error("{archive} was signed by {}, which {keyring} does not have", keys.join(" and "))]
    UnknownKey {
        /// The archive.
        archive: String,
        /// The keys that signed: fingerprints, or key ids.
        keys: Vec<String>,
        /// The keyring.
        keyring: String,
    },
    /// A signature does not fit the text.
    #[error(
        "the signature of {key} does not fit the provenance file of {archive}: the text was altered after it was signed"
    )]
    BadSignature {
        /// The archive.
        archive: String,
        /// The key.
        key: String,
    },
    /// A signature is of a kind that proves nothing.
    #[error("the signature of {key} on {archive} is not accepted: {reason}")]
    Weak {
        /// The archive.
        archive: String,
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A signature is not of this time.
    #[error("the signature of {key} on {archive} does not count now: {reason}")]
    Untimely {
        /// The archive.
        archive: String,
        /// The key.
        key: String,
        /// When it would.
        reason: String,
    },
    /// A key that signed may not be relied on.
    #[error("{archive} was signed by {key}, {problem}")]
    Key {
        /// The archive.
        archive: String,
        /// The key: fingerprint and name.
        key: String,
        /// What is wrong with it.
        problem: KeyProblem,
    },
    /// A keyring cannot be read.
    #[error("cannot read the keyring: {source}")]
    KeyringFile {
        /// Why.
        source: FsError,
    },
    /// A keyring is no keyring, or has no key.
    #[error("{keyring} is not a usable keyring: {reason}")]
    Keyring {
        /// The keyring.
        keyring: String,
        /// Why not.
        reason: String,
    },
    /// No key was named to sign with.
    #[error("--key is required for signing a package")]
    NoName,
    /// The keyring has no key of that name.
    #[error("no key of {keyring} is that of {name:?}")]
    NoSuchKey {
        /// The name as given.
        name: String,
        /// The keyring.
        keyring: String,
        /// The names in it.
        known: Vec<String>,
    },
    /// Several keys have that name.
    #[error("more than one key contain the id {name:?}")]
    Ambiguous {
        /// The name as given.
        name: String,
        /// The keys: fingerprint and name.
        keys: Vec<String>,
    },
    /// The key to sign with is there, its secret part is not.
    #[error("private key not found: {keyring} has only the public part of {key}")]
    NoSecret {
        /// The keyring.
        keyring: String,
        /// The key.
        key: String,
    },
    /// The key may not be used to sign.
    #[error("{key} cannot sign: {problem}")]
    CannotSign {
        /// The key.
        key: String,
        /// Why not.
        problem: KeyProblem,
    },
    /// The key needs a passphrase that was not given.
    #[error("the key of {key} is protected by a passphrase")]
    Locked {
        /// The key.
        key: String,
    },
    /// The passphrase is not the key's.
    #[error("the passphrase does not open the key of {key}")]
    WrongPassphrase {
        /// The key.
        key: String,
    },
    /// The protection of the key is one that is not understood.
    #[error("the key of {key} cannot be opened: {reason}")]
    Protection {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A name for a new key is not acceptable.
    #[error("a key cannot be made for {name:?}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A file that a new key would replace is there.
    #[error("{} is there already; no key was made", path.display())]
    KeyringExists {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("no random bytes: {source}")]
    Random {
        /// Why.
        source: std::io::Error,
    },
    /// A signature or a key could not be made.
    #[error("OpenPGP failed: {reason}")]
    OpenPgp {
        /// Why.
        reason: String,
    },
}

/// What speaks against a key. Reads as the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// Its time is over.
    #[error("a key that expired at {at}")]
    Expired {
        /// When.
        at: String,
    },
    /// Its owner took it back.
    #[error("a key that its owner revoked{}", reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Revoked {
        /// The owner's reason.
        reason: Option<String>,
    },
    /// It was made later than now.
    #[error("a key that is made at {at}, which is yet to come")]
    FromFuture {
        /// When.
        at: String,
    },
    /// Its owner gave it other uses.
    #[error("a key that its owner does not use for signatures")]
    NotForSigning,
    /// Nothing binds it to its owner.
    #[error("a key that no valid signature of its owner vouches for")]
    Unbound,
    /// It is too weak.
    #[error("a key that is too weak: {0}")]
    Weak(String),
}

impl ProvenanceError {
    /// Whether it says that an archive is not to be trusted.
    pub fn is_unverified(&self) -> bool {
        match self {
            ProvenanceError::Folder
            | ProvenanceError::NotAnArchive
            | ProvenanceError::Missing { .. }
            | ProvenanceError::TooLarge { .. }
            | ProvenanceError::NotSigned { .. }
            | ProvenanceError::Malformed { .. }
            | ProvenanceError::OtherFile { .. }
            | ProvenanceError::Altered { .. }
            | ProvenanceError::UnknownKey { .. }
            | ProvenanceError::BadSignature { .. }
            | ProvenanceError::Weak { .. }
            | ProvenanceError::Untimely { .. }
            | ProvenanceError::Key { .. } => true,
            ProvenanceError::KeyringFile { .. }
            | ProvenanceError::Keyring { .. }
            | ProvenanceError::NoName
            | ProvenanceError::NoSuchKey { .. }
            | ProvenanceError::Ambiguous { .. }
            | ProvenanceError::NoSecret { .. }
            | ProvenanceError::CannotSign { .. }
            | ProvenanceError::Locked { .. }
            | ProvenanceError::WrongPassphrase { .. }
            | ProvenanceError::Protection { .. }
            | ProvenanceError::Name { .. }
            | ProvenanceError::KeyringExists { .. }
            | ProvenanceError::Random { .. }
            | ProvenanceError::OpenPgp { .. } => false,
        }
    }
}

impl Hint for ProvenanceError {
    fn hints(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_string()];
        match self {
            ProvenanceError::Folder => one("package it with --sign, and verify the archive"),
            ProvenanceError::NotAnArchive => one("give the archive, NAME-VERSION.tgz"),
            ProvenanceError::Missing { demanded: true, .. } => one(
                "without it nobody can tell who made the archive; ask its publisher for the .prov file, which belongs beside it",
            ),
            ProvenanceError::Missing { .. } => one(
                "nothing was used of the archive; ask its publisher for the .prov file, which belongs beside it, or leave out --verify",
            ),
            ProvenanceError::TooLarge { .. }
            | ProvenanceError::NotSigned { .. }
            | ProvenanceError::Malformed { .. }
            | ProvenanceError::BadSignature { .. } => {
                one("nothing was used of the archive; fetch the .prov file anew from where it was published")
            }
            ProvenanceError::OtherFile { files, .. } => {
                let about = if files.is_empty() { "no file".to_string() } else { files.join(", ") };
                vec![format!(
                    "the provenance file is about {about}; the archive must have the name that it was signed with"
                )]
            }
            ProvenanceError::Altered { .. } => one(
                "nothing was used of the archive: it is not the one that was signed; fetch archive and .prov file anew, and ask the publisher if that does not help",
            ),
            ProvenanceError::UnknownKey { .. } => one(
                "if you trust its publisher, add the public key to the keyring (`gpg --import`, then `gpg --export > FILE`), or name another with --keyring",
            ),
            ProvenanceError::Weak { .. } => {
                one("ask its publisher to sign anew, with SHA-256 or better and RSA of 2048 bits or Ed25519")
            }
            ProvenanceError::Untimely { .. } => {
                one("check the clock of this machine; if it is right, ask the publisher to sign anew")
            }
            ProvenanceError::Key { problem, .. } => problem.hints(),
            ProvenanceError::KeyringFile { source } if source.is_not_found() => one(
                "name a keyring with --keyring: `gpg --export > FILE` writes one, `bowline keygen` makes one with a new key",
            ),
            ProvenanceError::KeyringFile { source } => source.hints(),
            ProvenanceError::Keyring { .. } => one(
                "a keyring is what `gpg --export`, with --armor or without, or `bowline keygen` writes, or GnuPG's pubring.kbx",
            ),
            ProvenanceError::NoName => one("name the owner of the key: --key 'NAME' or a part of it"),
            ProvenanceError::NoSuchKey { known, .. } if !known.is_empty() => {
                vec![format!("it has the keys of {}", known.join(", "))]
            }
            ProvenanceError::Ambiguous { keys, .. } => {
                vec![format!("name one of them in full, or by its fingerprint: {}", keys.join(", "))]
            }
            ProvenanceError::NoSecret { .. } => one(
                "GnuPG keeps secret keys elsewhere: `gpg --export-secret-keys > FILE` writes a keyring for --keyring",
            ),
            ProvenanceError::CannotSign { .. } => one("choose another key with --key"),
            ProvenanceError::Locked { .. } => one(
                "give its passphrase in a file with --passphrase-file, or on standard input with --passphrase-file -",
            ),
            ProvenanceError::WrongPassphrase { .. } => {
                one("nothing was written; the passphrase is the first line of what --passphrase-file names")
            }
            ProvenanceError::KeyringExists { .. } => one("choose another folder with --destination"),
            _ => Vec::new(),
        }
    }
}

impl KeyProblem {
    fn hints(&self) -> Vec<String> {
        let text = match self {
            KeyProblem::Expired { .. } => {
                "fetch the publisher's key anew, which may have been prolonged; else ask for an archive that is signed with a valid key"
            }
            KeyProblem::Revoked { .. } => "ask its publisher for an archive that is signed with a valid key",
            KeyProblem::FromFuture { .. } => "check the clock of this machine",
            KeyProblem::NotForSigning | KeyProblem::Unbound | KeyProblem::Weak(_) => {
                "fetch the publisher's key anew, or ask for an archive that is signed with another one"
            }
        };
        vec![text.to_string()]
    }
}
