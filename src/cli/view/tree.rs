//! `dependency tree`.

use std::fmt::Write as _;

use serde::Serialize;

use super::structured;
use crate::cli::error::Failure;
use crate::cli::parse::Format;

/// The chart that was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it needs.
    pub dependencies: Vec<NodeRow>,
}

/// A chart that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Its name.
    pub name: String,
    /// The name under which the parent knows it, when that is another.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// The version that is asked for.
    pub requested: String,
    /// The version that is there.
    pub version: Option<String>,
    /// Where it comes from.
    pub repository: String,
    /// What switches it on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// `ok`, `missing`, `unpacked`, `wrong version`, …
    pub status: String,
    /// What it needs.
    pub dependencies: Vec<NodeRow>,
}

/// The tree, a line for each chart.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn draw(root: &Root, format: Format) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(root, format);
    }
    let mut text = format!("{} {}\n", root.name, root.version);
    branches(&root.dependencies, "", &mut text);
    Ok(text)
}

fn branches(nodes: &[NodeRow], before: &str, text: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        let (branch, beside) =
            if at + 1 == nodes.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{before}{branch}{}", line(node));
        branches(&node.dependencies, &format!("{before}{beside}"), text);
    }
}

fn line(node: &NodeRow) -> String {
    let mut line = node.name.clone();
    let mut add = |part: String| {
        line.push(' ');
        line.push_str(&part);
    };
    if !node.alias.is_empty() {
        add(format!("as {}", node.alias));
    }
    match &node.version {
        Some(version) if *version == node.requested => add(version.clone()),
        Some(version) => add(format!("{version} ({})", any(&node.requested))),
        None => add(format!("({})", any(&node.requested))),
    }
    if node.status != "ok" {
        add(format!("[{}]", node.status));
    }
    if !node.condition.is_empty() {
        add(format!("if {}", node.condition));
    }
    line
}

/// A constraint as shown: none allows any version.
fn any(requested: &str) -> &str {
    if requested.is_empty() { "*" } else { requested }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, version: Option<&str>, status: &str, dependencies: Vec<NodeRow>) -> NodeRow {
        NodeRow {
            name: name.into(),
            alias: String::new(),
            requested: "^1".into(),
            version: version.map(str::to_string),
            repository: "https://x.invalid".into(),
            condition: String::new(),
            status: status.into(),
            dependencies,
        }
    }

    #[test]
    fn branches_are_drawn() {
        let deep = node("c", Some("1.1.0"), "ok", vec![node("d", None, "missing", Vec::new())]);
        let last = NodeRow {
            alias: "other".into(),
            condition: "e.on".into(),
            requested: String::new(),
            ..node("e", Some("2.0.0"), "unpacked", Vec::new())
        };
        let exact = NodeRow { requested: "1.0.0".into(), ..node("b", Some("1.0.0"), "ok", vec![deep]) };
        let root = Root { name: "a".into(), version: "0.1.0".into(), dependencies: vec![exact, last] };
        assert_eq!(
            draw(&root, Format::Table).unwrap(),
            "a 0.1.0\n├── b 1.0.0\n│   └── c 1.1.0 (^1)\n│       └── d (^1) [missing]\n\
             └── e as other 2.0.0 (*) [unpacked] if e.on\n"
        );
    }
}
