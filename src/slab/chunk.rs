//! Free chunks: the first word of each links to the next.
//!
//! A list ends in a value below [`FLOOR`], see [`mark`](super::mark).

pub(crate) use super::mark::{END, FLOOR};
use crate::checks::link;
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

/// Links chunks that lie `stride` bytes apart, each to the one behind it; `last` is left as it is.
#[inline(always)]
pub(crate) fn link_up(first: usize, last: usize, stride: usize) {
    let mut at = first;
    // By fours: half the instructions.
    while last - at >= 4 * stride {
        for _ in 0..4 {
            link(at, at + stride);
            at += stride;
        }
    }
    while at < last {
        link(at, at + stride);
        at += stride;
    }
}

/// Ends a list, which has a chunk, behind its first `most`: the rest of it, and how many stay.
pub(crate) fn cut(head: usize, most: u32) -> (usize, u32) {
    let (mut last, mut stay) = (head, 1);
    while stay < most && next(last) >= FLOOR {
        last = next(last);
        stay += 1;
    }
    let rest = next(last);
    link(last, END);
    (rest, stay)
}

/// Whether a list has more chunks than `most`.
pub(crate) fn is_longer(head: usize, most: u32) -> bool {
    let mut at = head;
    for _ in 0..most {
        if at < FLOOR {
            return false;
        }
        at = next(at);
    }
    at >= FLOOR
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

/// As [`prefetch`], for a chunk that is soon to be written to: no other processor keeps its line. (`_mm_prefetch` would
/// fetch it to read where the target's features do not name `prfchw`; processors without that do nothing.)
#[inline(always)]
pub(crate) fn prefetch_to_write(chunk: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the architecture defines it as a hint, which faults at no address.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) chunk, options(nostack, preserves_flags, nomem));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = chunk;
}

/// What a walk along a list has found.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) count: u32,
    /// The last chunk; of an empty list, its end mark.
    pub(crate) last: usize,
    /// The end mark.
    pub(crate) end: usize,
}

/// Walks a list that may be changing: `None` if it meets what is no chunk by `is_chunk`, or is longer than `most`.
#[inline(always)]
pub(crate) fn survey(head: usize, most: u32, is_chunk: impl Fn(usize) -> bool) -> Option<Listed> {
    let mut listed = Listed { count: 0, last: head, end: head };
    while listed.end >= FLOOR {
        if !is_chunk(listed.end) || listed.count == most {
            return None;
        }
        listed.count += 1;
        listed.last = listed.end;
        // Relaxed: as in `next`.
        listed.end = link::try_decode(listed.last, word(listed.last).load(Ordering::Relaxed))?;
    }
    Some(listed)
}
