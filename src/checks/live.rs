//! Notes on blocks: one byte for each, out of band, that says whether it is in the caller's hands and with how much
//! slack.
//!
//! | note      | block                                                                        |
//! |-----------|------------------------------------------------------------------------------|
//! | 0         | free, or not carved yet                                                      |
//! | 1 + slack | live; so many bytes of its slab are behind its end, up to [`LONGEST_NOTED`]  |
//! | 254       | live; the slack stands at the slab's end                                     |
//! | 255       | live; the caller was told the slab's size and may use all of it              |
//!
//! A pool has a row of notes, one for each chunk in order; a large span has one. The table takes an eighth of the
//! arena's address space, and memory as the arena grows.

use core::sync::atomic::AtomicU8;

use crate::class::{UNIT, UNIT_SHIFT};
use crate::os;
use crate::sync::Ordering;

/// Notes a unit has room for: its number of chunks of the smallest slab.
const ROW: usize = UNIT / 8;

/// Longest slack that a note holds.
pub(crate) const LONGEST_NOTED: usize = 252;

pub(crate) const FREE: u8 = 0;
pub(crate) const LONG: u8 = 254;
pub(crate) const GIVEN: u8 = 255;

/// The note on a live block with so many bytes behind its end.
#[inline(always)]
pub(crate) const fn note(slack: usize) -> u8 {
    if slack > LONGEST_NOTED { LONG } else { slack as u8 + 1 }
}

/// An arena's notes. Copied freely; its memory belongs to the arena's reservation.
#[derive(Clone, Copy)]
pub(crate) struct Notes(*mut u8);

impl Notes {
    /// Address space for an arena of so many units.
    pub(crate) fn bytes(units: usize) -> usize {
        (units * ROW).next_multiple_of(os::page_size())
    }

    pub(crate) fn new(start: *mut u8) -> Notes {
        Notes(start)
    }

    /// Puts memory behind the notes on a range of units; `false`: the OS refuses.
    ///
    /// # Safety
    /// The table begins at [`Notes::new`]'s address with [`Notes::bytes`] of a reservation, for more than `end` units.
    pub(crate) unsafe fn commit(self, from: usize, end: usize) -> bool {
        let page = os::page_size();
        let first = from * ROW / page * page;
        let last = (end * ROW).next_multiple_of(page);
        // SAFETY: the range lies in the table, by the caller's promise; its start is page-aligned as the table is.
        unsafe { os::commit(self.0.add(first), last - first) }
    }

    /// Forgets all notes on the first so many units, which are committed.
    pub(crate) fn forget(self, units: usize) {
        let bytes = (units * ROW).next_multiple_of(os::page_size());
        // SAFETY: `commit` rounded up to whole pages, too, and the arena has no live blocks.
        unsafe {
            if bytes > 0 && !os::decommit(self.0, bytes) {
                self.0.write_bytes(0, bytes);
            }
        }
    }

    /// The note on chunk `index` of the pool that begins at `unit`, or on the span there.
    #[inline(always)]
    pub(crate) fn at<'a>(self, unit: usize, index: usize) -> &'a AtomicU8 {
        // SAFETY: callers name blocks of committed units, whose notes are committed with them; the smallest chunks fill
        // the row of a unit, so that the row of a pool ends where that of its last unit does.
        unsafe { &*self.0.add((unit << UNIT_SHIFT) / 8 + index).cast::<AtomicU8>() }
    }
}

/// Takes the block behind a note out of the caller's hands; what the note was. One of several threads that free the
/// same block sees it live.
#[inline(always)]
pub(crate) fn take(note: &AtomicU8) -> u8 {
    // Relaxed: a block is handed over in order, and so are the notes on it.
    note.swap(FREE, Ordering::Relaxed)
}

const _: () = assert!(note(LONGEST_NOTED) < LONG && note(0) != FREE);
