//! `objects list`: one row for each object of the store.

use serde::Serialize;

use super::structured;
use super::table::{Cell, Table};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};

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
