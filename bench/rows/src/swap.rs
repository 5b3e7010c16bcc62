//! Threads lay batches on a shelf and take what has lain there longest, be it their own: each frees as many of the
//! others' blocks as it allocates.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use crate::sizes::Sizes;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread::scope;

const OPERATION: &str = "block laid on a shelf, and freed by whoever takes it from there, on one core";

pub(crate) const ROWS: &[Row] =
    &[Row::time("swap-2", OPERATION, || swap(2)), Row::time("swap-4", OPERATION, || swap(4))];

const BATCH: usize = 100;
const BLOCKS: usize = 2_000_000;
/// Batches on the shelf.
const SHELF: usize = 4;

type Batch = Vec<Block>;

fn swap(threads: usize) -> f64 {
    let elapsed = median(3, BLOCKS, || {
        let shelf = Mutex::new(VecDeque::new());
        timed(|| {
            scope(|scope| {
                for seed in 0..threads as u64 {
                    let shelf = &shelf;
                    scope.spawn(move || lay_and_take(shelf, seed, BLOCKS / threads / BATCH));
                }
            });
        })
    });
    elapsed * running(threads)
}

fn lay_and_take(shelf: &Mutex<VecDeque<Batch>>, seed: u64, batches: usize) {
    let mut sizes = Sizes::mixed(16, 512, seed);
    for _ in 0..batches {
        let batch = (0..BATCH).map(|_| Block::new(sizes.draw())).collect();
        let taken = {
            let mut shelf = shelf.lock().expect("no thread panicked");
            shelf.push_back(batch);
            if shelf.len() > SHELF { shelf.pop_front() } else { None }
        };
        taken.iter().flatten().for_each(Block::verify);
    }
}
