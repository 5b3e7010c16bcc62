//! Size classes: which slab serves a request.
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
//! alignment. Finer steps waste less inside of chunks and more between them: a program whose sizes vary leaves a partly
//! used pool behind in each slab.
//!
//! Chunks that begin at the same place of a page compete for the same few sets of the first-level cache. From 2 KiB on,
//! the sizes that buffers most often have, powers of two and one and a half times these, are therefore coloured (after
//! Bonwick's slab allocator, 1994) in arenas that are large enough ([`MIN_COLOURED`]): their chunks lie [`COLOUR`]
//! bytes further apart than they are long, but not in short pools, which would lose too many to it. Layouts whose
//! alignment that breaks have classes of their own of the same size there, the [`Class::uncoloured`] ones.

/// log2 of the unit, the granularity in which spans are cut.
pub(crate) const UNIT_SHIFT: u32 = 14;
/// Bytes of one unit of the arena.
pub(crate) const UNIT: usize = 1 << UNIT_SHIFT;
/// Number of classes: of the slabs that are carved from pools, and then of the coloured ones' uncoloured twins.
pub(crate) const CLASSES: usize = SIZES_CARVED + (SIZES_CARVED - FIRST_COLOURED).div_ceil(COLOURED_STEP);
/// Bytes of the smallest arena with coloured chunks. In smaller ones every chunk may count.
pub(crate) const MIN_COLOURED: usize = 512 << 20;
/// Bytes that coloured chunks lie apart: a cache line. Alignments up to it they have all the same.
pub(crate) const COLOUR: usize = 64;
/// Largest chunk that is carved from a pool; larger requests are spans.
pub(crate) const MAX_CHUNK: usize = 128 << 10;
/// Largest alignment served from the arena: the alignment of its base.
pub(crate) const MAX_ALIGN: usize = 2 << 20;
/// Chunks from this size on are carved one by one and carry no links until freed.
pub(crate) const BUMP_FROM: usize = 4096;
/// Sizes up to here find their class in a table.
pub(crate) const FINE_LIMIT: usize = 4096;
/// Classes up to [`FINE_LIMIT`].
const FINE_CLASSES: usize = 56;
/// Number of slab sizes that are carved from pools.
const SIZES_CARVED: usize = 96;
/// The smallest slab that is coloured.
const COLOURED_FROM: usize = 2048;
/// Its class, and then every fourth.
const FIRST_COLOURED: usize = FINE_CLASSES - 1 - 8;
const COLOURED_STEP: usize = 4;
/// Longest pool, in units.
pub(crate) const MAX_POOL_UNITS: usize = 128;

/// log2 of [`Class::STEP`].
const STEP_SHIFT: u32 = 5;

/// A small slab, in ascending order of the chunk size, the uncoloured twins last: its number, `0..CLASSES`, times
/// [`Class::STEP`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct Class(usize);

/// Slab sizes by class.
const SIZES: [u32; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    let mut size = 0;
    while class < SIZES_CARVED {
        size += step_above(size);
        sizes[class] = size as u32;
        class += 1;
    }
    while class < CLASSES {
        sizes[class] = sizes[FIRST_COLOURED + (class - SIZES_CARVED) * COLOURED_STEP];
        class += 1;
    }
    sizes
};

/// [`Class::stride`] by class.
const STRIDES: [u32; CLASSES] = {
    let mut strides = SIZES;
    let mut class = 0;
    while class < CLASSES {
        if Class::from_index(class).is_coloured() {
            strides[class] += COLOUR as u32;
        }
        class += 1;
    }
    strides
};

/// Number of [`Class::uncoloured`] by class: a table, for of sizes at random a branch would not be foreseen.
const UNCOLOURED: [u8; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        table[class] = if Class::from_index(class).is_coloured() {
            (SIZES_CARVED + (class - FIRST_COLOURED) / COLOURED_STEP) as u8
        } else {
            class as u8
        };
        class += 1;
    }
    table
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

/// Other heaps' chunks gathered by class: 32 KiB worth, but 128 at most.
const OUTBOX: [u8; CLASSES] = {
    let mut table = [1; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let by_bytes = (32 << 10) / SIZES[class];
        if by_bytes > 0 {
            table[class] = if by_bytes > 128 { 128 } else { by_bytes as u8 };
        }
        class += 1;
    }
    table
};

/// Chunks in a magazine by class: 32 KiB worth and 128 at most, or else 512 KiB worth, 32 at most and 8 at least.
/// (Where blocks of 1 to 64 KiB are replaced at random, 16 of each take 1.14 of the time of 32. Where two or four
/// threads pass each other 4,000 small ones at a time, 128 of each take 0.88 of the time of 64.)
const MAGAZINE: [u8; CLASSES] = {
    let mut table = [8; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        match SIZES[class] {
            0..256 => table[class] = 128,
            size @ 256..1024 => table[class] = ((32 << 10) / size) as u8,
            1024..=16384 => table[class] = 32,
            size @ 16385..65536 => table[class] = ((512 << 10) / size) as u8,
            _ => {}
        }
        class += 1;
    }
    table
};

/// [`Class::borrows_at`] by class. Where several chunks share a cache line, so many must be there that the lines are
/// mostly the thread's own; of larger ones so many that they are worth displacing its current pool. From 512 bytes on
/// it never allocates from them, nor has them in its magazines: what it would have to fetch from the other thread's
/// cache is more than the way home costs.
const BORROWS_AT: [i16; CLASSES] = {
    let mut table = [-1; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        match SIZES[class] {
            0..256 => table[class] = OUTBOX[class] as i16 - 32,
            256..512 => table[class] = OUTBOX[class] as i16 - 8,
            _ => {}
        }
        class += 1;
    }
    table
};

/// The first class that never borrows.
const FIRST_UNTRADED: usize = Class::of(512).unwrap().0;

const fn step_above(size: usize) -> usize {
    if size < 128 { 8 } else { (1 << size.ilog2()) / 8 }
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

    /// The class of this number, which is below [`CLASSES`].
    #[inline(always)]
    pub(crate) const fn from_index(index: usize) -> Class {
        assert!(index < CLASSES);
        Class(index << STEP_SHIFT)
    }

    /// Bytes between a thread's lists of one slab and those of the next. A class is a multiple of it: the fast paths
    /// address the lists with no shift in between.
    pub(crate) const STEP: usize = 1 << STEP_SHIFT;

    /// The class whose [`Class::offset`] this is.
    ///
    /// # Safety
    /// It is one's.
    #[inline(always)]
    pub(crate) const unsafe fn from_offset(offset: usize) -> Class {
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
            // SAFETY: `of` and `of_fine` read numbers below `CLASSES` from a table or compute them (asserted below),
            // `from_index` checks its own, and callers of `from_offset` promise it.
            unsafe { core::hint::unreachable_unchecked() }
        }
        index
    }

    /// Bytes of one chunk.
    #[inline(always)]
    pub(crate) const fn size(self) -> usize {
        SIZES[self.index()] as usize
    }

    /// Whether its chunks may lie apart, so that they begin at different places of a page.
    pub(crate) const fn is_coloured(self) -> bool {
        let index = self.index();
        matches!(index, FIRST_COLOURED..SIZES_CARVED) && (index - FIRST_COLOURED).is_multiple_of(COLOURED_STEP)
    }

    /// The class of chunks as long that have every alignment their size promises; often the same one.
    pub(crate) const fn uncoloured(self) -> Class {
        Class::from_index(UNCOLOURED[self.index()] as usize)
    }

    /// Bytes from one chunk to the next.
    #[inline(always)]
    pub(crate) const fn stride(self) -> usize {
        STRIDES[self.index()] as usize
    }

    /// The slabs' classes, without the uncoloured twins, ascending.
    pub(crate) fn sized() -> impl Iterator<Item = Class> {
        (0..SIZES_CARVED).map(Class::from_index)
    }

    /// All classes.
    pub(crate) fn all() -> impl Iterator<Item = Class> {
        (0..CLASSES).map(Class::from_index)
    }

    /// Whether fresh chunks are handed out one by one, without links written into them.
    #[inline(always)]
    pub(crate) const fn bumps(self) -> bool {
        self.size() >= BUMP_FROM
    }

    /// How many chunks of other heaps a thread gathers before it sends them home.
    #[inline(always)]
    pub(crate) const fn outbox(self) -> u8 {
        let chunks = OUTBOX[self.index()];
        if cfg!(shuttle) && chunks > 4 { 4 } else { chunks }
    }

    /// Chunks in a magazine, see [`MAGAZINE`].
    pub(crate) const fn magazine(self) -> usize {
        if cfg!(shuttle) { 4 } else { MAGAZINE[self.index()] as usize }
    }

    /// Whether threads may share pools of this slab: its chunks fill cache lines, so that no two threads write to one.
    pub(crate) const fn shares(self) -> bool {
        self.size().is_multiple_of(64)
    }

    /// Whether a thread allocates other heaps' chunks of this slab again, see [`BORROWS_AT`].
    #[inline(always)]
    pub(crate) const fn is_traded(self) -> bool {
        self.0 < FIRST_UNTRADED
    }

    /// A thread allocates from the chunks of other heaps that it has gathered while it may gather no more than so many
    /// others; if negative, never. See [`BORROWS_AT`].
    #[inline(always)]
    pub(crate) const fn borrows_at(self) -> i16 {
        if cfg!(shuttle) && self.is_traded() { 2 } else { BORROWS_AT[self.index()] }
    }
}

/// Bytes of the slab that serves a large request of `size` bytes: a multiple of [`UNIT`].
///
/// `None` where rounding would overflow.
pub(crate) const fn large_slab(size: usize) -> Option<usize> {
    debug_assert!(size > 0);
    size.checked_next_multiple_of(large_step(size))
}

/// As [`large_slab`], of what is far from overflowing.
#[inline(always)]
pub(crate) const fn large_slab_unchecked(size: usize) -> usize {
    let step = large_step(size);
    size.wrapping_add(step - 1) & !(step - 1)
}

/// What the slab of a large request is a multiple of: a power of two.
#[inline(always)]
const fn large_step(size: usize) -> usize {
    if size <= 256 << 10 { UNIT } else { (1 << (size - 1).ilog2()) / 16 }
}

const _: () = {
    assert!(SIZES[SIZES_CARVED - 1] as usize == MAX_CHUNK);
    assert!(SIZES[FIRST_COLOURED] as usize == COLOURED_FROM && Class::from_index(SIZES_CARVED - 1).is_coloured());
    assert!(SIZES[FINE_CLASSES - 1] as usize == FINE_LIMIT);
    assert!(MAX_ALIGN >= MAX_CHUNK && MAX_ALIGN.is_multiple_of(UNIT));
    let mut class = 0;
    while class < CLASSES {
        let size = SIZES[class] as usize;
        assert!(size.is_multiple_of(8));
        assert!(Class::from_index(class).is_traded() == (BORROWS_AT[class] >= 0));
        if class < SIZES_CARVED {
            assert!(Class::of(size).unwrap().index() == class);
            assert!(class == 0 || Class::of(SIZES[class - 1] as usize + 1).unwrap().index() == class);
        } else {
            let coloured = Class::of(size).unwrap();
            assert!(coloured.uncoloured().index() == class);
            assert!(coloured.outbox() == Class::from_index(class).outbox());
            assert!(coloured.stride().is_multiple_of(COLOUR));
        }
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
    fn large_slabs_are_tight_and_monotonic() {
        let mut last = MAX_CHUNK;
        for size in (MAX_CHUNK + 1..8 << 20).step_by(1013) {
            let slab = large_slab(size).unwrap();
            assert!(slab >= size && slab >= last && slab.is_multiple_of(UNIT));
            assert!((slab - size) * 8 <= slab);
            assert_eq!(large_slab(slab), Some(slab));
            assert_eq!(large_slab_unchecked(size), slab);
            last = slab;
        }
        assert_eq!(large_slab(usize::MAX), None);
    }
}
