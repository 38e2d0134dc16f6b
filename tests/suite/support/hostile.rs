//! A server that answers as a test wants it, and remembers what it was asked.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server that answers each connection's first request as it likes, and remembers what it was asked.
pub struct Hostile {
    /// Where it listens.
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    /// A server whose answer, head and body, follows from the head of the request.
    pub fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::streaming(move |request, stream| stream.write_all(&answer(request)))
    }

    /// The same with the connection to write to.
    pub fn streaming(
        answer: impl Fn(&str, &mut std::net::TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        let answer = Arc::new(answer);
        // The thread ends with the process: a test binary has no better moment.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().unwrap().push(head.clone());
                    let _ = answer(&head, &mut stream);
                });
            }
        });
        Hostile { url, seen }
    }

    /// An answer with a status line and a body.
    pub fn page(status: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Whether the head of some request had a text in it, in small letters.
    pub fn saw(&self, text: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|head| head.to_lowercase().contains(text))
    }
}
