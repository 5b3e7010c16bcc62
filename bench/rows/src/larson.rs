//! Larson and Krishnan's server: each thread replaces random blocks of its set, and now and then hands the set to a
//! fresh thread and exits, so that blocks outlive the thread that allocated them.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use crate::rng::Rng;
use crate::sizes::Sizes;
use std::thread::{Scope, scope};

const OPERATION: &str = "random block of a thread's 1,000 replaced, on one core";

pub(crate) const ROWS: &[Row] = &[
    Row::time("larson-2", OPERATION, || larson(2)),
    Row::time("larson-4", OPERATION, || larson(4)),
    Row::time("larson-8", OPERATION, || larson(8)),
    Row::time("larson-16", OPERATION, || larson(16)),
];

const OPERATIONS: usize = 8_000_000;
const LIVE: usize = 1_000;
const GENERATION: usize = 100_000;

struct Set {
    live: Vec<Block>,
    sizes: Sizes,
    rng: Rng,
    generations: usize,
}

fn larson(threads: usize) -> f64 {
    let elapsed = median(3, OPERATIONS, || {
        timed(|| {
            scope(|scope| {
                for thread in 0..threads as u64 {
                    let mut sizes = Sizes::mixed(10, 500, thread);
                    let live = (0..LIVE).map(|_| Block::new(sizes.draw())).collect();
                    let generations = OPERATIONS / threads / GENERATION;
                    let set = Set { live, sizes, rng: Rng::new(thread), generations };
                    scope.spawn(move || serve(scope, set));
                }
            });
        })
    });
    elapsed * running(threads)
}

fn serve<'scope>(scope: &'scope Scope<'scope, '_>, mut set: Set) {
    for _ in 0..GENERATION {
        set.live[set.rng.below(LIVE)] = Block::new(set.sizes.draw());
    }
    set.generations -= 1;
    if set.generations > 0 {
        scope.spawn(move || serve(scope, set));
    } else {
        set.live.iter().for_each(Block::verify);
    }
}
