//! Whose signatures are believed: keys that were named, and those that an authority among them vouches for with a chain of
//! certificates (RFC 5280, 6). The only user of rustls-webpki.
//!
//! A certificate that was named makes its key trusted by that, whatever else it says. One that may certify others (`cA`, and
//! `keyCertSign` where usages are told) is an authority, too. Of a chain, signatures, dates, `cA`, lengths of paths, names and
//! critical extensions are looked at by webpki, the usages here, since webpki leaves them out.
//!
//! Invariant: no key becomes trusted by what it says of itself; whoever is named without being an authority vouches for
//! nobody.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath};

use super::der::{self, Usage};
use super::{PublicKey, pem};

/// Most certificates of a chain.
const LONGEST: usize = 8;
/// Most keys and authorities.
const MOST: usize = 64;

/// Keys and authorities that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
    /// Certificates, encoded.
    authorities: Vec<CertificateDer<'static>>,
}

/// Keys alone.
impl From<Vec<PublicKey>> for Trust {
    fn from(keys: Vec<PublicKey>) -> Self {
        Trust { keys, authorities: Vec::new() }
    }
}

impl Trust {
    /// All public keys of a PEM text: those of `PUBLIC KEY` and `RSA PUBLIC KEY` blocks and of certificates; and the
    /// authorities among the certificates. Whether those are still valid, and who signed them, is not looked at: they are
    /// trusted by being in the text.
    ///
    /// # Errors
    /// There is none, there are more than 64, or one is of a kind that is not known or too weak.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut trust = Trust::default();
        for (number, (label, bytes)) in pem::blocks(text).enumerate() {
            let Some(read) = PublicKey::from_block(&label, &bytes) else { continue };
            let is_authority = label == "CERTIFICATE" && may_certify(&bytes);
            match read {
                Ok(key) => trust.keys.push(key),
                // It signs no tokens; those that it certifies may.
                Err(_) if is_authority => {}
                Err(why) => return Err(format!("block {} ({label}): {why}", number + 1)),
            }
            if is_authority {
                trust.authorities.push(CertificateDer::from(bytes));
            }
            if trust.keys.len().max(trust.authorities.len()) > MOST {
                return Err(format!("there are more than {MOST} keys"));
            }
        }
        if trust.keys.is_empty() && trust.authorities.is_empty() {
            return Err("there is no public key or certificate in PEM form".to_string());
        }
        Ok(trust)
    }

    /// The keys that were named.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The key of the first certificate of a chain as tokens carry them (`x5c`: base64, each certified by the next), if it is
    /// trusted at a moment, which is in seconds since the Unix epoch.
    pub(super) fn of_chain(&self, chain: &[String], now: i64) -> Option<PublicKey> {
        if chain.len() > LONGEST {
            return None;
        }
        let decode = |text: &String| STANDARD.decode(text).ok().map(CertificateDer::from);
        let chain: Vec<CertificateDer<'_>> = chain.iter().map(decode).collect::<Option<_>>()?;
        let (first, above) = chain.split_first()?;
        let parts = der::certificate_parts(first)?;
        let key = PublicKey::from_info(parts.key).ok()?;
        let vouched = self.keys.iter().any(|named| named.is(&key))
            || (der::usage(&parts)?.allows(Usage::SIGNS) && self.vouches(first, above, now));
        vouched.then_some(key)
    }

    fn vouches(&self, first: &CertificateDer<'_>, above: &[CertificateDer<'_>], now: i64) -> bool {
        let anchors: Vec<_> =
            self.authorities.iter().filter_map(|own| webpki::anchor_from_trusted_cert(own).ok()).collect();
        let Ok(first) = EndEntityCert::try_from(first) else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let certifies = |path: &VerifiedPath<'_>| {
            let mut between = path.intermediate_certificates();
            if between.all(|one| may_certify(&one.der())) { Ok(()) } else { Err(Error::EndEntityUsedAsCa) }
        };
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        first.verify_for_usage(algorithms, &anchors, above, now, AnyPurpose, None, Some(&certifies)).is_ok()
    }
}

/// Certificates for tokens have no purpose of their own, so each is good.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, mut purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        purposes.try_for_each(|purpose| purpose.map(|_| ()))
    }
}

/// Whether others may be certified with the key of a certificate.
fn may_certify(certificate: &[u8]) -> bool {
    der::certificate_parts(certificate)
        .and_then(|parts| der::usage(&parts))
        .is_some_and(|usage| usage.authority && usage.allows(Usage::CERTIFIES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::der::Oid;
    use crate::keys::{Algorithm, PrivateKey};

    const NOW: i64 = 1_767_225_600;

    /// A certificate to be made.
    struct Wish<'a> {
        subject: &'a str,
        issuer: &'a str,
        from: &'a str,
        until: &'a str,
        /// `cA`.
        authority: bool,
        /// How many authorities there may be below.
        below: Option<u8>,
        usage: Option<u8>,
        /// A critical extension that nobody knows.
        odd: bool,
    }

    const LEAF: Wish<'_> = Wish {
        subject: "leaf",
        issuer: "root",
        from: "250101000000Z",
        until: "300101000000Z",
        authority: false,
        below: None,
        usage: Some(0x80),
        odd: false,
    };
    const ROOT: Wish<'_> = Wish { subject: "root", authority: true, usage: Some(0x04), ..LEAF };
    const MIDDLE: Wish<'_> = Wish { subject: "middle", authority: true, usage: Some(0x04), ..LEAF };

    fn made(wish: &Wish<'_>, key: &PrivateKey, signer: &PrivateKey) -> Vec<u8> {
        let mut extensions = Vec::new();
        if wish.authority {
            let mut parts = vec![der::boolean(true)];
            parts.extend(wish.below.map(|below| der::integer(&[below])));
            extensions.push(der::extension(Oid::BASIC_CONSTRAINTS, true, &der::sequence(&parts)));
        }
        if let Some(bits) = wish.usage {
            extensions.push(der::extension(Oid::KEY_USAGE, true, &der::tagged(3, &[0, bits])));
        }
        if wish.odd {
            extensions.push(der::extension(Oid::COMMON_NAME, true, &der::boolean(true)));
        }
        let algorithm = signer.signature_algorithm();
        let moment = |text: &str| der::tagged(0x17, text.as_bytes());
        let body = der::sequence(&[
            der::context(0, &der::integer(&[2])),
            der::integer(&[7]),
            algorithm.clone(),
            der::common_name(wish.issuer),
            der::sequence(&[moment(wish.from), moment(wish.until)]),
            der::common_name(wish.subject),
            key.public_info().unwrap(),
            der::context(3, &der::sequence(&extensions)),
        ]);
        let signature = der::bit_string(&signer.sign(&body).unwrap());
        der::sequence(&[body, algorithm, signature])
    }

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::generate(Algorithm::EcdsaP256, vec![seed; 32]).unwrap()
    }

    fn trusting(certificates: &[&[u8]]) -> Trust {
        let text: String = certificates.iter().map(|one| pem::encode("CERTIFICATE", one)).collect();
        Trust::from_pem(&text).unwrap()
    }

    fn believed(trust: &Trust, chain: &[&[u8]]) -> bool {
        let chain: Vec<String> = chain.iter().map(|one| STANDARD.encode(one)).collect();
        trust.of_chain(&chain, NOW).is_some()
    }

    #[test]
    fn chains_lead_to_an_authority_or_nowhere() {
        let (root, middle, leaf, other) = (key(1), key(2), key(3), key(4));
        let anchor = made(&ROOT, &root, &root);
        let trust = trusting(&[&anchor]);
        let of_root = |wish: &Wish<'_>| made(wish, &leaf, &root);
        let good = of_root(&LEAF);
        assert!(believed(&trust, &[&good]) && believed(&trust, &[&good, &anchor]));
        assert!(believed(&trust, &[&of_root(&Wish { usage: None, ..LEAF })]));
        for (bad, why) in [
            (Wish { until: "251231235959Z", ..LEAF }, "over"),
            (Wish { from: "260101000001Z", ..LEAF }, "not begun"),
            (Wish { issuer: "toor", ..LEAF }, "of somebody else"),
            (Wish { usage: Some(0x20), ..LEAF }, "not for signatures"),
            (Wish { odd: true, ..LEAF }, "what is critical and not known"),
        ] {
            assert!(!believed(&trust, &[&of_root(&bad)]), "{why}");
        }
        assert!(!believed(&trust, &[&made(&LEAF, &leaf, &other)]), "a signature of another key");
        assert!(!believed(&trust, &[]) && !believed(&trust, &[b"x"]));

        let below = made(&Wish { issuer: "middle", ..LEAF }, &leaf, &middle);
        let between = |wish: &Wish<'_>| made(wish, &middle, &root);
        assert!(believed(&trust, &[&below, &between(&MIDDLE)]));
        assert!(believed(&trust, &[&below, &between(&Wish { usage: None, ..MIDDLE })]));
        assert!(!believed(&trust, &[&below]), "a link is missing");
        for (bad, why) in [
            (Wish { authority: false, ..MIDDLE }, "no authority"),
            (Wish { usage: Some(0x80), ..MIDDLE }, "an authority that must not certify"),
            (Wish { until: "251231235959Z", ..MIDDLE }, "over"),
        ] {
            assert!(!believed(&trust, &[&below, &between(&bad)]), "{why}");
        }
        // An authority that may have none below it.
        let lowest = made(&Wish { below: Some(0), ..ROOT }, &root, &root);
        assert!(believed(&trusting(&[&lowest]), &[&good]));
        let third = made(&Wish { issuer: "middle", subject: "low", ..MIDDLE }, &other, &middle);
        let lower = made(&Wish { issuer: "low", ..LEAF }, &leaf, &other);
        let short = between(&Wish { below: Some(0), ..MIDDLE });
        assert!(believed(&trust, &[&lower, &third, &between(&MIDDLE)]));
        assert!(!believed(&trust, &[&lower, &third, &short]), "longer than an authority allows");
        let many: Vec<&[u8]> =
            std::iter::once(&good[..]).chain(std::iter::repeat_n(&anchor[..], LONGEST)).collect();
        assert!(believed(&trust, &many[..LONGEST]) && !believed(&trust, &many), "longer than anybody needs");
    }

    #[test]
    fn only_authorities_vouch_for_others() {
        let (root, leaf) = (key(1), key(2));
        let good = made(&LEAF, &leaf, &root);
        for (wish, vouches) in [
            (ROOT, true),
            (Wish { usage: None, ..ROOT }, true),
            // What is named is not asked whether it is over.
            (Wish { until: "251231235959Z", ..ROOT }, true),
            (Wish { authority: false, ..ROOT }, false),
            (Wish { usage: Some(0x80), ..ROOT }, false),
        ] {
            let anchor = made(&wish, &root, &root);
            let trust = trusting(&[&anchor]);
            assert_eq!(believed(&trust, &[&good]), vouches, "{:?} {:?}", wish.authority, wish.usage);
            assert!(believed(&trust, &[&anchor]), "its own key is trusted in any case");
        }
        // A certificate that was named is trusted, also when it is over or somebody else's.
        let over = made(&Wish { until: "251231235959Z", usage: Some(0x20), ..LEAF }, &leaf, &key(9));
        assert!(believed(&trusting(&[&over]), &[&over]) && believed(&trusting(&[&over]), &[&good]));
        let keys = Trust::from(vec![PublicKey::from_info(&root.public_info().unwrap()).unwrap()]);
        assert!(!believed(&keys, &[&good]), "a key without a certificate is no authority");
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        let weak = PrivateKey::generate(Algorithm::Rsa(1_024), vec![1; 32]).unwrap();
        let pem = pem::encode("PUBLIC KEY", &weak.public_info().unwrap());
        let error = Trust::from_pem(&pem).unwrap_err();
        assert_eq!(error, "block 1 (PUBLIC KEY): an RSA key of less than 2048 bits is too weak");
        let one = pem::encode("PUBLIC KEY", &key(1).public_info().unwrap());
        for (text, told) in [
            (String::new(), "there is no public key or certificate in PEM form"),
            (pem::encode("CERTIFICATE", b"x"), "block 1 (CERTIFICATE): it is no certificate"),
            (
                pem::encode("PUBLIC KEY", b"x"),
                "block 1 (PUBLIC KEY): the key is none of RSA, ECDSA over P-256 and Ed25519",
            ),
            (one.repeat(MOST + 1), "there are more than 64 keys"),
        ] {
            assert_eq!(Trust::from_pem(&text).unwrap_err(), told);
        }
        assert_eq!(Trust::from_pem(&one.repeat(MOST)).unwrap().keys().len(), MOST);
        // An authority whose own key signs no tokens.
        let anchor = made(&ROOT, &weak, &key(1));
        assert!(Trust::from_pem(&pem::encode("CERTIFICATE", &anchor)).unwrap().keys().is_empty());
    }
}
