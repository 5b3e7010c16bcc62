//! Requests far above any slab: every OS page of them touched, or only two, where the request itself is what
//! costs.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use crate::rng::Rng;
use crate::sizes::Sizes;
use std::thread::scope;

const PAIR: &str = "allocated, touched and freed";

/// Of each thread.
const BARE_PAIRS: usize = 100_000;
const BARE: &str = "300 kB allocated, the first and the last byte written, and freed";

pub(crate) const ROWS: &[Row] = &[
    Row::time("large-64k", PAIR, || alone(64 << 10, 50_000)),
    Row::time("large-1m", PAIR, || alone(1 << 20, 4_000)),
    Row::time("large-8m", PAIR, || alone(8 << 20, 200)),
    Row::time("large-64m", PAIR, || alone(64 << 20, 6)),
    Row::time("large-bare", BARE, || bare(1)),
    Row::time("large-bare-2", BARE, || bare(2)),
    Row::time("large-mixed", "one of 16 live requests, 64 KiB to 64 MiB, replaced", mixed),
];

fn touched(size: usize) -> Block {
    let block = Block::new(size);
    block.touch();
    block
}

fn alone(size: usize, count: usize) -> f64 {
    median(3, count, || timed(|| (0..count).for_each(|_| drop(touched(size)))))
}

/// Time on a core.
fn bare(threads: usize) -> f64 {
    let elapsed = median(5, threads * BARE_PAIRS, || {
        timed(|| {
            scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..BARE_PAIRS).for_each(|_| drop(Block::new(300_000))));
                }
            })
        })
    });
    elapsed * running(threads)
}

fn mixed() -> f64 {
    const REPLACED: usize = 60;
    let mut sizes = Sizes::mixed(64 << 10, 64 << 20, 10);
    let mut rng = Rng::new(11);
    let mut live: Vec<Block> = (0..16).map(|_| touched(sizes.draw())).collect();
    let cost = median(3, REPLACED, || {
        timed(|| {
            for _ in 0..REPLACED {
                let slot = rng.below(live.len());
                live.swap_remove(slot);
                live.push(touched(sizes.draw()));
            }
        })
    });
    live.iter().for_each(Block::verify);
    cost
}
