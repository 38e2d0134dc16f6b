//! `list`: one row for each release.

use serde::Serialize;

use super::structured;
use super::table::{Cell, Table};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::data::time::Time;

/// A release as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision.
    pub revision: u64,
    /// When it was last deployed.
    pub updated: Option<Time>,
    /// Its status, as records write it.
    pub status: String,
    /// The chart's name and version: `web-1.2.0`.
    pub chart: String,
    /// The chart's application version.
    pub app_version: String,
}

/// The row in JSON: Helm writes every field as text.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    namespace: &'a str,
    revision: String,
    updated: String,
    status: &'a str,
    chart: &'a str,
    app_version: &'a str,
}

/// How to print the rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style<'a> {
    /// The format.
    pub format: Format,
    /// Names only.
    pub names_only: bool,
    /// Leave the header out.
    pub without_header: bool,
    /// Widest column; 0 for no limit.
    pub column_width: usize,
    /// Go layout of the times; Go's own form when `None`.
    pub time_layout: Option<&'a str>,
}

fn row<'a>(release: &'a ReleaseRow, style: Style) -> Row<'a> {
    let updated = match (&release.updated, style.time_layout) {
        (None, _) => "-".to_string(),
        (Some(time), None) => time.to_string(),
        (Some(time), Some(layout)) => time.format(layout),
    };
    Row {
        name: &release.name,
        namespace: &release.namespace,
        revision: release.revision.to_string(),
        updated,
        status: &release.status,
        chart: &release.chart,
        app_version: &release.app_version,
    }
}

/// The list as text.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn text(releases: &[ReleaseRow], style: Style, paint: Paint) -> Result<String, Failure> {
    if style.names_only {
        let names: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
        return match style.format {
            Format::Table => Ok(names.iter().flat_map(|name| [*name, "\n"]).collect()),
            format => structured(&names, format),
        };
    }
    let rows: Vec<Row> = releases.iter().map(|release| row(release, style)).collect();
    if style.format != Format::Table {
        return structured(&rows, style.format);
    }
    let mut table = Table::new().column_width(style.column_width);
    if !style.without_header {
        let names = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];
        table.header(&names, Some(Label::Header));
    }
    for row in rows {
        table.row([
            row.name.into(),
            Cell::labelled(Some(Label::Namespace), row.namespace),
            row.revision.into(),
            row.updated.into(),
            Cell::labelled(Label::of_status(row.status), row.status),
            row.chart.into(),
            row.app_version.into(),
        ]);
    }
    Ok(table.draw(paint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::time::Zone;

    fn releases() -> Vec<ReleaseRow> {
        let row =
            |name: &str, seconds: i64, nanos, status: &str, chart: &str, app: &str, revision| ReleaseRow {
                name: name.into(),
                namespace: "default".into(),
                revision,
                updated: Some(Time::from_unix(seconds, nanos, Zone::Utc)),
                status: status.into(),
                chart: chart.into(),
                app_version: app.into(),
            };
        vec![
            row("alpha", 1_770_001_445, 0, "deployed", "mini-0.2.0", "1.0", 2),
            row("beta-long-name", 1_767_323_045, 500_000_000, "failed", "日本-0.1.0", "", 1),
        ]
    }

    #[test]
    fn the_table_is_helms() {
        assert_eq!(
            text(&releases(), Style::default(), Paint::new(false)).unwrap(),
            "NAME          \tNAMESPACE\tREVISION\tUPDATED                        \tSTATUS  \tCHART     \tAPP VERSION\n\
             alpha         \tdefault  \t2       \t2026-02-02 03:04:05 +0000 UTC  \tdeployed\tmini-0.2.0\t1.0        \n\
             beta-long-name\tdefault  \t1       \t2026-01-02 03:04:05.5 +0000 UTC\tfailed  \t日本-0.1.0\t           \n"
        );
    }

    #[test]
    fn json_has_texts_in_helms_order() {
        let style = Style { format: Format::Json, time_layout: Some("2006"), ..Style::default() };
        assert_eq!(
            text(&releases()[..1], style, Paint::new(false)).unwrap(),
            "[{\"name\":\"alpha\",\"namespace\":\"default\",\"revision\":\"2\",\"updated\":\"2026\",\
             \"status\":\"deployed\",\"chart\":\"mini-0.2.0\",\"app_version\":\"1.0\"}]\n"
        );
        let names = Style { names_only: true, ..style };
        assert_eq!(text(&releases(), names, Paint::new(false)).unwrap(), "[\"alpha\",\"beta-long-name\"]\n");
        assert_eq!(text(&[], names, Paint::new(false)).unwrap(), "[]\n");
    }

    #[test]
    fn names_are_lines() {
        let style = Style { names_only: true, ..Style::default() };
        assert_eq!(text(&releases(), style, Paint::new(false)).unwrap(), "alpha\nbeta-long-name\n");
    }
}
