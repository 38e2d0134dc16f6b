//! From kubeconfig files and flags to one address with one set of credentials.
//!
//! Files are merged as kubectl merges them: of entries with one name the first counts, the first `current-context` too,
//! and a relative path is seen from the file that has it. Flags go over both.
//!
//! Invariant: no secret is in an error or in the `Debug` form of anything here.

use std::path::{Path, PathBuf};

use super::KubeOptions;
use super::credentials::{Credentials, Exec, Source};
use crate::cluster::StoreError;
use crate::data::{Value, base64, yaml};
use crate::diag::{SourceFile, did_you_mean};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret, fs};

/// No kubeconfig, certificate or token file is larger.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Where a pod finds the account that it runs as.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// All that is needed to talk to one API server.
#[derive(Debug)]
pub(super) struct Access {
    /// The address, without a slash at its end and without user information.
    pub(super) server: String,
    /// Where the address is written down: `cluster "c" in FILE`.
    pub(super) origin: String,
    /// Who is asked as: `user "u" in FILE`.
    pub(super) user: String,
    /// Why credentials that there are must not be sent.
    pub(super) withheld: Option<String>,
    /// Authorities in PEM; those of the system when `None`.
    pub(super) authorities: Option<Vec<u8>>,
    /// Take any certificate.
    pub(super) insecure: bool,
    /// The name that the certificate must have, when it is not that of the address.
    pub(super) tls_server_name: Option<String>,
    /// The proxy that the cluster asks for.
    pub(super) proxy: Option<String>,
    /// Let the server compress its answers.
    pub(super) compressed: bool,
    /// Certificate and key in PEM.
    pub(super) identity: Option<Secret>,
    /// Who asks.
    pub(super) credentials: Credentials,
    /// `Impersonate-*` headers.
    pub(super) impersonation: Vec<(String, String)>,
}

/// An entry of a kubeconfig with the folder that its paths are seen from.
struct Entry {
    value: Value,
    folder: PathBuf,
    /// How people find it: `user "u" in FILE`.
    called: String,
}

impl Entry {
    fn none() -> Self {
        Entry { value: Value::map(), folder: PathBuf::new(), called: String::new() }
    }

    fn text(&self, field: &str) -> Option<String> {
        let text = self.value.get(field).and_then(Value::as_str)?;
        Some(text.to_string()).filter(|text| !text.is_empty())
    }

    fn truth(&self, field: &str) -> bool {
        self.value.get(field).and_then(Value::as_bool).unwrap_or(false)
    }

    fn path(&self, field: &str) -> Option<PathBuf> {
        self.text(field).map(|path| self.folder.join(path))
    }

    /// The content that `FIELD-data` holds in base64, or that the file in `FIELD` has.
    fn content(&self, field: &str) -> Result<Option<Vec<u8>>, String> {
        let data = format!("{field}-data");
        if let Some(encoded) = self.text(&data) {
            let decoded = base64::decode(encoded.trim());
            return decoded.map(Some).ok_or_else(|| format!("{data} is not base64"));
        }
        self.path(field).map(|path| read(&path)).transpose()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path, FILE_LIMIT).map_err(|error| error.to_string())
}

impl Access {
    /// Puts files, flags and surroundings together. `store` is the name of the store in errors.
    ///
    /// # Errors
    /// A file cannot be read, a name leads nowhere, or a field is unusable.
    pub(super) fn find(options: &KubeOptions, host: &Host, store: &str) -> Result<Self, StoreError> {
        let unusable = |reason: String| StoreError::Configuration { store: store.to_string(), reason };
        let in_cluster = options.kubeconfig.is_empty() && options.server.is_none();
        let access = if in_cluster {
            Self::of_service_account(options, host)
        } else {
            Documents::read(&options.kubeconfig).and_then(|documents| {
                let (cluster, user) = documents.context(options.context.as_deref())?;
                Self::of_entries(&cluster, &user, options, host)
            })
        };
        access.map_err(unusable)
    }

    fn of_service_account(options: &KubeOptions, host: &Host) -> Result<Self, String> {
        let folder = Path::new(SERVICE_ACCOUNT);
        let address = host.var("KUBERNETES_SERVICE_HOST").ok_or("no kubeconfig was found")?;
        let address = if address.contains(':') { format!("[{address}]") } else { address.to_string() };
        let port = host.var("KUBERNETES_SERVICE_PORT").unwrap_or("443");
        let fields = [
            ("server", Value::str(format!("https://{address}:{port}"))),
            ("certificate-authority", Value::str(folder.join("ca.crt").display().to_string())),
        ];
        let called = || format!("the service account in {SERVICE_ACCOUNT}");
        let cluster =
            Entry { value: fields.into_iter().collect(), folder: folder.to_path_buf(), called: called() };
        let token = ("tokenFile", Value::str(folder.join("token").display().to_string()));
        let value = [token].into_iter().collect();
        let user = Entry { value, folder: folder.to_path_buf(), called: called() };
        Self::of_entries(&cluster, &user, options, host)
    }

    fn of_entries(cluster: &Entry, user: &Entry, options: &KubeOptions, host: &Host) -> Result<Self, String> {
        let authorities = match &options.ca_file {
            Some(path) => Some(read(&host.resolve(path))?),
            None => cluster.content("certificate-authority")?,
        };
        let insecure = options.insecure_skip_tls_verify
            || options.ca_file.is_none() && cluster.truth("insecure-skip-tls-verify");
        let has_tls = authorities.is_some() || insecure || user.text("client-certificate-data").is_some();
        let server = options.server.clone().or_else(|| cluster.text("server"));
        let server = address(&server.ok_or("the cluster has no server")?, has_tls)?;
        let named = cluster.text("tls-server-name").filter(|_| options.server.is_none());
        let (mut own, mut withheld) = (None, None);
        let mut credentials = Credentials::new(Source::None);
        if server.starts_with("https://") {
            let of_user = |reason: String| match user.called.as_str() {
                "" => reason,
                called => format!("{called}: {reason}"),
            };
            own = identity(user).map_err(of_user)?;
            credentials = self::credentials(user, cluster, &server, authorities.as_deref(), options, host)
                .map_err(of_user)?;
            if let Some(by_plugin) = credentials.identity()? {
                own = Some(by_plugin);
            }
        } else if options.token.is_some() || has_credentials(user) {
            // Whoever listens on the way would have them.
            withheld = Some(format!("no credentials were sent: {server} is not encrypted"));
        }
        let origin = match &options.server {
            Some(_) => "the flag or variable that names the API server".to_string(),
            None => cluster.called.clone(),
        };
        Ok(Access {
            origin,
            user: user.called.clone(),
            withheld,
            authorities: authorities.filter(|_| !insecure),
            insecure,
            tls_server_name: options.tls_server_name.clone().or(named),
            proxy: cluster.text("proxy-url"),
            compressed: !cluster.truth("disable-compression"),
            identity: own,
            credentials,
            impersonation: impersonation(user, options),
            server,
        })
    }
}

/// The address with a scheme and without what does not belong to it.
fn address(server: &str, has_tls: bool) -> Result<String, String> {
    let trimmed = server.trim().trim_end_matches('/');
    let full = match trimmed.split_once("://") {
        Some(("http" | "https", _)) => trimmed.to_string(),
        Some((scheme, _)) => return Err(format!("the server's address has the scheme {scheme}")),
        None => format!("{}://{trimmed}", if has_tls { "https" } else { "http" }),
    };
    Ok(redact_url(full.split(['?', '#']).next().unwrap_or(&full)))
}

/// Whether a user says anything by which a server would know it.
fn has_credentials(user: &Entry) -> bool {
    const FIELDS: [&str; 7] = [
        "token",
        "tokenFile",
        "username",
        "exec",
        "auth-provider",
        "client-certificate",
        "client-certificate-data",
    ];
    FIELDS.iter().any(|field| user.value.get(field).is_some_and(|value| !value.is_null()))
}

fn identity(user: &Entry) -> Result<Option<Secret>, String> {
    let (certificate, key) = (user.content("client-certificate")?, user.content("client-key")?);
    match (certificate, key) {
        (Some(certificate), Some(mut key)) => {
            key.push(b'\n');
            key.extend(certificate);
            let pem = String::from_utf8(key).map_err(|_| "the client certificate is no PEM text")?;
            Ok(Some(Secret::new(pem)))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err("there is a client certificate without a client key".to_string()),
        (None, Some(_)) => Err("there is a client key without a client certificate".to_string()),
    }
}

fn credentials(
    user: &Entry,
    cluster: &Entry,
    server: &str,
    authorities: Option<&[u8]>,
    options: &KubeOptions,
    host: &Host,
) -> Result<Credentials, String> {
    let secret = |field: &str| user.text(field).map(Secret::new);
    let source = if let Some(token) = &options.token {
        Source::Token(token.clone())
    } else if let Some(path) = user.path("tokenFile") {
        Source::TokenFile(path, secret("token"))
    } else if let Some(token) = secret("token") {
        Source::Token(token)
    } else if let Some(name) = user.text("username") {
        Source::Basic(name, secret("password").unwrap_or_default())
    } else if let Some(exec) = user.value.get("exec").filter(|exec| !exec.is_null()) {
        let about = about_cluster(exec, cluster, server, authorities);
        Source::Exec(Box::new(Exec::read(exec, &user.folder, about, host)?))
    } else if let Some(provider) = user.value.get("auth-provider").filter(|found| !found.is_null()) {
        let token = provider.path(["config", "id-token"]).and_then(Value::as_str);
        let name = provider.get("name").and_then(Value::as_str).unwrap_or("");
        let token = token.ok_or_else(|| {
            format!(
                "the user's auth-provider {name:?} is not supported: Kubernetes replaced them by exec plugins"
            )
        })?;
        Source::Token(Secret::new(token))
    } else {
        Source::None
    };
    Ok(Credentials::new(source))
}

/// What a plugin is told of the cluster, when it asks for it.
fn about_cluster(exec: &Value, cluster: &Entry, server: &str, authorities: Option<&[u8]>) -> Option<Value> {
    exec.get("provideClusterInfo").and_then(Value::as_bool).filter(|wanted| *wanted)?;
    let mut about = Value::map();
    let fields = about.as_map_mut()?;
    fields.insert("server".into(), Value::str(server));
    for field in ["tls-server-name", "insecure-skip-tls-verify", "proxy-url"] {
        if let Some(value) = cluster.value.get(field) {
            fields.insert(field.into(), value.clone());
        }
    }
    if let Some(pem) = authorities {
        fields.insert("certificate-authority-data".into(), Value::str(base64::encode(pem)));
    }
    let extensions = cluster.value.get("extensions").and_then(Value::as_list).unwrap_or_default();
    let config = extensions
        .iter()
        .find(|entry| entry.get("name").and_then(Value::as_str) == Some("client.authentication.k8s.io/exec"));
    if let Some(config) = config.and_then(|entry| entry.get("extension")) {
        fields.insert("config".into(), config.clone());
    }
    Some(about)
}

fn impersonation(user: &Entry, options: &KubeOptions) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut add = |name: String, value: String| headers.push((name, value));
    if let Some(name) = options.as_user.clone().or_else(|| user.text("as")) {
        add("impersonate-user".into(), name);
    }
    if let Some(uid) = user.text("as-uid") {
        add("impersonate-uid".into(), uid);
    }
    let texts = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_list).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_string).collect()
    };
    let groups = if options.as_groups.is_empty() {
        texts(user.value.get("as-groups"))
    } else {
        options.as_groups.clone()
    };
    for group in groups {
        add("impersonate-group".into(), group);
    }
    for (key, values) in user.value.get("as-user-extra").and_then(Value::as_map).into_iter().flatten() {
        for value in texts(Some(values)) {
            add(format!("impersonate-extra-{}", header_part(key)), value);
        }
    }
    headers
}

/// A key as part of a header's name: what cannot stand there is percent-encoded.
fn header_part(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    key.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The kubeconfig files.
struct Documents(Vec<Entry>);

impl Documents {
    fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let mut documents = Vec::new();
        for path in paths {
            let text = fs::read_text(path, FILE_LIMIT).map_err(|error| error.to_string())?;
            let file = SourceFile::new(path.display().to_string(), text);
            let map = yaml::to_map(&file).map_err(|error| format!("{}: {error}", path.display()))?;
            let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
            documents.push(Entry { value: Value::Map(map), folder, called: path.display().to_string() });
        }
        Ok(Documents(documents))
    }

    /// Cluster and user of a context. Without any file or context there is nothing to be said of them.
    fn context(&self, named: Option<&str>) -> Result<(Entry, Entry), String> {
        let current = || self.0.iter().find_map(|document| document.text("current-context"));
        let Some(name) = named.map(str::to_string).or_else(current) else {
            return Ok((Entry::none(), Entry::none()));
        };
        let context = self.entry("contexts", "context", &name)?;
        let of = |field: &str, list: &str| match context.text(field) {
            Some(name) => self.entry(list, field, &name),
            None => Ok(Entry::none()),
        };
        let (mut cluster, user) = (of("cluster", "clusters")?, of("user", "users")?);
        if !cluster.called.is_empty() {
            cluster.called = format!("context {name:?}, {}", cluster.called);
        }
        Ok((cluster, user))
    }

    fn entry(&self, list: &str, field: &str, name: &str) -> Result<Entry, String> {
        let mut names = Vec::new();
        for document in &self.0 {
            for entry in document.value.get(list).and_then(Value::as_list).unwrap_or_default() {
                let found = entry.get("name").and_then(Value::as_str).unwrap_or("");
                if found == name {
                    let value = entry.get(field).cloned().unwrap_or_default();
                    let called = format!("{field} {name:?} in {}", document.called);
                    return Ok(Entry { value, folder: document.folder.clone(), called });
                }
                names.push(found);
            }
        }
        let near = did_you_mean(name, names.iter().copied());
        let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        Err(format!("{field} {name:?} does not exist{near}"))
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
