//! Which values an upgrade starts from.
//!
//! Invariant: pure; the recorded configuration is never changed.

use super::coalesce::lay_over;
use crate::data::Map;

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
///
/// A null in `new` takes the key out of the old configuration; the defaults then show through, as in Helm. A null in `old`
/// stays: what the user took out of the defaults once does not come back by itself.
pub fn reuse(mode: Reuse, new: &Map, old: &Map, old_defaults: &Map, new_defaults: &Map) -> Reused {
    let over_old = || lay_over(new, old);
    match mode {
        Reuse::Reuse => Reused { config: over_old(), defaults: old_defaults.clone() },
        Reuse::ResetThenReuse => Reused { config: over_old(), defaults: new_defaults.clone() },
        Reuse::Default if new.is_empty() => Reused { config: old.clone(), defaults: new_defaults.clone() },
        Reuse::Default | Reuse::Reset => Reused { config: new.clone(), defaults: new_defaults.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Value;

    fn map(text: &str) -> Map {
        match serde_json::from_str(text).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_mode_takes_what_it_says() {
        let old = map(r#"{"a":1,"m":{"x":1}}"#);
        let (was, is) = (map(r#"{"d":1,"a":1}"#), map(r#"{"d":2}"#));
        let given = |mode, new: &str| {
            let done = reuse(mode, &map(new), &old, &was, &is);
            let json = |map: &Map| serde_json::to_string(map).unwrap();
            (json(&done.config), json(&done.defaults))
        };
        let pair = |config: &str, defaults: &str| (config.to_string(), defaults.to_string());
        let (was, is) = (r#"{"d":1,"a":1}"#, r#"{"d":2}"#);
        // Without any new value the old ones are taken as they are, and only then.
        assert_eq!(given(Reuse::Default, "{}"), pair(r#"{"a":1,"m":{"x":1}}"#, is));
        assert_eq!(given(Reuse::Default, r#"{"b":2}"#), pair(r#"{"b":2}"#, is));
        assert_eq!(given(Reuse::Reset, "{}"), pair("{}", is));
        let new = r#"{"a":3,"m":{"z":2}}"#;
        let merged = r#"{"a":3,"m":{"z":2,"x":1}}"#;
        assert_eq!(given(Reuse::Reuse, new), pair(merged, was));
        assert_eq!(given(Reuse::ResetThenReuse, new), pair(merged, is));
        assert_eq!(given(Reuse::ResetThenReuse, r#"{"a":null}"#), pair(r#"{"m":{"x":1}}"#, is));
    }

    #[test]
    fn nulls_of_the_old_configuration_stay() {
        let old = map(r#"{"top":null,"m":{"gone":null},"q":{"b":1}}"#);
        for (new, merged) in [
            (r#"{"y":1}"#, r#"{"y":1,"top":null,"m":{"gone":null},"q":{"b":1}}"#),
            (r#"{"m":{"k":null}}"#, r#"{"m":{"k":null,"gone":null},"top":null,"q":{"b":1}}"#),
            (r#"{"top":null,"q":{"b":null}}"#, r#"{"top":null,"q":{},"m":{"gone":null}}"#),
            (r#"{"top":5,"m":null}"#, r#"{"top":5,"q":{"b":1}}"#),
        ] {
            for mode in [Reuse::Reuse, Reuse::ResetThenReuse] {
                let done = reuse(mode, &map(new), &old, &Map::new(), &Map::new());
                assert_eq!(serde_json::to_string(&done.config).unwrap(), merged, "{mode:?} {new}");
            }
        }
    }
}
