//! The flag that chooses how progress is told.

use clap::Args;

use crate::cli::parse::{self, ProgressMode};

/// `--progress`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ProgressArg {
    /// How to tell progress on standard error: auto (a table on a terminal, lines elsewhere), plain (lines), json (an
    /// object on each line) or none
    #[arg(long, default_value = "auto", value_parser = parse::progress, value_name = "HOW")]
    pub progress: ProgressMode,
}
