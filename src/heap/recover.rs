//! Finding parked memory before a request fails: chunks on their way home, emptied pools, the unused current pools of
//! idle threads.
//!
//! One thread at a time looks through all heaps: O(heaps × slabs), and the pools that are in [doubt](super::doubt).
//! Pools that are empty go back to the arena, where any slab and any thread can have them.

use super::death;
use super::shared::Shared;
use super::slot::Slot;
use super::{doubt, steal, thread};
use crate::class::Class;
use crate::slab::chunk;
use crate::slab::pool::{Pool, Standing};
use crate::sync::Ordering;

/// Owners of a pool that are looked up, where it goes from one to the next meanwhile.
const OWNERS: usize = 4;

/// Returns whether memory may have come back. `wanted` is the slab that the caller runs out of: its own list stays.
#[cold]
#[inline(never)]
pub(crate) fn run(shared: &Shared, wanted: Option<Class>) -> bool {
    let free = |shared: &Shared| shared.with_space(|space| space.free_units());
    let before = free(shared);
    let own = thread::find(shared).and_then(Slot::of);
    let give_own = |slot: &Slot| {
        let _held = slot.lock.lock();
        give(shared, slot, true, wanted)
    };
    let asked = shared.recoveries.get();
    let _one_at_a_time = shared.recovery.lock();
    let now = shared.recoveries.get();
    // The caller's own first: what it has gathered goes home, and may be all that others' pools miss.
    let sent_own = own.is_some_and(give_own);
    // Another thread's look that began after this one was asked for serves as well, unless the caller has just sent
    // chunks home: pools that the other looked at may have missed them. (While it waited here it may not have counted
    // as asleep.)
    if now.wrapping_sub(asked) >= 2 && !sent_own {
        return true;
    }
    shared.recoveries.set(now.wrapping_add(1));
    shared.leavers.look();
    death::bury_all(shared);
    shared.give_all_kept();
    let is_own = |slot: &Slot| is_same(own, slot);
    let mut sent = false;
    for slot in shared.heaps().filter(|slot| !is_own(slot)) {
        let _held = slot.lock.lock();
        sent |= give(shared, slot, false, wanted);
    }
    // Chunks sent home on the way may be all that pools of heaps missed that were looked at before.
    for slot in shared.heaps() {
        let _held = slot.lock.lock();
        if sent {
            give(shared, slot, is_own(slot), wanted);
        } else if !slot.inbox().is_empty() {
            hear_for(shared, slot);
        }
    }
    look_at_doubtful(shared, own);
    free(shared) > before
}

fn is_same(own: Option<&Slot>, slot: &Slot) -> bool {
    own.is_some_and(|own| core::ptr::eq(own, slot))
}

/// What a heap has no use for goes back: of the caller's own all but its list of the slab that is wanted. The heap is
/// locked. Whether chunks went home to other heaps.
fn give(shared: &Shared, slot: &Slot, own: bool, wanted: Option<Class>) -> bool {
    let mut sent = false;
    match slot.local() {
        Some(local) if own => {
            for class in Class::all().filter(|&class| Some(class) != wanted) {
                steal::settle(slot, local, class);
                let of_any = slot.slab(class).current().is_none() && local.chunks(class).list.get() >= chunk::FLOOR;
                let aside = local.has_magazines() && slot.magazine(class).aside() >= chunk::FLOOR;
                sent |= of_any || aside || !local.gathered(class).is_empty();
                slot.shelve(shared, local, class);
            }
            slot.hear(shared);
        }
        Some(local) => {
            hear_for(shared, slot);
            sent = steal::unused(shared, slot, local);
        }
        None => slot.hear(shared),
    }
    slot.give_spares(shared);
    sent
}

/// Looks at the pools in doubt, whosever. `own` is the caller's heap.
pub(super) fn look_at_doubtful(shared: &Shared, own: Option<&Slot>) {
    let units = shared.with_space(|space| space.frontier());
    doubt::take_each(shared.map(), units, |unit| look_at(shared, unit, own));
}

/// Looks at a pool that was in doubt. It stays so where it may become empty and nothing tell.
fn look_at(shared: &Shared, unit: usize, own: Option<&Slot>) {
    let map = shared.map();
    let owner = || map.pool_of(map.tag(unit)).filter(|&(_, first)| first == unit).map(|(owner, _)| owner);
    for _ in 0..OWNERS {
        let Some(found) = owner() else { return };
        let slot = shared.slot(found);
        let _held = slot.lock.lock();
        if owner() != Some(found) {
            // Another asker may have tagged it for a moment, in vain.
            continue;
        }
        // What is current its owner looks at when its list has ended; spares are known to be empty.
        if Pool::at(map, unit).standing() == Standing::Current
            || slot.is_spare(unit)
            || retire_or_refresh(shared, slot, unit, is_same(own, slot) || slot.local().is_none())
        {
            return;
        }
        break;
    }
    doubt::raise(map, unit);
}

/// Gives back all listed pools that are empty. By the owner, or for a heap without one; it is locked.
pub(crate) fn retire_empty(shared: &Shared, slot: &Slot) {
    for class in Class::all() {
        for unit in slot.listed(shared, class) {
            retire_or_refresh(shared, slot, unit, true);
        }
    }
}

/// Gives back a listed pool that is empty. The heap is locked. Where the caller `owns` it, or nobody does, one with
/// returned chunks becomes available, and will tell; otherwise it is doubtful whether it does, and this is `false`.
fn retire_or_refresh(shared: &Shared, slot: &Slot, unit: usize, owns: bool) -> bool {
    let pool = Pool::at(shared.map(), unit);
    // Asked in this order: who returns the last chunk announces the pool with it.
    let (empty, remote) = (pool.is_empty(), pool.remote());
    if remote.announced() || remote.count() == 0 && !empty {
        return true;
    }
    if empty {
        slot.retire(shared, unit, false);
    } else if owns {
        slot.refresh(shared, unit, false);
    }
    empty || owns
}

/// Reads a heap's inbox while its owner may be freeing: only empty pools may be touched, the others are put back. A
/// current pool's owner looks for what came back when its list has ended, announced or not.
fn hear_for(shared: &Shared, slot: &Slot) {
    let map = shared.map();
    let link = |unit: usize| Pool::at(map, unit).inbox_next();
    for unit in slot.inbox().take(|unit| link(unit).load(Ordering::Relaxed)) {
        let pool = Pool::at(map, unit);
        if slot.passes_on(shared, unit) {
            continue;
        }
        if pool.standing() == Standing::Current {
            pool.remote().heard();
        } else if pool.is_empty() {
            pool.remote().heard();
            slot.retire(shared, unit, false);
        } else {
            slot.inbox().push(unit, link(unit));
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use crate::arena::Arena;
    use crate::sync::counted::loads;
    use core::alloc::Layout;

    /// What a refusal reads in an arena that one thread has filled.
    fn refusal(capacity: usize) -> u64 {
        let arena = Arena::new(capacity);
        let page = Layout::new::<[u64; 512]>();
        while arena.allocate(page).is_ok() {}
        loads(|| assert!(arena.allocate(page).is_err()))
    }

    #[test]
    fn a_refusal_costs_the_same_in_any_arena() {
        let (small, large) = (refusal(16 << 20), refusal(256 << 20));
        assert!(large < small * 2, "{small} words in an arena of 16 MiB, {large} in one of 256");
    }
}
