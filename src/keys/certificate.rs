//! X.509 certificates, signed with SHA-256.
//!
//! Invariant: the same request, keys, serial number and moment give the same bytes, but for the randomness of a signature.

use std::net::IpAddr;

use super::PrivateKey;
use super::der::{self, Oid};
use crate::data::digest::Digest;
use crate::data::time::{GoDuration, Time, Zone};

/// What a certificate says.
#[derive(Debug, Clone)]
pub struct CertificateRequest<'a> {
    /// The subject's common name.
    pub name: &'a str,
    /// Addresses that it is for.
    pub addresses: Vec<IpAddr>,
    /// Host names that it is for.
    pub hosts: Vec<String>,
    /// For how many days it is valid.
    pub days: i64,
    /// Whether others may be signed with its key.
    pub authority: bool,
}

/// Whoever signs the certificates of others.
#[derive(Clone)]
pub struct Issuer<'a> {
    key: &'a PrivateKey,
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

impl<'a> Issuer<'a> {
    /// The one whose certificate and key these are.
    ///
    /// # Errors
    /// It is no certificate, or one of another key.
    pub fn new(certificate: &[u8], key: &'a PrivateKey) -> Result<Self, String> {
        let parts = der::certificate_parts(certificate).ok_or("x509: malformed certificate")?;
        if parts.key != key.public_info()? {
            return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_string());
        }
        let key_id = der::subject_key_id(&parts).filter(|id| !id.is_empty()).map(<[u8]>::to_vec);
        Ok(Issuer { key, subject: parts.subject.to_vec(), key_id })
    }
}

/// Makes and signs a certificate, encoded; without an issuer it signs itself. Sixteen random bytes make the serial number.
///
/// An authority's key gets an identifier, and a certificate names the identifier of its issuer's key, as a strict check of a
/// chain demands; where subject and issuer are the same, there is nothing to tell apart.
///
/// # Errors
/// The key cannot sign.
pub fn certificate(
    request: &CertificateRequest<'_>,
    key: &PrivateKey,
    issuer: Option<Issuer<'_>>,
    mut serial: Vec<u8>,
    now: &Time,
) -> Result<Vec<u8>, String> {
    if let Some(first) = serial.first_mut() {
        // Positive, and never zero.
        *first = *first & 0x7f | 0x40;
    }
    let now = now.in_zone(&Zone::Utc);
    let until = now.add(GoDuration(request.days.saturating_mul(86_400_000_000_000)));
    let subject = der::common_name(request.name);
    let issuer = issuer.unwrap_or_else(|| Issuer { key, subject: subject.clone(), key_id: None });
    let info = key.public_info()?;
    let own_id = der::key_bits(&info).filter(|_| request.authority).map(key_id);
    let issuer_id = issuer.key_id.filter(|_| issuer.subject != subject);
    let algorithm = issuer.key.signature_algorithm();
    let body = der::sequence(&[
        der::context(0, &der::integer(&[2])),
        der::integer(&serial),
        algorithm.clone(),
        issuer.subject,
        der::sequence(&[moment(&now), moment(&until)]),
        subject,
        info,
        der::context(3, &der::sequence(&extensions(request, own_id, issuer_id))),
    ]);
    let signature = issuer.key.sign(&body).map_err(|why| format!("error creating certificate: {why}"))?;
    Ok(der::sequence(&[body, algorithm, der::bit_string(&signature)]))
}

/// Whether this is an encoded certificate, as far as is looked at here.
pub fn is_certificate(bytes: &[u8]) -> bool {
    der::certificate_parts(bytes).is_some()
}

/// The first method of RFC 7093: the leftmost 160 bits of the SHA-256 of a key's bits.
fn key_id(bits: &[u8]) -> Vec<u8> {
    Digest::of(bits).bytes()[..20].to_vec()
}

fn moment(at: &Time) -> Vec<u8> {
    if (1950..2050).contains(&at.civil().year) {
        der::tagged(0x17, at.format("060102150405Z").as_bytes())
    } else {
        der::tagged(0x18, at.format("20060102150405Z").as_bytes())
    }
}

fn extensions(
    request: &CertificateRequest<'_>,
    own_id: Option<Vec<u8>>,
    issuer_id: Option<Vec<u8>>,
) -> Vec<Vec<u8>> {
    // digitalSignature and keyEncipherment, and for an authority keyCertSign.
    let usage: [u8; 2] = if request.authority { [2, 0b1010_0100] } else { [5, 0b1010_0000] };
    let servers_and_clients = der::sequence(&[der::oid(Oid::SERVER_AUTH), der::oid(Oid::CLIENT_AUTH)]);
    let constraints =
        if request.authority { der::sequence(&[der::boolean(true)]) } else { der::sequence(&[]) };
    let mut all = vec![
        der::extension(Oid::KEY_USAGE, true, &der::tagged(0x03, &usage)),
        der::extension(Oid::EXTENDED_KEY_USAGE, false, &servers_and_clients),
        der::extension(Oid::BASIC_CONSTRAINTS, true, &constraints),
    ];
    all.extend(own_id.map(|id| der::extension(Oid::SUBJECT_KEY_ID, false, &der::tagged(0x04, &id))));
    all.extend(
        issuer_id.map(|id| {
            der::extension(Oid::AUTHORITY_KEY_ID, false, &der::sequence(&[der::tagged(0x80, &id)]))
        }),
    );
    let hosts = request.hosts.iter().map(|host| der::tagged(0x82, host.as_bytes()));
    let addresses = request.addresses.iter().map(|address| match address {
        IpAddr::V4(address) => der::tagged(0x87, &address.octets()),
        IpAddr::V6(address) => der::tagged(0x87, &address.octets()),
    });
    let names: Vec<Vec<u8>> = hosts.chain(addresses).collect();
    if !names.is_empty() {
        all.push(der::extension(Oid::SUBJECT_ALT_NAME, false, &der::sequence(&names)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithm;

    fn made(name: &str, key: &PrivateKey, authority: bool, issuer: Option<Issuer<'_>>) -> Vec<u8> {
        let request = CertificateRequest {
            name,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            hosts: vec!["a.b".to_string()],
            days: 1,
            authority,
        };
        certificate(&request, key, issuer, vec![7; 16], &Time::from_unix(1_700_000_000, 0, Zone::Utc))
            .unwrap()
    }

    /// The extensions in their order: the last byte of each identifier, and its value.
    fn told(certificate: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let parts = der::certificate_parts(certificate).unwrap();
        let all = der::extensions(&parts).unwrap();
        all.into_iter().map(|(id, value)| (*id.last().unwrap(), value.to_vec())).collect()
    }

    #[test]
    fn authorities_name_their_keys_and_others_the_issuers() {
        for algorithm in [Algorithm::Rsa(1024), Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let key = PrivateKey::generate(algorithm, vec![1; 32]).unwrap();
            let own = PrivateKey::generate(algorithm, vec![2; 32]).unwrap();
            let authority = made("ca", &key, true, None);
            let info = key.public_info().unwrap();
            let id = key_id(der::key_bits(&info).unwrap());
            let numbers = |of: &[u8]| told(of).into_iter().map(|(number, _)| number).collect::<Vec<u8>>();
            assert_eq!(numbers(&authority), [15, 37, 19, 14, 17]);
            assert_eq!(told(&authority)[3].1, [&[4, 20], &id[..]].concat());

            let issuer = Issuer::new(&authority, &key).unwrap();
            let leaf = made("leaf", &own, false, Some(issuer.clone()));
            assert_eq!(numbers(&leaf), [15, 37, 19, 35, 17]);
            assert_eq!(told(&leaf)[3].1, [&[0x30, 22, 0x80, 20], &id[..]].concat());

            // Of the issuer's own name, signed by itself, and signed by one whose key has no identifier.
            let alone = made("alone", &own, false, None);
            let below = Issuer::new(&alone, &own).unwrap();
            for plain in
                [made("ca", &own, false, Some(issuer)), alone.clone(), made("x", &key, false, Some(below))]
            {
                assert_eq!(numbers(&plain), [15, 37, 19, 17]);
            }
            assert!(Issuer::new(&authority, &own).is_err_and(|why| why.contains("doesn't match")));
        }
    }
}
