//! Requests that get a span of their own.

use super::kept::LONGEST;
use super::local::Local;
use super::pace::Look;
use super::recover;
use super::refill::Served;
use super::shared::Shared;
use crate::class::{UNIT, large_slab, large_slab_unchecked};
use crate::os;
use crate::span::space::{Space, Span};
use crate::span::tag;
use crate::span::wipe::wipe;

/// From this many bytes on, moving pages beats copying bytes into memory that is not warm (measured: a 4 KiB fault
/// costs as much as copying some 10 KiB, a call that moves any number of pages some microseconds).
const MOVE_FROM: usize = 1 << 20;
/// Each span that pages were moved to keeps two of the process's mappings (65,530 by default) for good: shorter blocks
/// are moved into the arena's first part only.
const MOVE_BELOW: usize = 8 << 30;
/// Blocks from this size on are moved anywhere.
const MOVE_ALWAYS: usize = 64 << 20;

/// Bytes of the slab that serves a large request in this arena; `None`: larger than the arena.
pub(crate) fn slab_of(shared_capacity: usize, size: usize) -> Option<usize> {
    if size > shared_capacity {
        return None;
    }
    // The arena's own size is its last slab.
    Some(large_slab(size)?.min(shared_capacity))
}

/// A span for `size` bytes at a multiple of `align`. With `zero`, all bytes are zero.
pub(crate) fn allocate(shared: &Shared, size: usize, align: usize, zero: bool, look: Look) -> Option<Served> {
    let span = take(shared, size, align, look)?;
    let start = shared.map().address(span.unit);
    if zero {
        // SAFETY: the span is committed and in nobody else's hands; what lies behind `stale_end` is zero already.
        unsafe { wipe(start, (span.stale_end - span.unit) * UNIT) };
    }
    Some(Served { chunk: start as usize, zero })
}

/// A span that the thread's heap keeps, as [`allocate`] without zeros, for what is longer than any chunk and aligned at
/// a unit at most.
#[inline(always)]
pub(crate) fn at_hand(shared: &Shared, local: &Local, size: usize) -> Option<usize> {
    // None longer is kept, nor one as long as the arena.
    if size > LONGEST {
        return None;
    }
    shared.take_kept(local, large_slab_unchecked(size) / UNIT)
}

/// Frees a block whose unit has the tag of a large one's first by having the thread's heap keep its span. `false`: it
/// does not begin there, or is not one to be kept.
#[inline(always)]
pub(crate) fn keep(shared: &Shared, local: &Local, block: usize) -> bool {
    block.is_multiple_of(UNIT) && shared.keep(local, block)
}

fn take(shared: &Shared, size: usize, align: usize, look: Look) -> Option<Span> {
    let units = slab_of(shared.map().capacity(), size)? / UNIT;
    let align = align.div_ceil(UNIT);
    shared.take_large(units, align).or_else(|| {
        if shared.pace.skips(look) {
            return None;
        }
        let again = || {
            recover::run(shared, None);
            shared.take_large(units, align)
        };
        let found = again().or_else(|| shared.leavers.wait(look, again));
        shared.pace.looked(found.is_some());
        found
    })
}

/// Resizes a large block in place to the slab of `wanted` bytes; `false`: it is none, or stays as it is. What the heaps
/// keep is taken back where a span of theirs is in the way.
pub(crate) fn resize(shared: &Shared, block: usize, wanted: usize) -> bool {
    let map = shared.map();
    let (Some(slab), Some(unit)) = (slab_of(map.capacity(), wanted), map.unit_of(block)) else {
        return false;
    };
    if map.tag(unit) != tag::LARGE {
        return false;
    }
    let units = slab / UNIT;
    let fits = |space: &mut Space| {
        let held = map.record(unit).units.get() as usize;
        if units < held {
            space.shrink(map, unit, held, units);
        }
        units <= held || space.grow(map, unit, held, units).is_some()
    };
    let (fitted, kept_follows) = shared.with_space(|space| (fits(space), space.is_followed(map, unit, tag::KEPT)));
    if fitted || !kept_follows {
        return fitted;
    }
    shared.give_all_kept();
    shared.with_space(fits)
}

/// Moves the first `bytes` of a large block to a new span for `wanted` bytes and frees the old one: by moving pages
/// where the target is cold, else by copying. `None`: the block is as it was.
pub(crate) fn relocate(shared: &Shared, block: usize, bytes: usize, wanted: usize, align: usize) -> Option<usize> {
    let map = shared.map();
    let old = map.unit_of(block)?;
    let span = take(shared, wanted, align, Look::Sure)?;
    let target = map.address(span.unit);
    let whole = bytes.next_multiple_of(UNIT.max(os::page_size()));
    let old_units = map.record(old).units.get() as usize;
    let moves = whole >= MOVE_FROM && (span.unit * UNIT < MOVE_BELOW || whole >= MOVE_ALWAYS);
    let moves = moves && whole <= old_units * UNIT && span.stale_end == span.unit;
    let moves = moves && (block | target as usize).is_multiple_of(os::page_size());
    // SAFETY: both spans are whole, committed, disjoint and in our hands alone.
    let moved = moves && unsafe { os::move_pages(block as *mut u8, target, whole) };
    if !moves {
        // SAFETY: as above; `bytes` is no more than either holds.
        unsafe { target.copy_from_nonoverlapping(block as *const u8, bytes) };
    }
    shared.with_space(|space| {
        if moved {
            space.cleaned(map, old, whole / UNIT);
        }
        space.give_large(map, old);
    });
    Some(target as usize)
}
