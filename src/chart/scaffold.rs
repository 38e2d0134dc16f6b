//! `create`: a new chart from the scaffolds below `templates/` of the repository, or from a starter chart.
//!
//! The scaffolds are embedded, so the program is one file. `<CHARTNAME>` in their texts becomes the chart's name.
//!
//! Invariant: the embedded tables are sorted and hold exactly the files of their folders (a test compares them).

use std::path::{Path, PathBuf};

use super::load::{Limits, load};
use super::{Chart, ChartError, Metadata};
use crate::sys::fs::{self, Kind};

/// What stands for the chart's name in scaffolds and starters.
pub const PLACEHOLDER: &str = "<CHARTNAME>";

/// The template language of a new chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// Tera, in which values cannot break YAML.
    #[default]
    Tera,
    /// Go templates, which Helm renders too.
    GoTemplate,
}

impl Language {
    /// The files of the scaffold: path below the chart's folder and text, sorted by path.
    pub fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Language::Tera => TERA,
            Language::GoTemplate => GOTPL,
        }
    }
}

/// How to make a chart.
#[derive(Debug, Clone, Copy, Default)]
pub struct CreateOptions<'a> {
    /// The scaffold; not used with a starter.
    pub language: Language,
    /// A chart to copy instead, its Chart.yaml replaced.
    pub starter: Option<&'a Path>,
}

/// What [`create`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The chart's folder.
    pub folder: PathBuf,
    /// The files written, in order.
    pub written: Vec<PathBuf>,
    /// Those among them that were there before. Helm warns of each and goes on, and so should the caller.
    pub overwritten: Vec<PathBuf>,
}

macro_rules! scaffold {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $folder, "/", $path)))),*]
    };
}

const GOTPL: &[(&str, &str)] = scaffold!("gotpl":
    ".helmignore",
    "Chart.yaml",
    "templates/NOTES.txt",
    "templates/_helpers.tpl",
    "templates/deployment.yaml",
    "templates/hpa.yaml",
    "templates/httproute.yaml",
    "templates/ingress.yaml",
    "templates/service.yaml",
    "templates/serviceaccount.yaml",
    "templates/tests/test-connection.yaml",
    "values.yaml",
);

const TERA: &[(&str, &str)] = scaffold!("tera":
    ".helmignore",
    "Chart.yaml",
    "templates/NOTES.txt",
    "templates/_helpers.tera",
    "templates/deployment.yaml",
    "templates/hpa.yaml",
    "templates/httproute.yaml",
    "templates/ingress.yaml",
    "templates/service.yaml",
    "templates/serviceaccount.yaml",
    "templates/tests/test-connection.yaml",
    "values.yaml",
);

/// Makes the folder `name` below `parent` and writes a chart into it. Files that are there are overwritten.
///
/// # Errors
/// The name is no chart name, `parent` is no folder, the starter cannot be loaded, or a file cannot be written.
pub fn create(name: &str, parent: &Path, options: &CreateOptions<'_>) -> Result<Created, ChartError> {
    check_name(name)?;
    if fs::kind(parent) != Kind::Folder {
        return Err(ChartError::NotFound { path: parent.display().to_string() });
    }
    let folder = parent.join(name);
    let files = if let Some(starter) = options.starter {
        let starter = load(starter, &Limits::default()).map_err(|error| match error {
            ChartError::NotFound { path } => ChartError::NoStarter { path },
            other => other,
        })?;
        from_starter(name, &starter)?
    } else {
        let named = |(path, text): &(&str, &str)| ((*path).to_string(), fill(text, name).into_bytes());
        options.language.files().iter().map(named).collect()
    };
    // Beside its place first: a disk that fills up, or a kill, leaves no half of a chart under the chart's name.
    let part = parent.join(format!(".{name}.part"));
    if fs::kind(&part) != Kind::Missing {
        fs::remove_dir_all(&part)?;
    }
    let made =
        write(&part, &files).and_then(|()| put(&part, &folder, files.into_iter().map(|(path, _)| path)));
    if fs::kind(&part) != Kind::Missing {
        // What failed is worth more than that the rest of it cannot be removed.
        let _ = fs::remove_dir_all(&part);
    }
    made
}

/// Writes the files of a chart into a folder of its own.
fn write(part: &Path, files: &[(String, Vec<u8>)]) -> Result<(), ChartError> {
    for (path, data) in files {
        fs::write(&fs::safe_join(part, path)?, data)?;
    }
    fs::create_dir_all(&part.join("charts"))?;
    Ok(())
}

/// Moves a written chart to its place: as a whole, or file by file over what is there.
fn put(part: &Path, folder: &Path, files: impl Iterator<Item = String>) -> Result<Created, ChartError> {
    let mut created = Created { folder: folder.to_path_buf(), written: Vec::new(), overwritten: Vec::new() };
    let whole = fs::kind(folder) == Kind::Missing;
    if whole {
        fs::rename(part, folder)?;
    }
    for file in files {
        let path = fs::safe_join(folder, &file)?;
        if !whole {
            if fs::kind(&path) != Kind::Missing {
                created.overwritten.push(path.clone());
            }
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(&fs::safe_join(part, &file)?, &path)?;
        }
        created.written.push(path);
    }
    fs::create_dir_all(&folder.join("charts"))?;
    Ok(created)
}

/// Whether a new chart may have a name; the rule is Helm's for `create`.
fn check_name(name: &str) -> Result<(), ChartError> {
    let bad = |reason| Err(ChartError::BadName { name: name.to_string(), reason });
    if name.is_empty() || name.len() > 250 {
        return bad("chart name must be between 1 and 250 characters");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(is_plain) || name == "." || name == ".." {
        return bad("chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\"");
    }
    Ok(())
}

fn fill(text: &str, name: &str) -> String {
    text.replace(PLACEHOLDER, name)
}

/// The files of a starter under a new name: templates and values filled in, Chart.yaml replaced, all else as it is.
fn from_starter(name: &str, starter: &Chart) -> Result<Vec<(String, Vec<u8>)>, ChartError> {
    let metadata = Metadata {
        name: name.into(),
        description: "A Helm chart for Kubernetes".to_string(),
        chart_type: Some("application".to_string()),
        version: "0.1.0".to_string(),
        app_version: "0.1.0".to_string(),
        api_version: "v2".to_string(),
        engine: starter.metadata.engine.clone(),
        ..Metadata::default()
    };
    let mut files = vec![("Chart.yaml".to_string(), metadata.to_yaml()?.into_bytes())];
    for file in starter.raw.iter().filter(|file| &*file.path != "Chart.yaml") {
        let filled = file.path.starts_with("templates/") || &*file.path == "values.yaml";
        let text = std::str::from_utf8(&file.data).ok().filter(|_| filled);
        files.push((
            file.path.to_string(),
            text.map_or_else(|| file.data.to_vec(), |text| fill(text, name).into_bytes()),
        ));
    }
    for subchart in &starter.subcharts {
        copy(&format!("charts/{}", subchart.metadata.name), subchart, &mut files);
    }
    Ok(files)
}

/// Adds the files of a subchart as they are; as deep as the loader let charts nest.
fn copy(folder: &str, chart: &Chart, files: &mut Vec<(String, Vec<u8>)>) {
    files.extend(chart.raw.iter().map(|file| (format!("{folder}/{}", file.path), file.data.to_vec())));
    for subchart in &chart.subcharts {
        copy(&format!("{folder}/charts/{}", subchart.metadata.name), subchart, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart;

    #[test]
    fn the_tables_hold_what_the_folders_hold() {
        for (language, folder) in [(Language::Tera, "tera"), (Language::GoTemplate, "gotpl")] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(folder);
            let entries = fs::walk(&folder, 1_000, |_, _| true).unwrap();
            let mut found: Vec<String> = entries
                .into_iter()
                .filter(|entry| entry.kind == Kind::File)
                .map(|entry| entry.relative)
                .collect();
            found.sort();
            let table: Vec<&str> = language.files().iter().map(|(path, _)| *path).collect();
            assert_eq!(table, found, "{}", folder.display());
        }
    }

    #[test]
    fn a_new_chart_loads_and_is_told_when_it_replaces_one() {
        for language in [Language::Tera, Language::GoTemplate] {
            let parent = tempfile::tempdir().unwrap();
            let options = CreateOptions { language, starter: None };
            let created = create("my-app", parent.path(), &options).unwrap();
            assert_eq!((created.written.len(), created.overwritten.len()), (language.files().len(), 0));
            let chart = chart::load(&created.folder, &Limits::default()).unwrap();
            assert_eq!((chart.name(), chart.templates.len()), ("my-app", 9));
            assert!(chart.raw.iter().all(|file| !file.text().contains(PLACEHOLDER)));
            assert_eq!(fs::kind(&created.folder.join("charts")), Kind::Folder);
            assert_eq!(create("my-app", parent.path(), &options).unwrap().overwritten, created.written);
        }
    }

    #[test]
    fn a_starter_lends_all_but_its_metadata() {
        let parent = tempfile::tempdir().unwrap();
        let starter = parent.path().join("starter");
        for (path, text) in [
            (
                "Chart.yaml",
                "apiVersion: v2\nname: starter\nversion: 9.0.0\nengine: tera\ndescription: mine\n",
            ),
            ("values.yaml", "host: <CHARTNAME>.local\n"),
            ("templates/a.yaml", "name: <CHARTNAME>\n"),
            ("README.md", "<CHARTNAME> stays\n"),
            ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
        ] {
            fs::write(&starter.join(path), text.as_bytes()).unwrap();
        }
        let options = CreateOptions { starter: Some(&starter), ..CreateOptions::default() };
        let created = create("web", parent.path(), &options).unwrap();
        let chart = chart::load(&created.folder, &Limits::default()).unwrap();
        assert_eq!(
            (chart.name(), &*chart.metadata.version, &*chart.metadata.engine),
            ("web", "0.1.0", "tera")
        );
        assert_eq!(chart.values.get("host").and_then(|host| host.as_str()), Some("web.local"));
        assert_eq!(chart.templates[0].text(), "name: web\n");
        assert_eq!(chart.subcharts[0].name(), "db");
        assert!(chart.raw.iter().any(|file| file.text().contains("<CHARTNAME> stays")));
    }

    #[test]
    fn names_are_checked() {
        let parent = tempfile::tempdir().unwrap();
        for bad in ["", ".", "..", "a b", "a/b", "é", &"a".repeat(251)] {
            let made = create(bad, parent.path(), &CreateOptions::default());
            assert!(matches!(made, Err(ChartError::BadName { .. })), "{bad}");
        }
        let nowhere = parent.path().join("none");
        assert!(matches!(create("a", &nowhere, &CreateOptions::default()), Err(ChartError::NotFound { .. })));
    }
}
