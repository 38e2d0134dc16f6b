//! Counts for Prometheus, in its text format.
//!
//! Invariant: the number of series is bounded by the methods and statuses of the server, and by its tenants.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::catalog::Catalog;

/// What a scraper is told that the text is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Numbers and times by method and status.
type Counts = BTreeMap<(&'static str, u16), (u64, Duration)>;

/// What was answered so far.
#[derive(Default)]
pub(super) struct Metrics {
    /// Per method and status: how many, and how long they took together.
    requests: Mutex<Counts>,
}

impl Metrics {
    /// Counts an answer.
    pub(super) fn count(&self, method: &str, status: u16, took: Duration) {
        let known = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("-");
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, time) = requests.entry((method, status)).or_default();
        *count += 1;
        *time += took;
    }

    /// All counts as text, with those of some folders.
    pub(super) fn text(&self, folders: &[(String, Arc<Catalog>)]) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, folders);
        text
    }

    fn write(&self, text: &mut String, folders: &[(String, Arc<Catalog>)]) -> std::fmt::Result {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writeln!(text, "# HELP bowline_http_requests_total Requests that were answered.")?;
        writeln!(text, "# TYPE bowline_http_requests_total counter")?;
        for ((method, status), (count, _)) in &requests {
            writeln!(text, "bowline_http_requests_total{{method=\"{method}\",code=\"{status}\"}} {count}")?;
        }
        writeln!(
            text,
            "# HELP bowline_http_request_duration_seconds Time from a request's head to its answer's end."
        )?;
        writeln!(text, "# TYPE bowline_http_request_duration_seconds summary")?;
        for ((method, status), (count, time)) in &requests {
            let labels = format!("{{method=\"{method}\",code=\"{status}\"}}");
            writeln!(text, "bowline_http_request_duration_seconds_sum{labels} {}", time.as_secs_f64())?;
            writeln!(text, "bowline_http_request_duration_seconds_count{labels} {count}")?;
        }
        let counts = [
            ("bowline_charts", "Charts that are served, by folder."),
            ("bowline_chart_versions", "Versions of charts that are served, by folder."),
        ];
        for (at, (name, help)) in counts.into_iter().enumerate() {
            writeln!(text, "# HELP {name} {help}")?;
            writeln!(text, "# TYPE {name} gauge")?;
            for (tenant, catalog) in folders {
                let last = catalog.last();
                let value = if at == 0 { last.index.entries.len() } else { last.versions() };
                writeln!(text, "{name}{{repo=\"{tenant}\"}} {value}")?;
            }
        }
        Ok(())
    }
}
