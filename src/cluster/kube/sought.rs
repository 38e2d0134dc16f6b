//! Many objects by their names, in few requests.
//!
//! Objects of one kind and namespace that share labels are read in one list with these labels as its selector; many of a
//! namespace that share none, in a list of all there are. All others, and those that a list does not hold, are asked for one by
//! one.
//!
//! Invariant: the labels decide nothing but how it is asked. A list is cut off where it would become much longer than what is
//! looked for, and one that the server refuses is none: reading one object may be allowed where listing is not. Only a list of
//! all that was not cut off says that there is no such object.

use std::collections::BTreeMap;

use super::Kube;
use super::catalog::Resource;
use super::link::{AT_ONCE, Link, Trouble};
use super::objects::{Selection, kind_as_id, list, selector};
use super::refusals::Asked;
use crate::cluster::object::is_namespace;
use crate::cluster::{Sought, StoreError, Stored};
use crate::manifest::ObjectRef;
use crate::sys::parallel;

/// From so many objects on they are read in one list: those that share labels, and others.
const MANY: (usize, usize) = (2, 4);

/// Most labels of a selector.
const MOST_LABELS: usize = 8;

/// Longest parts of a label: `prefix/name`, and its value.
const LONGEST: (usize, usize) = (317, 63);

/// One question to the server.
enum Question {
    /// One object, by its place among those that are sought.
    One(usize),
    /// Those of one kind and namespace.
    Group(Group),
}

/// Objects of one kind and namespace that share labels.
pub(super) struct Group {
    pub(super) resource: Resource,
    namespace: String,
    /// The labels that they share; `None` for a list of all there are.
    selector: Option<String>,
    /// Their places, by name.
    places: BTreeMap<String, usize>,
}

/// What one list holds.
pub(super) struct Answer<T> {
    /// With the names of the objects.
    pub(super) named: Vec<(String, T)>,
    /// Whether it was not cut off.
    pub(super) is_all: bool,
}

impl Kube {
    /// See [`crate::cluster::Store::find_each`].
    pub(super) fn find(&self, sought: &[Sought]) -> Result<Vec<Option<Stored>>, StoreError> {
        let named = |object: Stored| (object.id.name.clone(), object);
        self.seek(
            sought,
            |_, id| self.read(id),
            |link, group| {
                let selection = group.selection();
                let objects = link.wait(list(link, &group.resource, &selection))?.objects;
                let is_all = objects.len() < selection.limit;
                Ok(Answer { named: objects.into_iter().map(named).collect(), is_all })
            },
        )
    }

    /// Asks for objects one by one with `one`, and with `many` for those of a group, which come with their names.
    pub(super) fn seek<T: Send>(
        &self,
        sought: &[Sought],
        one: impl Fn(&Link, &ObjectRef) -> Result<Option<T>, StoreError> + Sync,
        many: impl Fn(&Link, &Group) -> Result<Answer<T>, Trouble> + Sync,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let link = self.link()?;
        let questions = self.questions(&link, sought)?;
        let mut found: Vec<Option<T>> = sought.iter().map(|_| None).collect();
        let ask = |question: &Question| match question {
            Question::One(at) => Ok((vec![(*at, one(&link, &sought[*at].id)?)], true)),
            Question::Group(group) => group.ask(&link, &many),
        };
        let mut left = Vec::new();
        for (question, answer) in questions.iter().zip(parallel::map(&questions, AT_ONCE, ask)) {
            let (objects, is_all) = answer?;
            for (at, object) in objects {
                found[at] = object;
            }
            if let (Question::Group(group), false) = (question, is_all) {
                left.extend(group.places.values().copied().filter(|at| found[*at].is_none()));
            }
        }
        let answers = parallel::map(&left, AT_ONCE, |at| one(&link, &sought[*at].id));
        for (at, object) in left.iter().zip(answers) {
            found[*at] = object?;
        }
        Ok(found)
    }

    fn questions(&self, link: &Link, sought: &[Sought]) -> Result<Vec<Question>, StoreError> {
        let mut together: BTreeMap<(&str, &str, &str, &str), Vec<usize>> = BTreeMap::new();
        for (at, Sought { id, .. }) in sought.iter().enumerate() {
            together.entry((&id.group, &id.version, &id.kind, &id.namespace)).or_default().push(at);
        }
        let mut questions = Vec::new();
        for ((group, version, kind, namespace), places) in together {
            let labels = common_labels(places.iter().map(|at| &sought[*at].labels));
            let selector = selector(&labels);
            // What a whole cluster has of a kind may be much.
            let is_many = match selector {
                Some(_) => places.len() >= MANY.0,
                None => places.len() >= MANY.1 && !namespace.is_empty(),
            };
            let resource = if is_many { self.discovery.find(link, group, version, kind)? } else { None };
            match resource.filter(|resource| resource.can("list")) {
                Some(resource)
                    if resource.namespaced != namespace.is_empty()
                        && (namespace.is_empty() || is_namespace(namespace)) =>
                {
                    let places = places.into_iter().map(|at| (sought[at].id.name.clone(), at)).collect();
                    let namespace = namespace.to_string();
                    questions.push(Question::Group(Group { resource, namespace, selector, places }));
                }
                _ => questions.extend(places.into_iter().map(Question::One)),
            }
        }
        Ok(questions)
    }
}

impl Group {
    /// What to ask for: these objects, and not many more.
    pub(super) fn selection(&self) -> Selection {
        Selection {
            namespace: self.namespace.clone(),
            labels: self.selector.clone(),
            limit: self.places.len() * 2 + 16,
            ..Selection::default()
        }
    }

    /// The objects that one list finds, and whether there are no others.
    fn ask<T>(
        &self,
        link: &Link,
        many: impl Fn(&Link, &Group) -> Result<Answer<T>, Trouble>,
    ) -> Result<(Found<T>, bool), StoreError> {
        let listed = match many(link, self) {
            Ok(listed) => listed,
            Err(Trouble::Refused(_)) => return Ok((Vec::new(), false)),
            Err(trouble) => {
                let id = kind_as_id(&self.resource, &self.namespace);
                return Err(Asked { store: &link.store, id: &id, verb: "list", size: 0 }.error(trouble));
            }
        };
        let is_all = self.selector.is_none() && listed.is_all;
        let place = |(name, object): (String, T)| Some((*self.places.get(&name)?, Some(object)));
        Ok((listed.named.into_iter().filter_map(place).collect(), is_all))
    }
}

/// What is found, each at its place among what is sought.
type Found<T> = Vec<(usize, Option<T>)>;

/// The labels that all have, as far as a selector can say them.
fn common_labels<'l>(
    mut labels: impl Iterator<Item = &'l BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let Some(first) = labels.next() else { return BTreeMap::new() };
    let sayable = first.iter().filter(|(key, value)| is_sayable(key, value));
    let mut common: BTreeMap<String, String> =
        sayable.map(|(key, value)| (key.clone(), value.clone())).collect();
    for other in labels {
        common.retain(|key, value| other.get(key) == Some(value));
    }
    common.into_iter().take(MOST_LABELS).collect()
}

fn is_sayable(key: &str, value: &str) -> bool {
    let fine = |text: &str, other: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || other.contains(&byte))
    };
    let is_within = (1..=LONGEST.0).contains(&key.len()) && (1..=LONGEST.1).contains(&value.len());
    is_within && fine(key, b"-_./") && fine(value, b"-_.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_all_have_and_a_selector_can_say_is_asked_for() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
        };
        let one = labels(&[("a", "1"), ("b", "2"), ("c/d", "x"), ("odd", "a,b"), ("empty", "")]);
        let two = labels(&[("a", "1"), ("b", "3"), ("c/d", "x"), ("odd", "a,b"), ("empty", "")]);
        assert_eq!(common_labels([&one, &two].into_iter()), labels(&[("a", "1"), ("c/d", "x")]));
        assert_eq!(common_labels([&one, &labels(&[])].into_iter()), labels(&[]));
        assert_eq!(common_labels([].into_iter()), labels(&[]));
    }
}
