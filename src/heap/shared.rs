//! An arena's shared state, at the start of its reservation: its heaps, its space, its figures.

use core::cell::UnsafeCell;
use core::ptr::NonNull;

use super::death;
use super::keeper::Keeper;
use super::leavers::Leavers;
use super::pace::Pace;
use super::slot::{SLOT, Slot};
use crate::class::{Class, MAX_ALIGN, UNIT};
use crate::lock::{Guard, Lock};
use crate::slab::pool::Pool;
use crate::span::huge::Huge;
use crate::span::map::Map;
use crate::span::space::Space;
use crate::span::tag::MAX_OWNERS;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Cell32, Ordering};

/// Number of the heap without a thread, which serves threads that cannot have their own.
pub(crate) const COMMON: u32 = 1;
/// Departed heaps that a growing thread looks at.
const HELPED: usize = 8;

/// Lists of slots, linked through [`Slot::link`] by number.
struct Slots {
    /// Slots ever used; their numbers are `1..=used`.
    used: u32,
    /// Without pools.
    free: u32,
    /// With pools that a departed thread left.
    departed: u32,
}

/// See the module.
pub(crate) struct Shared {
    map: Map,
    uid: u64,
    primary: bool,
    /// Some sizes of slabs that are traded are the system's: lists of these must stay empty.
    divided: bool,
    /// Class of which a thread found nothing in a full arena, + 1; 0: none. A hint.
    wanted: AtomicU32,
    /// Next in the registry; under its lock.
    pub(crate) next: AtomicUsize,
    pub(crate) pace: Pace,
    pub(crate) leavers: Leavers,
    /// Which heaps may keep spans of large blocks.
    pub(crate) keeper: Keeper,
    /// Held while looking for parked memory, so that threads do not look at the same time.
    pub(crate) recovery: Lock,
    /// Times that parked memory was looked for, counted at the start; written under that lock.
    pub(crate) recoveries: Cell32,
    slots_lock: Lock,
    slots: UnsafeCell<Slots>,
    /// Copy of `Slots::departed`, read without the lock as a hint.
    departed: AtomicU32,
    space_lock: Lock,
    space: UnsafeCell<Space>,
    /// Copy of [`Space::free_units`], read without the lock as a hint.
    free_units: AtomicUsize,
    /// Units of pools that are carved to their end: memory in full use, or near it.
    filled: AtomicUsize,
    /// Bytes with the system allocator.
    system: AtomicUsize,
}

// SAFETY: the cells are reached under their locks only; the map is constant.
unsafe impl Sync for Shared {}

impl Shared {
    /// Reserves an arena of at most `capacity` bytes: less if the address space is limited, but at least `least`.
    pub(crate) fn reserve(
        capacity: usize,
        least: usize,
        huge: Huge,
        divided: bool,
        primary: bool,
    ) -> Option<NonNull<Shared>> {
        static UIDS: AtomicU64 = AtomicU64::new(1);
        crate::checks::key::draw();
        let map = Map::reserve_granted(capacity, least, size_of::<Shared>(), SLOT)?;
        let shared = map.head().cast::<Shared>();
        // SAFETY: the map keeps room for a `Shared`, page-aligned, committed, and not yet known to anybody else.
        unsafe {
            shared.write(Shared {
                map,
                // Relaxed: the numbers need only differ.
                uid: UIDS.fetch_add(1, Ordering::Relaxed),
                primary,
                divided,
                wanted: AtomicU32::new(0),
                next: AtomicUsize::new(0),
                pace: Pace::new(),
                leavers: Leavers::new(),
                keeper: Keeper::new(map.units()),
                recovery: Lock::new(),
                recoveries: Cell32::new(0),
                slots_lock: Lock::new(),
                slots: UnsafeCell::new(Slots { used: 0, free: 0, departed: 0 }),
                departed: AtomicU32::new(0),
                space_lock: Lock::new(),
                space: UnsafeCell::new(Space::new(&map, huge)),
                free_units: AtomicUsize::new(map.units()),
                filled: AtomicUsize::new(0),
                system: AtomicUsize::new(0),
            });
            shared.as_ref().open_slot();
            Some(shared)
        }
    }

    /// Gives everything back to the OS.
    ///
    /// # Safety
    /// Nobody uses the arena, or will.
    pub(crate) unsafe fn unmap(this: NonNull<Shared>) {
        // SAFETY: the caller's promise; the map is copied out before its memory goes.
        unsafe {
            let map = this.as_ref().map;
            map.release();
        }
    }

    #[inline(always)]
    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    pub(crate) fn is_divided(&self) -> bool {
        self.divided
    }

    /// Number of this arena, never used twice in a process.
    pub(crate) fn uid(&self) -> u64 {
        self.uid
    }

    /// Whether threads keep their lists of this arena in thread-local storage.
    #[inline(always)]
    pub(crate) fn primary(&self) -> bool {
        self.primary
    }

    pub(crate) fn system(&self) -> &AtomicUsize {
        &self.system
    }

    /// The heap of that number, `1..=used`.
    pub(crate) fn slot(&self, number: u32) -> &Slot {
        // SAFETY: the map keeps SLOT zeroed, aligned bytes per slot, and numbers come from `open_slot` alone; all-zero
        // bytes are a valid slot.
        unsafe { &*self.map.slot(number - 1).cast::<Slot>() }
    }

    /// All heaps ever used.
    pub(crate) fn heaps(&self) -> impl Iterator<Item = &Slot> {
        (1..=self.used_slots()).map(|number| self.slot(number))
    }

    /// Slots ever used.
    pub(crate) fn used_slots(&self) -> u32 {
        self.with_slots(|slots| slots.used)
    }

    /// A heap for a new thread: a departed one with its pools, a free one, or a new one. `None`: no slot is left.
    pub(crate) fn adopt(&self) -> Option<&Slot> {
        let found = self.with_slots(|slots| {
            for list in [&mut slots.departed, &mut slots.free] {
                if *list != 0 {
                    let slot = self.slot(*list);
                    *list = slot.link.get();
                    return Some(slot);
                }
            }
            None
        });
        found.or_else(|| self.open_slot())
    }

    /// Keeps a heap without an owner for the next thread.
    pub(crate) fn park(&self, slot: &Slot) {
        self.with_slots(|slots| {
            let list = if slot.has_pools() { &mut slots.departed } else { &mut slots.free };
            slot.link.set(*list);
            *list = slot.number();
        });
    }

    /// Whether departed threads left pools; a hint.
    pub(crate) fn has_departed(&self) -> bool {
        // Relaxed: a hint.
        self.departed.load(Ordering::Relaxed) != 0
    }

    /// Takes a pool of the slab with chunks to give from a departed heap, for `heir`, whose lock the caller holds.
    /// Looks at some heaps only, and reads their inboxes on the way, so that what comes back to them becomes free.
    pub(crate) fn inherit(&self, heir: &Slot, class: Class) -> Option<usize> {
        self.with_slots(|slots| {
            let mut at = slots.departed;
            for _ in 0..HELPED {
                if at == 0 {
                    break;
                }
                let slot = self.slot(at);
                at = slot.link.get();
                let Some(_held) = slot.lock.try_lock() else { continue };
                slot.hear(self);
                if let Some(unit) = slot.bequeath(self, class, heir) {
                    return Some(unit);
                }
            }
            None
        })
    }

    /// As [`Shared::inherit`], from the common heap.
    pub(crate) fn inherit_common(&self, heir: &Slot, class: Class) -> Option<usize> {
        let common = self.slot(COMMON);
        let _held = common.lock.try_lock()?;
        common.hear(self);
        common.bequeath(self, class, heir)
    }

    /// Asks the others for chunks of the class, see [`handover`](super::handover).
    pub(crate) fn want(&self, class: Class) {
        // Relaxed, here and below: a hint.
        self.wanted.store(class.index() as u32 + 1, Ordering::Relaxed);
    }

    /// Whether somebody asks.
    #[inline(always)]
    pub(crate) fn is_asked(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != 0
    }

    /// What is asked for, once.
    pub(crate) fn take_wanted(&self) -> Option<Class> {
        let wanted = self.wanted.swap(0, Ordering::Relaxed) as usize;
        wanted.checked_sub(1).and_then(|index| Class::all().nth(index))
    }

    /// Calls `visit` with each departed heap and the common one, locked, until it yields something.
    pub(crate) fn find_in_ownerless<T>(&self, mut visit: impl FnMut(&Slot) -> Option<T>) -> Option<T> {
        // One that is left this moment may be missed.
        self.heaps().filter(|slot| !slot.has_owner()).find_map(|slot| {
            let _held = slot.lock.lock();
            if slot.local().is_some() { None } else { visit(slot) }
        })
    }

    /// Units of pools that are carved to their end.
    pub(crate) fn filled(&self) -> usize {
        // Relaxed: a count that guides a guess. In the child of a fork it may lack a pool whose owner was about to
        // enter it.
        (self.filled.load(Ordering::Relaxed) as isize).max(0) as usize
    }

    /// Takes chunks from a pool by `work`; enters the pool's units as being in full use if that carves the last of it.
    pub(crate) fn fill<T>(&self, pool: &Pool, work: impl FnOnce() -> T) -> T {
        let was_carved = pool.is_carved();
        let taken = work();
        if pool.is_carved() && !was_carved {
            self.filled.fetch_add(pool.units(), Ordering::Relaxed);
        }
        taken
    }

    /// Undoes [`Shared::fill`] for a pool that goes out of service.
    pub(crate) fn unfill(&self, pool: &Pool) {
        if pool.is_carved() {
            self.filled.fetch_sub(pool.units(), Ordering::Relaxed);
        }
    }

    /// Gives a pool's span back; no chunk of it is in anybody's hands.
    pub(crate) fn give_pool(&self, unit: usize) {
        let units = self.map.record(unit).units.get() as usize;
        for at in (unit + 1)..(unit + units) {
            self.map.set_tag(at, crate::span::tag::INSIDE);
        }
        self.with_space(|space| space.give(&self.map, unit, units));
    }

    #[inline]
    pub(crate) fn with_space<T>(&self, work: impl FnOnce(&mut Space) -> T) -> T {
        let _held = self.space_lock.lock();
        // SAFETY: the lock is held, and `work` does not come back here.
        let space = unsafe { &mut *self.space.get() };
        let result = work(space);
        // Relaxed: a hint.
        self.free_units.store(space.free_units(), Ordering::Relaxed);
        result
    }

    /// Units that nobody holds or keeps; a hint.
    pub(crate) fn free_units(&self) -> usize {
        // Relaxed: a hint.
        self.free_units.load(Ordering::Relaxed)
    }

    /// Bytes of metadata in use.
    pub(crate) fn overhead(&self) -> usize {
        let used = self.with_slots(|slots| slots.used);
        self.map.metadata_bytes(self.with_space(|space| space.frontier()), used)
    }

    /// Takes all locks, in order, for a fork.
    pub(crate) fn lock_for_fork(&self) {
        self.recovery.lock_for_fork();
        let mut locked = 0;
        loop {
            let used = self.with_slots(|slots| slots.used);
            for number in locked + 1..=used {
                self.slot(number).lock.lock_for_fork();
            }
            locked = used;
            self.slots_lock.lock_for_fork();
            // SAFETY: the lock is held.
            if unsafe { &*self.slots.get() }.used == locked {
                break;
            }
            // A thread attached meanwhile; its heap's lock comes before this one.
            self.slots_lock.unlock_after_fork();
        }
        self.space_lock.lock_for_fork();
    }

    /// Undoes [`Shared::lock_for_fork`].
    pub(crate) fn unlock_after_fork(&self) {
        self.space_lock.unlock_after_fork();
        // SAFETY: the lock is still held from before the fork.
        let locked = unsafe { &*self.slots.get() }.used;
        for number in 1..=locked {
            self.slot(number).lock.unlock_after_fork();
        }
        self.slots_lock.unlock_after_fork();
        self.recovery.unlock_after_fork();
    }

    /// Frees every pool at once.
    ///
    /// # Safety
    /// No chunk is used afterwards, no other thread is inside the arena, and none leaves its heap.
    pub(crate) unsafe fn clear(&self) {
        death::bury_all(self);
        let _held: Guard<'_> = self.recovery.lock();
        for slot in self.heaps() {
            let _held = slot.lock.lock();
            slot.clear();
        }
        self.with_slots(|slots| {
            while slots.departed != 0 {
                let slot = self.slot(slots.departed);
                slots.departed = slot.link.get();
                slot.link.set(slots.free);
                slots.free = slot.number();
            }
        });
        self.filled.store(0, Ordering::Relaxed);
        self.with_space(|space| space.reset(&self.map));
    }

    fn with_slots<T>(&self, work: impl FnOnce(&mut Slots) -> T) -> T {
        let _held = self.slots_lock.lock();
        // SAFETY: the lock is held, and `work` does not come back here.
        let slots = unsafe { &mut *self.slots.get() };
        let result = work(slots);
        // Relaxed: a hint.
        self.departed.store(slots.departed, Ordering::Relaxed);
        result
    }

    fn open_slot(&self) -> Option<&Slot> {
        self.with_slots(|slots| {
            if slots.used == self.map.slots().min(MAX_OWNERS - 1) {
                return None;
            }
            slots.used += 1;
            let slot = self.slot(slots.used);
            slot.set_number(slots.used);
            Some(slot)
        })
    }
}

const _: () = assert!(MAX_ALIGN.is_multiple_of(UNIT));
