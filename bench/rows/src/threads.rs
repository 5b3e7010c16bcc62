//! Threads that live just long enough to allocate: what attaching to the allocator and leaving it costs.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::sizes::Sizes;
use std::thread::{scope, spawn};

pub(crate) const ROWS: &[Row] = &[
    Row::time("threads-exit", "thread that allocates and frees 100 blocks", exit),
    Row::time("threads-orphans", "thread that leaves its 100 blocks to the main one", orphans),
];

const THREADS: usize = 1_000;
const BLOCKS: usize = 100;

fn blocks(seed: usize) -> Vec<Block> {
    // One table would be shared: here it is the thread's own work to draw sizes, cheaply.
    (0..BLOCKS).map(|i| Block::new(16 + (i * 37 + seed * 11) % 1000)).collect()
}

fn exit() -> f64 {
    median(3, THREADS, || {
        timed(|| {
            for pair in 0..THREADS / 2 {
                scope(|scope| {
                    scope.spawn(move || drop(blocks(pair)));
                    scope.spawn(move || drop(blocks(pair + 1)));
                });
            }
        })
    })
}

fn orphans() -> f64 {
    let mut sizes = Sizes::mixed(16, 1024, 8);
    let mut own: Vec<Block> = Vec::new();
    median(3, THREADS, || {
        timed(|| {
            for seed in 0..THREADS {
                let left = spawn(move || blocks(seed)).join().expect("the thread only allocates");
                left.iter().for_each(Block::verify);
                own.clear();
                own.extend((0..BLOCKS).map(|_| Block::new(sizes.draw())));
            }
        })
    })
}
