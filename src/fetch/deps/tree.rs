//! What a chart needs, what that needs in turn, and how each stands: `dependency tree`.
//!
//! Invariant: looking changes nothing and needs no network; a chart that cannot be read is told as such and ends its branch.

use super::status::{Present, Status, candidates, present, status, version_status};
use super::{FetchContext, FetchError, Parent, shown};
use crate::chart::{Chart, Dependency, Limits, load};

/// A chart with what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it needs, in the order of Chart.yaml.
    pub dependencies: Vec<Node>,
}

/// A chart that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The name under which the parent knows it; empty when that is its own.
    pub alias: String,
    /// The version that is asked for.
    pub requested: String,
    /// The version that is there.
    pub version: Option<String>,
    /// Its repository as written, but for a password in it.
    pub repository: String,
    /// The value paths that switch it on, as written; empty when it is always on.
    pub condition: String,
    /// How it stands.
    pub status: Status,
    /// What it needs, in the order of its Chart.yaml; nothing is known of a chart that is not there.
    pub dependencies: Vec<Node>,
}

/// Looks at the dependencies of a chart's folder, and at theirs.
///
/// # Errors
/// The folder holds no chart, or cannot be read.
pub fn tree(folder: &str, context: &FetchContext<'_>) -> Result<Tree, FetchError> {
    let parent = Parent::open(folder, context)?;
    let present = present(&parent, context)?;
    let metadata = &parent.chart.metadata;
    let node = |dependency: &Dependency| {
        let (status, found) = stands(dependency, &metadata.dependencies, &present);
        let Some(found) = found else { return node_of(dependency, None, status, Vec::new()) };
        let version = found.metadata.as_ref().map(|metadata| metadata.version.clone());
        match load(&parent.charts().join(&found.file_name), &Limits::default()) {
            Ok(chart) => node_of(dependency, version, status, below(&chart)),
            Err(_) => node_of(dependency, version, Status::Corrupt, Vec::new()),
        }
    };
    Ok(Tree {
        name: metadata.name.to_string(),
        version: metadata.version.clone(),
        dependencies: metadata.dependencies.iter().map(node).collect(),
    })
}

/// How a dependency stands. A chart that is needed several times, under aliases, may be there in as many versions: then the
/// first that will do is the one, as when the chart is loaded.
fn stands<'a>(
    dependency: &Dependency,
    all: &[Dependency],
    present: &'a [Present],
) -> (Status, Option<&'a Present>) {
    let (known, found) = status(dependency, present);
    let name = &dependency.name;
    let needed = all.iter().filter(|other| other.name == *name).count();
    if known != Status::TooManyMatches || candidates(name, present).len() > needed {
        return (known, found);
    }
    let will_do = |found: &&Present| {
        found.metadata.as_ref().is_some_and(|metadata| {
            *metadata.name == **name && version_status(dependency, metadata, Status::Ok) == Status::Ok
        })
    };
    match candidates(name, present).into_iter().find(will_do) {
        Some(found) => (Status::Ok, Some(found)),
        None => (Status::WrongVersion, None),
    }
}

/// What a chart that was read whole needs. How deep charts may lie in charts is bounded when they are read.
fn below(chart: &Chart) -> Vec<Node> {
    let node = |dependency: &Dependency| {
        let is_it = |subchart: &&Chart| *subchart.metadata.name == *dependency.name;
        let will_do = |subchart: &&Chart| {
            is_it(subchart) && version_status(dependency, &subchart.metadata, Status::Ok) == Status::Ok
        };
        let found = chart.subcharts.iter().find(will_do).or_else(|| chart.subcharts.iter().find(is_it));
        match found {
            Some(subchart) => {
                let status = version_status(dependency, &subchart.metadata, Status::Ok);
                let version = Some(subchart.metadata.version.clone());
                node_of(dependency, version, status, below(subchart))
            }
            None => node_of(dependency, None, Status::Missing, Vec::new()),
        }
    };
    chart.metadata.dependencies.iter().map(node).collect()
}

fn node_of(
    dependency: &Dependency,
    version: Option<String>,
    status: Status,
    dependencies: Vec<Node>,
) -> Node {
    Node {
        name: dependency.name.clone(),
        alias: dependency.alias.clone(),
        requested: dependency.version.clone(),
        version,
        repository: shown(&dependency.repository),
        condition: dependency.condition.clone(),
        status,
        dependencies,
    }
}
