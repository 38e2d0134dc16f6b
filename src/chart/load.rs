//! Folder or archive → [`Chart`].
//!
//! Both ways end in one function that routes each file by its path, so a chart is the same however it came. The rules are
//! those of Helm's loader; see `from_files`.
//!
//! Invariant: all reading is bounded by [`Limits`], which archives within archives share.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::document;
use super::{Chart, ChartError, ChartFile, IgnoreRules, Link, Lock, Metadata, archive, lock, validate};
use crate::data::Value;
use crate::diag::SourceFile;
use crate::sys::content::{Content, Failures};
use crate::sys::fs::{self, FsError, Kind};
use crate::sys::parallel;

/// How much a chart may hold. The default of `total_bytes` is Helm's; the others keep a hostile archive from hanging us.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all files, subcharts and unpacked archives among them.
    pub total_bytes: u64,
    /// Bytes of one file. Helm 3 has 5 MiB here, Helm 4 no limit of its own.
    pub file_bytes: u64,
    /// Files, and entries of archives.
    pub files: usize,
    /// How deep charts may lie within charts/ of charts.
    pub subchart_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { total_bytes: 100 << 20, file_bytes: 100 << 20, files: 20_000, subchart_depth: 32 }
    }
}

/// From so many files on a second thread helps to read them: each costs some ten microseconds of the system's time.
const MANY: usize = 64;

/// Values of more bytes are read by a second thread, beside the subcharts.
const LONG: usize = 32 << 10;

/// A limit that a file goes over, with its value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    Total(u64),
    File(u64),
}

/// What is left of the limits while a chart is read.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    bytes: u64,
    files: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Budget { limits: limits.clone(), bytes: limits.total_bytes, files: limits.files }
    }

    pub(super) fn bytes_left(&self) -> u64 {
        self.bytes
    }

    pub(super) fn files_left(&self) -> usize {
        self.files
    }

    pub(super) fn total_limit(&self) -> u64 {
        self.limits.total_bytes
    }

    /// Takes room for one file's bytes, or tells which limit it goes over.
    pub(super) fn take_bytes(&mut self, count: u64) -> Result<(), Over> {
        if count > self.limits.file_bytes {
            return Err(Over::File(self.limits.file_bytes));
        }
        self.bytes = self.bytes.checked_sub(count).ok_or(Over::Total(self.limits.total_bytes))?;
        Ok(())
    }

    /// Takes one of the files, or tells their limit.
    pub(super) fn take_file(&mut self) -> Result<(), usize> {
        self.files = self.files.checked_sub(1).ok_or(self.limits.files)?;
        Ok(())
    }
}

/// Which apiVersions a Chart.yaml may have. Helm asks only of the chart that a command names, not of its subcharts, and not
/// when it lints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ApiVersions {
    Known,
    Any,
}

/// When the files of a folder are read that only a template can ask for, and hardly any does: those outside of templates/
/// and without a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// With the chart.
    AtOnce,
    /// When somebody looks at them. Whoever makes something of such a chart asks [`Chart::check_read`] at the end.
    WhenLookedAt,
}

/// Loads a chart from a folder or an archive.
///
/// # Errors
/// Nothing is at the path, it is no chart, or the chart is not valid.
pub fn load(path: &Path, limits: &Limits) -> Result<Chart, ChartError> {
    load_with(path, limits, Reading::AtOnce)
}

/// As [`load`], with a say in when files are read.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, limits: &Limits, reading: Reading) -> Result<Chart, ChartError> {
    load_path(path, limits, ApiVersions::Known, reading)
}

/// As [`load`], with whatever apiVersion.
///
/// # Errors
/// As [`load`].
pub fn load_of_any_version(path: &Path, limits: &Limits) -> Result<Chart, ChartError> {
    load_path(path, limits, ApiVersions::Any, Reading::AtOnce)
}

fn load_path(
    path: &Path,
    limits: &Limits,
    versions: ApiVersions,
    reading: Reading,
) -> Result<Chart, ChartError> {
    let name = path.display().to_string();
    match fs::kind(path) {
        Kind::Missing => Err(ChartError::NotFound { path: name }),
        Kind::Other => Err(ChartError::Irregular { path: path.to_path_buf() }),
        Kind::File => {
            let mut budget = Budget::new(limits);
            let bytes = fs::read(path, limits.total_bytes)?;
            let files = archive::read(&name, &bytes, &mut budget, |_| true)?;
            assemble(name, files, &mut budget, 0, versions, Order::Archive)
        }
        Kind::Folder => {
            let mut budget = Budget::new(limits);
            let later = (reading == Reading::WhenLookedAt).then(Failures::default);
            let (files, links) = read_folder(path, &mut budget, later.as_ref())?;
            let chart = assemble(name, files, &mut budget, 0, versions, Order::Walk)?;
            Ok(Chart { unread: later.unwrap_or_default(), links, ..chart })
        }
    }
}

/// Loads a chart from the bytes of an archive; `name` is what messages call it.
///
/// # Errors
/// The bytes are no chart archive, or the chart is not valid.
pub fn from_archive(name: &str, bytes: &[u8], limits: &Limits) -> Result<Chart, ChartError> {
    let mut budget = Budget::new(limits);
    let files = archive::read(name, bytes, &mut budget, |_| true)?;
    assemble(name.to_string(), files, &mut budget, 0, ApiVersions::Known, Order::Archive)
}

/// Makes a chart of files in memory, routing each by its path:
///
/// | path | becomes |
/// |---|---|
/// | `Chart.yaml`, then `requirements.yaml` over it | metadata |
/// | `Chart.lock`, `requirements.lock` | lock |
/// | `values.yaml`, its documents merged | values |
/// | `values.schema.json` | schema |
/// | `templates/…` | template |
/// | `charts/NAME/…`, `charts/NAME.tgz` | subchart, unless the name starts with `_` or `.` |
/// | all else, `charts/*.prov` and `crds/…` among it | file |
///
/// The requirements files of a v1 chart are files too. Of two files with one path the later counts. The apiVersion may be
/// anything, as when Helm loads files.
///
/// # Errors
/// A text of the chart cannot be read, the chart or a subchart is not valid, or limits are exceeded.
pub fn from_files(name: &str, files: Vec<ChartFile>, limits: &Limits) -> Result<Chart, ChartError> {
    let mut budget = Budget::new(limits);
    for file in &files {
        charge(name, &file.path, file.data.size(), &mut budget)?;
    }
    assemble(name.to_string(), files, &mut budget, 0, ApiVersions::Any, Order::Walk)
}

/// The files of an archive, paths below its folder.
///
/// # Errors
/// The bytes are no chart archive.
pub fn read_archive(bytes: &[u8], limits: &Limits) -> Result<Vec<ChartFile>, ChartError> {
    archive::read("archive", bytes, &mut Budget::new(limits), |_| true)
}

/// The metadata of an archive, reading no further than needed: for v2 charts up to Chart.yaml, which comes first in
/// archives that `package` made.
///
/// # Errors
/// The bytes are no chart archive, or its Chart.yaml is not valid.
pub fn metadata_of_archive(bytes: &[u8], limits: &Limits) -> Result<Metadata, ChartError> {
    let name = "archive";
    let mut seen: Option<(Content, _)> = None;
    let mut until_found = |file: &ChartFile| {
        if &*file.path != "Chart.yaml" {
            return true;
        }
        let read = read_chart_yaml(name, file);
        let is_v2 = read.as_ref().is_ok_and(|(metadata, _)| metadata.api_version == "v2");
        seen = Some((file.data.clone(), read));
        !is_v2
    };
    let files = match archive::read_start(bytes, &mut Budget::new(limits), &mut until_found) {
        Some(files) => files,
        None => archive::read(name, bytes, &mut Budget::new(limits), until_found)?,
    };
    let find = |path: &str| files.iter().rev().find(|file| &*file.path == path);
    let chart_yaml = find("Chart.yaml").ok_or_else(|| ChartError::NoChartYaml { chart: name.to_string() })?;
    let (mut metadata, source) = match seen {
        Some((data, read)) if data.is(&chart_yaml.data) => read?,
        // A link became Chart.yaml after all entries were read.
        _ => read_chart_yaml(name, chart_yaml)?,
    };
    if let Some(requirements) = find("requirements.yaml") {
        merge_requirements(name, requirements, &mut metadata)?;
    }
    validate::api_version(&metadata, &source)?;
    validate::check(&mut metadata, &source)?;
    Ok(metadata)
}

/// Writes the files of an archive below a folder, which is made if need be. Nothing is written unless all can be read.
///
/// # Errors
/// The bytes are no chart archive, or a file cannot be written.
pub fn unpack(bytes: &[u8], folder: &Path, limits: &Limits) -> Result<(), ChartError> {
    for file in read_archive(bytes, limits)? {
        fs::write(&fs::safe_join(folder, &file.path)?, &file.data)?;
    }
    Ok(())
}

/// Whether a path has no control characters and no line breaks. A manifest names the template of each document in a line
/// of its own: what comes behind a break there would be read as a document that nobody rendered.
pub(super) fn is_path_text(path: &str) -> bool {
    !path.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Takes a file from the budget, if a chart may have one of that name.
fn charge(chart: &str, path: &str, size: u64, budget: &mut Budget) -> Result<(), ChartError> {
    let chart = || chart.to_string();
    if !is_path_text(path) {
        return Err(ChartError::BadPath { chart: chart(), file: path.to_string() });
    }
    budget.take_file().map_err(|limit| ChartError::TooManyFiles { chart: chart(), limit })?;
    budget.take_bytes(size).map_err(|over| match over {
        Over::Total(limit) => ChartError::TooLarge { chart: chart(), limit },
        Over::File(limit) => {
            ChartError::Fs(FsError::TooLarge { path: Path::new(&chart()).join(path), limit })
        }
    })
}

/// Whether a file has a meaning in the chart, or in one below its charts/: all others are only there to be asked for.
fn has_a_meaning(path: &str) -> bool {
    let mut own = path;
    while let Some((_, below)) = own.strip_prefix("charts/").and_then(|rest| rest.split_once('/')) {
        own = below;
    }
    own.starts_with("templates/")
        || own.starts_with("charts/")
        || matches!(own, "Chart.yaml" | "values.yaml" | "values.schema.json" | "requirements.yaml")
        || matches!(own, lock::CHART_LOCK | lock::REQUIREMENTS_LOCK)
}

/// Reads the files of a chart's folder that .helmignore leaves in, and tells which are links. Those without a meaning of
/// their own are read when they are looked at, where `later` can take what goes wrong then.
fn read_folder(
    root: &Path,
    budget: &mut Budget,
    later: Option<&Failures>,
) -> Result<(Vec<ChartFile>, Vec<Link>), ChartError> {
    let name = root.display().to_string();
    let ignore_file = root.join(".helmignore");
    let rules = match fs::kind(&ignore_file) {
        Kind::File => {
            let text = fs::read_text(&ignore_file, budget.limits.file_bytes)?;
            IgnoreRules::parse(&SourceFile::new(ignore_file.display().to_string(), text))?
        }
        _ => IgnoreRules::default(),
    };
    let most = budget.limits.files;
    let entries =
        fs::walk(root, most, |path, kind| path.is_empty() || !rules.ignores(path, kind == Kind::Folder));
    let entries = entries.map_err(|error| match error {
        FsError::TooLarge { .. } => ChartError::TooManyFiles { chart: name.clone(), limit: most },
        other => ChartError::Fs(other),
    })?;
    let (mut wanted, mut files) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    let mut links = Vec::new();
    for mut entry in entries {
        if let Some(resolved) = entry.link.take() {
            links.push(Link { path: entry.path.clone(), resolved });
        }
        match entry.kind {
            Kind::Folder => continue,
            Kind::File => {}
            _ => return Err(ChartError::Irregular { path: entry.path }),
        }
        charge(&name, &entry.relative, entry.size, budget)?;
        match later {
            Some(failures) if !has_a_meaning(&entry.relative) => {
                let data = Content::later(entry.path, entry.size, failures);
                files.push(ChartFile { path: entry.relative.into(), data, modified: entry.modified });
            }
            _ => wanted.push(entry),
        }
    }
    let read = |entry: &fs::Entry| -> Result<ChartFile, ChartError> {
        // A file that has grown since it was counted is refused.
        let data = fs::read_sized(&entry.path, entry.size, Content::read)?;
        Ok(ChartFile { path: entry.relative.as_str().into(), data, modified: entry.modified })
    };
    for file in parallel::map(&wanted, if wanted.len() > MANY { 2 } else { 1 }, read) {
        files.push(file?);
    }
    Ok((files, links))
}

/// Reads Chart.yaml without checking what it says.
fn read_chart_yaml(chart: &str, file: &ChartFile) -> Result<(Metadata, Arc<SourceFile>), ChartError> {
    let source = document::source(chart, file)?;
    let mut metadata: Metadata = document::typed(&file.path, &source)?;
    if metadata.api_version.is_empty() {
        metadata.api_version = "v1".to_string();
    }
    Ok((metadata, source))
}

/// Puts the dependencies of a requirements.yaml in the place of those of Chart.yaml.
fn merge_requirements(chart: &str, file: &ChartFile, metadata: &mut Metadata) -> Result<(), ChartError> {
    let source = document::source(chart, file)?;
    let requirements: Metadata = document::typed(&file.path, &source)?;
    if !requirements.dependencies.is_empty() {
        metadata.dependencies = requirements.dependencies;
    }
    Ok(())
}

/// Whether a path ends so; with the case as Helm has it.
fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|own| own == extension)
}

/// The files of a chart by what they become.
#[derive(Default)]
struct Routed {
    chart_yaml: Option<ChartFile>,
    requirements: Option<ChartFile>,
    lock: Option<ChartFile>,
    values: Option<ChartFile>,
    schema: Option<Arc<[u8]>>,
    templates: Vec<ChartFile>,
    files: Vec<ChartFile>,
    raw: Vec<ChartFile>,
    /// Files of each chart below charts/, by the first part of their path there, which is still before each path.
    subcharts: BTreeMap<String, Vec<ChartFile>>,
}

/// In which order a chart lists its files: definitions are installed and records written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As a walk of the folder meets them, level by level: `a/z` before `a-b`.
    Walk,
    /// As the archive has them.
    Archive,
}

/// Of two files with one path the later counts, where that stands.
fn without_doubles(files: &mut Vec<ChartFile>) {
    let last: HashMap<Arc<str>, usize> =
        files.iter().enumerate().map(|(at, file)| (Arc::clone(&file.path), at)).collect();
    if last.len() < files.len() {
        let mut at = 0..;
        files.retain(|file| at.next() == last.get(&file.path).copied());
    }
}

impl Routed {
    fn route(mut files: Vec<ChartFile>, order: Order) -> Self {
        match order {
            Order::Walk => {
                files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
                // Equal ones are neighbours now; of those the later takes the place of the earlier.
                files.dedup_by(|later, kept| {
                    let same = later.path == kept.path;
                    if same {
                        std::mem::swap(later, kept);
                    }
                    same
                });
            }
            Order::Archive => without_doubles(&mut files),
        }
        let mut routed = Routed::default();
        for file in files {
            let below = file.path.strip_prefix("charts/").filter(|below| !has_extension(below, "prov"));
            if let Some(below) = below {
                let (name, rest) = below.split_once('/').unwrap_or((below, ""));
                let (name, path) = (name.to_string(), Arc::from(rest));
                routed.subcharts.entry(name).or_default().push(ChartFile { path, ..file });
                continue;
            }
            routed.raw.push(file.clone());
            match &*file.path {
                "Chart.yaml" => routed.chart_yaml = Some(file),
                lock::CHART_LOCK => routed.lock = Some(file),
                "values.yaml" => routed.values = Some(file),
                "values.schema.json" => routed.schema = Some(file.data.shared()),
                "requirements.yaml" => routed.requirements = Some(file),
                lock::REQUIREMENTS_LOCK => {
                    // Chart.lock sorts before it and wins.
                    routed.lock.get_or_insert_with(|| file.clone());
                    routed.files.push(file);
                }
                path if path.starts_with("templates/") => routed.templates.push(file),
                _ => routed.files.push(file),
            }
        }
        routed
    }
}

/// Makes a chart of files that were already counted; only archives within them cost budget.
fn assemble(
    name: String,
    files: Vec<ChartFile>,
    budget: &mut Budget,
    depth: usize,
    versions: ApiVersions,
    order: Order,
) -> Result<Chart, ChartError> {
    if depth > budget.limits.subchart_depth {
        return Err(ChartError::TooDeep { chart: name, limit: budget.limits.subchart_depth });
    }
    let mut routed = Routed::route(files, order);
    let chart_yaml =
        routed.chart_yaml.take().ok_or_else(|| ChartError::NoChartYaml { chart: name.clone() })?;
    let (mut metadata, chart_yaml) = read_chart_yaml(&name, &chart_yaml)?;
    if let Some(requirements) = &routed.requirements {
        merge_requirements(&name, requirements, &mut metadata)?;
    }
    if versions == ApiVersions::Known {
        validate::api_version(&metadata, &chart_yaml)?;
    }
    let valid = validate::check(&mut metadata, &chart_yaml);
    let values_yaml = routed.values.as_ref().map(|file| document::source(&name, file)).transpose()?;
    let read_values = || {
        let read = |file| document::values("values.yaml", file);
        values_yaml.as_ref().map_or_else(|| Ok(Value::map()), read)
    };
    if let Err(invalid) = valid {
        // Helm reads all files before it looks at what Chart.yaml says.
        read_values()?;
        return Err(invalid);
    }
    if metadata.api_version == "v1" {
        routed.files.extend(routed.requirements.take());
        if order == Order::Walk {
            routed.files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        }
    } else {
        routed.files.retain(|file| &*file.path != lock::REQUIREMENTS_LOCK);
    }
    let lock = match &routed.lock {
        Some(file) => Some(Lock::read(&file.path, &document::source(&name, file)?)?),
        None => None,
    };
    // A thread more is worth its while only beside other work.
    let beside = !routed.subcharts.is_empty();
    let is_long = beside && values_yaml.as_ref().is_some_and(|file| file.text().len() > LONG);
    let (values, subcharts) = parallel::both(is_long, read_values, || {
        subcharts(&name, &metadata.name, routed.subcharts, budget, depth, order)
    });
    let (values, subcharts) = (values?, subcharts?);
    Ok(Chart {
        metadata,
        chart_yaml,
        lock,
        values,
        values_yaml,
        schema: routed.schema,
        templates: routed.templates,
        files: routed.files,
        raw: routed.raw,
        subcharts,
        unread: Failures::default(),
        links: Vec::new(),
    })
}

fn subcharts(
    name: &str,
    parent: &str,
    found: BTreeMap<String, Vec<ChartFile>>,
    budget: &mut Budget,
    depth: usize,
    order: Order,
) -> Result<Vec<Chart>, ChartError> {
    let mut charts = Vec::new();
    for (file, files) in found {
        if file.starts_with(['_', '.']) {
            continue;
        }
        let place = format!("{}/charts/{file}", name.trim_end_matches('/'));
        let chart = match files.as_slice() {
            [archived] if archived.path.is_empty() && has_extension(&file, "tgz") => {
                archive::read(&place, &archived.data, budget, |_| true).and_then(|files| {
                    assemble(place, files, budget, depth + 1, ApiVersions::Any, Order::Archive)
                })
            }
            // A plain file is no chart; its empty path gives the same error as a folder without Chart.yaml.
            _ => assemble(place, files, budget, depth + 1, ApiVersions::Any, order),
        };
        let wrap = |cause| ChartError::Subchart { file, parent: parent.to_string(), cause: Box::new(cause) };
        charts.push(chart.map_err(wrap)?);
    }
    Ok(charts)
}
