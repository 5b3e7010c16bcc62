//! Promise: buffers of equal size begin at many places of a page, so that they do not compete for the same few sets of
//! the caches; alignments hold all the same, at no cost in size; and small arenas know nothing of it.

mod common;

use std::alloc::GlobalAlloc;
use std::collections::HashMap;
use std::ptr::NonNull;

use arenal::{Arena, SlabUsage};
use common::{KIB, MIB, bounded, layout, verify};

/// From 2 KiB on powers of two, and one and a half times these.
const SIZES: [usize; 13] = [
    2 * KIB,
    3 * KIB,
    4 * KIB,
    6 * KIB,
    8 * KIB,
    12 * KIB,
    16 * KIB,
    24 * KIB,
    32 * KIB,
    48 * KIB,
    64 * KIB,
    96 * KIB,
    128 * KIB,
];
const ALIGNS: [usize; 7] = [64, 128, 256, 512, 1024, 2048, 4096];
const PAGE: usize = 4096;

/// Small arenas, as the second is, know no colours.
fn arenas() -> [Arena; 2] {
    [bounded(1024 * MIB), bounded(64 * MIB)]
}

struct Block(NonNull<u8>);
// SAFETY: an address, freed by one thread alone.
unsafe impl Send for Block {}

#[test]
fn buffers_begin_at_many_places_of_a_page() {
    let arena = bounded(1024 * MIB);
    for size in SIZES {
        let buffers: Vec<_> = (0..64).map(|_| arena.allocate(layout(size, 8)).expect("memory")).collect();
        let mut places = HashMap::new();
        for buffer in &buffers {
            *places.entry(buffer.as_ptr().addr() % PAGE).or_insert(0) += 1;
        }
        // The first, short pools are not coloured.
        let most = places.values().max().expect("some");
        assert!(*most <= 16, "{most} of 64 buffers of {size} begin at the same place of a page");
        for buffer in buffers {
            // SAFETY: allocated above, with this layout.
            unsafe { arena.deallocate(buffer, layout(size, 8)) };
        }
    }
}

#[test]
fn pools_go_through_all_places_of_a_page() {
    const LINE: usize = 64;
    const BUFFERS: usize = 2048;
    let arena = bounded(1024 * MIB);
    for size in SIZES {
        let buffers: Vec<_> = (0..BUFFERS).map(|_| arena.allocate(layout(size, 8)).expect("memory")).collect();
        let mut places = [0; PAGE / LINE];
        // The first, short pools are not coloured.
        for buffer in &buffers[BUFFERS / 8..] {
            places[buffer.as_ptr().addr() % PAGE / LINE] += 1;
        }
        let mean = (BUFFERS - BUFFERS / 8) / places.len();
        let used = places.iter().filter(|&&count| count > mean / 2).count();
        assert!(used >= 60, "buffers of {size} begin at {used} of 64 places of a page: {places:?}");
        let most = *places.iter().max().expect("some");
        assert!(most < 2 * mean, "{most} buffers of {size} begin at the same place of a page: {places:?}");
        for buffer in buffers {
            // SAFETY: allocated above, with this layout.
            unsafe { arena.deallocate(buffer, layout(size, 8)) };
        }
    }
    verify(&arena);
}

#[test]
fn alignments_hold_and_cost_nothing() {
    for arena in arenas() {
        for (size, align) in SIZES.into_iter().flat_map(|size| ALIGNS.map(|align| (size, align))) {
            let layout = layout(size, align);
            let slab = arena.slab_for(layout).expect("the arena's");
            assert_eq!(slab, size.next_multiple_of(align), "{size} at {align}");
            let mut blocks: Vec<Block> = (0..40).map(|_| Block(arena.allocate(layout).expect("memory"))).collect();
            for (number, Block(block)) in blocks.iter().enumerate() {
                assert!(block.as_ptr().addr().is_multiple_of(align), "{size} at {align}: {block:p}");
                // SAFETY: a live block of this size.
                unsafe {
                    assert_eq!(arena.usable_size(*block), slab);
                    block.write_bytes(number as u8, size);
                }
            }
            for (number, Block(block)) in blocks.iter().enumerate() {
                // SAFETY: as above.
                let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
                assert!(bytes.iter().all(|&byte| byte == number as u8), "{size} at {align}: blocks overlap");
            }
            let others = blocks.split_off(20);
            std::thread::scope(|scope| {
                let freer = scope.spawn(|| {
                    for Block(block) in others {
                        // SAFETY: allocated above, with this layout.
                        unsafe { arena.deallocate(block, layout) };
                    }
                });
                // The scope itself does not wait for the exit hooks.
                freer.join().expect("no panic");
            });
            for (number, Block(block)) in blocks.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { if number % 2 == 0 { arena.free(block) } else { arena.deallocate(block, layout) } }
            }
        }
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
    }
}

#[test]
fn resized_blocks_keep_alignment_and_contents() {
    for arena in arenas() {
        // So that the thread's lists have coloured chunks at hand.
        let mut kept = Vec::new();
        for layout in SIZES.map(|size| layout(size, 8)) {
            // SAFETY: the layout is not empty; each block is freed once.
            unsafe {
                let mut blocks: Vec<_> = (0..40).map(|_| GlobalAlloc::alloc(&arena, layout)).collect();
                blocks.drain(..20).for_each(|block| GlobalAlloc::dealloc(&arena, block, layout));
                blocks.extend((0..10).map(|_| GlobalAlloc::alloc(&arena, layout)));
                kept.push((blocks, layout));
            }
        }
        for align in ALIGNS {
            // SAFETY: the layouts are not empty; each block is used under its last address and layout.
            unsafe {
                let mut block = GlobalAlloc::alloc(&arena, layout(SIZES[0], align));
                block.write_bytes(7, SIZES[0]);
                for (from, to) in SIZES.into_iter().zip(SIZES.into_iter().skip(1)) {
                    block = GlobalAlloc::realloc(&arena, block, layout(from, align), to);
                    assert!(!block.is_null() && block.addr().is_multiple_of(align), "{from} to {to} at {align}");
                }
                assert!(
                    std::slice::from_raw_parts(block, SIZES[0]).iter().all(|&byte| byte == 7),
                    "aligned at {align}"
                );
                GlobalAlloc::dealloc(&arena, block, layout(SIZES[SIZES.len() - 1], align));
            }
        }
        // Another thread frees aligned ones.
        let aligned = layout(8 * KIB, PAGE);
        // SAFETY: the layout is not empty; each block is freed once.
        let blocks: Vec<_> =
            (0..100).map(|_| Block(NonNull::new(unsafe { arena.alloc(aligned) }).expect("memory"))).collect();
        std::thread::scope(|scope| {
            let freer = scope.spawn(|| {
                for Block(block) in blocks {
                    assert!(block.as_ptr().addr().is_multiple_of(PAGE));
                    // SAFETY: as above.
                    unsafe { arena.dealloc(block.as_ptr(), aligned) };
                }
            });
            freer.join().expect("no panic");
        });
        for (blocks, layout) in kept {
            // SAFETY: as above.
            blocks.into_iter().for_each(|block| unsafe { GlobalAlloc::dealloc(&arena, block, layout) });
        }
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
    }
}

#[test]
fn a_slab_is_one_whatever_its_chunks_are_aligned_at() {
    for arena in arenas() {
        for size in SIZES {
            for align in [8, PAGE] {
                for _ in 0..10 {
                    arena.allocate(layout(size, align)).expect("memory");
                }
            }
        }
        let usages: Vec<SlabUsage> = arena.utilization().collect();
        assert!(usages.windows(2).all(|pair| pair[0].slab < pair[1].slab), "each slab once, ascending");
        for size in SIZES {
            // At that alignment 2 and 3 KiB take 4 KiB, and 6 KiB take 8 KiB.
            let blocks = match size / KIB {
                2 | 3 | 6 => 10,
                4 => 40,
                8 => 30,
                _ => 20,
            };
            let usage = usages.iter().find(|usage| usage.slab == size).expect("in use");
            assert_eq!(usage.allocated, blocks * size, "slab {size}");
        }
        let (allocated, heap) =
            usages.iter().fold((0, 0), |sums, usage| (sums.0 + usage.allocated, sums.1 + usage.heap));
        assert_eq!(allocated, arena.info().allocated);
        assert!(heap <= arena.info().heap);
    }
}

#[test]
fn in_a_small_arena_a_chunk_serves_any_alignment() {
    let arena = bounded(16 * MIB);
    for (first, second) in [(PAGE, 8), (8, PAGE)] {
        for size in SIZES {
            // In naturally aligned slabs, at the size's own alignment.
            let [first, second] = [first, second].map(|align| layout(size, align.min(1 << size.trailing_zeros())));
            let mut blocks: Vec<_> = std::iter::from_fn(|| arena.allocate(first).ok()).collect();
            let freed = blocks.swap_remove(blocks.len() / 2);
            // SAFETY: allocated with this layout, and freed once, here and below.
            unsafe { arena.deallocate(freed, first) };
            let again = arena.allocate(second).expect("what was freed");
            assert_eq!(again, freed, "{size}");
            // SAFETY: as above.
            unsafe { arena.deallocate(again, second) };
            for block in blocks {
                // SAFETY: as above.
                unsafe { arena.deallocate(block, first) };
            }
        }
    }
    assert_eq!(arena.info().allocated, 0);
    verify(&arena);
}

#[test]
fn colours_cost_a_full_arena_little() {
    for (arena, least) in arenas().iter().zip([0.93, 0.998]) {
        for size in SIZES {
            let count = std::iter::from_fn(|| arena.allocate(layout(size, 8)).ok()).count();
            let share = (count * size) as f64 / arena.capacity() as f64;
            assert!(share >= least, "{count} chunks of {size} are {share:.4} of the arena");
            // SAFETY: no chunk is used afterwards.
            unsafe { arena.release() };
        }
    }
}
