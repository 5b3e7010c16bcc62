//! Promise: behind the feature `allocator-api2`, collections of that crate, and of those that know its version 0.2,
//! live on `&Arena`.
#![cfg(feature = "allocator-api2")]

mod common;

use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use arenal::Arena;
use common::{KIB, MIB, assert_zero, bounded, layout};

fn is_allocator<A: Allocator + Copy>(_: A) {}

#[test]
fn vectors_and_boxes_live_on_a_local_arena() {
    let arena = bounded(64 * MIB);
    is_allocator(&arena);
    let mut vector = Vec::new_in(&arena);
    for i in 0..100_000_u64 {
        vector.push(i);
        if i % 1000 == 0 {
            assert!(arena.contains(vector.as_ptr().cast()));
        }
    }
    assert!(vector.iter().copied().eq(0..100_000));
    vector.truncate(10);
    vector.shrink_to_fit();
    assert!(vector.iter().copied().eq(0..10) && vector.capacity() < 100);
    let boxed = Box::new_in([7_u8; 5000], &arena);
    assert!(arena.contains(boxed.as_ptr()) && boxed.iter().all(|&byte| byte == 7));
    assert!(arena.info().allocated >= 5080);
    drop((vector, boxed));
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

#[test]
fn a_static_arena_serves_threads() {
    static ARENA: Arena = Arena::new(64 << 20);
    let vectors = common::threads(3, |i| {
        let mut vector = Vec::new_in(&ARENA);
        vector.extend((0..10_000_usize).map(|n| n * i));
        vector
    });
    for (i, vector) in vectors.into_iter().enumerate() {
        assert!(vector.iter().enumerate().all(|(n, &value)| value == n * i));
    }
    assert_eq!(ARENA.info().allocated, 0);
}

#[test]
fn the_cap_comes_as_an_error() {
    let arena = bounded(8 * MIB);
    let mut vector: Vec<u8, &Arena> = Vec::new_in(&arena);
    assert!(vector.try_reserve_exact(9 * MIB).is_err());
    assert!(vector.try_reserve_exact(MIB).is_ok());
    vector.resize(MIB, 5);
    assert!(vector.try_reserve_exact(8 * MIB).is_err());
    assert!(vector.len() == MIB && vector.iter().all(|&byte| byte == 5), "a refused growth lost data");
    assert!(Allocator::allocate(&&arena, layout(16 * MIB, 8)).is_err());
    drop(vector);
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn the_trait_keeps_its_own_promises() {
    let arena = bounded(64 * MIB);
    let allocator = &arena;
    for (small, large) in [(0, 8), (8, 64), (100, 5000), (5000, 300 * KIB), (300 * KIB, 3 * MIB)] {
        let (old, new) = (layout(small, 8), layout(large, 64));
        let block = Allocator::allocate(&allocator, old).expect("memory");
        assert!(block.len() >= small);
        // SAFETY: every pointer is live and of the layout it is passed with; freed once.
        unsafe {
            let ptr: NonNull<u8> = block.cast();
            ptr.write_bytes(9, small);
            let grown = allocator.grow(ptr, old, new).expect("memory");
            assert!(grown.len() >= large && grown.cast::<u8>().as_ptr().addr().is_multiple_of(64));
            let bytes = std::slice::from_raw_parts(grown.cast::<u8>().as_ptr(), small);
            assert!(bytes.iter().all(|&byte| byte == 9));
            let shrunk = allocator.shrink(grown.cast(), new, old).expect("memory");
            assert!(shrunk.len() >= small);
            let bytes = std::slice::from_raw_parts(shrunk.cast::<u8>().as_ptr(), small);
            assert!(bytes.iter().all(|&byte| byte == 9));
            let zeroed = allocator.grow_zeroed(shrunk.cast(), old, new).expect("memory");
            let bytes = std::slice::from_raw_parts(zeroed.cast::<u8>().as_ptr(), large);
            assert!(bytes[..small].iter().all(|&byte| byte == 9));
            assert_zero(&bytes[small..]);
            Allocator::deallocate(&allocator, zeroed.cast(), new);
            let zeroed = Allocator::allocate_zeroed(&allocator, new).expect("memory");
            assert_zero(std::slice::from_raw_parts(zeroed.cast::<u8>().as_ptr(), large));
            Allocator::deallocate(&allocator, zeroed.cast(), new);
        }
    }
    assert_eq!(arena.info().allocated, 0);
}

/// Blocks of no bytes take no memory, and may be freed though nobody asked for them, as that crate's `Box` does.
#[test]
fn nothing_is_nobodys() {
    let arena = bounded(8 * MIB);
    let first = Box::new_in(1_u64, &arena);
    let before = arena.info();
    let allocator = &arena;
    for align in [1, 64, 2 * MIB] {
        let none = Allocator::allocate(&allocator, layout(0, align)).expect("always");
        assert!(none.is_empty() && none.cast::<u8>().addr().get().is_multiple_of(align));
        // SAFETY: blocks of this allocator, with their layouts.
        unsafe {
            let grown = allocator.grow_zeroed(none.cast(), layout(0, align), layout(4 * KIB, align)).expect("memory");
            assert_zero(grown.as_ref());
            let none = allocator.shrink(grown.cast(), layout(4 * KIB, align), layout(0, align)).expect("always");
            let grown = allocator.grow(none.cast(), layout(0, align), layout(100, align)).expect("memory");
            Allocator::deallocate(&allocator, grown.cast(), layout(100, align));
        }
    }
    drop(Box::new_in((), &arena));
    drop(Vec::<u64, &Arena>::new_in(&arena).into_boxed_slice());
    drop(Box::new_in(|| (), &arena));
    assert_eq!(arena.info().allocated, before.allocated);
    drop(first);
    common::verify(&arena);
}

#[test]
fn maps_of_hashbrown_live_on_an_arena() {
    let arena = bounded(64 * MIB);
    let mut map = hashbrown::HashMap::new_in(&arena);
    map.extend((0..100_000_u64).map(|key| (key, key * key)));
    assert!(arena.info().allocated >= 100_000 * 16);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!((0..100_000).all(|key| map[&key] == key * key));
            drop(map);
        });
    });
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}
