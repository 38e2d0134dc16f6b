//! Where things stand in etcd: the keys of one prefix.
//!
//! ```text
//! PREFIX/@head                    changed by every write: format and token of the last one
//! PREFIX/@identity                what the store is known by, given once
//! PREFIX/@open                    the write that is committed but not carried out yet
//! PREFIX/@meta/GROUP·KIND·NS·NAME    metadata of an object
//! PREFIX/@body/GROUP·KIND·NS·NAME    its body as JSON, where it fits into one value
//! PREFIX/@part/WRITE/OBJECT/N     pieces of a larger body; a write's log is its object `log`
//! PREFIX/@stage/WRITE             a write that is being prepared: the right to commit it
//! PREFIX/@alive/WRITE             the same, as long as somebody works on it (it hangs on a lease)
//! ```
//!
//! Invariant: keys of objects sort as the contract orders objects, and no key of one prefix is a key of another: a segment
//! of a prefix never starts with `@`.

use crate::cluster::object::Key;

/// The keys of one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    root: String,
}

/// All keys from one up to, not including, another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl Span {
    /// All keys that start with those bytes.
    pub(super) fn of_prefix(prefix: Vec<u8>) -> Self {
        let mut to = prefix.clone();
        while to.pop_if(|last| *last == 0xff).is_some() {}
        match to.last_mut() {
            Some(last) => *last += 1,
            // etcd's way to say: to the end.
            None => to = vec![0],
        }
        Span { from: prefix, to }
    }

    /// The same without what comes before or at a key.
    pub(super) fn after(&self, key: &[u8]) -> Self {
        let mut from = key.to_vec();
        from.push(0);
        Span { from, to: self.to.clone() }
    }
}

impl Keys {
    /// The keys below a prefix: `/a/b`.
    pub(super) fn new(prefix: &str) -> Self {
        Keys { root: format!("{prefix}/@") }
    }

    fn join(&self, rest: &str) -> Vec<u8> {
        format!("{}{rest}", self.root).into_bytes()
    }

    pub(super) fn head(&self) -> Vec<u8> {
        self.join("head")
    }

    pub(super) fn known_by(&self) -> Vec<u8> {
        self.join("identity")
    }

    pub(super) fn open(&self) -> Vec<u8> {
        self.join("open")
    }

    pub(super) fn stage(&self, write: &str) -> Vec<u8> {
        self.join(&format!("stage/{write}"))
    }

    pub(super) fn stages(&self) -> Span {
        Span::of_prefix(self.join("stage/"))
    }

    pub(super) fn alive(&self, write: &str) -> Vec<u8> {
        self.join(&format!("alive/{write}"))
    }

    pub(super) fn living(&self) -> Span {
        Span::of_prefix(self.join("alive/"))
    }

    /// The name of a write in a key of `stages` or `living`.
    pub(super) fn write_of(&self, key: &[u8]) -> Option<String> {
        let rest = key.strip_prefix(self.root.as_bytes())?;
        let rest = rest.strip_prefix(b"stage/").or_else(|| rest.strip_prefix(b"alive/"))?;
        String::from_utf8(rest.to_vec()).ok()
    }

    /// Piece number `number` at a place, `WRITE/OBJECT`.
    pub(super) fn part(&self, place: &str, number: usize) -> Vec<u8> {
        self.join(&format!("part/{place}/{number:08}"))
    }

    /// All pieces at a place.
    pub(super) fn parts(&self, place: &str) -> Span {
        Span::of_prefix(self.join(&format!("part/{place}/")))
    }

    pub(super) fn meta(&self, key: &Key) -> Vec<u8> {
        self.object("meta/", key)
    }

    pub(super) fn body(&self, key: &Key) -> Vec<u8> {
        self.object("body/", key)
    }

    fn object(&self, area: &str, (group, kind, namespace, name): &Key) -> Vec<u8> {
        let mut bytes = self.join(area);
        for part in [group, kind, namespace] {
            put(&mut bytes, part);
            bytes.extend([0, 1]);
        }
        put(&mut bytes, name);
        bytes
    }

    /// The metadata of all objects, or of those of a group and kind, and of one namespace of these.
    pub(super) fn metas(&self, group_kind: Option<&(String, String)>, namespace: Option<&str>) -> Span {
        let mut bytes = self.join("meta/");
        if let Some((group, kind)) = group_kind {
            for part in [Some(group.as_str()), Some(kind.as_str()), namespace].into_iter().flatten() {
                put(&mut bytes, part);
                bytes.extend([0, 1]);
            }
        }
        Span::of_prefix(bytes)
    }

    /// The identity that a key of metadata stands for.
    pub(super) fn identity(&self, meta: &[u8]) -> Option<Key> {
        let rest = meta.strip_prefix(self.join("meta/").as_slice())?;
        let mut parts = vec![Vec::new()];
        let mut bytes = rest.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                0 => match bytes.next()? {
                    1 => parts.push(Vec::new()),
                    0xff => parts.last_mut()?.push(0),
                    _ => return None,
                },
                byte => parts.last_mut()?.push(*byte),
            }
        }
        let parts: Vec<String> = parts.into_iter().map(String::from_utf8).collect::<Result<_, _>>().ok()?;
        let [group, kind, namespace, name] = <[String; 4]>::try_from(parts).ok()?;
        Some((group, kind, namespace, name))
    }
}

/// Writes a part of an identity so that the order of keys is the order of parts: the separator is below all else.
fn put(bytes: &mut Vec<u8>, part: &str) {
    for byte in part.bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(0xff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof!["[a-c./-]", Just("\0".to_string()), Just("\u{1}".to_string())],
            0..4,
        )
        .prop_map(|letters| letters.concat())
    }

    proptest! {
        #[test]
        fn keys_sort_as_identities_and_go_back(one in (part(), part(), part(), part()), two in (part(), part(), part(), part())) {
            let keys = Keys::new("/p");
            prop_assert_eq!(keys.meta(&one).cmp(&keys.meta(&two)), one.cmp(&two));
            prop_assert_eq!(keys.identity(&keys.meta(&one)), Some(one.clone()));
            let span = keys.metas(Some(&(one.0.clone(), one.1.clone())), Some(&one.2));
            let inside = span.from <= keys.meta(&two) && keys.meta(&two) < span.to;
            prop_assert_eq!(inside, (&one.0, &one.1, &one.2) == (&two.0, &two.1, &two.2));
        }
    }

    #[test]
    fn spans_end_where_the_prefix_does() {
        assert_eq!(Span::of_prefix(b"ab".to_vec()).to, b"ac");
        assert_eq!(Span::of_prefix(vec![b'a', 0xff, 0xff]).to, b"b");
        assert_eq!(Span::of_prefix(vec![0xff]).to, [0]);
        assert_eq!(Span::of_prefix(b"ab".to_vec()).after(b"abc").from, b"abc\0");
    }

    #[test]
    fn writes_are_found_in_their_keys() {
        let keys = Keys::new("/p");
        assert_eq!(keys.write_of(&keys.stage("w")).as_deref(), Some("w"));
        assert_eq!(keys.write_of(&keys.alive("w")).as_deref(), Some("w"));
        assert_eq!(keys.write_of(b"/q/@stage/w"), None);
    }
}
