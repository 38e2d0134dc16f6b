//! The chart tree as rendering sees it: each chart with its path, its values and its place among the others.
//!
//! Invariant: scopes are listed parents first, so that a scope's parent has a smaller index.

use std::sync::Arc;

use super::Job;
use crate::chart::Chart;
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

/// Charts nest at most this deep; deeper ones are not rendered (loading refuses them long before).
const DEEPEST: usize = 64;

/// The scopes of a job's chart tree, the root first.
pub fn scopes<'a>(job: &Job<'a>) -> Vec<Scope<'a>> {
    let mut list = vec![Scope {
        chart: job.chart,
        path: Arc::from(job.chart.name()),
        values: Some(job.values),
        parent: None,
        children: Vec::new(),
    }];
    let mut depths = vec![0];
    let mut next = 0;
    while next < list.len() {
        let (chart, values, path) = (list[next].chart, list[next].values, Arc::clone(&list[next].path));
        if depths[next] < DEEPEST {
            for child in &chart.subcharts {
                let index = list.len();
                list[next].children.push(index);
                list.push(Scope {
                    chart: child,
                    path: format!("{path}/charts/{}", child.name()).into(),
                    values: values
                        .and_then(|values| values.get(child.name()))
                        .filter(|value| value.as_map().is_some()),
                    parent: Some(next),
                    children: Vec::new(),
                });
                depths.push(depths[next] + 1);
            }
        }
        next += 1;
    }
    list
}
