//! How long pools are, and where their first chunks lie.

use crate::class::{CLASSES, COLOUR, Class, MAX_POOL_UNITS, MIN_COLOURED, UNIT};

/// Bytes after which places in the first-level cache repeat.
const COLOURS_REPEAT: usize = 4096;

/// Chunks above this size are long. (Those of 8 KiB and more by the same rule: blocks of 1 to 64 KiB, replaced at
/// random, took 1.10 of the memory.)
const LONG: usize = 32 << 10;
/// Doublings after which every pool is full-grown.
const MOST_DOUBLINGS: u32 = 7;
/// A pool takes one of so many parts of the arena's free memory at most.
const SHARE: usize = 64;

/// A slab with so many pools is one of few that fill the arena.
const MANY: u32 = 16;

/// Units of a full-grown pool by class: at least eight chunks, 16 of up to 64 KiB, with little left over at their end;
/// of coloured chunks one fewer.
const POOL_UNITS: [u8; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        table[class] = best_units(Class::from_index(class).size());
        class += 1;
    }
    table
};

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

/// Units of the shortest pool by class with at most 3.2 % left over at its end.
const TIDY_UNITS: [u8; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let size = Class::from_index(class).size();
        let mut units = size.div_ceil(UNIT);
        while units * UNIT % size * 31 > units * UNIT {
            units += 1;
        }
        table[class] = units as u8;
        class += 1;
    }
    table
};

impl Class {
    /// The class as which pools of this one are shaped in an arena of so many units.
    pub(crate) const fn shape(self, arena_units: usize) -> Class {
        if arena_units < MIN_COLOURED / UNIT { self.uncoloured() } else { self }
    }

    /// Alignment that every pool of this shape needs so that its chunks have the alignment their stride promises.
    pub(crate) const fn pool_align(self) -> usize {
        let natural = 1 << self.stride().trailing_zeros();
        if natural > UNIT { natural } else { UNIT }
    }

    /// Units of the next pool for a heap that holds `held` pools of this class, in an arena of which `free` units are
    /// free. `churns`: its pools of the class come and go.
    ///
    /// The fair model: equal numbers of chunks expected of every slab, so that pools grow with the chunk. They start
    /// with two chunks or one unit, double with use, and take no more than a small share of what is free, for the
    /// newest pool of each slab is half empty when the arena is full; but where a slab has many, not so little that
    /// much would be left over at their ends. What does not fit another chunk is not taken. Of long chunks, of which
    /// many programs have one or two of each length, the first two pools have one chunk, and the others half as many as
    /// usual, unless many pools were emptied.
    pub(crate) fn pool_units(self, held: u32, churns: bool, free: usize) -> usize {
        let full = POOL_UNITS[self.index()] as usize;
        let doublings = match held {
            _ if self.size() <= LONG || churns => held + 1,
            0 | 1 => 0,
            _ => held,
        };
        let doublings = doublings.min(MOST_DOUBLINGS);
        let wanted = (self.size() << doublings).div_ceil(UNIT).max((1 << doublings) / 2);
        let tidy = if held < MANY { 1 } else { TIDY_UNITS[self.index()] as usize };
        let most = (free / SHARE).max(tidy) / tidy * tidy;
        self.whole_units(wanted.min(full).min(most))
    }

    /// Units of a pool of about half as many: where no span is as long as that.
    pub(crate) fn half_units(self, units: usize) -> usize {
        self.whole_units(units / 2)
    }

    /// Units for as many chunks as `units` hold, one at least.
    fn whole_units(self, units: usize) -> usize {
        let most = units.max(self.least_units());
        let spaced = self.spaced(most);
        (spaced.chunks_in(most) * spaced.stride()).div_ceil(UNIT)
    }

    const fn chunks_in(self, units: usize) -> usize {
        units * UNIT / self.stride()
    }

    /// The class by whose stride a pool of so many units is carved: the uncoloured one if colours would cost it more
    /// than an eighth of its chunks.
    pub(crate) const fn spaced(self, units: usize) -> Class {
        let plain = self.uncoloured();
        if self.chunks_in(units) * 8 < plain.chunks_in(units) * 7 { plain } else { self }
    }

    /// Where the first chunk lies in a pool of so many units, carved by this class's stride, for a heap that holds
    /// `held` others of the slab: at the next place of a page, as if those were as long and it followed them. Where too
    /// little is left over for that, the first place and the last possible one take turns.
    pub(crate) fn first_at(self, units: usize, held: u32) -> usize {
        if !self.is_coloured() {
            return 0;
        }
        let chunks = self.chunks_in(units);
        let room = (units * UNIT - chunks * self.stride()) / COLOUR * COLOUR;
        let on = |pools: usize| pools * chunks * self.stride() % COLOURS_REPEAT;
        if room >= COLOURS_REPEAT - COLOUR {
            return on(held as usize);
        }
        let turns = (COLOURS_REPEAT / COLOUR / chunks).max(1);
        on(held as usize % turns).min(room)
    }

    /// Units of the smallest pool: it holds one chunk.
    pub(crate) const fn least_units(self) -> usize {
        self.size().div_ceil(UNIT)
    }
}

const _: () = {
    let mut class = 0;
    while class < CLASSES {
        let size = Class::from_index(class).size();
        let units = POOL_UNITS[class] as usize;
        assert!(units * UNIT >= size && units <= MAX_POOL_UNITS);
        // At most 3.2 % of a full-grown pool lies behind its last chunk, if that is not coloured.
        assert!(units * UNIT % size * 31 <= units * UNIT && TIDY_UNITS[class] as usize <= units);
        let spaced = Class::from_index(class).spaced(units);
        assert!(spaced.chunks_in(units) + 1 >= units * UNIT / size);
        class += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::MAX_CHUNK;

    #[test]
    fn pools_grow_with_use() {
        let chunks = |size: usize, churns| {
            let class = Class::of(size).unwrap();
            [0, 1, 2, 3, 4, 40].map(|held| {
                let units = class.pool_units(held, churns, 1 << 20);
                class.spaced(units).chunks_in(units)
            })
        };
        assert_eq!(chunks(64, false), [256, 512, 1024, 1024, 1024, 1024]);
        assert_eq!(chunks(20 << 10, false), [2, 4, 8, 16, 16, 16]);
        assert_eq!(chunks(40 << 10, false), [1, 1, 4, 8, 16, 16]);
        assert_eq!(chunks(40 << 10, true), [2, 4, 8, 16, 16, 16]);
        assert_eq!(chunks(112 << 10, false), [1, 1, 4, 8, 10, 10]);
    }

    #[test]
    fn pools_are_short_where_little_is_free() {
        let units = |size: usize, held, free| Class::of(size).unwrap().pool_units(held, false, free);
        assert_eq!([0, 63, 64, 255, 256, 1023].map(|free| units(1 << 10, 40, free)), [1, 1, 1, 3, 4, 4]);
        assert_eq!([0, 1023, 64 * 60, 1 << 20].map(|free| units(80 << 10, 40, free)), [5, 15, 60, 65]);
        // One chunk in 48 KiB, or four in 144.
        assert_eq!([MANY - 1, MANY].map(|held| units(36 << 10, held, 256)), [3, 9]);
        assert_eq!([MANY - 1, MANY].map(|held| units(36 << 10, held, 64 * 17)), [16, 9]);
    }

    #[test]
    fn aligned_sizes_land_on_aligned_slabs() {
        for shift in 3..=17 {
            let align = 1usize << shift;
            for size in (align..=MAX_CHUNK).step_by(align) {
                let class = Class::of(size).unwrap().uncoloured();
                assert!(class.stride().is_multiple_of(align), "{size} at {align}");
                assert!(class.pool_align() >= align.min(1 << class.size().trailing_zeros()));
                assert_eq!(class.size(), Class::of(size).unwrap().size());
            }
        }
    }

    #[test]
    fn pools_hold_as_many_chunks_wherever_the_first_begins() {
        for class in Class::all() {
            for (units, held) in
                (class.least_units()..=MAX_POOL_UNITS).flat_map(|units| (0..9).map(move |held| (units, held)))
            {
                let spaced = class.spaced(units);
                let (first, chunks) = (spaced.first_at(units, held), spaced.chunks_in(units));
                assert!(first + chunks * spaced.stride() <= units * UNIT, "{units} units of {}", class.size());
                assert!(first.is_multiple_of(COLOUR) && (first == 0 || spaced.is_coloured()));
            }
        }
    }

    #[test]
    fn pools_have_no_unit_without_a_chunk() {
        for class in Class::all() {
            for arena_units in [256, 504, 576, 1000, 4096, 1 << 15, 1 << 18] {
                let class = class.shape(arena_units);
                for held in 0..8 {
                    let mut units = class.pool_units(held, false, arena_units);
                    // As long as it becomes shorter.
                    for _ in 0..10 {
                        let stride = class.spaced(units).stride();
                        let filled = units * UNIT / stride * stride;
                        assert!(filled > (units - 1) * UNIT, "{units} units of {}", class.size());
                        let plain = class.uncoloured().half_units(units);
                        units = class.half_units(units);
                        let [held, most] = [(class, units), (class.uncoloured(), plain)]
                            .map(|(class, units)| class.spaced(units).chunks_in(units));
                        assert!(held * 8 >= most * 7, "{held} of {most} chunks of {}", class.size());
                    }
                }
            }
        }
    }
}
