//! The flag that chooses how a report is printed.

use clap::Args;

use crate::cli::parse::{self, Format};

/// `-o`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct OutputArg {
    /// How to print the result: table, json or yaml
    #[arg(long, short, default_value = "table", value_parser = parse::format, value_name = "FORMAT")]
    pub output: Format,
}
