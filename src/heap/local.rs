//! What a thread touches on every operation: for each slab its list, the address range of the pool that the list came
//! from, if there is such a pool, and the list of other heaps' chunks that it freed.
//!
//! The current-pool list (after snmalloc's taking of whole lists and mimalloc's per-page lists): an allocation pops, a
//! free into the same pool pushes, and neither touches the pool's metadata. Of the primary arena it lives in
//! thread-local storage, of any other in the thread's heap slot.

use core::cell::Cell;

use super::gathered::Gathered;
use super::habit::Habit;
use super::head::Head;
use super::links::Memory;
use crate::class::{CLASSES, Class, UNIT_SHIFT};
use crate::slab::chunk;
use crate::slab::pool::Pool;
use crate::span::map::Map;
use crate::span::tag::OwnerTag;
use crate::sync::{AtomicU64, Cell32, CellUsize, Ordering};

/// One slab's list, on half a cache line.
#[repr(C, align(32))]
pub(crate) struct Chunks {
    /// Chunks to allocate: of the current pool; without one, of any of the thread's pools, or other heaps'.
    pub(crate) list: Head,
    /// Last byte of the current pool; 0: no current pool.
    last: CellUsize,
    /// Bytes of the current pool. The owner's alone, and so a compare reads it from memory. Without one: how many more
    /// chunks a magazine has room for.
    bytes: Cell<usize>,
}

impl Chunks {
    const fn new() -> Chunks {
        Chunks { list: Head::new(), last: CellUsize::new(0), bytes: Cell::new(0) }
    }

    /// Pops a chunk if the list's head is at least `floor`.
    #[inline(always)]
    pub(crate) fn pop(&self, floor: usize) -> Option<usize> {
        let head = self.list.get();
        if head < floor {
            return None;
        }
        let next = chunk::next(head);
        // The next allocation reads its link; freed long ago, it may be in no cache near.
        chunk::prefetch(next);
        self.list.set(next);
        Some(head)
    }

    /// Pushes a chunk of the current pool; `false` if it is of another.
    #[inline(always)]
    pub(crate) fn push(&self, freed: usize) -> bool {
        if self.last.get().wrapping_sub(freed) >= self.bytes.get() {
            return false;
        }
        chunk::link(freed, self.list.get());
        self.list.set(freed);
        true
    }

    pub(crate) fn set_pool(&self, base: usize, bytes: usize) {
        self.bytes.set(bytes);
        self.last.set(base + bytes - 1);
    }

    /// There is no current pool: so many frees until the list is set aside.
    pub(crate) fn set_room(&self, room: usize) {
        self.bytes.set(room);
    }

    /// Chunks put since then, while there is no current pool.
    pub(crate) fn put_since_set(&self, class: Class) -> u32 {
        class.magazine().saturating_sub(self.bytes.get()) as u32
    }

    /// Pushes a chunk of any pool while the thread has no current ones; whether the list is to be set aside.
    #[inline(always)]
    fn put(&self, freed: usize) -> bool {
        chunk::link(freed, self.list.get());
        self.list.set(freed);
        self.bytes.set(self.bytes.get().wrapping_sub(1));
        self.bytes.get() == 0
    }

    pub(crate) fn no_pool(&self) {
        self.last.set(0);
    }
}

/// What became of a chunk that is not of the current pool.
pub(crate) enum Beside {
    /// It is free.
    Done,
    /// It is free, and its pool, whose record lies at this address, is worth a look.
    RanDown(usize),
    /// It is gathered with others of other heaps' of this slab, and these are enough to be sent home.
    Enough(Class),
    /// It is free, and in the list of this slab, and with it as many as a magazine holds.
    Loaded(Class),
    /// Nothing: it is no chunk of this arena, or the thread has no heap, or is watched.
    Nothing,
}

/// A unit of the arena, counted from its last. [`Local::unit_at`] alone makes one, so that there is such a unit.
#[derive(Clone, Copy)]
pub(crate) struct FromLast(usize);

/// A thread's part of one arena. All-zero bytes are one without a heap.
///
/// The map's words and the tag are kept here, where plain loads reach them; they mean something while the thread has a
/// heap. While its frees are watched, `last` is [`NOWHERE`]: no address is the arena's then, and the slow half gets all
/// of them that are not of current pools.
#[repr(C)]
pub(crate) struct Local {
    chunks: [Chunks; CLASSES],
    /// Last byte of the arena. [`NOWHERE`] once it is dropped, by whoever does that.
    last: CellUsize,
    /// Units of the arena; 0: there was never a heap.
    units: Cell<usize>,
    /// Their tags, from the last unit's on.
    tags: Cell<*const AtomicU64>,
    /// [`OwnerTag`] of the heap, and whether the thread has magazines. Written under the heap's lock, by its owner;
    /// thieves read it there.
    tag: Cell<u64>,
    /// The units' classes, in the order of the tags.
    classes: Cell<*const Cell32>,
    habit: Habit,
    /// Address of the thread's [`Slot`](super::slot::Slot); 0: none.
    slot: CellUsize,
    /// Other heaps' chunks that the thread freed.
    gathered: [Gathered; CLASSES],
}

/// Further from every address than an arena is long.
const NOWHERE: usize = 1 << 62;

impl Local {
    pub(crate) const fn new() -> Local {
        Local {
            chunks: [const { Chunks::new() }; CLASSES],
            last: CellUsize::new(0),
            units: Cell::new(0),
            tags: Cell::new(core::ptr::null()),
            tag: Cell::new(0),
            classes: Cell::new(core::ptr::null()),
            habit: Habit::new(),
            slot: CellUsize::new(0),
            gathered: [const { Gathered::new() }; CLASSES],
        }
    }

    #[inline(always)]
    pub(crate) fn chunks(&self, class: Class) -> &Chunks {
        // SAFETY: a class's offset is its number, which is below the array's length, times the size of an element, as
        // asserted below.
        unsafe { &*self.chunks.as_ptr().byte_add(class.offset()) }
    }

    #[inline(always)]
    pub(crate) fn gathered(&self, class: Class) -> &Gathered {
        // SAFETY: as in `chunks`.
        unsafe { &*self.gathered.as_ptr().byte_add(class.offset()) }
    }

    #[inline(always)]
    pub(crate) fn tag(&self) -> OwnerTag {
        OwnerTag::from_bits(self.tag.get())
    }

    pub(crate) fn habit(&self) -> &Habit {
        &self.habit
    }

    /// Address of the thread's heap slot; 0: none.
    pub(crate) fn slot(&self) -> usize {
        self.slot.get()
    }

    pub(crate) fn attach(&self, map: &Map, tag: OwnerTag, slot: usize) {
        self.units.set(map.units());
        self.tags.set(map.tags());
        self.classes.set(map.classes());
        self.tag.set(tag.bits());
        self.watch(map, false);
        Class::all().for_each(|class| self.gathered(class).room.set(class.outbox()));
        self.habit.begin();
        self.slot.set(slot);
    }

    /// Whether what the thread frees is to go to magazines: its own chunks, and of slabs that are traded others'.
    pub(crate) fn load_magazines(&self, loads: bool) {
        self.tag.set(self.tag().loading(loads).bits());
    }

    /// Whether what the thread frees goes to magazines: it has no current pools then.
    pub(crate) fn has_magazines(&self) -> bool {
        self.tag().is_loading()
    }

    /// Whether the slow half is to see the thread's frees.
    pub(crate) fn watch(&self, map: &Map, watched: bool) {
        self.last.set(if watched { NOWHERE } else { map.last() });
    }

    pub(crate) fn detach(&self) {
        self.last.set(NOWHERE);
        self.slot.set(0);
        self.clear();
    }

    /// Adds a chunk of another heap; whether these are enough to be sent home.
    #[inline(always)]
    pub(crate) fn gather(&self, class: Class, freed: usize) -> bool {
        chunk::prefetch_to_write(freed);
        let gathered = self.gathered(class);
        gathered.push(Memory, freed);
        gathered.room.set(gathered.room.get().wrapping_sub(1));
        gathered.room.get() == 0
    }

    /// Takes one of the other heaps' chunks.
    pub(crate) fn pop_outbox(&self, class: Class) -> Option<usize> {
        let found = self.gathered(class).pop(Memory)?;
        let room = &self.gathered(class).room;
        room.set((room.get() + 1).min(class.outbox()));
        Some(found)
    }

    /// Whether there are enough chunks of other heaps to allocate from them.
    #[inline(always)]
    pub(crate) fn may_borrow(&self, class: Class) -> bool {
        i16::from(self.gathered(class).room.get()) <= class.borrows_at()
    }

    /// How many chunks of other heaps the thread has gathered, about.
    pub(crate) fn gathered_count(&self, class: Class) -> u32 {
        class.outbox().saturating_sub(self.gathered(class).room.get()).into()
    }

    /// Says that the next chunk of another heap goes home at once, or no more; without effect while some are gathered.
    pub(crate) fn hurry(&self, class: Class, hurries: bool) {
        if self.gathered(class).is_empty() {
            self.gathered(class).room.set(if hurries { 1 } else { class.outbox() });
        }
    }

    /// Takes the other heaps' chunks.
    pub(crate) fn take_outbox(&self, class: Class) -> usize {
        let gathered = self.gathered(class);
        gathered.room.set(class.outbox());
        gathered.take(Memory)
    }

    /// The unit of an address; `None` if the address lies elsewhere, or the thread has no heap or is watched.
    #[inline(always)]
    pub(crate) fn unit_at(&self, address: usize) -> Option<FromLast> {
        let unit = self.last.get().wrapping_sub(address) >> UNIT_SHIFT;
        if unit < self.units.get() { Some(FromLast(unit)) } else { None }
    }

    #[inline(always)]
    pub(crate) fn tag_of(&self, unit: FromLast) -> u64 {
        // SAFETY: `attach` set the arena's tags, one for each of its units, of which `unit_at` says that this is one.
        let tag = unsafe { &*self.tags.get().add(unit.0) };
        // Relaxed: the caller holds a chunk of the unit, and got it after the tag was written.
        tag.load(Ordering::Relaxed)
    }

    /// Class of a pool's unit. Beside its tag, and not behind it in the pool's record: that would be a second load on
    /// the way to the list, from a line that the pool's owner writes to.
    #[inline(always)]
    pub(crate) fn class_of(&self, unit: FromLast) -> Class {
        // SAFETY: as in `tag_of`, of the classes.
        let class = unsafe { &*self.classes.get().add(unit.0) };
        // SAFETY: `Map::set_class` writes classes' offsets, and before it is 0, the first one's.
        unsafe { Class::from_offset(class.get() as usize) }
    }

    /// Frees a chunk of this slab that is not of its current pool.
    #[inline(always)]
    pub(crate) fn free_beside(&self, class: Class, freed: usize) -> Beside {
        match self.unit_at(freed) {
            Some(unit) => self.free_tagged(class, freed, self.tag_of(unit)),
            None => Beside::Nothing,
        }
    }

    /// Frees a chunk of which the address alone is known.
    #[inline(always)]
    pub(crate) fn free_by_address(&self, freed: usize) -> Beside {
        // No closure: that need not be inlined.
        match self.unit_at(freed) {
            Some(unit) => self.free_in(unit, freed),
            None => Beside::Nothing,
        }
    }

    /// As [`Local::free_by_address`], with its unit.
    ///
    /// What lies in the current pool of any slab is a chunk of it, so the tag is asked about all others only. (A unit
    /// that is of no pool may have an old class.)
    #[inline(always)]
    pub(crate) fn free_in(&self, unit: FromLast, freed: usize) -> Beside {
        let class = self.class_of(unit);
        if self.chunks(class).push(freed) { Beside::Done } else { self.free_tagged(class, freed, self.tag_of(unit)) }
    }

    /// Frees a chunk with this tag that is not of its slab's current pool: to its own pool's list, to the slab's list
    /// if the thread has magazines, or to the other heaps' chunks.
    #[inline(always)]
    fn free_tagged(&self, class: Class, freed: usize, tag: u64) -> Beside {
        match self.tag().own_record(tag) {
            Ok(record) => free_to_pool(record, freed),
            Err(rest) if OwnerTag::plainly_anothers(rest) => self.free_to_outbox(class, freed),
            Err(rest) if OwnerTag::both_primary(rest) => self.free_loading(class, freed, rest),
            Err(_) => Beside::Nothing,
        }
    }

    /// Frees a chunk of the primary arena's, whoever's it is; the thread has magazines.
    #[inline(always)]
    fn free_loading(&self, class: Class, freed: usize, rest: u64) -> Beside {
        if class.is_traded() || OwnerTag::is_loaded(rest) {
            self.free_to_magazine(class, freed)
        } else {
            self.free_to_outbox(class, freed)
        }
    }

    /// Frees a chunk to its slab's list, whoever's it is; the thread has magazines.
    #[inline(always)]
    pub(crate) fn free_to_magazine(&self, class: Class, freed: usize) -> Beside {
        if self.chunks(class).put(freed) { Beside::Loaded(class) } else { Beside::Done }
    }

    #[inline(always)]
    fn free_to_outbox(&self, class: Class, freed: usize) -> Beside {
        if self.gather(class, freed) { Beside::Enough(class) } else { Beside::Done }
    }

    /// Forgets all lists: their chunks have been taken back, or are gone with the arena's contents.
    pub(crate) fn clear(&self) {
        for class in Class::all() {
            let chunks = self.chunks(class);
            chunks.no_pool();
            chunks.list.set(chunk::END);
            self.gathered(class).forget();
            self.gathered(class).room.set(class.outbox());
        }
    }
}

#[inline(always)]
fn free_to_pool(record: usize, freed: usize) -> Beside {
    // SAFETY: tags name records of the metadata, which live as long as the arena.
    let pool = unsafe { &*(record as *const Pool) };
    if pool.push(freed) { Beside::RanDown(record) } else { Beside::Done }
}

const _: () = assert!(size_of::<Chunks>() == Class::STEP && size_of::<Gathered>() == Class::STEP);
