//! Reads an index that is JSON, chart by chart.
//!
//! Invariant: the list of one chart is in memory at a time; a chart that is not wanted is passed over.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Checked, Dropped, Entry, Head, Only, Scanned, check_all, one_by_one};

/// The index of a text that is JSON; `None` when it is not, or has another shape.
pub(super) fn scan<T>(
    text: &str,
    only: Only<'_>,
    make: &impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T,
) -> Option<Scanned<T>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    read(text, only, make, check_all).or_else(|| {
        // Some entry has an odd shape: take the entries one by one.
        read(text, only, make, |list: Vec<serde_json::Value>, name| {
            one_by_one(list, name, |item| serde_json::from_value(item).map_err(|error| error.to_string()))
        })
    })
}

fn read<T, E: DeserializeOwned>(
    text: &str,
    only: Only<'_>,
    make: &impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T,
    check: impl Fn(E, &str) -> Checked,
) -> Option<Scanned<T>> {
    let mut scanned = Scanned::of(Head::default());
    let mut take = |name: String, list: Option<E>| {
        let (versions, dropped) = list.map(|list| check(list, &name)).unwrap_or_default();
        let made = make(&name, versions, &dropped);
        scanned.charts.insert(Arc::from(name), made);
        scanned.dropped.extend(dropped);
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let document = Document { only, take: &mut take, list: PhantomData };
    let head = document.deserialize(&mut json).ok()?;
    json.end().ok()?;
    scanned.api_version = head.api_version.unwrap_or_default();
    scanned.generated = head.generated.unwrap_or_default();
    Some(scanned)
}

/// The whole document.
struct Document<'a, F, E> {
    only: Only<'a>,
    take: &'a mut F,
    list: PhantomData<E>,
}

impl<'de, F: FnMut(String, Option<E>), E: DeserializeOwned> DeserializeSeed<'de> for Document<'_, F, E> {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, Option<E>), E: DeserializeOwned> Visitor<'de> for Document<'_, F, E> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        let mut seen = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => head.api_version = map.next_value()?,
                "generated" => head.generated = map.next_value()?,
                "entries" if seen => return Err(A::Error::duplicate_field("entries")),
                "entries" => {
                    seen = true;
                    map.next_value_seed(Entries(Document {
                        only: self.only,
                        take: &mut *self.take,
                        list: PhantomData,
                    }))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(head)
    }
}

/// What `entries` holds: a mapping, or nothing.
struct Entries<'a, F, E>(Document<'a, F, E>);

impl<'de, F: FnMut(String, Option<E>), E: DeserializeOwned> DeserializeSeed<'de> for Entries<'_, F, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(String, Option<E>), E: DeserializeOwned> Visitor<'de> for Entries<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of charts")
    }

    fn visit_unit<X: Error>(self) -> Result<(), X> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.0.only == Only::All || self.0.only == Only::Chart(&name) {
                let list = map.next_value::<Option<E>>()?;
                (self.0.take)(name, list);
            } else {
                map.next_value::<IgnoredAny>()?;
                (self.0.take)(name, None);
            }
        }
        Ok(())
    }
}
