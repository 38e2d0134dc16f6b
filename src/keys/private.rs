//! Private keys: made, read, written, and signed with.
//!
//! Invariant: a key is made from a seed alone, so the same seed gives the same key. Errors hold nothing of a key.

use p256::ecdsa::signature::Signer;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::signature::{RandomizedSigner, SignatureEncoding};

use super::der::{self, Oid};
use super::pem;
use super::primes::prime;
use crate::sys::Secret;
use crate::sys::stream::{RngCore, Stream};

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// With so many bits.
    Rsa(usize),
    /// Over the curve P-256.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

/// A private key.
pub enum PrivateKey {
    /// RSA.
    Rsa(Box<rsa::RsaPrivateKey>),
    /// ECDSA over P-256.
    Ecdsa(Box<p256::SecretKey>),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

type Outcome<T> = Result<T, String>;

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// The library's own words.
    pub fn generate(algorithm: Algorithm, seed: Vec<u8>) -> Outcome<Self> {
        let mut stream = Stream::seeded(seed.clone());
        Ok(match algorithm {
            Algorithm::Rsa(bits) => PrivateKey::Rsa(Box::new(rsa_key(&seed, bits)?)),
            Algorithm::EcdsaP256 => PrivateKey::Ecdsa(Box::new(p256::SecretKey::random(&mut stream))),
            Algorithm::Ed25519 => {
                let mut secret = [0; 32];
                stream.fill_bytes(&mut secret);
                PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&secret)))
            }
        })
    }

    /// The first private key of a PEM text.
    ///
    /// # Errors
    /// There is none, or none of a kind that is known.
    pub fn from_pem(text: &str) -> Outcome<Self> {
        let block = pem::blocks(text).find(|(label, _)| label.ends_with("PRIVATE KEY"));
        let (label, bytes) = block.ok_or_else(|| "there is no private key in PEM form".to_string())?;
        Self::parse(&label, &bytes)
    }

    /// The key as a PEM text.
    ///
    /// # Errors
    /// The library's own words.
    pub fn to_pem(&self) -> Outcome<Secret> {
        let (label, bytes) = self.to_der()?;
        Ok(Secret::new(pem::encode(label, &bytes)))
    }

    /// The key in a PEM block of this label.
    ///
    /// # Errors
    /// It is none of that label.
    pub fn parse(label: &str, bytes: &[u8]) -> Outcome<Self> {
        match label {
            "RSA PRIVATE KEY" => rsa::RsaPrivateKey::from_pkcs1_der(bytes)
                .map(|key| PrivateKey::Rsa(Box::new(key)))
                .map_err(|error| error.to_string()),
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(bytes)
                .map(|key| PrivateKey::Ecdsa(Box::new(key)))
                .map_err(|error| error.to_string()),
            "PRIVATE KEY" => {
                if let Ok(key) = rsa::RsaPrivateKey::from_pkcs8_der(bytes) {
                    return Ok(PrivateKey::Rsa(Box::new(key)));
                }
                if let Ok(key) = p256::SecretKey::from_pkcs8_der(bytes) {
                    return Ok(PrivateKey::Ecdsa(Box::new(key)));
                }
                // The fixed form of an Ed25519 key: a header, then 32 bytes.
                let secret = bytes.strip_prefix(ED25519_HEADER).and_then(|secret| secret.try_into().ok());
                let key = secret.map(|secret: [u8; 32]| ed25519_dalek::SigningKey::from_bytes(&secret));
                key.map(|key| PrivateKey::Ed25519(Box::new(key)))
                    .ok_or_else(|| "x509: failed to parse private key".to_string())
            }
            other => Err(format!("unsupported key type {other}")),
        }
    }

    /// The label and the bytes of its PEM block.
    ///
    /// # Errors
    /// The library's own words.
    pub fn to_der(&self) -> Outcome<(&'static str, Vec<u8>)> {
        match self {
            PrivateKey::Rsa(key) => {
                let bytes = key.to_pkcs1_der().map_err(|error| error.to_string())?;
                Ok(("RSA PRIVATE KEY", bytes.as_bytes().to_vec()))
            }
            PrivateKey::Ecdsa(key) => {
                let secret = key.to_bytes();
                let curve = der::oid(Oid::P256);
                let public = p256::ecdsa::SigningKey::from(&**key).verifying_key().to_encoded_point(false);
                let bytes = der::sequence(&[
                    der::integer(&[1]),
                    der::tagged(4, &secret),
                    der::context(0, &curve),
                    der::context(1, &der::bit_string(public.as_bytes())),
                ]);
                Ok(("EC PRIVATE KEY", bytes))
            }
            PrivateKey::Ed25519(key) => Ok(("PRIVATE KEY", [ED25519_HEADER, &key.to_bytes()[..]].concat())),
        }
    }

    /// The public key as certificates hold it: a SubjectPublicKeyInfo (RFC 5280, 4.1), encoded.
    ///
    /// # Errors
    /// The library's own words.
    pub fn public_info(&self) -> Outcome<Vec<u8>> {
        match self {
            PrivateKey::Rsa(key) => {
                let document = key.to_public_key().to_public_key_der().map_err(|error| error.to_string())?;
                Ok(document.as_bytes().to_vec())
            }
            PrivateKey::Ecdsa(key) => {
                let document = key.public_key().to_public_key_der().map_err(|error| error.to_string())?;
                Ok(document.as_bytes().to_vec())
            }
            PrivateKey::Ed25519(key) => Ok(der::sequence(&[
                der::algorithm(Oid::ED25519, false),
                der::bit_string(key.verifying_key().as_bytes()),
            ])),
        }
    }

    /// The algorithm that [`PrivateKey::sign`] uses.
    pub fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            PrivateKey::Rsa(_) => der::algorithm(Oid::SHA256_WITH_RSA, true),
            PrivateKey::Ecdsa(_) => der::algorithm(Oid::ECDSA_WITH_SHA256, false),
            PrivateKey::Ed25519(_) => der::algorithm(Oid::ED25519, false),
        }
    }

    /// Signs the body of a certificate.
    ///
    /// # Errors
    /// The key is too short, or the library's own words.
    pub fn sign(&self, body: &[u8]) -> Outcome<Vec<u8>> {
        match self {
            PrivateKey::Rsa(key) => {
                let signer = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new((**key).clone());
                let signature = signer.try_sign(body).map_err(|error| error.to_string())?;
                Ok(signature.to_vec())
            }
            PrivateKey::Ecdsa(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&**key)
                    .try_sign(body)
                    .map_err(|error| error.to_string())?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            PrivateKey::Ed25519(key) => {
                let signature = key.try_sign(body).map_err(|error| error.to_string())?;
                Ok(signature.to_bytes().to_vec())
            }
        }
    }

    /// Signs a message as JSON Web Signatures want it (RFC 7518, 3.3 and 3.4, RFC 8037): with SHA-256, and for ECDSA the two
    /// numbers side by side. The seed hides from clocks how long RSA takes.
    ///
    /// # Errors
    /// As [`PrivateKey::sign`].
    pub fn sign_jws(&self, message: &[u8], seed: Vec<u8>) -> Outcome<Vec<u8>> {
        match self {
            PrivateKey::Rsa(key) => {
                let signer = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new((**key).clone());
                let signed = signer.try_sign_with_rng(&mut Stream::seeded(seed), message);
                Ok(signed.map_err(|error| error.to_string())?.to_vec())
            }
            PrivateKey::Ecdsa(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&**key)
                    .try_sign(message)
                    .map_err(|error| error.to_string())?;
                Ok(signature.to_bytes().to_vec())
            }
            PrivateKey::Ed25519(_) => self.sign(message),
        }
    }
}

/// A new RSA key. Its two primes are looked for at the same time.
fn rsa_key(seed: &[u8], bits: usize) -> Outcome<rsa::RsaPrivateKey> {
    if bits < SHORTEST {
        return Err("the key would be too short".to_string());
    }
    let [mut first, mut second] = [0, 1].map(|number| Stream::seeded([seed, &[number]].concat()));
    for _ in 0..MOST_PAIRS {
        let (p, q) = std::thread::scope(|threads| {
            let other = threads.spawn(|| prime(&mut second, bits / 2));
            let p = prime(&mut first, bits - bits / 2);
            (p, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        // Two equal primes make no key, nor do those that the exponent does not go with.
        if let Ok(key) = rsa::RsaPrivateKey::from_p_q(p, q, rsa::BigUint::from(65_537u32)) {
            return Ok(key);
        }
    }
    Err("no primes were found that make a key".to_string())
}

/// Fewest bits of an RSA key.
const SHORTEST: usize = 512;
/// Most pairs of primes that are tried; one in thousands makes no key.
const MOST_PAIRS: usize = 16;

/// A new DSA key of 2048 bits in the form of OpenSSL (`DSA PRIVATE KEY`), which nothing here signs with.
pub fn dsa_key(seed: Vec<u8>) -> Vec<u8> {
    let mut stream = Stream::seeded(seed);
    let components = dsa::Components::generate(&mut stream, dsa::KeySize::DSA_2048_256);
    let key = dsa::SigningKey::generate(&mut stream, components);
    let public = key.verifying_key();
    let components = public.components();
    let numbers = [components.p(), components.q(), components.g(), public.y(), key.x()];
    let mut parts = vec![der::integer(&[0])];
    parts.extend(numbers.map(|number| der::integer(&number.to_bytes_be())));
    der::sequence(&parts)
}

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8.
const ED25519_HEADER: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
