//! A few single-thread rows of arenal under criterion, to see a change of the library against the run before.

use arenal::Arena;
use criterion::{Criterion, criterion_group, criterion_main};
use rows::pairs::pair;
use std::hint::black_box;

#[global_allocator]
static ARENA: Arena = Arena::new(8 << 30);

fn pairs(criterion: &mut Criterion) {
    criterion.bench_function("pair-16", |bencher| bencher.iter(pair::<16>));
    criterion.bench_function("pair-64", |bencher| bencher.iter(pair::<64>));
    criterion.bench_function("pair-1k", |bencher| bencher.iter(pair::<1024>));
    criterion.bench_function("pair-runtime", |bencher| {
        bencher.iter(|| Vec::<u8>::with_capacity(black_box(64)));
    });
    criterion.bench_function("batch-1000", |bencher| {
        bencher.iter(|| (0..1_000).map(|i| Box::new([i; 8])).collect::<Vec<_>>());
    });
}

criterion_group!(benches, pairs);
criterion_main!(benches);
