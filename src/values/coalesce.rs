//! Chart defaults under user values, for a chart and all its subcharts.
//!
//! Per chart: defaults fill what the user left out, a user's null deletes the default, then each subchart gets its part of
//! the values together with the globals, and the same is done there.
//!
//! Source of the rules: Helm 4.3.1, compared over random charts. Invariant: the inputs are not changed, and the same
//! inputs give the same values and the same warnings in the same order.

use std::sync::Arc;

use super::error::ValuesError;
use crate::chart::Chart;
use crate::data::{Map, Value};
use crate::diag::Diagnostic;

/// The key under which all charts share values.
const GLOBAL: &str = "global";
/// Deepest nesting of subcharts.
pub(super) const DEEPEST_CHART: usize = 64;

/// Whose rules for nulls hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// Helm 4: a user's null stays when no default was there to delete; nulls in defaults are dropped.
    #[default]
    Helm4,
    /// Helm 3: a null of a default is kept where the user has no such key.
    Helm3,
}

/// What becomes of nulls; the one place that tells Helm 3 from Helm 4.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nulls {
    compat: Compat,
    /// Keep nulls of both sides, so that they can delete defaults further down.
    keep: bool,
}

impl Nulls {
    pub(super) fn delete(compat: Compat) -> Self {
        Nulls { compat, keep: false }
    }

    /// Those of two tables of the user's, one over the other: as [`Nulls::delete`], but the lower one's nulls are wishes to
    /// delete defaults further down, and no defaults themselves. Helm 3 and 4 agree here.
    fn delete_and_pass_on() -> Self {
        Nulls { compat: Compat::Helm3, keep: false }
    }

    pub(super) fn keep(compat: Compat) -> Self {
        Nulls { compat, keep: true }
    }

    /// The same rules below a key that may name a subchart.
    fn below(self, names_subchart: bool) -> Self {
        Nulls { keep: self.keep || names_subchart, ..self }
    }

    /// The default as it is taken over where the user has nothing; `None` to leave it out.
    fn default_taken(self, value: &Value) -> Option<Value> {
        if self.keep || self.compat == Compat::Helm3 {
            return Some(value.clone());
        }
        match value {
            Value::Null => None,
            other => Some(without_nulls(other)),
        }
    }
}

/// A copy without the map entries that are null, at any depth of maps.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (Arc::clone(key), without_nulls(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Fills the user's values with the defaults of a chart and its subcharts, as templates see them.
///
/// Warnings (kinds that do not fit) are appended to `warnings`.
///
/// # Errors
/// The value for a subchart is not a map, or subcharts are nested too deep.
pub fn coalesce(
    chart: &Chart,
    user: &Map,
    compat: Compat,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map, ValuesError> {
    let mut filler = Filler { warnings };
    let mut values = filler.chart(chart, user.clone(), "", Nulls::delete(compat), 0)?;
    spread_globals(chart, &mut values);
    Ok(values)
}

/// As [`coalesce`], but nulls are kept on both sides.
pub(super) fn coalesce_keeping_nulls(
    chart: &Chart,
    user: &Map,
    compat: Compat,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map, ValuesError> {
    let mut filler = Filler { warnings };
    let mut values = filler.chart(chart, user.clone(), "", Nulls::keep(compat), 0)?;
    spread_globals(chart, &mut values);
    Ok(values)
}

/// One table of values over another, neither of which is a chart's defaults: what `under` alone has is taken over, a null
/// in `over` takes out what `under` has there, and other nulls of both stay. Helm calls it `CoalesceTables`.
pub fn lay_over(over: &Map, under: &Map) -> Map {
    let mut merged = over.clone();
    fill_table(&mut merged, under, Nulls::delete_and_pass_on(), &mut Vec::new());
    merged
}

/// As [`lay_over`], but a null in `over` stays and so hides what `under` has there.
pub fn lay_over_keeping_nulls(over: &Map, under: &Map) -> Map {
    let mut merged = over.clone();
    fill_table(&mut merged, under, Nulls::keep(Compat::Helm3), &mut Vec::new());
    merged
}

/// Fills `over` with what only `under` has, maps deep.
pub(super) fn fill_table(over: &mut Map, under: &Map, nulls: Nulls, warnings: &mut Vec<Diagnostic>) {
    Filler { warnings }.table(over, under, nulls, "");
}

struct Filler<'w> {
    warnings: &'w mut Vec<Diagnostic>,
}

impl Filler<'_> {
    fn warn(&mut self, text: String) {
        self.warnings.push(Diagnostic::warning(text));
    }

    fn chart(
        &mut self,
        chart: &Chart,
        mut values: Map,
        prefix: &str,
        nulls: Nulls,
        depth: usize,
    ) -> Result<Map, ValuesError> {
        if depth > DEEPEST_CHART {
            return Err(ValuesError::TooDeep { chart: chart.name().to_string(), limit: DEEPEST_CHART });
        }
        let path =
            if prefix.is_empty() { chart.name().to_string() } else { format!("{prefix}.{}", chart.name()) };
        self.defaults(chart, &mut values, &path, nulls);
        for subchart in &chart.subcharts {
            let mut inner = match values.get(subchart.name()) {
                None => Map::new(),
                Some(Value::Map(inner)) => inner.clone(),
                Some(other) => {
                    return Err(ValuesError::SubchartValues {
                        chart: subchart.name().to_string(),
                        found: as_go_bool(other),
                    });
                }
            };
            self.globals(&mut inner, &values, &path);
            let filled = self.chart(subchart, inner, &path, nulls, depth + 1)?;
            leak_globals(&mut values, &filled);
            values.insert(subchart.name().into(), Value::Map(filled));
        }
        Ok(values)
    }

    /// The defaults of one chart, without those of its subcharts.
    fn defaults(&mut self, chart: &Chart, values: &mut Map, path: &str, nulls: Nulls) {
        let Some(defaults) = chart.values.as_map() else { return };
        for (key, default) in defaults {
            match values.get_mut(key) {
                None => {
                    if let Some(value) = nulls.default_taken(default) {
                        values.insert(Arc::clone(key), value);
                    }
                }
                Some(Value::Null) if !nulls.keep => {
                    values.shift_remove(key);
                }
                Some(Value::Map(own)) => match default {
                    Value::Map(default) => {
                        let names_subchart = chart.subcharts.iter().any(|subchart| subchart.name() == &**key);
                        let path = format!("{path}.{key}");
                        self.table(own, default, nulls.below(names_subchart), &path);
                    }
                    Value::Null => {}
                    _ => self.warn(format!("skipped value for {path}.{key}: Not a table.")),
                },
                Some(_) => {}
            }
        }
    }

    fn table(&mut self, own: &mut Map, defaults: &Map, nulls: Nulls, path: &str) {
        for (key, default) in defaults {
            match (own.get_mut(key), default) {
                (None, default) => {
                    if let Some(value) = nulls.default_taken(default) {
                        own.insert(Arc::clone(key), value);
                    }
                }
                (Some(Value::Null), default) => {
                    if !nulls.keep && !default.is_null() {
                        own.shift_remove(key);
                    }
                }
                (Some(Value::Map(own)), Value::Map(default)) => {
                    self.table(own, default, nulls, &format!("{path}.{key}"));
                }
                (Some(Value::Map(_)), Value::Null) => {}
                (Some(Value::Map(_)), _) => self.warn(format!(
                    "destination for {path}.{key} is a table. Ignoring non-table value ({})",
                    shown(default)
                )),
                (Some(_), Value::Map(_)) => {
                    self.warn(format!(
                        "cannot overwrite table with non table for {path}.{key} ({})",
                        shown(default)
                    ));
                }
                (Some(_), _) => {}
            }
        }
    }

    /// Copies the parent's globals into a subchart's: the parent's win, maps merge deep.
    fn globals(&mut self, inner: &mut Map, parent: &Map, path: &str) {
        let mut own = match inner.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(own)) => own.clone(),
            Some(_) => {
                self.warn(format!(
                    "skipping globals for {path} because destination {GLOBAL} is not a table."
                ));
                return;
            }
        };
        match parent.get(GLOBAL) {
            None => {}
            Some(Value::Map(shared)) => {
                for (key, value) in shared {
                    self.global(&mut own, key, value, path);
                }
            }
            Some(_) => {
                self.warn(format!("skipping globals for {path} because source {GLOBAL} is not a table."));
                return;
            }
        }
        inner.insert(GLOBAL.into(), Value::Map(own));
    }

    fn global(&mut self, own: &mut Map, key: &Arc<str>, value: &Value, path: &str) {
        match (value, own.get(key)) {
            (Value::Map(shared), None) => {
                own.insert(Arc::clone(key), Value::Map(shared.clone()));
            }
            (Value::Map(shared), Some(Value::Map(old))) => {
                let mut merged = shared.clone();
                let nulls = Nulls::keep(Compat::Helm4);
                self.table(&mut merged, old, nulls, path);
                own.insert(Arc::clone(key), Value::Map(merged));
            }
            (Value::Map(_), Some(_)) => {
                self.warn(format!("Conflict: cannot merge map onto non-map for {key:?}. Skipping."));
            }
            (_, Some(Value::Map(_))) => {
                self.warn(format!("key {key} is a table. Skipping"));
            }
            (value, _) => {
                own.insert(Arc::clone(key), value.clone());
            }
        }
    }
}

/// Copies what a subchart filled into the inner maps of its parent's globals back to the parent.
///
/// Helm copies globals one map deep, so all charts share the maps below `global.KEY`: what one chart's defaults (or a
/// user's globals for it) add there is seen by all others.
fn leak_globals(parent: &mut Map, child: &Map) {
    let own = child.get(GLOBAL).and_then(Value::as_map);
    if let (Some(Value::Map(shared)), Some(own)) = (parent.get_mut(GLOBAL), own) {
        share(own, shared);
    }
}

/// Gives the inner maps of a chart's globals to all its subcharts; see [`leak_globals`].
fn spread_globals(chart: &Chart, values: &mut Map) {
    let Some(Value::Map(shared)) = values.get(GLOBAL).cloned() else { return };
    for subchart in &chart.subcharts {
        let Some(Value::Map(inner)) = values.get_mut(subchart.name()) else { continue };
        if let Some(Value::Map(own)) = inner.get_mut(GLOBAL) {
            share(&shared, own);
        }
        spread_globals(subchart, inner);
    }
}

/// Makes each map two keys deep in `to` equal to the one in `from`, where both have one.
fn share(from: &Map, to: &mut Map) {
    for (key, value) in to {
        let (Value::Map(value), Some(Value::Map(from))) = (value, from.get(key)) else { continue };
        for (key, inner) in value {
            match (inner, from.get(key)) {
                (Value::Map(inner), Some(Value::Map(from))) if inner != from => inner.clone_from(from),
                _ => {}
            }
        }
    }
}

/// A value in a warning: short JSON.
fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value that is no map as Go's `%t` prints it, which is what Helm's message has.
fn as_go_bool(value: &Value) -> String {
    match value {
        Value::Null => "%!t(<nil>)".to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::SetInt(number) => format!("%!t(int64={number})"),
        Value::Int(number) => format!("%!t(float64={})", short_float(*number as f64)),
        Value::Uint(number) => format!("%!t(float64={})", short_float(*number as f64)),
        Value::Float(number) => format!("%!t(float64={})", short_float(*number)),
        Value::Str(text) => format!("%!t(string={text})"),
        Value::List(items) => {
            let item = |item: &Value| if item.is_null() { "<nil>".to_string() } else { as_go_bool(item) };
            let items: Vec<String> = items.iter().map(item).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(_) => "map[]".to_string(),
    }
}

/// A float as Go prints it with the fewest digits: with an exponent from 1e6 on and below 1e-4.
pub(super) fn short_float(number: f64) -> String {
    if number == 0.0 || (1e-4..1e6).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            format!("{digits}e{sign}{size:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::set::{self, Flag};
    use super::*;
    use crate::chart::Metadata;
    use crate::diag::SourceFile;

    fn chart(name: &str, values: Value, subcharts: Vec<Chart>) -> Chart {
        Chart {
            metadata: Metadata { name: name.into(), ..Metadata::default() },
            chart_yaml: SourceFile::new("Chart.yaml", ""),
            lock: None,
            values,
            values_yaml: None,
            schema: None,
            templates: Vec::new(),
            files: Vec::new(),
            raw: Vec::new(),
            subcharts,
            unread: crate::sys::content::Failures::default(),
            links: Vec::new(),
        }
    }

    /// Values without nulls, which have a meaning of their own.
    fn any_map() -> impl Strategy<Value = Map> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::Bool), (0i64..3).prop_map(Value::Int)];
        let value = leaf.prop_recursive(2, 12, 3, |inner| {
            proptest::collection::vec(("[ab]", inner), 0..3).prop_map(Value::from_iter)
        });
        proptest::collection::vec(("[abs]", value), 0..4)
            .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    proptest! {
        #[test]
        fn filling_twice_changes_nothing(defaults in any_map(), sub in any_map(), mut user in any_map()) {
            user.insert("s".into(), Value::map());
            let sub = chart("s", Value::Map(sub), Vec::new());
            let chart = chart("root", Value::Map(defaults), vec![sub]);
            let once = coalesce(&chart, &user, Compat::Helm4, &mut Vec::new()).unwrap();
            let twice = coalesce(&chart, &once, Compat::Helm4, &mut Vec::new()).unwrap();
            prop_assert_eq!(&twice, &once);
        }

        #[test]
        fn what_the_user_says_wins(defaults in any_map(), user in any_map()) {
            let filled =
                coalesce(&chart("root", Value::Map(defaults), Vec::new()), &user, Compat::Helm4, &mut Vec::new());
            let filled = filled.unwrap();
            for (key, value) in user.iter().filter(|(_, value)| value.as_map().is_none()) {
                prop_assert_eq!(filled.get(key), Some(value));
            }
        }

        #[test]
        fn what_is_set_is_found(names in proptest::collection::vec("[a-z=.,\\[\\]\\\\{}é]{1,4}", 1..5), value in any::<i64>()) {
            let escaped: Vec<String> = names
                .iter()
                .map(|name| name.chars().flat_map(|c| ['\\', c]).collect::<String>())
                .collect();
            let argument = SourceFile::new("--set", format!("{}={value}", escaped.join(".")));
            let mut values = Map::new();
            let assigned =
                set::apply(Flag::Set, &argument, &mut values, &mut |_| Err(String::new())).unwrap();
            let values = Value::Map(values);
            prop_assert_eq!(values.path(names.iter().map(String::as_str)), Some(&Value::SetInt(value)));
            prop_assert_eq!(assigned.len(), 1);
        }

        #[test]
        fn no_argument_panics(text in "[a-c=.,\\[\\]\\\\{}01 \"-]{0,24}", flag in 0usize..5) {
            let flag = [Flag::Set, Flag::String, Flag::File, Flag::Json, Flag::Literal][flag];
            let argument = SourceFile::new(flag.name(), text.as_str());
            let mut values = Map::new();
            let done = set::apply(flag, &argument, &mut values, &mut |path| Ok(path.to_string()));
            if let Err(error) = done {
                let at = crate::diag::Hint::diagnostic(&error).and_then(|found| found.at.clone()).unwrap();
                prop_assert!(at.span.end as usize <= text.len());
            }
        }
    }

    #[test]
    fn helm_3_keeps_nulls_of_defaults() {
        let defaults: Value = serde_json::from_str(r#"{"a":null,"m":{"b":null,"c":1}}"#).unwrap();
        let chart = chart("root", defaults, Vec::new());
        let json = |compat| {
            let filled = coalesce(&chart, &Map::new(), compat, &mut Vec::new()).unwrap();
            serde_json::to_string(&Value::Map(filled)).unwrap()
        };
        assert_eq!(json(Compat::Helm4), r#"{"m":{"c":1}}"#);
        assert_eq!(json(Compat::Helm3), r#"{"a":null,"m":{"b":null,"c":1}}"#);
    }
}
