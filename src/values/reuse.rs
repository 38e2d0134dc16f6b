//! Which values an upgrade starts from.

use super::coalesce::{self, Compat, Nulls};
use crate::data::{Map, Value};

/// What the user asked for with the flags of `upgrade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reuse {
    /// Neither flag.
    #[default]
    Default,
    /// `--reset-values`: forget the old configuration.
    Reset,
    /// `--reuse-values`: the old configuration and the old chart's defaults below the new values.
    Reuse,
    /// `--reset-then-reuse-values`: the old configuration below the new values, over the new chart's defaults.
    ResetThenReuse,
}

/// What an upgrade is rendered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Reused {
    /// The user values of the new revision, as they are recorded.
    pub config: Map,
    /// The defaults to use for the chart.
    pub defaults: Map,
}

/// Applies the rules of Helm's `upgrade`.
///
/// `new` are the values given now, `old` the configuration recorded by the last revision, `old_defaults` the values that
/// the old chart came to with `old` (see [`super::coalesce()`]), `new_defaults` those of the new chart's values.yaml.
pub fn reuse(mode: Reuse, new: &Map, old: &Map, old_defaults: &Map, new_defaults: &Map) -> Reused {
    let over_old = || {
        let mut config = new.clone();
        coalesce::fill_table(&mut config, old, Nulls::keep(Compat::Helm4), &mut Vec::new());
        config
    };
    match mode {
        Reuse::Reset => Reused { config: new.clone(), defaults: new_defaults.clone() },
        Reuse::Reuse => Reused { config: over_old(), defaults: old_defaults.clone() },
        Reuse::ResetThenReuse => Reused { config: over_old(), defaults: new_defaults.clone() },
        Reuse::Default if new.is_empty() => Reused { config: old.clone(), defaults: new_defaults.clone() },
        Reuse::Default => Reused { config: new.clone(), defaults: new_defaults.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Map {
        match serde_json::from_str(text).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }
}
