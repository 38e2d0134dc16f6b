use super::*;

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn live(manager: &str, operation: &str, fields: &str, spec: &str) -> Value {
    value(&format!(
        r#"{{"metadata":{{"labels":{{"x":"1"}},"managedFields":[{{"manager":"{manager}","operation":"{operation}","apiVersion":"apps/v1","fieldsV1":{fields}}}]}},"spec":{spec}}}"#
    ))
}

fn is_as_it_was(wanted: &str, fields: &str, spec: &str) -> bool {
    is_applied(&value(wanted), &live("helm", "Apply", fields, spec), true)
}

const WANTED: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"n","labels":{"x":"1"}},
    "spec":{"hostNetwork":false,"none":null,"rules":[{"a":1,"b":0}],"selector":{},"env":[],"finalizers":["one"],
    "ports":[{"port":80,"name":"web"}]}}"#;
const FIELDS: &str = r#"{"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:hostNetwork":{},"f:none":{},"f:rules":{},"f:selector":{},
    "f:finalizers":{"v:\"one\"":{}},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:name":{}}}}}"#;
const SPEC: &str =
    r#"{"rules":[{"a":1}],"finalizers":["one","two"],"ports":[{"port":80,"protocol":"TCP","name":"web"}]}"#;

#[test]
fn what_the_release_applied_and_still_manages_is_as_it_was() {
    assert!(is_as_it_was(WANTED, FIELDS, SPEC));
    for (manager, operation) in [("helm", "Update"), ("kubectl", "Apply")] {
        assert!(!is_applied(&value(WANTED), &live(manager, operation, FIELDS, SPEC), true));
    }
    assert!(!is_as_it_was(&WANTED.replace("apps/v1", "apps/v2"), FIELDS, SPEC));
    assert!(!is_applied(&value(WANTED), &value("{}"), true));
    // Where no types drop anything, a field that is gone was taken away.
    assert!(!is_applied(&value(WANTED), &live("helm", "Apply", FIELDS, SPEC), false));
}

#[test]
fn a_field_that_somebody_took_over_is_missed() {
    for taken in [r#""f:hostNetwork":{},"#, r#""f:rules":{},"#, r#","f:name":{}"#, r#","f:port":{}"#] {
        let fields = FIELDS.replacen(taken, "", 1);
        assert_ne!(fields, FIELDS);
        assert!(!is_as_it_was(WANTED, &fields, SPEC), "{taken}");
    }
    let gone = FIELDS.replace(r#"{"v:\"one\"":{}}"#, r#"{"v:\"two\"":{}}"#);
    assert!(!is_as_it_was(WANTED, &gone, SPEC));
    let more = WANTED.replace(r#"{"port":80,"name":"web"}"#, r#"{"port":80,"name":"web"},{"port":81}"#);
    assert!(!is_as_it_was(&more, FIELDS, SPEC));
    // Somebody filled a list that was left empty.
    let filled = SPEC.replace(r#"{"rules""#, r#"{"env":[{"name":"a"}],"rules""#);
    assert!(!is_as_it_was(WANTED, FIELDS, &filled));
}

#[test]
fn values_that_the_release_set_and_nobody_remembers_are_seen() {
    // As each is noted for the release still.
    for (here, there) in [
        (r#""name":"web""#, r#""name":"www""#),
        (r#"{"a":1}"#, r#"{"a":2}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":7}"#),
        (r#"{"a":1}"#, r#"{"a":1,"c":7}"#),
        (r#"[{"a":1}]"#, r#"[{"a":1},{"a":2}]"#),
        (r#"{"rules""#, r#"{"hostNetwork":true,"rules""#),
        (r#"{"rules""#, r#"{"none":7,"rules""#),
        (r#"{"rules""#, r#"{"selector":{"a":"b"},"rules""#),
    ] {
        let spec = SPEC.replacen(here, there, 1);
        assert_ne!(spec, SPEC);
        assert!(!is_as_it_was(WANTED, FIELDS, &spec), "{there}");
    }
    let labels = live("helm", "Apply", FIELDS, SPEC);
    let labels = serde_json::to_string(&labels).unwrap().replace(r#"{"x":"1"}"#, r#"{"x":"2"}"#);
    assert!(!is_applied(&value(WANTED), &value(&labels), true));
}

#[test]
fn items_count_in_their_order() {
    let wanted = r#"{"apiVersion":"apps/v1","spec":{"env":[{"name":"a"},{"name":"b"}]}}"#;
    let fields = r#"{"f:spec":{"f:env":{"k:{\"name\":\"a\"}":{".":{},"f:name":{}},"k:{\"name\":\"b\"}":{".":{},"f:name":{}}}}}"#;
    for (live, same) in [("a b", true), ("a other b", true), ("b a", false), ("a", false)] {
        let items: Vec<String> = live.split(' ').map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
        let spec = format!(r#"{{"env":[{}]}}"#, items.join(","));
        assert_eq!(is_as_it_was(wanted, fields, &spec), same, "{live}");
    }
}

#[test]
fn what_a_server_writes_in_another_way_is_the_same() {
    for (wanted, fields, spec, same) in [
        // Filled in where a value counts as a whole.
        (
            r#"{"fieldRef":{"a":"b"}}"#,
            r#"{"f:fieldRef":{}}"#,
            r#"{"fieldRef":{"a":"b","apiVersion":"v1"}}"#,
            true,
        ),
        (
            r#"{"fieldRef":{"a":"b"}}"#,
            r#"{"f:fieldRef":{}}"#,
            r#"{"fieldRef":{"a":"b","apiVersion":"v2"}}"#,
            false,
        ),
        (r#"{"other":{"a":"b"}}"#, r#"{"f:other":{}}"#, r#"{"other":{"a":"b","apiVersion":"v1"}}"#, false),
        // Quantities.
        (r#"{"limits":{"cpu":1}}"#, r#"{"f:limits":{"f:cpu":{}}}"#, r#"{"limits":{"cpu":"1"}}"#, true),
        (r#"{"limits":{"cpu":0.5}}"#, r#"{"f:limits":{"f:cpu":{}}}"#, r#"{"limits":{"cpu":"500m"}}"#, true),
        (r#"{"limits":{"cpu":"1000m"}}"#, r#"{"f:limits":{"f:cpu":{}}}"#, r#"{"limits":{"cpu":"1"}}"#, true),
        (
            r#"{"limits":{"cpu":"1.05"}}"#,
            r#"{"f:limits":{"f:cpu":{}}}"#,
            r#"{"limits":{"cpu":"1005m"}}"#,
            false,
        ),
        (r#"{"limits":{"cpu":1}}"#, r#"{"f:limits":{"f:cpu":{}}}"#, r#"{"limits":{"cpu":"2"}}"#, false),
        (r#"{"limits":{"a":"1Ki"}}"#, r#"{"f:limits":{"f:a":{}}}"#, r#"{"limits":{"a":"1024"}}"#, false),
        (r#"{"limits":{"a":"1024Mi"}}"#, r#"{"f:limits":{"f:a":{}}}"#, r#"{"limits":{"a":"1Gi"}}"#, true),
        (r#"{"limits":{"a":"1025Mi"}}"#, r#"{"f:limits":{"f:a":{}}}"#, r#"{"limits":{"a":"1Gi"}}"#, false),
        (r#"{"port":80}"#, r#"{"f:port":{}}"#, r#"{"port":"80"}"#, false),
    ] {
        let wanted = format!(r#"{{"apiVersion":"apps/v1","spec":{wanted}}}"#);
        let fields = format!(r#"{{"f:spec":{fields}}}"#);
        assert_eq!(is_as_it_was(&wanted, &fields, spec), same, "{wanted} {spec}");
    }
}

#[test]
fn a_map_of_which_only_its_being_there_is_left_is_told_by_its_values() {
    let fields = r#"{"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{}}"#;
    let wanted = r#"{"apiVersion":"apps/v1","metadata":{"labels":{"x":"1"}},"spec":{"size":1}}"#;
    for (spec, same) in [(r#"{"size":1}"#, true), (r#"{"size":5}"#, false), ("{}", false)] {
        assert_eq!(is_as_it_was(wanted, fields, spec), same, "{spec}");
    }
}

#[test]
fn texts_of_a_secret_are_looked_for_in_its_data() {
    let wanted = value(r#"{"apiVersion":"v1","kind":"Secret","stringData":{"k":"right"}}"#);
    for (data, same) in [(r#"{"k":"cmlnaHQ="}"#, true), (r#"{"k":"d3Jvbmc="}"#, false), ("{}", false)] {
        let live = value(&format!(
            r#"{{"apiVersion":"v1","kind":"Secret","data":{data},"metadata":{{"managedFields":[{{"manager":"helm",
            "operation":"Apply","apiVersion":"v1","fieldsV1":{{"f:stringData":{{"f:k":{{}}}}}}}}]}}}}"#
        ));
        assert_eq!(is_applied(&wanted, &live, true), same, "{data}");
    }
}

#[test]
fn what_only_the_release_manages_beyond_the_manifest_is_seen() {
    let more = |fields: &str| has_more(&value(WANTED), &live("helm", "Apply", fields, SPEC));
    assert!(!more(FIELDS));
    for (here, there) in [
        (r#""f:none":{},"#, r#""f:none":{},"f:gone":{},"#),
        (r#""f:x":{}"#, r#""f:x":{},"f:y":{}"#),
        (r#"{"v:\"one\"":{}}"#, r#"{"v:\"one\"":{},"v:\"two\"":{}}"#),
        (r#""f:port":{},"#, r#""f:port":{},"f:nodePort":{},"#),
        (r#""f:ports":{"#, r#""f:ports":{"k:{\"port\":81,\"protocol\":\"TCP\"}":{".":{}},"#),
    ] {
        let fields = FIELDS.replacen(here, there, 1);
        assert_ne!(fields, FIELDS);
        assert!(more(&fields), "{there}");
        let wanted = value(WANTED);
        assert!(has_more(&wanted, &live("helm", "Update", &fields, SPEC)), "however it was written");
        assert!(!has_more(&wanted, &live("kubectl", "Apply", &fields, SPEC)), "what others manage stays");
    }
    assert!(!has_more(&value(WANTED), &value("{}")));
}
