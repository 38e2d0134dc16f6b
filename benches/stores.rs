//! Stores: a list of 2,000 releases, and writing one.

use std::collections::BTreeMap;

use bowline::chart::Metadata;
use bowline::cluster::{Sqlite, StoreOptions};
use bowline::data::time::{Time, Zone};
use bowline::release::{Filter, History, Info, RecordedChart, Release, Status};
use bowline::sys::Host;
use bowline_benches::host;
use criterion::{Criterion, criterion_group, criterion_main};

/// A release with a manifest of a few objects.
fn release(name: String, host: &Host) -> Release {
    let now = Time::from_system(host.now(), Zone::Utc);
    Release {
        name,
        version: 1,
        namespace: "default".to_string(),
        manifest: "---\n# Source: app/templates/config.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n"
            .repeat(10),
        info: Info {
            first_deployed: Some(now.clone()),
            last_deployed: Some(now),
            status: Status::Deployed,
            description: "Install complete".to_string(),
            ..Info::default()
        },
        chart: RecordedChart {
            metadata: Metadata { name: "app".into(), version: "1.0.0".to_string(), ..Metadata::default() },
            ..RecordedChart::default()
        },
        labels: BTreeMap::new(),
        ..Release::default()
    }
}

fn stores(criterion: &mut Criterion) {
    let host = host();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("store.db");
    let open = || Sqlite::new(&path, &host, StoreOptions::default());
    let store = open();
    let history = History { store: &store, namespace: "default", clock: &host.clock };
    for at in 0..2000 {
        history.create(release(format!("release-{at:04}"), &host)).expect("the release is written");
    }
    let mut group = criterion.benchmark_group("sqlite");
    group.sample_size(20);
    group.bench_function("open and list 2,000 releases", |bench| {
        bench.iter(|| {
            let store = open();
            let history = History { store: &store, namespace: "default", clock: &host.clock };
            let listing = history.list(&Filter::default()).expect("the store lists");
            assert_eq!(listing.rows.len(), 2000);
        });
    });
    let mut next = 2000;
    group.bench_function("write a release", |bench| {
        bench.iter(|| {
            next += 1;
            history.create(release(format!("release-{next:06}"), &host)).expect("the release is written")
        });
    });
    group.finish();
}

criterion_group!(benches, stores);
criterion_main!(benches);
