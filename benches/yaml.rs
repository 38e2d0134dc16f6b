//! YAML: reading values and manifests, writing them.

use std::hint::black_box;

use bowline::data::yaml;
use bowline_benches::large_chart;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn read_and_write(criterion: &mut Criterion) {
    let chart = large_chart();
    let file = chart.values_yaml.clone().expect("the chart has values");
    let mut group = criterion.benchmark_group("yaml");
    group.throughput(Throughput::Bytes(file.text().len() as u64));
    group.bench_function("read", |bench| bench.iter(|| yaml::to_value(black_box(&file)).expect("it parses")));
    group.bench_function("write", |bench| bench.iter(|| yaml::to_string(black_box(&chart.values))));
    group.finish();
}

criterion_group!(benches, read_and_write);
criterion_main!(benches);
