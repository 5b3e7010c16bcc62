//! Where the arena asks for huge pages.
//!
//! A huge page at hand costs a quarter of the 512 page faults that it replaces. One that has to be compacted, or that a
//! virtual machine's host has to back anew, costs several times as much, and the kernel often has small pages at hand
//! when it has no huge one. Nobody tells which it will be; so huge pages are taken one by one, and timed. What quick ones
//! have saved pays for slow ones; when it does not, the arena grows fourfold on OS pages before it tries again.

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
/// Quick pages that save what a slow one costs.
const PRICE: usize = 8;

/// Which units are asked to be huge pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Huge {
    /// From this unit on, with so many quick ones not yet spent on slow ones.
    From {
        unit: usize,
        quick: usize,
    },
    Always,
    Never,
}

impl Huge {
    pub(crate) const AUTO: Huge = Huge::From { unit: FROM, quick: 0 };

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
        matches!(self, Huge::From { unit, .. } if dense && from >= unit && from.is_multiple_of(HUGE))
    }

    /// Advises newly committed units, none of which is in use; how many of the first are now backed by memory.
    pub(crate) fn advise(&mut self, map: &Map, from: usize, end: usize, dense: bool) -> usize {
        let start = map.address(from);
        // SAFETY: `from..end` is committed and in nobody's hands, says the caller.
        let ask = |wanted| unsafe { os::advise_huge(start, (end - from) * UNIT, wanted) };
        match *self {
            Huge::Always => ask(true),
            Huge::From { unit, quick } if self.probes(from, dense) && end - from >= HUGE => {
                ask(true);
                // SAFETY: as for `ask`.
                let taken = unsafe { os::populate(start, HUGE * UNIT) };
                let at_hand = taken.is_some_and(|nanoseconds| nanoseconds <= AT_HAND);
                *self = match quick.checked_sub(PRICE) {
                    _ if at_hand => Huge::From { unit, quick: quick + 1 },
                    Some(quick) => Huge::From { unit, quick },
                    None => {
                        ask(false);
                        Huge::From { unit: end.saturating_mul(4), quick: 0 }
                    }
                };
                return if taken.is_some() { HUGE } else { 0 };
            }
            _ => {}
        }
        0
    }
}
