//! Copies of a few words, inline: a call of `memcpy` makes its caller save registers.

use core::mem::MaybeUninit;

/// Most bytes of a short copy.
pub(crate) const SHORT: usize = 128;

/// Copies `bytes`, rounded up to whole words: from both ends towards the middle, where the copies overlap (after the
/// `memmove` of C libraries).
///
/// # Safety
/// `bytes` is from 1 to [`SHORT`]; both places are aligned at 8 and hold as many when rounded up to 8, and are
/// disjoint.
#[inline(always)]
pub(crate) unsafe fn short(from: *const u8, to: *mut u8, bytes: usize) {
    debug_assert!((1..=SHORT).contains(&bytes));
    let end = (bytes + 7) & !7;
    // SAFETY: the caller's promise; each way in covers what it was chosen for, and no more.
    unsafe {
        if end <= 16 {
            item::<u64>(from, to, 0);
            item::<u64>(from, to, end - 8);
            return;
        }
        item::<u128>(from, to, 0);
        if end > 32 {
            item::<u128>(from, to, 16);
            if end > 64 {
                item::<u128>(from, to, 32);
                item::<u128>(from, to, 48);
                item::<u128>(from, to, end - 64);
                item::<u128>(from, to, end - 48);
            }
            item::<u128>(from, to, end - 32);
        }
        item::<u128>(from, to, end - 16);
    }
}

/// Copies one item at a distance.
///
/// # Safety
/// As [`short`], whose places hold an item there.
#[inline(always)]
unsafe fn item<Item>(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: the caller's promise; whatever the bytes hold is valid in a `MaybeUninit`.
    unsafe {
        let item = from.add(at).cast::<MaybeUninit<Item>>().read_unaligned();
        to.add(at).cast::<MaybeUninit<Item>>().write_unaligned(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_and_no_more() {
        for bytes in 1..=SHORT {
            let from: [u64; 20] = core::array::from_fn(|word| 0x0101_0101_0101_0101 * (word as u64 + 1));
            let mut to = [0; 20];
            // SAFETY: both are arrays of words, longer than that.
            unsafe { short(from.as_ptr().cast(), to.as_mut_ptr().cast(), bytes) };
            let words = bytes.div_ceil(8);
            assert_eq!(to[..words], from[..words], "{bytes} bytes");
            assert!(to[words..].iter().all(|&word| word == 0), "{bytes} bytes");
        }
    }
}
