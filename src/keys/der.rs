//! As much of DER as a certificate needs.
//!
//! Invariant: what is written here has definite, shortest lengths; reading stops at the first thing that has not.

/// An object identifier, encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oid(&'static [u8]);

impl Oid {
    pub(super) const COMMON_NAME: Oid = Oid(&[0x55, 4, 3]);
    pub(super) const KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 15]);
    pub(super) const SUBJECT_ALT_NAME: Oid = Oid(&[0x55, 0x1d, 17]);
    pub(super) const BASIC_CONSTRAINTS: Oid = Oid(&[0x55, 0x1d, 19]);
    pub(super) const EXTENDED_KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 37]);
    pub(super) const SERVER_AUTH: Oid = Oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1]);
    pub(super) const CLIENT_AUTH: Oid = Oid(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
    pub(super) const SHA256_WITH_RSA: Oid = Oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]);
    pub(super) const ECDSA_WITH_SHA256: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    pub(super) const ED25519: Oid = Oid(&[0x2b, 0x65, 0x70]);
}

/// A value behind its tag and length.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|byte| **byte == 0).count();
        out.push(0x80 | (bytes.len() - skip) as u8);
        out.extend_from_slice(&bytes[skip..]);
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// A value in an explicit tag of the context.
pub(super) fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(0xa0 | number, content)
}

/// An integer that is not negative, from big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let skip = bytes.iter().take_while(|byte| **byte == 0).count();
    match bytes.get(skip..) {
        None | Some([]) => tagged(2, &[0]),
        Some(rest) if rest[0] & 0x80 != 0 => tagged(2, &[&[0], rest].concat()),
        Some(rest) => tagged(2, rest),
    }
}

pub(super) fn boolean(flag: bool) -> Vec<u8> {
    tagged(1, &[if flag { 0xff } else { 0 }])
}

pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tagged(3, &[&[0], bytes].concat())
}

pub(super) fn oid(oid: Oid) -> Vec<u8> {
    tagged(6, oid.0)
}

/// `SEQUENCE { oid, NULL }` or, without parameters, `SEQUENCE { oid }`.
pub(super) fn algorithm(id: Oid, null: bool) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if null {
        parts.push(tagged(5, &[]));
    }
    sequence(&parts)
}

/// A name that has only a common name.
pub(super) fn common_name(name: &str) -> Vec<u8> {
    let printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    let tag = if name.chars().all(printable) { 0x13 } else { 0x0c };
    let part = sequence(&[oid(Oid::COMMON_NAME), tagged(tag, name.as_bytes())]);
    sequence(&[tagged(0x31, &part)])
}

pub(super) fn extension(id: Oid, critical: bool, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(boolean(true));
    }
    parts.push(tagged(4, content));
    sequence(&parts)
}

/// A value that was read: its tag, its content, the whole of it, and what follows.
type Read<'b> = (u8, &'b [u8], &'b [u8], &'b [u8]);

/// The first value of a text.
fn split(bytes: &[u8]) -> Option<Read<'_>> {
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    let (length, header) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let count = usize::from(first & 0x7f);
        let digits = bytes.get(2..2 + count).filter(|_| (1..=4).contains(&count))?;
        (digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), 2 + count)
    };
    let end = header.checked_add(length)?;
    Some((tag, bytes.get(header..end)?, bytes.get(..end)?, bytes.get(end..)?))
}

/// The subject of a certificate and the information about its public key, encoded; `None` for what is no certificate.
pub(super) fn certificate_parts(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (0x30, whole, _, _) = split(bytes)? else { return None };
    let (0x30, mut rest, _, _) = split(whole)? else { return None };
    // version (optional), serial number, algorithm, issuer, validity, then the subject and the key
    if rest.first() == Some(&0xa0) {
        rest = split(rest)?.3;
    }
    for _ in 0..4 {
        rest = split(rest)?.3;
    }
    let (0x30, _, subject, rest) = split(rest)? else { return None };
    let (0x30, _, key, _) = split(rest)? else { return None };
    Some((subject.to_vec(), key.to_vec()))
}
