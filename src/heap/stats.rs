//! Figures, from counts that exist anyway: nothing is counted on the fast path.
//!
//! Exact while no thread is inside the arena; else each is near a value that held a moment ago.

use super::death;
use super::shared::Shared;
use super::steal;
use crate::class::{Class, UNIT};
use crate::slab::chunk;
use crate::slab::pool::Pool;
use crate::span::tag;

/// What a slab holds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) slab: usize,
    pub(crate) pools: usize,
    pub(crate) heap: usize,
    pub(crate) allocated: usize,
}

/// A small slab's pools and chunks, those of its uncoloured twin too. O(heaps + pools of the slab + chunks in lists).
fn of_slab(shared: &Shared, class: Class) -> Usage {
    let mut usage = Usage { slab: class.size(), ..Usage::default() };
    let mut balance = count(shared, class, &mut usage);
    if class.uncoloured() != class {
        // Both at once: a twin's chunk may be gathered among others of the slab.
        balance += count(shared, class.uncoloured(), &mut usage);
    }
    usage.allocated = balance.max(0) as usize * class.size();
    usage
}

/// Adds a class's pools, and how many of their chunks are in the callers' hands, less those that are free in other
/// heaps.
fn count(shared: &Shared, class: Class, usage: &mut Usage) -> isize {
    let map = shared.map();
    let (mut live, mut foreign) = (0, 0);
    for slot in shared.heaps() {
        let _held = slot.lock.lock();
        let current = slot.slab(class).current();
        for unit in slot.listed(shared, class).chain(current) {
            let pool = Pool::at(map, unit);
            usage.pools += 1;
            usage.heap += pool.units() * UNIT;
            let in_use = if current == Some(unit) {
                let base = map.address(unit) as usize;
                let head = slot.local().map_or(chunk::END, |local| local.chunks(class).list.get());
                let listed = pool.survey(base, head).map_or(0, |listed| listed.count);
                pool.carved().saturating_sub(pool.freed_beside() + listed)
            } else {
                pool.live()
            };
            live += (in_use as usize).saturating_sub(pool.remote().count() as usize);
        }
        if let Some(local) = slot.local() {
            // Chunks that are free though their pools take them for used: gathered, borrowed, or in magazines.
            let chunks = local.chunks(class);
            let listed = if current.is_none() { chunks.list.get() } else { chunk::END };
            let aside = slot.magazine(class).aside();
            let lists = [listed, aside].map(|head| steal::count_foreign(shared, head));
            for listed in lists.into_iter().chain([steal::count_gathered(shared, local, class)]) {
                foreign += listed.map_or(0, |listed| listed.count as usize);
            }
            foreign += slot.owed(class).missing(shared, local, class);
        }
    }
    live as isize - foreign as isize
}

/// The smallest large slab above `above` bytes that holds memory. O(spans).
pub(crate) fn next_large(shared: &Shared, above: usize) -> Option<Usage> {
    let map = shared.map();
    let mut usage: Option<Usage> = None;
    shared.with_space(|space| {
        space.each(map, |_, tag, units| {
            let slab = units * UNIT;
            if tag != tag::LARGE || slab <= above {
                return;
            }
            match &mut usage {
                Some(found) if found.slab == slab => {
                    found.pools += 1;
                    found.heap += slab;
                    found.allocated += slab;
                }
                Some(found) if found.slab < slab => {}
                other => *other = Some(Usage { slab, pools: 1, heap: slab, allocated: slab }),
            }
        });
    });
    usage
}

/// Each slab that holds memory, ascending.
pub(crate) fn usages(shared: &Shared) -> impl Iterator<Item = Usage> {
    death::bury_all(shared);
    let small = Class::sized().map(|class| of_slab(shared, class)).filter(|usage| usage.pools > 0);
    let mut above = 0;
    small.chain(core::iter::from_fn(move || {
        let usage = next_large(shared, above)?;
        above = usage.slab;
        Some(usage)
    }))
}
