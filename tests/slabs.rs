//! Promise: `allocate_slab` gives one chunk of exactly that slab, and says clearly what is no slab.

mod common;

use arenal::{Arena, Config};
use common::{MIB, bounded, layout, panic_message};

#[test]
fn each_slab_gives_its_chunk() {
    for capacity in [Arena::MIN_CAPACITY, 64 * MIB] {
        let arena = bounded(capacity);
        for slab in arena.slabs().filter(|&slab| slab <= capacity / 4) {
            for _ in 0..3 {
                let ptr = arena.allocate_slab(slab).unwrap_or_else(|_| panic!("no chunk of {slab} in {capacity}"));
                assert!(arena.contains(ptr.as_ptr()) && ptr.as_ptr().addr().is_multiple_of(8));
                // SAFETY: live, of `slab` bytes, freed once.
                unsafe {
                    assert_eq!(arena.usable_size(ptr), slab);
                    ptr.write_bytes(0xEE, slab);
                    arena.deallocate(ptr, layout(slab, 8));
                }
            }
        }
        assert_eq!(arena.info().allocated, 0);
        common::verify(&arena);
    }
}

/// Of the last slab of a divided arena only the lower sizes are its own; the chunk is there all the same.
#[test]
fn so_does_the_last_slab_below_the_system() {
    let capacity = 16 * MIB;
    for above in [1, 100, 300, 1000, 100_000, 133_120, 140_000, 300_000, MIB, MIB + 1, 15 * MIB] {
        let arena = Arena::with_config(Config::new(capacity).system_above(above));
        let last = arena.slabs().last().expect("slabs");
        assert_eq!(arena.slab_for(layout(above, 1)), Some(last));
        let ptr = arena.allocate_slab(last).expect("memory");
        assert!(arena.contains(ptr.as_ptr()), "the slab of {last} below {above}");
        // SAFETY: live, of `last` bytes, freed once.
        unsafe {
            assert_eq!(arena.usable_size(ptr), last);
            ptr.write_bytes(0xEE, last);
            arena.deallocate(ptr, layout(last, 8));
        }
        assert_eq!((arena.info().allocated, arena.info().system), (0, 0));
        let text = panic_message(|| arena.allocate_slab(last + 8));
        assert!(text.contains("slab"), "{text:?}");
    }
}

#[test]
fn what_is_no_slab_panics_with_size_and_neighbours() {
    let arena = bounded(64 * MIB);
    let slabs: Vec<usize> = arena.slabs().collect();
    let wrong = [1, 7, 9, 67, 71, 73, 121, 999, 1001, 4097];
    for size in wrong {
        assert!(!slabs.contains(&size));
        let text = panic_message(|| arena.allocate_slab(size));
        assert!(!text.contains('\n'), "more than a line: {text:?}");
        assert!(text.contains("slab"), "{text:?}");
        let numbers: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
        assert!(numbers.contains(&size.to_string().as_str()), "the size {size} is missing in {text:?}");
        let at = slabs.partition_point(|&slab| slab < size);
        for near in [at.checked_sub(1).map(|below| slabs[below]), slabs.get(at).copied()].into_iter().flatten() {
            assert!(numbers.contains(&near.to_string().as_str()), "{near}, near {size}, is missing in {text:?}");
        }
    }
    for size in [0, slabs[slabs.len() - 1] + 8, usize::MAX, usize::MAX - 7] {
        let text = panic_message(|| arena.allocate_slab(size));
        assert!(text.contains("slab") && text.contains(&size.to_string()), "{text:?}");
    }
    assert_eq!(arena.info().allocated, 0, "a refused slab leaves no trace");
    let ptr = arena.allocate_slab(72).expect("the arena still works");
    // SAFETY: live, and freed once.
    unsafe { arena.free(ptr) };
}

/// In small arenas pools begin at the same place of a page; what is used first of many slabs must not compete for the
/// same cache lines.
#[test]
fn the_first_chunks_of_slabs_are_spread_over_the_page() {
    let arena = bounded(16 * MIB);
    let places: std::collections::BTreeSet<usize> = (1..=32)
        .map(|eights| arena.allocate(layout(eights * 8, 8)).unwrap())
        .map(|block| block.as_ptr() as usize % 4096 / 64)
        .collect();
    // 24 slabs serve these sizes, and a page has 64 lines.
    assert!(places.len() > 12, "{places:?}");
}

/// The chunk of the current pool that was freed last is handed out first, however many pools the slab has.
#[test]
fn a_chunk_is_handed_out_again_while_it_is_warm() {
    let arena = bounded(64 * MIB);
    for size in [64, 2 << 10] {
        let layout = layout(size, 8);
        let held: Vec<_> = (0..(200 << 10) / size).map(|_| arena.allocate(layout).unwrap()).collect();
        for _ in 0..100 {
            let block = arena.allocate(layout).unwrap();
            // SAFETY: live, and freed once.
            unsafe { arena.deallocate(block, layout) };
            let again = arena.allocate(layout).unwrap();
            assert_eq!(block, again);
            // SAFETY: as above.
            unsafe { arena.deallocate(again, layout) };
        }
        // SAFETY: as above.
        held.into_iter().for_each(|block| unsafe { arena.deallocate(block, layout) });
    }
    common::verify(&arena);
}
