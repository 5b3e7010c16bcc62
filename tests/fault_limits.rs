//! Promise: whatever limit the kernel sets on address space, data, mappings or overcommit, and wherever in an arena's
//! life it strikes, the outcome is out of memory or a smaller arena; when it is lifted, the whole capacity is usable.

mod common;
mod faults;

use std::cell::Cell;
use std::fs;
use std::sync::atomic::Ordering;

use arenal::{Arena, Config, HugePages};
use common::{Block, Chain, KIB, MIB, Rng, Wall, bounded, figure, in_fork, layout};
use faults::Ledger;

const CAPACITY: usize = 16 * MIB;

fn long() -> bool {
    std::env::var_os("ARENAL_LONG").is_some()
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

fn limit(resource: Resource, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
}

/// Private, writable memory of this process, which `RLIMIT_DATA` counts.
fn data() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find(|line| line.starts_with("VmData:")).expect("VmData");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
}

/// As much as can be had, in mixed sizes; then half of it goes, and more comes.
fn life(arena: &Arena, blocks: &mut Vec<Block>) {
    let mut rng = Rng::new(7);
    for _ in 0..2 {
        let mut refused = 0;
        while refused < 20 && blocks.len() < blocks.capacity() {
            let size = if rng.below(10) == 0 { rng.size(2 * MIB) } else { rng.size(32 * KIB) };
            match Block::new(arena, layout(size, 8), rng.word()) {
                Some(block) => blocks.push(block),
                None => refused += 1,
            }
        }
        rng.shuffle(blocks);
        for block in blocks.split_off(blocks.len() / 2) {
            block.free(arena);
        }
        arena.trim();
    }
}

/// The limit is gone: nothing is lost, and `capacity` bytes are there.
fn recovers(arena: &Arena, blocks: Vec<Block>) {
    blocks.iter().for_each(Block::check);
    let usable: usize = blocks.iter().map(|block| block.usable(arena)).sum();
    assert_eq!(arena.info().allocated, usable);
    blocks.into_iter().for_each(|block| block.free(arena));
    assert_eq!(arena.info().allocated, 0);
    for slab in [4 * KIB, 32 * KIB] {
        let chain = Chain::fill(arena, slab);
        chain.assert_share(arena, "after the limit was lifted");
        chain.free(arena);
    }
    common::verify(arena);
}

/// The lives of two arenas under a limit: one made before it, one after. The ledger notes which had to do with less.
fn under(ledger: &Ledger, set: impl Fn(), lift: impl Fn()) {
    let before = bounded(CAPACITY);
    Block::new(&before, layout(100, 8), 2).expect("memory").free(&before);
    let mut blocks = [Vec::with_capacity(4000), Vec::with_capacity(4000)];
    let after = bounded(CAPACITY);
    set();
    life(&before, &mut blocks[0]);
    life(&after, &mut blocks[1]);
    let heap = before.info().heap;
    lift();
    let [first, second] = blocks;
    // Twice as much was asked for as the arena holds.
    ledger.refused.fetch_add((heap < CAPACITY / 2) as u64, Ordering::Relaxed);
    ledger.served.fetch_add((second.is_empty() || after.capacity() < CAPACITY) as u64, Ordering::Relaxed);
    assert_eq!(before.capacity(), CAPACITY);
    recovers(&before, first);
    drop(before);
    recovers(&after, second);
}

fn sweep(resource: Resource, now: u64, name: &str) {
    common::watchdog(1200);
    // Unoptimised code takes coarser steps.
    let step = if long() { 64 * KIB } else { 512 * KIB * if cfg!(debug_assertions) { 6 } else { 1 } };
    let (steps, ledger) = (3 * CAPACITY / step, Ledger::shared());
    for i in 0..=steps {
        in_fork(|| {
            let most = now + (i * step) as u64;
            under(ledger, || limit(resource, most), || limit(resource, libc::RLIM_INFINITY));
        });
    }
    let (refused, smaller) = (ledger.refused.load(Ordering::Relaxed), ledger.served.load(Ordering::Relaxed));
    println!("{name}: {refused} arenas grew less, {smaller} began smaller or not at all");
    assert!(refused + smaller > 0, "no limit was ever felt");
    figure(&format!("limit_steps_{name}"), steps + 1);
}

#[test]
#[cfg_attr(not(target_env = "gnu"), ignore = "the C library has nothing in reserve for the test itself")]
fn address_space_swept() {
    common::in_child("address_space_swept", || {
        let now = common::address_space() as u64;
        sweep(libc::RLIMIT_AS, now, "address_space");
    });
}

/// The kernel counts what is made writable, as strict overcommit does: steps of the arena's growth are refused.
#[test]
#[cfg_attr(not(target_env = "gnu"), ignore = "the C library has nothing in reserve for the test itself")]
fn data_swept() {
    common::in_child("data_swept", || sweep(libc::RLIMIT_DATA, data(), "data"));
}

/// A test in a process of its own, whose mappings may run out.
fn behind_walls(name: &str, body: impl FnOnce()) {
    common::in_child(name, || {
        if Wall::all_but(2).is_none() {
            return println!("skipped: {name}: vm.max_map_count is too high to be reached");
        }
        common::watchdog(1200);
        body();
    });
}

#[test]
fn mappings_swept() {
    behind_walls("mappings_swept", || {
        let (mut steps, ledger) = (0, Ledger::shared());
        for left in (0..10).chain((10..60).step_by(if long() { 1 } else { 10 })) {
            in_fork(|| {
                let wall = Cell::new(None);
                under(ledger, || wall.set(Wall::all_but(left)), || drop(wall.take()));
            });
            steps += 1;
        }
        figure("limit_steps_mappings", steps);
    });
}

/// Moving a block takes mappings, and a kernel that runs out of them may have moved a part of it. The block lies in
/// several, for it was moved before and grew in between.
#[test]
fn a_block_keeps_its_contents_when_mappings_run_out() {
    behind_walls("a_block_keeps_its_contents_when_mappings_run_out", || {
        for left in 0..12 {
            in_fork(|| {
                // Where it gets huge pages depends on the moment, and with that the number of mappings.
                let arena = Arena::with_config(Config::new(256 * MIB).huge_pages(HugePages::Never));
                let mut block = Block::new(&arena, layout(2 * MIB, 8), 3).expect("memory");
                let mut pins: Vec<Block> = Vec::new();
                // Something lies behind the block, so that it cannot grow where it is.
                let mut pinned = |block: &Block| {
                    while pins.last().is_none_or(|pin| pin.ptr() < block.ptr()) {
                        pins.push(Block::new(&arena, layout(MIB, 8), pins.len() as u64).expect("memory"));
                    }
                };
                for size in [3, 5, 7] {
                    pinned(&block);
                    let before = block.ptr();
                    assert!(block.resize(&arena, size * MIB) && block.ptr() != before);
                    // Into one mapping more each time.
                    let moved = block.ptr();
                    assert!(block.resize(&arena, (size + 1) * MIB) && block.ptr() == moved);
                }
                pinned(&block);
                let wall = Wall::all_but(left);
                // With fewer, no more memory may be had.
                assert!(block.resize(&arena, 20 * MIB) || left < 6, "with {left} mappings there is room");
                drop(wall);
                block.free(&arena);
                pins.into_iter().for_each(|pin| pin.free(&arena));
                common::verify(&arena);
            });
        }
    });
}

/// What is left free below a large block, for pools, is no part of the request.
#[test]
fn a_large_block_does_without_room_below_it() {
    in_fork(|| {
        let arena = bounded(64 * MIB);
        // The first 2 MiB are made writable with the first pool.
        let small = Block::new(&arena, layout(100, 8), 1).expect("memory");
        let notes = if cfg!(any(debug_assertions, feature = "hardened")) { 6 * MIB / 8 + 64 * KIB } else { 0 };
        limit(libc::RLIMIT_DATA, data() + (6 * MIB + 192 * KIB + notes) as libc::rlim_t);
        let block = Block::new(&arena, layout(8 * MIB, 8), 2).expect("as much as the limit grants");
        block.free(&arena);
        small.free(&arena);
        common::verify(&arena);
    });
}

/// A kernel setting, put back when dropped.
struct Setting {
    path: &'static str,
    was: String,
}

impl Setting {
    fn set(path: &'static str, value: &str) -> Option<Setting> {
        let was = fs::read_to_string(path).ok()?;
        fs::write(path, value).ok()?;
        Some(Setting { path, was })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        fs::write(self.path, self.was.trim()).expect("the setting could be written before");
    }
}

/// Under strict overcommit a reservation must not be charged: a tebibyte is more than may be promised. The limit is
/// set to ten times the machine's memory first, so that no other process feels it.
#[test]
fn strict_overcommit() {
    const TEBIBYTE: usize = 1 << 40;
    const NAME: &str = "strict_overcommit";
    let body = || {
        let arena = bounded(TEBIBYTE);
        let block = Block::new(&arena, layout(1000, 8), 1).expect("memory");
        assert_eq!(arena.capacity(), TEBIBYTE);
        block.free(&arena);
        drop(arena);
        in_fork(|| under(Ledger::shared(), || (), || ()));
    };
    if common::is_child(NAME) {
        return common::in_child(NAME, body);
    }
    let Some(_ratio) = Setting::set("/proc/sys/vm/overcommit_ratio", "1000") else {
        return println!("skipped: strict_overcommit: vm.overcommit_ratio cannot be written");
    };
    let Some(_strict) = Setting::set("/proc/sys/vm/overcommit_memory", "2") else {
        return println!("skipped: strict_overcommit: vm.overcommit_memory cannot be written");
    };
    common::in_child(NAME, body);
    figure("strict_overcommit_survived", 1);
}
