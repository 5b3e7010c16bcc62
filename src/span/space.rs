//! The arena's space: which units are taken, free, or never handed out yet.
//!
//! ```text
//! base                      frontier          committed                        limit (capacity)
//! | taken, free, taken, …   | out of use      | reserved only                  |
//! ```
//!
//! Free spans below the frontier are listed in bins and joined with their neighbours at once; a free span that reaches
//! the frontier lowers it. The cap is charged here and nowhere else: no unit beyond the limit exists.

use super::bins::Bins;
use super::huge::{HUGE, Huge};
use super::map::Map;
use super::tag;
use crate::class::{MAX_ALIGN, MAX_POOL_UNITS, UNIT};
use crate::os;

/// Units committed at least at a time: 1 MiB.
const COMMIT_STEP: usize = (1 << 20) / UNIT;
/// Units committed at most at a time: 64 MiB.
const COMMIT_MOST: usize = (64 << 20) / UNIT;

/// Units left free below a span that is longer than any pool and moves the frontier: 512 KiB, unless half as much is
/// free in one piece, or the rest of the arena would hold one such span less. Pools that lay between two such spans
/// would keep them from being joined when both are free.
const ROOM: usize = (512 << 10) / UNIT;

/// A run of units in the hands of the caller.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) unit: usize,
    pub(crate) units: usize,
    /// One past the last unit that may hold old data; all behind it reads as zero.
    pub(crate) stale_end: usize,
}

/// Protected by one lock of the arena.
///
/// Invariants: `frontier <= committed <= limit`; spans tile `0..frontier`, each first unit's record holding its length;
/// no two free spans touch; `taken` counts the units of spans that are not free, `large` those of large blocks, kept
/// ones too, `dirty` the dirty bits.
pub(crate) struct Space {
    bins: Bins,
    frontier: usize,
    committed: usize,
    limit: usize,
    taken: usize,
    large: usize,
    dirty: usize,
    huge: Huge,
}

impl Space {
    pub(crate) fn new(map: &Map, huge: Huge) -> Space {
        huge.begin(map);
        Space { bins: Bins::EMPTY, frontier: 0, committed: 0, limit: map.units(), taken: 0, large: 0, dirty: 0, huge }
    }

    /// Bytes obtained from the OS and not given back.
    pub(crate) fn held(&self) -> usize {
        self.dirty * UNIT
    }

    /// Units that nobody holds or keeps.
    pub(crate) fn free_units(&self) -> usize {
        self.limit - self.taken
    }

    pub(crate) fn frontier(&self) -> usize {
        self.frontier
    }

    /// Cuts `units` at a multiple of `align` units, `align` a power of two. `None`: the cap, or the kernel refuses.
    ///
    /// `filled` says how many units of pools are in full use, as large blocks are: where that is most of all, and
    /// nearly all that was handed out lately is backed by memory, new ones are asked to be huge pages.
    pub(crate) fn take(&mut self, map: &Map, units: usize, align: usize, filled: usize) -> Option<Span> {
        debug_assert!(units > 0 && align.is_power_of_two() && align * UNIT <= MAX_ALIGN);
        if units > self.limit {
            return None;
        }
        let old = self.frontier;
        let unit = match self.bins.find(map, units, align) {
            Some(free) => self.cut(map, free, units, align),
            None => match self.advance(map, units, align, filled) {
                Some(unit) => unit,
                None => {
                    let free = self.bins.find_exhaustively(map, units, align)?;
                    self.cut(map, free, units, align)
                }
            },
        };
        let span = self.hand_out(map, unit, units);
        self.huge.reach(map, old, self.frontier);
        Some(span)
    }

    /// As [`Space::take`], below the frontier only.
    pub(crate) fn take_free(&mut self, map: &Map, units: usize, align: usize) -> Option<Span> {
        let free = self.bins.find(map, units, align)?;
        let unit = self.cut(map, free, units, align);
        Some(self.hand_out(map, unit, units))
    }

    /// As [`Space::take`] for a large block.
    pub(crate) fn take_large(&mut self, map: &Map, units: usize, align: usize, filled: usize) -> Option<Span> {
        let span = self.take(map, units, align, filled)?;
        Some(self.enlist(map, span))
    }

    /// As [`Space::take_free`] for a large block.
    pub(crate) fn take_free_large(&mut self, map: &Map, units: usize, align: usize) -> Option<Span> {
        let span = self.take_free(map, units, align)?;
        Some(self.enlist(map, span))
    }

    fn enlist(&mut self, map: &Map, span: Span) -> Span {
        map.set_tag(span.unit, tag::LARGE);
        self.large += span.units;
        span
    }

    /// As [`Space::give`] for a large block.
    pub(crate) fn give_large(&mut self, map: &Map, unit: usize) {
        let units = map.record(unit).units.get() as usize;
        self.large -= units;
        self.give(map, unit, units);
    }

    /// Joins a span with its free neighbours.
    pub(crate) fn give(&mut self, map: &Map, unit: usize, units: usize) {
        self.taken -= units;
        let (mut start, mut end) = (unit, unit + units);
        map.set_tag(start, tag::INSIDE);
        if start > 0 && tag::ends_free(map.tag(start - 1)) {
            start -= map.record(start - 1).units.get() as usize;
            self.bins.remove(map, start);
        }
        if end < self.frontier && tag::starts_free(map.tag(end)) {
            end += self.bins.remove(map, end);
        }
        if end == self.frontier {
            self.frontier = start;
        } else {
            self.bins.insert(map, start, end - start);
        }
    }

    /// Lengthens a large block's span in place if what follows it is free.
    pub(crate) fn grow(&mut self, map: &Map, unit: usize, units: usize, wanted: usize) -> Option<Span> {
        let end = unit + units;
        let more = wanted - units;
        if end == self.frontier {
            if more > self.limit - end || !self.commit(map, end + more, end) {
                return None;
            }
            self.frontier = end + more;
        } else {
            if !tag::starts_free(map.tag(end)) || (map.record(end).units.get() as usize) < more {
                return None;
            }
            let free = self.bins.remove(map, end);
            if free > more {
                self.bins.insert(map, end + more, free - more);
            }
        }
        let (clean, stale_end) = map.set_dirty(end, more);
        self.dirty += clean;
        self.taken += more;
        self.large += more;
        map.record(unit).units.set(wanted as u32);
        Some(Span { unit, units: wanted, stale_end })
    }

    /// Whether what follows a span, or the free span behind it, has that tag.
    pub(crate) fn is_followed(&self, map: &Map, unit: usize, tag: u64) -> bool {
        let mut next = unit + map.record(unit).units.get() as usize;
        if next < self.frontier && tag::starts_free(map.tag(next)) {
            next += map.record(next).units.get() as usize;
        }
        next < self.frontier && map.tag(next) == tag
    }

    /// Gives the tail of a large block's span back.
    pub(crate) fn shrink(&mut self, map: &Map, unit: usize, units: usize, wanted: usize) {
        self.large -= units - wanted;
        map.record(unit).units.set(wanted as u32);
        self.give(map, unit + wanted, units - wanted);
    }

    /// Says that units now read as zero (their pages were moved away).
    pub(crate) fn cleaned(&mut self, map: &Map, unit: usize, units: usize) {
        self.dirty -= map.clear_dirty(unit, units);
    }

    /// Gives the memory of all free units back to the OS, keeps their addresses; bytes given back.
    pub(crate) fn trim(&mut self, map: &Map) -> usize {
        let exact = self.huge.exact_end();
        let mut given = 0;
        self.bins.each(map, |unit, units| given += trim_range(map, unit, unit + units, exact));
        given += trim_range(map, self.frontier, self.committed, exact);
        self.dirty -= given;
        given * UNIT
    }

    /// Forgets every span and gives all memory back. Units the kernel refuses to take back stay dirty.
    pub(crate) fn reset(&mut self, map: &Map) {
        self.each(map, |unit, tag, units| {
            map.set_tag(unit, tag::INSIDE);
            // The others of a large span have no tag, and perhaps no memory for one.
            if !tag::starts_large(tag) {
                map.set_tag(unit + units - 1, tag::INSIDE);
            }
            if map.pool_of(tag).is_some() {
                (unit..unit + units).for_each(|unit| map.set_tag(unit, tag::INSIDE));
            }
        });
        self.bins = Bins::EMPTY;
        self.frontier = 0;
        self.taken = 0;
        self.large = 0;
        self.dirty -= trim_range(map, 0, self.committed, self.huge.exact_end());
        map.notes().forget(self.committed);
    }

    /// Calls `visit(unit, tag, units)` for every span below the frontier, in address order.
    pub(crate) fn each(&self, map: &Map, mut visit: impl FnMut(usize, u64, usize)) {
        let mut unit = 0;
        while unit < self.frontier {
            let units = map.record(unit).units.get() as usize;
            visit(unit, map.tag(unit), units);
            unit += units;
        }
    }

    /// Panics where an invariant does not hold.
    pub(crate) fn verify(&self, map: &Map) {
        let (mut listed, mut seen, mut end, mut after_free, mut taken, mut large) = (0, 0, 0, false, 0, 0);
        self.bins.each(map, |unit, units| {
            assert!(tag::starts_free(map.tag(unit)) && tag::ends_free(map.tag(unit + units - 1)));
            listed += 1;
        });
        self.each(map, |unit, tag, units| {
            assert!(unit == end && units > 0, "spans do not tile the arena at unit {unit}");
            let free = tag::starts_free(tag);
            assert!(!(free && after_free), "two free spans touch at unit {unit}");
            assert!(free || tag != tag::INSIDE, "a span at unit {unit} has no tag");
            seen += free as usize;
            taken += if free { 0 } else { units };
            large += if tag::starts_large(tag) { units } else { 0 };
            after_free = free;
            end = unit + units;
        });
        assert!(end == self.frontier && !after_free && listed == seen, "free spans listed: {listed}, seen: {seen}");
        assert_eq!((taken, large), (self.taken, self.large), "taken units, and those of large blocks");
        assert!(self.frontier <= self.committed && self.committed <= self.limit);
        let mut dirty = 0;
        let mut at = map.find_dirty(0, self.committed, true);
        while at < self.committed {
            let clean = map.find_dirty(at, self.committed, false);
            dirty += clean - at;
            at = map.find_dirty(clean, self.committed, true);
        }
        assert_eq!(dirty, self.dirty, "dirty units");
    }

    /// Cuts from the listed span at `free`, lists what is left on both sides.
    fn cut(&mut self, map: &Map, free: usize, units: usize, align: usize) -> usize {
        let end = free + self.bins.remove(map, free);
        let unit = free.next_multiple_of(align);
        if unit > free {
            self.bins.insert(map, free, unit - free);
        }
        if end > unit + units {
            self.bins.insert(map, unit + units, end - unit - units);
        }
        unit
    }

    /// Moves the frontier up.
    fn advance(&mut self, map: &Map, units: usize, align: usize, filled: usize) -> Option<usize> {
        let crowded = units > MAX_POOL_UNITS && self.bins.find(map, ROOM / 2, 1).is_none();
        let rest = self.limit - self.frontier;
        let room = if crowded && rest.saturating_sub(ROOM) / units == rest / units { ROOM } else { 0 };
        // Without the room, where the limit or the kernel refuses it.
        let places = [self.frontier + room, self.frontier].map(|from| from.next_multiple_of(align));
        let places = if places[0] == places[1] { &places[..1] } else { &places[..] };
        let fits = |&unit: &usize| unit + units <= self.limit && self.commit(map, unit + units, filled);
        let unit = places.iter().copied().find(fits)?;
        if unit > self.frontier {
            // Below it lies a taken span or nothing: free spans never touch the frontier.
            self.bins.insert(map, self.frontier, unit - self.frontier);
        }
        self.frontier = unit + units;
        Some(unit)
    }

    fn hand_out(&mut self, map: &Map, unit: usize, units: usize) -> Span {
        let (clean, stale_end) = map.set_dirty(unit, units);
        self.dirty += clean;
        self.taken += units;
        map.record(unit).units.set(units as u32);
        map.set_tag(unit, tag::TAKEN);
        Span { unit, units, stale_end }
    }

    /// Commits up to `end`, in steps that grow with the arena so that mappings and system calls stay few.
    fn commit(&mut self, map: &Map, end: usize, filled: usize) -> bool {
        if end <= self.committed {
            return true;
        }
        let generous = self.committed + (self.committed / 8).clamp(COMMIT_STEP, COMMIT_MOST);
        let wanted = end.max(generous).next_multiple_of(HUGE).min(self.limit);
        let dense = (filled + self.large) * 2 >= self.frontier;
        self.commit_to(map, wanted, dense) || self.commit_to(map, end, dense)
    }

    fn commit_to(&mut self, map: &Map, end: usize, dense: bool) -> bool {
        let per_page = os::page_size().div_ceil(UNIT);
        let end = end.next_multiple_of(per_page).min(self.limit);
        let bytes = ((end - self.committed) * UNIT).next_multiple_of(os::page_size());
        let start = map.address(self.committed);
        // The shorter one first: what is granted of the two counts against the kernel's limits, though the other be
        // refused.
        // SAFETY: the units from `committed` to `limit` are reserved and not in use.
        if !unsafe { map.notes().commit(self.committed, end) && os::commit(start, bytes) } {
            return false;
        }
        self.huge.advise(map, self.committed, end, self.frontier, dense);
        self.committed = end;
        true
    }
}

/// Gives the memory of a range of unused units back: dirty ones, and behind `exact` all; dirty units given back.
fn trim_range(map: &Map, from: usize, end: usize, exact: usize) -> usize {
    let exact = exact.clamp(from, end);
    let mut given = 0;
    let mut at = map.find_dirty(from, exact, true);
    while at < exact {
        let run_end = map.find_dirty(at, exact, false);
        given += give_back(map, at, run_end);
        at = map.find_dirty(run_end, exact, true);
    }
    given + give_back(map, exact, end)
}

/// For units in nobody's hands: gives the whole OS pages among them back; dirty units given back.
fn give_back(map: &Map, from: usize, end: usize) -> usize {
    let per_page = os::page_size().div_ceil(UNIT);
    let (first, last) = (from.next_multiple_of(per_page), end / per_page * per_page);
    // SAFETY: nobody holds the units, by the lock and the lists of the caller's caller.
    if first < last && unsafe { os::decommit(map.address(first), (last - first) * UNIT) } {
        map.clear_dirty(first, last - first)
    } else {
        0
    }
}
