//! The key that signs tokens, and the tokens themselves.
//!
//! Beside an access token there is one that gets further ones (`refresh_token`). It is signed in the same way, for another
//! audience and with another `typ`, so that no registry takes it for access; it ends when its user's password changes.
//!
//! Invariant: a private key is written once, whole, and for its owner alone; only its public half leaves the server.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::options::TokenOptions;
use super::scopes::Scope;
use super::tokens::{Claims, KIND, Keys, Tokens};
use crate::data::digest::hex;
use crate::data::time::{Time, Zone};
use crate::keys::{self, Algorithm, CertificateRequest, PrivateKey, PublicKey, Trust, jws, pem};
use crate::repo::RepoError;
use crate::sys::{Clock, Host, Random, Secret, fs};

/// Largest file with a key, in bytes.
const LIMIT: u64 = 64 << 10;
/// How long the certificate is valid. Registries trust it by having it.
const CERTIFICATE_DAYS: i64 = 3_650;
/// How long a refresh token is valid, in seconds.
const REFRESH_LIFETIME: i64 = 30 * 86_400;
/// The `typ` of a refresh token.
const REFRESH_KIND: &str = "refresh+jwt";
/// How much earlier than now a token begins, in seconds: clocks of registries may be behind.
const EARLIER: i64 = 10;

/// Signs tokens.
pub(super) struct Issuer {
    key: PrivateKey,
    /// This server's own key, and nobody else.
    trust: Trust,
    /// What it is called in tokens.
    name: String,
    services: Vec<String>,
    lifetime: i64,
    clock: Clock,
    random: Random,
    /// Where registries find the public key.
    pub(super) certificate: PathBuf,
}

/// A token that was made.
pub(super) struct Made {
    pub(super) token: String,
    /// Seconds since the Unix epoch.
    pub(super) issued: i64,
    /// For how many seconds it is valid.
    pub(super) lifetime: i64,
}

impl Issuer {
    /// An issuer as the options say; `None` when another service signs.
    ///
    /// # Errors
    /// The key or its certificate cannot be read, made or written.
    pub(super) fn open(host: &Host, options: &TokenOptions) -> Result<Option<Self>, RepoError> {
        let TokenOptions::Own { key: path, service, issuer, others, lifetime, .. } = options else {
            return Ok(None);
        };
        let path = host.resolve(path);
        let unusable = |reason: String| RepoError::TokenKey { path: path.display().to_string(), reason };
        let key = read_or_make(host, &path)?;
        let public = key.public_info().and_then(|info| PublicKey::from_info(&info)).map_err(unusable)?;
        let certificate = path.with_extension("crt");
        if certificate == path {
            return Err(unusable(
                "a key cannot be named .crt: that is where its certificate goes".to_string(),
            ));
        }
        match fs::kind(&certificate) {
            fs::Kind::Missing => {
                let text = certify(host, &key, issuer).map_err(unusable)?;
                fs::write_atomic(&certificate, text.as_bytes(), false)?;
            }
            // Somebody's certificate for something else may be the only copy of it.
            _ if !is_of(&certificate, &public)? => {
                let text =
                    "is not the certificate of this key, and is left as it is: move one of the two away";
                return Err(unusable(format!("{} {text}", certificate.display())));
            }
            _ => {}
        }
        let mut services = vec![service.clone()];
        services.extend(others.iter().cloned());
        Ok(Some(Issuer {
            key,
            trust: vec![public].into(),
            name: issuer.clone(),
            services,
            lifetime: lifetime.as_secs().clamp(1, 86_400 * 365) as i64,
            clock: host.clock.clone(),
            random: host.random.clone(),
            certificate,
        }))
    }

    /// What this server's own tokens are checked by.
    pub(super) fn tokens(&self) -> Tokens {
        let service = self.services.first().cloned().unwrap_or_default();
        Tokens { service, issuer: self.name.clone(), keys: Keys::Own(self.trust.clone()) }
    }

    /// The service that is meant: this server, or one of the others that tokens are signed for.
    pub(super) fn service(&self, asked: Option<&str>) -> Option<&str> {
        let first = self.services.first().map(String::as_str);
        match asked.filter(|asked| !asked.is_empty()) {
            None => first,
            Some(asked) => self.services.iter().map(String::as_str).find(|service| *service == asked),
        }
    }

    /// Whether a service is this server itself.
    pub(super) fn is_own(&self, service: &str) -> bool {
        self.services.first().is_some_and(|own| own == service)
    }

    /// A token that gives somebody access.
    ///
    /// # Errors
    /// There is no randomness, or the key cannot sign.
    pub(super) fn token(&self, user: &str, service: &str, access: &[Scope]) -> Result<Made, String> {
        let now = self.now();
        let claims = json!({
            "iss": self.name, "sub": user, "aud": service, "exp": now + self.lifetime, "nbf": now - EARLIER, "iat": now,
            "jti": hex(&self.draw(16)?), "access": access,
        });
        Ok(Made { token: self.sign(KIND, &claims)?, issued: now, lifetime: self.lifetime })
    }

    /// A token that gets a user further tokens while `state` stays the same.
    ///
    /// # Errors
    /// As [`Issuer::token`].
    pub(super) fn refresh_token(&self, user: &str, state: &str, service: &str) -> Result<String, String> {
        let now = self.now();
        let claims = json!({
            "iss": self.name, "sub": user, "aud": refresh_audience(service), "exp": now + REFRESH_LIFETIME,
            "nbf": now - EARLIER, "iat": now, "jti": hex(&self.draw(16)?), "state": state,
        });
        self.sign(REFRESH_KIND, &claims)
    }

    /// Whose refresh token this is, and the state at which it was made; `None` when it is none for that service.
    pub(super) fn refreshed(&self, token: &str, service: &str) -> Option<(String, String)> {
        let (kind, content) = jws::verify(token, &self.trust, self.now()).ok()?;
        let text = |name: &str| content.get(name).and_then(Json::as_str).map(str::to_string);
        let (user, state) = (text("sub")?, text("state")?);
        let claims: Claims = serde_json::from_value(content).ok()?;
        let is_mine =
            kind == REFRESH_KIND && claims.iss == self.name && claims.is_for(&refresh_audience(service));
        (is_mine && claims.is_valid(self.now())).then_some((user, state))
    }

    fn sign(&self, kind: &str, claims: &Json) -> Result<String, String> {
        jws::sign(&self.key, kind, claims, self.draw(32)?)
    }

    fn draw(&self, length: usize) -> Result<Vec<u8>, String> {
        draw(&self.random, length)
    }

    fn now(&self) -> i64 {
        seconds(&self.clock)
    }
}

/// Seconds since the Unix epoch.
pub(super) fn seconds(clock: &Clock) -> i64 {
    clock.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() as i64
}

fn refresh_audience(service: &str) -> String {
    format!("refresh tokens of {service}")
}

fn draw(random: &Random, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

/// The key in a file; without one a new key, which is written there.
fn read_or_make(host: &Host, path: &Path) -> Result<PrivateKey, RepoError> {
    let unusable = |reason: String| RepoError::TokenKey { path: path.display().to_string(), reason };
    match fs::read_text(path, LIMIT).map(Secret::new) {
        Ok(text) => PrivateKey::from_pem(text.reveal()).map_err(unusable),
        Err(error) if error.is_not_found() => {
            let seed = draw(&host.random, 32).map_err(unusable)?;
            let key = PrivateKey::generate(Algorithm::EcdsaP256, seed).map_err(unusable)?;
            let text = key.to_pem().map_err(unusable)?;
            fs::write_atomic(path, text.reveal().as_bytes(), true)?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a file has the certificate of a key.
fn is_of(certificate: &Path, key: &PublicKey) -> Result<bool, RepoError> {
    let text = fs::read_text(certificate, LIMIT)?;
    Ok(Trust::from_pem(&text).is_ok_and(|found| found.keys().iter().any(|found| found.is(key))))
}

fn certify(host: &Host, key: &PrivateKey, name: &str) -> Result<String, String> {
    let request = CertificateRequest {
        name,
        addresses: Vec::new(),
        hosts: Vec::new(),
        days: CERTIFICATE_DAYS,
        authority: false,
    };
    let now = Time::from_system(host.now(), Zone::Utc);
    let bytes = keys::certificate(&request, key, None, draw(&host.random, 16)?, &now)?;
    Ok(pem::encode("CERTIFICATE", &bytes))
}
