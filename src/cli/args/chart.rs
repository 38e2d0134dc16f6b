//! Which chart, in which version, from where, and how much of it may be read.

use clap::Args;

use super::CHART_HEADING;
use super::net::NetArgs;
use crate::chart::Limits;
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::fetch::{FetchOptions, Provenance};
use crate::ops::options::ChartRequest;

/// Bounds on what an archive may unpack to.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LimitArgs {
    /// Largest size of a chart when unpacked, and of one of its files, in bytes or with a unit; 100MiB when left out
    #[arg(long, value_parser = size, value_name = "SIZE")]
    pub max_chart_size: Option<u64>,
    /// Largest number of files in a chart; 20000 when left out
    #[arg(long, value_parser = parse::unsigned, value_name = "N")]
    pub max_chart_files: Option<u32>,
}

impl LimitArgs {
    /// The bounds, the library's own where none was given.
    pub fn resolve(self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.max_chart_size {
            limits.total_bytes = bytes;
            // A chart may be one file.
            limits.file_bytes = limits.file_bytes.max(bytes);
        }
        if let Some(files) = self.max_chart_files {
            limits.files = files as usize;
        }
        limits
    }
}

/// A size in bytes: digits, or digits and one of `B KiB MiB GiB KB MB GB K M G`.
fn size(text: &str) -> Result<u64, String> {
    let invalid = || format!("invalid size {}", parse::quote(text));
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(invalid()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(invalid)
}

/// The flags of every command that takes a chart reference.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = CHART_HEADING)]
pub struct ChartArgs {
    /// Version of the chart, or a range of versions; the newest when left out
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Take pre-releases into account: the same as --version '>0.0.0-0'
    #[arg(long)]
    pub devel: bool,
    /// URL of the chart repository; the chart is then named alone
    #[arg(long, value_name = "URL")]
    pub repo: Option<String>,
    /// How to reach repositories.
    #[command(flatten)]
    pub net: NetArgs,
    /// Send the credentials to hosts other than the repository's too
    #[arg(long)]
    pub pass_credentials: bool,
    /// Demand a valid signature of the archive before using it
    #[arg(long)]
    pub verify: bool,
    /// File of public keys to check signatures with; GnuPG's pubring.gpg or pubring.kbx when left out
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<String>,
    /// Bounds for reading charts.
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl ChartArgs {
    /// The chart that the flags and the positional describe.
    pub fn resolve(&self, session: &Session, reference: &str) -> ChartRequest {
        ChartRequest {
            reference: reference.to_string(),
            fetch: FetchOptions {
                version: self.version.clone().unwrap_or_default(),
                devel: self.devel,
                repo: self.repo.clone().unwrap_or_default(),
                provenance: if self.verify { Provenance::Required } else { Provenance::No },
                ..self.net.resolve(session, self.pass_credentials)
            },
            limits: self.limits.resolve(),
            verify: self.verify.then(|| session.keyring(self.keyring.as_deref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_the_limits_of_the_library() {
        let none = LimitArgs::default().resolve();
        assert_eq!((none.total_bytes, none.files), (100 << 20, 20_000), "the help says 100MiB and 20000");
        let more = LimitArgs { max_chart_size: Some(200 << 20), ..LimitArgs::default() }.resolve();
        assert_eq!((more.total_bytes, more.file_bytes), (200 << 20, 200 << 20));
        let less = LimitArgs { max_chart_size: Some(1), ..LimitArgs::default() }.resolve();
        assert_eq!((less.total_bytes, less.file_bytes), (1, none.file_bytes));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("10"), Ok(10));
        assert_eq!(size("2MiB"), Ok(2 << 20));
        assert_eq!(size("3 KB"), Ok(3_000));
        for text in ["", "x", "10X", "99999999999G", "-1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
