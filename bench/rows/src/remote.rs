//! Threads in a circle: each allocates a batch, hands it to the next and frees what the one before handed over.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, running, timed};
use crate::sizes::Sizes;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::scope;

const OPERATION: &str = "block allocated, and freed by another thread, on one core";

pub(crate) const ROWS: &[Row] =
    &[Row::time("remote-2", OPERATION, || circle(2)), Row::time("remote-4", OPERATION, || circle(4))];

const BATCH: usize = 4_000;
const BLOCKS: usize = 4_000_000;

type Batch = Vec<Block>;

fn circle(threads: usize) -> f64 {
    let elapsed = median(3, BLOCKS, || {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel(4)).unzip();
        receivers.rotate_left(1);
        timed(|| {
            scope(|scope| {
                for (link, seed) in senders.into_iter().zip(receivers).zip(0..) {
                    scope.spawn(move || exchange(link, seed, BLOCKS / threads / BATCH));
                }
            });
        })
    });
    elapsed * running(threads)
}

fn exchange((next, previous): (SyncSender<Batch>, Receiver<Batch>), seed: u64, batches: usize) {
    let mut sizes = Sizes::mixed(16, 512, seed);
    let mut batch = Batch::with_capacity(BATCH);
    for _ in 0..batches {
        batch.extend((0..BATCH).map(|_| Block::new(sizes.draw())));
        next.send(batch).expect("the next thread takes as many batches");
        batch = previous.recv().expect("the thread before sends as many batches");
        batch[0].verify();
        batch.clear();
    }
}
