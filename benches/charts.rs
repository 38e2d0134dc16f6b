//! Charts: load, render in both languages, package, index.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use bowline::chart::{self, Chart, Limits};
use bowline::data::{Map, Value};
use bowline::diag::SourceFile;
use bowline::manifest::Manifest;
use bowline::package::{PackOptions, pack};
use bowline::render::{self, Capabilities, Job, Options, ReleaseInfo};
use bowline::repo::generate::generate;
use bowline::sys::Host;
use bowline::values::{self, Compat};
use bowline_benches::{archived_charts, host, large_chart, large_files, many_archives, umbrella_files};
use criterion::{Criterion, criterion_group, criterion_main};

/// What `template` does behind loading: values, rendering, the manifest in install order.
fn template(chart: &Chart, host: &Host) -> Manifest {
    try_template(chart, host).expect("the chart renders")
}

/// As [`template`]; `None` for a chart that wants values of its user's.
fn try_template(chart: &Chart, host: &Host) -> Option<Manifest> {
    let processed = values::process(chart, &Map::new(), Compat::default()).ok()?;
    let values = Value::Map(processed.values);
    let release = ReleaseInfo::install("bench", "default");
    let capabilities = Capabilities::default();
    let job = Job {
        chart: &processed.chart,
        values: &values,
        release: &release,
        capabilities: &capabilities,
        host,
        lookup: None,
        options: Options::default(),
    };
    let files = render::render(&job).ok()?;
    let texts: Vec<Arc<SourceFile>> = files
        .into_iter()
        .filter(|file| !file.name.ends_with("NOTES.txt"))
        .map(|file| SourceFile::new(file.name, file.text))
        .collect();
    Manifest::from_rendered(&texts).ok()
}

/// The charts that `beside-helm` compares as processes, here without loading.
fn public_charts(criterion: &mut Criterion) {
    let host = host();
    let umbrella = chart::from_files("umbrella", umbrella_files(100, 40), &Limits::default());
    let umbrella = umbrella.expect("the chart is valid");
    let stack = archived_charts(|name| name.ends_with("__kube-prometheus-stack.tgz"));
    let all = archived_charts(|_| true);
    let mut group = criterion.benchmark_group("template");
    group.sample_size(10);
    group.bench_function("umbrella", |bench| bench.iter(|| template(black_box(&umbrella), &host)));
    if let [stack] = stack.as_slice() {
        group.bench_function("kps", |bench| bench.iter(|| template(black_box(stack), &host)));
    }
    if !all.is_empty() {
        let rendered = |chart| try_template(black_box(chart), &host).is_some();
        group.bench_function("all", |bench| bench.iter(|| all.iter().filter(|chart| rendered(chart)).count()));
    }
    group.finish();
}

fn charts(criterion: &mut Criterion) {
    let host = host();
    let large = large_chart();
    let limits = Limits::default();
    let guestbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/guestbook");
    let guestbook = chart::load(&guestbook, &limits).expect("the example loads");

    criterion.bench_function("load, large", |bench| {
        bench.iter_batched(
            large_files,
            |files| chart::from_files("large", files, &limits),
            criterion::BatchSize::SmallInput,
        );
    });
    criterion.bench_function("template, large, Go templates", |bench| {
        bench.iter(|| template(black_box(&large), &host));
    });
    criterion.bench_function("template, guestbook, Tera", |bench| {
        bench.iter(|| template(black_box(&guestbook), &host));
    });
    criterion.bench_function("package, large", |bench| {
        bench.iter(|| pack(black_box(&large), &PackOptions::default()).expect("the chart packs"));
    });
}

fn index(criterion: &mut Criterion) {
    let host = host();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    many_archives(folder.path(), 3000);
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10);
    group.bench_function("3,000 archives", |bench| {
        bench.iter(|| {
            generate(folder.path(), "https://charts.example.org", &host).expect("the folder indexes")
        });
    });
    let index = generate(folder.path(), "", &host).expect("the folder indexes").index;
    group.bench_function("3,000 entries to YAML", |bench| bench.iter(|| index.to_yaml()));
    group.finish();
}

criterion_group!(benches, charts, public_charts, index);
criterion_main!(benches);
