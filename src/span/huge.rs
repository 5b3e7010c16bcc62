//! Where the arena asks for huge pages.
//!
//! A huge page at hand costs a quarter of the 512 page faults that it replaces. One that has to be compacted, or that a
//! virtual machine's host has to back anew, costs several times as much, and the kernel often has small pages at hand
//! when it has no huge one. Nobody tells which it will be; so huge pages are taken one by one, and timed. A slow one is
//! the last for as long as it takes the arena to grow fourfold.

use super::map::Map;
use crate::class::UNIT;
use crate::os;

/// Units of a huge page of the CPU.
pub(crate) const HUGE: usize = (2 << 20) / UNIT;
/// With `HugePages::Auto`, units from here on may be huge: smaller programs stay on OS pages.
const FROM: usize = (32 << 20) / UNIT;
/// Nanoseconds in which a huge page at hand is cleared and mapped, with room for a slow machine. As OS pages the same
/// memory takes 200,000 to 800,000.
const AT_HAND: u64 = 400_000;

/// Which units are asked to be huge pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Huge {
    /// From this unit on, if they come quickly.
    From(usize),
    Always,
    Never,
}

impl Huge {
    pub(crate) const AUTO: Huge = Huge::From(FROM);

    /// Before anything is committed.
    pub(crate) fn begin(self, map: &Map) {
        if self != Huge::Always {
            // SAFETY: the range is all of the units.
            unsafe { os::advise_huge(map.base(), map.capacity(), false) };
        }
    }

    /// Whether the next page is to be timed, so that no more than it should be committed.
    ///
    /// `dense` says whether most of the heap is in full use.
    pub(crate) fn probes(self, from: usize, dense: bool) -> bool {
        matches!(self, Huge::From(first) if dense && from >= first && from.is_multiple_of(HUGE))
    }

    /// Advises newly committed units, none of which is in use; how many of the first are now backed by memory.
    pub(crate) fn advise(&mut self, map: &Map, from: usize, end: usize, dense: bool) -> usize {
        let start = map.address(from);
        // SAFETY: `from..end` is committed and in nobody's hands, says the caller.
        let ask = |wanted| unsafe { os::advise_huge(start, (end - from) * UNIT, wanted) };
        if *self == Huge::Always {
            ask(true);
        }
        if !self.probes(from, dense) || end - from < HUGE {
            return 0;
        }
        ask(true);
        // SAFETY: as for `ask`.
        let taken = unsafe { os::populate(start, HUGE * UNIT) };
        if taken.is_none_or(|nanoseconds| nanoseconds > AT_HAND) {
            ask(false);
            *self = Huge::From(end.saturating_mul(4));
        }
        if taken.is_some() { HUGE } else { 0 }
    }
}
