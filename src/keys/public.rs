//! Public keys: read from certificates and JSON, and asked whether a signature is theirs.
//!
//! Invariant: no key is held that is too weak to be relied on: RSA has 2,048 bits at least.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use serde_json::Value as Json;

use super::der::{self, Oid};
use crate::data::base32;
use crate::data::digest::Digest;

/// Fewest bytes of an RSA key.
const LEAST_RSA: usize = 2_048 / 8;
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const ED25519_HEADER: &[u8] = &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// What is said of other keys.
const UNKNOWN: &str = "the key is none of RSA, ECDSA over P-256 and Ed25519";

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
    /// The key in a PEM block: `PUBLIC KEY`, `RSA PUBLIC KEY` or a certificate, of which nothing else is looked at; `None`
    /// for blocks of other labels.
    ///
    /// # Errors
    /// As [`PublicKey::from_info`].
    pub fn from_block(label: &str, bytes: &[u8]) -> Option<Result<Self, String>> {
        match label {
            "PUBLIC KEY" => Some(Self::from_info(bytes)),
            "RSA PUBLIC KEY" => Some(Self::from_pkcs1(bytes)),
            "CERTIFICATE" => Some(match der::certificate_parts(bytes) {
                Some(parts) => Self::from_info(parts.key),
                None => Err("it is no certificate".to_string()),
            }),
            _ => None,
        }
    }

    /// An RSA key as PKCS #1 has it.
    fn from_pkcs1(bytes: &[u8]) -> Result<Self, String> {
        use rsa::pkcs8::EncodePublicKey;
        let key = rsa::RsaPublicKey::from_pkcs1_der(bytes).map_err(|error| error.to_string())?;
        let info = key.to_public_key_der().map_err(|error| error.to_string())?;
        Self::from_info(info.as_bytes())
    }

    /// A JSON Web Key (RFC 7517; 7518, 6; 8037, 2).
    ///
    /// # Errors
    /// It is none, or as [`PublicKey::from_info`].
    pub fn from_jwk(jwk: &Json) -> Result<Self, String> {
        let text =
            |name: &str| jwk.get(name).and_then(Json::as_str).ok_or_else(|| format!("{name} is missing"));
        let bytes =
            |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).map_err(|error| format!("{name}: {error}"));
        match (text("kty")?, jwk.get("crv").and_then(Json::as_str)) {
            ("RSA", _) => {
                Self::from_pkcs1(&der::sequence(&[der::integer(&bytes("n")?), der::integer(&bytes("e")?)]))
            }
            ("EC", Some("P-256")) => {
                // The mark of a point that is not compressed, and its two coordinates.
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                let kind = der::sequence(&[der::oid(Oid::EC), der::oid(Oid::P256)]);
                Self::from_info(&der::sequence(&[kind, der::bit_string(&point)]))
            }
            ("OKP", Some("Ed25519")) => {
                let kind = der::algorithm(Oid::ED25519, false);
                Self::from_info(&der::sequence(&[kind, der::bit_string(&bytes("x")?)]))
            }
            _ => Err(UNKNOWN.to_string()),
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
            Kind::Ed25519(Box::new(key.ok_or(UNKNOWN)?))
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

    /// Whether it is the same key.
    pub fn is(&self, other: &PublicKey) -> bool {
        self.info == other.info
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
    use serde_json::json;

    use super::*;
    use crate::keys::{Algorithm, PrivateKey};

    #[test]
    fn a_key_knows_its_own_signatures_alone() {
        let seed = |number: u8| vec![number; 32];
        for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let private = PrivateKey::generate(algorithm, seed(1)).unwrap();
            let public = PublicKey::from_info(&private.public_info().unwrap()).unwrap();
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
    fn json_web_keys_are_those_of_the_specifications() {
        // RFC 7517, A.1, and RFC 8037, A.2.
        let ec = json!({ "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" });
        let rsa = json!({ "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" });
        let ed =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        for (jwk, algorithm) in [(&ec, "ES256"), (&rsa, "RS256"), (&ed, "EdDSA")] {
            assert_eq!(PublicKey::from_jwk(jwk).unwrap().algorithm(), algorithm, "{jwk}");
        }
        let private = PrivateKey::generate(Algorithm::Ed25519, vec![1; 32]).unwrap();
        let info = private.public_info().unwrap();
        let own = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&info[ED25519_HEADER.len()..]) });
        assert_eq!(PublicKey::from_jwk(&own).unwrap().id(), PublicKey::from_info(&info).unwrap().id());
        let with = |jwk: &Json, name: &str, value: Json| {
            let mut jwk = jwk.clone();
            jwk[name] = value;
            jwk
        };
        for bad in [
            json!([]),
            json!({ "kty": "oct", "k": "AAAA" }),
            with(&ec, "crv", json!("P-384")),
            with(&ec, "y", json!("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyN")),
            with(&ec, "x", json!("")),
            with(&ec, "x", Json::Null),
            with(&rsa, "n", json!("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4")),
            with(&rsa, "e", json!("!")),
            with(&ed, "x", json!("AA")),
        ] {
            assert!(PublicKey::from_jwk(&bad).is_err(), "{bad}");
        }
    }
}
