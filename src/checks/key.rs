//! The process's secret: two random words that links and canaries are mixed with.

use crate::os;
use crate::sync::{AtomicU64, Ordering};

static WORDS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Draws the words, once, before the first arena hands out a chunk. Under the registry's lock.
pub(crate) fn draw() {
    // Relaxed, here and below: a thread gets its first chunk, and with it a reason to read the words, after this.
    if WORDS[1].load(Ordering::Relaxed) == 0 {
        let random = os::random();
        WORDS[0].store(random[0], Ordering::Relaxed);
        WORDS[1].store(random[1] | 1, Ordering::Relaxed);
    }
}

/// A word that nobody can foresee without the secret, the same for the same address.
#[inline(always)]
pub(crate) fn mix(address: usize) -> u64 {
    let mixed = (address as u64 ^ WORDS[0].load(Ordering::Relaxed)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

/// The second word: odd.
#[inline(always)]
pub(crate) fn odd() -> u64 {
    WORDS[1].load(Ordering::Relaxed)
}
