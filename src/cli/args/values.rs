//! Values given on the command line: files and `--set` in its five kinds.

use clap::Args;

use super::VALUES_HEADING;
use crate::cli::parse::{self, Csv};
use crate::ops::options::ValueSources;

/// The flags as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = VALUES_HEADING)]
pub struct ValueArgs {
    /// Values file, URL, or - for standard input; several are merged, the last wins
    #[arg(long, short = 'f', value_parser = parse::csv, value_name = "FILE,…")]
    pub values: Vec<Csv>,
    /// Set values: `key=1,a.b[0]=text`
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub set: Vec<String>,
    /// Set values that stay text: key=1 is the text 1
    #[arg(long, value_name = "KEY=TEXT,…")]
    pub set_string: Vec<String>,
    /// Set values to the content of files: key=path
    #[arg(long, value_name = "KEY=PATH,…")]
    pub set_file: Vec<String>,
    /// Set values as JSON: key={"a":1}, or one whole object
    #[arg(long, value_name = "JSON")]
    pub set_json: Vec<String>,
    /// Set one value to text that is taken as it stands, commas included
    #[arg(long, value_name = "KEY=TEXT")]
    pub set_literal: Vec<String>,
}

impl ValueArgs {
    /// The sources.
    pub fn resolve(&self) -> ValueSources {
        ValueSources {
            files: self.values.iter().flat_map(|Csv(files)| files.iter().cloned()).collect(),
            json: self.set_json.clone(),
            set: self.set.clone(),
            strings: self.set_string.clone(),
            from_files: self.set_file.clone(),
            literals: self.set_literal.clone(),
        }
    }
}
