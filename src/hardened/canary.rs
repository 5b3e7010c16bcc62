//! The bytes between the end of a block and the end of its slab: a canary that a linear overflow cannot miss.
//!
//! ```text
//! | the caller's bytes | canary: up to 8 bytes | unused | slack, 8 bytes, if the note does not tell |
//! ```
//!
//! How long the slack is stands in the block's note (see [`live`](super::live)), out of the overflow's reach, or mixed
//! with the key at the slab's end.

use super::key;

/// Longest slack that a note holds.
pub(super) const LONGEST_NOTED: usize = 251;
const WORD: usize = size_of::<u64>();

/// Bytes of the canary at `address`; the first is odd, so that a stray 0 shows.
#[inline(always)]
fn bytes_at(address: usize) -> [u8; WORD] {
    (key::mix(address) ^ key::odd().rotate_left(17) | 1).to_le_bytes()
}

/// Bytes of the canary in so much slack, which is at least a word if it `tells` its length.
#[inline(always)]
fn length(slack: usize, tells: bool) -> usize {
    WORD.min(slack - if tells { WORD } else { 0 })
}

/// Writes the canary behind the first `size` bytes of a block of `slab` bytes, and if the slack `tells` its length, that.
///
/// # Safety
/// The block is the caller's.
#[inline(always)]
pub(super) unsafe fn write(block: usize, size: usize, slab: usize, tells: bool) {
    let slack = slab - size;
    let bytes = bytes_at(block + size);
    let length = length(slack, tells);
    // SAFETY: slack bytes are part of the block and nobody's.
    unsafe {
        let end = (block + size) as *mut u8;
        if length == WORD {
            end.cast::<[u8; WORD]>().write_unaligned(bytes);
        } else {
            end.copy_from_nonoverlapping(bytes.as_ptr(), length);
        }
        if tells {
            ((block + slab - WORD) as *mut [u8; WORD]).write(told(block + slab, slack));
        }
    }
}

/// Whether the canary is as it was written.
///
/// # Safety
/// As for [`write`].
#[inline(always)]
pub(super) unsafe fn is_intact(block: usize, size: usize, slab: usize, tells: bool) -> bool {
    let expected = bytes_at(block + size);
    let length = length(slab - size, tells);
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

/// The word at a slab's end that tells the slack. Its high bytes, which are 0 but for the key, come first: where they are
/// all the canary there is, an overflow meets them.
fn told(end: usize, slack: usize) -> [u8; WORD] {
    (slack as u64 ^ key::mix(end)).to_be_bytes()
}

/// The slack that [`write`] told; `None` if something else stands there.
///
/// # Safety
/// As for [`write`].
#[inline(always)]
pub(super) unsafe fn slack_told(block: usize, slab: usize) -> Option<usize> {
    // SAFETY: the slab's last word is part of the block.
    let word = unsafe { ((block + slab - WORD) as *const [u8; WORD]).read() };
    let slack = (u64::from_be_bytes(word) ^ key::mix(block + slab)) as usize;
    if slack >= WORD && slack <= slab { Some(slack) } else { None }
}
