//! `bowline test`.

use std::time::Duration;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{OutputArg, ProgressArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Csv, Format};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::release::Block;
use crate::data::{Map, Value};
use crate::ops::query;
use crate::ops::test::{self, TestLog};

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
        let format = self.output.output;
        let failure = report.failure.map(Failure::of_verb);
        if format == Format::Table {
            session.ui.out(&view::release::block(&report.release, &block, session.ui.paint)?)?;
            for log in &report.logs {
                session.ui.out(&format!("\nPOD LOGS: {} ({})\n{}\n", log.pod, log.container, log.text))?;
            }
            return failure.map_or(Ok(Exit::Done), Err);
        }
        let fields = fields(view::release::object(&report.release, &block)?, &report.logs, self.logs);
        if let Some(failure) = failure {
            // One object for a program, whatever came of it.
            return Err(failure.beside(fields));
        }
        session.ui.out(&view::structured(&fields, format)?)?;
        Ok(Exit::Done)
    }
}

/// The fields of the object for a program: those of the release, and the logs where they were asked for.
fn fields(release: Value, logs: &[TestLog], asked: bool) -> Map {
    let mut fields = match release {
        Value::Map(fields) => fields,
        _ => Map::new(),
    };
    if asked {
        let log = |log: &TestLog| {
            let fields = [("pod", &log.pod), ("container", &log.container), ("text", &log.text)];
            Value::Map(
                fields.map(|(name, text)| (name.into(), Value::str(text.as_str()))).into_iter().collect(),
            )
        };
        fields.insert("logs".into(), Value::List(logs.iter().map(log).collect()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_fields_of_the_release() {
        let release = || Value::Map([("name".into(), Value::str("r"))].into_iter().collect());
        let log = TestLog { pod: "p".into(), container: "c".into(), text: "POD LOGS: x\n".into() };
        let json = |fields: &Map| view::structured(fields, Format::Json).unwrap();
        assert_eq!(
            json(&fields(release(), &[log], true)),
            "{\"name\":\"r\",\"logs\":[{\"pod\":\"p\",\"container\":\"c\",\"text\":\"POD LOGS: x\\n\"}]}\n"
        );
        assert_eq!(json(&fields(release(), &[], false)), "{\"name\":\"r\"}\n");
    }
}
