//! Flags as typed, in the groups that commands share. What they mean, in the library's own types, is said by each group's
//! `resolve`.
//!
//! Invariant: a group declares flags and converts them; it reads no file and asks no server.

pub mod apply;
pub mod chart;
pub mod global;
pub mod net;
pub mod output;
pub mod progress;
pub mod values;
pub mod wait;

pub use apply::{ApplyArgs, DeprecatedApplyArgs, DryRunArg};
pub use chart::{ChartArgs, LimitArgs};
pub use global::GlobalArgs;
pub use net::NetArgs;
pub use output::OutputArg;
pub use progress::ProgressArg;
pub use values::ValueArgs;
pub use wait::{LockArgs, WaitArgs};

/// Help heading of the flags that name a chart and reach its repository.
pub const CHART_HEADING: &str = "Chart options";
/// Help heading of the flags that set values.
pub const VALUES_HEADING: &str = "Values options";
/// Help heading of the flags that every command takes.
pub const GLOBAL_HEADING: &str = "Global options";
