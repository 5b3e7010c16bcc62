//! A full concurrent cache under four threads: each insertion evicts what another thread has inserted.

use allocator::{Checksum, Input, measure};
use moka::sync::Cache;
use std::sync::Arc;
use std::thread;

const THREADS: u64 = 4;
const STEPS: usize = 40_000;
const KEYS: usize = 200_000;
const ENTRIES: u64 = 40_000;

/// A cached page: some strings and some bytes, all made of the key.
struct Page {
    title: String,
    lines: Vec<String>,
    body: Vec<u8>,
}

fn main() {
    measure(|| {
        let cache: Cache<String, Arc<Page>> = Cache::builder().max_capacity(ENTRIES).build();
        // A sum, for it must not depend on the order in which threads come.
        let total: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    scope.spawn({
                        let cache = &cache;
                        move || work(cache, number)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).fold(0, u64::wrapping_add)
        });
        cache.run_pending_tasks();
        (total, cache)
    });
}

/// Reads pages, makes those that are missing. What it has read is the same whether it was made or found.
fn work(cache: &Cache<String, Arc<Page>>, thread: u64) -> u64 {
    let mut input = Input::new(100 + thread);
    let mut total = 0_u64;
    for _ in 0..STEPS {
        // The smaller of two draws: some keys are asked for more often.
        let key = input.below(KEYS).min(input.below(KEYS));
        let page = cache.get_with(format!("page/{key}"), || Arc::new(make(key)));
        total = total.wrapping_add(Checksum::of((&page.title, page.lines.len(), page.body.len())));
    }
    total
}

fn make(key: usize) -> Page {
    let mut input = Input::new(key as u64);
    let lines = (0..input.below(6)).map(|_| input.words(3)).collect();
    Page { title: input.words(4), lines, body: vec![key as u8; 64 + input.below(1500)] }
}
