//! `bowline package`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::args::{Access, ArchiveLimits, LimitArgs, NetArgs, OutputArg};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "package",
    aliases: &[],
    about: "Pack charts into archives",
    long: "\
Packs chart folders into archives NAME-VERSION.tgz. The same files give the same bytes, on any machine at any time;
SOURCE_DATE_EPOCH sets the time that the archive carries.",
    examples: "\
bowline package ./web
bowline package charts/* -d dist
bowline package ./web --version 1.2.0 --app-version 3.4",
    positionals: "PATH...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<PackageArgs>()),
};

/// Flags of `package`.
#[derive(Debug, Clone, Args)]
pub struct PackageArgs {
    /// Chart folders
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Version in place of Chart.yaml's
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Application version in place of Chart.yaml's
    #[arg(long, value_name = "VERSION")]
    pub app_version: Option<String>,
    /// Bring charts/ up to date with Chart.yaml first
    #[arg(long, short = 'u')]
    pub dependency_update: bool,
    /// Folder to write to
    #[arg(long, short, default_value = ".", value_name = "FOLDER")]
    pub destination: String,
    /// Sign the archive
    #[arg(long)]
    pub sign: bool,
    /// Whose key to sign with
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// File of keys
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<String>,
    /// File with the key's passphrase, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<String>,
    /// Bounds for reading charts.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How to reach repositories.
    #[command(flatten)]
    pub net: NetArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
    /// Copies into a local repository; Helm dropped it
    #[arg(long, hide = true)]
    pub save: bool,
}

/// What to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageOptions {
    /// The chart folders.
    pub paths: Vec<PathBuf>,
    /// Version in place of Chart.yaml's.
    pub version: Option<String>,
    /// Application version in place of Chart.yaml's.
    pub app_version: Option<String>,
    /// Update dependencies first.
    pub dependency_update: bool,
    /// Folder to write to.
    pub destination: PathBuf,
    /// How to reach the repositories of dependencies.
    pub access: Access,
    /// Bounds for reading.
    pub limits: ArchiveLimits,
}

impl PackageArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<PackageOptions, Failure> {
        if self.paths.is_empty() {
            return Err(Failure::usage("need at least one argument, the path to the chart"));
        }
        if self.sign {
            return Err(Failure::unsupported("--sign"));
        }
        Ok(PackageOptions {
            paths: self.paths.iter().map(PathBuf::from).collect(),
            version: self.version.filter(|version| !version.is_empty()),
            app_version: self.app_version.filter(|version| !version.is_empty()),
            dependency_update: self.dependency_update,
            destination: PathBuf::from(self.destination),
            access: self.net.resolve(session, false),
            limits: self.limits.resolve(),
        })
    }
}

impl Run for PackageArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session)?;
        unwired(session, &options)
    }
}
