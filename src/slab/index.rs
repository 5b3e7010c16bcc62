//! Number of a chunk in its pool: an exact division without a divide instruction.

use crate::class::{CLASSES, COLOUR, Class, MAX_CHUNK, UNIT};

const SHIFT: u32 = 40;

/// `ceil(2^SHIFT / stride)` by class.
const RECIPROCALS: [u64; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        table[class] = (1u64 << SHIFT).div_ceil(Class::from_index(class).stride() as u64);
        class += 1;
    }
    table
};

// Exact while `offset * (error of the reciprocal, below the stride) < 2^SHIFT`, and the product fits a word.
const _: () = assert!((256 * UNIT as u64) * ((MAX_CHUNK + COLOUR) as u64) < 1 << SHIFT);

/// Number of the chunk that an offset in a pool lies in, and how many bytes behind its start.
#[inline(always)]
pub(crate) fn index_of(class: Class, offset: usize) -> (usize, usize) {
    debug_assert!(offset < 256 * UNIT);
    let index = ((offset as u64 * RECIPROCALS[class.index()]) >> SHIFT) as usize;
    (index, offset - index * class.stride())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_division() {
        for class in Class::all() {
            let stride = class.stride();
            for chunk in 0..256 * UNIT / stride {
                for behind in [0, 1, stride - 1] {
                    assert_eq!(index_of(class, chunk * stride + behind), (chunk, behind), "stride {stride}");
                }
            }
        }
    }
}
