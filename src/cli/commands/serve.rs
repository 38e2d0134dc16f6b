//! `bowline serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::parse::duration;
use crate::cli::settings::Session;
use crate::diag::plural;
use crate::ops::repo;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::serve::{
    Access, BucketOptions, DEFAULT_SERVICE, DEFAULT_UPLOAD_LIMIT, ServeOptions, Source, TokenOptions,
};
use crate::sys::tls::TlsFiles;

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

With --htpasswd, only its users may read and write; with --anonymous-get everybody may read. What which user may do, a
file of rules says (--access):
  rules:
  - users: [ci, \"release-*\"]
    repositories: [\"team-a/**\"]   # charts by their name, TENANT/NAME with tenants; folders by TENANT, else `repo`
    actions: [pull, push]          # pull, push (which pulls too), delete, or \"*\"
  - anonymous: true                # everybody
    repositories: [\"public/**\"]
    actions: [pull]
Charts are named without the charts/ of oci:// addresses. Without tenants `repo` is the folder and no chart, and of the
patterns for charts only \"*\" and \"**\" take it, too. Who sends too many wrong passwords has to wait. Passwords are sent
as they are, so on a network there has to be TLS: with --tls-cert and --tls-key, or in front.

Beside passwords bearer tokens are taken, as registries take them: of another token service (--token-key, --token-realm,
--token-service, --token-issuer), or signed here. With --issue-tokens, GET and POST on /token give tokens to the users of
--htpasswd, for this server and with --token-for for other registries. A key that is not there is made, and beside it a
certificate with the ending .crt, which is what a registry wants as its `rootcertbundle`.

Files that change are read again: certificate and key, users, rules, and the keys of a token service.",
    examples: "\
bowline serve dist
bowline serve dist --address 0.0.0.0:8080 --url https://charts.example.com
bowline serve dist --writable --htpasswd users --anonymous-get
curl --user ci:PASSWORD --data-binary @web-1.0.0.tgz http://127.0.0.1:8879/api/charts
bowline serve dist --address 0.0.0.0:443 --tls-cert server.crt --tls-key server.key
bowline serve dist --htpasswd users --access access.yaml --issue-tokens token.key --token-for registry.example.com
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
    /// Address and port to listen on; port 0 takes a free one, and :PORT listens on every interface (IPv4)
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
    /// Let everybody read; needs --htpasswd or --token-key
    #[arg(long)]
    pub anonymous_get: bool,
    /// File of the rules that say what each user may do; each may do everything without it
    #[arg(long, value_name = "FILE", requires = "htpasswd")]
    pub access: Option<PathBuf>,
    /// PEM file of the certificate, and those that lead to its authority: speak HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of authorities: let in only clients with a certificate of theirs
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// PEM file of the private key to sign tokens with; made when it is not there
    #[arg(long, value_name = "FILE", requires = "htpasswd", conflicts_with = "token_key")]
    pub issue_tokens: Option<PathBuf>,
    /// PEM file of public keys or certificates of a token service, or of its authorities: its tokens are taken
    #[arg(long, value_name = "FILE", requires_all = ["token_realm", "token_service", "token_issuer"])]
    pub token_key: Option<PathBuf>,
    /// URL of the token service, as clients see it
    #[arg(long, value_name = "URL", value_parser = token_realm)]
    pub token_realm: Option<String>,
    /// What tokens call this server; `bowline` when it signs them
    #[arg(long, value_name = "NAME", value_parser = token_name)]
    pub token_service: Option<String>,
    /// What tokens call who signed them; `bowline` when this server does
    #[arg(long, value_name = "NAME", value_parser = token_name)]
    pub token_issuer: Option<String>,
    /// Another registry that tokens are signed for, by the name that it calls its service; may be repeated
    #[arg(long, value_name = "NAME", requires = "issue_tokens", value_parser = token_name)]
    pub token_for: Vec<String>,
    /// How long a token that is signed here is valid, from 1m to 24h
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = token_lifetime)]
    pub token_ttl: Duration,
}

/// A text that stands between quotes in a header.
fn token_name(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b)) {
        return Ok(text.to_string());
    }
    Err("it is one word of ASCII without quotes and backslashes".to_string())
}

fn token_realm(text: &str) -> Result<String, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return token_name(text);
    }
    Err("it is an address that begins with https:// or http://".to_string())
}

fn token_lifetime(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(86_400);
    let lifetime = duration(text)?;
    if (SHORTEST..=LONGEST).contains(&lifetime) {
        return Ok(lifetime);
    }
    Err("a token is valid from 1m to 24h".to_string())
}

impl ServeArgs {
    /// Which bearer tokens are taken.
    fn tokens(&self) -> Result<Option<TokenOptions>, Failure> {
        let (realm, service, issuer) = (&self.token_realm, &self.token_service, &self.token_issuer);
        let name = |given: &Option<String>| given.clone().unwrap_or_else(|| DEFAULT_SERVICE.to_string());
        if let Some(key) = &self.issue_tokens {
            return Ok(Some(TokenOptions::Own {
                key: key.clone(),
                realm: realm.clone(),
                service: name(service),
                issuer: name(issuer),
                others: self.token_for.clone(),
                lifetime: self.token_ttl,
            }));
        }
        match (&self.token_key, realm, service, issuer) {
            (Some(keys), Some(realm), Some(service), Some(issuer)) => Ok(Some(TokenOptions::Of {
                realm: realm.clone(),
                service: service.clone(),
                issuer: issuer.clone(),
                keys: keys.clone(),
            })),
            (None, None, None, None) => Ok(None),
            _ => Err(Failure::usage(
                "--token-realm, --token-service and --token-issuer need --token-key or --issue-tokens",
            )),
        }
    }

    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<ServeOptions, Failure> {
        let tokens = self.tokens()?;
        let folder = match (self.folder, self.repo_path) {
            (Some(_), Some(_)) => return Err(Failure::usage("the folder is given twice")),
            (folder, path) => folder.or(path).unwrap_or_else(|| PathBuf::from(".")),
        };
        if self.anonymous_get && self.htpasswd.is_none() && self.token_key.is_none() {
            return Err(Failure::usage(
                "--anonymous-get needs --htpasswd or --token-key: without them everybody reads",
            ));
        }
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
        options.tokens = tokens;
        options.tls = self.tls_cert.zip(self.tls_key).map(|(cert, key)| TlsFiles {
            cert,
            key,
            client_ca: self.tls_client_ca,
        });
        options.access = self.access;
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

/// What the server's threads have to tell.
enum Told {
    Request(String),
    Warning(String),
}

impl Run for ServeArgs {
    fn run(self, session: &Session) -> Outcome {
        let interrupt = Interrupt::install()?;
        let mut options = self.resolve(session)?;
        // Requests are answered on many threads; one of ours prints what they tell.
        let (sender, told) = std::sync::mpsc::channel();
        let warnings = sender.clone();
        // Nobody listens any more only when the command is about to end.
        options.warnings =
            Some(Arc::new(move |text: &str| drop(warnings.send(Told::Warning(text.to_string())))));
        if session.ui.is_debug() {
            options.log = Some(Arc::new(move |access: &Access<'_>| {
                let line = format!("{} {} {}", access.method, access.path, access.status);
                drop(sender.send(Told::Request(line)));
            }));
        } else {
            drop(sender);
        }
        let server = session.with_context(|context| repo::bind(context, &options))?;
        let (folder, url) = (options.source.to_string(), server.url());
        let is_reachable = !server.local_addr().ip().is_loopback();
        let has_users = options.htpasswd.is_some() || options.tokens.is_some();
        let is_open = options.writable && !has_users && is_reachable;
        let is_readable_on_the_way = options.htpasswd.is_some() && options.tls.is_none() && is_reachable;
        let public = if options.url.is_empty() { url.clone() } else { options.url.clone() };
        drop(options);
        session.ui.line(format!("Serving {} in {folder} on {url}", plural(server.charts().0, "chart")))?;
        session.ui.note(format!("Add it with `{} repo add NAME {public}`.", session.settings.program.name()));
        if is_open {
            session.ui.warn(
                "everybody who can reach this address can upload and delete; --htpasswd names who may",
                &[],
            );
        }
        if is_readable_on_the_way {
            session.ui.warn(
                "passwords and tokens can be read on their way, unless there is TLS in front; --tls-cert and --tls-key \
                 bring it",
                &[],
            );
        }
        if let Some((certificate, realm)) = server.token_service() {
            session.ui.note(format!(
                "Tokens come from {realm}; registries know them by {} (rootcertbundle).",
                certificate.display()
            ));
        }
        session.ui.note("Ctrl-C stops it.");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for told in told {
                    match told {
                        Told::Request(line) => session.ui.note(line),
                        Told::Warning(text) => session.ui.warn(&text, &[]),
                    }
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
