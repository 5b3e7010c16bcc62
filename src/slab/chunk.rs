//! Free chunks: the first word of each links to the next.
//!
//! A list ends in a value below [`FLOOR`], see [`mark`](super::mark).

pub(crate) use super::mark::{END, FLOOR, OWED};
use crate::hardened::link;
use crate::sync::{AtomicUsize, Ordering};

#[inline(always)]
fn word<'a>(chunk: usize) -> &'a AtomicUsize {
    // SAFETY: callers pass addresses of chunks of committed pools, 8-byte aligned and at least 8 bytes long.
    unsafe { &*(chunk as *const AtomicUsize) }
}

/// The chunk behind `chunk`, a free chunk of a committed pool.
#[inline(always)]
pub(crate) fn next(chunk: usize) -> usize {
    // Relaxed: a list changes hands under a lock or by an acquiring swap; racing readers check what they get.
    link::decode(chunk, word(chunk).load(Ordering::Relaxed))
}

/// Links `chunk` to `next`.
#[inline(always)]
pub(crate) fn link(chunk: usize, next: usize) {
    // Relaxed: as above.
    word(chunk).store(link::encode(chunk, next), Ordering::Relaxed)
}

/// Links chunks of `size` bytes that lie side by side, each to the one behind it; `last` is left as it is.
#[inline(always)]
pub(crate) fn link_up(first: usize, last: usize, size: usize) {
    let mut at = first;
    while at < last {
        link(at, at + size);
        at += size;
    }
}

/// Has the processor fetch a chunk that is soon to be read; an end mark does no harm. Other processors than x86-64 are
/// not asked.
#[inline(always)]
pub(crate) fn prefetch(chunk: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the architecture defines it as a hint, which faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(chunk as *const i8) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = chunk;
}

/// Number of chunks of a list, all of which lie in `range` at multiples of `size`, and its end mark; `None` if it leaves
/// the range or is longer than `most` (then it was being changed, or is corrupt).
pub(crate) fn survey(head: usize, range: core::ops::Range<usize>, size: usize, most: u32) -> Option<(u32, usize)> {
    let (mut at, mut seen) = (head, 0);
    while at >= FLOOR {
        if !range.contains(&at) || !(at - range.start).is_multiple_of(size) || seen == most {
            return None;
        }
        seen += 1;
        // Relaxed: as in `next`.
        at = link::try_decode(at, word(at).load(Ordering::Relaxed))?;
    }
    Some((seen, at))
}

/// The last chunk of a non-empty list.
pub(crate) fn last(head: usize) -> usize {
    let mut at = head;
    loop {
        let behind = next(at);
        if behind < FLOOR {
            return at;
        }
        at = behind;
    }
}
