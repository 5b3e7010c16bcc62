//! Chunks of other heaps' pools on their way home, batched per pool (after BatchIt, ISMM 2024).
//!
//! A thread gathers what it frees of others in one list per slab, beside its own ([`Chunks`](super::local::Chunks)). It
//! may allocate from that list again; what becomes too much goes home here, in one walk that sorts it by pool.

use super::shared::Shared;
use crate::slab::chunk;
use crate::slab::pool::Pool;

/// Pools that batches are gathered for at a time. Chunks of one slab, freed together, come from few.
const BATCHES: usize = 16;

/// A batch for one pool.
#[derive(Clone, Copy)]
struct Batch {
    /// Unit + 1 of the pool; 0: none.
    pool: usize,
    count: u32,
    first: usize,
    last: usize,
}

/// Returns every chunk of a list to its pool.
pub(crate) fn send_home(shared: &Shared, head: usize) {
    if head < chunk::FLOOR {
        return;
    }
    let map = shared.map();
    let mut batches = [Batch { pool: 0, count: 0, first: chunk::END, last: chunk::END }; BATCHES];
    let mut at = head;
    while at >= chunk::FLOOR {
        let freed = at;
        at = chunk::next(freed);
        // Its link is read in the next turn.
        chunk::prefetch(at);
        let Some((_, unit)) = map.unit_of(freed).and_then(|unit| map.pool_of(map.tag(unit))) else {
            crate::fatal::fatal(format_args!("list of freed chunks is corrupt at {freed:#x}"));
        };
        let batch = &mut batches[(unit ^ unit >> 4) % BATCHES];
        if batch.pool != unit + 1 {
            batch.post(shared);
            *batch = Batch { pool: unit + 1, count: 0, first: chunk::END, last: freed };
        }
        chunk::link(freed, batch.first);
        batch.first = freed;
        batch.count += 1;
    }
    for batch in batches {
        batch.post(shared);
    }
}

/// Returns one chunk of the pool at `unit`.
pub(crate) fn send_one(shared: &Shared, unit: usize, freed: usize) {
    Batch { pool: unit + 1, count: 1, first: freed, last: freed }.post(shared);
}

impl Batch {
    /// One atomic, and a second one when the owner should be told; without an owner the caller does its work.
    fn post(&self, shared: &Shared) {
        let Some(unit) = self.pool.checked_sub(1) else { return };
        let map = shared.map();
        let pool = Pool::at(map, unit);
        let base = map.address(unit) as usize;
        let tells = pool.remote().push(
            self.first - base,
            self.count,
            |there| chunk::link(self.last, there.map_or(chunk::END, |list| base + list.offset)),
            |before, now| pool.announces(before, now),
        );
        // Announced, the pool stays its owner's until the inbox has been read.
        if tells && let Some((owner, _)) = map.pool_of(map.tag(unit)) {
            let slot = shared.slot(owner);
            slot.inbox().push(unit, pool.inbox_next());
            // Nobody else would read it soon, and the pool may be empty.
            if !slot.has_owner()
                && let Some(_held) = slot.lock.try_lock()
                && !slot.has_owner()
            {
                slot.hear(shared);
            }
        }
    }
}
