//! What goes over the network slowly: how it is told, and how it ends when the user asks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::support::Env;
use crate::support::registry::{Fake, Reply};

const INDEX: &str = "apiVersion: v1\nentries: {}\n";

/// How a server gives its body.
#[derive(Clone, Copy)]
enum Pace {
    /// The first half, a long silence, the rest.
    Halting(Duration),
    /// The first half, and nothing more until the client goes.
    Stuck,
}

/// A server that answers every request slowly with the text; what comes out of the channel are the requests' heads.
fn slow(text: &'static str, pace: Pace) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = channel();
    // It ends with the process of the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                // A client that goes away in the middle is what some tests are about.
                let _ = answer(stream, text, pace, |head| {
                    let _ = sender.send(head);
                });
            });
        }
    });
    (url, heads)
}

fn answer(mut stream: TcpStream, text: &str, pace: Pace, told: impl FnOnce(String)) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        head.extend(byte);
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len())?;
    let (first, rest) = text.split_at(text.len() / 2);
    stream.write_all(first.as_bytes())?;
    stream.flush()?;
    told(String::from_utf8_lossy(&head).into_owned());
    match pace {
        Pace::Halting(silence) => std::thread::sleep(silence),
        // Ends when the client closes.
        Pace::Stuck => while stream.read(&mut byte)? > 0 {},
    }
    stream.write_all(rest.as_bytes())
}

/// The JSON lines of standard error.
fn lines(stderr: &str) -> Vec<serde_json::Value> {
    stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_transfer_that_lasts_is_told_and_its_end_too() {
    let (url, _heads) = slow(INDEX, Pace::Halting(Duration::from_secs(3)));
    let ran = Env::new().run(&format!("repo add slow {url} --progress=json")).ok();
    let told = lines(&ran.stderr);
    let of = |state: &str| told.iter().filter(|line| line["state"] == state).collect::<Vec<_>>();
    let (moving, ended) = (of("downloading"), of("transferred"));
    assert!(!moving.is_empty() && ended.len() == 1, "{}", ran.stderr);
    assert_eq!(moving[0]["size"], INDEX.len());
    assert_eq!(moving[0]["message"], "http://127.0.0.1:[PORT]/index.yaml");
    assert_eq!((&ended[0]["bytes"], &ended[0]["size"]), (&INDEX.len().into(), &INDEX.len().into()));
}

#[test]
fn a_transfer_is_told_in_words_or_not_at_all() {
    let (url, _heads) = slow(INDEX, Pace::Halting(Duration::from_secs(6)));
    let plain = Env::new().run(&format!("repo add slow {url} --progress=plain")).ok();
    assert!(
        plain.stderr.contains("downloading http://127.0.0.1:[PORT]/index.yaml 13 of 27 B\n"),
        "{}",
        plain.stderr
    );
    let (url, _heads) = slow(INDEX, Pace::Halting(Duration::from_secs(2)));
    let silent = Env::new().run(&format!("repo add slow {url} --progress=none")).ok();
    assert_eq!(silent.stderr, "");
}

/// Starts a command that waits for the stuck server, interrupts it, and demands that it ends as it should.
fn interrupted(env: &Env, words: &[&str], heads: &Receiver<String>) -> String {
    let mut command = env.command(words.iter().copied());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    heads.recv_timeout(Duration::from_secs(60)).expect("the server is asked");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{words:?}: {stderr}");
    assert!(stderr.contains("interrupted"), "{words:?}: {stderr}");
    stderr
}

#[test]
fn ctrl_c_ends_a_transfer_and_leaves_nothing_behind() {
    let (url, heads) = slow(INDEX, Pace::Stuck);
    let env = Env::new();
    let archive = format!("{url}/web-1.0.0.tgz");
    interrupted(&env, &["pull", &archive], &heads);
    interrupted(&env, &["repo", "add", "slow", &url], &heads);
    interrupted(&env, &["install", "web", &archive, "--store", "sqlite:store.sqlite"], &heads);
    let left: Vec<_> =
        std::fs::read_dir(env.work()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("store.sqlite")), "{left:?}");
    assert!(!env.run("repo list").stdout.contains("slow"));
    env.run("list --store sqlite:store.sqlite -q --all").ok().prints("");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_busy_registry() {
    let (told, heads) = channel();
    let told = std::sync::Mutex::new(told);
    let busy = Fake::start(move |asked| {
        told.lock().unwrap().send(asked.path.clone()).unwrap();
        Reply::new(429, "").with("retry-after", "50")
    });
    let reference = format!("oci://{}/charts/web", busy.host);
    let began = Instant::now();
    interrupted(&Env::new(), &["pull", &reference, "--version", "1.0.0", "--plain-http"], &heads);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn ctrl_c_during_an_update_leaves_the_old_index() {
    let (url, heads) = slow(INDEX, Pace::Stuck);
    let env = Env::new();
    let config = format!("apiVersion: v1\nrepositories:\n- name: slow\n  url: {url}\n");
    env.write("repositories.yaml", &config);
    let words = ["repo", "update", "--repository-config", "repositories.yaml", "--repository-cache", "cache"];
    env.write("cache/slow-index.yaml", INDEX);
    interrupted(&env, &words, &heads);
    assert_eq!(env.read("cache/slow-index.yaml"), INDEX);
}
