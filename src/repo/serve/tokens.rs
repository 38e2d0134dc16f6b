//! Bearer tokens: JSON Web Tokens as the distribution project's token specification has them, checked.
//!
//! What counts of a token is its signature by a key that is trusted, its issuer (`iss`), that it is for this service
//! (`aud`), that it is valid now (`nbf`, `exp`), and what it gives access to (`access`). A key is trusted by being in the
//! file with the keys, or by a chain of certificates in the token's header (`x5c`) that leads to an authority in that file.
//!
//! Invariant: a token that fails in one of these gives access to nothing; no error says anything of its content.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::Warnings;
use super::options::watch;
use super::scopes::{FOLDER, Scope};
use crate::keys::{Trust, jws};
use crate::repo::RepoError;
use crate::sys::fresh::Fresh;
use crate::sys::fs;

/// Largest file with keys, in bytes.
const LIMIT: u64 = 1 << 20;
/// How far the clocks of the token service and of this server may be apart, in seconds (as docker-registry has it).
const LEEWAY: i64 = 60;
/// The `typ` of a token that gives access.
pub(super) const KIND: &str = "JWT";

/// Where the keys that sign tokens come from.
pub(super) enum Keys {
    /// A file of another token service.
    File(Fresh<Trust>),
    /// This server's own.
    Own(Trust),
}

/// What tokens must be like.
pub(super) struct Tokens {
    pub(super) service: String,
    pub(super) issuer: String,
    pub(super) keys: Keys,
}

impl Tokens {
    /// Tokens of another service, whose public keys are in a file.
    ///
    /// # Errors
    /// The file has no key, or one that cannot be used.
    pub(super) fn of_another(
        file: PathBuf,
        service: &str,
        issuer: &str,
        warnings: Option<Warnings>,
    ) -> Result<Self, RepoError> {
        let keys = Keys::File(watch(file, read, warnings)?);
        Ok(Tokens { service: service.to_string(), issuer: issuer.to_string(), keys })
    }

    /// What a token gives access to; `None` when it is not to be believed. `now` is in seconds since the Unix epoch.
    pub(super) fn access(&self, token: &str, now: i64) -> Option<Vec<Scope>> {
        let verified = match &self.keys {
            Keys::File(file) => jws::verify(token, &file.now(), now),
            Keys::Own(keys) => jws::verify(token, keys, now),
        };
        let (kind, content) = verified.ok()?;
        if !(kind.is_empty() || kind.eq_ignore_ascii_case(KIND)) {
            return None;
        }
        let claims: Claims = serde_json::from_value(content).ok()?;
        let is_mine = claims.iss == self.issuer && claims.is_for(&self.service);
        (is_mine && claims.is_valid(now)).then(|| claims.access.unwrap_or_default())
    }

    /// Whether what a token gives access to is enough for one thing.
    pub(super) fn is_enough(&self, access: &[Scope], needed: &Scope) -> bool {
        // Token services for ChartMuseum know two actions, and who may push may delete.
        let is_foreign = matches!(self.keys, Keys::File(_)) && needed.kind == FOLDER;
        let needed = if is_foreign && needed.actions == ["delete"] {
            Scope::new(FOLDER, &needed.name, &["push"])
        } else {
            needed.clone()
        };
        needed.actions.iter().all(|action| {
            let one = Scope::new(&needed.kind, &needed.name, &[action.as_str()]);
            access.iter().any(|own| own.covers(&one))
        })
    }
}

/// What a token says.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    pub(super) iss: String,
    #[serde(default)]
    aud: Json,
    /// Seconds since the Unix epoch; some write them with a fraction.
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    /// Some write `null` for nothing.
    #[serde(default)]
    access: Option<Vec<Scope>>,
}

impl Claims {
    /// Whether it is for a service.
    pub(super) fn is_for(&self, service: &str) -> bool {
        match &self.aud {
            Json::String(own) => own == service,
            Json::Array(all) => all.iter().any(|own| own.as_str() == Some(service)),
            _ => false,
        }
    }

    /// Whether it is valid at a moment. One without an end never is.
    pub(super) fn is_valid(&self, now: i64) -> bool {
        let has_begun = self.nbf.is_none_or(|from| from <= (now + LEEWAY) as f64);
        has_begun && self.exp.is_some_and(|until| until > (now - LEEWAY) as f64)
    }
}

fn read(path: &Path) -> Result<Trust, RepoError> {
    let text = fs::read_text(path, LIMIT)?;
    let bad = |reason: String| RepoError::BadAccessFile {
        path: path.display().to_string(),
        reason,
        hint: "the file has the public keys or certificates of the token service in PEM form: RSA of 2048 bits or more, ECDSA \
               over P-256, or Ed25519",
    };
    Trust::from_pem(&text).map_err(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::{Algorithm, PrivateKey, PublicKey};

    const NOW: i64 = 1_767_225_600;

    #[test]
    fn tokens_are_believed_only_when_all_of_it_is_right() {
        let key = PrivateKey::generate(Algorithm::EcdsaP256, vec![1; 32]).unwrap();
        let public = PublicKey::from_info(&key.public_info().unwrap()).unwrap();
        let tokens =
            Tokens { service: "reg".into(), issuer: "iss".into(), keys: Keys::Own(vec![public].into()) };
        let access = json!([{ "type": "repository", "name": "web", "actions": ["pull"] }]);
        let good = json!({
            "iss": "iss", "sub": "ann", "aud": "reg", "exp": NOW + 10, "nbf": NOW - 10, "iat": NOW, "jti": "1", "access": access
        });
        let with = |name: &str, value: Json| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let read = |kind: &str, claims: &Json| {
            tokens.access(&jws::sign(&key, kind, claims, vec![2; 32]).unwrap(), NOW)
        };
        let web = vec![Scope::new("repository", "web", &["pull"])];
        for claims in [
            good.clone(),
            with("aud", json!(["other", "reg"])),
            with("exp", json!(NOW - 59)),
            with("nbf", json!(NOW + 59)),
            with("nbf", Json::Null),
            with("exp", json!(NOW as f64 + 0.5)),
        ] {
            assert_eq!(read("JWT", &claims), Some(web.clone()), "{claims}");
        }
        for nothing in [json!([]), Json::Null] {
            assert_eq!(read("", &with("access", nothing)), Some(Vec::new()));
        }
        for claims in [
            with("iss", json!("other")),
            with("iss", Json::Null),
            with("aud", json!("other")),
            with("aud", json!([])),
            with("aud", Json::Null),
            with("exp", json!(NOW - 61)),
            with("exp", Json::Null),
            with("exp", json!("never")),
            with("nbf", json!(NOW + 61)),
            with("access", json!("all")),
            json!([]),
        ] {
            assert_eq!(read("JWT", &claims), None, "{claims}");
        }
        assert_eq!(read("refresh+jwt", &good), None, "what only gets tokens is none");
        assert_eq!(tokens.access("", NOW), None);
    }

    #[test]
    fn access_is_enough_or_not() {
        let own = Tokens { service: String::new(), issuer: String::new(), keys: Keys::Own(Trust::default()) };
        let scope = |text: &str| Scope::parse(text).unwrap();
        let access =
            [scope("repository:a:pull"), scope("repository:a:push"), scope("artifact-repository:t:push")];
        assert!(own.is_enough(&access, &scope("repository:a:pull,push")));
        assert!(!own.is_enough(&access, &scope("repository:a:delete")));
        assert!(!own.is_enough(&access, &scope("artifact-repository:t:delete")));
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate(Algorithm::EcdsaP256, vec![1; 32]).unwrap();
        let pem = crate::keys::pem::encode("PUBLIC KEY", &key.public_info().unwrap());
        let file = folder.path().join("keys.pem");
        std::fs::write(&file, pem).unwrap();
        let foreign = Tokens::of_another(file, "", "", None).unwrap();
        assert!(foreign.is_enough(&access, &scope("artifact-repository:t:delete")));
        assert!(!foreign.is_enough(&access, &scope("repository:a:delete")));
    }
}
