//! Forks while others allocate.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Storm;
use crate::common::{Block, KIB, in_fork, threads};

/// Three threads fork at the same time, two others keep the arena busy; each child frees what it inherits of its parent
/// thread and allocates on its own.
pub fn forks(storm: &Storm) -> Vec<Block> {
    const FORKERS: usize = 3;
    let (left, pool) = (AtomicUsize::new(FORKERS), Mutex::new(Vec::<Block>::new()));
    let kept = threads(FORKERS + 2, |i| {
        let mut hand = storm.hand(i);
        let mut own = Vec::new();
        if i < FORKERS {
            for _ in 0..(storm.length / 8).max(2) {
                own.extend(hand.blocks(60));
                let mut inherited = Some(own);
                in_fork(|| {
                    let theirs = inherited.take().expect("taken once");
                    theirs.into_iter().for_each(|block| hand.free(block));
                    let fresh = hand.blocks(300);
                    let large = hand.sized(700 * KIB);
                    fresh.into_iter().chain(large).for_each(|block| hand.free(block));
                });
                storm.tally.forks.fetch_add(1, Ordering::Relaxed);
                own = inherited.take().expect("the parent's copy");
                own.drain(..own.len() / 2).for_each(|block| hand.free(block));
            }
            left.fetch_sub(1, Ordering::Release);
            return own;
        }
        while left.load(Ordering::Acquire) > 0 {
            own.extend(hand.blocks(100));
            hand.rng.shuffle(&mut own);
            let given = own.split_off(own.len() / 2);
            let theirs = std::mem::replace(&mut *pool.lock().expect("no panic"), given);
            theirs.into_iter().for_each(|block| hand.free(block));
            let keep = own.len().min(500);
            own.drain(keep..).for_each(|block| hand.free(block));
        }
        own
    });
    kept.into_iter().flatten().chain(pool.into_inner().expect("no panic")).collect()
}
