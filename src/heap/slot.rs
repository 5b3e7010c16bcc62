//! A heap: the pools behind one thread's lists, or those that a departed thread left.
//!
//! Slots live in the arena's metadata and are never unmapped while the arena lives, so that a late message to a heap
//! always has somewhere to go. A departed thread's slot, pools and number are taken over by the next new thread.
//!
//! Invariants, under the heap's lock: every pool tagged with this heap's number is the current one of its slab, in the
//! list of available or of full pools of its slab, or a spare; `pools` counts all but the spares. A listed pool of
//! which no chunk is in use is announced, or in [doubt](super::doubt).

use core::cell::Cell;

use super::inbox::Inbox;
use super::kept::Kept;
use super::local::Local;
use super::magazine::Magazine;
use super::owner::Owner;
use super::shared::Shared;
use super::steal::Owed;
use super::stock::Slab;
use crate::class::{CLASSES, Class, UNIT};
use crate::lock::Lock;
use crate::slab::pool::{Pool, Standing};
use crate::span::map::{RECORD, Record};
use crate::span::tag::OwnerTag;
use crate::sync::{Cell32, CellUsize, Ordering, fence};

/// Units of the pools kept as spares.
const SPARE_UNITS: usize = 4;

/// With more heaps than this (the first is the common one), threads share pools at first: fewer waste little.
const CROWD: u32 = 8;

/// See the module. All-zero bytes are a slot that was never used.
#[repr(C, align(128))]
pub(crate) struct Slot {
    /// Held by the owner on slow paths, and by others while they look for parked memory.
    pub(crate) lock: Lock,
    /// Number of the heap, from 1.
    number: Cell32,
    /// Next in the arena's list of free or departed slots; under the slots lock.
    pub(crate) link: Cell32,
    pub(crate) owner: Owner,
    /// Address of the owner's [`Local`]; 0: nobody's.
    local: CellUsize,
    /// Emptied pools kept for the owner's next need, as unit + 1.
    spares: [Cell<u32>; 2],
    inbox: Inbox,
    /// Class from which the next unused pool is looked for; see [`Slot::take_span`].
    pub(crate) cursor: Cell32,
    slabs: [Slab; CLASSES],
    owed: [Owed; CLASSES],
    magazines: [Magazine; CLASSES],
    pub(crate) kept: Kept,
    /// The owner's lists, unless the arena is the primary one.
    pub(crate) own: Local,
}

/// Bytes of a slot in the metadata.
pub(crate) const SLOT: usize = size_of::<Slot>().next_multiple_of(RECORD);

impl Slot {
    /// The heap of the thread whose lists these are; `None`: it has none.
    #[inline]
    pub(crate) fn of(local: &Local) -> Option<&Slot> {
        // SAFETY: an attached thread's `Local` names its slot, which lives as long as the arena; of others it is null.
        unsafe { (local.slot() as *const Slot).as_ref() }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number.get()
    }

    pub(crate) fn set_number(&self, number: u32) {
        self.number.set(number)
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    pub(crate) fn owed(&self, class: Class) -> &Owed {
        &self.owed[class.index()]
    }

    pub(crate) fn magazine(&self, class: Class) -> &Magazine {
        &self.magazines[class.index()]
    }

    #[inline(always)]
    pub(crate) fn slab(&self, class: Class) -> &Slab {
        // SAFETY: as in `Local::chunks`; a slab is as long, too.
        unsafe { &*self.slabs.as_ptr().byte_add(class.offset()) }
    }

    /// The owner's lists; `None` for a heap without an owner.
    pub(crate) fn local(&self) -> Option<&Local> {
        // SAFETY: the owner sets the address when it attaches and clears it, under this heap's lock, before its
        // thread-local storage ends; callers hold the lock or are the owner, or keep owners from ending: they hold the
        // registry's lock, or are the child of a fork, where the storage of all stays. (Where an owner ended without a
        // word `death` clears it, for which callers look first.)
        unsafe { (self.local.get() as *const Local).as_ref() }
    }

    /// Whether a thread has the heap; a hint unless the lock is held.
    pub(crate) fn has_owner(&self) -> bool {
        self.local.get() != 0
    }

    pub(crate) fn set_local(&self, local: Option<&Local>) {
        self.local.set(local.map_or(0, |local| core::ptr::from_ref(local) as usize))
    }

    /// Whether the owner is to have a chunk from the pools that threads share: one that uses little of a slab would
    /// hold a pool and an OS page for it.
    pub(crate) fn shares(&self, class: Class) -> bool {
        let slab = self.slab(class);
        self.number() > CROWD && class.shares() && slab.may_be_lent()
    }

    pub(crate) fn has_pools(&self) -> bool {
        self.slabs.iter().any(|slab| slab.pools() > 0)
    }

    /// Pools of a slab that are not current.
    pub(crate) fn listed<'a>(&'a self, shared: &'a Shared, class: Class) -> impl Iterator<Item = usize> + 'a {
        let slab = self.slab(class);
        slab.available.iter(shared.map()).chain(slab.full.iter(shared.map()))
    }

    /// Tells the owner's list which frees are its own: those into the current pool, if that is the owner's habit. The
    /// heap is locked.
    pub(crate) fn enter_pool(&self, shared: &Shared, local: &Local, class: Class) {
        let (slab, chunks) = (self.slab(class), local.chunks(class));
        match slab.current() {
            Some(unit) if local.habit().pushes() => {
                chunks.set_pool(shared.map().address(unit) as usize, Pool::at(shared.map(), unit).units() * UNIT);
            }
            _ => chunks.no_pool(),
        }
    }

    /// Takes a pool's worth of units from the spares or the arena and sets it up; the caller gives it a standing.
    pub(crate) fn new_pool(&self, shared: &Shared, class: Class) -> Option<usize> {
        let slab = self.slab(class);
        let held = slab.pools();
        let arena_units = shared.map().units();
        let shape = class.shape(arena_units);
        let align = shape.pool_align() / UNIT;
        let mut wanted = shape.pool_units(held, slab.churns(), shared.free_units());
        let (unit, units, stale) = loop {
            let fits = |spare: u32| spare != 0 && (spare as usize - 1).is_multiple_of(align);
            if wanted == SPARE_UNITS
                && let Some(spare) = self.spares.iter().find(|spare| fits(spare.get()))
            {
                break (spare.replace(0) as usize - 1, wanted, wanted);
            }
            match self.take_span(shared, wanted, align) {
                Some(span) => {
                    self.tag_pool(shared, span.unit, span.units);
                    break (span.unit, span.units, span.stale_end - span.unit);
                }
                None if wanted > shape.least_units() => wanted = shape.half_units(wanted),
                None => return None,
            }
        };
        Pool::at(shared.map(), unit).init(class, shape, held, units, stale);
        shared.map().set_class(unit, units, class);
        slab.add_pool();
        Some(unit)
    }

    /// Says that the pool is this heap's.
    pub(super) fn tag_pool(&self, shared: &Shared, unit: usize, units: usize) {
        let record: *const Record = shared.map().record(unit);
        let tag = OwnerTag::new(self.number(), shared.primary()).of_pool(record as usize);
        // The first unit last: who walks the spans meets a pool only when it is whole.
        for dist in (0..units).rev() {
            shared.map().set_tag(unit + dist, tag);
        }
    }

    /// Makes over a pool with chunks to give to another heap; the caller holds both locks and gives it a standing. This
    /// heap has no owner.
    ///
    /// A thread that is announcing the pool meanwhile may still enter it here: see [`Slot::hear`].
    pub(crate) fn bequeath(&self, shared: &Shared, class: Class, heir: &Slot) -> Option<usize> {
        let map = shared.map();
        let (mine, theirs) = (self.slab(class), heir.slab(class));
        let unit = mine.available.iter(map).find(|&unit| !Pool::at(map, unit).remote().announced())?;
        mine.available.remove(map, unit);
        mine.drop_pool();
        theirs.add_pool();
        heir.tag_pool(shared, unit, Pool::at(map, unit).units());
        Some(unit)
    }

    /// Takes an empty, listed pool out of service: a spare, or back to the arena.
    pub(crate) fn retire(&self, shared: &Shared, unit: usize, keep_spare: bool) {
        let pool = Pool::at(shared.map(), unit);
        let slab = self.slab(pool.class());
        slab.unlist(shared.map(), unit);
        slab.drop_pool();
        shared.unfill(pool);
        if keep_spare
            && pool.units() == SPARE_UNITS
            && let Some(spare) = self.spares.iter().find(|spare| spare.get() == 0)
        {
            spare.set(unit as u32 + 1);
        } else {
            shared.give_pool(unit);
        }
    }

    /// Whether the pool at `unit` is one of the spares.
    pub(crate) fn is_spare(&self, unit: usize) -> bool {
        self.spares.iter().any(|spare| spare.get() as usize == unit + 1)
    }

    /// Number of spares.
    pub(crate) fn spares(&self) -> usize {
        self.spares.iter().filter(|spare| spare.get() != 0).count()
    }

    /// Gives the spares back to the arena.
    pub(crate) fn give_spares(&self, shared: &Shared) {
        for spare in &self.spares {
            if let Some(unit) = (spare.replace(0) as usize).checked_sub(1) {
                shared.give_pool(unit);
            }
        }
    }

    /// Decides anew where a listed pool stands. By the owner, or for a heap without one under its lock. `warm`: the
    /// calling thread itself freed chunks of it a moment ago, and so had better allocate them soon.
    pub(crate) fn look(&self, shared: &Shared, unit: usize, warm: bool) {
        let map = shared.map();
        let pool = Pool::at(map, unit);
        pool.check_counts(map.address(unit) as usize);
        if pool.is_empty() && !pool.remote().announced() {
            self.slab(pool.class()).count_emptied();
            self.retire(shared, unit, self.local().is_some());
        } else {
            self.refresh(shared, unit, warm);
        }
    }

    /// As [`Slot::look`], of a pool that has chunks to give.
    pub(crate) fn refresh(&self, shared: &Shared, unit: usize, warm: bool) {
        let pool = Pool::at(shared.map(), unit);
        if pool.standing() == Standing::Full {
            self.slab(pool.class()).refresh(shared.map(), unit, warm);
        }
        pool.rest_available(pool.live());
    }

    /// Reads the inbox. By the owner, or for a heap without one under its lock. Pools that were made over while they
    /// stood here, or were entered, are passed on.
    pub(crate) fn hear(&self, shared: &Shared) {
        let map = shared.map();
        for unit in self.inbox.take(|unit| Pool::at(map, unit).inbox_next().load(crate::sync::Ordering::Relaxed)) {
            let pool = Pool::at(map, unit);
            if self.passes_on(shared, unit) {
                continue;
            }
            pool.remote().heard();
            if pool.standing() != Standing::Current {
                self.look(shared, unit, false);
            }
        }
    }

    /// Reads the inbox of a heap without an owner, unless somebody else has the heap: by whoever has put something
    /// there, or has just unlocked the heap. (Those who lock it for a glance do not, and what comes meanwhile waits.)
    pub(crate) fn hear_unowned(&self, shared: &Shared) {
        loop {
            // What the caller has put there, or has unlocked, is to be seen by the other before that is asked for: one
            // of the two then sees what the other did.
            fence(Ordering::SeqCst);
            if self.inbox.is_empty() || self.has_owner() {
                return;
            }
            let Some(_held) = self.lock.try_lock() else { return };
            if self.has_owner() {
                return;
            }
            self.hear(shared);
        }
    }

    /// Passes a pool from the inbox on to the heap that it was made over to, if it was.
    pub(crate) fn passes_on(&self, shared: &Shared, unit: usize) -> bool {
        let map = shared.map();
        match map.pool_of(map.tag(unit)) {
            Some((owner, _)) if owner != self.number() => {
                shared.slot(owner).inbox().push(unit, Pool::at(map, unit).inbox_next());
                true
            }
            _ => false,
        }
    }

    /// Forgets all pools and lists: the arena's contents are gone.
    pub(crate) fn clear(&self) {
        self.inbox.take(|_| 0).for_each(drop);
        self.spares.iter().for_each(|spare| spare.set(0));
        self.owed.iter().for_each(Owed::clear);
        self.magazines.iter().for_each(Magazine::clear);
        self.kept.clear();
        self.slabs.iter().for_each(Slab::clear);
        if let Some(local) = self.local() {
            local.clear();
        }
    }
}
