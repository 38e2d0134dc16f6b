//! As much of DER as a certificate needs.
//!
//! Invariant: what is written here has definite, shortest lengths; reading stops at the first thing that has not.

/// An object identifier, encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oid(&'static [u8]);

impl Oid {
    pub(super) const COMMON_NAME: Oid = Oid(&[0x55, 4, 3]);
    pub(super) const SUBJECT_KEY_ID: Oid = Oid(&[0x55, 0x1d, 14]);
    pub(super) const KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 15]);
    pub(super) const SUBJECT_ALT_NAME: Oid = Oid(&[0x55, 0x1d, 17]);
    pub(super) const BASIC_CONSTRAINTS: Oid = Oid(&[0x55, 0x1d, 19]);
    pub(super) const AUTHORITY_KEY_ID: Oid = Oid(&[0x55, 0x1d, 35]);
    pub(super) const EXTENDED_KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 37]);
    pub(super) const SERVER_AUTH: Oid = Oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1]);
    pub(super) const CLIENT_AUTH: Oid = Oid(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
    pub(super) const SHA256_WITH_RSA: Oid = Oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]);
    pub(super) const ECDSA_WITH_SHA256: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    pub(super) const ED25519: Oid = Oid(&[0x2b, 0x65, 0x70]);
    pub(super) const EC: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
    pub(super) const P256: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
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

/// What of a certificate counts here (RFC 5280, 4.1).
pub(super) struct Parts<'b> {
    /// The subject, encoded.
    pub(super) subject: &'b [u8],
    /// The SubjectPublicKeyInfo, encoded.
    pub(super) key: &'b [u8],
    /// What follows: unique identifiers and extensions.
    rest: &'b [u8],
}

/// The parts of a certificate; `None` for what is none.
pub(super) fn certificate_parts(bytes: &[u8]) -> Option<Parts<'_>> {
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
    let (0x30, _, key, rest) = split(rest)? else { return None };
    Some(Parts { subject, key, rest })
}

/// What a certificate says its key is for (RFC 5280, 4.2.1.3 and 4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// `cA` of the basic constraints.
    pub(super) authority: bool,
    /// The first eight bits of the key usage, digitalSignature being the highest one; `None` when it is not told.
    pub(super) bits: Option<u8>,
}

impl Usage {
    /// `digitalSignature`.
    pub(super) const SIGNS: u8 = 0x80;
    /// `keyCertSign`.
    pub(super) const CERTIFIES: u8 = 0x04;

    /// Whether the key may be used so: that is told, or nothing is.
    pub(super) fn allows(self, bit: u8) -> bool {
        self.bits.is_none_or(|bits| bits & bit != 0)
    }
}

/// The extensions of a certificate: the identifier of each, encoded, and its value; `None` when they cannot be read.
pub(super) fn extensions<'b>(parts: &Parts<'b>) -> Option<Vec<(&'b [u8], &'b [u8])>> {
    let mut found = Vec::new();
    let mut rest = parts.rest;
    while let Some((tag, content, _, behind)) = split(rest) {
        rest = behind;
        if tag != 0xa3 {
            continue;
        }
        let (0x30, mut extensions, _, _) = split(content)? else { return None };
        while !extensions.is_empty() {
            let (0x30, extension, _, behind) = split(extensions)? else { return None };
            extensions = behind;
            let (6, id, _, value) = split(extension)? else { return None };
            let (tag, _, _, behind) = split(value)?;
            // Whether it is critical is told before its value.
            let (4, value, _, _) = split(if tag == 1 { behind } else { value })? else { return None };
            found.push((id, value));
        }
    }
    rest.is_empty().then_some(found)
}

/// The usage in a certificate's extensions; `None` when they cannot be read.
pub(super) fn usage(parts: &Parts<'_>) -> Option<Usage> {
    let mut usage = Usage { authority: false, bits: None };
    for (id, value) in extensions(parts)? {
        if id == Oid::BASIC_CONSTRAINTS.0 {
            let (0x30, constraints, _, _) = split(value)? else { return None };
            usage.authority = matches!(split(constraints), Some((1, [0xff], _, _)));
        } else if id == Oid::KEY_USAGE.0 {
            let (3, bits, _, _) = split(value)? else { return None };
            usage.bits = Some(bits.get(1).copied().unwrap_or(0));
        }
    }
    Some(usage)
}

/// The identifier that a certificate gives its own key (RFC 5280, 4.2.1.2).
pub(super) fn subject_key_id<'b>(parts: &Parts<'b>) -> Option<&'b [u8]> {
    let (_, value) = extensions(parts)?.into_iter().find(|(id, _)| *id == Oid::SUBJECT_KEY_ID.0)?;
    split(value).filter(|(tag, _, _, _)| *tag == 4).map(|(_, id, _, _)| id)
}

/// The bits of the key in a SubjectPublicKeyInfo, without what says of which kind it is.
pub(super) fn key_bits(info: &[u8]) -> Option<&[u8]> {
    let (0x30, content, _, _) = split(info)? else { return None };
    let (3, bits, _, _) = split(split(content)?.3)? else { return None };
    bits.get(1..)
}
