//! GnuPG's keybox (`pubring.kbx`): the OpenPGP keys in it.
//!
//! ```text
//! blob:    u32 length   u8 type: 1 header, 2 OpenPGP, 3 X.509   u8 version   u16 flags   …
//! header:  "KBXf" at 8                     OpenPGP: u32 offset of the key at 8, u32 length at 12      (big-endian)
//! ```
//!
//! Invariant: nothing outside of the file is read, whatever its lengths say; a blob takes at least its five first bytes, so
//! that reading ends.

const MAGIC: &[u8] = b"KBXf";
const OPENPGP: u8 = 2;

/// Whether these are the bytes of a keybox.
pub(super) fn is_keybox(bytes: &[u8]) -> bool {
    bytes.get(8..12) == Some(MAGIC)
}

/// The bytes of each OpenPGP key, as a keyring would have them; or why the file is damaged.
pub(super) fn keys(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = number(bytes, at).ok_or_else(|| format!("the blob at byte {at} is cut off"))?;
        let blob = at.checked_add(length).and_then(|end| bytes.get(at..end)).filter(|blob| blob.len() > 4);
        let blob = blob.ok_or_else(|| format!("the blob at byte {at} has a length of {length} bytes"))?;
        if blob[4] == OPENPGP {
            let key = number(blob, 8)
                .zip(number(blob, 12))
                .and_then(|(start, length)| blob.get(start..start.checked_add(length)?));
            found.push(key.ok_or_else(|| format!("the key of the blob at byte {at} is not within it"))?);
        }
        at += length;
    }
    Ok(found)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(digits)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut out = (u32::try_from(rest.len() + 8).unwrap()).to_be_bytes().to_vec();
        out.extend([kind, 1, 0, 0]);
        out.extend(rest);
        out
    }

    fn key_blob(start: u32, length: u32, key: &[u8]) -> Vec<u8> {
        blob(2, &[&start.to_be_bytes()[..], &length.to_be_bytes(), key].concat())
    }

    #[test]
    fn keys_are_found_among_other_blobs() {
        let header = blob(1, b"KBXf\0\0\0\0");
        let file = [header, key_blob(16, 3, b"keyrest"), blob(3, b"x509"), key_blob(17, 2, b"-ab")].concat();
        assert!(is_keybox(&file));
        assert_eq!(keys(&file).unwrap(), [b"key", b"ab" as &[u8]]);
    }

    #[test]
    fn lies_about_lengths_are_errors() {
        let header = blob(1, b"KBXf\0\0\0\0");
        for bad in [
            &[0, 0, 0, 0, 2, 1, 0, 0][..],
            &[0xff, 0xff, 0xff, 0xff, 2],
            &[0, 0, 0],
            &key_blob(16, u32::MAX, b"key"),
            &key_blob(u32::MAX, 1, b"key"),
            &blob(2, b"abc"),
        ] {
            assert!(keys(&[&header, bad].concat()).is_err(), "{bad:?}");
        }
        assert!(!is_keybox(b"KBX"));
    }
}
