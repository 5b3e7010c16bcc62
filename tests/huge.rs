//! Promise: `HugePages::Auto` asks for huge pages past 16 MiB only, where programs use what they have, and `trim` gives
//! back what they took.

mod common;

use std::ptr::NonNull;

use arenal::Arena;
use common::{MIB, bounded, layout};

/// Anonymous huge pages of the process, in bytes; 0 where the kernel knows none.
fn huge() -> usize {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    line.map_or(0, |rest| rest.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") * 1024)
}

/// Blocks of 1 MiB, written to.
fn fill(arena: &Arena, mebibytes: usize) -> Vec<NonNull<u8>> {
    (0..mebibytes)
        .map(|_| {
            let block = arena.allocate(layout(MIB, 8)).expect("memory");
            // SAFETY: a live block of that size.
            unsafe { block.write_bytes(1, MIB) };
            block
        })
        .collect()
}

fn free(arena: &Arena, blocks: Vec<NonNull<u8>>) {
    for block in blocks {
        // SAFETY: callers pass live blocks, each once.
        unsafe { arena.free(block) };
    }
}

/// Whether the kernel gives a huge page to who asks for one.
fn kernel_has_them() -> bool {
    let bytes = 4 * MIB;
    // SAFETY: a mapping of its own, written to inside its bounds and unmapped once.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let start = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        libc::madvise(start, bytes, libc::MADV_HUGEPAGE);
        start.cast::<u8>().write_bytes(1, bytes);
        let found = huge() > 0;
        libc::munmap(start, bytes);
        found
    }
}

#[test]
fn small_programs_stay_on_os_pages() {
    let _alone = common::serial();
    let arena = bounded(256 * MIB);
    let before = huge();
    fill(&arena, 15);
    assert_eq!(huge(), before);
}

#[test]
fn who_uses_little_of_its_blocks_stays_on_os_pages() {
    let _alone = common::serial();
    let arena = bounded(256 * MIB);
    let (before, rss) = (huge(), common::rss());
    for _ in 0..64 {
        let block = arena.allocate(layout(MIB, 8)).expect("memory");
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(1, MIB * 3 / 4) };
    }
    assert_eq!(huge(), before);
    let more = common::rss() - rss;
    assert!(more < 50 * MIB, "{more} bytes for 48 MiB");
}

/// Those at hand: where the host has to back each anew, the arena declines, so that some attempts may see none.
#[test]
fn large_programs_get_the_huge_pages_at_hand() {
    let _alone = common::serial();
    if !kernel_has_them() {
        println!("no huge pages here");
        return;
    }
    let found = (0..20).any(|_| {
        let arena = bounded(256 * MIB);
        fill(&arena, 64);
        huge() >= 2 * MIB
    });
    assert!(found, "20 arenas of 64 MiB without a huge page");
}

#[test]
fn what_was_backed_at_once_is_trimmed() {
    let _alone = common::serial();
    let arena = bounded(256 * MIB);
    arena.trim();
    let before = common::rss();
    // The last of these begins the page that is timed; behind it another mebibyte is backed and never handed out.
    free(&arena, fill(&arena, 17));
    // What no pool has had is no pool memory.
    assert_eq!(arena.info().heap, 17 * MIB);
    assert_eq!(arena.trim(), 17 * MIB);
    let left = common::rss().saturating_sub(before);
    assert!(left < MIB * 3 / 4, "{left} bytes are left");
}

/// The huge page in which a large block ends is backed by its user, for all that lies behind the block as well.
#[test]
fn what_a_neighbour_backed_is_trimmed() {
    let _alone = common::serial();
    let arena = bounded(256 * MIB);
    arena.trim();
    let before = common::rss();
    let first = fill(&arena, 17);
    let size = 7 * MIB / 2;
    let large = arena.allocate(layout(size, 8)).expect("memory");
    // SAFETY: a live block of that size.
    unsafe { large.write_bytes(1, size) };
    let kept = 17 * MIB + size;
    arena.trim();
    let more = common::rss().saturating_sub(before + kept);
    assert!(more < MIB * 3 / 4, "{more} bytes nobody holds, while the block lives");
    free(&arena, first);
    free(&arena, vec![large]);
    arena.trim();
    let left = common::rss().saturating_sub(before);
    assert!(left < MIB * 3 / 4, "{left} bytes are left");
}
