//! A program whose sizes change: one slab after the other is filled and emptied. Memory that an allocator cannot
//! give from one slab to the next shows in the peak.

use crate::Row;
use crate::block::Block;
use crate::meter::{cold, timed};
use crate::sizes::steps;

const OPERATION: &str = "block allocated and freed in its phase";

pub(crate) const ROWS: &[Row] = &[
    Row::time("phases", OPERATION, || phases(usize::MAX)),
    Row::time("phases-survivors", "the same, each 50th block kept to the end", || phases(50)),
];

/// Bytes alive in a phase.
const PHASE: usize = 16 << 20;
const LARGEST: usize = 32 << 10;

fn phases(survivor: usize) -> f64 {
    let sizes = || steps().take_while(|&size| size <= LARGEST);
    let operations = sizes().map(|size| PHASE / size).sum();
    let mut kept = Vec::new();
    let mut blocks = Vec::with_capacity(PHASE / 8);
    let cost = cold(operations, || {
        timed(|| {
            for size in sizes() {
                blocks.extend((0..PHASE / size).map(|_| Block::new(size)));
                for (at, block) in blocks.drain(..).enumerate() {
                    if at % survivor == survivor - 1 {
                        kept.push(block);
                    }
                }
            }
        })
    });
    kept.iter().for_each(Block::verify);
    cost
}
