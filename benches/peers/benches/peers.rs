//! Each case by criterion; `… --bench peers -- 'read/binary 1 KiB'` runs those whose names match.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn all(criterion: &mut Criterion) {
    for mut case in wsloop_peers::cases() {
        let mut group = criterion.benchmark_group(case.group);
        group.throughput(Throughput::Elements(case.count));
        group.bench_function(BenchmarkId::new(&case.what, case.who), |bencher| {
            bencher.iter(&mut case.pass)
        });
        group.finish();
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
