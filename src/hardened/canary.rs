//! The bytes between the end of a block and the end of its slab: a canary that a linear overflow cannot miss.
//!
//! ```text
//! | the caller's bytes | canary: up to 8 bytes | unused | slack: 8 bytes, if it is too long for the note |
//! ```
//!
//! How long the slack is stands in the block's note (see [`live`](super::live)), out of the overflow's reach, or mixed
//! with the key at the slab's end.

use super::key;

/// Longest slack that a note holds.
pub(super) const LONGEST_NOTED: usize = 252;
const WORD: usize = size_of::<u64>();

/// Bytes of the canary at `address`; the first is odd, so that a stray 0 shows.
#[inline(always)]
fn bytes_at(address: usize) -> [u8; WORD] {
    (key::mix(address) ^ key::odd().rotate_left(17) | 1).to_le_bytes()
}

/// Writes the canary behind the first `size` bytes of a block of `slab` bytes.
///
/// # Safety
/// The block is the caller's.
#[inline(always)]
pub(super) unsafe fn write(block: usize, size: usize, slab: usize) {
    let slack = slab - size;
    let bytes = bytes_at(block + size);
    let length = slack.min(WORD);
    // SAFETY: slack bytes are part of the block and nobody's.
    unsafe {
        let end = (block + size) as *mut u8;
        if length == WORD {
            end.cast::<[u8; WORD]>().write_unaligned(bytes);
        } else {
            end.copy_from_nonoverlapping(bytes.as_ptr(), length);
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
    let expected = bytes_at(block + size);
    let length = (slab - size).min(WORD);
    // SAFETY: as in `write`.
    unsafe {
        let end = (block + size) as *const u8;
        if length == WORD {
            end.cast::<[u8; WORD]>().read_unaligned() == expected
        } else {
            core::slice::from_raw_parts(end, length) == &expected[..length]
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
