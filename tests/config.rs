//! Promise: each setting does what it says, exactly at its border.

mod common;

use std::alloc::GlobalAlloc;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use arenal::{Arena, Config, Exhausted, HugePages};
use common::{Block, Chain, KIB, MIB, Rng, layout, overflow, panic_message};

const CAPACITY: usize = 64 * MIB;

#[test]
fn system_above_divides_exactly() {
    for n in [8, 999, 1000, 4096, 32 * KIB, 64 * KIB, MIB, 7 * MIB + 1, CAPACITY / 4] {
        let arena = Arena::with_config(Config::new(CAPACITY).system_above(n));
        let (own, foreign) = (layout(n, 1), layout(n + 1, 1));
        assert!(arena.slab_for(own).is_some_and(|slab| slab >= n), "{n} is the arena's");
        assert_eq!(arena.slab_for(foreign), None, "{} is the system's", n + 1);
        let inside = Block::new(&arena, own, 1).expect("memory");
        assert!(inside.inside(&arena) && arena.info().system == 0, "{n}");
        let outside = Block::new(&arena, foreign, 2).expect("memory");
        assert!(!outside.inside(&arena), "{}", n + 1);
        assert!(outside.usable(&arena) > n);
        let info = arena.info();
        assert!(info.system > n, "{info:?}");
        assert_eq!(info.allocated, inside.usable(&arena));
        outside.free(&arena);
        inside.free(&arena);
        let info = arena.info();
        assert!(info.system == 0 && info.allocated == 0, "{info:?}");
    }
}

#[test]
fn everything_to_the_system() {
    let arena = Arena::with_config(Config::new(CAPACITY).system_above(0));
    let mut rng = Rng::new(1);
    let blocks: Vec<Block> =
        (0..500).map(|_| Block::new(&arena, layout(rng.size(MIB), 16), rng.word()).expect("memory")).collect();
    assert!(blocks.iter().all(|block| !block.inside(&arena)));
    let asked: usize = blocks.iter().map(|block| block.layout().size()).sum();
    let info = arena.info();
    assert!(info.system >= asked && info.heap == 0 && info.allocated == 0, "{info:?}, asked for {asked}");
    common::threads(1, |_| ()); // others may free them, too
    std::thread::scope(|scope| {
        scope.spawn(|| blocks.into_iter().for_each(|block| block.free(&arena))).join().expect("all intact");
    });
    assert_eq!(arena.info().system, 0);
}

#[test]
fn everything_to_the_arena() {
    let arena = Arena::with_config(Config::new(CAPACITY).system_above(CAPACITY));
    let quarter = Block::new(&arena, layout(CAPACITY / 4, 8), 1).expect("a quarter of an empty arena");
    assert!(quarter.inside(&arena));
    quarter.free(&arena);
    let beyond = Block::new(&arena, layout(CAPACITY + 1, 8), 1).expect("the system's memory");
    assert!(!beyond.inside(&arena));
    beyond.free(&arena);
    assert_eq!(arena.info().system, 0);
}

#[test]
fn system_limit_caps_the_system() {
    let limit = 4 * MIB;
    let arena = Arena::with_config(Config::new(CAPACITY).system_above(MIB).system_limit(limit));
    let first = Block::new(&arena, layout(3 * MIB, 8), 1).expect("within the limit");
    assert!(Block::new(&arena, layout(2 * MIB, 8), 2).is_none(), "3 and 2 exceed 4");
    assert!(Block::new(&arena, layout(2 * MIB, 8), 3).is_none(), "by the other entry, too");
    assert!(Block::new(&arena, layout(limit + 1, 8), 2).is_none());
    let mut second = Block::new(&arena, layout(1000, 8), 4).expect("the arena's own memory has no such limit");
    assert!(!second.resize(&arena, 2 * MIB), "realloc keeps to the limit");
    first.free(&arena);
    assert!(second.resize(&arena, 2 * MIB), "there is room again");
    assert!(arena.info().system <= limit);
    assert!(second.resize(&arena, 1000), "back into the arena");
    assert_eq!(arena.info().system, 0);
    second.free(&arena);

    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            while running.load(Ordering::Acquire) {
                let system = arena.info().system;
                assert!(system <= limit, "{system} with the system, {limit} allowed");
                std::thread::yield_now();
            }
        });
        common::threads(4, |i| {
            let mut rng = Rng::new(i as u64);
            let mut blocks = Vec::new();
            for _ in 0..500 {
                blocks.extend(Block::new(&arena, layout(MIB + 1 + rng.below(MIB), 8), rng.word()));
                if blocks.len() > rng.below(3) {
                    blocks.swap_remove(rng.below(blocks.len())).free(&arena);
                }
            }
            blocks.into_iter().for_each(|block| block.free(&arena));
        });
        running.store(false, Ordering::Release);
        sampler.join().expect("the limit held at every sample");
    });
    assert_eq!(arena.info().system, 0);
}

#[test]
fn no_system_at_all() {
    let arena = Arena::with_config(Config::new(CAPACITY).system_above(MIB).system_limit(0));
    for seed in 0..2 {
        assert!(Block::new(&arena, layout(MIB + 1, 8), seed).is_none());
        Block::new(&arena, layout(MIB, 8), seed).expect("the arena's").free(&arena);
    }
    let arena = Arena::with_config(Config::new(CAPACITY).system_limit(0).on_exhausted(Exhausted::System));
    let chain = Chain::fill(&arena, 4096);
    assert!(arena.info().system == 0 && arena.allocate(layout(4096, 8)).is_err());
    chain.free(&arena);
}

#[test]
fn exhausted_arenas_overflow_to_the_system() {
    let config = Config::new(16 * MIB).system_above(16 * MIB).on_exhausted(Exhausted::System);
    let arena = Arena::with_config(config.system_limit(8 * MIB));
    for size in [1000, 30 * KIB, MIB] {
        let (mut inside, first) = overflow(&arena, size);
        let used: usize = inside.iter().map(|block| block.usable(&arena)).sum();
        assert!(used >= arena.capacity() / 10 * 9, "{size}: overflow after {used}");
        let mut outside = vec![first];
        while let Some(block) = Block::new(&arena, layout(size, 8), 2 * outside.len() as u64) {
            assert!(!block.inside(&arena));
            outside.push(block);
        }
        let asked = outside.len() * size;
        let info = arena.info();
        assert!(info.system >= asked && info.system <= 8 * MIB, "{info:?}, {asked} asked for");
        assert!(asked >= 4 * MIB, "refused after {asked} of 8 MiB");
        assert!(info.heap <= info.capacity && info.allocated == used, "{info:?}");
        // Overflow is resized and freed like anything else; room in the arena serves again.
        let mut grown = outside.pop().expect("some");
        grown.resize(&arena, size / 2);
        grown.free(&arena);
        std::thread::scope(|scope| {
            scope.spawn(|| outside.drain(..).for_each(|block| block.free(&arena))).join().expect("all intact");
        });
        assert_eq!(arena.info().system, 0);
        inside.pop().expect("some").free(&arena);
        let back = Block::new(&arena, layout(size, 8), 0).expect("memory");
        assert!(back.inside(&arena), "room in the arena comes first");
        back.free(&arena);
        inside.into_iter().for_each(|block| block.free(&arena));
    }
    let info = arena.info();
    assert!(info.allocated == 0 && info.system == 0, "{info:?}");
    common::verify(&arena);
}

#[test]
fn huge_pages_change_no_promise() {
    for huge in [HugePages::Auto, HugePages::Always, HugePages::Never] {
        let arena = Arena::with_config(Config::new(CAPACITY).system_above(CAPACITY).huge_pages(huge));
        for slab in [64, 8 * KIB] {
            let chain = Chain::fill(&arena, slab);
            chain.assert_share(&arena, &format!("{huge:?}"));
            chain.free(&arena);
        }
        Block::zeroed(&arena, layout(CAPACITY / 4, 8), 1).expect("memory").free(&arena);
        assert!(arena.trim() > 0);
        Block::zeroed(&arena, layout(CAPACITY / 4, 8), 1).expect("memory").free(&arena);
        assert_eq!(arena.info().allocated, 0);
    }
}

#[test]
fn a_capacity_out_of_range_says_the_range() {
    for capacity in [0, 1, Arena::MIN_CAPACITY - 1, Arena::MAX_CAPACITY + 1, usize::MAX] {
        for text in [
            panic_message(|| Arena::new(capacity)),
            panic_message(|| Arena::with_config(Config::new(capacity).system_above(0))),
        ] {
            assert!(text.contains("capacity") && !text.contains('\n'), "{text:?}");
            let range = ["TiB", "1099511627776", "1 << 40", "MAX_CAPACITY"].iter().any(|max| text.contains(max));
            assert!(range, "{text:?} does not say the range");
        }
    }
    Arena::new(Arena::MIN_CAPACITY);
    Arena::new(Arena::MAX_CAPACITY);
}

/// Freed chunks of a slab that is the arena's in part stay where only its own sizes reach them.
#[test]
fn system_above_divides_what_was_freed() {
    // One that the alignment makes large is of a divided slab, too.
    for (n, align) in [(300, 8), (38, 8), (38, 256), (128, 256), (5000, 8)] {
        let arena = Arena::with_config(Config::new(16 * MIB).system_above(n));
        let own = Block::new(&arena, layout(n, align), 2).expect("memory");
        assert!(own.inside(&arena));
        own.free(&arena);
        let foreign = Block::new(&arena, layout(n + 1, align), 4).expect("memory");
        assert!(!foreign.inside(&arena), "{} bytes at {align} are the arena's", n + 1);
        foreign.free(&arena);
    }
}

/// What has no size is placed as a byte of that alignment is.
#[test]
fn nothing_is_placed_like_a_byte() {
    let arena = Arena::with_config(Config::new(Arena::MIN_CAPACITY).system_above(1024).system_limit(0));
    for align in [1, 8, 64, 4096] {
        let blocks = [0, 1].map(|size| Block::new(&arena, layout(size, align), 2).expect("memory"));
        assert!(blocks.iter().all(|block| block.inside(&arena)), "at {align}");
        blocks.into_iter().for_each(|block| block.free(&arena));
    }
    let arena = Arena::new(Arena::MIN_CAPACITY);
    let beyond = Block::new(&arena, layout(0, 64 * MIB), 2).expect("the system has it");
    beyond.free(&arena);
    // No size can be rounded up to it.
    let most = layout(0, 1 << 63);
    assert_eq!(arena.slab_for(most), None);
    assert!(arena.allocate(most).is_err() && arena.allocate_zeroed(most).is_err());
    assert_eq!((arena.info().allocated, arena.info().system), (0, 0));
}

/// The bytes before an aligned block are nobody's: not cleared, not copied.
#[test]
fn system_blocks_touch_no_more_than_their_own_bytes() {
    let align = 256 * MIB;
    let arena = Arena::with_config(Config::new(Arena::MIN_CAPACITY).system_limit(MIB));
    let (small, large) = (layout(64, align), layout(5000, align));
    let before = common::rss();
    let block = arena.allocate_zeroed(small).expect("memory");
    // SAFETY: blocks of these layouts; what was resized is used by its new address alone.
    unsafe {
        assert!((0..64).all(|at| block.add(at).read() == 0));
        let more = common::rss().saturating_sub(before);
        assert!(more < 64 * MIB, "{more} bytes more in memory for a block of 64");
        block.write_bytes(0x5A, 64);
        let grown = GlobalAlloc::realloc(&arena, block.as_ptr(), small, 5000);
        assert!(grown.addr().is_multiple_of(align));
        assert_eq!(arena.info().system, 5000);
        grown.add(64).write_bytes(0x5A, 5000 - 64);
        let shrunk = NonNull::new(GlobalAlloc::realloc(&arena, grown, large, 64)).expect("memory");
        assert!((0..64).all(|at| shrunk.add(at).read() == 0x5A));
        let grown = common::rss().saturating_sub(before);
        assert!(grown < 64 * MIB, "{grown} bytes more in memory for a block of 64");
        arena.deallocate(shrunk, small);
    }
    assert_eq!(arena.info().system, 0);
}

/// An arena that may overflow looks for parked memory less and less often, but before it refuses.
#[test]
fn parked_memory_serves_before_a_refusal() {
    let config = Config::new(Arena::MIN_CAPACITY).on_exhausted(Exhausted::System).system_limit(31 * KIB);
    let arena = Arena::with_config(config);
    let block = || Block::new(&arena, layout(64, 8), 2).expect("memory");
    std::thread::scope(|scope| {
        let (tells, told) = mpsc::channel();
        let (asks, asked) = mpsc::channel::<()>();
        let arena = &arena;
        let thread = scope.spawn(move || {
            let large = Block::new(arena, layout(32 * KIB, 8), 1).expect("memory");
            tells.send(()).expect("the test waits");
            asked.recv().expect("the test asks");
            // It was the only one of its pool, which stays the thread's for the next of this size.
            large.free(arena);
            tells.send(()).expect("the test waits");
            assert!(asked.recv().is_err(), "the test has ended");
        });
        told.recv().expect("a block");
        let mut blocks = Vec::new();
        while arena.info().system < 30 * KIB {
            blocks.push(block());
        }
        asks.send(()).expect("the thread waits");
        told.recv().expect("a free");
        std::thread::sleep(Duration::from_millis(20));
        let before = arena.info().allocated;
        while arena.info().allocated == before {
            blocks.push(block());
        }
        blocks.into_iter().for_each(|block| block.free(arena));
        drop(asks);
        // The scope itself does not wait for the exit hooks.
        thread.join().expect("no panic");
    });
    assert_eq!((arena.info().allocated, arena.info().system), (0, 0));
}
