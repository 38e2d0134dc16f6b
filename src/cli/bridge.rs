//! From what was typed to the library: the context of a verb, the chosen store, and the conversions of shared options.
//!
//! Invariant: nothing is decided here; each conversion only carries what `args` and `settings` resolved.

use std::sync::atomic::AtomicBool;

use super::args::{
    Access, ApplyOptions, ArchiveLimits, ChartRequest, CrdPolicy, DryRun, PostRenderer, ValueSources,
    WaitOptions,
};
use super::error::Failure;
use super::interrupt::Interrupt;
use super::parse::WaitStrategy;
use super::progress::Shown;
use super::settings::{Compat, Session, Settings};
use crate::chart::Limits;
use crate::cluster::{self, Store};
use crate::fetch::FetchOptions;
use crate::ops::change::Target;
use crate::ops::options as ops_options;
use crate::ops::repo::Repository;
use crate::ops::{Context, OpsError};
use crate::repo::config::RepoPaths;
use crate::sys::process;
use crate::values;

impl Settings {
    /// `repositories.yaml` and the caches, as the repository modules want them.
    pub fn repo_paths(&self) -> RepoPaths {
        RepoPaths {
            config: self.repositories.config.clone(),
            cache: self.repositories.cache.clone(),
            content: self.repositories.content.clone(),
        }
    }

    /// Which Helm's rules for values count.
    pub fn values_compat(&self) -> values::Compat {
        match self.compat {
            Compat::Helm3 => values::Compat::Helm3,
            Compat::Own | Compat::Helm4 => values::Compat::Helm4,
        }
    }
}

impl Session<'_> {
    /// Runs a verb that changes nothing, or nothing that an interrupt could leave half done.
    ///
    /// # Errors
    /// What the verb fails with.
    pub fn with_context<T>(
        &self,
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
    ) -> Result<T, Failure> {
        self.with_flag(&AtomicBool::new(false), run)
    }

    /// Runs a verb that changes something: Ctrl-C stops it between two steps, with its record closed.
    ///
    /// # Errors
    /// What the verb fails with.
    pub fn with_interrupt<T>(
        &self,
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
    ) -> Result<T, Failure> {
        let flag = Interrupt::install()?.flag();
        self.with_flag(&flag, run)
    }

    /// Runs a verb that stops between two steps once the flag is set: for commands that run several under one handler.
    ///
    /// # Errors
    /// What the verb fails with.
    pub fn with_flag<T>(
        &self,
        interrupted: &AtomicBool,
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
    ) -> Result<T, Failure> {
        let paths = self.settings.repo_paths();
        let shown = Shown::new(self.ui, self.host, self.progress);
        let context = Context { host: self.host, paths: &paths, progress: &shown, interrupted };
        let result = run(&context);
        shown.finish(result.as_ref().err());
        result.map_err(Failure::of_verb)
    }

    /// Opens the store that a reading command looks at.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store(&self) -> Result<Box<dyn Store>, Failure> {
        Ok(cluster::open(
            &self.settings.store(self.host)?.choice,
            self.host,
            &self.settings.kube_options(self.host),
        )?)
    }

    /// Opens the store for a change in a dry-run mode: with `client` nothing is opened at all.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store_for(&self, mode: DryRun) -> Result<Box<dyn Store>, Failure> {
        match mode {
            DryRun::Client => Ok(Box::new(cluster::Memory::new(self.host))),
            DryRun::Server => self.store(),
            DryRun::None => self.changing_store(),
        }
    }

    /// Opens the store that a command changes; the choice is told when nobody made it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn changing_store(&self) -> Result<Box<dyn Store>, Failure> {
        Ok(cluster::open(&self.store_to_change()?.choice, self.host, &self.settings.kube_options(self.host))?)
    }
}

/// A store and a namespace in it.
pub fn target<'a>(store: &'a dyn Store, namespace: &'a str) -> Target<'a> {
    Target { store, namespace }
}

impl Access {
    /// For the library; version and repository are still to be said.
    pub fn to_ops(&self) -> FetchOptions {
        let file = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let (username, password) = self.credentials.clone().unwrap_or_default();
        FetchOptions {
            username,
            password,
            cert_file: file(&self.cert_file),
            key_file: file(&self.key_file),
            ca_file: file(&self.ca_file),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            pass_credentials: self.pass_credentials,
            ..FetchOptions::default()
        }
    }

    /// A repository that is reached so.
    pub fn to_repository(&self, name: &str, url: &str) -> Repository {
        let options = self.to_ops();
        Repository {
            name: name.to_string(),
            url: url.to_string(),
            username: options.username,
            password: options.password,
            cert_file: options.cert_file,
            key_file: options.key_file,
            ca_file: options.ca_file,
            insecure_skip_tls_verify: options.insecure_skip_tls_verify,
            pass_credentials_all: options.pass_credentials,
        }
    }
}

impl ArchiveLimits {
    /// For the library, its own bounds where none was given.
    pub fn to_ops(self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.bytes {
            limits.total_bytes = bytes;
        }
        if let Some(files) = self.files {
            limits.files = files as usize;
        }
        limits
    }
}

impl ChartRequest {
    /// For the library.
    pub fn to_ops(&self) -> ops_options::ChartRequest {
        ops_options::ChartRequest {
            reference: self.reference.clone(),
            fetch: FetchOptions {
                version: self.version.clone().unwrap_or_default(),
                repo: self.repository.clone().unwrap_or_default(),
                ..self.access.to_ops()
            },
            limits: self.limits.to_ops(),
        }
    }
}

impl ValueSources {
    /// For the library.
    pub fn to_ops(&self) -> ops_options::ValueSources {
        ops_options::ValueSources {
            files: self.files.clone(),
            json: self.json.clone(),
            set: self.set.clone(),
            strings: self.strings.clone(),
            from_files: self.from_files.clone(),
            literals: self.literals.clone(),
        }
    }
}

/// The dry-run mode for the library.
pub fn dry_run(mode: DryRun) -> ops_options::DryRun {
    match mode {
        DryRun::None => ops_options::DryRun::None,
        DryRun::Client => ops_options::DryRun::Client,
        DryRun::Server => ops_options::DryRun::Server,
    }
}

/// What to wait for, for the library.
pub fn wait(options: WaitOptions) -> ops_options::Wait {
    let strategy = match options.strategy {
        WaitStrategy::Watcher | WaitStrategy::True => ops_options::WaitStrategy::Watcher,
        WaitStrategy::Legacy => ops_options::WaitStrategy::Legacy,
        WaitStrategy::HookOnly | WaitStrategy::False => ops_options::WaitStrategy::HookOnly,
    };
    ops_options::Wait { strategy, timeout: options.timeout, jobs: options.jobs }
}

impl PostRenderer {
    /// The program that is meant. The text of the failure is Helm's.
    fn find(&self, session: &Session, wait: WaitOptions) -> Result<ops_options::PostRenderer, Failure> {
        let Some(program) = process::find_program(session.host, &self.program) else {
            let name = &self.program;
            let reason = if name.contains('/') {
                format!("stat {name}: no such file or directory")
            } else {
                "executable file not found in $PATH".to_string()
            };
            return Err(Failure::usage(format!(
                "invalid argument {quoted} for \"--post-renderer\" flag: unable to find binary at {name}: exec: {quoted}: \
                 {reason}",
                quoted = super::parse::quote(name),
            ))
            .hint("give the path of an executable file, or a name that is found on PATH"));
        };
        Ok(ops_options::PostRenderer {
            name: self.program.clone(),
            program,
            arguments: self.arguments.clone(),
            timeout: wait.timeout,
        })
    }
}

impl ApplyOptions {
    /// For the library.
    ///
    /// # Errors
    /// There is no such post-renderer.
    pub fn to_ops(&self, session: &Session, hide_secrets: bool) -> Result<ops_options::Apply, Failure> {
        Ok(ops_options::Apply {
            dry_run: dry_run(self.dry_run),
            wait: wait(self.wait),
            wait_lock: self.wait_lock,
            rollback_on_failure: self.rollback_on_failure,
            description: self.description.clone(),
            labels: self.labels.clone(),
            dependency_update: self.dependency_update,
            crds: match self.crds {
                CrdPolicy::Helm => ops_options::Crds::Helm,
                CrdPolicy::Safe => ops_options::Crds::Safe,
                CrdPolicy::All => ops_options::Crds::All,
                CrdPolicy::Skip => ops_options::Crds::Skip,
            },
            force_conflicts: self.force_conflicts,
            cleanup_on_fail: false,
            no_hooks: !self.hooks,
            skip_schema_validation: !self.schema_validation,
            enable_dns: self.dns,
            subchart_notes: self.subchart_notes,
            take_ownership: self.take_ownership,
            force_replace: self.force_replace,
            compat: session.settings.values_compat(),
            hide_secrets,
            seed: self.seed,
            post_renderer: self
                .post_renderer
                .as_ref()
                .map(|wanted| wanted.find(session, self.wait))
                .transpose()?,
        })
    }
}
