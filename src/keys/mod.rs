//! Keys with a private and a public half: made, read, written, signed with, and put into certificates.
//!
//! Private keys are RSA (PKCS #1), ECDSA over P-256 (SEC 1) or Ed25519 (PKCS #8) and read in PKCS #8 as well; [`jws`] signs
//! JSON with them as tokens are signed, and `trust` says whose signatures are believed. Keys of OpenPGP are the matter of `package`.
//!
//! Invariant: nothing here asks for randomness or the time: both are passed in, so the same arguments give the same bytes.

mod certificate;
mod der;
pub mod jws;
pub mod pem;
mod primes;
mod private;
mod public;
mod trust;

pub use certificate::{CertificateRequest, Issuer, certificate, is_certificate};
pub use private::{Algorithm, PrivateKey, dsa_key};
pub use public::PublicKey;
pub use trust::Trust;
