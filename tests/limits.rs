//! Promise: under an address-space or mapping limit the arena backs off to what it gets, and says so.

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, Rng, Wall, bounded, layout};

#[global_allocator]
static ARENA: Arena = Arena::new(4 << 30);

fn limit_address_space(bytes: usize) {
    let limit = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is valid for reading. (May run between fork and exec: no allocation.)
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// The child of [`a_whole_program_under_ulimit`]: its 4 GiB arena got less, and it lives on that.
fn life_under_a_limit() {
    let capacity = ARENA.capacity();
    assert!(capacity < 4 << 30, "the reservation cannot have succeeded: {capacity}");
    assert!(capacity >= 256 * MIB, "no more than {capacity} of a gigabyte");
    assert_eq!(ARENA.info().capacity, capacity);
    let maps = common::threads(4, |i| {
        let map: BTreeMap<usize, String> = (0..20_000).map(|key| (key, format!("{i}-{key}"))).collect();
        assert!(map.values().all(|text| ARENA.contains(text.as_ptr())));
        map
    });
    assert!(maps.iter().zip(0..).all(|(map, i)| map[&777] == format!("{i}-777")));
    drop(maps);
    let slab = ARENA.slabs().filter(|&slab| slab <= 4 * KIB).max().expect("slabs");
    let chain = Chain::up_to(&ARENA, slab, capacity / 10 * 9 - 16 * MIB);
    assert!(chain.bytes() >= capacity / 10 * 9 - 17 * MIB, "{} of {capacity} usable", chain.bytes());
    chain.free(&ARENA);
    println!("\nrole finished with {} MiB", capacity / MIB);
}

#[test]
fn a_whole_program_under_ulimit() {
    if common::is_child("ulimit") {
        return life_under_a_limit();
    }
    let mut command = common::child("a_whole_program_under_ulimit", "ulimit");
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(|| {
            limit_address_space(1 << 30);
            Ok(())
        })
    };
    let output = command.output().expect("the test binary starts");
    let text = common::transcript(&output);
    assert!(output.status.success() && text.contains("role finished"), "{text}");
    assert_eq!(ARENA.capacity(), 4 << 30, "this process has no limit");
}

#[test]
fn a_local_arena_backs_off() {
    common::in_child("a_local_arena_backs_off", || {
        limit_address_space(common::address_space() + 512 * MIB);
        let arena = bounded(Arena::MAX_CAPACITY);
        let block = Block::new(&arena, layout(1000, 8), 1).expect("a smaller arena");
        let capacity = arena.capacity();
        assert!((128 * MIB..512 * MIB).contains(&capacity), "{capacity}");
        assert_eq!(arena.info().capacity, capacity);
        Chain::fill(&arena, 4096).assert_share(&arena, "of what it got");
        assert!(arena.info().heap <= capacity);
        block.free(&arena);
    });
}

#[test]
fn no_room_at_all_is_out_of_memory() {
    common::in_child("no_room_at_all_is_out_of_memory", || {
        let room = Arena::MIN_CAPACITY / 4;
        let old = common::address_space();
        let arena = bounded(64 * MIB);
        limit_address_space(old + room);
        for _ in 0..100 {
            if let Some(block) = Block::new(&arena, layout(100, 8), 1) {
                assert!(arena.capacity() <= room, "{} reserved where there was no room", arena.capacity());
                block.free(&arena);
            }
        }
        limit_address_space(1 << 40);
        // The failure is not remembered against an arena that holds nothing yet, nor against a new one.
        let fresh = bounded(64 * MIB);
        Chain::fill(&fresh, 4096).assert_share(&fresh, "after the limit was lifted");
    });
}

/// Every mapping the kernel allows is taken: memory calls that would split one fail with `ENOMEM`.
#[test]
fn the_mapping_limit_is_out_of_memory() {
    common::in_child("the_mapping_limit_is_out_of_memory", || {
        let arena = bounded(64 * MIB);
        let mut rng = Rng::new(3);
        let mut blocks: Vec<Block> = Vec::with_capacity(100_000);
        blocks.extend((0..100).map(|i| Block::new(&arena, layout(100, 8), i).expect("memory")));

        let Some(wall) = Wall::all_but(0) else {
            return println!("skipped: vm.max_map_count is too high to be reached");
        };

        let mut refused = 0;
        for _ in 0..3000 {
            match Block::new(&arena, layout(rng.size(32 * KIB), 8), rng.word()) {
                Some(block) => blocks.push(block),
                None => refused += 1,
            }
        }
        assert!(refused < 3000, "not even the slabs in use serve anything");
        println!("refused: {refused}");
        rng.shuffle(&mut blocks);
        for block in blocks.split_off(blocks.len() / 2) {
            block.free(&arena);
        }
        arena.trim();
        for block in blocks.drain(..) {
            block.free(&arena);
        }
        assert_eq!(arena.info().allocated, 0);
        drop(wall);
        Chain::fill(&arena, 4096).assert_share(&arena, "after the wall came down");
    });
}
