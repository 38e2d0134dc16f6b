//! Laws of the merges over random values, and examples.

use proptest::prelude::*;

use super::*;

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn id(group: &str, version: &str) -> ObjectRef {
    of_kind(group, version, "K")
}

fn of_kind(group: &str, version: &str, kind: &str) -> ObjectRef {
    let [group, version, kind] = [group, version, kind].map(String::from);
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
            "where nothing changes the live order stays",
            r#"{"containers":[{"name":"log"},{"name":"app"}]}"#,
            r#"{"containers":[{"name":"log"},{"name":"app"}]}"#,
            r#"{"containers":[{"name":"injected"},{"name":"app","x":1},{"name":"log"}]}"#,
            r#"{"containers":[{"name":"injected"},{"name":"app","x":1},{"name":"log"}]}"#,
        ),
        (
            "items of others keep their places among ours",
            r#"{"containers":[{"name":"log"},{"name":"app","image":"1"}]}"#,
            r#"{"containers":[{"name":"log"},{"name":"app","image":"2"}]}"#,
            r#"{"containers":[{"name":"first"},{"name":"log"},{"name":"between"},{"name":"app","image":"1"},{"name":"last"}]}"#,
            r#"{"containers":[{"name":"first"},{"name":"log"},{"name":"between"},{"name":"app","image":"2"},{"name":"last"}]}"#,
        ),
        (
            "another order in the manifest counts",
            r#"{"containers":[{"name":"a"},{"name":"b"}]}"#,
            r#"{"containers":[{"name":"b"},{"name":"a"}]}"#,
            r#"{"containers":[{"name":"a"},{"name":"x"},{"name":"b"}]}"#,
            r#"{"containers":[{"name":"x"},{"name":"b"},{"name":"a"}]}"#,
        ),
        (
            "items that repeat their name make the list whole",
            "{}",
            r#"{"containers":[{"name":"X"},{"name":"X","value":"1"}]}"#,
            r#"{"containers":[{"name":"Y"}]}"#,
            r#"{"containers":[{"name":"X"},{"name":"X","value":"1"}]}"#,
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
        assert_eq!(of_pods(&value(old), &value(new), &value(live)), value(want), "{what}");
    }
}

/// The merge of what a pod's spec is.
fn of_pods(old: &Value, new: &Value, live: &Value) -> Value {
    let pod = |spec: &Value| [("spec", spec.clone())].into_iter().collect::<Value>();
    let merged = strategic(&of_kind("", "v1", "Pod"), &pod(old), &pod(new), &pod(live));
    merged.get("spec").cloned().unwrap_or_default()
}

#[test]
fn kind_and_place_tell_which_lists_are_merged() {
    let (service, slice) = (("", "Service"), ("discovery.k8s.io", "EndpointSlice"));
    for ((group, kind), old, new, live, want) in [
        (
            service,
            r#"{"spec":{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}}"#,
            r#"{"spec":{"ports":[{"port":53,"protocol":"UDP","name":"u"},{"port":53}]}}"#,
            r#"{"spec":{"ports":[{"port":53,"protocol":"UDP","nodePort":1},{"port":53,"protocol":"TCP","nodePort":2},{"port":9}]}}"#,
            r#"{"spec":{"ports":[{"port":53,"protocol":"UDP","nodePort":1,"name":"u"},{"port":53,"nodePort":2},{"port":9}]}}"#,
        ),
        (
            slice,
            r#"{"ports":[{"port":1}]}"#,
            r#"{"ports":[{"port":1}]}"#,
            r#"{"ports":[{"port":1},{"port":9}]}"#,
            r#"{"ports":[{"port":1}]}"#,
        ),
        (
            ("", "ServiceAccount"),
            "{}",
            r#"{"imagePullSecrets":[{"name":"a"}],"secrets":[{"name":"a"}]}"#,
            r#"{"imagePullSecrets":[{"name":"b"}],"secrets":[{"name":"b"}]}"#,
            r#"{"imagePullSecrets":[{"name":"a"}],"secrets":[{"name":"a"},{"name":"b"}]}"#,
        ),
        (
            ("apps", "Deployment"),
            r#"{"spec":{"strategy":{"type":"RollingUpdate"}}}"#,
            r#"{"spec":{"strategy":{"type":"Recreate"}}}"#,
            r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#,
            r#"{"spec":{"strategy":{"type":"Recreate"}}}"#,
        ),
        (
            ("apps", "Deployment"),
            r#"{"spec":{"strategy":{"type":"RollingUpdate"}}}"#,
            r#"{"spec":{"strategy":{"type":"RollingUpdate"}}}"#,
            r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#,
            r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#,
        ),
        (
            ("apps", "StatefulSet"),
            r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}}}"#,
            r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","secret":{"secretName":"s"}}]}}}}"#,
            r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","emptyDir":{},"hand":1},{"name":"w"}]}}}}"#,
            r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","secret":{"secretName":"s"}},{"name":"w"}]}}}}"#,
        ),
        (
            ("batch", "CronJob"),
            "{}",
            r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a"}]}}}}}}"#,
            r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"b"}]}}}}}}"#,
            r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}}}}}"#,
        ),
        (
            ("", "ConfigMap"),
            r#"{"metadata":{"finalizers":["old"]}}"#,
            r#"{"metadata":{"finalizers":["new"]},"containers":[{"name":"a"}]}"#,
            r#"{"metadata":{"finalizers":["old","other"]},"containers":[{"name":"b"}]}"#,
            r#"{"metadata":{"finalizers":["new","other"]},"containers":[{"name":"a"}]}"#,
        ),
        (
            ("policy", "PodDisruptionBudget"),
            "{}",
            r#"{"spec":{"selector":{"matchLabels":{"a":"1"}}}}"#,
            r#"{"spec":{"selector":{"matchLabels":{"b":"1"}},"minAvailable":1}}"#,
            r#"{"spec":{"selector":{"matchLabels":{"a":"1"}},"minAvailable":1}}"#,
        ),
    ] {
        let merged = three_way(&of_kind(group, "v1", kind), &value(old), &value(new), &value(live));
        assert_eq!(merged, value(want), "{kind}");
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
        prop_assert_eq!(of_pods(&old, &new, &old), new.clone());
        prop_assert_eq!(json(&old, &new, &old), new);
    }

    #[test]
    fn merging_again_changes_nothing(old in objects(), new in objects(), live in objects()) {
        let once = of_pods(&old, &new, &live);
        prop_assert_eq!(of_pods(&old, &new, &once), once.clone());
        prop_assert_eq!(of_pods(&new, &new, &once), once);
        let once = json(&old, &new, &live);
        prop_assert_eq!(json(&new, &new, &once), once);
    }
}
