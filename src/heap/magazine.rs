//! Magazines: what a thread without a foreseeable habit frees, whatever pool it is of.
//!
//! Where chunks of many sizes are replaced at random, no slab's current pool lasts: its list is short, frees miss it,
//! and neither can be foreseen. Where threads allocate what the others free, it cannot be foreseen whose the next chunk
//! is. A thread that is found to do so ([`habit`]) has no current pools. What it frees, be it another heap's (but for
//! the larger slabs, see `Class::is_traded`), goes to its slab's list, of which it allocates again, and the pools are
//! not touched. As the list's length is nobody's to count, for pops are inlined, frees are counted: when there were as
//! many as a magazine holds, the list is set aside, unless it is short, and what was set aside before goes back to its
//! pools. A list that has ended goes on with what was set aside (after Bonwick and Adams, "Magazines and Vmem", 2001,
//! where each processor has two, loaded and previous).
//!
//! To their pools the chunks of a list, and those set aside, are in use. A program that frees much more than it
//! allocates would have each chunk go through a list for nothing: then the thread does without (`Habit::exchange`).
//! Before it takes fresh memory for a pool of 64 KiB or more all of them go back.

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

/// The thread has magazines from now on: its current pools are put away. By the owner; its heap is locked.
pub(crate) fn begin(shared: &Shared, slot: &Slot, local: &Local) {
    for class in Class::all() {
        steal::settle(slot, local, class);
        if slot.slab(class).current().is_some() {
            slot.shelve_list(shared, local, class);
        }
        local.chunks(class).set_room(class.magazine());
        // From now on these go to the list.
        if class.is_traded() {
            send_home(shared, local.take_outbox(class));
        }
    }
    local.load_magazines(true);
}

/// So many of the slab were freed as a magazine holds: its list is set aside.
#[cold]
#[inline(never)]
pub(crate) fn set_aside(shared: &Shared, local: &Local, class: Class) {
    let Some(slot) = Slot::of(local) else { return };
    let _held = slot.lock.lock();
    steal::settle(slot, local, class);
    let (chunks, magazine) = (local.chunks(class), slot.magazine(class));
    chunks.set_room(class.magazine());
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

/// The slab's list has ended: goes on with what was set aside. By the owner; the heap is locked. Without anything there
/// it may be time for a sample, and the thread has no magazines any more.
pub(crate) fn reload(shared: &Shared, slot: &Slot, local: &Local, class: Class) -> Option<Served> {
    let (chunks, magazine) = (local.chunks(class), slot.magazine(class));
    let put = chunks.put_since_set(class);
    chunks.set_room(class.magazine());
    let list = magazine.take();
    if list < chunk::FLOOR {
        magazine.turns.set(0);
        // Also who allocates more than it frees is to find out what magazines are worth.
        habit::count(shared, local, put + taken_at_once(class));
        return None;
    }
    slot.owed(class).list().follow(&magazine.note);
    magazine.turns.set(magazine.turns.get() + 1);
    if magazine.turns.get() == TURNS {
        magazine.turns.set(0);
        flush(shared, slot, local, chunk::cut(list, class.magazine() as u32).0);
    }
    chunks.list.set(list);
    chunks.pop(chunk::FLOOR).map(Served::used)
}

/// A few chunks of a pool, which is in no list, become the slab's list; the pool goes to the heap's lists.
pub(crate) fn load(shared: &Shared, slot: &Slot, local: &Local, class: Class, unit: usize) -> Option<Served> {
    let map = shared.map();
    let (slab, chunks) = (slot.slab(class), local.chunks(class));
    let pool = Pool::at(map, unit);
    let base = map.address(unit) as usize;
    let carves = class.bumps() && !pool.has_free() && pool.remote().count() == 0;
    let one = shared.fill(pool, || {
        let one = if carves { pool.carve_one(base) } else { None };
        if one.is_none() {
            chunks.list.set(pool.take_some(base, taken_at_once(class)));
        }
        one
    });
    let live = pool.live() + u32::from(one.is_some());
    chunks.set_room(class.magazine());
    // Lent chunks are few from here on: what is freed of others' need not go home at once.
    local.hurry(class, false);
    slab.put(map, unit, live, true);
    match one {
        Some((chunk, zero)) => Some(Served { chunk, zero }),
        None => chunks.pop(chunk::FLOOR).map(Served::used),
    }
}

/// Chunks that a list gets from a pool.
fn taken_at_once(class: Class) -> u32 {
    class.magazine() as u32 / 2
}

/// Gives a slab's list and what is set aside back. By the owner, or for one that is gone; the heap is locked, nothing
/// is owed, and the slab has no current pool.
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
            // Another heap's, or of a pool that was handed over.
            None => {
                chunk::link(freed, foreign);
                foreign = freed;
            }
        }
    }
    send_home(shared, foreign);
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::thread;
    use super::*;
    use crate::arena::Arena;
    use core::alloc::Layout;
    use core::ptr::NonNull;

    type Block = (NonNull<u8>, Layout);

    fn local(arena: &Arena) -> &Local {
        thread::find(arena.known().expect("used")).expect("a heap")
    }

    fn block(arena: &Arena, size: usize) -> Block {
        let layout = Layout::from_size_align(size, 8).expect("valid");
        (arena.allocate(layout).expect("there is memory"), layout)
    }

    fn free(arena: &Arena, (block, layout): Block) {
        // SAFETY: of `block`, and freed once.
        unsafe { arena.deallocate(block, layout) };
    }

    /// Blocks of which many were replaced at random, by a thread that has magazines then.
    fn scattered(arena: &Arena, count: usize) -> Vec<Block> {
        let mut state = 1u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut blocks: Vec<_> = (0..count).map(|_| block(arena, 1024 + draw(31 << 10))).collect();
        for _ in 0..100 {
            for _ in 0..5000 {
                let (at, new) = (draw(count), block(arena, 1024 + draw(31 << 10)));
                free(arena, core::mem::replace(&mut blocks[at], new));
            }
            if local(arena).has_magazines() {
                return blocks;
            }
        }
        panic!("no magazines");
    }

    /// Chunks in a slab's list, and set aside.
    fn held(arena: &Arena, class: Class) -> u32 {
        let local = local(arena);
        let aside = Slot::of(local).expect("a heap").magazine(class).aside();
        [local.chunks(class).list.get(), aside]
            .map(|list| steal::count_foreign(arena.known().expect("used"), list).expect("a list").count)
            .into_iter()
            .sum()
    }

    #[test]
    fn who_only_allocates_does_without() {
        let arena = Arena::new(4 << 30);
        scattered(&arena, 1000);
        let does_without = (0..1 << 20).any(|_| {
            block(&arena, 2048);
            !local(&arena).has_magazines()
        });
        assert!(does_without);
    }

    #[test]
    fn all_of_them_go_back_before_fresh_memory_is_taken() {
        let arena = Arena::new(1 << 30);
        let blocks = scattered(&arena, 1000);
        blocks.into_iter().for_each(|block| free(&arena, block));
        assert!(local(&arena).has_magazines(), "a few are freed");
        let most = || Class::all().map(|class| held(&arena, class)).max();
        assert!(most() > Some(8));
        let before = arena.info().heap;
        // The slab is none of those, and its first pool is long enough for a look.
        while arena.info().heap == before {
            block(&arena, 60 << 10);
        }
        assert!(most() <= Some(8), "{:?}", most());
    }

    #[test]
    fn lists_do_not_grow_for_ever() {
        let arena = Arena::new(1 << 30);
        let others = scattered(&arena, 1000);
        let class = Class::of(2048).expect("a slab");
        let most = class.magazine() as u32;
        let mut blocks: Vec<_> = (0..4000).map(|_| block(&arena, 2048)).collect();
        assert!(local(&arena).has_magazines());
        let mut longest = 0;
        // Each full magazine is taken back at once.
        while blocks.len() > 1000 && local(&arena).has_magazines() {
            blocks.drain(..most as usize).for_each(|block| free(&arena, block));
            blocks.push(block(&arena, 2048));
            longest = longest.max(held(&arena, class));
        }
        assert!(longest > 2 * most && longest < 7 * most, "{longest}");
        others.into_iter().chain(blocks).for_each(|block| free(&arena, block));
        assert_eq!(arena.info().allocated, 0);
        arena.verify();
    }
}
