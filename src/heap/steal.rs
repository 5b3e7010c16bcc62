//! Taking an idle thread's unused current pool from under its list, at no cost to the thread's fast path.
//!
//! A thread that went idle may hold, for each slab it touched, a pool none of whose chunks is in use: all are in the
//! thread's list. The list is the thread's alone, popped and pushed with plain loads and stores, so that another
//! thread must not simply take it. Under the heap's lock, which keeps the owner out of its slow paths:
//!
//! 1. The list is looked at: all carved chunks of the pool are in it. A glance, to be confirmed.
//! 2. Its head is swapped for the end mark `OWED`, and the old head noted in `owed`. The owner, should it run, finds
//!    an empty list and waits for the lock.
//! 3. The kernel is asked whether the owner sleeps in a system call. If so it is not between the load and the store of
//!    a pop or push, and no store of its is under way. If the head still is the mark, the list is ours.
//! 4. The list is counted again, now that nobody changes it. If it is whole, the pool is given away.
//!
//! Whatever else happens, the owner can tell at its next slow path: its list ends in `OWED` exactly if what was taken
//! is missing from it ([`Slot::settle`]). If an operation was under way in step 2, its store undid the swap, and
//! the list ends in `END`.

use super::local::Local;
use super::shared::Shared;
use super::slot::Slot;
use crate::class::{Class, UNIT};
use crate::os;
use crate::slab::chunk;
use crate::slab::pool::Pool;

/// Gives back the current pools of a heap that nobody uses a chunk of. The heap is locked; its owner is another thread.
pub(crate) fn unused_pools(shared: &Shared, slot: &Slot, local: &Local) {
    let mut marked = false;
    for class in Class::all() {
        if slot.owed[class.index()].get() == 0 && all_listed(shared, slot, class, local.chunks(class).head()) {
            // Cheap to ask once, and running threads are left alone.
            if !marked && !os::sleeps_in_syscall(slot.thread.get()) {
                return;
            }
            let head = local.chunks(class).head();
            if head >= chunk::FLOOR && local.chunks(class).swap_head(head, chunk::OWED) {
                slot.owed[class.index()].set(head);
                marked = true;
            }
        }
    }
    if !marked {
        return;
    }
    let asleep = os::sleeps_in_syscall(slot.thread.get());
    for class in Class::all() {
        let owed = slot.owed[class.index()].get();
        if owed == 0 {
            continue;
        }
        let chunks = local.chunks(class);
        if asleep && chunks.head() == chunk::OWED && all_listed(shared, slot, class, owed) {
            // The owner cannot push: no chunk of the pool is in use. It cannot pop: the list is empty.
            chunks.no_pool();
            chunks.swap_head(chunk::OWED, chunk::END);
            slot.owed[class.index()].set(0);
            give(shared, slot, class);
        } else {
            // Puts the list back if nothing came between; `owed` stays until the owner settles.
            chunks.swap_head(chunk::OWED, owed);
        }
    }
}

/// Whether all carved chunks of the class's current pool are in the list.
fn all_listed(shared: &Shared, slot: &Slot, class: Class, head: usize) -> bool {
    let Some(unit) = slot.slab(class).current() else {
        return false;
    };
    let pool = Pool::at(shared.map(), unit);
    let base = shared.map().address(unit) as usize;
    let returned = pool.remote().count();
    let carved = pool.carved();
    head >= chunk::FLOOR
        && !pool.remote().announced()
        && chunk::count(head, base..base + pool.units() * UNIT, class.size(), carved)
            .is_some_and(|listed| listed + returned == carved)
}

fn give(shared: &Shared, slot: &Slot, class: Class) {
    let slab = slot.slab(class);
    if let Some(unit) = slab.current() {
        slab.set_current(None);
        slab.pools.set(slab.pools.get() - 1);
        shared.give_pool(unit);
    }
}
