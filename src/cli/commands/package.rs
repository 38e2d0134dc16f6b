//! `bowline package`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LimitArgs, NetArgs, OutputArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::changes::PackagedRow;
use crate::cli::view::{self, changes};
use crate::ops::dependency::DependencyOptions;
use crate::ops::package::{self, PackageOptions};

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

impl PackageArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(Vec<String>, PackageOptions, Format), Failure> {
        if self.paths.is_empty() {
            return Err(Failure::usage("need at least one argument, the path to the chart"));
        }
        if self.sign {
            return Err(Failure::unsupported("--sign"));
        }
        let limits = self.limits.resolve();
        let fetch = self.net.resolve(session, false);
        let options = PackageOptions {
            version: self.version.filter(|version| !version.is_empty()),
            app_version: self.app_version.filter(|version| !version.is_empty()),
            dependency_update: self
                .dependency_update
                .then(|| DependencyOptions { fetch, ..DependencyOptions::default() }),
            // Helm names the archive by its whole path when no other folder is given.
            destination: if self.destination == "." {
                session.host.cwd.clone()
            } else {
                PathBuf::from(self.destination)
            },
            limits,
            time: source_date(session)?,
        };
        Ok((self.paths, options, self.output.output))
    }
}

/// `SOURCE_DATE_EPOCH`: Unix seconds, as reproducible builds have it.
pub(super) fn source_date(session: &Session) -> Result<Option<u64>, Failure> {
    let Some(text) = session.host.var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        Failure::usage(format!("invalid SOURCE_DATE_EPOCH {}", parse::quote(text)))
            .hint("it holds seconds since 1970, such as 1700000000")
    })
}

impl Run for PackageArgs {
    fn run(self, session: &Session) -> Outcome {
        let (paths, options, format) = self.resolve(session)?;
        let mut rows = Vec::new();
        for path in &paths {
            let mut told = Ok(());
            let report = session.with_context(|context| {
                package::package(context, path, &options, &mut |event| {
                    // Standard output is for the report when a program reads it.
                    match format {
                        Format::Table if told.is_ok() => told = session.ui.line(event),
                        _ => session.ui.note(event),
                    }
                })
            })?;
            told?;
            let row = PackagedRow {
                name: report.name,
                version: report.version,
                path: report.path.display().to_string(),
                digest: report.digest,
            };
            if format == Format::Table {
                session.ui.out(&changes::packaged(std::slice::from_ref(&row)))?;
            }
            rows.push(row);
        }
        if format != Format::Table {
            session.ui.out(&view::structured(&rows, format)?)?;
        }
        Ok(Exit::Done)
    }
}
