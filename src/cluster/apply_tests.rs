//! Laws of the merges over random values, and examples.

use proptest::prelude::*;

use super::*;

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn id(group: &str, version: &str) -> ObjectRef {
    let [group, version, kind] = [group, version, "K"].map(String::from);
    ObjectRef { group, version, kind, namespace: String::new(), name: "n".into() }
}

#[test]
fn strategic_examples() {
    for (what, old, new, live, want) in [
        (
            "drift in a named field is set back, an unnamed one stays",
            r#"{"a":1,"b":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":9,"b":1,"c":3}"#,
            r#"{"a":1,"b":2,"c":3}"#,
        ),
        (
            "what only the old one names goes",
            r#"{"a":1,"b":{"x":1}}"#,
            r#"{"b":{}}"#,
            r#"{"a":1,"b":{"x":1,"y":2}}"#,
            r#"{"b":{"y":2}}"#,
        ),
        (
            "an injected container stays, an old one goes",
            r#"{"containers":[{"name":"a","image":"1"},{"name":"gone"}]}"#,
            r#"{"containers":[{"name":"new"},{"name":"a","image":"2"}]}"#,
            r#"{"containers":[{"name":"a","image":"1","x":true},{"name":"gone"},{"name":"injected"}]}"#,
            r#"{"containers":[{"name":"new"},{"name":"a","image":"2","x":true},{"name":"injected"}]}"#,
        ),
        (
            "env is merged by name inside a container",
            r#"{"containers":[{"name":"a","env":[{"name":"X","value":"1"}]}]}"#,
            r#"{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}]}]}"#,
            r#"{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{"name":"Z","value":"3"}]}]}"#,
            r#"{"containers":[{"name":"a","env":[{"name":"Y","value":"2"},{"name":"Z","value":"3"}]}]}"#,
        ),
        (
            "one port number in two protocols",
            r#"{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}"#,
            r#"{"ports":[{"port":53,"protocol":"UDP","name":"u"},{"port":53}]}"#,
            r#"{"ports":[{"port":53,"protocol":"UDP","nodePort":1},{"port":53,"protocol":"TCP","nodePort":2}]}"#,
            r#"{"ports":[{"port":53,"protocol":"UDP","nodePort":1,"name":"u"},{"port":53,"nodePort":2}]}"#,
        ),
        (
            "items that repeat their name make the list whole",
            "{}",
            r#"{"env":[{"name":"X"},{"name":"X","value":"1"}]}"#,
            r#"{"env":[{"name":"Y"}]}"#,
            r#"{"env":[{"name":"X"},{"name":"X","value":"1"}]}"#,
        ),
        (
            "lists without names are whole",
            r#"{"args":["a"]}"#,
            r#"{"args":["b"]}"#,
            r#"{"args":["a","z"]}"#,
            r#"{"args":["b"]}"#,
        ),
        ("null asks for the field to go", "{}", r#"{"a":null,"b":{"c":null}}"#, r#"{"a":1}"#, r#"{"b":{}}"#),
        (
            "a changed kind is taken whole",
            r#"{"a":{"x":1}}"#,
            r#"{"a":"s"}"#,
            r#"{"a":{"x":1,"y":2}}"#,
            r#"{"a":"s"}"#,
        ),
    ] {
        assert_eq!(strategic(&value(old), &value(new), &value(live)), value(want), "{what}");
    }
}

#[test]
fn json_examples() {
    for (what, old, new, live, want) in [
        (
            "drift stays where the manifests agree",
            r#"{"a":1,"b":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":9,"b":1}"#,
            r#"{"a":9,"b":2}"#,
        ),
        ("no change, no call", r#"{"a":1}"#, r#"{"a":1}"#, r#"{"a":2,"c":3}"#, r#"{"a":2,"c":3}"#),
        (
            "lists are whole",
            r#"{"containers":[{"name":"a"}]}"#,
            r#"{"containers":[{"name":"b"}]}"#,
            r#"{"containers":[{"name":"i"}]}"#,
            r#"{"containers":[{"name":"b"}]}"#,
        ),
        (
            "removed fields go",
            r#"{"a":{"x":1,"y":1}}"#,
            r#"{"a":{"y":1}}"#,
            r#"{"a":{"x":1,"y":1,"z":1}}"#,
            r#"{"a":{"y":1,"z":1}}"#,
        ),
    ] {
        assert_eq!(json(&value(old), &value(new), &value(live)), value(want), "{what}");
    }
}

#[test]
fn the_kind_chooses_the_merge() {
    for (group, version, built_in) in [
        ("", "v1", true),
        ("apps", "v1", true),
        ("networking.k8s.io", "v1", true),
        ("apiextensions.k8s.io", "v1", true),
        ("apiextensions.k8s.io", "v1beta1", false),
        ("cert-manager.io", "v1", false),
        ("gateway.networking.k8s.io", "v1", false),
    ] {
        assert_eq!(is_built_in(&id(group, version)), built_in, "{group}/{version}");
    }
}

#[test]
fn the_table_is_sorted() {
    assert!(MERGE_KEYS.is_sorted_by_key(|(field, _)| field));
}

/// Random objects with named lists, plain lists, and no nulls (which no live object has).
fn objects() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![(0i64..4).prop_map(Value::Int), "[a-c]".prop_map(Value::from)];
    let tree = scalar.prop_recursive(4, 24, 4, |inner| {
        let keys = prop_oneof![Just("a"), Just("b"), Just("containers"), Just("env"), Just("spec")];
        let item = (0u8..4, inner.clone()).prop_map(|(name, inner)| {
            [("name", Value::str(format!("n{name}"))), ("spec", inner)].into_iter().collect::<Value>()
        });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            prop::collection::vec(item, 0..4).prop_map(Value::List),
            prop::collection::vec((keys, inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    });
    prop::collection::vec((prop_oneof![Just("containers"), Just("spec"), Just("x")], tree), 0..4)
        .prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn an_untouched_object_becomes_the_new_manifest(old in objects(), new in objects()) {
        prop_assert_eq!(strategic(&old, &new, &old), new.clone());
        prop_assert_eq!(json(&old, &new, &old), new);
    }

    #[test]
    fn merging_again_changes_nothing(old in objects(), new in objects(), live in objects()) {
        let once = strategic(&old, &new, &live);
        prop_assert_eq!(strategic(&old, &new, &once), once.clone());
        prop_assert_eq!(strategic(&new, &new, &once), once);
        let once = json(&old, &new, &live);
        prop_assert_eq!(json(&new, &new, &once), once);
    }
}
