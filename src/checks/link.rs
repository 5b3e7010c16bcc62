//! Links of free chunks, encoded: who overwrites one without the key is found out when it is followed.
//!
//! ```text
//! bit 46..64: check, over chunk, link and key | 0..46: link / 4, xor a word of chunk and key
//! ```
//!
//! A word that was not written by [`encode`] for this very chunk passes the check once in a quarter of a million.

use std::sync::OnceLock;

use super::key;
use crate::fatal::fatal;

/// With [`STEP`], as many bits as the largest of the supported address spaces: 48.
const FIELD: u32 = 46;
/// Chunks lie at multiples of 8, the marks that end a list at multiples of 4.
const STEP: u32 = 2;
const LOW: u64 = (1 << FIELD) - 1;

#[inline(always)]
fn check(mixed: u64, next: usize) -> u64 {
    (next as u64 ^ mixed.rotate_left(32)).wrapping_mul(key::odd()) >> FIELD
}

/// The word that `chunk` keeps for a link to `next`.
#[inline(always)]
pub(crate) fn encode(chunk: usize, next: usize) -> usize {
    debug_assert!(next >> (FIELD + STEP) == 0 && next.is_multiple_of(1 << STEP));
    let mixed = key::mix(chunk);
    (((next as u64 >> STEP) ^ mixed) & LOW | check(mixed, next) << FIELD) as usize
}

/// The link in a word of `chunk`, if [`encode`] made it.
#[inline(always)]
pub(crate) fn try_decode(chunk: usize, word: usize) -> Option<usize> {
    let mixed = key::mix(chunk);
    let next = (((word as u64 ^ mixed) & LOW) << STEP) as usize;
    if check(mixed, next) == word as u64 >> FIELD { Some(next) } else { None }
}

/// The link in a word of a free chunk; aborts if somebody else wrote it.
#[inline(always)]
pub(crate) fn decode(chunk: usize, word: usize) -> usize {
    match try_decode(chunk, word) {
        Some(next) => next,
        None => overwritten(chunk),
    }
}

/// Says whose chunk it is, and ends the process.
static REPORT: OnceLock<fn(usize) -> !> = OnceLock::new();

/// Has the layers above say whose a chunk is. Under a lock of theirs, so that nobody waits for another here.
pub(crate) fn report_by(report: fn(usize) -> !) {
    // The first one is as good as any.
    let _ = REPORT.set(report);
}

#[cold]
#[inline(never)]
fn overwritten(chunk: usize) -> ! {
    if let Some(report) = REPORT.get() {
        report(chunk);
    }
    fatal(format_args!("write after free: the link in the free chunk {chunk:#x} was overwritten"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_words_decode() {
        decodes_alone(0x7f12_3456_7000, 0x7f12_3456_7040);
        // At the upper end of 48 bits, where some processors' kernels have the programs' memory.
        decodes_alone(0xffff_3456_7000, 0xffff_3456_7040);
    }

    fn decodes_alone(chunk: usize, next: usize) {
        key::draw();
        let word = encode(chunk, next);
        assert_eq!(try_decode(chunk, word), Some(next));
        assert_ne!(word, next);
        let passed = (0..64).filter(|bit| try_decode(chunk, word ^ 1 << bit).is_some()).count()
            + (1..64).filter(|at| try_decode(chunk + at * 64, word).is_some()).count()
            + [0, 8, next, usize::MAX].into_iter().filter(|&word| try_decode(chunk, word).is_some()).count();
        assert!(passed <= 1, "{passed} foreign words pass");
    }
}
