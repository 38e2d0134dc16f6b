//! `search hub` against a server that answers as Artifact Hub does, and against servers that do not.

use serde_json::{Value, json};

use crate::support::hostile::Hostile;
use crate::support::{Env, Ran};

const LONG: &str = "A web server whose description is longer than a column of the table is wide";

fn hit(name: &str, version: &str) -> Value {
    json!({
        "id": format!("acme/{name}"), "type": "chart",
        "artifactHub": {"packageUrl": format!("https://hub.example/packages/helm/acme/{name}")},
        "attributes": {
            "name": name, "description": LONG, "icon": null, "keywords": null,
            "repo": {"name": "acme", "url": "https://charts.example/acme"}
        },
        "relationships": {"latestChartVersion": {"data": {"version": version, "app_version": "v9"}}}
    })
}

/// A catalogue; what it answers follows from what it is asked for.
fn catalogue() -> Hostile {
    Hostile::start(|head| {
        let asked =
            head.split_once("charts/search?q=").map_or("", |(_, rest)| rest.split(' ').next().unwrap());
        let found = |data: Value| Hostile::page("200 OK", &json!({ "data": data }).to_string());
        let mut old = hit("old", "0.1.0");
        match asked {
            "web+server" => found(json!([hit("web", "1.2.3"), hit("web-two", "2.0.0")])),
            "nothing" => found(json!([])),
            // A Go program writes an empty list so.
            "null" => found(Value::Null),
            "old" => {
                old.as_object_mut().unwrap().remove("artifactHub");
                found(json!([old]))
            }
            "nulls" => {
                old["attributes"] = json!({"description": null, "repo": null});
                old["relationships"]["latestChartVersion"]["data"] =
                    json!({"version": "1.0.0", "app_version": null});
                found(json!([old]))
            }
            "escape" => {
                old["attributes"]["description"] = json!("one\n\u{1b}[31mtwo\ttab");
                found(json!([old]))
            }
            "page" => Hostile::page("200 OK", "<!DOCTYPE html><html></html>"),
            "cut" => Hostile::page("200 OK", "{\"data\": ["),
            "broken" => Hostile::page("500 Internal Server Error", "oops"),
            "huge" => b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx".to_vec(),
            _ => Hostile::page("404 Not Found", "no such page"),
        }
    })
}

/// Runs a search; the output is without the server's address.
fn ask(words: &str) -> Ran {
    let server = catalogue();
    let mut ran = Env::new().run(&format!("search hub {words} --endpoint {}", server.url));
    let port = regex::Regex::new(r"http://127\.0\.0\.1:(\d+|\[PORT\])").unwrap();
    ran.stdout = port.replace_all(&ran.stdout, "[HUB]").into_owned();
    ran.stderr = port.replace_all(&ran.stderr, "[HUB]").into_owned();
    ran
}

#[test]
fn what_is_found_is_listed_as_helm_lists_it() {
    let cut = "A web server whose description is longer than a...";
    ask("web server").ok().complains("").prints(&format!(
        "URL                                           \tCHART VERSION\tAPP VERSION\tDESCRIPTION{}\n\
         https://hub.example/packages/helm/acme/web    \t1.2.3        \tv9         \t{cut}\n\
         https://hub.example/packages/helm/acme/web-two\t2.0.0        \tv9         \t{cut}\n",
        " ".repeat(cut.len() - "DESCRIPTION".len()),
    ));
    ask("web server --max-col-width 20 --list-repo-url").ok().prints(
        "URL                 \tCHART VERSION\tAPP VERSION\tDESCRIPTION         \tREPO URL            \n\
         https://hub.examp...\t1.2.3        \tv9         \tA web server whos...\thttps://charts.ex...\n\
         https://hub.examp...\t2.0.0        \tv9         \tA web server whos...\thttps://charts.ex...\n",
    );
    let whole = ask("web server --max-col-width 0").ok().stdout;
    assert!(whole.contains(LONG), "{whole}");
    assert!(ask("old").ok().stdout.contains("[HUB]/charts/acme/old"));
    assert!(ask("nulls").ok().stdout.contains("old\t1.0.0 "));
}

#[test]
fn programs_get_all_of_it() {
    let json: Value = serde_json::from_str(&ask("web server -o json").ok().stdout).unwrap();
    assert_eq!(
        json[0],
        json!({
            "url": "https://hub.example/packages/helm/acme/web", "version": "1.2.3", "app_version": "v9",
            "description": LONG,
            "repository": {"url": "https://charts.example/acme", "name": "acme"}
        })
    );
    assert_eq!(json[1]["version"], "2.0.0");
    let yaml = ask("old -o yaml").ok().stdout;
    assert!(
        yaml.starts_with("- app_version: v9\n") && yaml.contains("\n  url: [HUB]/charts/acme/old\n"),
        "{yaml}"
    );
}

#[test]
fn nothing_found_is_an_answer_unless_it_is_to_fail() {
    for nothing in ["nothing", "null"] {
        ask(nothing).ok().prints("No results found\n").complains("");
        ask(&format!("{nothing} -o json")).ok().prints("[]\n");
        ask(&format!("{nothing} -o yaml")).ok().prints("[]\n");
        ask(&format!("{nothing} --fail-on-no-result"))
            .exits(1)
            .prints("")
            .complains("Error: no results found\n");
    }
}

#[test]
fn a_description_cannot_command_the_terminal() {
    let table = ask("escape").ok().stdout;
    assert!(!table.contains('\u{1b}') && table.contains("one"), "{table:?}");
    assert_eq!(table.lines().count(), 2, "{table:?}");
}

#[test]
fn what_is_no_catalogue_is_told() {
    const PAGE: &str = "\nhint: is this the address of a catalogue? Artifact Hub's is https://hub.helm.sh\n";
    const OTHER: &str = "\nhint: `bowline search repo` finds charts in the repositories that you added, without the network\n";
    for (word, says, hint) in [
        ("page", "the answer is no search result: ", PAGE),
        ("cut", "the answer is no search result: ", PAGE),
        ("broken", ": 500 Internal Server Error", OTHER),
        ("missing", ": 404 Not Found", OTHER),
        ("huge", "67108864", OTHER),
    ] {
        let ran = ask(word).exits(1);
        assert!(ran.stdout.is_empty(), "{word}: {}", ran.stdout);
        assert!(
            ran.stderr.starts_with("Error: unable to perform search against \"[HUB]\": "),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(says) && ran.stderr.ends_with(hint), "{word}: {}", ran.stderr);
    }
}

#[test]
fn the_question_is_escaped_and_the_address_may_have_a_path() {
    let server = catalogue();
    Env::new().run(&format!("search hub 'a&b=c/\u{e9}' --endpoint {}/below/", server.url)).exits(1);
    assert!(server.saw("get /below/api/chartsvc/v1/charts/search?q=a%26b%3dc%2f%c3%a9 http"));
}
