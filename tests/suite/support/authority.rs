//! An authority for certificates, so that tests of TLS need no program for it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bowline::data::time::{Time, Zone};
use bowline::keys::{Algorithm, CertificateRequest, Issuer, PrivateKey, certificate, pem};
use bowline::sys::Random;

/// An authority with a key of its own.
pub struct Authority {
    key: PrivateKey,
    certificate: Vec<u8>,
}

/// A key, drawn anew.
pub fn key(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::generate(algorithm, random(32)).unwrap()
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Random::System.fill(&mut bytes).unwrap();
    bytes
}

fn now() -> Time {
    Time::from_system(SystemTime::now(), Zone::Utc)
}

fn sign(name: &str, authority: bool, key: &PrivateKey, issuer: Option<Issuer<'_>>, now: &Time) -> Vec<u8> {
    let (addresses, hosts) = if authority {
        (Vec::new(), Vec::new())
    } else {
        (vec![[127, 0, 0, 1].into()], vec!["localhost".to_string()])
    };
    let request = CertificateRequest { name, addresses, hosts, days: 2, authority };
    certificate(&request, key, issuer, random(16), now).unwrap()
}

impl Authority {
    /// A new authority.
    pub fn new(name: &str) -> Self {
        let key = key(Algorithm::EcdsaP256);
        let certificate = sign(name, true, &key, None, &now());
        Authority { key, certificate }
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.certificate)
    }

    /// Writes its certificate into a folder.
    pub fn save(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.pem()).unwrap();
        path
    }

    /// A certificate for this machine in PEM, which its owner may show as a server and as a client.
    pub fn certify(&self, key: &PrivateKey) -> String {
        self.certify_at(key, &now())
    }

    /// The same, made at another moment and valid for two days from then on.
    pub fn certify_at(&self, key: &PrivateKey, made: &Time) -> String {
        let issuer = Issuer::new(&self.certificate, &self.key).unwrap();
        pem::encode("CERTIFICATE", &sign("server", false, key, Some(issuer), made))
    }

    /// Writes a certificate with its key into a folder, as `NAME.crt` and `NAME.key`.
    pub fn issue(&self, folder: &Path, name: &str, algorithm: Algorithm) -> (PathBuf, PathBuf) {
        let key = key(algorithm);
        let paths = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&paths.0, self.certify(&key)).unwrap();
        std::fs::write(&paths.1, key.to_pem().unwrap().reveal()).unwrap();
        paths
    }
}
