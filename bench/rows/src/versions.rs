//! Many versions, as a database keeps them: writers replace records with new versions and retire the old ones in
//! bags, one collector frees a bag two epochs later. Almost every block is freed by a thread that did not allocate it.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use crate::rng::Rng;
use crate::sizes::Sizes;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::scope;

const OPERATION: &str = "record version written, and later collected, on one core";

pub(crate) const ROWS: &[Row] = &[
    Row::time("versions-1", OPERATION, || versions(1)),
    Row::time("versions-2", OPERATION, || versions(2)),
    Row::time("versions-4", OPERATION, || versions(4)),
];

const VERSIONS: usize = 2_000_000;
const RECORDS: usize = 20_000;
const BAG: usize = 500;
/// Bags that stay readable before the collector may free them.
const EPOCHS: usize = 2;

type Bag = Vec<Block>;

fn versions(writers: usize) -> f64 {
    let elapsed = median(3, VERSIONS, || {
        let (retire, retired) = sync_channel(16);
        timed(|| {
            scope(|scope| {
                for writer in 0..writers {
                    let retire = retire.clone();
                    scope.spawn(move || write(writer as u64, VERSIONS / writers, RECORDS / writers, retire));
                }
                drop(retire);
                scope.spawn(|| collect(retired, EPOCHS * writers));
            });
        })
    });
    elapsed * running(writers + 1)
}

fn write(seed: u64, versions: usize, records: usize, retire: SyncSender<Bag>) {
    let mut rng = Rng::new(seed);
    let mut sizes = Sizes::mixed(32, 512, seed);
    let mut table: Vec<Block> = (0..records).map(|_| Block::new(sizes.draw())).collect();
    for _ in 0..versions / BAG {
        let bag = (0..BAG).map(|_| {
            let record = &mut table[rng.below(records)];
            std::mem::replace(record, Block::new(sizes.draw()))
        });
        retire.send(bag.collect()).expect("the collector outlives the writers");
    }
    table.iter().for_each(Block::verify);
}

fn collect(retired: Receiver<Bag>, delay: usize) {
    let mut epochs = VecDeque::with_capacity(delay + 1);
    for bag in retired {
        bag.iter().step_by(50).for_each(Block::verify);
        epochs.push_back(bag);
        if epochs.len() > delay {
            epochs.pop_front();
        }
    }
}
