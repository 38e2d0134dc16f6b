//! `bowline package`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LimitArgs, NetArgs, OutputArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::passphrase::passphrase;
use crate::cli::settings::Session;
use crate::cli::view::changes::{CheckedFile, CheckedRow, PackagedRow};
use crate::cli::view::{self, changes};
use crate::fetch::FetchOptions;
use crate::ops::dependency::{DependencyOptions, DepsEvent};
use crate::ops::package::{self, Change, PackageOptions};
use crate::ops::{Context, OpsError};
use crate::package::provenance::{ProvenanceError, Signer};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "package",
    aliases: &[],
    about: "Pack charts into archives",
    long: "\
Packs chart folders into archives NAME-VERSION.tgz. The same files give the same bytes, on any machine at any time;
SOURCE_DATE_EPOCH sets the time that the archive carries. --sign writes NAME-VERSION.tgz.prov beside it, for `verify`.
--check writes nothing: it tells whether the folder gives the archive that was published, and ends with 2 if not.",
    examples: "\
bowline package ./web
bowline package charts/* -d dist
bowline package ./web --version 1.2.0 --app-version 3.4
bowline package ./web --sign --key ada@example.com --keyring secring.gpg
bowline package ./web --check https://charts.example.com/web-0.1.0.tgz",
    positionals: "PATH...",
    exclusive: &[&["check", "sign"], &["check", "dependency-update"]],
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
    /// Sign the archive: write a .prov file beside it
    #[arg(long)]
    pub sign: bool,
    /// Whose key to sign with: a name on it, a part of one, or its fingerprint
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// File of secret keys; GnuPG's pubring.gpg or pubring.kbx when left out
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<String>,
    /// File whose first line is the key's passphrase, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<String>,
    /// Compare with a published archive instead of writing one: a digest, a path, a URL or REPOSITORY/NAME
    #[arg(long, value_name = "PUBLISHED")]
    pub check: Option<String>,
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

/// What the flags mean together.
pub(crate) struct Resolved {
    paths: Vec<String>,
    options: PackageOptions,
    /// What to compare with.
    check: Option<String>,
    /// How that is fetched.
    fetch: FetchOptions,
    format: Format,
}

impl PackageArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<Resolved, Failure> {
        if self.paths.is_empty() {
            return Err(Failure::usage("need at least one argument, the path to the chart"));
        }
        let limits = self.limits.resolve();
        let fetch = self.net.resolve(session, false);
        let signer = if self.sign { Some(Arc::new(self.signer(session)?)) } else { None };
        let options = PackageOptions {
            version: self.version.filter(|version| !version.is_empty()),
            app_version: self.app_version.filter(|version| !version.is_empty()),
            dependency_update: self
                .dependency_update
                .then(|| DependencyOptions { fetch: fetch.clone(), ..DependencyOptions::default() }),
            // Helm names the archive by its whole path when no other folder is given.
            destination: if self.destination == "." {
                session.host.cwd.clone()
            } else {
                PathBuf::from(self.destination)
            },
            limits,
            time: source_date(session)?,
            signer,
        };
        let check = self.check.filter(|published| !published.is_empty());
        Ok(Resolved { paths: self.paths, options, check, fetch, format: self.output.output })
    }

    /// The key to sign with, opened.
    fn signer(&self, session: &Session) -> Result<Signer, Failure> {
        let keyring = session.keyring(self.keyring.as_deref());
        let name = self.key.as_deref().unwrap_or_default();
        let mut signer = session.with_context(|context| package::signer(context, &keyring, name))?;
        if signer.is_locked() {
            let prompt = format!("Password for key {} >  ", parse::quote(signer.name()));
            let Some(typed) = passphrase(session, self.passphrase_file.as_deref(), &prompt)? else {
                let locked = ProvenanceError::Locked { key: signer.name().to_string() };
                return Err(Failure::from(locked));
            };
            package::unlock(&mut signer, &typed)?;
        }
        Ok(signer)
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
        let resolved = self.resolve(session)?;
        match &resolved.check {
            Some(published) => check(session, &resolved, published),
            None => pack(session, &resolved),
        }
    }
}

fn pack(session: &Session, resolved: &Resolved) -> Outcome {
    let Resolved { paths, options, format, .. } = resolved;
    let mut rows = Vec::new();
    for path in paths {
        let report = with_events(session, *format, |context, on_event| {
            package::package(context, path, options, on_event)
        })
        .map_err(|failure| failure.after(&rows))?;
        let row = PackagedRow {
            name: report.name,
            version: report.version,
            path: report.path.display().to_string(),
            digest: report.digest,
            provenance: report.provenance.map(|path| path.display().to_string()),
        };
        if *format == Format::Table {
            session.ui.out(&changes::packaged(std::slice::from_ref(&row)))?;
        }
        rows.push(row);
    }
    if *format != Format::Table {
        session.ui.out(&view::structured(&rows, *format)?)?;
    }
    Ok(Exit::Done)
}

fn check(session: &Session, resolved: &Resolved, published: &str) -> Outcome {
    let Resolved { paths, options, fetch, format, .. } = resolved;
    if paths.len() > 1 {
        return Err(Failure::usage("--check compares one chart"));
    }
    let mut rows = Vec::new();
    for path in paths {
        let report = with_events(session, *format, |context, on_event| {
            package::check(context, path, options, published, fetch, on_event)
        })?;
        let same = report.is_same();
        let files = report.files.into_iter().map(|(path, change)| {
            let change = match change {
                Change::Added => "added",
                Change::Changed => "changed",
                Change::Removed => "removed",
            };
            CheckedFile { path, change }
        });
        rows.push(CheckedRow {
            name: report.name,
            version: report.version,
            same,
            digest: report.digest.prefixed(),
            published: report.published.prefixed(),
            files: report.is_compared.then(|| files.collect()),
        });
    }
    match format {
        Format::Table => rows.iter().try_for_each(|row| session.ui.out(&changes::checked(row)))?,
        _ => session.ui.out(&view::structured(&rows, *format)?)?,
    }
    Ok(if rows.iter().all(|row| row.same) { Exit::Done } else { Exit::Differences })
}

/// Runs a verb that may bring dependencies in, which is told as it happens.
fn with_events<T>(
    session: &Session,
    format: Format,
    run: impl FnOnce(&Context<'_>, &mut dyn FnMut(&DepsEvent<'_>)) -> Result<T, OpsError>,
) -> Result<T, Failure> {
    let mut told = Ok(());
    let report = session.with_context(|context| {
        run(context, &mut |event| match format {
            // Standard output is for the report when a program reads it.
            Format::Table if told.is_ok() => told = session.ui.line(event),
            _ => session.ui.note(event),
        })
    })?;
    told.map(|()| report)
}
