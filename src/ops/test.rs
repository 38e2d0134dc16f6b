//! Test: the test hooks of a release's last revision.
//!
//! The revision is held while its tests run, so that an operation does not take its objects away below them, and the result does not
//! get lost. One that bowline knows nothing of (Helm's) may still begin.
//!
//! Invariant: the revision's state does not change, only how its hooks ran last.

use std::time::Duration;

use super::change::{self, Target};
use super::live::{Live, Run};
use super::options::{Wait, WaitStrategy};
use super::{Context, OpsError, hooks};
use crate::manifest::{self, Event};
use crate::plan::Method;
use crate::release::{ApplyMethod, Holder, Hook, Record, Release, ReleaseError, Terms, lock};

/// How to test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestOptions {
    /// The release.
    pub release: String,
    /// Only hooks of these names; all when empty.
    pub only: Vec<String>,
    /// Hooks of these names are left out.
    pub without: Vec<String>,
    /// For each hook.
    pub timeout: Duration,
    /// Tell the logs of the tests' pods.
    pub logs: bool,
}

/// What came of the tests.
#[derive(Debug)]
pub struct TestReport {
    /// The release, its hooks as they ran.
    pub release: Release,
    /// Why a test failed; `None` when all succeeded.
    pub failure: Option<OpsError>,
    /// The logs of the tests' pods, when they were asked for, in the order in which the tests ran.
    pub logs: Vec<TestLog>,
    /// Tests that a store which runs nothing left alone.
    pub not_run: Vec<String>,
}

/// What a container of a test said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestLog {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its log.
    pub text: String,
}

/// Runs the tests of a release.
///
/// # Errors
/// There is no such release, somebody works on it, or its record cannot be written. A test that fails is in the report.
pub fn test(
    context: &Context<'_>,
    target: Target<'_>,
    options: &TestOptions,
) -> Result<TestReport, OpsError> {
    manifest::check_release(&options.release)?;
    change::telling(context, target, || run_tests(context, target, options))
}

fn run_tests(
    context: &Context<'_>,
    target: Target<'_>,
    options: &TestOptions,
) -> Result<TestReport, OpsError> {
    let history = target.history(context);
    let mut look = change::clear_the_way(context, &history, &options.release, None, false)?;
    let missing = || ReleaseError::NotFound { name: options.release.clone(), revision: None };
    let record = look.last()?.ok_or_else(missing)?;
    let Some(cluster) = target.store.cluster() else {
        let not_run = change::hooks_not_run(context, target.store, &record.release, &[Event::Test], false);
        return Ok(TestReport { release: record.release, failure: None, logs: Vec::new(), not_run });
    };
    let method = match record.release.apply_method {
        Some(ApplyMethod::ServerSide) => Method::Server { force: false },
        _ => Method::Client,
    };
    let wait = Wait { strategy: WaitStrategy::Watcher, timeout: options.timeout, jobs: true };
    let live = Live { context, target, cluster, wait, method };
    let mut record = record;
    let holder = Holder::of(context.host);
    let newest = record.base();
    lock::hold_record(&history, &mut record, &newest, &Terms::new(&holder))?;
    let (record, skipped) = set_aside(record, options);
    let mut run = Run::on(live, record);
    run.logs = options.logs.then(Vec::new);
    let ended = hooks::run(&mut run, Event::Test, |_| String::new());
    // Those that were left out come first in the record. Source: Helm.
    run.record.release.hooks.splice(0..0, skipped);
    run.end()?;
    let logs = run.logs.unwrap_or_default();
    Ok(TestReport {
        logs: logs.into_iter().map(|(pod, container, text)| TestLog { pod, container, text }).collect(),
        release: run.record.release,
        failure: ended.err().map(|failed| failed.error),
        not_run: Vec::new(),
    })
}

/// Takes the hooks out of a record that are not to run.
fn set_aside(mut record: Record, options: &TestOptions) -> (Record, Vec<Hook>) {
    let wanted = |hook: &Hook| {
        (options.only.is_empty() || options.only.contains(&hook.name))
            && !options.without.contains(&hook.name)
    };
    let hooks = std::mem::take(&mut record.release.hooks);
    let (kept, skipped): (Vec<Hook>, Vec<Hook>) = hooks.into_iter().partition(wanted);
    record.release.hooks = kept;
    (record, skipped)
}
