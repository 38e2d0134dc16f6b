//! Charts and repositories: `repo list`, `search repo`, `search hub`, `dependency list`.

use std::fmt::Write as _;

use serde::Serialize;

use super::structured;
use super::table::{Cell, Table};
use crate::cli::error::Failure;
use crate::cli::parse::{Format, quote};
use crate::cli::ui::Paint;

/// A configured repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryRow {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
}

/// `repo list`. (That there are none is told on standard error, by the command.)
///
/// # Errors
/// None that is known; see [`structured`].
pub fn repositories(
    rows: &[RepositoryRow],
    format: Format,
    header: bool,
    paint: Paint,
) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&rows, format);
    }
    let mut table = Table::new();
    if header {
        table.header(&["NAME", "URL"], None);
    }
    for row in rows {
        table.row([row.name.as_str().into(), row.url.as_str().into()]);
    }
    Ok(table.draw(paint))
}

/// A chart found in a configured repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundChart {
    /// `repository/chart`.
    pub name: String,
    /// The version that was found.
    pub version: String,
    /// Its application version.
    pub app_version: String,
    /// What it says it is.
    pub description: String,
}

/// What a search found, as a table of texts or as it is.
fn findings<R: Serialize, const N: usize>(
    rows: &[R],
    format: Format,
    column_width: usize,
    paint: Paint,
    names: &[&str],
    texts: impl Fn(&R) -> [&str; N],
) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&rows, format);
    }
    if rows.is_empty() {
        return Ok("No results found\n".to_string());
    }
    let mut table = Table::new().column_width(column_width);
    table.header(names, None);
    for row in rows {
        table.row(texts(row).into_iter().take(names.len()).map(Cell::from));
    }
    Ok(table.draw(paint))
}

/// `search repo`.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn found(
    rows: &[FoundChart],
    format: Format,
    column_width: usize,
    paint: Paint,
) -> Result<String, Failure> {
    let names = ["NAME", "CHART VERSION", "APP VERSION", "DESCRIPTION"];
    findings(rows, format, column_width, paint, &names, |row| {
        [&row.name, &row.version, &row.app_version, &row.description]
    })
}

/// A version of a chart in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionRow {
    /// The chart, as `oci://…`.
    pub name: String,
    /// The version.
    pub version: String,
}

/// `search` of a registry.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn versions(
    rows: &[VersionRow],
    format: Format,
    column_width: usize,
    paint: Paint,
) -> Result<String, Failure> {
    findings(rows, format, column_width, paint, &["NAME", "CHART VERSION"], |row| [&row.name, &row.version])
}

/// A chart found in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubChart {
    /// Its page.
    pub url: String,
    /// Its newest version.
    pub version: String,
    /// Its application version.
    pub app_version: String,
    /// What it says it is.
    pub description: String,
    /// Where it comes from.
    pub repository: RepositoryOfHub,
}

/// The repository of a chart in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryOfHub {
    /// Its URL.
    pub url: String,
    /// Its name.
    pub name: String,
}

/// `search hub`.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn found_in_hub(
    rows: &[HubChart],
    format: Format,
    column_width: usize,
    show_repository: bool,
    paint: Paint,
) -> Result<String, Failure> {
    let names = ["URL", "CHART VERSION", "APP VERSION", "DESCRIPTION", "REPO URL"];
    let shown = if show_repository { &names[..] } else { &names[..4] };
    findings(rows, format, column_width, paint, shown, |row| {
        [&row.url, &row.version, &row.app_version, &row.description, &row.repository.url]
    })
}

/// A dependency and whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyRow {
    /// Its name.
    pub name: String,
    /// The version that is asked for.
    pub version: String,
    /// Where it comes from.
    pub repository: String,
    /// `ok`, `missing`, `unpacked`, `wrong version`, …
    pub status: String,
}

/// `dependency list`: the table, an empty line, and a line for each chart below charts/ that nobody asked for.
/// `charts_folder` is named when there are no dependencies.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn dependencies(
    rows: &[DependencyRow],
    unknown: &[String],
    charts_folder: &str,
    format: Format,
    column_width: usize,
    paint: Paint,
) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&rows, format);
    }
    let mut text = if rows.is_empty() {
        format!("WARNING: no dependencies at {charts_folder}\n")
    } else {
        let mut table = Table::new().column_width(column_width);
        table.header(&["NAME", "VERSION", "REPOSITORY", "STATUS"], None);
        for row in rows {
            let texts = [&row.name, &row.version, &row.repository, &row.status];
            table.row(texts.map(|text| Cell::from(text.as_str())));
        }
        table.draw(paint) + "\n"
    };
    for path in unknown {
        let _ = writeln!(text, "WARNING: {} is not in Chart.yaml.", quote(path));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: fn() -> Paint = || Paint::new(false);

    #[test]
    fn repositories_are_helms() {
        let rows = [RepositoryRow { name: "st".into(), url: "https://x.invalid".into() }];
        let text = |format, header| repositories(&rows, format, header, PLAIN()).unwrap();
        assert_eq!(text(Format::Table, true), "NAME\tURL              \nst  \thttps://x.invalid\n");
        assert_eq!(text(Format::Table, false), "st\thttps://x.invalid\n");
        assert_eq!(text(Format::Yaml, true), "- name: st\n  url: https://x.invalid\n");
    }

    #[test]
    fn nothing_found_is_a_sentence_or_an_empty_list() {
        assert_eq!(found(&[], Format::Table, 50, PLAIN()).unwrap(), "No results found\n");
        assert_eq!(found(&[], Format::Json, 50, PLAIN()).unwrap(), "[]\n");
        assert_eq!(found_in_hub(&[], Format::Table, 50, true, PLAIN()).unwrap(), "No results found\n");
    }

    #[test]
    fn dependencies_end_in_an_empty_line() {
        let row = DependencyRow {
            name: "db".into(),
            version: "^1".into(),
            repository: "https://x".into(),
            status: "ok".into(),
        };
        assert_eq!(
            dependencies(&[row], &["c/x.tgz".into()], "c", Format::Table, 80, PLAIN()).unwrap(),
            "NAME\tVERSION\tREPOSITORY\tSTATUS\ndb  \t^1     \thttps://x \tok    \n\n\
             WARNING: \"c/x.tgz\" is not in Chart.yaml.\n"
        );
        assert_eq!(
            dependencies(&[], &[], "web/charts", Format::Table, 80, PLAIN()).unwrap(),
            "WARNING: no dependencies at web/charts\n"
        );
    }
}
