//! Chunks that a thread freed a moment ago are in its cache: their pool serves before those that waited longer, and
//! before those whose chunks other threads returned.

mod common;

use std::collections::HashSet;
use std::ptr::NonNull;

use arenal::Arena;
use common::{MIB, bounded};

const SLAB: usize = 64;

fn allocate(arena: &Arena) -> usize {
    arena.allocate_slab(SLAB).expect("memory").as_ptr() as usize
}

fn free(arena: &Arena, chunks: &[usize]) {
    for &chunk in chunks {
        // SAFETY: live, and freed once.
        unsafe { arena.free(NonNull::new(chunk as *mut u8).expect("a chunk")) };
    }
}

/// Allocates until a chunk is one of these; whether it is one of the first.
fn serves_first(arena: &Arena, first: &[usize], second: &[usize]) -> bool {
    let (first, second): (HashSet<&usize>, HashSet<&usize>) = (first.iter().collect(), second.iter().collect());
    for _ in 0..200_000 {
        let chunk = allocate(arena);
        if first.contains(&chunk) {
            return true;
        }
        if second.contains(&chunk) {
            return false;
        }
    }
    panic!("none of the freed chunks is handed out again");
}

/// Chunks of full pools, the second ones of other pools than the first; all around them is in use.
fn two_groups(arena: &Arena) -> [Vec<usize>; 2] {
    let chunks: Vec<usize> = (0..200_000).map(|_| allocate(arena)).collect();
    [10_000, 150_000].map(|from| chunks[from..from + 500].to_vec())
}

#[test]
fn what_was_freed_last_serves_first() {
    let arena = bounded(64 * MIB);
    let [cold, warm] = two_groups(&arena);
    free(&arena, &cold);
    free(&arena, &warm);
    assert!(serves_first(&arena, &warm, &cold));
    common::verify(&arena);
}

#[test]
fn what_others_returned_waits_its_turn() {
    let arena = bounded(64 * MIB);
    let [own, others] = two_groups(&arena);
    free(&arena, &own);
    std::thread::scope(|scope| scope.spawn(|| free(&arena, &others)).join().expect("it frees"));
    assert!(serves_first(&arena, &own, &others));
    common::verify(&arena);
}
