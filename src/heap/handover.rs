//! Making partly used pools of a living thread everybody's, when the arena is full and another thread asks for their
//! slab.
//!
//! Only its owner may touch what it freed into a pool, for it does so with plain stores. A pool handed over goes to the
//! common heap, by its tags; from then on its former owner frees its chunks as any other thread does, and who needs one
//! inherits the pool, or takes a chunk under the common heap's lock.
//!
//! - An owner that runs hands over its own pools: it is asked to ([`ask`]), and does so when it next takes its
//!   heap's lock ([`answer`]).
//! - For an owner that sleeps, the asking thread does it: it changes the tags first, and then makes sure that the owner
//!   sleeps in a system call of its own, which may be the wait for its heap's lock. There is none between reading a tag
//!   and the store of a free, so that it will read the new tag when it wakes. If it does not sleep, the old tags are
//!   put back; frees in between went to the outbox or to magazines, from where they find home by the tag of that time.
//!
//! Current pools are not handed over. What a running owner has in magazines it gives back to its pools before, unless
//! it is about to allocate of that slab.

use super::shared::{COMMON, Shared};
use super::slot::Slot;
use super::{doubt, magazine, steal, thread};
use crate::class::Class;
use crate::os;
use crate::slab::pool::Pool;

/// Pools handed over at a time.
const POOLS: usize = 64;
/// Times that an asking thread gives way to the others.
const PATIENCE: usize = 16;
/// One turn in so many asks the kernel who sleeps.
const PROOF_EACH: usize = 4;

/// Calls `attempt` while others hand over what they have of the slab. `None`: nobody has anything, or those who have do
/// not come by.
pub(crate) fn ask<T>(shared: &Shared, class: Class, attempt: impl Fn() -> Option<T>) -> Option<T> {
    let mut turn = 0;
    let found = loop {
        let promising = look_around(shared, class, turn % PROOF_EACH == 0);
        // Locks this thread's heap, whose owner answers there: what nobody else has answered is asked for anew below.
        let found = attempt();
        if found.is_some() || !promising || turn == PATIENCE {
            break found;
        }
        turn += 1;
        shared.want(class);
        os::give_way();
    };
    if turn > 0 {
        shared.take_wanted();
    }
    found
}

/// Whether another thread may have chunks of the slab to hand over. With `proof`, those of the first that sleeps are.
fn look_around(shared: &Shared, class: Class, proof: bool) -> bool {
    let own = thread::find(shared).map(|local| local.slot());
    let is_own = |slot: &Slot| own == Some(core::ptr::from_ref(slot) as usize);
    let mut promising = false;
    for slot in shared.heaps().filter(|slot| slot.has_owner() && !is_own(slot)) {
        let Some(_held) = slot.lock.try_lock() else {
            // Whoever holds the lock is busy there, and can be asked.
            promising = true;
            continue;
        };
        if slot.has_owner() && givers(shared, slot, class).next().is_some() {
            promising = true;
            if proof && from_sleeper(shared, slot, class) {
                break;
            }
        }
    }
    promising
}

/// Hands over what a thread that is not in the arena has of the slab; whether it sleeps. Its heap is locked, and it is
/// not the caller's.
fn from_sleeper(shared: &Shared, slot: &Slot, class: Class) -> bool {
    if !os::seems_asleep(slot.owner.thread()) {
        return false;
    }
    let common = shared.slot(COMMON);
    let Some(_held) = common.lock.try_lock() else { return false };
    let mut units = [0; POOLS];
    let mut found = 0;
    for unit in givers(shared, slot, class).take(POOLS) {
        tag(shared, common, unit);
        units[found] = unit;
        found += 1;
    }
    let units = &units[..found];
    let asleep = os::is_asleep(slot.owner.thread());
    if asleep {
        units.iter().for_each(|&unit| hand_over(shared, slot, common, unit));
    } else {
        units.iter().for_each(|&unit| tag(shared, slot, unit));
    }
    asleep
}

/// By a running owner with its heap locked: hands over pools of the slab that is wanted, but for one if that is the
/// slab it `serves`, which it is about to allocate of.
#[cold]
#[inline(never)]
pub(crate) fn answer(shared: &Shared, slot: &Slot, serves: Option<Class>) {
    let Some(class) = shared.take_wanted() else { return };
    let kept = if serves == Some(class) { 1 } else { 0 };
    let common = shared.slot(COMMON);
    let Some(_held) = common.lock.try_lock() else { return };
    if kept == 0
        && let Some(local) = slot.local().filter(|local| local.has_magazines())
    {
        steal::settle(slot, local, class);
        magazine::unload(shared, slot, local, class);
    }
    for unit in givers(shared, slot, class).skip(kept).take(POOLS) {
        tag(shared, common, unit);
        hand_over(shared, slot, common, unit);
    }
}

/// Pools of the slab with chunks to give. Some may stand in the heap's inbox, which passes them on.
fn givers<'a>(shared: &'a Shared, slot: &'a Slot, class: Class) -> impl Iterator<Item = usize> + 'a {
    slot.listed(shared, class).filter(|&unit| Pool::at(shared.map(), unit).can_give())
}

/// Moves a pool, already tagged, to the common heap's lists. Both heaps are locked, and the owner does not touch the
/// pool.
fn hand_over(shared: &Shared, slot: &Slot, common: &Slot, unit: usize) {
    let map = shared.map();
    let pool = Pool::at(map, unit);
    let (from, to) = (slot.slab(pool.class()), common.slab(pool.class()));
    from.unlist(map, unit);
    from.drop_pool();
    to.add_pool();
    pool.rest_available(pool.live());
    to.available.push(map, unit);
    // Its owner, or who returned the last chunk, may be about to find it elsewhere than it was.
    if pool.is_empty() {
        doubt::raise(map, unit);
    }
}

/// Says that a pool is the heap's.
fn tag(shared: &Shared, heap: &Slot, unit: usize) {
    heap.tag_pool(shared, unit, Pool::at(shared.map(), unit).units());
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::local::Beside;
    use super::*;
    use crate::arena::Arena;
    use core::alloc::Layout;

    /// Its owner has freed the last chunk and is about to look at the pool, but first somebody takes that away.
    #[test]
    fn a_pool_that_is_handed_over_empty_is_found() {
        let arena = Arena::new(16 << 20);
        let layout = Layout::new::<[u64; 128]>();
        let blocks: Vec<_> = (0..1000).map(|_| arena.allocate(layout).expect("there is memory")).collect();
        let shared = arena.known().expect("used");
        let map = shared.map();
        let pool_of = |block: usize| map.pool_of(map.tag(map.unit_of(block).expect("the arena's"))).expect("a pool").1;
        let unit = pool_of(blocks[200].addr().get());
        let (mut inside, others): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| pool_of(block.addr().get()) == unit);
        let last = inside.pop().expect("it has many");
        // SAFETY: allocated with this layout, and freed once, here and below.
        let free = |block| unsafe { arena.deallocate(block, layout) };
        inside.into_iter().for_each(free);
        let local = thread::find(shared).expect("a heap");
        let (slot, class) = (Slot::of(local).expect("a heap"), Class::of(1024).expect("a slab"));
        let freed = local.free_beside(class, last.addr().get());
        assert!(matches!(freed, Beside::RanDown(_)) && Pool::at(map, unit).is_empty());
        {
            let _held = slot.lock.lock();
            shared.want(class);
            answer(shared, slot, None);
        }
        assert_eq!(map.pool_of(map.tag(unit)), Some((COMMON, unit)), "handed over");
        arena.verify();
        others.into_iter().for_each(free);
        arena.trim();
        assert_eq!(arena.info().heap, 0);
    }
}
