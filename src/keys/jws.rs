//! JSON that is signed: JSON Web Signatures in their compact form (RFC 7515, 7.1).
//!
//! ```text
//! base64url(header) . base64url(content) . base64url(signature over all before)
//! ```
//!
//! Invariant: content is returned only when one of the given keys signed it with the algorithm of that key: what a header
//! says about its key narrows the choice, and never widens it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PrivateKey, PublicKey};

/// Longest text that is looked at, in bytes.
const LONGEST: usize = 64 << 10;

/// Why a text is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// It is no JSON Web Signature.
    #[error("it is no signed token")]
    Malformed,
    /// Its header asks for what is not known here.
    #[error("its header asks for something that is not known")]
    Unknown,
    /// None of the keys signed it.
    #[error("it is not signed by a key that is trusted")]
    Untrusted,
}

/// Signs a content. `kind` is the header's `typ`; the seed is as in [`PrivateKey::sign_jws`].
///
/// # Errors
/// The key cannot sign.
pub fn sign(key: &PrivateKey, kind: &str, content: &Value, seed: Vec<u8>) -> Result<String, String> {
    let public = PublicKey::from_info(&key.public_info()?)?;
    let header = json!({ "typ": kind, "alg": public.algorithm(), "kid": public.id() });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(content));
    let signature = key.sign_jws(text.as_bytes(), seed)?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The content of a signed text, with the `typ` of its header (empty without one).
///
/// # Errors
/// It cannot be read, or none of the keys signed it.
pub fn verify(text: &str, keys: &[PublicKey]) -> Result<(String, Value), JwsError> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        #[serde(default)]
        typ: String,
        #[serde(default)]
        kid: String,
        /// Extensions that must be understood; none is.
        crit: Option<Value>,
    }
    if text.len() > LONGEST {
        return Err(JwsError::Malformed);
    }
    let mut parts = text.split('.');
    let (Some(header), Some(content), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JwsError::Malformed);
    };
    let signed = &text[..header.len() + 1 + content.len()];
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Malformed)?;
    let (content, signature) = (decode(content)?, decode(signature)?);
    if header.crit.is_some() {
        return Err(JwsError::Unknown);
    }
    // A key that is named and known is meant alone. Under a name that is not known here it may be one of ours all the same.
    let named = |key: &&PublicKey| key.id() == header.kid;
    let one_is_named = keys.iter().any(|key| named(&key));
    let is_signed = keys
        .iter()
        .filter(|key| key.algorithm() == header.alg && (!one_is_named || named(key)))
        .any(|key| key.verifies(signed.as_bytes(), &signature));
    if !is_signed {
        return Err(JwsError::Untrusted);
    }
    Ok((header.typ, serde_json::from_slice(&content).map_err(|_| JwsError::Malformed)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithm;

    fn pair(algorithm: Algorithm, seed: u8) -> (PrivateKey, PublicKey) {
        let private = PrivateKey::generate(algorithm, vec![seed; 32]).unwrap();
        let public = PublicKey::from_info(&private.public_info().unwrap()).unwrap();
        (private, public)
    }

    #[test]
    fn what_is_signed_is_read_and_nothing_else() {
        let content = json!({ "sub": "ann", "n": 1 });
        let (other, other_public) = pair(Algorithm::EcdsaP256, 9);
        for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let (private, public) = pair(algorithm, 1);
            let text = sign(&private, "JWT", &content, vec![3; 32]).unwrap();
            let keys = [other_public.clone(), public];
            assert_eq!(verify(&text, &keys), Ok(("JWT".to_string(), content.clone())), "{algorithm:?}");
            assert_eq!(verify(&text, &keys[..1]), Err(JwsError::Untrusted));
            assert_eq!(verify(&text, &[]), Err(JwsError::Untrusted));
            let parts: Vec<&str> = text.split('.').collect();
            let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "root" }).to_string());
            for bad in [
                format!("{}.{forged}.{}", parts[0], parts[2]),
                format!("{}.{}.", parts[0], parts[1]),
                sign(&other, "JWT", &content, vec![3; 32]).unwrap().replacen('.', ".x", 1),
            ] {
                assert!(verify(&bad, &keys).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn a_header_does_not_choose_how_it_is_checked() {
        let (private, public) = pair(Algorithm::EcdsaP256, 1);
        let content = URL_SAFE_NO_PAD.encode("{}");
        let signed = |header: &str| {
            let text = format!("{}.{content}", URL_SAFE_NO_PAD.encode(header));
            let signature = private.sign_jws(text.as_bytes(), vec![1; 32]).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let read = |text: &str| verify(text, std::slice::from_ref(&public)).map(|_| ());
        for (header, outcome) in [
            (r#"{"alg":"ES256"}"#, Ok(())),
            (r#"{"alg":"ES256","kid":"a name that is not known"}"#, Ok(())),
            (r#"{"alg":"none"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"HS256"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"RS256"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"ES256","crit":["b64"]}"#, Err(JwsError::Unknown)),
            (r#"{"kid":"x"}"#, Err(JwsError::Malformed)),
            ("[]", Err(JwsError::Malformed)),
        ] {
            assert_eq!(read(&signed(header)), outcome, "{header}");
        }
        for bad in ["", "a.b", "a.b.c.d", "..", "%.%.%", &"a".repeat(70_000)] {
            assert_eq!(read(bad), Err(JwsError::Malformed));
        }
    }
}
