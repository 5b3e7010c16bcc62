//! One thread fills a queue without bounds, then another drains it, by turns: both have the processor for themselves,
//! and how far the one is ahead of the other is not left to their speeds.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::sizes::Sizes;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread::scope;

const OPERATION: &str = "block sent through a queue that is filled, then drained";

pub(crate) const ROWS: &[Row] =
    &[Row::time("queue-10k", OPERATION, || queue(10_000)), Row::time("queue-200k", OPERATION, || queue(200_000))];

const BLOCKS: usize = 1_000_000;

fn queue(length: usize) -> f64 {
    let turns = BLOCKS / length;
    median(3, turns * length, || {
        let (sender, receiver) = channel();
        let turn = Barrier::new(2);
        timed(|| {
            scope(|scope| {
                scope.spawn(|| {
                    let mut sizes = Sizes::mixed(16, 1024, 8);
                    for _ in 0..turns {
                        (0..length).for_each(|_| sender.send(Block::new(sizes.draw())).expect("a receiver"));
                        turn.wait();
                        turn.wait();
                    }
                });
                let (receiver, turn) = (receiver, &turn);
                scope.spawn(move || {
                    for _ in 0..turns {
                        turn.wait();
                        receiver.iter().take(length).for_each(|block| block.verify());
                        turn.wait();
                    }
                });
            });
        })
    })
}
