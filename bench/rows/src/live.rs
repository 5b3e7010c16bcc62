//! A population of live blocks of mixed sizes that is replaced oldest first (ring), newest first (stack), or in no
//! order.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::rng::Rng;
use crate::sizes::Sizes;

pub(crate) const ROWS: &[Row] = &[
    Row::time("ring-1k", "oldest of 1,000 blocks replaced", || ring(1_000)),
    Row::time("ring-20k", "oldest of 20,000 blocks replaced", || ring(20_000)),
    Row::time("stack-1k", "block pushed or popped, up to 1,000 live", || stack(1_000)),
    Row::time("stack-20k", "block pushed or popped, up to 20,000 live", || stack(20_000)),
    Row::time("replace-1k", "one of 5,000 blocks of 16 B to 1 KiB replaced", || replace(5_000, 16, 1 << 10)),
    Row::time("replace-64k", "one of 1,000 blocks of 1 to 64 KiB replaced", || replace(1_000, 1 << 10, 64 << 10)),
];

const OPERATIONS: usize = 3_000_000;

fn ring(live: usize) -> f64 {
    let mut sizes = Sizes::mixed(16, 1024, 2);
    let mut ring: Vec<Block> = (0..live).map(|_| Block::new(sizes.draw())).collect();
    let mut oldest = 0;
    let cost = median(5, OPERATIONS, || {
        timed(|| {
            for _ in 0..OPERATIONS {
                ring[oldest] = Block::new(sizes.draw());
                oldest = if oldest + 1 == live { 0 } else { oldest + 1 };
            }
        })
    });
    ring.iter().for_each(Block::verify);
    cost
}

fn replace(live: usize, low: usize, high: usize) -> f64 {
    let mut sizes = Sizes::mixed(low, high, 5);
    let mut rng = Rng::new(6);
    let mut blocks: Vec<Block> = (0..live).map(|_| Block::new(sizes.draw())).collect();
    let cost = median(5, OPERATIONS, || {
        timed(|| {
            for _ in 0..OPERATIONS {
                blocks[rng.below(live)] = Block::new(sizes.draw());
            }
        })
    });
    blocks.iter().for_each(Block::verify);
    cost
}

/// Climbs and descends by random amounts, so that depths are revisited as a recursive program does.
fn stack(high: usize) -> f64 {
    let mut sizes = Sizes::mixed(16, 1024, 3);
    let mut rng = Rng::new(4);
    let mut stack: Vec<Block> = Vec::with_capacity(high);
    let cost = median(5, OPERATIONS, || {
        timed(|| {
            let mut left = OPERATIONS;
            while left > 0 {
                let goal = rng.below(high + 1);
                let steps = goal.abs_diff(stack.len()).min(left);
                left -= steps;
                if goal > stack.len() {
                    stack.extend((0..steps).map(|_| Block::new(sizes.draw())));
                } else {
                    stack.truncate(stack.len() - steps);
                }
            }
        })
    });
    stack.iter().for_each(Block::verify);
    cost
}
