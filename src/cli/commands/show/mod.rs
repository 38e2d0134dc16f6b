//! `bowline show`: what a chart says about itself.

pub mod all;
pub mod chart;
pub mod crds;
pub mod readme;
pub mod values;

use super::{Body, Verb, unwired};
use crate::cli::args::{ChartArgs, ChartRequest};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "show",
    aliases: &["inspect"],
    about: "Print what a chart says about itself",
    long: "\
Prints the metadata, values, README or CRDs of a chart. `show CHART` is `show all`, as in Helm 2.",
    examples: "\
bowline show values ./web
bowline show readme stable/web",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[&all::VERB, &chart::VERB, &crds::VERB, &readme::VERB, &values::VERB],
        fallback: Some(&all::VERB),
    },
};

/// A part of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Chart.yaml.
    Chart,
    /// crds/.
    Crds,
    /// The README.
    Readme,
    /// values.yaml.
    Values,
}

/// What to show.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowOptions {
    /// The chart.
    pub chart: ChartRequest,
    /// Which part of it.
    pub part: Part,
    /// JSONPath over the values.
    pub json_path: Option<String>,
}

/// Prints a part of a chart.
fn show(
    session: &Session,
    part: Part,
    reference: &str,
    chart: &ChartArgs,
    json_path: Option<String>,
) -> Outcome {
    let chart = chart.resolve(session, reference)?;
    let options = ShowOptions { chart, part, json_path: json_path.filter(|path| !path.is_empty()) };
    unwired(session, &options)
}
