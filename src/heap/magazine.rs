//! Magazines: what a thread without a foreseeable habit frees of its own chunks, whatever pool they are of.
//!
//! Where chunks of many sizes are replaced at random, no slab's current pool lasts: its list is short, frees miss it, and
//! neither can be foreseen. A thread that is found to do so ([`habit`]) has no current pools. What it frees goes to its
//! slab's list, of which it allocates again, and the pools are not touched. As the list's length is nobody's to count,
//! for pops are inlined, frees are counted: when there were as many as a magazine holds, the list is set aside, and what
//! was set aside before goes back to its pools. A list that has ended goes on with what was set aside (after Bonwick and
//! Adams, "Magazines and Vmem", 2001, where each processor has two, loaded and previous).
//!
//! To their pools the chunks of a list, and those set aside, are in use. A program that frees much more than it allocates
//! would have each chunk go through a list for nothing: then the thread does without (`Habit::exchange`). Before it takes
//! fresh memory all of them go back.

use core::cell::Cell;

use super::habit;
use super::handover;
use super::local::Local;
use super::note::Note;
use super::outbox::send_home;
use super::refill::Served;
use super::shared::Shared;
use super::slot::Slot;
use super::steal;
use crate::class::Class;
use crate::slab::chunk;
use crate::slab::pool::Pool;

/// What is taken back as often as this, and never used up, is cut: it may have become long.
const TURNS: u32 = 4;

/// What is set aside of a slab. Under the heap's lock. All-zero bytes: nothing.
#[repr(C)]
pub(crate) struct Magazine {
    /// A list's first chunk, or its end.
    aside: Cell<usize>,
    /// How often it was taken back since nothing was there.
    turns: Cell<u32>,
    /// The mark in which it does not end.
    note: Note,
}

impl Magazine {
    pub(crate) fn aside(&self) -> usize {
        self.aside.get()
    }

    pub(crate) fn take(&self) -> usize {
        self.aside.replace(chunk::END)
    }

    pub(crate) fn clear(&self) {
        self.aside.set(chunk::END);
        self.turns.set(0);
    }
}

/// So many of the slab were freed as a magazine holds: its list is set aside.
#[cold]
#[inline(never)]
pub(crate) fn set_aside(shared: &Shared, local: &Local, class: Class) {
    let Some(slot) = Slot::of(local) else { return };
    let _held = slot.lock.lock();
    steal::settle(slot, local, class);
    let (chunks, magazine) = (local.chunks(class), slot.magazine(class));
    chunks.load(class.magazine());
    // Most were allocated again meanwhile.
    let stays = !chunk::is_longer(chunks.list.get(), class.magazine() as u32 / 4);
    let gives_up = !stays && {
        let before = magazine.aside.replace(chunks.list.take());
        magazine.note.follow(slot.owed(class).list());
        flush(shared, slot, local, before);
        local.habit().exchange(before >= chunk::FLOOR)
    };
    if gives_up {
        give_up(shared, slot, local);
    } else {
        habit::count(shared, local, class.magazine() as u32);
    }
    if shared.is_asked() {
        handover::answer(shared, slot, None);
    }
}

/// The slab's list has ended: goes on with what was set aside. By the owner; the heap is locked.
pub(crate) fn reload(shared: &Shared, slot: &Slot, local: &Local, class: Class) -> Option<Served> {
    let (chunks, magazine) = (local.chunks(class), slot.magazine(class));
    let list = magazine.take();
    if list < chunk::FLOOR {
        magazine.turns.set(0);
        return None;
    }
    slot.owed(class).list().follow(&magazine.note);
    magazine.turns.set(magazine.turns.get() + 1);
    if magazine.turns.get() == TURNS {
        magazine.turns.set(0);
        flush(shared, slot, local, chunk::cut(list, class.magazine() as u32).0);
    }
    chunks.list.set(list);
    chunks.load(class.magazine());
    chunks.pop(chunk::FLOOR).map(Served::used)
}

/// A few chunks of a pool, which is in no list, become the slab's list; the pool goes to the heap's lists.
pub(crate) fn load(shared: &Shared, slot: &Slot, local: &Local, class: Class, unit: usize) -> Option<Served> {
    let map = shared.map();
    let (slab, chunks) = (slot.slab(class), local.chunks(class));
    let pool = Pool::at(map, unit);
    let base = map.address(unit) as usize;
    let (was_carved, live) = (pool.is_carved(), pool.live());
    let carves = class.bumps() && !pool.has_free() && pool.remote().count() == 0;
    let one = if carves { pool.carve_one(base) } else { None };
    if one.is_some() {
        pool.rest_available(live + 1);
    } else {
        chunks.list.set(pool.take_some(base, class.magazine() as u32 / 2));
    }
    chunks.load(class.magazine());
    // Lent chunks are few from here on, and gathered ones may be allocated again.
    local.hurry(class, false);
    if pool.is_carved() && !was_carved {
        shared.fill(pool.units());
    }
    if pool.can_give() {
        pool.rest_available(pool.live());
        slab.available.push(map, unit);
    } else {
        pool.rest_full(pool.live(), slab.is_eager());
        slab.full.push(map, unit);
    }
    match one {
        Some((chunk, zero)) => Some(Served { chunk, zero }),
        None => chunks.pop(chunk::FLOOR).map(Served::used),
    }
}

/// Gives a slab's list and what is set aside back. By the owner, or for one that is gone; the heap is locked, nothing is
/// owed, and the slab has no current pool.
pub(crate) fn unload(shared: &Shared, slot: &Slot, local: &Local, class: Class) {
    flush(shared, slot, local, local.chunks(class).list.take());
    if local.has_magazines() {
        flush(shared, slot, local, slot.magazine(class).take());
    }
}

/// As [`unload`], for all slabs.
pub(crate) fn unload_all(shared: &Shared, slot: &Slot, local: &Local) {
    for class in Class::all() {
        steal::settle(slot, local, class);
        unload(shared, slot, local, class);
    }
}

/// The thread does without magazines from now on. By the owner; its heap is locked.
pub(crate) fn give_up(shared: &Shared, slot: &Slot, local: &Local) {
    unload_all(shared, slot, local);
    local.load_magazines(false);
}

/// Gives each chunk of a list back to its pool.
fn flush(shared: &Shared, slot: &Slot, local: &Local, list: usize) {
    let map = shared.map();
    let (mut at, mut foreign) = (list, chunk::END);
    while at >= chunk::FLOOR {
        let freed = at;
        at = chunk::next(freed);
        chunk::prefetch(at);
        let own = map.unit_of(freed).and_then(|unit| local.tag().owned_record(map.tag(unit)));
        match own {
            Some(record) => {
                let unit = map.unit_of_record(record);
                if Pool::at(map, unit).push(freed) {
                    slot.look(shared, unit, true);
                }
            }
            // Borrowed, or of a pool that was handed over.
            None => {
                chunk::link(freed, foreign);
                foreign = freed;
            }
        }
    }
    send_home(shared, foreign);
}
