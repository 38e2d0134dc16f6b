//! JSON that is signed: JSON Web Signatures in their compact form (RFC 7515, 7.1).
//!
//! ```text
//! base64url(header) . base64url(content) . base64url(signature over all before)
//! ```
//!
//! Invariant: content is returned only when a key signed it that is trusted, with the algorithm of that key. What a header
//! says about its key (`kid`, `jwk`) narrows the choice; a chain of certificates (`x5c`) widens it to the key that a trusted
//! authority vouches for, and to no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PrivateKey, PublicKey, Trust};

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

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
    #[serde(default)]
    kid: String,
    /// The certificate of the key, and behind it those that lead to its authority.
    x5c: Option<Vec<String>>,
    /// The key itself, perhaps with its certificates.
    jwk: Option<Value>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

impl Header {
    /// The keys that may have signed.
    fn keys(&self, trust: &Trust, now: i64) -> Vec<PublicKey> {
        let jwk = self.jwk.as_ref().map(PublicKey::from_jwk);
        let chain = self.x5c.clone().or_else(|| {
            let chain = self.jwk.as_ref()?.get("x5c")?;
            // What is no chain leads nowhere.
            Some(serde_json::from_value(chain.clone()).unwrap_or_default())
        });
        let is_meant = |key: &PublicKey| match &jwk {
            None => true,
            Some(told) => told.as_ref().is_ok_and(|told| told.is(key)),
        };
        if let Some(chain) = chain {
            return trust.of_chain(&chain, now).into_iter().filter(is_meant).collect();
        }
        // A key that is named and known is meant alone. Under a name that is not known here it may be one of ours all the same.
        let named = |key: &PublicKey| key.id() == self.kid;
        let one_is_named = trust.keys().iter().any(named);
        trust.keys().iter().filter(|key| is_meant(key) && (!one_is_named || named(key))).cloned().collect()
    }
}

/// The content of a signed text, with the `typ` of its header (empty without one). `now` is in seconds since the Unix epoch.
///
/// # Errors
/// It cannot be read, or nobody signed it who is trusted.
pub fn verify(text: &str, trust: &Trust, now: i64) -> Result<(String, Value), JwsError> {
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
    let keys = header.keys(trust, now);
    let mut able = keys.iter().filter(|key| key.algorithm() == header.alg);
    if !able.any(|key| key.verifies(signed.as_bytes(), &signature)) {
        return Err(JwsError::Untrusted);
    }
    Ok((header.typ, serde_json::from_slice(&content).map_err(|_| JwsError::Malformed)?))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::data::time::{Time, Zone};
    use crate::keys::{Algorithm, CertificateRequest, Issuer, certificate, pem};

    const NOW: i64 = 1_767_225_600;

    fn pair(algorithm: Algorithm, seed: u8) -> (PrivateKey, PublicKey) {
        let private = PrivateKey::generate(algorithm, vec![seed; 32]).unwrap();
        let public = PublicKey::from_info(&private.public_info().unwrap()).unwrap();
        (private, public)
    }

    /// A key over P-256 as JSON.
    fn jwk(key: &PrivateKey) -> Value {
        let info = key.public_info().unwrap();
        let (x, y) = info[info.len() - 64..].split_at(32);
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
    }

    /// A certificate that a key signed for itself, as `x5c` has it.
    fn certificate_of(key: &PrivateKey) -> String {
        let request = CertificateRequest {
            name: "test",
            addresses: Vec::new(),
            hosts: Vec::new(),
            days: 1,
            authority: false,
        };
        let now = Time::from_unix(NOW, 0, Zone::Utc);
        STANDARD.encode(certificate(&request, key, None, vec![1; 16], &now).unwrap())
    }

    #[test]
    fn a_chain_stands_for_a_key_of_its_own() {
        let (root, _) = pair(Algorithm::EcdsaP256, 1);
        let (private, public) = pair(Algorithm::EcdsaP256, 2);
        let request = |name, authority| CertificateRequest {
            name,
            addresses: Vec::new(),
            hosts: Vec::new(),
            days: 1,
            authority,
        };
        let now = Time::from_unix(NOW, 0, Zone::Utc);
        let anchor = certificate(&request("root", true), &root, None, vec![1; 16], &now).unwrap();
        let issuer = Issuer::new(&anchor, &root).unwrap();
        let leaf = certificate(&request("leaf", false), &private, Some(issuer), vec![2; 16], &now).unwrap();
        let trust = Trust::from_pem(&pem::encode("CERTIFICATE", &anchor)).unwrap();
        let signed = |header: &Value, key: &PrivateKey| {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let text = format!("{}.{}", encode(header), encode(&json!({})));
            let signature = key.sign_jws(text.as_bytes(), vec![1; 32]).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let chain = json!([STANDARD.encode(&leaf)]);
        let header = json!({ "alg": "ES256", "kid": public.id(), "x5c": chain });
        assert!(verify(&signed(&header, &private), &trust, NOW + 60).is_ok());
        assert!(
            verify(&signed(&header, &private), &trust, NOW + 2 * 86_400).is_err(),
            "the certificate is over"
        );
        assert!(verify(&signed(&header, &root), &trust, NOW + 60).is_err(), "the chain says who signed");
        // With the key beside it, and the chain in the key.
        let mut inside = jwk(&private);
        inside["x5c"] = chain.clone();
        assert!(
            verify(&signed(&json!({ "alg": "ES256", "jwk": inside }), &private), &trust, NOW + 60).is_ok()
        );
        inside["x5c"] = json!("x");
        assert!(
            verify(&signed(&json!({ "alg": "ES256", "jwk": inside }), &private), &trust, NOW + 60).is_err()
        );
        let (other, _) = pair(Algorithm::EcdsaP256, 3);
        let odd = json!({ "alg": "ES256", "x5c": chain, "jwk": jwk(&other) });
        assert!(verify(&signed(&odd, &private), &trust, NOW + 60).is_err(), "the chain is of another key");
        assert!(
            verify(&signed(&json!({ "alg": "ES256", "jwk": jwk(&private) }), &private), &trust, NOW).is_err()
        );
    }

    #[test]
    fn what_is_signed_is_read_and_nothing_else() {
        let content = json!({ "sub": "ann", "n": 1 });
        let (other, other_public) = pair(Algorithm::EcdsaP256, 9);
        for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let (private, public) = pair(algorithm, 1);
            let text = sign(&private, "JWT", &content, vec![3; 32]).unwrap();
            let keys = Trust::from(vec![other_public.clone(), public]);
            assert_eq!(verify(&text, &keys, NOW), Ok(("JWT".to_string(), content.clone())), "{algorithm:?}");
            assert_eq!(verify(&text, &vec![other_public.clone()].into(), NOW), Err(JwsError::Untrusted));
            assert_eq!(verify(&text, &Trust::default(), NOW), Err(JwsError::Untrusted));
            let parts: Vec<&str> = text.split('.').collect();
            let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "root" }).to_string());
            for bad in [
                format!("{}.{forged}.{}", parts[0], parts[2]),
                format!("{}.{}.", parts[0], parts[1]),
                sign(&other, "JWT", &content, vec![3; 32]).unwrap().replacen('.', ".x", 1),
            ] {
                assert!(verify(&bad, &keys, NOW).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn a_header_does_not_choose_how_it_is_checked() {
        let (private, public) = pair(Algorithm::EcdsaP256, 1);
        let (other, _) = pair(Algorithm::EcdsaP256, 2);
        let (own, theirs) = (certificate_of(&private), certificate_of(&other));
        let with = |name: &str, value: &Value| json!({ "alg": "ES256", name: value }).to_string();
        let content = URL_SAFE_NO_PAD.encode("{}");
        let signed = |header: &str| {
            let text = format!("{}.{content}", URL_SAFE_NO_PAD.encode(header));
            let signature = private.sign_jws(text.as_bytes(), vec![1; 32]).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let trust = Trust::from(vec![public.clone()]);
        let read = |text: &str| verify(text, &trust, NOW).map(|_| ());
        for (header, outcome) in [
            (r#"{"alg":"ES256"}"#, Ok(())),
            (r#"{"alg":"ES256","kid":"a name that is not known"}"#, Ok(())),
            (r#"{"alg":"none"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"HS256"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"RS256"}"#, Err(JwsError::Untrusted)),
            (r#"{"alg":"ES256","crit":["b64"]}"#, Err(JwsError::Unknown)),
            (&with("jwk", &jwk(&private)), Ok(())),
            (&with("jwk", &jwk(&other)), Err(JwsError::Untrusted)),
            (&with("jwk", &json!({ "kty": "EC" })), Err(JwsError::Untrusted)),
            (&with("jwk", &json!("x")), Err(JwsError::Untrusted)),
            (&with("x5c", &json!([])), Err(JwsError::Untrusted)),
            (&with("x5c", &json!(["x"])), Err(JwsError::Untrusted)),
            (&with("x5c", &json!("x")), Err(JwsError::Malformed)),
            (&with("x5c", &json!([own])), Ok(())),
            (&with("x5c", &json!([theirs])), Err(JwsError::Untrusted)),
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
