//! The page in a real browser: headless Chromium, driven by plain WebDriver over HTTP. Skipped, with a line, where `chromium`
//! or `chromedriver` is not installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bowline::chart::{ChartFile, Limits, from_files};
use bowline::package::{PackOptions, pack};
use bowline::repo::serve::ServeOptions;
use serde_json::{Value, json};

use crate::serving::{Running, chart, host};
use crate::serving_uploads::{folder, writable};
use crate::support::http::{PATIENCE, client};
use crate::support::skip::server_is_missing;

/// How often the start of a browser is tried; on a busy machine it gives up by itself now and then.
const STARTS: usize = 3;
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const RIGHT: &str = "\u{e014}";
/// The field under which WebDriver tells an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window; it ends with the test.
struct Browser {
    driver: Child,
    client: reqwest::blocking::Client,
    session: String,
    profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; what is not ended so goes with its driver.
        let _ = self.client.delete(&self.session).timeout(Duration::from_secs(20)).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = found.is_ok_and(|status| status.success());
    if !there {
        server_is_missing(&format!("the program `{program}` is not installed"));
    }
    there
}

impl Browser {
    /// Starts one; `None` where there is none.
    fn start(width: u32, more: &[&str]) -> Option<Self> {
        if !is_installed("chromium") || !is_installed("chromedriver") {
            return None;
        }
        let mut failures = Vec::new();
        for _ in 0..STARTS {
            match Self::try_start(width, more) {
                Ok(browser) => return Some(browser),
                Err(failure) => failures.push(failure),
            }
        }
        panic!("the browser does not start: {failures:?}");
    }

    fn try_start(width: u32, more: &[&str]) -> Result<Self, String> {
        let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let client = client();
        let port = port_of(&mut driver);
        let mut browser = Browser { driver, client, session: String::new(), profile };
        let base = format!("http://127.0.0.1:{}/session", port.ok_or("the driver told no port")?);
        let size = format!("--window-size={width},900");
        let data = format!("--user-data-dir={}", browser.profile.path().join("profile").display());
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-proxy-server",
            "--lang=en",
            size.as_str(),
            data.as_str(),
        ];
        arguments.extend(more);
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.send(&base, &wanted)?;
        let id = made["sessionId"].as_str().ok_or("there is no session")?;
        browser.session = format!("{base}/{id}");
        Ok(browser)
    }

    fn send(&self, url: &str, body: &Value) -> Result<Value, String> {
        let sent =
            self.client.post(url).header("content-type", "application/json").body(body.to_string()).send();
        let text = sent.and_then(reqwest::blocking::Response::text).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let value = answer["value"].clone();
        match value["error"].as_str() {
            Some(_) => Err(value["message"].as_str().unwrap_or_default().to_string()),
            None => Ok(value),
        }
    }

    #[track_caller]
    fn command(&self, path: &str, body: &Value) -> Value {
        self.send(&format!("{}/{path}", self.session), body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[track_caller]
    fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// What a script in the page returns.
    #[track_caller]
    fn ask(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": format!("return {script}"), "args": []}))
    }

    #[track_caller]
    fn text(&self, selector: &str) -> String {
        let script = format!(
            "[...document.querySelectorAll({})].map((one) => one.innerText).join('\\n')",
            json!(selector)
        );
        self.ask(&script).as_str().unwrap_or_default().to_string()
    }

    /// Waits until an expression of the page is true.
    #[track_caller]
    fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.ask(&format!("Boolean({expression})")) != json!(true) {
            assert!(
                start.elapsed() < PATIENCE,
                "{expression} did not come true; the page shows {}",
                self.text("body")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn until_text(&self, selector: &str, part: &str) {
        self.until(&format!(
            "(document.querySelector({})?.innerText || '').includes({})",
            json!(selector),
            json!(part)
        ));
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let found = self.command("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap().to_string()
    }

    #[track_caller]
    fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Presses keys, one after the other, where the focus is.
    #[track_caller]
    fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [
                    json!({"type": "keyDown", "value": key.to_string()}),
                    json!({"type": "keyUp", "value": key.to_string()}),
                ]
            })
            .collect();
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// What the browser complained about, and what it asked elsewhere for: nothing, if the page is good.
    #[track_caller]
    fn is_content(&self) {
        let log = self.command("se/log", &json!({"type": "browser"}));
        let errors: Vec<&Value> =
            log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE").collect();
        assert_eq!(errors, Vec::<&Value>::new());
        let elsewhere =
            self.ask("performance.getEntriesByType('resource').map((one) => one.name).filter((url) => !url.startsWith(location.origin + '/'))");
        assert_eq!(elsewhere, json!([]));
    }
}

/// The port that a driver says it took.
fn port_of(driver: &mut Child) -> Option<u16> {
    let output = driver.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // Reads on, so that the driver never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let end = Instant::now() + PATIENCE;
    while let Ok(line) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        if let Some((_, rest)) = line.split_once("started successfully on port ") {
            return rest.trim_end_matches('.').trim().parse().ok();
        }
    }
    None
}

/// A chart with files of one's own.
fn packed(folder: &Path, yaml: &str, files: &[(&str, &str)]) {
    let file = |path: &str, text: &str| ChartFile {
        path: path.into(),
        data: text.as_bytes().into(),
        modified: 1_767_225_600,
    };
    let mut all = vec![file("Chart.yaml", yaml)];
    all.extend(files.iter().map(|(path, text)| file(path, text)));
    let chart = from_files("chart", all, &Limits::default()).unwrap();
    pack(&chart, &PackOptions::default()).unwrap().save(folder).unwrap();
}

fn fill(folder: &Path) {
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        chart(
            folder,
            "web",
            version,
            "keywords: [http, front]\nhome: https://web.example.com\nmaintainers: [{name: Ann, url: \"javascript:alert(1)\"}]\n",
        );
    }
    std::fs::write(folder.join("web-1.1.0.tgz.prov"), "signed").unwrap();
    packed(
        folder,
        "apiVersion: v2\nname: store\nversion: 0.3.0\ndescription: Keeps things\ndependencies:\n- {name: web, version: 1.x.x, repository: \"https://charts.example.com\", alias: front}\n",
        &[
            ("README.md", "# Store\n\nSome *words* and `code`.\n"),
            ("values.yaml", "# How many of them\nreplicas: 2\nimage:\n  # Which one\n  tag: \"1.0\"\n"),
            (
                "values.schema.json",
                r#"{"properties": {"replicas": {"type": "integer", "enum": [1, 2]}, "extra": {"type": "string", "description": "Only in the schema"}}}"#,
            ),
            ("templates/a.yaml", "kind: ConfigMap\n"),
            ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ],
    );
}

#[test]
fn people_search_open_and_copy() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    fill(&folder);
    let server =
        Running::start(&host(outside.path()), &ServeOptions { writable: false, ..writable(&folder) });
    browser.open(&server.url);
    browser.until_text("#count", "2 charts");
    // The first chart is open beside the list.
    browser.until_text("h1", "store");

    browser.press("/");
    browser.until("document.activeElement.id === 'query'");
    browser.press("front");
    browser.until_text("#count", "1 chart of 2");
    browser.press(ENTER);
    browser.until_text("h1", "web");
    // The newest that is no prerelease.
    browser.until("location.hash === '#/web' && document.querySelector('.facts select').value === '1.1.0'");
    assert!(browser.text(".facts").contains("Provenance file"));
    let facts = browser.ask("[...document.querySelectorAll('.facts a')].map((one) => one.href)");
    let links = [
        "https://web.example.com/".to_string(),
        format!("{}/web-1.1.0.tgz", server.url),
        format!("{}/web-1.1.0.tgz.prov", server.url),
    ];
    assert_eq!(facts, json!(links), "a link of a maintainer that is a script is none");

    let commands = browser.text(".command code");
    let port = server.address.port();
    for line in [
        format!("bowline repo add local {}", server.url),
        "bowline install web local/web --version 1.1.0".to_string(),
        format!("bowline install web oci://127.0.0.1:{port}/charts/web --version 1.1.0 --plain-http"),
    ] {
        assert!(commands.contains(&line), "{commands}");
    }
    browser.command(
        "goog/cdp/execute",
        &json!({"cmd": "Browser.grantPermissions", "params": {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}}),
    );
    browser.click(".command .copy");
    browser.until_text("#said", "Copied the command: Add this repository, once");
    let read = json!({"script": "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(String(error)))", "args": []});
    assert_eq!(
        browser.command("execute/async", &read),
        json!(format!("bowline repo add local {}", server.url))
    );
    browser.click(".switch button:nth-child(2)");
    assert!(browser.text(".command code").contains("helm repo add local"));

    // An address leads to its version and tab, and back again.
    browser.open(&format!("{}/#/web/1.0.0/versions", server.url));
    browser.until("document.querySelector('.facts select')?.value === '1.0.0'");
    assert_eq!(
        browser.ask("[...document.querySelectorAll('tbody a')].map((one) => one.textContent)"),
        json!(["2.0.0-rc.1", "1.1.0", "1.0.0"])
    );
    browser.click("tbody a");
    browser.until("document.querySelector('.facts select').value === '2.0.0-rc.1'");
    browser.command("back", &json!({}));
    browser.until("document.querySelector('.facts select').value === '1.0.0'");
    browser.is_content();
}

#[test]
fn values_open_as_a_tree_and_keys_are_enough() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    fill(&folder);
    let server =
        Running::start(&host(outside.path()), &ServeOptions { writable: false, ..writable(&folder) });
    browser.open(&format!("{}/#/store", server.url));
    browser.until_text("h1", "store");
    browser.until_text(".prose", "Some words and code.");
    browser.click("#tab-readme");
    browser.press(RIGHT);
    browser.until("document.activeElement.id === 'tab-values'");
    let tree = browser.text(".tree.top");
    for part in [
        "replicas",
        "integer",
        "How many of them",
        "one of 1, 2",
        "Which one",
        "\"1.0\"",
        "Only in the schema",
    ] {
        assert!(tree.contains(part), "{part} is not in {tree}");
    }
    browser.ask("document.querySelector('.small').focus()");
    browser.press("image.tag");
    browser.until("document.querySelectorAll('.tree li').length === 1");
    assert!(browser.text(".tree").contains("image.tag"));
    browser.press(ESCAPE);
    browser.click("#tab-schema");
    browser.until_text(".code", "Only in the schema");
    browser.click("#tab-dependencies");
    browser.until_text("table", "web as front");
    browser.click("table a");
    browser.until_text("h1", "web");

    // From the search through the list and back, without a mouse.
    browser.press("/");
    browser.press(DOWN);
    browser.until("document.activeElement.classList.contains('item')");
    browser.press(DOWN);
    browser.press(ENTER);
    browser.until("location.hash === '#/web'");
    // Whatever can be reached by keys shows that it was, and has a name.
    let nameless = browser.ask(
        "[...document.querySelectorAll('a[href], button, input, select')].filter((one) => !(one.innerText || one.getAttribute('aria-label') || one.labels?.length))\
         .map((one) => one.outerHTML)",
    );
    assert_eq!(nameless, json!([]));
    assert_eq!(browser.ask("document.documentElement.lang && document.querySelectorAll('main, nav, header, [role=search]').length"), json!(4));
    browser.is_content();
}

#[test]
fn a_hostile_chart_does_nothing_in_the_page() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    let attack = "<img src=x onerror=\"window.struck=1\"><script>window.struck=1</script>";
    packed(
        &folder,
        &format!(
            "apiVersion: v2\nname: evil\nversion: 1.0.0\ndescription: '{attack}'\nhome: 'javascript:window.struck=1'\nkeywords: ['{attack}']\n\
             maintainers: [{{name: '{attack}', email: 'a@b'}}]\nsources: ['data:text/html,x', 'https://ok.example.com/{attack}']\nappVersion: '{attack}'\n"
        ),
        &[
            (
                "README.md",
                &format!(
                    "# {attack}\n\n{attack}\n\n[x](javascript:window.struck=1) ![p](https://elsewhere.invalid/p.png)\n\n<iframe src=\"https://elsewhere.invalid\"></iframe>\n"
                ),
            ),
            ("values.yaml", &format!("# {attack}\n\"{}\": '{attack}'\n", attack.replace('"', "\\\""))),
            (
                "values.schema.json",
                &json!({"properties": {"a": {"description": attack, "type": attack, "enum": [attack]}}})
                    .to_string(),
            ),
            ("templates/a.yaml", "kind: ConfigMap\n"),
        ],
    );
    let server =
        Running::start(&host(outside.path()), &ServeOptions { writable: false, ..writable(&folder) });
    browser.open(&server.url);
    browser.until_text("h1", "evil");
    browser.until_text(".prose h1", "window.struck=1");
    for tab in ["values", "schema", "versions", "readme"] {
        browser.click(&format!("#tab-{tab}"));
        browser
            .until(&format!("document.getElementById('tab-{tab}').getAttribute('aria-selected') === 'true'"));
        assert_eq!(
            browser.ask("window.struck || document.querySelectorAll('main img, main script, iframe').length"),
            json!(0)
        );
    }
    let schemes = browser.ask("[...document.querySelectorAll('a[href]')].map((one) => one.protocol).filter((one) => !['http:', 'https:', 'mailto:'].includes(one))");
    assert_eq!(schemes, json!([]));
    browser.is_content();
}

/// A proxy that has the server below `/stable/`; it runs as long as the test.
fn below_stable(server: &Running) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, address) = (listener.local_addr().unwrap(), server.address);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|count| count == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let Some(below) = head.strip_prefix("GET /stable/") else {
                    let _ = client.write_all(
                        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    );
                    return;
                };
                let request = format!("GET /{below}").replace("keep-alive", "close");
                let mut server = TcpStream::connect(address).unwrap();
                server.write_all(request.as_bytes()).unwrap();
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    format!("http://{own}/stable/")
}

#[test]
fn the_page_works_below_a_path() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    std::fs::create_dir(folder.join("team")).unwrap();
    chart(&folder.join("team"), "web", "1.0.0", "");
    chart(&folder, "db", "1.0.0", "");
    let told = "https://charts.example.com/stable/".to_string();
    for (depth, url, link) in [(0, String::new(), "db-1.0.0.tgz"), (1, told, "team/web-1.0.0.tgz")] {
        let options = ServeOptions { depth, url: url.clone(), writable: false, ..writable(&folder) };
        let server = Running::start(&host(outside.path()), &options);
        let base = below_stable(&server);
        browser.open(&base);
        browser.until_text(".facts", link.rsplit('/').next().unwrap());
        let file = browser.ask("document.querySelector('.facts a[download]').href");
        assert_eq!(file, json!(format!("{base}{link}")));
        assert_eq!(
            browser.ask("document.getElementById('index').href.startsWith(location.origin + '/stable/')"),
            json!(true)
        );
        let commands = browser.text(".command code");
        let shown = if url.is_empty() { base.as_str() } else { url.as_str() };
        assert!(commands.contains(shown.trim_end_matches('/')) && !commands.contains("oci://"), "{commands}");
        browser.is_content();
    }
}

#[test]
fn a_readme_has_links_within_and_columns() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    let filler = "Words.\n\n".repeat(200);
    let readme = format!(
        "# T\n\n[go](#set-up) <b>bold</b><br>next\n\n|l|c|r|\n|:-|:-:|-:|\n|1|2|3|\n\n{filler}## Set up\n\n{filler}"
    );
    packed(
        &folder,
        "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        &[("README.md", &readme), ("templates/a.yaml", "kind: ConfigMap\n")],
    );
    let server =
        Running::start(&host(outside.path()), &ServeOptions { writable: false, ..writable(&folder) });
    browser.open(&server.url);
    browser.until_text(".prose", "bold\nnext");
    let aligned = browser
        .ask("[...document.querySelectorAll('.prose td')].map((one) => getComputedStyle(one).textAlign)");
    assert_eq!(aligned, json!(["left", "center", "right"]));
    let at_heading = "Math.abs(document.getElementById('readme-set-up').getBoundingClientRect().top) < 200";
    assert_eq!(browser.ask(at_heading), json!(false));
    browser.click(".prose a");
    browser.until(at_heading);
    browser.until("location.hash === '#/web/1.0.0/readme/set-up'");
    let address = browser.ask("location.href");
    browser.open("about:blank");
    browser.open(address.as_str().unwrap());
    browser.until(&format!("document.getElementById('readme-set-up') && {at_heading}"));
    browser.is_content();
}

#[test]
fn a_long_list_is_drawn_as_it_is_needed() {
    let Some(browser) = Browser::start(1400, &[]) else { return };
    let (outside, folder) = folder();
    let entry = |number: usize| {
        format!(
            "  app-{number:04}:\n  - {{name: app-{number:04}, version: 1.0.0, urls: [app-{number}.tgz]}}\n"
        )
    };
    let entries: String = (0..2_000).map(entry).collect();
    std::fs::write(folder.join("index.yaml"), format!("apiVersion: v1\nentries:\n{entries}")).unwrap();
    let server =
        Running::start(&host(outside.path()), &ServeOptions { writable: false, ..writable(&folder) });
    browser.open(&format!("{}/#/app-0000", server.url));
    browser.until_text("#count", "2,000 charts");
    let drawn = || browser.ask("document.querySelectorAll('#list .item').length");
    assert_eq!(drawn(), json!(100));
    browser.click(".more");
    assert_eq!(drawn(), json!(200));
    // The keyboard goes on where it was.
    assert_eq!(browser.ask("document.activeElement.hash"), json!("#/app-0100"));
    browser.press("/");
    browser.press("app-19");
    browser.until_text("#count", "100 charts of 2,000");
    assert_eq!(browser.ask("document.querySelector('#list .item').hash"), json!("#/app-1900"));
    browser.press("99");
    browser.until_text("#count", "1 chart of 2,000");
}

#[test]
fn tenants_on_a_narrow_screen() {
    let Some(browser) = Browser::start(500, &["--force-dark-mode"]) else { return };
    let (outside, folder) = folder();
    for tenant in ["ops", "team"] {
        std::fs::create_dir(folder.join(tenant)).unwrap();
        chart(&folder.join(tenant), "web", if tenant == "ops" { "1.0.0" } else { "2.0.0" }, "");
    }
    chart(&folder.join("ops"), "db", "1.0.0", "");
    let options = ServeOptions { depth: 1, writable: false, ..writable(&folder) };
    let server = Running::start(&host(outside.path()), &options);
    browser.command("goog/cdp/execute", &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": true}}));
    browser.open(&server.url);
    browser.until_text("#count", "3 charts");
    browser.ask("document.getElementById('query').focus()");
    browser.press("team");
    browser.until_text("#count", "1 chart of 3");
    browser.press(ENTER);
    browser.until("location.hash === '#/team/web'");
    browser.until_text(".facts", "2.0.0");
    let commands = browser.text(".command code");
    assert!(
        commands.contains(&format!("repo add team {}/team", server.url))
            && commands.contains("/charts/team/web"),
        "{commands}"
    );
    let download = browser.ask("document.querySelector('.facts a[download]').href");
    assert_eq!(download, json!(format!("{}/team/web-2.0.0.tgz", server.url)));
    // Nothing is wider than the screen, on the chart and on the list.
    assert_eq!(browser.ask("document.documentElement.scrollWidth <= 320"), json!(true));
    browser.press(ESCAPE);
    browser.until("location.hash === '#/' && document.querySelector('.side').offsetHeight > 0");
    assert_eq!(browser.ask("document.documentElement.scrollWidth <= 320"), json!(true));
    browser.ask("(() => { const chooser = document.getElementById('tenant'); chooser.value = 'ops'; chooser.dispatchEvent(new Event('change')); })()");
    browser.ask("(() => { const query = document.getElementById('query'); query.value = ''; query.dispatchEvent(new Event('input')); })()");
    browser.until_text("#count", "2 charts");
    browser.is_content();
}
