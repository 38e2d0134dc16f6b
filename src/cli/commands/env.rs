//! `bowline env`.

use std::collections::BTreeMap;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cluster::StoreChoice;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "env",
    aliases: &[],
    about: "Print the settings that are in force",
    long: "\
Prints every setting as a line NAME=\"value\", as flags, variables and files leave it: the folders, the namespace, and
which store is chosen and why, with its driver where it is a cluster. With a name it prints that value alone.",
    examples: "\
bowline env
bowline env BOWLINE_NAMESPACE
bowline env -o json",
    positionals: "[NAME]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<EnvArgs>()),
};

/// Flags of `env`.
#[derive(Debug, Clone, Args)]
pub struct EnvArgs {
    /// Setting to print alone
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// Every setting by its name, sorted.
fn settings(session: &Session) -> BTreeMap<String, String> {
    let (host, settings) = (session.host, session.settings);
    let (kube, repositories) = (&settings.kube, &settings.repositories);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |path: &std::path::Path| path.display().to_string();
    let program = settings.program;
    let (namespace, store) = match settings.store(host) {
        Ok(store) => {
            let namespace = settings.namespace(host).unwrap_or_else(|_| "default".to_string());
            (namespace, Some(store))
        }
        Err(failure) => {
            session.ui.warn("no store can be chosen", &[("error", failure.message())]);
            (settings.given_namespace().unwrap_or("default").to_string(), None)
        }
    };
    let prefix = if program.as_helm { "HELM" } else { "BOWLINE" };
    let mut all: BTreeMap<String, String> = [
        ("BIN", program.name().to_string()),
        ("BURST_LIMIT", kube.burst_limit.to_string()),
        ("CACHE_HOME", path(&host.dirs.cache)),
        ("CONFIG_HOME", path(&host.dirs.config)),
        ("CONTENT_CACHE", path(&repositories.content)),
        ("DATA_HOME", path(&host.dirs.data)),
        ("DEBUG", settings.debug.to_string()),
        ("KUBEAPISERVER", text(&kube.server)),
        ("KUBEASGROUPS", kube.as_groups.join(",")),
        ("KUBEASUSER", text(&kube.as_user)),
        ("KUBECAFILE", text(&kube.ca_file)),
        ("KUBECONTEXT", text(&kube.context)),
        ("KUBEINSECURE_SKIP_TLS_VERIFY", kube.insecure_skip_tls_verify.to_string()),
        ("KUBETLS_SERVER_NAME", text(&kube.tls_server_name)),
        ("KUBETOKEN", kube.token.as_ref().map_or_else(String::new, ToString::to_string)),
        ("MAX_HISTORY", settings.max_history.to_string()),
        ("NAMESPACE", namespace),
        ("QPS", format!("{:.2}", kube.qps)),
        ("REGISTRY_CONFIG", path(&repositories.registry)),
        ("REPOSITORY_CACHE", path(&repositories.cache)),
        ("REPOSITORY_CONFIG", path(&repositories.config)),
    ]
    .into_iter()
    .map(|(name, value)| (format!("{prefix}_{name}"), value))
    .collect();
    if let Some(config) = &kube.kubeconfig {
        all.insert("KUBECONFIG".to_string(), config.clone());
    }
    if program.as_helm {
        all.insert("HELM_PLUGINS".to_string(), path(&host.dirs.data.join("plugins")));
    } else if let Some(store) = store {
        all.insert("BOWLINE_STORE".to_string(), store.spec());
        all.insert("BOWLINE_STORE_REASON".to_string(), store.why.to_string());
        if matches!(store.choice, StoreChoice::Kube { .. }) {
            match settings.driver(host) {
                Ok(driver) => drop(all.insert("BOWLINE_DRIVER".to_string(), driver.name().to_string())),
                Err(error) => session.ui.warn("no driver can be chosen", &[("error", &error.to_string())]),
            }
        }
    }
    all
}

impl Run for EnvArgs {
    fn run(self, session: &Session) -> Outcome {
        let all = settings(session);
        if let Some(name) = &self.name {
            session.ui.line(all.get(name).map_or("", String::as_str))?;
            return Ok(Exit::Done);
        }
        match self.output.output {
            Format::Table => {
                let lines: Vec<String> =
                    all.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                session.ui.line(lines.join("\n"))?;
            }
            format => session.ui.out(&view::structured(&all, format)?)?,
        }
        Ok(Exit::Done)
    }
}
