//! Owners that died without a word.
//!
//! A thread that uses an arena for the first time in the last round of its key destructors has no exit hook left.
//! Whoever is about to look at other threads' lists looks for such owners first.

use super::outbox::send_home;
use super::recover;
use super::shared::Shared;
use super::slot::Slot;
use super::thread;
use crate::class::Class;
use crate::slab::pool::Pool;

/// Takes all heaps from owners that are gone.
pub(crate) fn bury_all(shared: &Shared) {
    for slot in shared.heaps() {
        let buried = {
            let _held = slot.lock.lock();
            bury(shared, slot)
        };
        if buried {
            shared.park(slot);
            slot.hear_unowned(shared);
        }
    }
}

/// Takes the heap from its owner, if that is gone. The heap is locked; returns whether it was taken.
///
/// The primary arena's lists went with their thread's storage, and the chunks in them are lost; what was set aside goes
/// back. Other arenas' lie in the slot, as the thread left them when it was in the midst of nothing.
fn bury(shared: &Shared, slot: &Slot) -> bool {
    // In a process that a raw `clone` made in a namespace of its own, the caller's number may be another one by now.
    if !slot.has_owner() || !slot.owner.is_gone() || thread::owns(shared, slot) {
        return false;
    }
    if !shared.primary() {
        thread::leave(shared, slot, &slot.own);
        return true;
    }
    slot.set_local(None);
    for class in Class::all() {
        send_home(shared, slot.magazine(class).take());
        slot.owed(class).clear();
        let slab = slot.slab(class);
        if let Some(unit) = slab.current() {
            let pool = Pool::at(shared.map(), unit);
            slab.set_current(None);
            pool.rest_full(pool.carved() - pool.freed_beside(), false);
            slab.full.push(shared.map(), unit);
        }
        slab.rest(shared.map());
    }
    // Pools that the owner's last frees emptied have nobody to tell.
    recover::retire_empty(shared, slot);
    true
}
