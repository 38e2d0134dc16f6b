//! What the global flags, the environment and the files mean together: the second of two steps.
//!
//! `args` holds what was typed; [`Settings`] is what it means here: a flag wins over its variable, a variable over a
//! file, a file over the default. Commands see only this and their own flags.
//!
//! Invariant: files are read only when asked for ([`Settings::store`], [`Settings::namespace`]); `bowline template` and
//! `bowline version` read none.

pub mod store;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::args::GlobalArgs;
use super::error::Failure;
use super::parse::{self, ProgressMode};
use super::ui::{ColourMode, Level, Ui};
use crate::cluster::KubeOptions;
use crate::cluster::kube::DEFAULT_BURST;
use crate::release::{Driver, ReleaseError};
use crate::sys::env_vars::VARIABLES;
use crate::sys::{Dirs, Host, Secret, fs};

pub use store::ChosenStore;

/// Under which name the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Started as `helm`: Helm's variables, folders, exit codes and version.
    pub as_helm: bool,
}

impl Program {
    /// Looks at the first word of the command line.
    pub fn of_argument(argument: Option<&str>) -> Self {
        let stem = argument.and_then(|path| std::path::Path::new(path).file_stem()?.to_str());
        Program { as_helm: stem == Some("helm") }
    }

    /// The name that messages use.
    pub fn name(self) -> &'static str {
        if self.as_helm { "helm" } else { "bowline" }
    }

    /// The host with the folders that belong to the name.
    pub fn host(self, mut host: Host) -> Host {
        if self.as_helm {
            host.dirs = Dirs::helm(&host.env);
        }
        host
    }

    /// The name that a variable has under this name: `BOWLINE_DEBUG`, `HELM_DEBUG`.
    pub fn variable_name(self, name: &str) -> Option<&'static str> {
        let variable = VARIABLES.iter().find(|variable| variable.name == name)?;
        Some(if self.as_helm { variable.helm } else { variable.name }).filter(|name| !name.is_empty())
    }

    /// The value of a variable of the table, by its bowline name; `None` when it is unset or empty.
    pub fn variable(self, host: &Host, name: &str) -> Option<String> {
        host.var(self.variable_name(name)?).map(str::to_string)
    }
}

/// Which program's behaviour counts where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// bowline's own: Helm 4's with what bowline adds, and Helm 2's `delete`.
    #[default]
    Own,
    /// Helm 3.
    Helm3,
    /// Helm 4.
    Helm4,
}

/// How to reach an API server, apart from what the kubeconfig says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KubeSettings {
    /// Path given by flag; otherwise `KUBECONFIG` and `~/.kube/config` count.
    pub kubeconfig: Option<String>,
    /// Context in place of the current one.
    pub context: Option<String>,
    /// Server in place of the context's.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<Secret>,
    /// User to act as.
    pub as_user: Option<String>,
    /// Groups to act as.
    pub as_groups: Vec<String>,
    /// Certificate authority.
    pub ca_file: Option<String>,
    /// Server name of the certificate.
    pub tls_server_name: Option<String>,
    /// Leave the certificate unchecked.
    pub insecure_skip_tls_verify: bool,
    /// Requests that may burst; -1 for no limit.
    pub burst_limit: i64,
    /// Steady rate; 0 for the client's own.
    pub qps: f32,
}

/// Files and folders of repositories and registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryPaths {
    /// `repositories.yaml`.
    pub config: PathBuf,
    /// Folder of cached indexes.
    pub cache: PathBuf,
    /// Folder of archives by digest.
    pub content: PathBuf,
    /// Registry credentials.
    pub registry: PathBuf,
}

/// What holds for every command of this run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name the program runs under.
    pub program: Program,
    /// Whose behaviour counts.
    pub compat: Compat,
    /// Print more.
    pub debug: bool,
    /// When to colour.
    pub colour: ColourMode,
    /// Kubernetes client settings.
    pub kube: KubeSettings,
    /// Repository files.
    pub repositories: RepositoryPaths,
    /// Default of `--history-max`.
    pub max_history: u32,
    /// `--store` or its variable, with where it was said.
    given_store: Option<(String, &'static str)>,
    /// `--namespace` or its variable.
    given_namespace: Option<String>,
}

/// The colour mode that the flag and the environment ask for. `NO_COLOR` wins over the variable, and in Helm (seen with
/// 4.3.1) even over the flag; here a flag that was typed wins.
///
/// # Errors
/// The mode is none of the three.
pub fn colour_mode(program: Program, host: &Host, flag: Option<&str>) -> Result<ColourMode, Failure> {
    let variable = program.variable(host, "BOWLINE_COLOR");
    let typed = match flag {
        flag if host.var("NO_COLOR").is_some() && (flag.is_none() || program.as_helm) => {
            Some("never".to_string())
        }
        Some(flag) => Some(flag.to_string()),
        None => variable,
    };
    match typed.as_deref() {
        None | Some("auto") if host.var("TERM") == Some("dumb") => Ok(ColourMode::Never),
        None | Some("auto") => Ok(ColourMode::Auto),
        Some("always") => Ok(ColourMode::Always),
        Some("never") => Ok(ColourMode::Never),
        Some(other) => Err(Failure::usage(format!(
            "invalid color mode {}: must be one of: never, auto, always",
            parse::quote(other)
        ))),
    }
}

impl Settings {
    /// Merges the flags with the environment.
    ///
    /// # Errors
    /// A colour mode, a number or a `--compat` version is not known.
    pub fn resolve(program: Program, host: &Host, flags: &GlobalArgs) -> Result<Self, Failure> {
        let variable = |name: &str| program.variable(host, name);
        let or_variable = |flag: &Option<String>, name: &str| {
            flag.clone().filter(|value| !value.is_empty()).or_else(|| variable(name))
        };
        let compat = match or_variable(&flags.compat, "BOWLINE_COMPAT").as_deref() {
            None if program.as_helm => Compat::Helm4,
            None => Compat::Own,
            Some("helm3") => Compat::Helm3,
            Some("helm4") => Compat::Helm4,
            Some(other) => {
                return Err(Failure::usage(format!(
                    "invalid --compat version {}: must be helm3 or helm4",
                    parse::quote(other)
                )));
            }
        };
        let flag_or = |flag: Option<bool>, name: &str| {
            flag.or_else(|| variable(name).and_then(|value| parse::boolean(&value).ok())).unwrap_or(false)
        };
        let groups = variable("BOWLINE_KUBEASGROUPS")
            .map(|groups| groups.split(',').map(str::to_string).collect())
            .unwrap_or_default();
        let kube = KubeSettings {
            kubeconfig: flags.kubeconfig.clone().filter(|path| !path.is_empty()),
            context: or_variable(&flags.kube_context, "BOWLINE_KUBECONTEXT"),
            server: or_variable(&flags.kube_apiserver, "BOWLINE_KUBEAPISERVER"),
            token: or_variable(&flags.kube_token, "BOWLINE_KUBETOKEN").map(Secret::new),
            as_user: or_variable(&flags.kube_as_user, "BOWLINE_KUBEASUSER"),
            as_groups: if flags.kube_as_group.is_empty() { groups } else { flags.kube_as_group.clone() },
            ca_file: or_variable(&flags.kube_ca_file, "BOWLINE_KUBECAFILE"),
            tls_server_name: or_variable(&flags.kube_tls_server_name, "BOWLINE_KUBETLS_SERVER_NAME"),
            insecure_skip_tls_verify: flag_or(
                flags.kube_insecure_skip_tls_verify,
                "BOWLINE_KUBEINSECURE_SKIP_TLS_VERIFY",
            ),
            burst_limit: flags
                .burst_limit
                .or_else(|| variable("BOWLINE_BURST_LIMIT")?.parse().ok())
                .unwrap_or(DEFAULT_BURST),
            qps: flags.qps.or_else(|| variable("BOWLINE_QPS")?.parse().ok()).unwrap_or(0.0),
        };
        let path = |flag: &Option<String>, name: &str, default: PathBuf| {
            or_variable(flag, name).map_or(default, PathBuf::from)
        };
        let dirs = &host.dirs;
        Ok(Settings {
            program,
            compat,
            debug: flag_or(flags.debug, "BOWLINE_DEBUG"),
            colour: colour_mode(program, host, flags.color.as_deref())?,
            kube,
            repositories: RepositoryPaths {
                config: path(
                    &flags.repository_config,
                    "BOWLINE_REPOSITORY_CONFIG",
                    dirs.config.join("repositories.yaml"),
                ),
                cache: path(
                    &flags.repository_cache,
                    "BOWLINE_REPOSITORY_CACHE",
                    dirs.cache.join("repository"),
                ),
                content: path(&flags.content_cache, "BOWLINE_CONTENT_CACHE", dirs.cache.join("content")),
                registry: path(
                    &flags.registry_config,
                    "BOWLINE_REGISTRY_CONFIG",
                    dirs.config.join("registry").join("config.json"),
                ),
            },
            max_history: variable("BOWLINE_MAX_HISTORY").and_then(|text| text.parse().ok()).unwrap_or(10),
            given_store: flags
                .store
                .clone()
                .filter(|store| !store.is_empty())
                .map(|store| (store, "--store"))
                .or_else(|| variable("BOWLINE_STORE").map(|store| (store, "BOWLINE_STORE"))),
            given_namespace: or_variable(&flags.namespace, "BOWLINE_NAMESPACE"),
        })
    }

    /// The namespace that was asked for by flag or variable.
    pub fn given_namespace(&self) -> Option<&str> {
        self.given_namespace.as_deref()
    }

    /// The namespace to work in: as asked for, else that of the kubeconfig's context when its cluster is the store, else
    /// `default`.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub fn namespace(&self, host: &Host) -> Result<String, Failure> {
        if let Some(namespace) = &self.given_namespace {
            return Ok(namespace.clone());
        }
        let store = self.store(host)?;
        Ok(store.namespace.unwrap_or_else(|| "default".to_string()))
    }

    /// How to reach an API server: the flags, the variables and the kubeconfig files that there are.
    pub fn kube_options(&self, host: &Host) -> KubeOptions {
        store::kube_options(host, &self.kube)
    }

    /// As which kind of object a cluster has its records. Helm's variable counts under either name: it says where
    /// releases are that both know.
    ///
    /// # Errors
    /// There is no such driver.
    pub fn driver(&self, host: &Host) -> Result<Driver, ReleaseError> {
        let own = self.program.variable(host, "BOWLINE_DRIVER");
        let named = own.or_else(|| host.var("HELM_DRIVER").map(str::to_string));
        Driver::parse(named.as_deref().unwrap_or_default())
    }

    /// Which store to work on, and why.
    ///
    /// # Errors
    /// The choice is not understood, or the kubeconfig cannot be read.
    pub fn store(&self, host: &Host) -> Result<ChosenStore, Failure> {
        let given = self.given_store.as_ref().map(|(spec, origin)| (spec.as_str(), *origin));
        store::choose(host, given, &self.kube)
    }
}

/// What a command is given: the world, the settings, the printer, and which flags were typed.
pub struct Session<'a> {
    /// The outside world.
    pub host: &'a Host,
    /// Resolved global flags.
    pub settings: &'a Settings,
    /// The printer.
    pub ui: &'a Ui,
    /// How progress is told.
    pub progress: ProgressMode,
    /// Names of the flags that were typed, for rules such as `--reset-values` against `--reuse-values`.
    pub given: BTreeSet<String>,
    /// The command's own name as typed in full: `repo add`.
    pub command: String,
}

impl Session<'_> {
    /// Whether a flag was typed, whatever its value.
    pub fn was_given(&self, flag: &str) -> bool {
        self.given.contains(flag)
    }

    /// The keyring of a `--keyring`, else that of GnuPG: `pubring.gpg`, or `pubring.kbx` when only that is there.
    pub fn keyring(&self, flag: Option<&str>) -> PathBuf {
        if let Some(path) = flag.filter(|path| !path.is_empty()) {
            return self.host.resolve(path);
        }
        let home = || self.host.resolve(self.host.var("HOME").unwrap_or(".")).join(".gnupg");
        let folder = self.host.var("GNUPGHOME").map_or_else(home, |folder| self.host.resolve(folder));
        let [ring, keybox] = ["pubring.gpg", "pubring.kbx"].map(|name| folder.join(name));
        let only_keybox = fs::kind(&ring) == fs::Kind::Missing && fs::kind(&keybox) != fs::Kind::Missing;
        if only_keybox { keybox } else { ring }
    }

    /// The namespace to work in.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub fn namespace(&self) -> Result<String, Failure> {
        self.settings.namespace(self.host)
    }

    /// The namespace for commands that need no store: a kubeconfig that cannot be used does not stop them.
    pub fn namespace_or_default(&self) -> String {
        self.namespace().unwrap_or_else(|failure| {
            self.ui.log(Level::Debug, "no namespace from the kubeconfig", &[("error", failure.message())]);
            "default".to_string()
        })
    }

    /// The store, for a command that changes it: that it is the file on this machine, because nothing else was found, is
    /// told on standard error, so that nobody takes it for a cluster.
    ///
    /// # Errors
    /// As [`Settings::store`].
    pub fn store_to_change(&self) -> Result<ChosenStore, Failure> {
        let choice = self.settings.store(self.host)?;
        if choice.is_fallback() {
            let fields = [("store", choice.spec()), ("reason", choice.why.to_string())];
            let fields = fields.each_ref().map(|(key, value)| (*key, value.as_str()));
            self.ui.log(Level::Info, "working on the store on this machine", &fields);
        }
        Ok(choice)
    }
}

/// A host and settings for tests of commands: no variables but those given, a fixed clock and seed.
#[cfg(test)]
pub mod fixed {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use crate::sys::{Clock, Dirs, Host, Random};

    /// A host with the given variables and `/h` as its home.
    pub fn host(variables: &[(&str, &str)]) -> Host {
        let mut env: BTreeMap<String, String> =
            variables.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
        env.entry("HOME".into()).or_insert_with(|| "/h".into());
        Host {
            dirs: Dirs::from_env(&env),
            env: Arc::new(env),
            clock: Clock::ticking(1_800_000_000),
            random: Random::seeded(*b"seed"),
            cwd: "/w".into(),
            watched: crate::sys::transfers::Watched::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Program = Program { as_helm: false };
    const HELM: Program = Program { as_helm: true };

    fn resolve(program: Program, variables: &[(&str, &str)], flags: &GlobalArgs) -> Settings {
        let host = program.host(fixed::host(variables));
        Settings::resolve(program, &host, flags).unwrap()
    }

    #[test]
    fn flags_win_over_variables() {
        let variables = [("BOWLINE_NAMESPACE", "v"), ("BOWLINE_DEBUG", "1"), ("HELM_NAMESPACE", "h")];
        let none = resolve(OWN, &variables, &GlobalArgs::default());
        assert_eq!((none.given_namespace(), none.debug), (Some("v"), true));
        let flags = GlobalArgs { namespace: Some("f".into()), debug: Some(false), ..GlobalArgs::default() };
        let some = resolve(OWN, &variables, &flags);
        assert_eq!((some.given_namespace(), some.debug), (Some("f"), false));
    }

    #[test]
    fn the_name_helm_reads_helms_variables_and_folders() {
        let variables = [("BOWLINE_NAMESPACE", "v"), ("HELM_NAMESPACE", "h"), ("HELM_MAX_HISTORY", "3")];
        let settings = resolve(HELM, &variables, &GlobalArgs::default());
        assert_eq!(settings.given_namespace(), Some("h"));
        assert_eq!((settings.max_history, settings.compat), (3, Compat::Helm4));
        if cfg!(target_os = "linux") {
            assert_eq!(settings.repositories.config, PathBuf::from("/h/.config/helm/repositories.yaml"));
        }
        assert_eq!(Program::of_argument(Some("/usr/bin/helm")), HELM);
        assert_eq!(Program::of_argument(Some("helm.exe")), HELM);
        assert_eq!(Program::of_argument(Some("bowline")), OWN);
    }

    #[test]
    fn no_color_loses_to_the_flag_only() {
        let host = fixed::host(&[("NO_COLOR", "1"), ("BOWLINE_COLOR", "always")]);
        assert_eq!(colour_mode(OWN, &host, None).unwrap(), ColourMode::Never);
        assert_eq!(colour_mode(OWN, &host, Some("always")).unwrap(), ColourMode::Always);
        let dumb = fixed::host(&[("TERM", "dumb")]);
        assert_eq!(colour_mode(OWN, &dumb, None).unwrap(), ColourMode::Never);
        assert_eq!(colour_mode(OWN, &dumb, Some("always")).unwrap(), ColourMode::Always);
        let helm = fixed::host(&[("NO_COLOR", "1")]);
        assert_eq!(colour_mode(HELM, &helm, Some("always")).unwrap(), ColourMode::Never);
        let failure = colour_mode(OWN, &host, Some("foo")).unwrap_err();
        assert_eq!(failure.message(), "invalid color mode \"foo\": must be one of: never, auto, always");
    }

    #[test]
    fn helms_driver_counts_under_either_name_and_ours_goes_first() {
        let driver = |program: Program, variables: &[(&str, &str)]| {
            let settings = resolve(program, variables, &GlobalArgs::default());
            settings.driver(&program.host(fixed::host(variables))).map_err(|error| error.to_string())
        };
        let both = [("BOWLINE_DRIVER", "memory"), ("HELM_DRIVER", "configmap")];
        assert_eq!(driver(OWN, &[]), Ok(Driver::Secret));
        assert_eq!(driver(OWN, &both), Ok(Driver::Memory));
        assert_eq!(driver(OWN, &both[1..]), Ok(Driver::ConfigMap));
        assert_eq!(driver(HELM, &both), Ok(Driver::ConfigMap));
        assert_eq!(driver(HELM, &both[..1]), Ok(Driver::Secret));
        assert!(driver(OWN, &[("HELM_DRIVER", "foo")]).is_err());
    }

    #[test]
    fn unknown_versions_to_behave_as_are_refused() {
        let flags = GlobalArgs { compat: Some("helm9".into()), ..GlobalArgs::default() };
        assert!(Settings::resolve(OWN, &fixed::host(&[]), &flags).is_err());
    }
}
