//! The tree of charts as templates name it: which file an `include` means, which component a call means.
//!
//! A file is named, in this order, by its path below the templates folder of its own chart (`_labels.yaml`), by its path
//! below its chart (`templates/_labels.yaml`), by its full path (`web/charts/common/templates/_labels.yaml`), or by the
//! name of a chart nearby and the path below that chart's templates folder (`common/_labels.yaml`). The ending `.tera`
//! may be left out everywhere. Charts nearby are those below the own chart, then those below and at its parents, from
//! near to far: so a library chart is reached by its short name from everywhere below the chart that has it.
//!
//! A component is named by its own name in the chart that defines it, and from elsewhere with the name of that chart
//! (dashes as underscores) before it: `<common.labels />`. The path may go on downwards: `<web.common.labels />`.
//!
//! Invariant: two charts may use the same names; neither sees the other's by accident.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::{Scope, TemplateFile};
use super::rewrite::{Names, defined_components};

/// One chart.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    path: Arc<str>,
    parent: Option<usize>,
    children: Vec<usize>,
    components: HashSet<String>,
}

/// The charts, their files and their components.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    files: HashMap<String, Arc<str>>,
}

impl Tree {
    /// The tree of a job with its Tera templates.
    pub fn new(scopes: &[Scope], files: &[TemplateFile]) -> Self {
        let mut nodes: Vec<Node> = scopes
            .iter()
            .map(|scope| Node {
                name: scope.chart.name().to_string(),
                path: Arc::clone(&scope.path),
                parent: scope.parent,
                children: scope.children.clone(),
                components: HashSet::new(),
            })
            .collect();
        let mut names = HashMap::new();
        for file in files {
            names.insert(file.name.to_string(), Arc::clone(&file.name));
            if let Some(bare) = file.name.strip_suffix(".tera") {
                names.entry(bare.to_string()).or_insert_with(|| Arc::clone(&file.name));
            }
            if let Some(node) = nodes.get_mut(file.scope) {
                node.components.extend(defined_components(file.source.text()));
            }
        }
        Tree { nodes, files: names }
    }

    /// What the names in templates of a chart stand for.
    pub fn names(&self, scope: usize) -> ScopeNames<'_> {
        ScopeNames { tree: self, scope }
    }

    /// The names by which a chart's templates may include files.
    pub fn file_names(&self, scope: usize) -> Vec<String> {
        let Some(node) = self.nodes.get(scope) else { return Vec::new() };
        let own = format!("{}/templates/", node.path);
        let mut names: Vec<String> =
            self.files.keys().map(|name| name.strip_prefix(&own).unwrap_or(name).to_string()).collect();
        names.sort();
        names
    }

    /// The names by which a chart's templates may call components.
    pub fn component_names(&self, scope: usize) -> Vec<String> {
        let mut names = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for component in &node.components {
                if index == scope {
                    names.push(component.clone());
                } else {
                    names.push(format!("{}.{component}", word(&node.name)));
                }
            }
        }
        names.sort();
        names
    }

    /// The chart itself and those above it, from near to far.
    fn lineage(&self, scope: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(scope), |scope| self.nodes.get(*scope)?.parent)
    }

    /// A chart nearby that answers to a name.
    fn nearby<'t>(
        &'t self,
        scope: usize,
        fits: impl Fn(&str) -> bool + 't,
    ) -> impl Iterator<Item = usize> + 't {
        self.lineage(scope)
            .flat_map(move |anchor| {
                let below = self.nodes.get(anchor).map(|node| node.children.clone()).unwrap_or_default();
                below.into_iter().chain(std::iter::once(anchor))
            })
            .filter(move |index| self.nodes.get(*index).is_some_and(|node| fits(&node.name)))
    }
}

/// A chart's name as it stands in a component's name.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// What the names in templates of one chart stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScopeNames<'t> {
    tree: &'t Tree,
    scope: usize,
}

impl ScopeNames<'_> {
    fn global(scope: usize, name: &str) -> String {
        format!("__{scope}.{name}")
    }
}

impl Names for ScopeNames<'_> {
    fn file(&self, name: &str) -> Option<String> {
        let own = self.tree.nodes.get(self.scope)?;
        let mut candidates =
            vec![format!("{}/templates/{name}", own.path), format!("{}/{name}", own.path), name.to_string()];
        if let Some((chart, rest)) = name.split_once('/') {
            let chart = chart.to_string();
            for index in self.tree.nearby(self.scope, move |found| found == chart) {
                if let Some(node) = self.tree.nodes.get(index) {
                    candidates.push(format!("{}/templates/{rest}", node.path));
                    candidates.push(format!("{}/{rest}", node.path));
                }
            }
        }
        candidates.iter().find_map(|candidate| self.tree.files.get(candidate)).map(ToString::to_string)
    }

    fn component(&self, name: &str) -> Option<String> {
        let has = |scope: usize, name: &str| {
            self.tree.nodes.get(scope).is_some_and(|node| node.components.contains(name))
        };
        if has(self.scope, name) {
            return Some(Self::global(self.scope, name));
        }
        let (first, rest) = name.split_once('.')?;
        let first = first.to_string();
        for start in self.tree.nearby(self.scope, move |found| word(found) == first) {
            let (mut at, mut rest) = (start, rest);
            loop {
                if has(at, rest) {
                    return Some(Self::global(at, rest));
                }
                let Some((next, further)) = rest.split_once('.') else { break };
                let Some(child) = self.tree.nodes.get(at).and_then(|node| {
                    node.children.iter().find(|child| {
                        self.tree.nodes.get(**child).is_some_and(|node| word(&node.name) == next)
                    })
                }) else {
                    break;
                };
                (at, rest) = (*child, further);
            }
        }
        None
    }

    fn own_component(&self, name: &str) -> String {
        Self::global(self.scope, name)
    }
}

/// A text without the prefixes that components have inside the engine.
pub(super) fn without_prefixes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("__") {
        out.push_str(rest.get(..at).unwrap_or(""));
        let tail = rest.get(at + 2..).unwrap_or("");
        let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && tail.as_bytes().get(digits) == Some(&b'.') {
            rest = tail.get(digits + 1..).unwrap_or("");
        } else {
            out.push_str("__");
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_vanish_from_messages() {
        assert_eq!(without_prefixes("Component `__12.a.b` of __x __1"), "Component `a.b` of __x __1");
    }
}
