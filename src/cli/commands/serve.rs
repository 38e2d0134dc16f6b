//! `bowline serve`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::settings::Session;
use crate::diag::plural;
use crate::ops::repo;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::serve::{Access, BucketOptions, DEFAULT_UPLOAD_LIMIT, ServeOptions, Source};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "serve",
    aliases: &[],
    about: "Serve a folder or a bucket of charts as a repository",
    long: "\
Serves the archives in a folder as a chart repository over HTTP, with a page to look at in a browser. The index is made
from the archives at the start, and again when they change. It listens on this machine only, unless --address says
otherwise.

In place of a folder it can be a bucket of an S3-compatible service: s3://BUCKET, or s3://BUCKET/PREFIX. Credentials come
from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the role of the pod or the machine. Several servers may share a
bucket; what one of them takes in, the others show some seconds later.

With --writable, charts come and go by ChartMuseum's API: POST to /api/charts takes an archive as the body, or as files
`chart` and `prov` of a form; DELETE on /api/charts/NAME/VERSION removes it. A version that is there is replaced only
with `?force`. With --depth, each folder of that depth is a repository of its own: TENANT/index.yaml, /api/TENANT/charts.

It is a registry too: oci://HOST/charts/NAME is the chart NAME of the folder, and with --writable a push to
oci://HOST/charts puts a chart there. A push does not replace a version by other content.

With --htpasswd, only its users may read and write; with --anonymous-get everybody may read. Passwords are sent as they
are, so on a network there has to be TLS in front.",
    examples: "\
bowline serve dist
bowline serve dist --address 0.0.0.0:8080 --url https://charts.example.com
bowline serve dist --writable --htpasswd users --anonymous-get
curl --user ci:PASSWORD --data-binary @web-1.0.0.tgz http://127.0.0.1:8879/api/charts
bowline serve s3://charts/stable --s3-endpoint https://s3.example.com --writable
# As Helm 2 wrote it
bowline serve --repo-path dist --address 127.0.0.1:8879",
    positionals: "[FOLDER]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ServeArgs>()),
};

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Folder of the archives, or s3://BUCKET[/PREFIX]; the current folder when left out
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// URL of the S3-compatible service that has the bucket; AWS_ENDPOINT_URL, else AWS
    #[arg(long, value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// Region of the bucket; AWS_REGION, else us-east-1
    #[arg(long, value_name = "REGION")]
    pub s3_region: Option<String>,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8879", value_name = "ADDRESS:PORT")]
    pub address: String,
    /// Folder of the archives, as Helm 2 wrote it
    #[arg(long, hide = true)]
    pub repo_path: Option<PathBuf>,
    /// URL that the index shall name in place of relative ones
    #[arg(long, alias = "chart-url", value_name = "URL")]
    pub url: Option<String>,
    /// Accept uploads and deletions
    #[arg(long)]
    pub writable: bool,
    /// Accept uploads, but no deletions
    #[arg(long, requires = "writable")]
    pub disable_delete: bool,
    /// How many folders deep each repository lies, 8 at most; 0 for a single repository
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=8))]
    pub depth: u8,
    /// Largest upload in bytes, 104857600 at most
    #[arg(long, default_value_t = DEFAULT_UPLOAD_LIMIT, value_name = "BYTES",
        value_parser = clap::value_parser!(u64).range(1..=ARCHIVE_LIMIT))]
    pub max_upload_size: u64,
    /// File of the users, as `htpasswd -B` writes it
    #[arg(long, value_name = "FILE")]
    pub htpasswd: Option<PathBuf>,
    /// Let everybody read
    #[arg(long, requires = "htpasswd")]
    pub anonymous_get: bool,
}

impl ServeArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<ServeOptions, Failure> {
        let folder = match (self.folder, self.repo_path) {
            (Some(_), Some(_)) => return Err(Failure::usage("the folder is given twice")),
            (folder, path) => folder.or(path).unwrap_or_else(|| PathBuf::from(".")),
        };
        let mut options = ServeOptions::new(session.host.resolve(&folder));
        let given = self.s3_endpoint.is_some() || self.s3_region.is_some();
        match folder.to_str().filter(|text| text.starts_with("s3:")) {
            Some(address) => {
                let bucket = BucketOptions::parse(address).map_err(Failure::usage)?;
                options.source = Source::Bucket(BucketOptions {
                    endpoint: self.s3_endpoint,
                    region: self.s3_region,
                    ..bucket
                });
            }
            None if given => return Err(Failure::usage("--s3-endpoint and --s3-region go with s3://BUCKET")),
            None => {}
        }
        options.address = self.address;
        options.url = self.url.unwrap_or_default();
        options.writable = self.writable;
        options.disable_delete = self.disable_delete;
        options.depth = usize::from(self.depth);
        options.max_upload_size = self.max_upload_size;
        options.htpasswd = self.htpasswd;
        options.anonymous_get = self.anonymous_get;
        Ok(options)
    }
}

impl Run for ServeArgs {
    fn run(self, session: &Session) -> Outcome {
        let interrupt = Interrupt::install()?;
        let mut options = self.resolve(session)?;
        // Requests are answered on many threads; one of ours prints them.
        let (sender, requests) = std::sync::mpsc::channel();
        if session.ui.is_debug() {
            options.log = Some(Arc::new(move |access: &Access<'_>| {
                let line = format!("{} {} {}", access.method, access.path, access.status);
                // Nobody listens any more only when the command is about to end.
                let _ = sender.send(line);
            }));
        } else {
            drop(sender);
        }
        let server = session.with_context(|context| repo::bind(context, &options))?;
        let (folder, url) = (options.source.to_string(), server.url());
        let is_open =
            options.writable && options.htpasswd.is_none() && !server.local_addr().ip().is_loopback();
        drop(options);
        session.ui.line(format!("Serving {} in {folder} on {url}", plural(server.charts().0, "chart")))?;
        session.ui.note(format!("Add it with `{} repo add NAME {url}`.", session.settings.program.name()));
        if is_open {
            session.ui.warn(
                "everybody who can reach this address can upload and delete; --htpasswd names who may",
                &[],
            );
        }
        session.ui.note("Ctrl-C stops it.");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for line in requests {
                    session.ui.note(line);
                }
            });
            let ended = server.run(&interrupt.flag());
            // With the server goes the last sender, and so the thread that prints.
            drop(server);
            ended
        })?;
        session.ui.note("Stopped.");
        Ok(Exit::Done)
    }
}
