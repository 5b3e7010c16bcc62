//! Runs one path of the allocator `ROUNDS` times inside of a function `measured_…`, for callgrind to count.
//!
//! What is counted includes the loop around it: a few instructions a round.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;

#[global_allocator]
static ARENA: arenal::Arena = arenal::Arena::new(1 << 30);

const ROUNDS: usize = 100;

type Chunk = [u64; 8];

/// Sizes of a run-time length, none of which the compiler knows.
fn sizes() -> Vec<usize> {
    (0..ROUNDS).map(|at| 16 + at * 37 % 1000).collect()
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a small size")
}

#[inline(never)]
fn measured_pair() {
    for at in 0..ROUNDS as u64 {
        drop(black_box(Box::new([at; 8])));
    }
}

#[inline(never)]
fn measured_pair_runtime(sizes: &[usize]) {
    for &size in sizes {
        // SAFETY: the size is not zero, and the block is freed with its layout.
        unsafe { dealloc(black_box(alloc(layout(size))), layout(size)) };
    }
}

/// As [`measured_pair_runtime`] from code that nothing is inlined into, as a dependency's without link-time
/// optimisation.
#[inline(never)]
fn measured_pair_called(sizes: &[usize]) {
    let (alloc, dealloc) = black_box((alloc as unsafe fn(Layout) -> *mut u8, dealloc as unsafe fn(*mut u8, Layout)));
    for &size in sizes {
        // SAFETY: the size is not zero, and the block is freed with its layout.
        unsafe { dealloc(black_box(alloc(layout(size))), layout(size)) };
    }
}

#[inline(never)]
fn measured_alloc(held: &mut Vec<Box<Chunk>>) {
    for (at, place) in held.spare_capacity_mut()[..ROUNDS].iter_mut().enumerate() {
        place.write(Box::new([at as u64; 8]));
    }
}

#[inline(never)]
fn measured_free(held: &mut Vec<Box<Chunk>>) {
    held.clear();
}

#[inline(never)]
fn measured_free_beside(held: &mut Vec<Box<Chunk>>) {
    held.clear();
}

#[inline(never)]
fn measured_free_remote(held: &mut Vec<Box<Chunk>>) {
    held.clear();
}

#[inline(never)]
fn measured_realloc_in_place(block: *mut u8) -> *mut u8 {
    let mut block = block;
    for _ in 0..ROUNDS {
        // SAFETY: allocated by the caller with this layout; both sizes are of one slab.
        block = unsafe { realloc(block, layout(black_box(1000)), black_box(1001)) };
    }
    block
}

#[inline(never)]
fn measured_realloc_moves(blocks: &mut Vec<*mut u8>) {
    for block in blocks {
        // SAFETY: allocated by the caller with this layout, and known by its new address only from now on.
        *block = unsafe { realloc(*block, layout(black_box(32)), black_box(64)) };
    }
}

#[inline(never)]
fn measured_zeroed() {
    for _ in 0..ROUNDS {
        // SAFETY: the layout is not empty, and the block is freed with it.
        unsafe { dealloc(black_box(alloc_zeroed(Layout::new::<Chunk>())), Layout::new::<Chunk>()) };
    }
}

/// A block with a span of its own.
#[inline(never)]
fn measured_large() {
    for _ in 0..ROUNDS {
        let layout = layout(black_box(300_000));
        // SAFETY: the layout is not empty, and the block is freed with it.
        unsafe { dealloc(black_box(alloc(layout)), layout) };
    }
}

fn chunks(count: usize) -> Vec<Box<Chunk>> {
    (0..count as u64).map(|at| Box::new([at; 8])).collect()
}

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    drop(chunks(ROUNDS * 2));
    match path.as_str() {
        "pair" => measured_pair(),
        "pair_runtime" | "pair_called" => {
            let sizes = sizes();
            // Once before, so that every slab has its pool.
            for _ in 0..2 {
                let held: Vec<Vec<u8>> = sizes.iter().map(|&size| Vec::with_capacity(size)).collect();
                drop(held);
            }
            if path == "pair_called" { measured_pair_called(&sizes) } else { measured_pair_runtime(&sizes) }
        }
        "alloc" => measured_alloc(&mut Vec::with_capacity(ROUNDS)),
        "free" => measured_free(&mut chunks(ROUNDS)),
        "free_beside" => {
            let mut first = chunks(ROUNDS * 2).split_off(ROUNDS);
            let _later = chunks(ROUNDS * 50);
            measured_free_beside(&mut first);
        }
        "free_remote" => {
            let mut foreign = std::thread::spawn(|| chunks(ROUNDS)).join().expect("a thread");
            measured_free_remote(&mut foreign);
        }
        "realloc_in_place" => {
            // SAFETY: the layout is not empty.
            let block = measured_realloc_in_place(unsafe { alloc(layout(1000)) });
            // SAFETY: of the slab of both sizes, and not used afterwards.
            unsafe { dealloc(block, layout(1000)) };
        }
        "realloc_moves" => {
            // SAFETY: the layout is not empty.
            let mut blocks = (0..ROUNDS).map(|_| unsafe { alloc(layout(32)) }).collect();
            measured_realloc_moves(&mut blocks);
            // SAFETY: of that layout since, and not used afterwards.
            blocks.into_iter().for_each(|block| unsafe { dealloc(block, layout(64)) });
        }
        "zeroed" => measured_zeroed(),
        "large" => measured_large(),
        other => {
            eprintln!(
                "no path {other:?}: pair, pair_runtime, pair_called, alloc, free, free_beside, free_remote, \
                 realloc_in_place, realloc_moves, zeroed, large"
            );
            std::process::exit(2);
        }
    }
}
