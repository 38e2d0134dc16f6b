//! `objects list`: one row for each object of the store.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde::Serialize;

use super::structured;
use super::table::{Cell, Table};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::cluster::live::Shown;
use crate::cluster::{Stored, ownership};
use crate::data::time::{RFC3339, Time, Zone};
use crate::manifest::ObjectRef;
use crate::ops::query::Objects;

/// An object as `objects list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRow {
    /// Its namespace; empty for objects of the whole cluster.
    pub namespace: String,
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The release that owns it; empty when none does.
    pub release: String,
    /// The version of its last change.
    pub resource_version: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

impl ObjectRow {
    /// The row of an object.
    pub fn of(stored: &Stored) -> Self {
        ObjectRow {
            namespace: stored.id.namespace.clone(),
            api_version: stored.id.api_version(),
            kind: stored.id.kind.clone(),
            name: stored.id.name.clone(),
            release: stored.annotations.get(ownership::RELEASE_NAME).cloned().unwrap_or_default(),
            resource_version: stored.resource_version.to_string(),
            created: Time::from_unix(stored.created, 0, Zone::Utc).format(RFC3339),
        }
    }
}

/// `objects list`.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn text(rows: &[ObjectRow], format: Format, paint: Paint) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&rows, format);
    }
    let mut table = Table::new();
    let names = ["NAMESPACE", "KIND", "NAME", "RELEASE", "VERSION", "CREATED"];
    table.header(&names, Some(Label::Header));
    for row in rows {
        table.row([
            Cell::labelled(Some(Label::Namespace), row.namespace.as_str()),
            format!("{}/{}", row.api_version, row.kind).into(),
            row.name.as_str().into(),
            row.release.as_str().into(),
            row.resource_version.as_str().into(),
            row.created.as_str().into(),
        ]);
    }
    Ok(table.draw(paint))
}

/// The RESOURCES section of `status`: a table for each kind, in the order of the manifest. Of a cluster's objects the columns
/// are those that the cluster has for the kind.
pub fn resources(objects: &Objects, missing: &[ObjectRef], now: SystemTime, paint: Paint) -> String {
    let mut groups = Groups::default();
    match objects {
        Objects::Stored(objects) => {
            let now = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
            for object in objects {
                let age = age(now - object.created);
                groups.add(title(&object.id), ["NAME", "AGE"], [object.id.name.as_str(), age.as_str()]);
            }
        }
        Objects::Shown { objects, pods } => {
            let mut show = |title: String, shown: &Shown| {
                let names = shown.columns.iter().map(|name| name.to_uppercase());
                groups.add(title, names, shown.cells.iter().cloned());
            };
            for (id, shown) in objects {
                show(title(id), shown);
            }
            for pod in pods {
                show("v1/Pod(related)".to_string(), pod);
            }
        }
    }
    let mut text = String::new();
    for (title, _, table) in groups.0 {
        let _ = write!(text, "==> {title}\n{}\n", table.draw(paint));
    }
    if !missing.is_empty() {
        text.push_str("==> MISSING\n");
        for id in missing {
            let _ = writeln!(text, "{id}");
        }
    }
    text
}

fn title(id: &ObjectRef) -> String {
    format!("{}/{}", id.version, id.kind)
}

/// Tables by kind, with their columns.
#[derive(Default)]
struct Groups(Vec<(String, Vec<String>, Table)>);

impl Groups {
    fn add(
        &mut self,
        title: String,
        columns: impl IntoIterator<Item = impl Into<String>>,
        cells: impl IntoIterator<Item = impl Into<String>>,
    ) {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        let known = self.0.iter().position(|(other, names, _)| *other == title && *names == columns);
        let at = known.unwrap_or_else(|| {
            let mut table = Table::new().like_kubectl();
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            table.header(&names, None);
            self.0.push((title, columns, table));
            self.0.len() - 1
        });
        self.0[at].2.row(cells.into_iter().map(|cell| Cell::from(cell.into())));
    }
}

/// A span of seconds as kubectl shows ages: `45s`, `12m`, `7h`, `3d`.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..10_800 => format!("{}m", seconds / 60),
        seconds @ 10_800..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_shown_with_their_version() {
        let row = ObjectRow {
            namespace: "default".into(),
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "web".into(),
            release: "r".into(),
            resource_version: "7".into(),
            created: "2026-02-02T03:04:05Z".into(),
        };
        assert_eq!(
            text(&[row], Format::Table, Paint::new(false)).unwrap(),
            "NAMESPACE\tKIND              \tNAME\tRELEASE\tVERSION\tCREATED             \n\
             default  \tapps/v1/Deployment\tweb \tr      \t7      \t2026-02-02T03:04:05Z\n"
        );
    }
}
