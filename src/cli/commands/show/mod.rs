//! `bowline show`: what a chart says about itself.

pub mod all;
pub mod chart;
pub mod crds;
pub mod readme;
pub mod values;

use super::{Body, Verb};
use crate::cli::args::ChartArgs;
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::show::{self, Part};

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

/// Prints a part of a chart.
fn show(session: &Session, part: Part, reference: &str, chart: &ChartArgs) -> Outcome {
    let chart = chart.resolve(session, reference);
    let report = session.with_context(|context| show::show(context, &chart))?;
    session.ui.out(&report.text(part))?;
    Ok(Exit::Done)
}
