//! Frees beyond the thread's current pools.

use core::ptr;

use super::habit;
use super::handover;
use super::local::{Beside, Local};
use super::magazine;
use super::outbox;
use super::shared::Shared;
use super::slot::Slot;
use super::steal;
use super::thread;
use crate::class::Class;
use crate::fatal::fatal;
use crate::slab::block::{self, Block, Wrong};
use crate::slab::pool::{Pool, Standing};
use crate::span::tag;

/// A local free ran a pool's countdown down: the pool is worth a look.
#[cold]
#[inline(never)]
pub(crate) fn ran_down(shared: &Shared, local: &Local, unit: usize) {
    let Some(slot) = Slot::of(local) else { return };
    let _held = slot.lock.lock();
    // Another thread may have given the empty pool away before the lock was ours. Only this thread takes pools for
    // this heap, so that a pool which is still tagged as ours is the same one.
    let pool = Pool::at(shared.map(), unit);
    if local.tag().owned_record(shared.map().tag(unit)) == Some(ptr::from_ref(pool) as usize) && pool.ran_down() {
        // It may be empty, and then none of its chunks is handed out again by a list.
        if pool.standing() == Standing::Available {
            habit::count(shared, local, pool.freed());
        }
        slot.look(shared, unit, true);
    }
    if shared.is_asked() {
        handover::answer(shared, slot, None);
    }
}

/// Frees a chunk that is not of the calling thread's own primary pools. `tag` is that of the chunk's unit.
#[inline(never)]
pub(crate) fn free_elsewhere(shared: &Shared, freed: usize, unit: usize, tag: u64, class: Option<Class>) {
    let Some((_, pool)) = shared.map().pool_of(tag) else {
        return free_span(shared, freed, unit, tag);
    };
    if !freed.is_multiple_of(8) {
        fatal(format_args!("misaligned free of {freed:#x}: chunks begin at multiples of 8"));
    }
    let local = thread::find(shared);
    if let Some(local) = local
        && local.tag().owned_record(tag).is_some()
    {
        return free_own(shared, local, freed, pool, class);
    }
    let class = class.unwrap_or_else(|| class_of(shared, freed));
    // A thread that only frees gets a heap for its outbox.
    match local.or_else(|| thread::find_or_attach(shared)) {
        Some(local) if local.has_magazines() && class.is_traded() => to_magazine(shared, local, class, freed),
        Some(local) => {
            if local.gather(class, freed) {
                send_home(shared, local, class);
            }
            if local.habit().is_watched() {
                habit::watch_foreign(shared, local, class);
            }
        }
        None => outbox::send_one(shared, pool, freed),
    }
}

/// Enough chunks of other heaps are gathered.
#[cold]
#[inline(never)]
pub(crate) fn send_home(shared: &Shared, local: &Local, class: Class) {
    let Some(slot) = Slot::of(local) else { return };
    let _held = slot.lock.lock();
    steal::settle(slot, local, class);
    outbox::send_home(shared, local.take_outbox(class));
    let slab = slot.slab(class);
    slab.gave_back();
    local.hurry(class, slab.gives_back());
    if shared.is_asked() {
        handover::answer(shared, slot, None);
    }
}

/// A chunk of a pool of the calling thread's own.
fn free_own(shared: &Shared, local: &Local, freed: usize, unit: usize, class: Option<Class>) {
    let pool = Pool::at(shared.map(), unit);
    let class = class.unwrap_or_else(|| class_of(shared, freed));
    if local.has_magazines() {
        return to_magazine(shared, local, class, freed);
    }
    let current = pool.standing() == Standing::Current;
    let ran_out = !local.chunks(class).push(freed) && pool.push(freed);
    if local.habit().is_watched() {
        habit::watch(shared, local, current);
    }
    if ran_out {
        ran_down(shared, local, unit);
    }
}

fn to_magazine(shared: &Shared, local: &Local, class: Class, freed: usize) {
    if let Beside::Loaded(class) = local.free_to_magazine(class, freed) {
        magazine::set_aside(shared, local, class);
    }
}

fn free_span(shared: &Shared, freed: usize, unit: usize, tag: u64) {
    if tag != tag::LARGE || shared.map().address(unit) as usize != freed {
        check_block(shared, freed);
    }
    shared.give_large(unit);
}

/// Aborts unless a block begins at the address; bytes that belong to it.
pub(crate) fn check_block(shared: &Shared, address: usize) -> usize {
    match block::find(shared.map(), address) {
        Ok(block) => block.place.slab,
        Err(wrong) => block::refuse(address, wrong),
    }
}

/// The class of a chunk that is freed by its address alone; aborts unless one begins there.
#[inline]
fn class_of(shared: &Shared, freed: usize) -> Class {
    match block::find(shared.map(), freed) {
        Ok(Block { class: Some(class), .. }) => class,
        Ok(_) => block::refuse(freed, Wrong::Nothing),
        Err(wrong) => block::refuse(freed, wrong),
    }
}
