//! False sharing: two threads write to blocks of their own; an allocator that put both on one cache line makes the
//! line travel with every write.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use std::thread::scope;

const OPERATION: &str = "write to an 8-byte block of the thread's own, on one core";

pub(crate) const ROWS: &[Row] = &[
    // Passive: the first block came from the main thread, side by side with the other's.
    Row::time("cache-scratch", OPERATION, || share(true)),
    // Active: only the thread's own blocks.
    Row::time("cache-thrash", OPERATION, || share(false)),
];

const THREADS: usize = 2;
const BLOCKS: usize = 60_000;
const WRITES: usize = 1_000;

fn share(passive: bool) -> f64 {
    let elapsed = median(3, THREADS * BLOCKS * WRITES, || {
        let gifts: Vec<Option<Block>> = (0..THREADS).map(|_| passive.then(|| Block::new(8))).collect();
        timed(|| {
            scope(|scope| {
                for gift in gifts {
                    scope.spawn(move || {
                        drop(gift);
                        (0..BLOCKS).for_each(|_| write(Block::new(8)));
                    });
                }
            });
        })
    });
    elapsed * running(THREADS)
}

fn write(block: Block) {
    for i in 0..WRITES {
        // SAFETY: the block's first byte is this thread's alone. Volatile, so that each write happens.
        unsafe { block.start().write_volatile(i as u8) };
    }
}
