//! The small operations of `benches::micro` in time: `cargo bench -p benches`, with a part of a name for some of them.

use benches::micro::{Operation, operations};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn measure(criterion: &mut Criterion, operation: &Operation) {
    let (family, name) = operation.name.split_once('/').unwrap_or(("other", operation.name));
    let mut group = criterion.benchmark_group(family);
    if let Some(bytes) = operation.bytes {
        group.throughput(Throughput::Bytes(bytes));
    }
    group.bench_function(name, |bencher| {
        let mut work = (operation.prepare)();
        bencher.iter(&mut work);
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    for operation in operations() {
        measure(criterion, operation);
    }
}

criterion_group!(micro, all);
criterion_main!(micro);
