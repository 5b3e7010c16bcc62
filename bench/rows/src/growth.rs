//! A heap that only grows, to 2 GiB: page faults, and how pools are obtained.

use crate::Row;
use crate::block::Block;
use crate::meter::{cold, timed};
use crate::sizes::Sizes;

pub(crate) const ROWS: &[Row] = &[
    Row::time("growth-small", "block of 64 B to 4 KiB, none freed up to 2 GiB", || grow(Sizes::mixed(64, 4096, 9))),
    Row::time("growth-256k", "block of 256 KiB, none freed up to 2 GiB", || grow(Sizes::equal(256 << 10))),
];

const GOAL: usize = 2 << 30;

fn grow(mut sizes: Sizes) -> f64 {
    let mut plan = Vec::new();
    let mut bytes = 0;
    while bytes < GOAL {
        plan.push(sizes.draw());
        bytes += plan[plan.len() - 1];
    }
    let mut heap = Vec::with_capacity(plan.len());
    let cost = cold(plan.len(), || {
        timed(|| {
            heap.extend(plan.iter().map(|&size| {
                let block = Block::new(size);
                block.touch();
                block
            }));
        })
    });
    heap.iter().for_each(Block::verify);
    // The row ends with the process: giving 2 GiB back is not its subject.
    std::mem::forget(heap);
    cost
}
