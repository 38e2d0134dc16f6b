//! `etcd://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/PREFIX][?SETTING=VALUE…]`, and what the environment adds.
//!
//! | in the URL | else in the environment | what it is |
//! |---|---|---|
//! | `etcds://` | | TLS |
//! | `USER@` or `user=` | `BOWLINE_ETCD_USER` | who asks |
//! | `:PASSWORD@` | `BOWLINE_ETCD_PASSWORD` | the password |
//! | `password-file=` | `BOWLINE_ETCD_PASSWORD_FILE` | a file with the password; the newline at its end does not count |
//! | `ca-file=` | `BOWLINE_ETCD_CA_FILE` | authorities to trust besides the system's, PEM |
//! | `cert-file=`, `key-file=` | `BOWLINE_ETCD_CERT_FILE`, `BOWLINE_ETCD_KEY_FILE` | the client's certificate and key, PEM |
//! | `insecure-skip-tls-verify=true` | | take any certificate |
//!
//! Invariant: what is shown of an address ([`Settings::shown`], [`hidden`]) has no user, no password and no setting.

use std::path::PathBuf;

use crate::cluster::StoreError;
use crate::diag::did_you_mean;
use crate::sys::http::percent_decode;
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret, fs};

/// etcd's port for clients.
const PORT: &str = "2379";
/// Keys are below it when the URL names no prefix.
const PREFIX: &str = "/bowline";
/// No password file is larger, in bytes.
const PASSWORD_LIMIT: u64 = 64 << 10;
/// Settings that only mean something with TLS.
const FOR_TLS: [&str; 4] = ["ca-file", "cert-file", "insecure-skip-tls-verify", "key-file"];

/// Where an etcd cluster is and who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) tls: bool,
    /// `HOST:PORT` of each member.
    pub(super) members: Vec<String>,
    /// `/a/b`: no slash at its end.
    pub(super) prefix: String,
    pub(super) user: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) skip_verify: bool,
}

/// A text that was given as an address, without what must not be seen, however wrong it is.
pub(in crate::cluster) fn hidden(text: &str) -> String {
    if parse(text).is_ok() {
        return redact_url(text);
    }
    // A password with a `/` or a `?` that was not written as %2F or %3F moves the `@` out of its place.
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    redact_url(&format!("{scheme}://{address}"))
}

/// Whether a text can be read as an address.
///
/// # Errors
/// Why not, without secrets.
pub(in crate::cluster) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

fn parse(text: &str) -> Result<Settings, String> {
    const FORM: &str = "an etcd store is named etcd://HOST:PORT[,HOST:PORT]/PREFIX";
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    if path.contains('@') {
        return Err("an `@` after the first slash; in a password write `/` as %2F and `@` as %40".into());
    }
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    let members: Vec<String> = hosts.split(',').map(member).collect::<Option<_>>().ok_or(FORM)?;
    let mut settings =
        Settings { tls: scheme == "etcds", members, prefix: prefix(path)?, ..Settings::default() };
    if let Some(user) = user {
        let (name, password) =
            user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
        settings.user = Some(percent_decode(name));
        settings.password = password.map(|password| Secret::new(percent_decode(password)));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        settings.set(name, percent_decode(value))?;
    }
    if settings.user.as_deref() == Some("") {
        return Err("the user before the `@` has no name".into());
    }
    Ok(settings)
}

/// One `HOST[:PORT]`, the port filled in; `None` when it is none.
fn member(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, PORT),
    };
    let bare = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
    let in_brackets = bare.len() != host.len();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || (in_brackets && ":%".contains(c));
    (!bare.is_empty() && bare.chars().all(fits) && port.parse::<u16>().is_ok_and(|port| port != 0))
        .then(|| format!("{host}:{port}"))
}

fn prefix(path: &str) -> Result<String, String> {
    let path = percent_decode(path);
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(PREFIX.to_string());
    }
    let unusable = |part: &str| part.is_empty() || part.starts_with('@') || part.contains(char::is_control);
    if path.split('/').skip(1).any(unusable) {
        return Err("a part of the prefix is empty, begins with `@` or has a control character".into());
    }
    Ok(path.to_string())
}

impl Settings {
    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        if FOR_TLS.contains(&name) && !self.tls {
            return Err(format!("`{name}` is for TLS, which etcds:// asks for"));
        }
        match name {
            "user" => self.user = Some(value),
            "password-file" => self.password_file = Some(value.into()),
            "ca-file" => self.ca_file = Some(value.into()),
            "cert-file" => self.cert_file = Some(value.into()),
            "key-file" => self.key_file = Some(value.into()),
            "insecure-skip-tls-verify" => {
                self.skip_verify = match value.as_str() {
                    "" | "true" => true,
                    "false" => false,
                    _ => return Err(format!("`{name}` is true or false")),
                };
            }
            "password" => return Err("a password is given as USER:PASSWORD@, or in `password-file`".into()),
            _ => {
                let names = FOR_TLS.into_iter().chain(["password-file", "user"]);
                let near = did_you_mean(name, names);
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(format!("unknown setting `{name}`{near}"));
            }
        }
        Ok(())
    }

    /// Reads an address, with what the environment adds. Files are not read yet.
    ///
    /// # Errors
    /// [`StoreError::InvalidChoice`].
    pub(super) fn new(text: &str, host: &Host) -> Result<Self, StoreError> {
        let mut settings =
            parse(text).map_err(|reason| StoreError::InvalidChoice { given: hidden(text), reason })?;
        let file = |path: Option<PathBuf>, name: &str| {
            path.or_else(|| host.var(name).map(PathBuf::from)).map(|path| host.resolve(&path))
        };
        settings.user = settings.user.or_else(|| host.var("BOWLINE_ETCD_USER").map(str::to_string));
        settings.password_file = file(settings.password_file, "BOWLINE_ETCD_PASSWORD_FILE");
        // A file that the URL names goes before the variable, as all of the URL does.
        if settings.password.is_none() && !text.contains("password-file=") {
            settings.password = host.var("BOWLINE_ETCD_PASSWORD").map(Secret::new);
        }
        if settings.tls {
            settings.ca_file = file(settings.ca_file, "BOWLINE_ETCD_CA_FILE");
            settings.cert_file = file(settings.cert_file, "BOWLINE_ETCD_CERT_FILE");
            settings.key_file = file(settings.key_file, "BOWLINE_ETCD_KEY_FILE");
        }
        Ok(settings)
    }

    /// The address as it may be shown.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.tls { "etcds" } else { "etcd" };
        format!("{scheme}://{}{}", self.members.join(","), self.prefix)
    }

    /// The password; empty when there is none.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub(super) fn password(&self) -> Result<Secret, StoreError> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(password.clone()),
            (None, Some(path)) => match fs::read_text(path, PASSWORD_LIMIT) {
                Ok(text) => Ok(Secret::new(text.strip_suffix('\n').unwrap_or(&text).trim_end_matches('\r'))),
                Err(error) => {
                    let reason = format!("the password file cannot be read: {error}");
                    Err(StoreError::Unreachable { store: self.shown(), reason })
                }
            },
            (None, None) => Ok(Secret::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::sys::{Clock, Dirs, Random};

    fn host(pairs: &[(&str, &str)]) -> Host {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        Host {
            dirs: Dirs::from_env(&env),
            env: Arc::new(env),
            clock: Clock::ticking(0),
            random: Random::seeded(*b"etcd"),
            cwd: "/w".into(),
            watched: crate::sys::transfers::Watched::default(),
        }
    }

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("etcd://h", "etcd://h:2379/bowline"),
            ("etcd://h:1/", "etcd://h:1/bowline"),
            ("etcd://h:1,i:2/a/b/", "etcd://h:1,i:2/a/b"),
            ("etcds://u:p%40%2F@[::1]:1,[fe80::1]/a%20b", "etcds://[::1]:1,[fe80::1]:2379/a b"),
            ("etcds://h/p?ca-file=x&insecure-skip-tls-verify=true", "etcds://h:2379/p"),
        ] {
            assert_eq!(Settings::new(text, &host(&[])).unwrap().shown(), shown, "{text}");
        }
        for (text, want) in [
            ("etcd:h", "an etcd store is named"),
            ("etcd://", "an etcd store is named"),
            ("etcd://h:0/p", "an etcd store is named"),
            ("etcd://h:99999/p", "an etcd store is named"),
            ("etcd://h,/p", "an etcd store is named"),
            ("etcd://h h/p", "an etcd store is named"),
            ("etcd://:secret@h/p", "the user before the `@` has no name"),
            ("etcd://u:sec/ret@h/p", "an `@` after the first slash"),
            ("etcd://h/a//b", "a part of the prefix is empty"),
            ("etcd://h/%40meta", "a part of the prefix is empty, begins with `@`"),
            ("etcd://h/p?ca-file=x", "`ca-file` is for TLS"),
            ("etcds://h/p?ca-fil=x", "did you mean `ca-file`?"),
            ("etcd://h/p?password=secret", "a password is given as"),
            ("etcds://h/p?insecure-skip-tls-verify=maybe", "is true or false"),
        ] {
            let error = Settings::new(text, &host(&[])).unwrap_err().to_string();
            let hidden = !error.contains("secret") && !error.contains("sec/");
            assert!(error.contains(want) && hidden, "{text}: {error}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        for text in
            ["etcd://u:sec/ret@h/p", "etcd://u:sec?ret@h/p", "u:secret@h", "etcd://u:s@e@h/p?password=secret"]
        {
            let shown = hidden(text);
            assert!(!shown.contains("sec") && !shown.contains("ret") && !shown.contains('@'), "{shown}");
        }
        let settings = Settings::new("etcd://u:secret@h/p", &host(&[])).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn the_url_goes_before_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "from file\n").unwrap();
        let path = path.display().to_string();
        let env = host(&[
            ("BOWLINE_ETCD_USER", "env"),
            ("BOWLINE_ETCD_PASSWORD", "from env"),
            ("BOWLINE_ETCD_CA_FILE", "ca.pem"),
        ]);
        let of = |text: &str, host: &Host| {
            let settings = Settings::new(text, host).unwrap();
            (settings.user.clone().unwrap(), settings.password().unwrap().reveal().to_string())
        };
        let pair = |user: &str, password: &str| (user.to_string(), password.to_string());
        assert_eq!(of("etcd://h", &env), pair("env", "from env"));
        assert_eq!(of("etcd://u@h", &env), pair("u", "from env"));
        assert_eq!(of("etcd://u:p%2F@h", &env), pair("u", "p/"));
        assert_eq!(of(&format!("etcd://h?user=q&password-file={path}"), &env), pair("q", "from file"));
        let file = host(&[("BOWLINE_ETCD_PASSWORD_FILE", &path)]);
        assert_eq!(of("etcd://u@h", &file), pair("u", "from file"));
        assert_eq!(Settings::new("etcd://h", &env).unwrap().ca_file, None);
        assert_eq!(Settings::new("etcds://h", &env).unwrap().ca_file, Some("/w/ca.pem".into()));
        let missing = Settings::new("etcd://u@h?password-file=/nowhere/x", &env).unwrap();
        assert!(missing.password().unwrap_err().to_string().contains("password file cannot be read"));
    }
}
