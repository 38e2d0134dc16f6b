//! `history`: one row for each revision.

use serde::Serialize;

use super::table::{Cell, Table};
use super::{as_rfc3339, structured};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::Paint;
use crate::data::time::Time;

/// A revision as `history` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevisionRow {
    /// Its number.
    pub revision: u64,
    /// When it was deployed.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Time>,
    /// Its status.
    pub status: String,
    /// The chart's name and version.
    pub chart: String,
    /// The chart's application version.
    pub app_version: String,
    /// The revision that a rollback went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_revision: Option<u64>,
    /// What happened.
    pub description: String,
}

/// The history as text, the oldest revision first as given; columns of a table at most `column_width` wide, 0 for no limit.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn text(
    revisions: &[RevisionRow],
    format: Format,
    show_rollback: bool,
    column_width: usize,
    paint: Paint,
) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&revisions, format);
    }
    let mut names = vec!["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];
    if show_rollback {
        names.push("ROLLBACK");
    }
    names.push("DESCRIPTION");
    let mut table = Table::new().column_width(column_width);
    table.header(&names, None);
    for row in revisions {
        let updated = row.updated.clone().unwrap_or_else(Time::zero);
        let mut cells: Vec<Cell> = vec![
            row.revision.to_string().into(),
            updated.ansi_c().into(),
            row.status.as_str().into(),
            row.chart.as_str().into(),
            row.app_version.as_str().into(),
        ];
        if show_rollback {
            cells.push(row.rollback_revision.map_or_else(String::new, |number| number.to_string()).into());
        }
        cells.push(row.description.as_str().into());
        table.row(cells);
    }
    Ok(table.draw(paint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::time::Zone;

    fn revisions() -> Vec<RevisionRow> {
        vec![RevisionRow {
            revision: 2,
            updated: Some(Time::from_unix(1_770_001_445, 0, Zone::Utc)),
            status: "deployed".into(),
            chart: "mini-0.2.0".into(),
            app_version: "1.0".into(),
            rollback_revision: Some(1),
            description: "Rollback to <1>".into(),
        }]
    }

    #[test]
    fn the_table_is_helms() {
        assert_eq!(
            text(&revisions(), Format::Table, true, 0, Paint::new(false)).unwrap(),
            "REVISION\tUPDATED                 \tSTATUS  \tCHART     \tAPP VERSION\tROLLBACK\tDESCRIPTION    \n\
             2       \tMon Feb  2 03:04:05 2026\tdeployed\tmini-0.2.0\t1.0        \t1       \tRollback to <1>\n"
        );
        let plain = text(&revisions(), Format::Table, false, 0, Paint::new(false)).unwrap();
        assert!(!plain.contains("ROLLBACK"), "{plain}");
    }

    #[test]
    fn json_is_helms() {
        assert_eq!(
            text(&revisions(), Format::Json, false, 0, Paint::new(false)).unwrap(),
            "[{\"revision\":2,\"updated\":\"2026-02-02T03:04:05Z\",\"status\":\"deployed\",\"chart\":\"mini-0.2.0\",\
             \"app_version\":\"1.0\",\"rollback_revision\":1,\"description\":\"Rollback to \\u003c1\\u003e\"}]\n"
        );
    }
}
