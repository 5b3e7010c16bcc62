//! Promise: `realloc` keeps the data and the alignment, and stays in place whenever the memory allows it.

mod common;

use arenal::{Arena, Config, Exhausted};
use common::{Block, Chain, KIB, MIB, Rng, bounded, layout, overflow};

const SIZES: [usize; 17] = [
    1,
    8,
    40,
    100,
    128,
    130,
    1000,
    4096,
    9000,
    32 * KIB,
    64 * KIB,
    65 * KIB,
    300 * KIB,
    MIB,
    3 * MIB,
    4 * MIB + 1,
    9 * MIB,
];

fn grid(arena: &Arena, aligns: &[usize]) {
    // Keep the starts of pools, where any alignment would do.
    let pins: Vec<Block> = aligns
        .iter()
        .flat_map(|&align| SIZES.map(|size| Block::new(arena, layout(size, align), 1).expect("memory")))
        .collect();
    for (i, &from) in SIZES.iter().enumerate() {
        for (j, &to) in SIZES.iter().enumerate() {
            for &align in aligns {
                let mut block = Block::new(arena, layout(from, align), (i * 31 + j) as u64).expect("memory");
                assert!(block.resize(arena, to), "{from} to {to}, aligned to {align}");
                assert!(block.usable(arena) >= to);
                assert!(block.resize(arena, from), "{to} back to {from}, aligned to {align}");
                block.free(arena);
            }
        }
    }
    pins.into_iter().for_each(|block| block.free(arena));
    let info = arena.info();
    assert!(info.allocated == 0 && info.system == 0, "{info:?}");
    common::verify(arena);
}

#[test]
fn every_size_to_every_other() {
    grid(&bounded(128 * MIB), &[1, 8, 64, 4096]);
}

#[test]
fn across_the_border_to_the_system() {
    let arena = Arena::with_config(Config::new(128 * MIB).system_above(32 * KIB));
    grid(&arena, &[8, 256]);
    let arena = Arena::with_config(Config::new(128 * MIB).system_above(0));
    grid(&arena, &[8]);
    assert_eq!(arena.info().heap, 0, "everything went to the system");
}

#[test]
fn large_alignments() {
    grid(&Arena::new(128 * MIB), &[64 * KIB, 2 * MIB]);
}

#[test]
fn within_one_slab_the_chunk_stays() {
    let arena = bounded(64 * MIB);
    let mut slabs: Vec<usize> = arena.slabs().filter(|&slab| slab <= MIB).collect();
    slabs.insert(0, 0);
    for pair in slabs.windows(2) {
        // With the feature the last byte would leave no room for a canary.
        let (least, most) = (pair[0] + 1, pair[1] - usize::from(cfg!(feature = "hardened")));
        let mut block = Block::new(&arena, layout(least, 1), 1).expect("memory");
        let at = block.ptr();
        for size in [most, least, (least + most) / 2, most] {
            assert!(block.resize(&arena, size));
            assert_eq!(block.ptr(), at, "{size} bytes fit the slab of {}", pair[1]);
        }
        block.free(&arena);
    }
}

/// Two spans of `size` that lie side by side.
fn neighbours(arena: &Arena, size: usize) -> (Block, Block) {
    let mut blocks: Vec<Block> = (0..8).map(|i| Block::new(arena, layout(size, 8), i).expect("memory")).collect();
    blocks.sort_by_key(Block::ptr);
    let at = blocks
        .windows(2)
        .position(|pair| pair[0].ptr().addr() + pair[0].usable(arena) == pair[1].ptr().addr())
        .expect("two of eight spans in an empty arena lie side by side");
    let second = blocks.remove(at + 1);
    let first = blocks.remove(at);
    blocks.into_iter().for_each(|block| block.free(arena));
    (first, second)
}

#[test]
fn a_span_grows_into_its_free_neighbour() {
    for size in [MIB, 4 * MIB] {
        let arena = bounded(256 * MIB);
        let (mut first, second) = neighbours(&arena, size);
        let at = first.ptr();
        second.free(&arena);
        assert!(first.resize(&arena, size + size / 2));
        assert_eq!(first.ptr(), at, "the neighbour was free");
        assert!(first.resize(&arena, 2 * size));
        assert_eq!(first.ptr(), at, "the rest of the neighbour was free");
        first.free(&arena);
        assert_eq!(arena.info().allocated, 0);
        common::verify(&arena);
    }
}

#[test]
fn a_span_does_not_grow_into_a_live_neighbour() {
    let arena = bounded(256 * MIB);
    let (mut first, second) = neighbours(&arena, 4 * MIB);
    let at = first.ptr();
    assert!(first.resize(&arena, 6 * MIB));
    assert_ne!(first.ptr(), at);
    second.check();
    second.free(&arena);
    first.free(&arena);
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn a_shrunk_span_gives_its_end_back() {
    let arena = bounded(64 * MIB);
    let mut block = Block::new(&arena, layout(40 * MIB, 8), 1).expect("memory");
    let at = block.ptr();
    assert!(block.resize(&arena, MIB));
    assert_eq!(block.ptr(), at, "shrinking needs no other place");
    assert!(arena.info().allocated <= 2 * MIB, "{}", arena.info());
    let chain = Chain::of_layout(&arena, layout(MIB, 8));
    assert!(chain.bytes() >= 55 * MIB, "only {} bytes beside the shrunk span", chain.bytes());
    block.check();
    chain.free(&arena);
    block.free(&arena);
    assert_eq!(arena.info().allocated, 0);
}

/// Grows step by step, as a `Vec` does, up to a quarter of the arena.
#[test]
fn steady_growth() {
    let arena = bounded(256 * MIB);
    let mut rng = Rng::new(1);
    let mut block = Block::new(&arena, layout(8, 8), 1).expect("memory");
    let mut small = Vec::new();
    while block.layout().size() < 64 * MIB {
        let size = block.layout().size();
        assert!(block.resize(&arena, size + size.div_ceil(2)), "from {size}");
        small.extend(Block::new(&arena, layout(rng.size(64 * KIB), 8), rng.word())); // something in the way
    }
    while block.layout().size() > 16 {
        let size = block.layout().size();
        assert!(block.resize(&arena, size / 3 + 1), "down from {size}");
    }
    block.free(&arena);
    small.into_iter().for_each(|block| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// A block that another thread allocated is resized like one's own.
#[test]
fn blocks_of_other_threads() {
    let arena = bounded(128 * MIB);
    let mut blocks = Vec::new();
    for round in 0..10 {
        for mut block in std::mem::take(&mut blocks) {
            let size = Block::layout(&block).size() * (2 + round) % (300 * KIB) + 1;
            assert!(block.resize(&arena, size));
            block.free(&arena);
        }
        blocks = common::threads(2, |i| {
            let mut rng = Rng::new((round * 2 + i) as u64);
            (0..300)
                .map(|_| Block::new(&arena, layout(rng.size(200 * KIB), 8), rng.word()).expect("memory"))
                .collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
    }
    blocks.into_iter().for_each(|block| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
}

/// Shrinking needs no memory: where there is none for a smaller place, the block stays where it is.
#[test]
fn shrinking_works_in_a_full_arena() {
    let fill =
        |arena: &Arena| [256 * KIB, 16 * KIB, 4 * KIB, 1000, 904].map(|size| Chain::of_layout(arena, layout(size, 8)));
    let divided = Config::new(Arena::MIN_CAPACITY).system_above(1000);
    for (config, from) in [(Config::new(Arena::MIN_CAPACITY), MIB), (divided, 5000)] {
        let arena = Arena::with_config(config);
        let mut block = Block::new(&arena, layout(from, 8), 1).expect("memory");
        let full = if from == MIB { fill(&arena).into() } else { vec![Chain::of_layout(&arena, layout(1000, 8))] };
        assert!(arena.allocate(layout(900, 8)).is_err(), "the arena is not full");
        for size in [900, 100, 3000.min(from), 1] {
            assert!(block.resize(&arena, size) || size > 900, "{from} bytes to {size}");
        }
        block.free(&arena);
        full.into_iter().for_each(|chain| chain.free(&arena));
        assert_eq!((arena.info().allocated, arena.info().system), (0, 0));
        common::verify(&arena);
    }
}

/// A span stays one, though its layout has become a chunk's: as often as there is no chunk.
#[test]
fn a_span_shrinks_again_and_again_in_a_full_arena() {
    let arena = bounded(Arena::MIN_CAPACITY);
    let mut block = Block::new(&arena, layout(MIB, 8), 1).expect("memory");
    let mut full = Vec::new();
    for size in [100_000, 5000, 100] {
        full.extend([256 * KIB, 16 * KIB, 4 * KIB, 1000, 64].map(|size| Chain::of_layout(&arena, layout(size, 8))));
        assert!(arena.allocate(layout(size, 8)).is_err(), "the arena is not full");
        let at = block.ptr();
        assert!(block.resize(&arena, size), "to {size}");
        assert_eq!(block.ptr(), at);
    }
    block.free(&arena);
    full.into_iter().for_each(|chain| chain.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// Nor does it need more of the system than the block has.
#[test]
fn shrinking_works_at_the_systems_limit() {
    let limit = 100_000;
    let config = Config::new(Arena::MIN_CAPACITY).on_exhausted(Exhausted::System).system_limit(limit);
    let arena = Arena::with_config(config);
    let held: Vec<Block> = std::iter::from_fn(|| {
        let block =
            Block::new(&arena, layout(128 * KIB, 8), 2).or_else(|| Block::new(&arena, layout(16 * KIB, 8), 2))?;
        if block.inside(&arena) {
            Some(block)
        } else {
            block.free(&arena);
            None
        }
    })
    .collect();
    let mut block = Block::new(&arena, layout(limit, 8), 1).expect("the system has it");
    assert!(!block.inside(&arena));
    for size in [limit / 2, 20 * KIB, 20 * KIB - 1] {
        assert!(block.resize(&arena, size), "to {size}");
        assert_eq!(arena.info().system, size);
    }
    held.into_iter().chain([block]).for_each(|block| block.free(&arena));
    assert_eq!((arena.info().allocated, arena.info().system), (0, 0));
}

/// Room that the arena has by now serves a block that the system has, at the system's limit.
#[test]
fn growth_at_the_systems_limit_comes_back_to_the_arena() {
    for (size, larger) in [(MIB, 2 * MIB), (1000, 1020), (600, 900)] {
        let config = Config::new(16 * MIB).on_exhausted(Exhausted::System).system_limit(size);
        let arena = Arena::with_config(config);
        let (held, mut block) = overflow(&arena, size);
        held.into_iter().for_each(|block| block.free(&arena));
        assert!(block.resize(&arena, larger), "{size}: the arena is empty");
        assert!(block.inside(&arena) && arena.info().system == 0);
        block.free(&arena);
        common::verify(&arena);
    }
}

/// In a full arena a block of the system grows where it is: two of them would be past the limit.
#[test]
fn growth_within_the_systems_limit_needs_no_second_block() {
    for (size, larger) in [(MIB, MIB + MIB / 2), (600, 900), (1000, 1020)] {
        let config = Config::new(16 * MIB).on_exhausted(Exhausted::System).system_limit(larger);
        let arena = Arena::with_config(config);
        let (held, mut block) = overflow(&arena, size);
        assert!(block.resize(&arena, larger), "{size}");
        assert_eq!(arena.info().system, larger);
        assert!(!block.resize(&arena, 2 * larger));
        held.into_iter().chain([block]).for_each(|block| block.free(&arena));
        common::verify(&arena);
    }
}
