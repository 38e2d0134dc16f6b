//! Who we are to which registry: our own `registry/config.json` first, then Helm's, which has the same form, then Docker's
//! `config.json`.
//!
//! ```json
//! {"auths": {"HOST": {"auth": "base64 of USER:PASSWORD", "identitytoken": "…"}},
//!  "credHelpers": {"HOST": "NAME"}, "credsStore": "NAME"}
//! ```
//!
//! In each file a helper of the registry goes first, then the store for all registries, then what is written down.
//!
//! Invariant: only the first file is ever written: in one step, under a lock, readable by its owner alone, with all that
//! this module does not know left as it was. No secret is in an error.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{RegistryError, helper};
use crate::auth::Login;
use crate::data::base64;
use crate::sys::http::Credentials;
use crate::sys::{Dirs, Host, Secret, fs};

/// Largest file with credentials, in bytes.
const FILE_LIMIT: u64 = 4 << 20;
/// How long another process may hold the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// The public registry, and what Docker calls it where it keeps credentials.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The files with credentials.
#[derive(Debug, Clone, Copy)]
pub struct CredentialFiles<'a> {
    /// The outside world.
    pub host: &'a Host,
    /// Our own file, which is read first and alone is written.
    pub config: &'a Path,
}

impl CredentialFiles<'_> {
    /// Helm's file: `HELM_REGISTRY_CONFIG`, else in Helm's folder of settings.
    fn helm(&self) -> PathBuf {
        match self.host.var("HELM_REGISTRY_CONFIG") {
            Some(path) => self.host.resolve(path),
            None => Dirs::helm(&self.host.env).config.join("registry").join("config.json"),
        }
    }

    /// Docker's file: `DOCKER_CONFIG` names its folder.
    fn docker(&self) -> Option<PathBuf> {
        let folder = match self.host.var("DOCKER_CONFIG") {
            Some(folder) => self.host.resolve(folder),
            None => Path::new(self.host.var("HOME")?).join(".docker"),
        };
        Some(folder.join("config.json"))
    }

    /// What is known of a registry (`HOST` or `HOST:PORT`).
    ///
    /// # Errors
    /// A file cannot be read, or a helper fails.
    pub fn find(&self, registry: &str) -> Result<Option<Login>, RegistryError> {
        let own = self.host.resolve(self.config);
        let others = std::iter::once(self.helm()).chain(self.docker()).filter(|path| *path != own);
        for path in std::iter::once(own.clone()).chain(others) {
            let file = File::load(&path)?;
            let found = match file.helper(registry)? {
                Some(name) => helper::get(self.host, &name, key_of(registry))?.map(login_of_helper),
                None => file.written(registry)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Keeps credentials for a registry, in the helper that the file names, else in the file. Without a user name the
    /// password is a refresh token.
    ///
    /// # Errors
    /// The file cannot be read or written, or the helper fails.
    pub fn store(&self, registry: &str, credentials: &Credentials) -> Result<(), RegistryError> {
        let (_lock, mut file) = self.open_locked()?;
        if let Some(name) = file.helper(registry)? {
            let mut kept = credentials.clone();
            if kept.username.is_empty() {
                kept.username = helper::TOKEN_USER.to_string();
            }
            return helper::store(self.host, &name, key_of(registry), &kept);
        }
        let mut entry = Map::new();
        if credentials.username.is_empty() {
            let token = credentials.password.reveal().to_string();
            entry.insert("identitytoken".to_string(), Value::String(token));
        } else {
            let pair = format!("{}:{}", credentials.username, credentials.password.reveal());
            entry.insert("auth".to_string(), Value::String(base64::encode(pair)));
        }
        file.auths()?.insert(key_of(registry).to_string(), Value::Object(entry));
        file.save()
    }

    /// Forgets the credentials for a registry. Returns whether there were any.
    ///
    /// # Errors
    /// As [`CredentialFiles::store`].
    pub fn erase(&self, registry: &str) -> Result<bool, RegistryError> {
        let (_lock, mut file) = self.open_locked()?;
        if let Some(name) = file.helper(registry)? {
            let there = helper::get(self.host, &name, key_of(registry))?.is_some();
            helper::erase(self.host, &name, key_of(registry))?;
            return Ok(there);
        }
        if !file.content.contains_key("auths") {
            return Ok(false);
        }
        let auths = file.auths()?;
        let before = auths.len();
        auths.retain(|key, _| !means(key, registry));
        if auths.len() == before {
            return Ok(false);
        }
        file.save()?;
        Ok(true)
    }

    fn open_locked(&self) -> Result<(fs::LockFile, File), RegistryError> {
        let path = self.host.resolve(self.config);
        let lock = fs::lock(&path.with_extension("lock"), LOCK_PATIENCE)?;
        Ok((lock, File::load(&path)?))
    }
}

/// What Docker calls a registry where it keeps credentials.
fn key_of(registry: &str) -> &str {
    if DOCKER_HUB.contains(&registry) { DOCKER_HUB_KEY } else { registry }
}

/// Whether a key of `auths` means a registry: older tools wrote a URL there.
fn means(key: &str, registry: &str) -> bool {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key == key_of(registry) || bare.split('/').next() == Some(registry)
}

fn login_of_helper(found: Credentials) -> Login {
    if found.username == helper::TOKEN_USER { Login::Refresh(found.password) } else { Login::Password(found) }
}

/// One file, with all that is in it.
struct File {
    path: PathBuf,
    content: Map<String, Value>,
}

impl File {
    /// Reads a file; one that is not there is empty.
    fn load(path: &Path) -> Result<Self, RegistryError> {
        let path = path.to_path_buf();
        let bytes = match fs::read(&path, FILE_LIMIT) {
            Err(error) if error.is_not_found() => Vec::new(),
            bytes => bytes?,
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(File { path, content: Map::new() });
        }
        match serde_json::from_slice(&bytes) {
            Ok(content) => Ok(File { path, content }),
            // The error's own text could show a piece of the file.
            Err(error) => {
                let reason = format!("line {}: this is no file of registry credentials", error.line());
                Err(RegistryError::Credentials { path, reason })
            }
        }
    }

    fn malformed(&self, what: &str) -> RegistryError {
        RegistryError::Credentials { path: self.path.clone(), reason: format!("{what} is malformed") }
    }

    /// The helper that keeps a registry's credentials.
    fn helper(&self, registry: &str) -> Result<Option<String>, RegistryError> {
        let own = match self.content.get("credHelpers") {
            None | Some(Value::Null) => None,
            Some(Value::Object(helpers)) => helpers.get(key_of(registry)).or_else(|| helpers.get(registry)),
            Some(_) => return Err(self.malformed("credHelpers")),
        };
        match own.or_else(|| self.content.get("credsStore")) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) => Ok(Some(name.clone()).filter(|name| !name.is_empty())),
            Some(_) => Err(self.malformed("credsStore")),
        }
    }

    /// What the file itself says of a registry.
    fn written(&self, registry: &str) -> Result<Option<Login>, RegistryError> {
        let auths = match self.content.get("auths") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(auths)) => auths,
            Some(_) => return Err(self.malformed("auths")),
        };
        let exact = auths.get(key_of(registry));
        let Some(entry) =
            exact.or_else(|| auths.iter().find(|(key, _)| means(key, registry)).map(|found| found.1))
        else {
            return Ok(None);
        };
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        if !text("identitytoken").is_empty() {
            return Ok(Some(Login::Refresh(Secret::new(text("identitytoken")))));
        }
        if !text("registrytoken").is_empty() {
            return Ok(Some(Login::Bearer(Secret::new(text("registrytoken")))));
        }
        let (username, password) = if text("auth").is_empty() {
            (text("username").to_string(), text("password").to_string())
        } else {
            let pair = base64::decode(text("auth")).and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
            let (user, password) = pair.ok_or_else(|| self.malformed(&format!("the auth of {registry}")))?;
            // Docker pads what it wrote long ago with zeros.
            (user.to_string(), password.trim_end_matches('\0').to_string())
        };
        let given = !username.is_empty() || !password.is_empty();
        Ok(given.then(|| Login::Password(Credentials { username, password: Secret::new(password) })))
    }

    fn auths(&mut self) -> Result<&mut Map<String, Value>, RegistryError> {
        if matches!(self.content.get("auths"), None | Some(Value::Null)) {
            self.content.insert("auths".to_string(), Value::Object(Map::new()));
        }
        let malformed = self.malformed("auths");
        self.content.get_mut("auths").and_then(Value::as_object_mut).ok_or(malformed)
    }

    /// Writes the file as Docker and Helm lay it out.
    fn save(&self) -> Result<(), RegistryError> {
        let mut text = Vec::new();
        let layout = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, layout);
        serde::Serialize::serialize(&self.content, &mut writer)
            .map_err(|error| RegistryError::Unwritable { reason: error.to_string() })?;
        Ok(fs::write_atomic(&self.path, &text, true)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, registry: &str) -> Result<Option<Login>, String> {
        let content = serde_json::from_str(text).unwrap();
        let file = File { path: PathBuf::from("config.json"), content };
        file.written(registry).map_err(|error| error.to_string())
    }

    fn password(username: &str, password: &str) -> Login {
        Login::Password(Credentials { username: username.to_string(), password: Secret::new(password) })
    }

    #[test]
    fn what_is_written_is_read() {
        let text = r#"{"auths": {
            "a.test": {"auth": "YW5uOnA6dw=="},
            "https://b.test/v1/": {"username": "bob", "password": "pw"},
            "c.test:5000": {"auth": "eA==", "identitytoken": "refresh"},
            "d.test": {"registrytoken": "bearer"},
            "e.test": {},
            "f.test": {"auth": "bm8="},
            "g.test": {"auth": "YTpi%"},
            "https://index.docker.io/v1/": {"auth": "aHViOnB3AAA="}
        }}"#;
        for (registry, login) in [
            ("a.test", Some(password("ann", "p:w"))),
            ("b.test", Some(password("bob", "pw"))),
            ("c.test:5000", Some(Login::Refresh(Secret::new("refresh")))),
            ("d.test", Some(Login::Bearer(Secret::new("bearer")))),
            ("docker.io", Some(password("hub", "pw"))),
            ("e.test", None),
            ("c.test", None),
            ("test", None),
        ] {
            assert_eq!(written(text, registry), Ok(login), "{registry}");
        }
        for registry in ["f.test", "g.test"] {
            let error = written(text, registry).unwrap_err();
            assert_eq!(error, format!("config.json: the auth of {registry} is malformed"));
        }
        for text in [r#"{"auths": []}"#, r#"{"auths": "x"}"#] {
            assert_eq!(written(text, "a.test").unwrap_err(), "config.json: auths is malformed");
        }
        assert_eq!(written("{}", "a.test"), Ok(None));
    }

    #[test]
    fn a_helper_of_the_registry_goes_before_that_of_all() {
        let text = r#"{"credsStore": "all", "credHelpers": {"a.test": "own", "b.test": ""}}"#;
        let file = File { path: PathBuf::new(), content: serde_json::from_str(text).unwrap() };
        for (registry, helper) in [("a.test", Some("own")), ("b.test", None), ("c.test", Some("all"))] {
            assert_eq!(file.helper(registry).unwrap().as_deref(), helper, "{registry}");
        }
    }
}
