//! `bowline why`.

use clap::Args;
use serde::Serialize;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::commands::get::RevisionArgs;
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view::{RevisionHead, structured};
use crate::ops::why;
use crate::wait::{Evidence, ObjectEvidence};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "why",
    aliases: &[],
    about: "Show why an operation on a release failed",
    long: "\
Shows what was known when the newest failed revision failed, or the one that is named: the error, the objects that were
not ready with their conditions, what held their pods up, warnings, and the last lines of logs. It is kept in the revision's
record, so that it is there when the pods are gone, after a rollback too.",
    examples: "\
bowline why web
bowline why web --revision 4 -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<WhyArgs>()),
};

/// Flags of `why`.
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    head: RevisionHead<'a>,
    evidence: Option<&'a Evidence>,
}

impl Run for WhyArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let store = session.store()?;
        let target = store.target(&options.namespace);
        let (name, revision) = (&options.release, options.revision.map(u64::from));
        let found = session.with_context(|context| why::why(context, target, name, revision))?;
        let report = found.as_ref().map(|found| Report {
            head: RevisionHead::new(name, found.revision, found.status, &found.description),
            evidence: found.evidence.as_ref(),
        });
        if self.output.output != Format::Table {
            session.ui.out(&structured(&report, self.output.output)?)?;
            return Ok(Exit::Done);
        }
        let Some(report) = report else {
            session.ui.line(format!("no revision of {name} failed"))?;
            return Ok(Exit::Done);
        };
        session.ui.line(report.head.line("is"))?;
        match report.evidence {
            None => session.ui.line("nothing more was kept of it")?,
            Some(evidence) => session.ui.out(&text(evidence))?,
        }
        Ok(Exit::Done)
    }
}

fn text(evidence: &Evidence) -> String {
    let mut text = String::new();
    for object in &evidence.objects {
        text += &object_text(object);
    }
    if evidence.left_out > 0 {
        text += &format!("\n({} more objects are not shown)\n", evidence.left_out);
    }
    text
}

fn object_text(object: &ObjectEvidence) -> String {
    let mut text = format!("\n{}: {}: {}\n", object.object, object.status, object.message);
    for (title, lines) in
        [("pods", &object.troubles), ("conditions", &object.conditions), ("warnings", &object.events)]
    {
        for line in lines {
            text += &format!("  {title}: {line}\n");
        }
    }
    for log in &object.logs {
        text += &format!("  log of pod {}, container {}:\n", log.pod, log.container);
        for line in log.text.lines() {
            text += &format!("    {line}\n");
        }
    }
    text
}
