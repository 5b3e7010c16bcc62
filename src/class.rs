//! Size classes: which slab serves a request, and how large its pools are.
//!
//! A leaf: it knows numbers only. Small slabs (up to [`MAX_CHUNK`]) are numbered by [`Class`] and carved from pools;
//! larger ones are spans of their own, sized by [`large_slab`].
//!
//! | sizes            | step                 | slabs | worst waste (slab − size) / slab |
//! |------------------|----------------------|-------|----------------------------------|
//! | 8 … 128          | 8                    | 16    | 7 bytes                          |
//! | 136 … 128 Ki     | 1/8 of the doubling  | 80    | 11.1 %                           |
//! | 128 Ki … 256 Ki  | 16 Ki                | 8     | 11.1 %                           |
//! | 256 Ki …         | 1/16 of the doubling | rest  | 5.9 %                            |
//!
//! Steps are powers of two, so a size rounded up to its alignment always lands on a slab that is a multiple of that
//! alignment: no separate classes for aligned requests. Finer steps waste less inside of chunks and more between them:
//! a program whose sizes vary leaves a partly used pool behind in each slab.

/// log2 of the unit, the granularity in which spans are cut.
pub(crate) const UNIT_SHIFT: u32 = 14;
/// Bytes of one unit of the arena.
pub(crate) const UNIT: usize = 1 << UNIT_SHIFT;
/// Number of slabs that are carved from pools.
pub(crate) const CLASSES: usize = 96;
/// Largest chunk that is carved from a pool; larger requests are spans.
pub(crate) const MAX_CHUNK: usize = 128 << 10;
/// Largest alignment served from the arena: the alignment of its base.
pub(crate) const MAX_ALIGN: usize = 2 << 20;
/// Chunks from this size on are carved one by one and carry no links until freed.
pub(crate) const BUMP_FROM: usize = 4096;

const FINE_LIMIT: usize = 4096;
/// Classes up to [`FINE_LIMIT`].
const FINE_CLASSES: usize = 56;
/// Longest pool, in units.
pub(crate) const MAX_POOL_UNITS: usize = 128;

/// log2 of [`Class::STEP`].
const STEP_SHIFT: u32 = 5;

/// A small slab, in ascending order of the chunk size: its number, `0..CLASSES`, times [`Class::STEP`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct Class(usize);

/// Slab sizes by class.
const SIZES: [u32; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    let mut size = 0;
    while class < CLASSES {
        size += step_above(size);
        sizes[class] = size as u32;
        class += 1;
    }
    sizes
};

/// Class by size, up to [`FINE_LIMIT`].
const BY_SIZE: [u16; FINE_LIMIT + 1] = {
    let mut table = [0; FINE_LIMIT + 1];
    let mut size = 1;
    let mut class = 0;
    while size <= FINE_LIMIT {
        if size > SIZES[class] as usize {
            class += 1;
        }
        table[size] = (class << STEP_SHIFT) as u16;
        size += 1;
    }
    table
};

/// Units of a full-grown pool by class: at least eight chunks, 16 of up to 64 KiB, with little left over at their end.
const POOL_UNITS: [u8; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        table[class] = best_units(SIZES[class] as usize);
        class += 1;
    }
    table
};

/// Other heaps' chunks gathered by class: 32 KiB worth, but 128 at most.
const OUTBOX: [u8; CLASSES] = {
    let mut table = [1; CLASSES];
    let mut class = 0;
    while class < CLASSES && SIZES[class] as usize <= 32 << 10 {
        let by_bytes = (32 << 10) / SIZES[class];
        table[class] = if by_bytes > 128 { 128 } else { by_bytes as u8 };
        class += 1;
    }
    table
};

const fn step_above(size: usize) -> usize {
    if size < 128 { 8 } else { (1 << size.ilog2()) / 8 }
}

const fn best_units(size: usize) -> u8 {
    // 32 chunks, but 64 to 256 KiB; or 16, but 1 MiB at most; or up to twice that, if less is left over.
    let most = size.div_ceil(UNIT / 32);
    let least = size.div_ceil(UNIT / 16);
    let mut units = if most > 16 { 16 } else { most };
    if units < least {
        units = least;
    }
    if units < 4 {
        units = 4;
    }
    if units > 64 {
        units = 64;
    }
    let limit = if units * 2 > MAX_POOL_UNITS { MAX_POOL_UNITS } else { units * 2 };
    let mut best = units;
    while units <= limit {
        // Compare leftover shares without fractions: waste/units < best_waste/best.
        if (units * UNIT % size) * best < (best * UNIT % size) * units {
            best = units;
        }
        units += 1;
    }
    best as u8
}

/// What a change of size means for the slab.
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
            if BY_SIZE[old] == BY_SIZE[new] { Change::None } else { Change::Fine }
        } else {
            core::hint::cold_path();
            // Same doubling, same eighth of it.
            let (old, new) = (old - 1, new.wrapping_sub(1));
            let same = old < MAX_CHUNK && (old ^ new) >> (old.ilog2() - 3) == 0;
            if same { Change::None } else { Change::Other }
        }
    }
}

impl Class {
    /// The class that serves `size` bytes; `None` above [`MAX_CHUNK`].
    #[inline(always)]
    pub(crate) const fn of(size: usize) -> Option<Class> {
        if size <= FINE_LIMIT {
            Some(Class(BY_SIZE[size] as usize))
        } else if size <= MAX_CHUNK {
            // Out of the way of small sizes, which are most.
            core::hint::cold_path();
            let below = size - 1;
            // As `ilog2`, which takes more instructions.
            let octave = (below.leading_zeros() ^ (usize::BITS - 1)) as usize;
            // The upper four bits are 8 and the eighth. Of 136 bytes, the first of octave 7, 16 classes lie below.
            Some(Class((octave * 8 + (below >> (octave - 3)) - (7 * 8 + 8 - 16)) << STEP_SHIFT))
        } else {
            None
        }
    }

    /// As [`Class::of`].
    ///
    /// # Safety
    /// The size is at most [`FINE_LIMIT`].
    #[inline(always)]
    pub(crate) const unsafe fn of_fine(size: usize) -> Class {
        debug_assert!(size <= FINE_LIMIT);
        // SAFETY: the caller's promise.
        unsafe { core::hint::assert_unchecked(size <= FINE_LIMIT) };
        Class(BY_SIZE[size] as usize)
    }

    /// The class of this number, which the caller knows to be below [`CLASSES`].
    #[inline(always)]
    pub(crate) const fn from_index(index: usize) -> Class {
        debug_assert!(index < CLASSES);
        Class(index << STEP_SHIFT)
    }

    /// Bytes of a thread's lists of one slab. A class is a multiple of it: the fast paths address the lists with no shift
    /// in between.
    pub(crate) const STEP: usize = 1 << STEP_SHIFT;

    /// The class whose [`Class::offset`] this is, as the caller knows.
    #[inline(always)]
    pub(crate) const fn from_offset(offset: usize) -> Class {
        debug_assert!(offset.is_multiple_of(Class::STEP) && offset < CLASSES * Class::STEP);
        Class(offset)
    }

    /// Where the class's entry lies in a table of entries of [`Class::STEP`] bytes.
    #[inline(always)]
    pub(crate) const fn offset(self) -> usize {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        let index = self.0 >> STEP_SHIFT;
        // Lets the optimiser drop the bounds checks of per-class tables.
        if index >= CLASSES {
            // SAFETY: all constructors, `of`, `from_index` and `from_offset`, yield numbers below CLASSES only.
            unsafe { core::hint::unreachable_unchecked() }
        }
        index
    }

    /// Bytes of one chunk.
    #[inline(always)]
    pub(crate) const fn size(self) -> usize {
        SIZES[self.index()] as usize
    }

    /// All classes, ascending.
    pub(crate) fn all() -> impl Iterator<Item = Class> {
        (0..CLASSES).map(Class::from_index)
    }

    /// Alignment that every pool of this class needs so that its chunks have the alignment their size promises.
    pub(crate) const fn pool_align(self) -> usize {
        let natural = 1 << self.size().trailing_zeros();
        if natural > UNIT { natural } else { UNIT }
    }

    /// Units of the next pool for a heap that holds `held` pools of this class, in an arena of `arena_units`.
    ///
    /// The fair model: equal numbers of chunks expected of every slab, so that pools grow with the chunk. They start with
    /// two chunks or one unit, double with use, and take no more than 1/16 of the arena unless one chunk needs it. What
    /// does not fit another chunk is not taken.
    pub(crate) fn pool_units(self, held: u32, arena_units: usize) -> usize {
        let full = POOL_UNITS[self.index()] as usize;
        let doublings = held.min(6);
        let wanted = (self.size() << (doublings + 1)).div_ceil(UNIT).max(1 << doublings);
        self.whole_units(wanted.min(full).min(arena_units / 16))
    }

    /// Units of a pool of about half as many: where no span is as long as that.
    pub(crate) fn half_units(self, units: usize) -> usize {
        self.whole_units(units / 2)
    }

    /// Units for as many chunks as `units` hold, one at least.
    fn whole_units(self, units: usize) -> usize {
        let most = units.max(self.least_units());
        (most * UNIT / self.size() * self.size()).div_ceil(UNIT)
    }

    /// Units of the smallest pool: it holds one chunk.
    pub(crate) const fn least_units(self) -> usize {
        self.size().div_ceil(UNIT)
    }

    /// Whether fresh chunks are handed out one by one, without links written into them.
    #[inline(always)]
    pub(crate) const fn bumps(self) -> bool {
        self.size() >= BUMP_FROM
    }

    /// How many chunks of other heaps a thread gathers before it sends them home.
    #[inline(always)]
    pub(crate) const fn outbox(self) -> u8 {
        OUTBOX[self.index()]
    }

    /// Whether threads may share pools of this slab: its chunks fill cache lines, so that no two threads write to one.
    pub(crate) const fn shares(self) -> bool {
        self.size().is_multiple_of(64)
    }

    /// How many chunks of other heaps a thread must have gathered to allocate from them: where several chunks share a
    /// cache line, so many that the lines are mostly its own. From 512 bytes on it never does: what it would have to fetch
    /// from the other thread's cache is more than the way home costs.
    pub(crate) const fn borrows_from(self) -> u32 {
        match self.size() {
            0..256 => 32,
            256..512 => 1,
            _ => u32::MAX,
        }
    }
}

/// Bytes of the slab that serves a large request of `size` bytes: a multiple of [`UNIT`].
///
/// `None` where rounding would overflow.
pub(crate) const fn large_slab(size: usize) -> Option<usize> {
    debug_assert!(size > 0);
    let step = if size <= 256 << 10 { UNIT } else { (1 << (size - 1).ilog2()) / 16 };
    size.checked_next_multiple_of(step)
}

const _: () = {
    assert!(SIZES[CLASSES - 1] as usize == MAX_CHUNK);
    assert!(SIZES[FINE_CLASSES - 1] as usize == FINE_LIMIT);
    assert!(MAX_ALIGN >= MAX_CHUNK && MAX_ALIGN.is_multiple_of(UNIT));
    let mut class = 0;
    while class < CLASSES {
        let size = SIZES[class] as usize;
        assert!(size.is_multiple_of(8));
        assert!(Class::of(size).unwrap().index() == class);
        assert!(class == 0 || Class::of(SIZES[class - 1] as usize + 1).unwrap().index() == class);
        let bytes = POOL_UNITS[class] as usize * UNIT;
        assert!(bytes >= size && POOL_UNITS[class] as usize <= MAX_POOL_UNITS);
        // At most 3.2 % of a full-grown pool lies behind its last chunk.
        assert!(bytes % size * 31 <= bytes);
        class += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_tightest_slab() {
        for size in 1..=MAX_CHUNK {
            let class = Class::of(size).unwrap();
            assert!(class.size() >= size);
            assert!(class.index() == 0 || Class::from_index(class.index() - 1).size() < size);
            if size >= 128 {
                assert!((class.size() - size) * 8 <= class.size(), "waste of {size}");
            }
        }
        assert!(Class::of(MAX_CHUNK + 1).is_none());
    }

    #[test]
    fn pools_have_no_unit_without_a_chunk() {
        for class in Class::all() {
            for arena_units in [256, 504, 576, 1000, 4096, 1 << 18] {
                for held in 0..8 {
                    let mut units = class.pool_units(held, arena_units);
                    // As long as it becomes shorter.
                    for _ in 0..10 {
                        let filled = units * UNIT / class.size() * class.size();
                        assert!(filled > (units - 1) * UNIT, "{units} units of {}", class.size());
                        units = class.half_units(units);
                    }
                }
            }
        }
    }

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

    #[test]
    fn aligned_sizes_land_on_aligned_slabs() {
        for shift in 3..=17 {
            let align = 1usize << shift;
            for size in (align..=MAX_CHUNK).step_by(align) {
                let class = Class::of(size).unwrap();
                assert!(class.size().is_multiple_of(align), "{size} at {align}");
                assert!(class.pool_align() >= align.min(1 << class.size().trailing_zeros()));
            }
        }
    }

    #[test]
    fn large_slabs_are_tight_and_monotonic() {
        let mut last = MAX_CHUNK;
        for size in (MAX_CHUNK + 1..8 << 20).step_by(1013) {
            let slab = large_slab(size).unwrap();
            assert!(slab >= size && slab >= last && slab.is_multiple_of(UNIT));
            assert!((slab - size) * 8 <= slab);
            assert_eq!(large_slab(slab), Some(slab));
            last = slab;
        }
        assert_eq!(large_slab(usize::MAX), None);
    }
}
