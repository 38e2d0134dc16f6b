//! Objects as the API server shows them to people: one row of the table of their kind.
//!
//! Source: the `Table` of `meta.k8s.io/v1`. A server that knows no table for a kind answers with the object.
//!
//! Invariant: nothing is computed here; columns that the server gives a priority above 0 are for wide tables and left out.

use std::collections::BTreeMap;

use http1::HeaderValue;
use http1::header::ACCEPT;

use super::Kube;
use super::link::{AT_ONCE, Link, Trouble};
use super::objects::{Selection, ask_for, get, kind_as_id, strings};
use super::requests::error_of;
use super::sought::Answer;
use crate::cluster::live::Shown;
use crate::cluster::{Query, Sought, StoreError};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::sys::parallel;

/// Most rows of one list.
const MOST_ROWS: usize = 500;

/// From so many queries of one kind and namespace on they are answered out of one list.
const MANY: usize = 3;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

impl Kube {
    /// See [`crate::cluster::Cluster::shown`].
    pub(super) fn rows(&self, sought: &[Sought]) -> Result<Vec<Option<Shown>>, StoreError> {
        self.seek(
            sought,
            |link, id| self.row(link, id),
            |link, group| {
                let selection = group.selection();
                let ask = ask_for(&group.resource, &selection, selection.limit, None);
                let mut ask = ask.map_err(Trouble::Failed)?;
                ask.headers_mut().insert(ACCEPT, HeaderValue::from_static(TABLE));
                let answer = link.call(&ask)?.value().map_err(Trouble::Failed)?;
                Ok(Answer { named: named(&answer), is_all: is_whole(&answer) })
            },
        )
    }

    fn row(&self, link: &Link, id: &ObjectRef) -> Result<Option<Shown>, StoreError> {
        let Some(resource) = self.resource_of(link, id)? else { return Ok(None) };
        let mut ask = get(&resource, id)?;
        ask.headers_mut().insert(ACCEPT, HeaderValue::from_static(TABLE));
        match link.call(&ask) {
            Ok(reply) => Ok(shown(&reply.value()?).into_iter().next()),
            Err(trouble) => match error_of(link, id, "get", trouble) {
                StoreError::NotFound { .. } | StoreError::NoKind { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// See [`crate::cluster::Cluster::shown_lists`].
    pub(super) fn rows_of_each(&self, queries: &[Query]) -> Vec<Result<Vec<Shown>, StoreError>> {
        let mut together: BTreeMap<_, Vec<&Query>> = BTreeMap::new();
        for query in queries {
            together.entry(place_of(query)).or_default().push(query);
        }
        let many: Vec<Query> = together
            .into_values()
            .filter(|queries| queries.len() >= MANY)
            .map(|queries| Query { labels: BTreeMap::new(), limit: 0, ..queries[0].clone() })
            .collect();
        // What cannot be had whole is asked for query by query, which tells why.
        let lists =
            parallel::map(&many, AT_ONCE, |query| self.table(query).ok().filter(|table| table.is_all));
        let lists: BTreeMap<_, _> = many
            .iter()
            .zip(&lists)
            .filter_map(|(query, table)| Some((place_of(query), table.as_ref()?)))
            .collect();
        parallel::map(queries, AT_ONCE, |query| match lists.get(&place_of(query)) {
            Some(table) => Ok(table.matching(query)),
            None => self.table(query).map(Table::shown),
        })
    }

    /// The objects that match one query, as far as one list holds them.
    fn table(&self, query: &Query) -> Result<Table, StoreError> {
        let link = self.link()?;
        let Some((group, kind)) = &query.group_kind else { return Ok(Table::default()) };
        let Some(resource) = self.discovery.preferred(&link, group, kind)? else {
            return Ok(Table::default());
        };
        let selection = Selection::of(query);
        let size = if query.limit == 0 { MOST_ROWS } else { query.limit };
        let mut ask = ask_for(&resource, &selection, size, None)?;
        ask.headers_mut().insert(ACCEPT, HeaderValue::from_static(TABLE));
        let id = kind_as_id(&resource, &selection.namespace);
        let reply = link.call(&ask).map_err(|trouble| error_of(&link, &id, "list", trouble))?;
        Ok(Table::of(&reply.value()?))
    }
}

/// Where a query looks.
fn place_of(query: &Query) -> (&Option<(String, String)>, &Option<String>) {
    (&query.group_kind, &query.namespace)
}

/// A list as people see it.
#[derive(Debug, Default)]
struct Table {
    /// With the labels of the objects.
    rows: Vec<(BTreeMap<String, String>, Shown)>,
    /// Whether there are no others, and the labels are told.
    is_all: bool,
}

impl Table {
    fn of(answer: &Value) -> Self {
        let labels = |row: &Value| strings(row.path(["object", "metadata", "labels"]));
        let rows = items(answer, "rows").iter().map(labels).zip(shown(answer)).collect();
        Table { rows, is_all: is_whole(answer) }
    }

    /// Those that a query asks for.
    fn matching(&self, query: &Query) -> Vec<Shown> {
        let has = |labels: &BTreeMap<String, String>| {
            query.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        let most = if query.limit == 0 { usize::MAX } else { query.limit };
        self.rows
            .iter()
            .filter(|(labels, _)| has(labels))
            .take(most)
            .map(|(_, shown)| shown.clone())
            .collect()
    }

    fn shown(self) -> Vec<Shown> {
        self.rows.into_iter().map(|(_, shown)| shown).collect()
    }
}

/// Whether an answer is a table that holds all that was asked for. A server that knows no table for a kind tells no names.
fn is_whole(answer: &Value) -> bool {
    let more = answer.path(["metadata", "continue"]).and_then(Value::as_str).unwrap_or("");
    more.is_empty() && answer.get("kind").and_then(Value::as_str) == Some("Table")
}

fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_list).unwrap_or_default()
}

/// The rows of a table with the names of their objects, as far as they are told.
fn named(answer: &Value) -> Vec<(String, Shown)> {
    let name =
        |row: &Value| row.path(["object", "metadata", "name"]).and_then(Value::as_str).map(str::to_string);
    let rows = items(answer, "rows").iter().zip(shown(answer));
    rows.filter_map(|(row, shown)| Some((name(row)?, shown))).collect()
}

/// The rows of a table; an object that is none has its name.
fn shown(answer: &Value) -> Vec<Shown> {
    if answer.get("kind").and_then(Value::as_str) != Some("Table") {
        let name = answer.path(["metadata", "name"]).and_then(Value::as_str);
        let named = |name: &str| Shown { columns: vec!["Name".to_string()], cells: vec![name.to_string()] };
        return name.map(named).into_iter().collect();
    }
    let columns = items(answer, "columnDefinitions");
    let row = |row: &Value| {
        let mut found = Shown::default();
        for (column, cell) in columns.iter().zip(items(row, "cells")) {
            if matches!(column.get("priority"), None | Some(Value::Int(0))) {
                found.columns.push(column.get("name").and_then(Value::as_str).unwrap_or("").to_string());
                found.cells.push(text(cell));
            }
        }
        found
    };
    items(answer, "rows").iter().map(row).collect()
}

fn text(cell: &Value) -> String {
    match cell {
        Value::Null => "<none>".to_string(),
        Value::Str(text) => text.to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_columns_are_left_out() {
        let table = r#"{"kind":"Table","columnDefinitions":[{"name":"Name","priority":0},{"name":"Data","priority":0},
            {"name":"IP","priority":1},{"name":"Age"}],"rows":[{"cells":["a",2,"10.0.0.1",null]}]}"#;
        let want = Shown {
            columns: ["Name", "Data", "Age"].map(String::from).to_vec(),
            cells: ["a", "2", "<none>"].map(String::from).to_vec(),
        };
        assert_eq!(shown(&serde_json::from_str(table).unwrap()), [want]);
        let rows = r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["a"],
            "object":{"metadata":{"name":"a"}}},{"cells":["b"]}]}"#;
        let found = named(&serde_json::from_str(rows).unwrap());
        assert_eq!((found.len(), found[0].0.as_str(), found[0].1.cells[0].as_str()), (1, "a", "a"));
        let rows = r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[
            {"cells":["a"],"object":{"metadata":{"labels":{"app":"x","tier":"1"}}}},{"cells":["b"]},
            {"cells":["c"],"object":{"metadata":{"labels":{"app":"x"}}}}]}"#;
        let table = Table::of(&serde_json::from_str(rows).unwrap());
        let matching = |labels: &[(&str, &str)], limit: usize| -> Vec<String> {
            let labels =
                labels.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
            let found = table.matching(&Query { labels, limit, ..Query::default() });
            found.into_iter().map(|shown| shown.cells.concat()).collect()
        };
        assert!(table.is_all);
        assert_eq!(matching(&[("app", "x")], 0), ["a", "c"]);
        assert_eq!(matching(&[("app", "x")], 1), ["a"]);
        assert_eq!(matching(&[("app", "x"), ("tier", "1")], 9), ["a"]);
        assert_eq!(matching(&[("app", "y")], 0), [""; 0]);
        let more = r#"{"kind":"Table","metadata":{"continue":"x"},"rows":[]}"#;
        assert!(!Table::of(&serde_json::from_str(more).unwrap()).is_all);
        let object = r#"{"kind":"Thing","metadata":{"name":"x"}}"#;
        assert_eq!(shown(&serde_json::from_str(object).unwrap())[0].cells, ["x"]);
        assert_eq!(shown(&serde_json::from_str(r#"{"kind":"ThingList","items":[]}"#).unwrap()), []);
    }
}
