//! X.509 certificates, signed with SHA-256.
//!
//! Invariant: the same request, keys, serial number and moment give the same bytes, but for the randomness of a signature.

use std::net::IpAddr;

use super::PrivateKey;
use super::der::{self, Oid};
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

/// Makes and signs a certificate, encoded; without a signer (a key, and the subject of its certificate) it signs itself.
/// Sixteen random bytes make the serial number.
///
/// # Errors
/// The key cannot sign.
pub fn certificate(
    request: &CertificateRequest<'_>,
    key: &PrivateKey,
    signer: Option<(&PrivateKey, Vec<u8>)>,
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
    let (signer, issuer) = match signer {
        Some((signer, issuer)) => (signer, issuer),
        None => (key, subject.clone()),
    };
    let algorithm = signer.signature_algorithm();
    let body = der::sequence(&[
        der::context(0, &der::integer(&[2])),
        der::integer(&serial),
        algorithm.clone(),
        issuer,
        der::sequence(&[moment(&now), moment(&until)]),
        subject,
        key.public_info()?,
        der::context(3, &der::sequence(&extensions(request))),
    ]);
    let signature = signer.sign(&body).map_err(|why| format!("error creating certificate: {why}"))?;
    Ok(der::sequence(&[body, algorithm, der::bit_string(&signature)]))
}

/// The subject of a certificate, encoded; `None` for what is no certificate.
pub fn certificate_subject(bytes: &[u8]) -> Option<Vec<u8>> {
    der::certificate_parts(bytes).map(|parts| parts.subject.to_vec())
}

fn moment(at: &Time) -> Vec<u8> {
    if (1950..2050).contains(&at.civil().year) {
        der::tagged(0x17, at.format("060102150405Z").as_bytes())
    } else {
        der::tagged(0x18, at.format("20060102150405Z").as_bytes())
    }
}

fn extensions(request: &CertificateRequest<'_>) -> Vec<Vec<u8>> {
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
