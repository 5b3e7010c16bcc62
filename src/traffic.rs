//! Counts the atomic read-modify-writes of each path, through the switch in `sync`.

use core::alloc::{GlobalAlloc, Layout};

use crate::Arena;
use crate::sync::counted::exchanges;

/// The first to be used as a global allocator, hence the primary one of this process.
static ARENA: Arena = Arena::new(256 << 20);

const LAYOUT: Layout = Layout::new::<[u8; 60]>();
const CHUNKS: usize = 10_000;

fn allocate() -> *mut u8 {
    // SAFETY: the layout is not empty.
    let chunk = unsafe { ARENA.alloc(LAYOUT) };
    assert!(!chunk.is_null());
    chunk
}

fn free(chunk: *mut u8) {
    // SAFETY: of `allocate`, and not used afterwards.
    unsafe { ARENA.dealloc(chunk, LAYOUT) }
}

/// One after the other: they share the process's primary arena, and nobody else may be in it while it is verified.
#[test]
fn each_path_exchanges_no_more_than_it_must() {
    hits_and_local_frees_take_no_line_from_anybody();
    remote_frees_cost_one_exchange_a_batch();
    what_a_thread_was_handed_becomes_its_own();
    ARENA.verify();
}

fn hits_and_local_frees_take_no_line_from_anybody() {
    free(allocate());
    let pair = || {
        for _ in 0..CHUNKS {
            free(allocate());
        }
    };
    assert_eq!(exchanges(pair), 0, "pairs");
    let long = Layout::new::<[u8; 300_000]>();
    let long_pair = || {
        // SAFETY: the layout is not empty; freed once, with the same one.
        (0..CHUNKS).for_each(|_| unsafe { ARENA.dealloc(ARENA.alloc(long), long) });
    };
    // The first block comes from the space.
    long_pair();
    assert_eq!(exchanges(long_pair), 0, "large pairs");

    // From the first pools on: a lock and a span now and then.
    let mut chunks = Vec::with_capacity(CHUNKS);
    let grown = exchanges(|| chunks.extend((0..CHUNKS).map(|_| allocate())));
    assert!(grown > 0 && grown < CHUNKS as u64 / 64, "{grown} for {CHUNKS} fresh chunks");

    // Frees beside the current pool, of pools that stay in use.
    let kept: Vec<_> = chunks.iter().copied().skip(7).step_by(8).collect();
    let others = chunks.iter().enumerate().filter(|(at, _)| at % 8 != 7);
    let freed = exchanges(|| others.for_each(|(_, &chunk)| free(chunk)));
    assert!(freed < CHUNKS as u64 / 64, "{freed} for {CHUNKS} local frees");
    kept.into_iter().for_each(free);
}

fn remote_frees_cost_one_exchange_a_batch() {
    let mut chunks = Vec::with_capacity(CHUNKS);
    chunks.extend((0..CHUNKS).map(|_| allocate() as usize));
    let counted = std::thread::spawn(move || {
        // A heap for this thread, so that only its frees count.
        free(allocate());
        exchanges(|| chunks.iter().for_each(|&chunk| free(chunk as *mut u8)))
    });
    let counted = counted.join().unwrap();
    // A batch is 128 chunks of this slab, from two pools at most: the heap's lock and one push each, and now and then
    // a word in the owner's inbox.
    let batches = CHUNKS as u64 / 128;
    assert!((batches..batches * 6).contains(&counted), "{counted} for {batches} batches");
}

/// A thread may allocate what it freed of others, but not for good: its frees would stay remote ones.
fn what_a_thread_was_handed_becomes_its_own() {
    // As many as one pool holds, so that the thread could have them all in its list.
    let mut chunks: Vec<_> = (0..500).map(|_| allocate() as usize).collect();
    let counted = std::thread::spawn(move || {
        let mut replace = |times: usize| {
            for at in (0..times).map(|turn| turn * 7919 % 500) {
                free(chunks[at] as *mut u8);
                chunks[at] = allocate() as usize;
            }
        };
        replace(CHUNKS * 2);
        let counted = exchanges(|| replace(CHUNKS));
        chunks.iter().for_each(|&chunk| free(chunk as *mut u8));
        counted
    });
    assert_eq!(counted.join().unwrap(), 0, "exchanges for {CHUNKS} chunks");
}
