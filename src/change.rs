//! What a change of a block's size means for the slab that serves it.

use crate::class::{Class, FINE_LIMIT, MAX_CHUNK};

/// See the module; the alignment stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// One serves both.
    None,
    /// Two do, both of up to [`FINE_LIMIT`].
    Fine,
    /// Two others, or slabs that are no class's, or the new size is none.
    Other,
}

impl Change {
    /// From `old` bytes, which is at least 1, to `new` bytes.
    #[inline(always)]
    pub(crate) const fn of(old: usize, new: usize) -> Change {
        if old <= FINE_LIMIT {
            // 0 is no size.
            if new.wrapping_sub(1) >= FINE_LIMIT {
                return Change::Other;
            }
            // SAFETY: both sizes were compared with the limit.
            let same = unsafe { Class::of_fine(old).offset() == Class::of_fine(new).offset() };
            if same { Change::None } else { Change::Fine }
        } else {
            core::hint::cold_path();
            // Same doubling, same eighth of it.
            let (old, new) = (old - 1, new.wrapping_sub(1));
            let same = old < MAX_CHUNK && (old ^ new) >> (old.ilog2() - 3) == 0;
            if same { Change::None } else { Change::Other }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_serves_both_or_two_do() {
        let near = |size: usize| [1, size / 2, size - 1, size, size + 1, size + size / 8, size * 2];
        for size in 1..=MAX_CHUNK {
            for other in near(size).into_iter().filter(|&other| other > 0) {
                let expected = match Class::of(other) == Class::of(size) {
                    true => Change::None,
                    false if size.max(other) <= FINE_LIMIT => Change::Fine,
                    false => Change::Other,
                };
                assert_eq!(Change::of(size, other), expected, "{size} and {other}");
            }
            assert_eq!(Change::of(size, 0), Change::Other);
        }
        assert_eq!(Change::of(MAX_CHUNK + 1, MAX_CHUNK + 1), Change::Other, "spans are resized by their units");
    }
}
