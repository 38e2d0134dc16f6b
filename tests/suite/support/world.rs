//! The verbs in this process: charts in a temporary folder, a clock that ticks, and any store.
//!
//! Invariant: nothing of the machine is seen, and two worlds give the same records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bowline::cluster::{Memory, Query, Store, Stored};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::ops::change::Target;
use bowline::ops::install::{InstallOptions, ReleaseReport, install};
use bowline::ops::options::{Apply, ChartRequest, ReleaseName, ValueSources};
use bowline::ops::query::{self, ListOptions};
use bowline::ops::rollback::{RollbackOptions, rollback};
use bowline::ops::uninstall::{UninstallOptions, UninstallReport, uninstall};
use bowline::ops::upgrade::{UpgradeOptions, upgrade};
use bowline::ops::{Collected, Context, Event, OpsError};
use bowline::release::{Record, Status, Statuses, is_record_name};
use bowline::repo::config::RepoPaths;
use bowline::sys::{Clock, Dirs, Host, Random};
use bowline::values::Reuse;

/// Namespace of every release in a world.
pub const NAMESPACE: &str = "team";

/// A folder with charts, and what verbs need from outside.
pub struct World {
    folder: tempfile::TempDir,
    /// The clock's seconds.
    now: Arc<AtomicU64>,
    /// The outside.
    pub host: Host,
    paths: RepoPaths,
    heard: Collected,
    /// Set to interrupt the next verb.
    pub interrupted: AtomicBool,
}

impl World {
    /// A new world.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let env = BTreeMap::from([
            ("HOME".to_string(), folder.path().join("home").display().to_string()),
            ("USER".to_string(), "tester".to_string()),
            ("TZ".to_string(), "UTC".to_string()),
        ]);
        let now = Arc::new(AtomicU64::new(1_700_000_000));
        let host = Host {
            dirs: Dirs::from_env(&env),
            env: Arc::new(env),
            clock: Clock::Ticking(Arc::clone(&now)),
            random: Random::seeded(*b"world"),
            cwd: folder.path().to_path_buf(),
            watched: bowline::sys::transfers::Watched::default(),
        };
        let paths = RepoPaths::of(&host);
        World { folder, now, host, paths, heard: Collected::default(), interrupted: AtomicBool::new(false) }
    }

    /// An empty store.
    pub fn store(&self) -> Memory {
        Memory::new(&self.host)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Makes a chart and returns its folder. Templates are in Tera.
    pub fn chart(&self, name: &str, version: &str, files: &[(&str, &str)]) -> String {
        let root = self.folder.path().join(format!("{name}-{version}"));
        Self::write(
            &root.join("Chart.yaml"),
            &format!(
                "apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"{version}\"\nengine: tera\n"
            ),
        );
        for (path, text) in files {
            Self::write(&root.join(path), text);
        }
        root.display().to_string()
    }

    fn write(path: &PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().expect("files are in folders")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }

    /// What verbs get.
    pub fn context(&self) -> Context<'_> {
        Context {
            host: &self.host,
            paths: &self.paths,
            progress: &self.heard,
            interrupted: &self.interrupted,
        }
    }

    /// Warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        let texts = self.heard.events().into_iter().filter_map(|event| match event {
            Event::Warning(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// Installs as `r`.
    pub fn install(
        &self,
        store: &dyn Store,
        chart: &str,
        change: impl FnOnce(&mut InstallOptions),
    ) -> Result<ReleaseReport, OpsError> {
        let mut options = InstallOptions {
            name: ReleaseName::Given("r".into()),
            chart: request(chart),
            values: ValueSources::default(),
            create_namespace: false,
            replace: false,
            server_side: true,
            apply: Apply::default(),
        };
        change(&mut options);
        install(&self.context(), target(store), &options)
    }

    /// Upgrades `r`.
    pub fn upgrade(
        &self,
        store: &dyn Store,
        chart: &str,
        change: impl FnOnce(&mut UpgradeOptions),
    ) -> Result<ReleaseReport, OpsError> {
        upgrade(&self.context(), target(store), &Self::upgrade_options(chart, change))
    }

    /// How `r` is upgraded.
    pub fn upgrade_options(chart: &str, change: impl FnOnce(&mut UpgradeOptions)) -> UpgradeOptions {
        let mut options = UpgradeOptions {
            release: "r".into(),
            chart: request(chart),
            values: ValueSources::default(),
            reuse: Reuse::Default,
            install: false,
            create_namespace: false,
            history_max: 10,
            server_side: None,
            if_changed: false,
            apply: Apply::default(),
        };
        change(&mut options);
        options
    }

    /// Rolls `r` back.
    pub fn rollback(&self, store: &dyn Store, revision: Option<u64>) -> Result<ReleaseReport, OpsError> {
        self.rollback_with(store, |options| options.revision = revision)
    }

    /// Rolls `r` back, with options.
    pub fn rollback_with(
        &self,
        store: &dyn Store,
        change: impl FnOnce(&mut RollbackOptions),
    ) -> Result<ReleaseReport, OpsError> {
        let mut options =
            RollbackOptions { release: "r".into(), history_max: 10, ..RollbackOptions::default() };
        change(&mut options);
        rollback(&self.context(), target(store), &options)
    }

    /// Uninstalls `r`.
    pub fn uninstall(&self, store: &dyn Store, keep_history: bool) -> Result<UninstallReport, OpsError> {
        self.uninstall_with(store, |options| options.keep_history = keep_history)
    }

    /// Uninstalls `r`, with options.
    pub fn uninstall_with(
        &self,
        store: &dyn Store,
        change: impl FnOnce(&mut UninstallOptions),
    ) -> Result<UninstallReport, OpsError> {
        let mut options = UninstallOptions::default();
        change(&mut options);
        uninstall(&self.context(), target(store), "r", &options)
    }

    /// The revisions of `r`, a line each: `1 superseded Install complete`. Empty when there is none.
    pub fn history(&self, store: &dyn Store) -> Vec<String> {
        let rows = target(store).history(&self.context()).revisions("r").expect("the history can be read");
        let row =
            |row: &bowline::release::Summary| format!("{} {} {}", row.revision, row.status, row.description);
        rows.iter().map(row).collect()
    }

    /// Numbers and states of the revisions of `r`.
    pub fn states(&self, store: &dyn Store) -> Vec<(u64, Status)> {
        let rows = target(store).history(&self.context()).revisions("r").expect("the history can be read");
        rows.iter().map(|row| (row.revision, row.status)).collect()
    }

    /// A record of `r`.
    pub fn record(&self, store: &dyn Store, revision: u64) -> Record {
        target(store).history(&self.context()).get("r", revision).expect("the record can be read")
    }

    /// Names in the list of all releases.
    pub fn list(&self, store: &dyn Store) -> Vec<String> {
        let rows = query::list(
            &self.context(),
            target(store),
            &ListOptions { all_namespaces: true, statuses: Statuses::ALL, ..ListOptions::default() },
        )
        .expect("releases can be listed");
        rows.iter().map(|row| format!("{} {} {}", row.name, row.revision, row.status)).collect()
    }
}

/// The store with the namespace of the world.
pub fn target(store: &dyn Store) -> Target<'_> {
    Target::new(store, NAMESPACE)
}

fn request(chart: &str) -> ChartRequest {
    ChartRequest { reference: chart.to_string(), ..ChartRequest::default() }
}

/// Values of `--set`.
pub fn set(pairs: &[&str]) -> ValueSources {
    ValueSources { set: pairs.iter().map(ToString::to_string).collect(), ..ValueSources::default() }
}

/// Everything in a store but release records.
pub fn objects(store: &dyn Store) -> Vec<Stored> {
    let mut found = store.list(&Query::default()).expect("the store can be read");
    found.retain(|stored| !is_record_name(&stored.id.name));
    found
}

/// `Kind/name` of everything in a store but release records.
pub fn names(store: &dyn Store) -> Vec<String> {
    objects(store).iter().map(|stored| format!("{}/{}", stored.id.kind, stored.id.name)).collect()
}

/// A ConfigMap of the world's namespace.
pub fn config_map(name: &str) -> ObjectRef {
    let [version, kind, namespace] = ["v1", "ConfigMap", NAMESPACE].map(String::from);
    ObjectRef { group: String::new(), version, kind, namespace, name: name.to_string() }
}

/// A value of a ConfigMap's data; `None` when the object or the key is not there.
pub fn data(store: &dyn Store, name: &str, key: &str) -> Option<String> {
    let stored = store.get(&config_map(name)).expect("the store can be read")?;
    let body = stored.body?;
    body.path(["data", key]).and_then(Value::as_str).map(str::to_string)
}
