//! A registry in memory for tests that need one to misbehave: what it is asked can be answered by somebody else first.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bowline::data::digest::Digest;

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Headers, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// Method and path as one text.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A header, empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    hang_up: bool,
}

impl Reply {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Reply { status, body: body.into(), ..Reply::default() }
    }

    /// No answer: the connection ends.
    pub fn hang_up() -> Self {
        Reply { hang_up: true, ..Reply::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_string(), value.into()));
        self
    }
}

/// A server of this machine that ends with the process: a test binary has no better moment.
pub struct Fake {
    /// `127.0.0.1:PORT`.
    pub host: String,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts a server that answers as the function says.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let host = listener.local_addr().expect("it is bound").to_string();
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let _ = converse(stream, &log, &*answer);
                });
            }
        });
        Fake { host, seen }
    }

    /// A registry in memory. `fault` answers in its place when it likes.
    pub fn registry(
        fault: impl Fn(&Asked, &mut Memory) -> Option<Reply> + Send + Sync + 'static,
    ) -> (Self, Arc<Mutex<Memory>>) {
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let kept = Arc::clone(&memory);
        let fake = Fake::start(move |asked| {
            let mut memory = kept.lock().expect("no test panics in here");
            fault(asked, &mut memory).unwrap_or_else(|| memory.answer(asked))
        });
        (fake, memory)
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().expect("no test panics in here").clone()
    }

    /// How often something was asked for.
    pub fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|asked| asked.line().starts_with(line)).count()
    }
}

fn converse(
    stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Reply,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let mut asked = Asked {
            method: words.next().unwrap_or_default().to_string(),
            path: words.next().unwrap_or_default().to_string(),
            ..Asked::default()
        };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            asked.headers.insert(name.to_lowercase(), value.to_string());
        }
        let length = asked.header("content-length").parse().unwrap_or(0);
        asked.body = vec![0; length];
        reader.read_exact(&mut asked.body)?;
        log.lock().expect("no test panics in here").push(asked.clone());
        let reply = answer(&asked);
        if reply.hang_up {
            return Ok(());
        }
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        if asked.method != "HEAD" {
            bytes.extend(&reply.body);
        }
        // In one piece: a second one would wait for the client's word that the first came.
        stream.write_all(&bytes)?;
    }
}

/// What a registry keeps.
#[derive(Debug, Default)]
pub struct Memory {
    /// By digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// By repository and tag or digest, with the media type.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// Uploads that are not at their end, by number.
    pub uploads: BTreeMap<usize, Vec<u8>>,
    begun: usize,
}

impl Memory {
    /// Keeps a manifest under a name such as `charts/web/manifests/1.0.0`.
    pub fn keep(&mut self, name: &str, kind: &str, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).prefixed();
        let (repository, _) = name.split_once("/manifests/").expect("a name of a manifest");
        for name in [name.to_string(), format!("{repository}/manifests/{digest}")] {
            self.manifests.insert(name, (kind.to_string(), bytes.to_vec()));
        }
        digest
    }

    /// Keeps a blob.
    pub fn blob(&mut self, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).prefixed();
        self.blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Answers as a registry does.
    pub fn answer(&mut self, asked: &Asked) -> Reply {
        let path = asked.path.strip_prefix("/v2/").unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path.is_empty() {
            return Reply::new(200, "{}");
        }
        if path.contains("/blobs/uploads/") {
            return self.upload(asked, path, query);
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return self
                .blobs
                .get(digest)
                .map_or_else(|| Reply::new(404, ""), |bytes| Reply::new(200, bytes.clone()));
        }
        if path.contains("/manifests/") && asked.method == "PUT" {
            let digest = self.keep(path, asked.header("content-type"), &asked.body);
            return Reply::new(201, "").with("docker-content-digest", digest);
        }
        if path.contains("/manifests/") {
            return self.manifests.get(path).map_or_else(
                || {
                    Reply::new(
                        404,
                        "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
                    )
                },
                |(kind, bytes)| Reply::new(200, bytes.clone()).with("content-type", kind.clone()),
            );
        }
        if let Some(repository) = path.strip_suffix("/tags/list") {
            let start = format!("{repository}/manifests/");
            let tags: Vec<String> = self
                .manifests
                .keys()
                .filter_map(|name| name.strip_prefix(&start))
                .filter(|tag| !tag.contains(':'))
                .map(|tag| format!("\"{tag}\""))
                .collect();
            return Reply::new(200, format!("{{\"tags\":[{}]}}", tags.join(",")));
        }
        Reply::new(404, "")
    }

    fn upload(&mut self, asked: &Asked, path: &str, query: &str) -> Reply {
        let (folder, number) = path.rsplit_once('/').expect("there is a slash");
        let at = |number: usize| format!("/v2/{folder}/{number}?state=x");
        if asked.method == "POST" {
            self.begun += 1;
            self.uploads.insert(self.begun, Vec::new());
            return Reply::new(202, "").with("location", at(self.begun));
        }
        let number: usize = number.parse().unwrap_or(0);
        let Some(kept) = self.uploads.get_mut(&number) else {
            return Reply::new(404, "{\"errors\":[{\"code\":\"BLOB_UPLOAD_UNKNOWN\"}]}");
        };
        let range = asked.header("content-range");
        let start = range.split('-').next().and_then(|start| start.parse::<usize>().ok());
        if start.is_some_and(|start| start != kept.len()) {
            return Reply::new(416, "");
        }
        kept.extend(&asked.body);
        let last = kept.len().saturating_sub(1);
        if asked.method != "PUT" {
            let status = if asked.method == "PATCH" { 202 } else { 204 };
            return Reply::new(status, "").with("location", at(number)).with("range", format!("0-{last}"));
        }
        let bytes = self.uploads.remove(&number).unwrap_or_default();
        let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap_or_default();
        if digest.replace("%3A", ":") != self.blob(&bytes) {
            return Reply::new(400, "{\"errors\":[{\"code\":\"DIGEST_INVALID\"}]}");
        }
        Reply::new(201, "")
    }
}
