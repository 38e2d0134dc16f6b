//! Public keys: read from PEM, and asked whether a signature is theirs.
//!
//! Invariant: no key is held that is too weak to be relied on: RSA has 2,048 bits at least.

use p256::ecdsa::signature::Verifier;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;

use super::der;
use super::pem;
use crate::data::base32;
use crate::data::digest::Digest;

/// Fewest bytes of an RSA key.
const LEAST_RSA: usize = 2_048 / 8;
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const ED25519_HEADER: &[u8] = &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// A public key.
#[derive(Debug, Clone)]
pub struct PublicKey {
    kind: Kind,
    /// The SubjectPublicKeyInfo, encoded.
    info: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Kind {
    Rsa(Box<rsa::RsaPublicKey>),
    Ecdsa(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl PublicKey {
    /// All public keys of a PEM text: those of `PUBLIC KEY` and `RSA PUBLIC KEY` blocks and of certificates. Whether a
    /// certificate is still valid, and who signed it, is not looked at: its key is trusted by being in the text.
    ///
    /// # Errors
    /// There is none, or one is of a kind that is not known or too weak.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, String> {
        let mut keys = Vec::new();
        for (number, (label, bytes)) in pem::blocks(text).enumerate() {
            let read = match label.as_str() {
                "PUBLIC KEY" => Self::from_info(&bytes),
                "RSA PUBLIC KEY" => rsa::RsaPublicKey::from_pkcs1_der(&bytes)
                    .map_err(|error| error.to_string())
                    .and_then(|key| {
                        use rsa::pkcs8::EncodePublicKey;
                        let info = key.to_public_key_der().map_err(|error| error.to_string())?;
                        Self::from_info(info.as_bytes())
                    }),
                "CERTIFICATE" => match der::certificate_parts(&bytes) {
                    Some((_, info)) => Self::from_info(&info),
                    None => Err("it is no certificate".to_string()),
                },
                _ => continue,
            };
            keys.push(read.map_err(|why| format!("block {} ({label}): {why}", number + 1))?);
        }
        if keys.is_empty() {
            Err("there is no public key or certificate in PEM form".to_string())
        } else {
            Ok(keys)
        }
    }

    /// The key in a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// It is of a kind that is not known, or too weak.
    pub fn from_info(info: &[u8]) -> Result<Self, String> {
        let kind = if let Ok(key) = rsa::RsaPublicKey::from_public_key_der(info) {
            if key.size() < LEAST_RSA {
                return Err("an RSA key of less than 2048 bits is too weak".to_string());
            }
            Kind::Rsa(Box::new(key))
        } else if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(info) {
            Kind::Ecdsa(Box::new(key))
        } else {
            let bytes = info.strip_prefix(ED25519_HEADER).and_then(|bytes| bytes.try_into().ok());
            let key = bytes.and_then(|bytes: [u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok());
            Kind::Ed25519(Box::new(key.ok_or("the key is none of RSA, ECDSA over P-256 and Ed25519")?))
        };
        Ok(PublicKey { kind, info: info.to_vec() })
    }

    /// The name of its signatures in a JSON Web Signature: `RS256`, `ES256` or `EdDSA`.
    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::Ecdsa(_) => "ES256",
            Kind::Ed25519(_) => "EdDSA",
        }
    }

    /// What registries call the key: the first 30 bytes of the SHA-256 of its SubjectPublicKeyInfo, in base32, four letters
    /// to a group.
    pub fn id(&self) -> String {
        let digest = Digest::of(&self.info);
        // Thirty bytes are 48 letters without padding, all ASCII.
        let letters = base32::encode(&digest.bytes()[..30]);
        let groups: Vec<String> =
            letters.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        groups.join(":")
    }

    /// Whether a signature in the form of JSON Web Signatures is of this message and by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Rsa(key) => {
                let key = rsa::pkcs1v15::VerifyingKey::<rsa::sha2::Sha256>::new((**key).clone());
                rsa::pkcs1v15::Signature::try_from(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Kind::Ecdsa(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Kind::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, PrivateKey};

    #[test]
    fn a_key_knows_its_own_signatures_alone() {
        let seed = |number: u8| vec![number; 32];
        for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let private = PrivateKey::generate(algorithm, seed(1)).unwrap();
            let pem = pem::encode("PUBLIC KEY", &private.public_info().unwrap());
            let [public] = <[PublicKey; 1]>::try_from(PublicKey::all_from_pem(&pem).unwrap()).unwrap();
            let mut signature = private.sign_jws(b"message", seed(2)).unwrap();
            assert!(public.verifies(b"message", &signature), "{algorithm:?}");
            assert!(!public.verifies(b"massage", &signature) && !public.verifies(b"message", &[]));
            signature[9] ^= 1;
            assert!(!public.verifies(b"message", &signature), "{algorithm:?}");
            let id = public.id();
            assert!(id.len() == 59 && id.split(':').all(|group| group.len() == 4), "{id}");
        }
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        let weak = PrivateKey::generate(Algorithm::Rsa(1_024), vec![1; 32]).unwrap();
        let pem = pem::encode("PUBLIC KEY", &weak.public_info().unwrap());
        let error = PublicKey::all_from_pem(&pem).unwrap_err();
        assert_eq!(error, "block 1 (PUBLIC KEY): an RSA key of less than 2048 bits is too weak");
        for (text, told) in [
            (String::new(), "there is no public key or certificate in PEM form"),
            (pem::encode("CERTIFICATE", b"x"), "block 1 (CERTIFICATE): it is no certificate"),
            (
                pem::encode("PUBLIC KEY", b"x"),
                "block 1 (PUBLIC KEY): the key is none of RSA, ECDSA over P-256 and Ed25519",
            ),
        ] {
            assert_eq!(PublicKey::all_from_pem(&text).unwrap_err(), told);
        }
    }
}
