//! The reservation: where metadata and units lie, and how an address finds its metadata.
//!
//! ```text
//! start                                                                      base (2 MiB-aligned)
//! | head | heaps: slots × slot size | tags, classes: 12 B/unit | records: 128 B/unit | dirty, doubts | notes … | units … |
//! ```
//!
//! All metadata is out of band and found by arithmetic from the address; nothing is stored in the units themselves
//! but the links of free chunks. Address space is reserved for all of it, memory comes as it is touched.

use core::ptr::NonNull;

use super::tag;
use crate::checks::live::Notes;
use crate::class::{Class, MAX_ALIGN, UNIT, UNIT_SHIFT};
use crate::os;
use crate::sync::{AtomicU64, Cell32, Ordering};

/// Bytes of metadata per unit: two cache lines, see [`Record`].
pub(crate) const RECORD: usize = 128;

/// Start of every unit's metadata record; meaningful in the first and last unit of a free span and in the first of
/// any other. Protected by the lock of [`Space`](super::space::Space) while the span is free, else by the span's owner.
#[repr(C)]
pub(crate) struct Record {
    /// Neighbours in a list, as unit + 1; 0: none.
    pub(crate) next: Cell32,
    pub(crate) prev: Cell32,
    /// Length of the span.
    pub(crate) units: Cell32,
}

/// See the module. Fixed once built; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Map {
    start: *mut u8,
    bytes: usize,
    heaps: *mut u8,
    slot: usize,
    slots: u32,
    /// The last unit's comes first: the distance from the arena's last byte is the index.
    tags: *const AtomicU64,
    /// [`Class::offset`] of a pool's slab, for each of its units, in the order of the tags.
    classes: *const Cell32,
    records: *mut u8,
    dirty: *const AtomicU64,
    /// A bit for each unit, see `heap::doubt`.
    doubts: *const AtomicU64,
    notes: Notes,
    base: *mut u8,
    units: usize,
}

/// What the parts of a reservation measure.
struct Plan {
    heaps: usize,
    tags: usize,
    classes: usize,
    records: usize,
    dirty: usize,
    doubts: usize,
    metadata: usize,
    slots: u32,
}

impl Plan {
    fn new(units: usize, head: usize, slot: usize) -> Plan {
        let line = |bytes: usize| bytes.next_multiple_of(RECORD);
        let slots = (units / 32).clamp(64, 8192) as u32;
        let heaps = line(head);
        let tags = heaps + slots as usize * slot;
        let classes = tags + line(units * size_of::<u64>());
        let records = classes + line(units * size_of::<u32>());
        let dirty = records + units * RECORD;
        let bits = units.div_ceil(64) * size_of::<u64>();
        // On other cache lines: they are written by whoever returns chunks.
        let doubts = dirty + line(bits);
        let metadata = (doubts + bits).next_multiple_of(os::page_size());
        Plan { heaps, tags, classes, records, dirty, doubts, metadata, slots }
    }
}

impl Map {
    /// Reserves address space for `units` and their metadata, with room for `head` bytes at the start and heap slots
    /// of `slot` bytes, and commits the metadata.
    fn reserve(units: usize, head: usize, slot: usize) -> Option<Map> {
        debug_assert!(slot.is_multiple_of(RECORD));
        let plan = Plan::new(units, head, slot);
        let page = os::page_size();
        // The notes get their memory with the units they are about.
        let metadata = plan.metadata + Notes::bytes(units);
        let bytes = (metadata + MAX_ALIGN + (units << UNIT_SHIFT)).next_multiple_of(page);
        let start = os::reserve(bytes)?.as_ptr();
        // SAFETY: the metadata is the first part of the reservation just made.
        if !unsafe { os::commit(start, plan.metadata) } {
            // SAFETY: nobody has seen the reservation yet.
            unsafe { os::release(start, bytes) };
            return None;
        }
        // Metadata is used here and there: where the kernel's mode is `always`, each spot would take a whole huge page.
        // SAFETY: as above, and the notes behind it.
        unsafe { os::advise_huge(start, metadata.next_multiple_of(page), false) };
        let at = |offset: usize| start.wrapping_add(offset);
        let base = at((start as usize + metadata).next_multiple_of(MAX_ALIGN) - start as usize);
        Some(Map {
            start,
            bytes,
            heaps: at(plan.heaps),
            slot,
            slots: plan.slots,
            tags: at(plan.tags).cast(),
            classes: at(plan.classes).cast(),
            records: at(plan.records),
            dirty: at(plan.dirty).cast(),
            doubts: at(plan.doubts).cast(),
            notes: Notes::new(at(plan.metadata)),
            base,
            units,
        })
    }

    /// As [`Map::reserve`], as much as the OS grants: units for `capacity` bytes, or for three quarters of the largest
    /// size tried that it would grant, so that stacks and libraries still find room. `None`: not even for `least`.
    pub(crate) fn reserve_granted(capacity: usize, least: usize, head: usize, slot: usize) -> Option<Map> {
        let granule = os::page_size().max(UNIT);
        let reserve = |bytes: usize| Map::reserve((bytes / granule * granule) >> UNIT_SHIFT, head, slot);
        if let Some(map) = reserve(capacity) {
            return Some(map);
        }
        let mut bytes = capacity;
        while bytes > least {
            bytes = (bytes - bytes / 8).max(least);
            if let Some(map) = reserve(bytes) {
                let modest = (bytes - bytes / 4).max(least);
                // SAFETY: nobody has seen the map.
                unsafe { map.release() };
                return reserve(modest);
            }
        }
        None
    }

    /// Gives everything back, metadata included.
    ///
    /// # Safety
    /// Nobody uses the arena any more; copies of this map are dead.
    pub(crate) unsafe fn release(self) {
        // SAFETY: start and length are those of the reservation; the caller gives it up.
        unsafe { os::release(self.start, self.bytes) }
    }

    /// Start of the reservation, where the arena's shared state lives.
    pub(crate) fn head(&self) -> NonNull<u8> {
        // SAFETY: `reserve` got it from the OS as non-null.
        unsafe { NonNull::new_unchecked(self.start) }
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Address of the last byte.
    pub(crate) fn last(&self) -> usize {
        self.base as usize + self.units * UNIT - 1
    }

    pub(crate) fn notes(&self) -> Notes {
        self.notes
    }

    /// Units of the whole arena.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// The units' tags, from the last unit's on.
    pub(crate) fn tags(&self) -> *const AtomicU64 {
        self.tags
    }

    /// Their classes, in the same order.
    pub(crate) fn classes(&self) -> *const Cell32 {
        self.classes
    }

    /// Number of heap slots.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// The heap slot `index`, zeroed when new.
    pub(crate) fn slot(&self, index: u32) -> *mut u8 {
        debug_assert!(index < self.slots);
        self.heaps.wrapping_add(index as usize * self.slot)
    }

    /// Bytes of metadata: the head, and what `units` units and `slots` heaps have of it.
    pub(crate) fn metadata_bytes(&self, units: usize, slots: u32) -> usize {
        let head = self.heaps as usize - self.start as usize;
        head + slots as usize * self.slot + units * (RECORD + size_of::<u64>() + size_of::<u32>()) + units / 4
    }

    /// Unit of an address; `None` outside the arena.
    #[inline(always)]
    pub(crate) fn unit_of(&self, address: usize) -> Option<usize> {
        let unit = address.wrapping_sub(self.base as usize) >> UNIT_SHIFT;
        if unit < self.units { Some(unit) } else { None }
    }

    #[inline(always)]
    pub(crate) fn address(&self, unit: usize) -> *mut u8 {
        self.base.wrapping_add(unit << UNIT_SHIFT)
    }

    #[inline(always)]
    fn tag_word(&self, unit: usize) -> &AtomicU64 {
        debug_assert!(unit < self.units);
        // SAFETY: `reserve` committed a tag for each unit; callers name units of this arena.
        unsafe { &*self.tags.add(self.units - 1 - unit) }
    }

    #[inline(always)]
    pub(crate) fn tag(&self, unit: usize) -> u64 {
        // Relaxed: whoever holds a chunk got it after its pool's tags were written, by the order that handed it over.
        self.tag_word(unit).load(Ordering::Relaxed)
    }

    pub(crate) fn set_tag(&self, unit: usize, tag: u64) {
        // Relaxed: as in `tag`.
        self.tag_word(unit).store(tag, Ordering::Relaxed)
    }

    fn class_word(&self, unit: usize) -> &Cell32 {
        debug_assert!(unit < self.units);
        // SAFETY: `reserve` committed a zeroed word for each unit; callers name units of this arena.
        unsafe { &*self.classes.add(self.units - 1 - unit) }
    }

    /// Class of the pool that the unit belongs to, for a caller who knows that there is one.
    pub(crate) fn class(&self, unit: usize) -> Class {
        // SAFETY: `set_class` writes classes' offsets, and before it is 0, the first one's.
        unsafe { Class::from_offset(self.class_word(unit).get() as usize) }
    }

    /// Says of which class the pool of these units is. Whoever frees a chunk of it got that afterwards.
    pub(crate) fn set_class(&self, unit: usize, units: usize, class: Class) {
        (unit..unit + units).for_each(|unit| self.class_word(unit).set(class.offset() as u32));
    }

    /// Owner's number and first unit of the pool that the unit belongs to, by its tag; `None`: of no pool.
    #[inline(always)]
    pub(crate) fn pool_of(&self, tag: u64) -> Option<(u32, usize)> {
        tag::pool_of(tag).map(|(owner, record)| (owner, self.unit_of_record(record)))
    }

    /// The unit whose record lies at that address.
    #[inline(always)]
    pub(crate) fn unit_of_record(&self, record: usize) -> usize {
        (record - self.records as usize) / RECORD
    }

    /// The metadata record of a unit.
    #[inline(always)]
    pub(crate) fn record(&self, unit: usize) -> &Record {
        debug_assert!(unit < self.units);
        // SAFETY: `reserve` committed a zeroed record for each unit, and all-zero is a valid one.
        unsafe { &*self.records.add(unit * RECORD).cast() }
    }

    /// Marks a free span's ends so that its neighbours can join it.
    pub(crate) fn mark_free(&self, unit: usize, units: usize) {
        self.record(unit).units.set(units as u32);
        if units == 1 {
            self.set_tag(unit, tag::FREE_ONE);
        } else {
            let last = unit + units - 1;
            self.set_tag(unit, tag::FREE_HEAD);
            self.set_tag(last, tag::FREE_TAIL);
            self.record(last).units.set(units as u32);
        }
    }

    /// Removes the marks of [`Map::mark_free`].
    pub(crate) fn unmark(&self, unit: usize, units: usize) {
        self.set_tag(unit, tag::INSIDE);
        self.set_tag(unit + units - 1, tag::INSIDE);
    }

    fn dirty_word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: `reserve` committed a bit for each unit; callers name units of this arena.
        unsafe { &*self.dirty.add(index) }
    }

    /// The words with a bit for each unit that say of which pools there is doubt.
    pub(crate) fn doubts(&self) -> &[AtomicU64] {
        // SAFETY: `reserve` committed them, zeroed.
        unsafe { core::slice::from_raw_parts(self.doubts, self.units.div_ceil(64)) }
    }

    /// Calls `visit(word, mask)` for the dirty bits of a range of units.
    fn dirty_words(&self, unit: usize, units: usize, mut visit: impl FnMut(usize, &AtomicU64, u64)) {
        let (mut at, end) = (unit, unit + units);
        while at < end {
            let bit = at % 64;
            let count = (64 - bit).min(end - at);
            let mask = (u64::MAX >> (64 - count)) << bit;
            visit(at - bit, self.dirty_word(at / 64), mask);
            at += count;
        }
    }

    /// Marks the units as written to; returns how many were not before, and one past the last that already was.
    ///
    /// Under the lock of the space, like all that concerns dirty bits.
    pub(crate) fn set_dirty(&self, unit: usize, units: usize) -> (usize, usize) {
        let (mut clean, mut stale_end) = (units, unit);
        self.dirty_words(unit, units, |first, word, mask| {
            // Relaxed: under the space's lock.
            let old = word.load(Ordering::Relaxed);
            if old & mask != 0 {
                clean -= (old & mask).count_ones() as usize;
                stale_end = first + 64 - (old & mask).leading_zeros() as usize;
            }
            word.store(old | mask, Ordering::Relaxed);
        });
        (clean, stale_end)
    }

    /// Marks the units as reading zero again; returns how many were dirty.
    pub(crate) fn clear_dirty(&self, unit: usize, units: usize) -> usize {
        let mut dirty = 0;
        self.dirty_words(unit, units, |_, word, mask| {
            // Relaxed: under the space's lock.
            let old = word.load(Ordering::Relaxed);
            dirty += (old & mask).count_ones() as usize;
            word.store(old & !mask, Ordering::Relaxed);
        });
        dirty
    }

    /// First unit of the range, and behind it, whose dirty bit is `wanted`; the end of the range if there is none.
    pub(crate) fn find_dirty(&self, from: usize, end: usize, wanted: bool) -> usize {
        let mut at = from;
        while at < end {
            // Relaxed: under the space's lock.
            let word = self.dirty_word(at / 64).load(Ordering::Relaxed);
            let hits = (if wanted { word } else { !word }) >> (at % 64);
            if hits != 0 {
                return (at + hits.trailing_zeros() as usize).min(end);
            }
            at = (at / 64 + 1) * 64;
        }
        end
    }

    /// Bytes of the units.
    pub(crate) fn capacity(&self) -> usize {
        self.units * UNIT
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn metadata_takes_no_huge_pages() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return println!("skipped: the kernel has none");
        }
        let map = Map::reserve(4096, 4096, RECORD).expect("address space");
        let Ok(smaps) = std::fs::read_to_string("/proc/self/smaps") else {
            return println!("skipped: the kernel does not tell");
        };
        let begins = |line: &&str| line.starts_with(&format!("{:x}-", map.start as usize));
        let flags = smaps.lines().skip_while(|line| !begins(line)).find(|line| line.starts_with("VmFlags:"));
        assert!(flags.expect("the mapping").contains(" nh"), "{flags:?}");
        // SAFETY: nobody else knows the reservation.
        unsafe { os::release(map.start, map.bytes) };
    }
}
