//! Watching objects: one list and one watch per kind and namespace, all told through one channel.
//!
//! A watch goes on from the version that it has seen when its connection ends, and lists again when the server has
//! forgotten that version.
//!
//! Invariant: the caller's function runs on the caller's thread, and nothing runs on when the call returns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use http_body_util::BodyExt;
use kube::core::params::WatchParams;

use super::Kube;
use super::catalog::Resource;
use super::link::{Link, Task, Trouble};
use super::objects::{Selection, kind_as_id, list, stored};
use super::requests::error_of;
use super::transport::innermost;
use crate::cluster::StoreError;
use crate::cluster::live::Seen;
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::sys::monotonic;

/// The server ends a watch after so many seconds; it is then begun anew.
const LIFE: u32 = 240;

/// A connection that is silent for longer than the life of a watch is dead.
const SILENCE: Duration = Duration::from_secs(LIFE as u64 + 30);

/// No event is larger.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Pauses in seconds before the tries after a failure; then the cluster counts as lost.
const PAUSES: [f32; 7] = [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0];

type Told = Result<Seen, StoreError>;

/// The objects of one kind in one namespace.
struct Group {
    link: Arc<Link>,
    resource: Resource,
    namespace: String,
    /// By name.
    wanted: BTreeMap<String, ObjectRef>,
    to: Sender<Told>,
}

impl Kube {
    /// See [`crate::cluster::Cluster::watch`].
    pub(super) fn observe(
        &self,
        objects: &[ObjectRef],
        beat: Duration,
        on: &mut dyn FnMut(Seen) -> bool,
    ) -> Result<(), StoreError> {
        let link = self.link()?;
        let (to, from) = channel();
        let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
        for id in objects {
            let resource = self.discovery.of(&link, id)?;
            let namespace = if resource.namespaced { id.namespace.clone() } else { String::new() };
            let key = (resource.path("")?, namespace.clone());
            let group = groups.entry(key).or_insert_with(|| Group {
                link: Arc::clone(&link),
                resource,
                namespace,
                wanted: BTreeMap::new(),
                to: to.clone(),
            });
            group.wanted.insert(id.name.clone(), id.clone());
        }
        drop(to);
        let _tasks: Vec<Task> = groups.into_values().map(|group| link.start(group.run())).collect();
        let mut quiet = monotonic();
        loop {
            let told = from.recv_timeout(beat.saturating_sub(quiet.elapsed()));
            if quiet.elapsed() >= beat || matches!(told, Err(RecvTimeoutError::Timeout)) {
                quiet = monotonic();
                if !on(Seen::Quiet) {
                    return Ok(());
                }
            }
            match told {
                Ok(Ok(seen)) => {
                    if !on(seen) {
                        return Ok(());
                    }
                }
                Ok(Err(error)) => {
                    // The kind went away: what is known of kinds is old.
                    if matches!(error, StoreError::NoKind { .. }) {
                        self.discovery.forget();
                    }
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Nothing is watched: there are no objects.
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }
}

/// Why a watch ended.
enum End {
    /// In order: it goes on from where it was.
    Over,
    /// The version is forgotten, or the server says so: list again.
    Stale,
    /// Something went wrong on the way.
    Broken(Trouble),
    /// Nobody listens any more.
    Unheard,
}

impl Group {
    async fn run(self) {
        let mut failures = 0;
        let mut version: Option<String> = None;
        let mut there: BTreeSet<String> = self.wanted.keys().cloned().collect();
        loop {
            let trouble = match version.take() {
                None => match self.begin(&mut there).await {
                    Ok(Some(read)) => {
                        version = Some(read);
                        failures = 0;
                        continue;
                    }
                    Ok(None) => return,
                    Err(trouble) => trouble,
                },
                Some(mut at) => {
                    let begun = at.clone();
                    let end = self.follow(&mut at, &mut there).await;
                    failures = if at == begun { failures } else { 0 };
                    match end {
                        End::Over => {
                            version = Some(at);
                            continue;
                        }
                        End::Stale => continue,
                        End::Broken(trouble) => {
                            version = Some(at);
                            trouble
                        }
                        End::Unheard => return,
                    }
                }
            };
            let id = kind_as_id(&self.resource, &self.namespace);
            let lasting = matches!(&trouble, Trouble::Refused(refusal) if matches!(refusal.status.code, 401 | 403 | 404 | 405));
            let error = error_of(&self.link, &id, "watch", trouble);
            let Some(pause) = PAUSES.get(failures).filter(|_| !lasting) else {
                let _ = self.to.send(Err(error));
                return;
            };
            failures += 1;
            if self.to.send(Ok(Seen::Reconnecting(error.to_string()))).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs_f32(*pause)).await;
        }
    }

    /// A selector, when there is one object only.
    fn fields(&self) -> Option<String> {
        let name = self.wanted.keys().next().filter(|_| self.wanted.len() == 1)?;
        let mut value = String::new();
        for character in name.chars() {
            if matches!(character, '\\' | ',' | '=') {
                value.push('\\');
            }
            value.push(character);
        }
        Some(format!("metadata.name={value}"))
    }

    /// Tells how each object is now; the version to go on from, or `None` when nobody listens.
    async fn begin(&self, there: &mut BTreeSet<String>) -> Result<Option<String>, Trouble> {
        let selection =
            Selection { namespace: self.namespace.clone(), fields: self.fields(), ..Selection::default() };
        let listed = list(&self.link, &self.resource, &selection).await?;
        let mut gone = std::mem::take(there);
        for object in listed.objects {
            if self.wanted.contains_key(&object.id.name) {
                gone.remove(&object.id.name);
                there.insert(object.id.name.clone());
                if self.to.send(Ok(Seen::Is(Box::new(object)))).is_err() {
                    return Ok(None);
                }
            }
        }
        for id in gone.iter().filter_map(|name| self.wanted.get(name)) {
            if self.to.send(Ok(Seen::Gone(id.clone()))).is_err() {
                return Ok(None);
            }
        }
        Ok(Some(listed.version))
    }

    /// Follows what happens from a version on, which moves along.
    async fn follow(&self, version: &mut String, there: &mut BTreeSet<String>) -> End {
        let params = WatchParams {
            field_selector: self.fields(),
            timeout: Some(LIFE),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = self.resource.path(&self.namespace).and_then(|path| {
            let ask = kube::core::Request::new(path).watch(&params, version);
            ask.map_err(|error| StoreError::Internal(error.to_string()))
        });
        let ask = match request {
            Ok(ask) => ask,
            Err(error) => return End::Broken(Trouble::Failed(error)),
        };
        let broken = |reason: String| End::Broken(self.link.lost(&ask, reason, false, false));
        let mut body = match tokio::time::timeout(SILENCE, self.link.open(&ask)).await {
            Ok(Ok(response)) => response.into_body(),
            Ok(Err(Trouble::Refused(refusal))) if refusal.status.code == 410 => return End::Stale,
            Ok(Err(trouble)) => return End::Broken(trouble),
            Err(_) => return broken("no answer".into()),
        };
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return broken(innermost(&error)),
                Ok(None) if buffer.is_empty() => return End::Over,
                Ok(None) => return broken("the watch ended in the middle of an event".into()),
                Err(_) => return broken("the connection went silent".into()),
            };
            let Ok(data) = frame.into_data() else { continue };
            buffer.extend_from_slice(&data);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                if let Some(end) = self.event(&line, version, there, &broken) {
                    return end;
                }
            }
            if buffer.len() > MOST_BYTES {
                return broken(format!("an event has more than {MOST_BYTES} bytes"));
            }
        }
    }

    /// One event; `Some` when the watch is at its end with it.
    fn event(
        &self,
        line: &[u8],
        version: &mut String,
        there: &mut BTreeSet<String>,
        broken: &dyn Fn(String) -> End,
    ) -> Option<End> {
        let Ok(event) = serde_json::from_slice::<Value>(line) else {
            return Some(broken("an event is no JSON".into()));
        };
        let what = event.get("type").and_then(Value::as_str).unwrap_or("");
        let object = event.get("object")?;
        if what == "ERROR" {
            let code = object
                .get("code")
                .and_then(|code| if let Value::Int(code) = code { Some(*code) } else { None });
            let message = object.get("message").and_then(Value::as_str).unwrap_or("the watch failed");
            return Some(if code == Some(410) { End::Stale } else { broken(message.to_string()) });
        }
        let seen = object.path(["metadata", "resourceVersion"]).and_then(Value::as_str);
        *version = seen.map_or_else(|| version.clone(), str::to_string);
        let name = object.path(["metadata", "name"]).and_then(Value::as_str).unwrap_or("");
        let id = self.wanted.get(name)?;
        let told = match what {
            "ADDED" | "MODIFIED" => {
                there.insert(name.to_string());
                stored(object.clone(), &self.resource, true).map(|object| Seen::Is(Box::new(object)))
            }
            "DELETED" => {
                there.remove(name);
                Ok(Seen::Gone(id.clone()))
            }
            _ => return None,
        };
        self.to.send(told).is_err().then_some(End::Unheard)
    }
}
