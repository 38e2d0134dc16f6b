//! The chart tree as rendering sees it: each chart with its path, its values and its place among the others.
//!
//! Invariant: scopes are listed parents first, so that a scope's parent has a smaller index.

use std::sync::Arc;

use super::Job;
use crate::chart::{Chart, Dependency};
use crate::data::Value;

/// One chart of the tree, with what its templates see.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// The chart.
    pub chart: &'a Chart,
    /// `parent`, `parent/charts/child`: what the names of its templates start with.
    pub path: Arc<str>,
    /// Its part of the coalesced values; `None` when there is none, which templates see as an empty map.
    pub values: Option<&'a Value>,
    /// Index of the chart above; `None` for the root.
    pub parent: Option<usize>,
    /// Indexes of the charts below, in the chart's order.
    pub children: Vec<usize>,
}

/// Where a chart of the tree comes from.
struct Origin {
    /// The path that it was loaded with.
    loaded: Arc<str>,
    /// Whether its dependencies were looked at: so far down as each chart lists some.
    reached: bool,
    /// Whether it was copied for a dependency that its parent lists.
    copied: bool,
}

/// Charts nest at most this deep; deeper ones are not rendered (loading refuses them long before).
const DEEPEST: usize = 64;

/// The scopes of a job's chart tree, the root first.
///
/// A chart under an alias is a copy. As in Helm, charts further below it that no chart lists as dependencies are still called by
/// the path that they were loaded with, since their parent is the one that the copy was made of: with Helm 4 from the second
/// level on, with Helm 3 from the first.
pub fn scopes<'a>(job: &Job<'a>) -> Vec<Scope<'a>> {
    let mut list = vec![Scope {
        chart: job.chart,
        path: Arc::from(job.chart.name()),
        values: Some(job.values),
        parent: None,
        children: Vec::new(),
    }];
    let mut depths = vec![0];
    let mut origins = vec![Origin { loaded: Arc::clone(&list[0].path), reached: true, copied: false }];
    let mut next = 0;
    while next < list.len() {
        let (chart, values, path) = (list[next].chart, list[next].values, Arc::clone(&list[next].path));
        let lists = origins[next].reached && !chart.metadata.dependencies.is_empty();
        let is_parent = lists || (origins[next].copied && !job.options.helm3_paths);
        let above = if is_parent { path } else { Arc::clone(&origins[next].loaded) };
        if depths[next] < DEEPEST {
            for child in &chart.subcharts {
                let index = list.len();
                list[next].children.push(index);
                list.push(Scope {
                    chart: child,
                    path: format!("{above}/charts/{}", child.name()).into(),
                    values: values
                        .and_then(|values| values.get(child.name()))
                        .filter(|value| value.as_map().is_some()),
                    parent: Some(next),
                    children: Vec::new(),
                });
                depths.push(depths[next] + 1);
                let listed = |dependency: &Dependency| dependency.name_in_parent() == child.name();
                let written = chart.name_before_alias(child);
                let name = written.as_deref().unwrap_or(child.name());
                origins.push(Origin {
                    loaded: format!("{}/charts/{name}", origins[next].loaded).into(),
                    reached: lists,
                    copied: lists && chart.metadata.dependencies.iter().any(listed),
                });
            }
        }
        next += 1;
    }
    list
}
