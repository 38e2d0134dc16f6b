//! Who asks: the `Authorization` header, and where it comes from.
//!
//! A token file is read again every minute, since the system writes a new token into it; a plugin is run again when what
//! it gave runs out. Source: client-go's credential plugins (`client.authentication.k8s.io/v1`).
//!
//! Invariant: what a plugin prints on its standard output is never shown, not even when it fails: it may be a token.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::data::Value;
use crate::data::base64;
use crate::data::time::{RFC3339, Time, Zone};
use crate::sys::{Clock, Host, Secret, fs, monotonic};

/// No token is longer.
const TOKEN_LIMIT: u64 = 1024 * 1024;

/// How long a token that was read from a file counts.
const FILE_TOKEN_LIFE: Duration = Duration::from_secs(60);

/// How long before its end a plugin's token is not used any more.
const MARGIN: i64 = 10;

/// Where the header comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// Nothing is sent (a client certificate may speak for itself).
    None,
    /// A bearer token.
    Token(Secret),
    /// A file with a bearer token, and one that counts where the file has none.
    TokenFile(PathBuf, Option<Secret>),
    /// Name and password.
    Basic(String, Secret),
    /// A program that prints a token or a certificate.
    Exec(Box<Exec>),
}

/// A source with what it gave last.
#[derive(Debug)]
pub(super) struct Credentials {
    source: Source,
    last: Mutex<Option<Given>>,
}

#[derive(Debug, Clone)]
struct Given {
    token: Option<Secret>,
    /// Certificate and key.
    identity: Option<Secret>,
    read: Instant,
    /// Unix seconds; `None` for no end.
    expires: Option<i64>,
}

impl Credentials {
    pub(super) fn new(source: Source) -> Self {
        Credentials { source, last: Mutex::new(None) }
    }

    /// The value of the header.
    pub(super) fn header(&self) -> Result<Option<Secret>, String> {
        let bearer = |token: &Secret| Secret::new(format!("Bearer {}", token.reveal().trim()));
        match &self.source {
            Source::None => Ok(None),
            Source::Token(token) => Ok(Some(bearer(token))),
            Source::Basic(name, password) => {
                let pair = base64::encode(format!("{name}:{}", password.reveal()));
                Ok(Some(Secret::new(format!("Basic {pair}"))))
            }
            Source::TokenFile(..) | Source::Exec(_) => Ok(self.given()?.token.as_ref().map(bearer)),
        }
    }

    /// Certificate and key in PEM, where a plugin gives them.
    pub(super) fn identity(&mut self) -> Result<Option<Secret>, String> {
        match self.source {
            Source::Exec(_) => Ok(self.given()?.identity),
            _ => Ok(None),
        }
    }

    /// Forgets what was given, when asking again can give something else.
    pub(super) fn renew(&self) -> bool {
        let can = matches!(self.source, Source::TokenFile(..) | Source::Exec(_));
        if can {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        can
    }

    fn given(&self) -> Result<Given, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = last.as_ref().filter(|given| self.is_fresh(given)) {
            return Ok(given.clone());
        }
        let given = match &self.source {
            Source::Exec(exec) => exec.run()?,
            Source::TokenFile(path, instead) => {
                let of =
                    |token| Given { token: Some(token), identity: None, read: monotonic(), expires: None };
                match (read_token(path), last.take()) {
                    (Ok(token), _) => of(token),
                    // The file may be away for a moment while it is replaced; the server says whether the old one counts.
                    (Err(_), Some(old)) => old,
                    (Err(error), None) => of(instead.clone().ok_or(error)?),
                }
            }
            _ => return Err("there is nothing to ask for".into()),
        };
        *last = Some(given.clone());
        Ok(given)
    }

    fn is_fresh(&self, given: &Given) -> bool {
        match &self.source {
            Source::Exec(exec) => given.expires.is_none_or(|end| exec.seconds() + MARGIN < end),
            _ => given.read.elapsed() < FILE_TOKEN_LIFE,
        }
    }
}

/// The token that a file has. One without is no reason to ask as nobody.
fn read_token(path: &Path) -> Result<Secret, String> {
    let text = Secret::new(fs::read_text(path, TOKEN_LIMIT).map_err(|error| error.to_string())?);
    match text.reveal().trim() {
        "" => Err(format!("read empty token from file {:?}", path.display().to_string())),
        token => Ok(Secret::new(token)),
    }
}

/// A program that gives credentials.
#[derive(Debug)]
pub(super) struct Exec {
    command: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    api_version: String,
    install_hint: String,
    interactive: String,
    about_cluster: Option<Value>,
    clock: Clock,
    folder: PathBuf,
}

impl Exec {
    /// Reads a user's `exec`. `folder` is that of its kubeconfig.
    pub(super) fn read(
        exec: &Value,
        folder: &Path,
        about_cluster: Option<Value>,
        host: &Host,
    ) -> Result<Self, String> {
        let text =
            |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or("").to_string();
        let items = |field: &str| exec.get(field).and_then(Value::as_list).unwrap_or_default();
        let (command, api_version) = (text(exec, "command"), text(exec, "apiVersion"));
        if command.is_empty() {
            return Err("the user's exec plugin has no command".into());
        }
        let known = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
        if !known.contains(&api_version.as_str()) {
            return Err(format!("the user's exec plugin has the unknown apiVersion {api_version:?}"));
        }
        let mut environment: BTreeMap<String, String> = Arc::unwrap_or_clone(Arc::clone(&host.env));
        for entry in items("env") {
            environment.insert(text(entry, "name"), text(entry, "value"));
        }
        // A bare name is looked for in PATH; anything else is seen from the file's folder.
        let is_path = command.contains(['/', '\\']);
        Ok(Exec {
            command: if is_path { folder.join(&command) } else { PathBuf::from(&command) },
            arguments: items("args").iter().filter_map(Value::as_str).map(str::to_string).collect(),
            environment,
            api_version,
            install_hint: text(exec, "installHint"),
            interactive: text(exec, "interactiveMode"),
            about_cluster,
            clock: host.clock.clone(),
            folder: host.cwd.clone(),
        })
    }

    fn seconds(&self) -> i64 {
        crate::cluster::object::seconds(&self.clock)
    }

    fn run(&self) -> Result<Given, String> {
        let name = self.command.display();
        let may_ask = self.interactive != "Never" && std::io::stdin().is_terminal();
        if self.interactive == "Always" && !may_ask {
            return Err(format!("the exec plugin {name} wants to ask questions, and there is no terminal"));
        }
        let mut spec = Value::map();
        if let Some(fields) = spec.as_map_mut() {
            fields.insert("interactive".into(), Value::Bool(may_ask));
            if let Some(about) = &self.about_cluster {
                fields.insert("cluster".into(), about.clone());
            }
        }
        let info: Value = [
            ("apiVersion", Value::str(self.api_version.as_str())),
            ("kind", Value::str("ExecCredential")),
            ("spec", spec),
        ]
        .into_iter()
        .collect();
        let info = serde_json::to_string(&info).map_err(|error| error.to_string())?;
        let output = Command::new(&self.command)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .env("KUBERNETES_EXEC_INFO", info)
            .current_dir(&self.folder)
            .stdin(if may_ask { Stdio::inherit() } else { Stdio::null() })
            // Plugins tell people what to do there; kubectl passes it through as well.
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| {
                let hint = self.install_hint.trim();
                let hint = if hint.is_empty() { String::new() } else { format!("\n{hint}") };
                format!("the exec plugin {name} cannot be run: {error}{hint}")
            })?;
        if !output.status.success() {
            return Err(format!("the exec plugin {name} failed: {}", output.status));
        }
        self.read_answer(&output.stdout).map_err(|reason| format!("the exec plugin {name} {reason}"))
    }

    fn read_answer(&self, bytes: &[u8]) -> Result<Given, String> {
        let answer: Value =
            serde_json::from_slice(bytes).map_err(|_| "printed something else than an ExecCredential")?;
        let found = answer.get("apiVersion").and_then(Value::as_str).unwrap_or("");
        if found != self.api_version {
            return Err(format!(
                "answered in apiVersion {found:?}, and {:?} was asked for",
                self.api_version
            ));
        }
        let field = |name: &str| {
            answer.path(["status", name]).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let identity = match (field("clientCertificateData"), field("clientKeyData")) {
            (Some(certificate), Some(key)) => Some(Secret::new(format!("{key}\n{certificate}\n"))),
            _ => None,
        };
        let token = field("token").map(Secret::new);
        if token.is_none() && identity.is_none() {
            return Err("gave neither a token nor a certificate".into());
        }
        let expires = field("expirationTimestamp")
            .map(|text| Time::parse(RFC3339, text, &Zone::Utc).map(|time| time.unix()))
            .transpose()
            .map_err(|_| "gave an end that is no date")?;
        Ok(Given { token, identity, read: monotonic(), expires })
    }
}
