//! Schemas that refer to documents on a server, and what becomes of it when that one does not do its part. The texts are
//! those that Helm 4.3.1 was seen to print.

use crate::support::Env;
use crate::support::hostile::Hostile;

const HEAD: &str =
    "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nc:\n";

/// A server of schemas.
fn server() -> Hostile {
    Hostile::start(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let page = match path {
            "/text.json" => r#"{"type": "string", "$defs": {"port": {"type": "integer"}}}"#,
            "/chain.json" => r#"{"$ref": "below/next.json#/a"}"#,
            "/below/next.json" => r#"{"a": {"type": "string"}}"#,
            "/bad.json" => "not json",
            "/empty.json" => "",
            "/wrong.json" => r#"{"type": 5}"#,
            _ => return Hostile::page("404 Not Found", "{}"),
        };
        Hostile::page("200 OK", page)
    })
}

/// A chart whose value `a`, a number, is held to what a reference leads to.
fn chart(env: &Env, reference: &str) {
    env.write("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");
    env.write("c/values.yaml", "a: 1\n");
    env.write("c/templates/a.yaml", "a: {{ .Values.a }}\n");
    let schema = format!(
        "{{\"properties\": {{\"a\": {{\"$ref\": \"{reference}\"}}, \"b\": {{\"$ref\": \"{reference}\"}}}}}}"
    );
    env.write("c/values.schema.json", &schema);
}

#[test]
fn references_lead_to_documents_on_servers() {
    let (env, server) = (Env::new(), server());
    let url = &server.url;
    chart(&env, &format!("{url}/text.json#/$defs/port"));
    env.run("template c").ok();
    assert_eq!(server.asked(), 1, "a document is asked for once");
    assert!(!server.saw("authorization:"));
    for (reference, text) in [
        (format!("{url}/text.json"), "- at '/a': got number, want string\n\n".to_string()),
        (format!("{url}/chain.json"), "- at '/a': got number, want string\n\n".to_string()),
        (
            format!("{url}/none.json"),
            format!(
                "failing loading \"{url}/none.json\": HTTP request to {url}/none.json returned status 404 (Not Found)\n"
            ),
        ),
        (
            format!("{url}/bad.json"),
            format!(
                "failing loading \"{url}/bad.json\": invalid character 'o' in literal null (expecting 'u')\n"
            ),
        ),
        (format!("{url}/empty.json"), format!("failing loading \"{url}/empty.json\": EOF\n")),
        (format!("{url}/text.json#/b"), format!("json-pointer in \"{url}/text.json#/b\" not found\n")),
        (
            format!("{url}/wrong.json"),
            format!(
                "\"{url}/wrong.json#\" is not valid against metaschema: jsonschema validation failed with "
            ),
        ),
        (
            "ftp://example.com/a".to_string(),
            "failing loading \"ftp://example.com/a\": no URLLoader registered for \"ftp://example.com/a\"\n"
                .to_string(),
        ),
        (
            "file:///etc/hostname".to_string(),
            "failing loading \"file:///etc/hostname\": a schema does not read files of this machine\n"
                .to_string(),
        ),
    ] {
        chart(&env, &reference);
        let text = env.normalise(&text);
        let ran = env.run("template c").exits(1);
        assert!(ran.stderr.starts_with(&format!("{HEAD}{text}")), "{reference}: {}", ran.stderr);
        assert!(env.run("lint c").exits(1).stdout.contains(text.trim_end()), "{reference}");
        env.run("template c --skip-schema-validation").ok();
    }
}

#[test]
fn a_draft_of_its_own_is_told() {
    let env = Env::new();
    chart(&env, "#/$defs/a");
    for (draft, text) in [
        ("nowhere", "failing loading \"nowhere\": no URLLoader registered for \"nowhere\"\n"),
        ("urn:mine", "$schema \"urn:mine\" is none of the drafts 4, 6, 7, 2019-09 and 2020-12\n"),
    ] {
        env.write("c/values.schema.json", &format!("{{\"$schema\": \"{draft}\"}}"));
        let said = env.run("template c").exits(1).stderr;
        assert!(said.starts_with(&format!("{HEAD}{text}")), "{said}");
    }
}

#[test]
fn a_server_cannot_make_a_document_endless() {
    let (env, server) = (Env::new(), Hostile::start(|_| Hostile::page("200 OK", &" ".repeat((8 << 20) + 1))));
    chart(&env, &format!("{}/a.json", server.url));
    let said = env.run("template c").exits(1).stderr;
    assert!(said.contains("larger than the limit of 8388608 bytes"), "{said}");
}
