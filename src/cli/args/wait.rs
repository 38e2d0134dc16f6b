//! What to wait for, and for how long.

use std::time::Duration;

use clap::Args;

use crate::cli::parse::{self, WaitStrategy};
use crate::cli::settings::Session;
use crate::ops::options::{self, Wait};

/// Waiting for objects and hooks.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitArgs {
    /// Wait until objects are ready; =watcher, =hookOnly or =legacy choose how
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "hookOnly",
          default_missing_value = "watcher", value_parser = parse::wait_strategy, value_name = "STRATEGY")]
    pub wait: WaitStrategy,
    /// How long to wait for each object or hook, such as 90s or 5m
    #[arg(long, default_value = "5m0s", value_parser = parse::duration, value_name = "DURATION")]
    pub timeout: Duration,
}

/// Waiting for another process that works on the release.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LockArgs {
    /// How long to wait for another process that works on this release, instead of failing at once
    #[arg(long, value_parser = parse::duration, value_name = "DURATION")]
    pub wait_lock: Option<Duration>,
}

impl WaitArgs {
    /// What the flags mean; warns about the booleans of Helm 3.
    pub fn resolve(self, session: &Session, jobs: bool) -> Wait {
        let old = |typed: &str, new: &str| {
            let text =
                format!("--wait={typed} is deprecated (boolean value) and can be replaced with --wait={new}");
            session.ui.warn(&text, &[]);
        };
        let strategy = match self.wait {
            WaitStrategy::True => {
                old("true", "watcher");
                options::WaitStrategy::Watcher
            }
            WaitStrategy::False => {
                old("false", "hookOnly");
                options::WaitStrategy::HookOnly
            }
            WaitStrategy::Watcher => options::WaitStrategy::Watcher,
            WaitStrategy::HookOnly => options::WaitStrategy::HookOnly,
            WaitStrategy::Legacy => options::WaitStrategy::Legacy,
        };
        Wait { strategy, timeout: self.timeout, jobs }
    }
}
