//! A heap's outbox: chunks of other heaps' pools on their way home, batched per pool (BatchIt, ISMM 2024).
//!
//! The owner fills it without a lock. Another thread may empty it while memory is short: it freezes the outbox, makes
//! every thread pass a barrier, and sees by the busy flag whether the owner is inside. The flag costs the owner plain
//! stores only; the barrier is the kernel's, on the rare side (as in asymmetric Dekker locks).

use core::cell::Cell;
use core::sync::atomic::compiler_fence;

use super::shared::Shared;
use crate::os;
use crate::slab::chunk;
use crate::slab::pool::Pool;
use crate::span::tag;
use crate::sync::{AtomicBool, Ordering};

const SLOTS: usize = 16;

/// A batch for one pool. Empty if `pool` is 0.
struct Batch {
    /// Unit + 1 of the pool.
    pool: Cell<u32>,
    count: Cell<u32>,
    first: Cell<usize>,
    last: Cell<usize>,
}

/// All-zero bytes are an empty outbox.
#[repr(C)]
pub(crate) struct Outbox {
    busy: AtomicBool,
    frozen: AtomicBool,
    batches: [Batch; SLOTS],
}

impl Outbox {
    /// Adds a chunk of the pool at `unit`; posts the batch when it holds `most`. `false`: frozen; the caller waits for
    /// the heap's lock and tries again. By the owner.
    #[inline]
    pub(crate) fn put(&self, shared: &Shared, unit: usize, freed: usize, most: u32) -> bool {
        self.busy.store(true, Ordering::Relaxed);
        // The thief's barrier orders this store before the next load on every CPU; the compiler must not swap them.
        compiler_fence(Ordering::SeqCst);
        if self.frozen.load(Ordering::Relaxed) {
            self.busy.store(false, Ordering::Release);
            return false;
        }
        let batch = &self.batches[(unit ^ unit >> 4) % SLOTS];
        if batch.pool.get() != unit as u32 + 1 {
            batch.post(shared);
            batch.pool.set(unit as u32 + 1);
            batch.last.set(freed);
        }
        chunk::link(freed, batch.first.get());
        batch.first.set(freed);
        batch.count.set(batch.count.get() + 1);
        if batch.count.get() >= most {
            batch.post(shared);
        }
        // Release: a thief that sees the flag down sees the batches.
        self.busy.store(false, Ordering::Release);
        true
    }

    /// Posts everything. By the owner, or for a heap without one under its lock.
    pub(crate) fn flush(&self, shared: &Shared) {
        for batch in &self.batches {
            batch.post(shared);
        }
    }

    /// Posts everything of an owner that may be running; `false` if it is inside or the kernel has no such barrier.
    /// Under the heap's lock.
    pub(crate) fn flush_foreign(&self, shared: &Shared) -> bool {
        if self.batches.iter().all(|batch| batch.pool.get() == 0) {
            return true;
        }
        self.frozen.store(true, Ordering::Relaxed);
        // Acquire: pairs with the owner's last store to `busy`.
        let alone = os::barrier_everywhere() && !self.busy.load(Ordering::Acquire);
        if alone {
            self.flush(shared);
        }
        // Release: the owner goes on with the batches as they are now.
        self.frozen.store(false, Ordering::Release);
        alone
    }

    /// Forgets everything: the chunks are gone with the arena's contents, or cannot be told in the child of a fork.
    pub(crate) fn clear(&self) {
        self.batches.iter().for_each(Batch::clear);
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Whether the owner was inside; known for sure in the child of a fork only.
    pub(crate) fn busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Calls `visit(unit, count)` for every batch.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize, u32)) {
        for batch in &self.batches {
            if let Some(unit) = (batch.pool.get() as usize).checked_sub(1) {
                visit(unit, batch.count.get());
            }
        }
    }
}

impl Batch {
    fn clear(&self) {
        self.pool.set(0);
        self.count.set(0);
        self.first.set(chunk::END);
    }

    fn post(&self, shared: &Shared) {
        if let Some(unit) = (self.pool.get() as usize).checked_sub(1) {
            post(shared, unit, self.first.get(), self.last.get(), self.count.get());
            self.clear();
        }
    }
}

/// Returns a list of `count` chunks, `first` to `last`, to the pool at `unit`: one atomic, and a second one when the
/// owner should be told.
pub(crate) fn post(shared: &Shared, unit: usize, first: usize, last: usize, count: u32) {
    let map = shared.map();
    let pool = Pool::at(map, unit);
    let base = map.address(unit) as usize;
    let tells = pool.remote().push(
        first - base,
        count,
        |there| chunk::link(last, there.map_or(chunk::END, |list| base + list.offset)),
        |before, now| pool.announces(before, now),
    );
    // Announced, the pool stays its owner's until the inbox has been read.
    if tells && let Some((owner, _)) = tag::pool_of(map.tag(unit)) {
        shared.slot(owner).inbox().push(unit, pool.inbox_next());
    }
}
