//! One thread allocates, another frees, one block at a time through a bounded channel.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::sizes::Sizes;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::thread::{scope, yield_now};

const OPERATION: &str = "block allocated here and freed there";

pub(crate) const ROWS: &[Row] = &[
    Row::time("channel-64", OPERATION, || channel(|| Sizes::equal(64))),
    Row::time("channel-mixed", OPERATION, || channel(|| Sizes::mixed(16, 1024, 7))),
];

const BLOCKS: usize = 2_000_000;
const SLOTS: usize = 1024;
/// Blocks announced at once: a lighter channel shows more of the allocator.
const CHUNK: usize = 32;

/// A counter alone on its cache lines (two: neighbours are prefetched in pairs).
#[repr(align(128))]
struct Counter(AtomicUsize);

struct Channel {
    slots: Box<[AtomicPtr<u8>]>,
    sent: Counter,
    received: Counter,
}

fn channel(sizes: fn() -> Sizes) -> f64 {
    median(3, BLOCKS, || {
        let channel = Channel {
            slots: (0..SLOTS).map(|_| AtomicPtr::default()).collect(),
            sent: Counter(AtomicUsize::new(0)),
            received: Counter(AtomicUsize::new(0)),
        };
        timed(|| {
            scope(|scope| {
                scope.spawn(|| channel.produce(sizes()));
                scope.spawn(|| channel.consume(sizes()));
            });
        })
    })
}

impl Channel {
    fn produce(&self, mut sizes: Sizes) {
        for start in (0..BLOCKS).step_by(CHUNK) {
            wait(|| start + CHUNK - self.received.0.load(Ordering::Acquire) <= SLOTS);
            for at in start..start + CHUNK {
                let (block, _) = Block::new(sizes.draw()).into_raw();
                self.slots[at % SLOTS].store(block, Ordering::Relaxed);
            }
            // Publishes the slots just filled.
            self.sent.0.store(start + CHUNK, Ordering::Release);
        }
    }

    /// Knows each block's size because it draws the same sizes as the producer.
    fn consume(&self, mut sizes: Sizes) {
        for start in (0..BLOCKS).step_by(CHUNK) {
            wait(|| self.sent.0.load(Ordering::Acquire) > start);
            for at in start..start + CHUNK {
                let block = self.slots[at % SLOTS].load(Ordering::Relaxed);
                // SAFETY: the producer filled this slot with a block of this very size and forgot it.
                let block = unsafe { Block::from_raw(block, sizes.draw()) };
                block.verify();
            }
            // Hands the slots just emptied back.
            self.received.0.store(start + CHUNK, Ordering::Release);
        }
    }
}

fn wait(ready: impl Fn() -> bool) {
    let mut spins = 0;
    while !ready() {
        spins += 1;
        if spins % 256 == 0 { yield_now() } else { spin_loop() }
    }
}
