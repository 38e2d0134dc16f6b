//! Stores: a list of 2,000 releases, and writing one.

use bowline::cluster::{Sqlite, StoreOptions};
use bowline::release::{Filter, History};
use bowline_benches::{fill_store, host, release};
use criterion::{Criterion, criterion_group, criterion_main};

fn stores(criterion: &mut Criterion) {
    let host = host();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("store.db");
    let open = || Sqlite::new(&path, &host, StoreOptions::default());
    fill_store(&path, 2000, 1);
    let store = open();
    let history = History { store: &store, namespace: "space-00", clock: &host.clock };
    let mut group = criterion.benchmark_group("sqlite");
    group.sample_size(20);
    group.bench_function("open and list 2,000 releases", |bench| {
        bench.iter(|| {
            let store = open();
            let history = History { store: &store, namespace: "space-00", clock: &host.clock };
            let listing = history.list(&Filter::default()).expect("the store lists");
            assert_eq!(listing.rows.len(), 2000);
        });
    });
    let mut next = 2000;
    group.bench_function("write a release", |bench| {
        bench.iter(|| {
            next += 1;
            history
                .create(release(format!("release-{next:06}"), "space-00", &host))
                .expect("the release is written")
        });
    });
    group.finish();
}

criterion_group!(benches, stores);
criterion_main!(benches);
