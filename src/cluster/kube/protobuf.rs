//! Lists in the API's protobuf form, which costs a server half of what JSON does: metadata of any kind, and the data of Secrets
//! and ConfigMaps.
//!
//! ```text
//! "k8s\0" Unknown { 1: TypeMeta { 2: kind }, 2: SecretList { 1: ListMeta { 2: version, 3: continue }, 2: Secret … } }
//! ```
//!
//! Source of the numbers: `generated.proto` of the Kubernetes API (`core/v1`, `meta/v1`, `runtime`).
//!
//! Invariant: reading never goes beyond the bytes; fields that are not known are passed over, and what is cut off or made up is an
//! error.

use std::collections::BTreeMap;

use super::catalog::Resource;
use crate::cluster::{StoreError, Stored};
use crate::data::{Map, Value, base64};
use crate::manifest::ObjectRef;

/// The content type of such answers.
pub(super) const CONTENT: &str = "application/vnd.kubernetes.protobuf";

/// How every answer begins.
const MAGIC: &[u8] = b"k8s\0";

/// A page of a list. Its objects are read when they are wanted, so that the next page can be asked for before.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    content: Content,
    /// How many objects it has.
    pub(super) count: usize,
    /// The version of the list.
    pub(super) version: String,
    /// Where the next page begins; empty after the last one.
    pub(super) token: String,
}

/// Reads what a page says of itself.
///
/// # Errors
/// It is no list that can be read here, or cut off.
pub(super) fn page(bytes: Vec<u8>, resource: &Resource) -> Result<Page, StoreError> {
    let head = |bytes: &[u8]| {
        let (kind, list) = list_in(bytes)?;
        let content = match kind.as_str() {
            "PartialObjectMetadataList" => Content::None,
            "SecretList" => Content::Secret,
            "ConfigMapList" => Content::ConfigMap,
            _ => return None,
        };
        let (mut count, mut version, mut token) = (0, String::new(), String::new());
        each(list, |field, value| {
            match field {
                1 => {
                    version = text_in(value.bytes()?, 2)?;
                    token = text_in(value.bytes()?, 3)?;
                }
                2 => count += 1,
                _ => {}
            }
            Some(())
        })?;
        Some(Page { bytes: Vec::new(), content, count, version, token })
    };
    match head(&bytes) {
        Some(page) => Ok(Page { bytes, ..page }),
        None => Err(unreadable(resource)),
    }
}

impl Page {
    /// Hands its objects on. Bodies have everything but `metadata`; lists of metadata have none.
    ///
    /// # Errors
    /// An object cannot be read, or what `on` fails with.
    pub(super) fn each(
        &self,
        resource: &Resource,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut failed = None;
        let read = list_in(&self.bytes).and_then(|(_, list)| {
            each(list, |field, value| {
                if field == 2 {
                    failed = on(object(value.bytes()?, resource, self.content)?).err();
                }
                failed.is_none().then_some(())
            })
        });
        match failed {
            Some(error) => Err(error),
            None => read.ok_or_else(|| unreadable(resource)),
        }
    }
}

fn unreadable(resource: &Resource) -> StoreError {
    StoreError::Internal(format!("the API server's list of {} is no protobuf", resource.plural))
}

/// The kind of an answer, and its message.
fn list_in(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (mut kind, mut list) = (String::new(), None);
    each(bytes.strip_prefix(MAGIC)?, |field, value| {
        match field {
            1 => kind = text_in(value.bytes()?, 2)?,
            2 => list = Some(value.bytes()?),
            _ => {}
        }
        Some(())
    })?;
    Some((kind, list?))
}

/// What an object has beside its metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    /// 2: data, 3: type
    Secret,
    /// 2: data, 3: binaryData
    ConfigMap,
}

fn object(bytes: &[u8], resource: &Resource, content: Content) -> Option<Stored> {
    let mut stored = Stored {
        id: ObjectRef {
            group: resource.group.clone(),
            version: resource.version.clone(),
            kind: resource.kind.clone(),
            namespace: String::new(),
            name: String::new(),
        },
        uid: String::new(),
        resource_version: 0,
        created: 0,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        body: None,
    };
    let mut body = Map::new();
    let (mut data, mut binary) = (Map::new(), Map::new());
    each(bytes, |field, value| {
        match (field, content) {
            (1, _) => metadata(value.bytes()?, &mut stored)?,
            (2, Content::Secret) => {
                let (key, bytes) = entry(value.bytes()?)?;
                data.insert(key.into(), Value::str(base64::encode(bytes)));
            }
            (2, Content::ConfigMap) => {
                let (key, text) = entry(value.bytes()?)?;
                data.insert(key.into(), Value::str(std::str::from_utf8(text).ok()?));
            }
            (3, Content::Secret) => {
                body.insert("type".into(), Value::str(text(value)?));
            }
            (3, Content::ConfigMap) => {
                let (key, bytes) = entry(value.bytes()?)?;
                binary.insert(key.into(), Value::str(base64::encode(bytes)));
            }
            _ => {}
        }
        Some(())
    })?;
    if content != Content::None {
        body.insert("apiVersion".into(), Value::str(resource.api_version()));
        body.insert("kind".into(), Value::str(resource.kind.as_str()));
        for (field, map) in [("data", data), ("binaryData", binary)] {
            if !map.is_empty() {
                body.insert(field.into(), Value::Map(map));
            }
        }
        stored.body = Some(Value::Map(body));
    }
    Some(stored)
}

/// `ObjectMeta`.
fn metadata(bytes: &[u8], stored: &mut Stored) -> Option<()> {
    each(bytes, |field, value| {
        match field {
            1 => stored.id.name = text(value)?,
            3 => stored.id.namespace = text(value)?,
            5 => stored.uid = text(value)?,
            6 => stored.resource_version = text(value)?.parse().ok()?,
            8 => stored.created = seconds(value.bytes()?)?,
            11 | 12 => {
                let (key, text) = entry(value.bytes()?)?;
                let map = if field == 11 { &mut stored.labels } else { &mut stored.annotations };
                map.insert(key, String::from_utf8(text.to_vec()).ok()?);
            }
            _ => {}
        }
        Some(())
    })
}

/// `Time`: seconds since the Unix epoch.
fn seconds(bytes: &[u8]) -> Option<i64> {
    let mut seconds = 0;
    each(bytes, |field, value| {
        if let (1, Field::Number(number)) = (field, value) {
            seconds = number as i64;
        }
        Some(())
    })?;
    Some(seconds)
}

/// An entry of a map: key and value.
fn entry(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (mut key, mut content) = (String::new(), &[][..]);
    each(bytes, |field, value| {
        match field {
            1 => key = text(value)?,
            2 => content = value.bytes()?,
            _ => {}
        }
        Some(())
    })?;
    Some((key, content))
}

/// One text field of a message; empty when it is left out.
fn text_in(bytes: &[u8], wanted: u64) -> Option<String> {
    let mut found = String::new();
    each(bytes, |field, value| {
        if field == wanted {
            found = text(value)?;
        }
        Some(())
    })?;
    Some(found)
}

fn text(value: Field<'_>) -> Option<String> {
    String::from_utf8(value.bytes()?.to_vec()).ok()
}

/// The content of a field.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes; no field that is read here has such.
    Fixed,
}

impl<'a> Field<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Field::Bytes(bytes) => Some(bytes),
            Field::Number(_) | Field::Fixed => None,
        }
    }
}

/// Hands on the fields of a message; ends with `None` when `on` does, or when a field is cut off.
fn each<'a>(bytes: &'a [u8], mut on: impl FnMut(u64, Field<'a>) -> Option<()>) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        let field = match tag & 7 {
            0 => Field::Number(number(&mut rest)?),
            1 => take(&mut rest, 8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                Field::Bytes(take(&mut rest, length)?)
            }
            5 => take(&mut rest, 4).map(|_| Field::Fixed)?,
            _ => return None,
        };
        on(tag >> 3, field)?;
    }
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

/// Seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        let part = u64::from(byte & 0x7f);
        // Of the tenth byte only the lowest bit has room.
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(kind: &str) -> Resource {
        let [group, version, plural] = ["", "v1", "things"].map(String::from);
        Resource { group, version, kind: kind.into(), plural, namespaced: true, verbs: Vec::new() }
    }

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(content);
        bytes
    }

    fn pair(number: u8, key: &str, value: &[u8]) -> Vec<u8> {
        field(number, &[field(1, key.as_bytes()), field(2, value)].concat())
    }

    fn list(kind: &str, content: &[Vec<u8>]) -> Vec<u8> {
        list_of(kind, content, 1)
    }

    /// The same object so many times.
    fn list_of(kind: &str, content: &[Vec<u8>], times: usize) -> Vec<u8> {
        let metadata = [
            field(1, b"a"),
            field(3, b"ns"),
            field(5, b"u-1"),
            field(6, b"42"),
            vec![7 << 3, 1],
            field(8, &[8, 0x80, 0xe2, 0xcf, 0xaa, 0x06]),
            pair(11, "owner", b"helm"),
            pair(12, "note", b"x"),
            field(13, b"whatever"),
        ];
        let object = [vec![field(1, &metadata.concat())], content.to_vec()].concat().concat();
        let about = [field(2, b"99"), field(3, b"next")].concat();
        let list = [field(1, &about), field(2, &object).repeat(times)].concat();
        let type_meta = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &type_meta), field(2, &list), field(3, b"")].concat()
    }

    /// What a page says of itself, and its objects.
    fn read(bytes: &[u8], kind: &str) -> Result<(Page, Vec<Stored>), StoreError> {
        let (page, mut items) = (page(bytes.to_vec(), &resource(kind))?, Vec::new());
        page.each(&resource(kind), &mut |item| {
            items.push(item);
            Ok(())
        })?;
        Ok((page, items))
    }

    #[test]
    fn lists_are_read() {
        let secret = list("SecretList", &[pair(2, "release", b"abc"), field(3, b"helm.sh/release.v1")]);
        let (found, items) = read(&secret, "Secret").unwrap();
        assert_eq!((found.version.as_str(), found.token.as_str(), found.count), ("99", "next", 1));
        let [one] = &items[..] else { panic!("{items:?}") };
        assert_eq!(one.id.to_string(), "Secret/ns/a");
        assert_eq!((one.uid.as_str(), one.resource_version, one.created), ("u-1", 42, 1_700_000_000));
        assert_eq!((one.labels["owner"].as_str(), one.annotations["note"].as_str()), ("helm", "x"));
        assert_eq!(
            serde_json::to_string(one.body.as_ref().unwrap()).unwrap(),
            r#"{"type":"helm.sh/release.v1","apiVersion":"v1","kind":"Secret","data":{"release":"YWJj"}}"#
        );
        let map = list("ConfigMapList", &[pair(2, "k", b"text"), pair(3, "b", &[0xff])]);
        let (_, items) = read(&map, "ConfigMap").unwrap();
        assert_eq!(
            serde_json::to_string(items[0].body.as_ref().unwrap()).unwrap(),
            r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"k":"text"},"binaryData":{"b":"/w=="}}"#
        );
        let (_, bare) = read(&list("PartialObjectMetadataList", &[]), "Job").unwrap();
        assert_eq!((bare.len(), &bare[0].body), (1, &None));
        let three = page(list_of("SecretList", &[], 3), &resource("Secret")).unwrap();
        let (mut seen, enough) = (0, || StoreError::Internal("enough".into()));
        let stopped = three.each(&resource("Secret"), &mut |_| {
            seen += 1;
            if seen == 2 { Err(enough()) } else { Ok(()) }
        });
        assert_eq!((three.count, seen, stopped.unwrap_err().to_string()), (3, 2, enough().to_string()));
    }

    #[test]
    fn what_is_none_is_refused() {
        let good = list("SecretList", &[pair(2, "release", b"abc")]);
        for cut in 0..good.len() - 2 {
            assert!(read(&good[..cut], "Secret").is_err(), "{cut}");
        }
        for bad in [list("PodList", &[]), b"{}".to_vec(), [MAGIC, &[0xff; 20]].concat()] {
            assert!(read(&bad, "Secret").is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&[MAGIC, &bytes].concat(), "Secret");
        }
    }
}
