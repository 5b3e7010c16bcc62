//! The bytes between the end of a block and the end of its slab: a canary that a linear overflow cannot miss.
//!
//! ```text
//! | the caller's bytes | canary: up to 8 bytes | unused | slack: 8 bytes, if it is too long for the note |
//! ```
//!
//! How long the slack is stands in the block's note (see [`live`](crate::checks::live)), out of the overflow's reach,
//! or mixed with the key at the slab's end.

use crate::checks::key;
use crate::checks::live::LONGEST_NOTED;

const WORD: usize = size_of::<u64>();

/// The canary at `address`, its first byte lowest: odd, so that a stray 0 shows.
#[inline(always)]
fn word_at(address: usize) -> u64 {
    key::mix(address) ^ key::odd().rotate_left(17) | 1
}

/// The last word of a slab, which holds all of a slack shorter than it, and how far up that begins.
#[inline(always)]
fn last_word(block: usize, slab: usize, slack: usize) -> (*mut u64, u32) {
    ((block + slab - WORD) as *mut u64, (WORD - slack) as u32 * 8)
}

/// Writes the canary behind the first `size` bytes of a block of `slab` bytes.
///
/// # Safety
/// The block is the caller's.
#[inline(always)]
pub(super) unsafe fn write(block: usize, size: usize, slab: usize) {
    let slack = slab - size;
    let canary = word_at(block + size);
    // SAFETY: slack bytes are part of the block and nobody's; the caller's bytes before them are written as they were.
    unsafe {
        if slack >= WORD {
            ((block + size) as *mut u64).write_unaligned(canary.to_le());
        } else if slack > 0 {
            let (last, shift) = last_word(block, slab, slack);
            let kept = u64::from_le(last.read()) & ((1 << shift) - 1);
            last.write((kept | canary << shift).to_le());
        }
        if slack > LONGEST_NOTED {
            ((block + slab - WORD) as *mut u64).write(slack as u64 ^ key::mix(block + slab));
        }
    }
}

/// Whether the canary is as it was written.
///
/// # Safety
/// As for [`write`].
#[inline(always)]
pub(super) unsafe fn is_intact(block: usize, size: usize, slab: usize) -> bool {
    let slack = slab - size;
    let canary = word_at(block + size);
    // SAFETY: as in `write`.
    unsafe {
        if slack >= WORD {
            u64::from_le(((block + size) as *const u64).read_unaligned()) == canary
        } else if slack > 0 {
            let (last, shift) = last_word(block, slab, slack);
            u64::from_le(last.read()) >> shift == canary << shift >> shift
        } else {
            true
        }
    }
}

/// The slack that [`write`] left at a slab's end because it is long; `None` if something else stands there.
///
/// # Safety
/// As for [`write`].
#[inline(always)]
pub(super) unsafe fn long_slack(block: usize, slab: usize) -> Option<usize> {
    // SAFETY: the slab's last word is part of the block.
    let word = unsafe { ((block + slab - WORD) as *const u64).read() };
    let slack = (word ^ key::mix(block + slab)) as usize;
    if slack > LONGEST_NOTED && slack <= slab { Some(slack) } else { None }
}
