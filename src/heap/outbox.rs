//! Chunks of other heaps' pools on their way home, batched per pool (after BatchIt, ISMM 2024).
//!
//! A thread gathers what it frees of others in one list per slab ([`Gathered`](super::gathered::Gathered)). It may
//! allocate from that list again; what becomes too much goes home here, in one walk that sorts it by pool.

use core::mem::MaybeUninit;

use super::doubt;
use super::shared::Shared;
use crate::slab::chunk;
use crate::slab::pool::Pool;

/// Pools that batches are gathered for at a time. Chunks of one slab, freed together, come from few.
const BATCHES: usize = 16;

/// A batch for one pool.
#[derive(Clone, Copy)]
struct Batch {
    /// Unit of the pool.
    unit: usize,
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
    let mut batches = [const { MaybeUninit::<Batch>::uninit() }; BATCHES];
    // Bit `b`: batch `b` is one. Most lists are short, and so are not worth setting all of them up.
    let mut begun = 0u32;
    let mut at = head;
    while at >= chunk::FLOOR {
        let freed = at;
        at = chunk::next(freed);
        // Its link is read in the next turn.
        chunk::prefetch(at);
        let Some((_, unit)) = map.unit_of(freed).and_then(|unit| map.pool_of(map.tag(unit))) else {
            crate::fatal::fatal(format_args!("list of freed chunks is corrupt at {freed:#x}"));
        };
        let place = (unit ^ unit >> 4) % BATCHES;
        let batch = &mut batches[place];
        if begun & 1 << place != 0 {
            // SAFETY: its bit says that it was written.
            let batch = unsafe { batch.assume_init_mut() };
            if batch.unit == unit {
                batch.add(freed);
                continue;
            }
            batch.post(shared);
        }
        begun |= 1 << place;
        batch.write(Batch::of(unit, freed));
    }
    while begun != 0 {
        // SAFETY: as above.
        unsafe { batches[begun.trailing_zeros() as usize].assume_init_ref() }.post(shared);
        begun &= begun - 1;
    }
}

/// Returns one chunk of the pool at `unit`.
pub(crate) fn send_one(shared: &Shared, unit: usize, freed: usize) {
    Batch::of(unit, freed).post(shared);
}

impl Batch {
    fn of(unit: usize, freed: usize) -> Batch {
        Batch { unit, count: 1, first: freed, last: freed }
    }

    fn add(&mut self, freed: usize) {
        chunk::link(freed, self.first);
        self.first = freed;
        self.count += 1;
    }

    /// One atomic, and a second one when the owner should be told; without an owner the caller does its work.
    fn post(&self, shared: &Shared) {
        let unit = self.unit;
        let map = shared.map();
        let pool = Pool::at(map, unit);
        let base = map.address(unit) as usize;
        let tells = pool.remote().push(
            self.first - base,
            self.count,
            |there| chunk::link(self.last, there.map_or(chunk::END, |list| base + list.offset)),
            |before, now| pool.announces(before, now),
        );
        if !tells {
            return doubt::raise(map, unit);
        }
        // Announced, the pool is a heap's until the inbox has been read.
        if let Some((owner, _)) = map.pool_of(map.tag(unit)) {
            let slot = shared.slot(owner);
            slot.inbox().push(unit, pool.inbox_next());
            // Nobody else would read it soon, and the pool may be empty.
            slot.hear_unowned(shared);
        }
    }
}
