//! What a chart is rendered with: flags and files in layers, over the defaults of the chart and its subcharts.
//!
//! ```text
//! files, --set-json, --set, … ─► layers ─► user values ─┬─► enable (conditions, tags, alias, import-values) ─► chart
//!                    old release ─► reuse ──────────────┘                                                      │
//!                                                              schema ◄── values ◄── coalesce (defaults) ◄──────┘
//! ```
//!
//! Invariant: nothing here prints, and nothing depends on the order in which charts were read. Warnings are returned.

pub mod coalesce;
pub mod enable;
pub mod error;
pub mod jsonpath;
pub mod layers;
mod pointer;
pub mod provenance;
mod read;
pub mod reuse;
pub mod schema;
pub mod set;

pub use coalesce::{Compat, coalesce, lay_over, lay_over_keeping_nulls};
pub use enable::{Processed, process};
pub use error::{ChartFindings, Finding, ValuesError};
pub use layers::Layers;
pub use provenance::{Layer, Origin, Provenance};
pub use reuse::{Reuse, reuse};
pub use set::Flag;
