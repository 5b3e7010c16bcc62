//! Threads send messages through the standard library's bounded channel to one that reads and frees them.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::sizes::Sizes;
use std::sync::mpsc::sync_channel;
use std::thread::scope;

const OPERATION: &str = "message allocated here, sent, and freed there";

pub(crate) const ROWS: &[Row] =
    &[Row::time("messages-2", OPERATION, || messages(1)), Row::time("messages-4", OPERATION, || messages(3))];

const MESSAGES: usize = 600_000;
/// Messages under way at most.
const BOUND: usize = 1024;

fn messages(senders: usize) -> f64 {
    median(5, MESSAGES, || {
        let (sender, receiver) = sync_channel::<Block>(BOUND);
        timed(|| {
            scope(|scope| {
                for seed in 0..senders as u64 {
                    let sender = sender.clone();
                    scope.spawn(move || {
                        let mut sizes = Sizes::mixed(16, 1024, seed);
                        for _ in 0..MESSAGES / senders {
                            sender.send(Block::new(sizes.draw())).expect("somebody receives");
                        }
                    });
                }
                drop(sender);
                scope.spawn(move || receiver.iter().for_each(|message| message.verify()));
            });
        })
    })
}
