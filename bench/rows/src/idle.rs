//! What programs that do little hold: compared by peak memory alone.

use crate::Row;
use crate::block::Block;
use crate::meter::{cold, timed};
use crate::sizes::steps;
use std::sync::Barrier;
use std::thread::scope;

pub(crate) const ROWS: &[Row] = &[
    Row::memory("hello-2", "two threads that say hello", hello),
    Row::memory("idle-64", "64 idle threads that each touched 100 slabs", || idle(64)),
];

fn hello() -> f64 {
    cold(1, || {
        timed(|| {
            scope(|scope| {
                for name in ["left", "right"] {
                    scope.spawn(move || println!("{}", format!("hello, {name}").to_uppercase()));
                }
            });
        })
    })
}

fn idle(threads: usize) -> f64 {
    let all_idle = Barrier::new(threads);
    cold(threads, || {
        timed(|| {
            scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let blocks: Vec<Block> = steps().take(100).map(Block::new).collect();
                        blocks.iter().for_each(Block::verify);
                        drop(blocks);
                        all_idle.wait();
                    });
                }
            });
        })
    })
}
