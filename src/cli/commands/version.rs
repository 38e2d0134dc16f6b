//! `bowline version`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::{Program, Session};
use crate::cli::view;
use crate::data::Value;
use crate::ops::text_template;

/// The version of Helm whose behaviour this one has.
pub const HELM_VERSION: &str = "v4.3.1";
/// The Kubernetes version that templates see when there is no cluster.
pub const KUBERNETES_VERSION: &str = "v1.37.0";

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "version",
    aliases: &[],
    about: "Print the version",
    long: "\
Prints bowline's version, and the versions of Helm and Kubernetes that it is compatible with.

Started under the name helm it prints what Helm of that version prints, since many tools look at it first.",
    examples: "\
bowline version
bowline version --short
bowline version --template '{{.Version}}'
bowline version -o json",
    positionals: "",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<VersionArgs>()),
};

/// Flags of `version`.
#[derive(Debug, Clone, Args)]
pub struct VersionArgs {
    /// Print the number alone
    #[arg(long)]
    pub short: bool,
    /// Go template to print, over {Version, GitCommit, GitTreeState, GoVersion, KubeClientVersion, HelmVersion}
    #[arg(long, value_name = "TEMPLATE")]
    pub template: Option<String>,
    /// Accepted for Helm 2's and 3's sake: there is only this program's version
    #[arg(long, short = 'c', hide = true)]
    pub client: bool,
    /// Accepted for Helm 2's sake: nothing of this runs in the cluster
    #[arg(long, short = 's', hide = true)]
    pub server: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// What `version -o json` prints.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct VersionReport {
    version: String,
    helm: &'static str,
    kubernetes: &'static str,
}

/// The number alone, as `--short` prints it.
pub fn short(program: Program) -> String {
    if program.as_helm { HELM_VERSION.to_string() } else { format!("v{}", env!("CARGO_PKG_VERSION")) }
}

/// What `--template` sees: Helm's fields, and the version of Helm that this one is compatible with.
fn build_info(program: Program) -> Value {
    let kubernetes = KUBERNETES_VERSION.rsplit_once('.').map_or(KUBERNETES_VERSION, |(minor, _)| minor);
    Value::from_iter([
        ("Version", Value::str(short(program))),
        ("GitCommit", Value::str("")),
        ("GitTreeState", Value::str("")),
        ("GoVersion", Value::str("")),
        ("KubeClientVersion", Value::str(kubernetes)),
        ("HelmVersion", Value::str(HELM_VERSION)),
    ])
}

/// The default text, in the form that Helm's has.
fn text(program: Program) -> String {
    let minor = |version: &'static str| version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    if program.as_helm {
        return format!(
            "version.BuildInfo{{Version:\"{HELM_VERSION}\", GitCommit:\"\", GitTreeState:\"\", GoVersion:\"\", \
             KubeClientVersion:\"{}\"}}",
            minor(KUBERNETES_VERSION)
        );
    }
    format!(
        "bowline.BuildInfo{{Version:\"{}\", HelmVersion:\"{HELM_VERSION}\", KubeClientVersion:\"{}\"}}",
        short(program),
        minor(KUBERNETES_VERSION)
    )
}

impl Run for VersionArgs {
    fn run(self, session: &Session) -> Outcome {
        let program = session.settings.program;
        if let Some(template) = self.template.as_deref().filter(|template| !template.is_empty()) {
            let text = text_template::text(template, &build_info(program)).map_err(Failure::of_verb)?;
            session.ui.out(&text)?;
            return Ok(Exit::Done);
        }
        let line = |text: String| -> Result<(), Failure> { session.ui.line(text) };
        match self.output.output {
            Format::Table if self.short => line(short(program))?,
            Format::Table => line(text(program))?,
            format => {
                let report = VersionReport {
                    version: short(program),
                    helm: HELM_VERSION,
                    kubernetes: KUBERNETES_VERSION,
                };
                session.ui.out(&view::structured(&report, format)?)?;
            }
        }
        Ok(Exit::Done)
    }
}
