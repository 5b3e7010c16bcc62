//! Promise: every size at every alignment is served aligned, with little waste, and freed either way.

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use arenal::{AllocError, Arena, Config, Exhausted};
use common::{Block, KIB, MIB, bounded, layout};

fn check_block(arena: &Arena, block: &Block) {
    let layout = block.layout();
    let usable = block.usable(arena);
    assert!(usable >= layout.size(), "{layout:?}: {usable} usable");
    assert!(block.ptr().addr().is_multiple_of(layout.align().max(8)), "{block:?}");
    if block.inside(arena) {
        assert!(arena.contains(block.ptr().wrapping_add(layout.size().max(1) - 1)), "{block:?} sticks out");
    }
    match arena.slab_for(layout) {
        Some(slab) => {
            // Hardened, `GlobalAlloc` takes the next slab where a layout fills its own.
            let exact = !cfg!(feature = "hardened");
            assert!(slab == usable || (!exact && slab < usable), "{layout:?}: {usable} instead of {slab}");
            assert!(block.inside(arena), "{layout:?} has a slab but lies outside");
        }
        None => assert!(!block.inside(arena), "{layout:?} has no slab but lies inside"),
    }
}

fn sizes() -> impl Iterator<Item = usize> {
    let around = |n: usize| [n - 1, n, n + 1];
    (0..=300).chain((9..=22).flat_map(move |bits| around(1 << bits))).chain([777, 12_345, 99_999, 1_234_567])
}

#[test]
fn sizes_by_alignments() {
    let arena = Arena::with_config(Config::new(128 * MIB).system_above(128 * MIB));
    for align in (0..=21).map(|bits| 1 << bits) {
        let mut blocks = Vec::new();
        for (i, size) in sizes().enumerate() {
            if size > MIB && align > 4096 && i % 2 == 1 {
                continue; // spares time, not a case
            }
            let layout = layout(size, align);
            for seed in 0..if size <= 300 { 6 } else { 2 } {
                let block = Block::new(&arena, layout, seed + i as u64);
                let block = block.unwrap_or_else(|| panic!("{layout:?} refused: {}", arena.info()));
                check_block(&arena, &block);
                assert!(align > 4096 || block.inside(&arena), "{layout:?} is the arena's to serve");
                blocks.push(block);
            }
            if size > 8 * KIB || align > 4096 {
                blocks.drain(..).for_each(|block| block.free(&arena));
            }
        }
        blocks.into_iter().for_each(|block| block.free(&arena));
        let info = arena.info();
        assert!(info.allocated == 0 && info.system == 0, "after alignment {align}: {info:?}");
    }
    common::verify(&arena);
}

/// A slab that takes over the emptied pool of another must not take its alignment for its own.
#[test]
fn alignments_in_recycled_pools() {
    let arena = bounded(64 * MIB);
    for small in [16, 64, 200, 1000, 4000] {
        let blocks: Vec<_> =
            (0..MIB / small).map(|seed| Block::new(&arena, layout(small, 8), seed as u64).expect("memory")).collect();
        blocks.into_iter().for_each(|block| block.free(&arena));
        // A block that is not aligned is noticed by itself.
        let aligned: Vec<_> = (12..=17)
            .flat_map(|bits| [layout(1 << bits, 1 << bits); 6])
            .map(|layout| Block::new(&arena, layout, 1).expect("memory"))
            .collect();
        aligned.into_iter().for_each(|block| block.free(&arena));
    }
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// Larger than anything the arena aligns its own parts to: from wherever it fits, but aligned.
#[test]
fn giant_alignments() {
    let arena = Arena::new(256 * MIB);
    for align in [4 * MIB, 16 * MIB, 64 * MIB, 1 << 30] {
        for size in [1, 100, 5000, MIB] {
            for seed in 0..6 {
                let block = Block::new(&arena, layout(size, align), seed).expect("memory from somewhere");
                assert!(block.ptr().addr().is_multiple_of(align));
                block.free(&arena);
                let block = Block::zeroed(&arena, layout(size, align), seed).expect("memory from somewhere");
                assert!(block.ptr().addr().is_multiple_of(align));
                block.free(&arena);
            }
        }
    }
    let info = arena.info();
    assert!(info.allocated == 0 && info.system == 0, "{info:?}");
}

#[test]
fn nothing_overflows_near_the_largest_sizes() {
    let arenas = [
        Arena::new(64 * MIB),
        bounded(64 * MIB),
        Arena::with_config(Config::new(64 * MIB).system_above(0)),
        Arena::with_config(Config::new(64 * MIB).on_exhausted(Exhausted::System)),
    ];
    for arena in &arenas {
        for align in [1, 8, 64, 4096, 2 * MIB, 1 << 40, 1 << 62] {
            let largest = isize::MAX as usize + 1 - align;
            for less in [0, 1, 7, 8, 4095, 4096, 65_536, 2 * MIB] {
                let Ok(layout) = Layout::from_size_align(largest.saturating_sub(less).max(1), align) else {
                    continue;
                };
                if layout.size() < 1 << 48 {
                    continue; // the alignment 2^62 leaves small sizes too; nobody has such an address
                }
                assert_eq!(arena.allocate(layout), Err(AllocError), "{layout:?}");
                assert_eq!(arena.allocate_zeroed(layout), Err(AllocError), "{layout:?}");
                // SAFETY: the size is not zero.
                unsafe {
                    assert!(GlobalAlloc::alloc(arena, layout).is_null(), "{layout:?}");
                    assert!(GlobalAlloc::alloc_zeroed(arena, layout).is_null(), "{layout:?}");
                }
            }
            let mut block = Block::new(arena, layout(100, align.min(4096)), 1).expect("memory");
            assert!(!block.resize(arena, isize::MAX as usize + 1 - align.min(4096)), "realloc to the largest size");
            block.free(arena);
        }
        let info = arena.info();
        assert!(info.allocated == 0 && info.system == 0, "{info:?}");
    }
}

#[test]
fn zero_sizes_are_served() {
    let arena = bounded(16 * MIB);
    for align in [1, 8, 64, 4096] {
        let layout = layout(0, align);
        let ptr = arena.allocate(layout).expect("even nothing is served");
        assert!(ptr.as_ptr().addr().is_multiple_of(align));
        let zeroed = arena.allocate_zeroed(layout).expect("even nothing is served");
        // SAFETY: both are live allocations of this layout, freed once.
        unsafe {
            arena.deallocate(ptr, layout);
            arena.deallocate(zeroed, layout);
        }
    }
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn slabs_ascend_in_multiples_of_eight() {
    for arena in [bounded(Arena::MIN_CAPACITY), bounded(64 * MIB), Arena::new(4 << 30)] {
        let slabs: Vec<usize> = arena.slabs().collect();
        assert_eq!(slabs[0], 8);
        assert!(slabs.iter().all(|slab| slab.is_multiple_of(8)));
        assert!(slabs.windows(2).all(|pair| pair[0] < pair[1]), "not ascending: {slabs:?}");
        assert!(slabs.len() >= 50 && slabs.contains(&72));
        assert_eq!(arena.slab_for(layout(67, 8)), Some(72));
        assert_eq!(arena.slab_for(layout(1, 1)), Some(8));
        for &slab in &slabs {
            if slab <= arena.capacity() / 16 {
                assert_eq!(arena.slab_for(layout(slab, 8)), Some(slab), "a size that is a slab");
                assert!(arena.slab_for(layout(slab - 1, 1)).is_some_and(|larger| larger <= slab));
            }
        }
    }
}

#[test]
fn waste_is_at_most_an_eighth() {
    let arena = bounded(1 << 30);
    let slabs: Vec<usize> = arena.slabs().collect();
    let last = slabs[slabs.len() - 1];
    let small = 1..70 * KIB;
    let large = (70 * KIB..64 * MIB).step_by(9973).chain((17..26).flat_map(|bits| [(1 << bits) - 1, (1 << bits) + 1]));
    let mut worst = (0.0, 0);
    for size in small.chain(large) {
        let slab = arena.slab_for(layout(size, 8)).expect("the arena serves up to its capacity");
        assert!(slab >= size);
        assert!(size > last || slabs.binary_search(&slab).is_ok(), "{slab}, serving {size}, is no slab");
        let waste = (slab - size) as f64 / slab as f64;
        assert!(size < 128 || waste <= 0.125, "{size} wastes {:.2} % of {slab}", waste * 100.0);
        assert!(size >= 128 || slab - size < 8, "{size} from the slab of {slab}");
        if size >= 128 && waste > worst.0 {
            worst = (waste, size);
        }
    }
    println!("most waste from 128 bytes on: {:.2} % at {} bytes", worst.0 * 100.0, worst.1);
}

/// Every byte up to `usable_size` may be used, by chunks side by side.
#[test]
fn usable_means_usable() {
    let arena = Arena::new(128 * MIB);
    let sizes: Vec<usize> = (1..600).chain((600..100_000).step_by(997)).collect();
    let chunks: Vec<(NonNull<u8>, usize, u8)> = sizes
        .iter()
        .zip((0..250).cycle())
        .flat_map(|(&size, mark)| [(size, mark), (size, mark + 1)])
        .map(|(size, mark)| {
            let ptr = arena.allocate(layout(size, 8)).expect("memory");
            // SAFETY: live, and usable to that size.
            unsafe {
                let usable = arena.usable_size(ptr);
                ptr.write_bytes(mark, usable);
                (ptr, usable, mark)
            }
        })
        .collect();
    for (ptr, usable, mark) in chunks {
        // SAFETY: live, written above to `usable` bytes, freed once.
        unsafe {
            let bytes = std::slice::from_raw_parts(ptr.as_ptr(), usable);
            assert!(bytes.iter().all(|&byte| byte == mark), "{ptr:p} of {usable} bytes was overwritten");
            arena.free(ptr);
        }
    }
    assert_eq!(arena.info().allocated, 0);
}

/// Larger than any field that might hold it: served and freed, or refused.
#[test]
fn an_alignment_of_4_gib() {
    let arena = bounded(64 * MIB);
    let layout = layout(1, 1 << 32);
    if let Ok(ptr) = arena.allocate(layout) {
        assert!(ptr.as_ptr().addr().is_multiple_of(layout.align()));
        // SAFETY: live, freed once.
        unsafe { arena.deallocate(ptr, layout) };
    }
    assert_eq!(arena.info().system, 0);
}

/// A large block begins at its alignment, and takes no more for that.
#[test]
fn large_alignments_waste_no_more_than_others() {
    let arena = bounded(8 * MIB);
    for align in [64 * KIB, MIB, 2 * MIB] {
        for size in [140 * KIB, MIB + 1, 4 * MIB + MIB / 2 - 1] {
            let block = Block::new(&arena, layout(size, align), 1).expect("the arena is empty");
            assert_eq!(arena.slab_for(layout(size, align)), Some(block.usable(&arena)));
            assert!((block.usable(&arena) - size) * 8 <= size, "{size} at {align}: {}", block.usable(&arena));
            block.free(&arena);
        }
    }
    common::verify(&arena);
    // Its length is no multiple of the alignment.
    let odd = bounded(5 * MIB);
    Block::new(&odd, layout(4 * MIB + MIB / 2, 2 * MIB), 1).expect("it fits").free(&odd);
}

/// Nobody else has them, whatever their length.
#[test]
fn alignments_beyond_the_arenas_are_the_systems() {
    let arena = Arena::new(Arena::MIN_CAPACITY);
    for size in [64, Arena::MIN_CAPACITY + MIB] {
        let block = Block::new(&arena, layout(size, 4 * MIB), 1).expect("memory");
        assert!(!block.inside(&arena) && arena.info().system >= size);
        block.free(&arena);
    }
}
