//! From what was typed to the library: the context of a verb, the chosen store, and how progress is shown.
//!
//! Invariant: nothing is decided here; what `args` and `settings` resolved is only carried on.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Shown;
use super::settings::{ChosenStore, Compat, Session, Settings};
use crate::cluster::{self, Store, StoreChoice};
use crate::fetch::FetchOptions;
use crate::ops::change::Target;
use crate::ops::options::DryRun;
use crate::ops::repo::Repository;
use crate::ops::{Context, Event, OpsError, Progress};
use crate::release::Driver;
use crate::repo::config::RepoPaths;
use crate::sys::Host;
use crate::sys::transfers::{Watch, Watched};
use crate::values;

/// Lets the caller of a verb hear of each event before it is shown.
struct Heard<'a> {
    shown: &'a Shown,
    also: &'a dyn Fn(&Event),
}

impl Progress for Heard<'_> {
    fn event(&self, event: Event) {
        (self.also)(&event);
        self.shown.event(event);
    }

    fn beat(&self) {
        self.shown.beat();
    }
}

impl Settings {
    /// `repositories.yaml` and the caches, as the repository modules want them.
    pub fn repo_paths(&self) -> RepoPaths {
        RepoPaths {
            config: self.repositories.config.clone(),
            cache: self.repositories.cache.clone(),
            content: self.repositories.content.clone(),
            credentials: self.repositories.registry.clone(),
            // Beside the file that it belongs to, wherever that is.
            registries: self.repositories.config.with_file_name("registries.yaml"),
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
        // What follows it may be the verb that the user asked for, so that only a failure is an end.
        self.told(&Arc::default(), &|_| (), run, false)
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
        interrupted: &Arc<AtomicBool>,
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
    ) -> Result<T, Failure> {
        self.told(interrupted, &|_| (), run, true)
    }

    /// Runs a verb as [`with_interrupt`](Self::with_interrupt) does, and lets the caller hear of each event first.
    ///
    /// # Errors
    /// What the verb fails with.
    pub fn with_listener<T>(
        &self,
        also: &dyn Fn(&Event),
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
    ) -> Result<T, Failure> {
        let flag = Interrupt::install()?.flag();
        self.told(&flag, also, run, true)
    }

    fn told<T>(
        &self,
        interrupted: &Arc<AtomicBool>,
        also: &dyn Fn(&Event),
        run: impl FnOnce(&Context<'_>) -> Result<T, OpsError>,
        success_is_end: bool,
    ) -> Result<T, Failure> {
        let paths = self.settings.repo_paths();
        let shown = Arc::new(Shown::new(self.ui, self.host, self.progress, Arc::clone(interrupted)));
        let heard = Heard { shown: &shown, also };
        let watch: Arc<dyn Watch> = shown.clone();
        let host = Host { watched: Watched::by(watch), ..self.host.clone() };
        let context = Context { host: &host, paths: &paths, progress: &heard, interrupted };
        let result = run(&context);
        match result.as_ref().err() {
            None if !success_is_end => shown.clear(),
            error => shown.finish(error),
        }
        result.map_err(|error| {
            let failure = Failure::of_verb(error);
            // Whatever it was in the middle of, it ended because the user asked.
            if interrupted.load(Ordering::Relaxed) { failure.exit(Exit::Interrupted) } else { failure }
        })
    }

    /// Opens the store that a reading command looks at.
    ///
    /// # Errors
    /// It cannot be opened, or there is no such driver for its records.
    pub fn store(&self) -> Result<Opened, Failure> {
        self.open(&self.settings.store(self.host)?)
    }

    /// Opens the store for a change in a dry-run mode: with `client` nothing is opened at all.
    ///
    /// # Errors
    /// As [`Session::store`].
    pub fn store_for(&self, mode: DryRun) -> Result<Opened, Failure> {
        match mode {
            DryRun::Client => {
                let store = Box::new(cluster::Memory::new(self.host));
                Ok(Opened { store, records: None, driver: Driver::default() })
            }
            DryRun::Server => self.store(),
            DryRun::None => self.changing_store(),
        }
    }

    /// Opens the store for a change to what is recorded already. A dry run reads the record in every mode, as Helm's does:
    /// without it there is nothing to begin from.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store_with_history(&self, mode: DryRun) -> Result<Opened, Failure> {
        match mode {
            DryRun::Client | DryRun::Server => self.store(),
            DryRun::None => self.changing_store(),
        }
    }

    /// Opens the store that a command changes; the choice is told when nobody made it.
    ///
    /// # Errors
    /// As [`Session::store`].
    pub fn changing_store(&self) -> Result<Opened, Failure> {
        let opened = self.open(&self.store_to_change()?)?;
        if opened.driver == Driver::Memory {
            self.ui.warn("the driver is memory: no record of this operation outlives it", &[]);
        }
        Ok(opened)
    }

    /// Drivers are for the cluster; elsewhere there is one kind of records, which Helm cannot reach anyway.
    fn open(&self, chosen: &ChosenStore) -> Result<Opened, Failure> {
        let driver = match &chosen.choice {
            StoreChoice::Kube { .. } => self.settings.driver(self.host)?,
            _ => Driver::default(),
        };
        let store = cluster::open(&chosen.choice, self.host, &self.settings.kube_options(self.host))?;
        let in_memory = || -> Box<dyn Store> { Box::new(cluster::Memory::new(self.host)) };
        Ok(Opened { store, records: (driver == Driver::Memory).then(in_memory), driver })
    }
}

/// A store that is open, and where its records are.
pub struct Opened {
    store: Box<dyn Store>,
    /// `None` for beside the objects.
    records: Option<Box<dyn Store>>,
    driver: Driver,
}

impl Opened {
    /// A namespace in it.
    pub fn target<'a>(&'a self, namespace: &'a str) -> Target<'a> {
        let records = self.records.as_deref().unwrap_or(&*self.store);
        Target { records, driver: self.driver, ..Target::new(&*self.store, namespace) }
    }
}

impl Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// A repository that is reached as the options say.
pub fn repository(name: &str, url: &str, access: FetchOptions) -> Repository {
    Repository {
        name: name.to_string(),
        url: url.to_string(),
        username: access.username,
        password: access.password,
        cert_file: access.cert_file,
        key_file: access.key_file,
        ca_file: access.ca_file,
        insecure_skip_tls_verify: access.insecure_skip_tls_verify,
        pass_credentials_all: access.pass_credentials,
    }
}
