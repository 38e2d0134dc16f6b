//! Documents that a values.schema.json refers to by URL.
//!
//! Invariant: a document is asked for once, however often it is referred to, without anybody's credentials, and only by
//! http and https: a chart makes nobody read files of this machine.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::sys::Host;
use crate::sys::http::{Http, HttpError, HttpOptions, Request};

/// Largest document, in bytes.
const LARGEST: u64 = 8 << 20;
/// Longest time for one. Source: Helm.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the references of one command's schemas lead to.
pub struct Documents<'a> {
    host: &'a Host,
    client: OnceCell<Http>,
    known: RefCell<BTreeMap<String, Result<Vec<u8>, String>>>,
}

impl<'a> Documents<'a> {
    /// Nothing is asked for yet.
    pub fn new(host: &'a Host) -> Self {
        Documents { host, client: OnceCell::new(), known: RefCell::default() }
    }

    /// The bytes of a document.
    ///
    /// # Errors
    /// A sentence in Helm's words: it cannot be had, is too large, or its URL is of another kind.
    pub fn load(&self, url: &str) -> Result<Vec<u8>, String> {
        if let Some(known) = self.known.borrow().get(url) {
            return known.clone();
        }
        let loaded = self.ask(url);
        self.known.borrow_mut().insert(url.to_string(), loaded.clone());
        loaded
    }

    fn ask(&self, url: &str) -> Result<Vec<u8>, String> {
        if url.starts_with("file:") {
            return Err("a schema does not read files of this machine".to_string());
        }
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!("no URLLoader registered for {url:?}"));
        }
        let patient = || HttpOptions { total_timeout: PATIENCE, ..HttpOptions::new(self.host) };
        let client = self.client.get_or_init(|| Http::new(patient()));
        let answer = client.get(url, &Request { compressed: true, ..Request::new(LARGEST) });
        answer.map(|answer| answer.body).map_err(|error| match error {
            HttpError::Status { url, status, reason, .. } => {
                format!("HTTP request to {url} returned status {status} ({reason})")
            }
            error => format!("HTTP request failed for {url}: {error}"),
        })
    }
}
