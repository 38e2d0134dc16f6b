//! `bowline test`.

use std::time::Duration;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{OutputArg, ProgressArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Csv};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::release::Block;
use crate::ops::{query, test};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "test",
    aliases: &[],
    about: "Run the tests of a release",
    long: "\
Runs the test hooks of a release's newest revision, one after the other, and waits for their end. A test that fails makes
the command fail after all is told.",
    examples: "\
bowline test web
bowline test web --logs --filter name=web-test-connection",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<TestArgs>()),
};

/// Flags of `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// Which tests: name=NAME runs only these, !name=NAME leaves these out
    #[arg(long, value_parser = parse::csv, value_name = "FILTER,…")]
    pub filter: Vec<Csv>,
    /// Accepted for Helm 2's sake: tests run one after the other
    #[arg(long, hide = true, value_parser = parse::unsigned, value_name = "N")]
    pub max: Option<u32>,
    /// Accepted for Helm 2's sake: tests run one after the other
    #[arg(long, hide = true)]
    pub parallel: bool,
    /// Print the logs of the tests' pods
    #[arg(long)]
    pub logs: bool,
    /// How long to wait for each test, such as 90s or 5m
    #[arg(long, default_value = "5m0s", value_parser = parse::duration, value_name = "DURATION")]
    pub timeout: Duration,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl TestArgs {
    fn resolve(&self) -> test::TestOptions {
        let mut options = test::TestOptions {
            release: self.release.clone(),
            logs: self.logs,
            timeout: self.timeout,
            ..test::TestOptions::default()
        };
        // Other words are passed over. Source: Helm.
        for word in self.filter.iter().flat_map(|Csv(words)| words) {
            if let Some(name) = word.strip_prefix("name=") {
                options.only.push(name.to_string());
            } else if let Some(name) = word.strip_prefix("!name=") {
                options.without.push(name.to_string());
            }
        }
        options
    }
}

impl Run for TestArgs {
    fn run(self, session: &Session) -> Outcome {
        if self.parallel {
            session.ui.warn("tests run one after the other; --parallel does nothing any more", &[]);
        }
        let namespace = session.namespace()?;
        let options = self.resolve();
        let store = session.changing_store()?;
        let target = store.target(&namespace);
        let report = session.with_interrupt(|context| test::test(context, target, &options))?;
        // Notes are for those who install, as in Helm.
        let everything = session.settings.debug;
        let computed = everything.then(|| query::values_of(&report.release, true)).transpose();
        let computed = computed.map_err(Failure::of_verb)?;
        let block = Block { everything, computed: computed.as_ref(), hide_notes: true, ..Block::default() };
        session.ui.out(&view::release::text(
            &report.release,
            self.output.output,
            &block,
            session.ui.paint,
        )?)?;
        for log in &report.logs {
            session.ui.out(&format!("\nPOD LOGS: {} ({})\n{}\n", log.pod, log.container, log.text))?;
        }
        match report.failure {
            None => Ok(Exit::Done),
            Some(error) => Err(Failure::of_verb(error)),
        }
    }
}
