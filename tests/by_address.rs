//! Promise to the C interface: what is known of a block by its address alone, to whoever frees or resizes it, is what
//! it is now, whatever lay there before.

mod common;

use std::alloc::GlobalAlloc;
use std::ptr::NonNull;
use std::sync::mpsc::channel;

use arenal::Arena;
use common::{Block, KIB, MIB, layout};

static ARENA: Arena = Arena::new(64 * MIB);

/// Of slabs that do not follow each other, some with twins that are carved otherwise.
const SIZES: [usize; 8] = [48, 2 * KIB, 16, 3 * KIB, 640, 64, 8 * KIB, 256];

fn allocate(size: usize) -> NonNull<u8> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { ARENA.alloc(layout(size, 16)) }).expect("the arena is large enough")
}

/// Through `GlobalAlloc`, as the odd seed says.
fn block(size: usize, number: u64) -> Block {
    Block::new(&ARENA, layout(size, 16), 2 * number + 1).expect("the arena is large enough")
}

/// What the C interface knows of a chunk without looking at its pool's record; `None` while the thread is watched.
fn known(block: NonNull<u8>) -> Option<usize> {
    // SAFETY: the block is live.
    unsafe { ARENA.chunk_size(block.as_ptr()) }
}

/// As C's `free`: the inlined half, and the other where that does nothing.
fn free(block: NonNull<u8>) {
    // SAFETY: the callers' blocks are live, and not used afterwards.
    unsafe {
        if !ARENA.push(block.as_ptr()) {
            ARENA.free(block);
        }
    }
}

fn free_checked(block: Block) {
    block.check();
    free(NonNull::new(block.ptr()).expect("a block"));
}

/// Pools of one slab are emptied and carved anew for another: the address says which it is now.
#[test]
fn recycled_pools_are_of_their_new_slab() {
    let _alone = common::serial();
    let mut told = 0;
    for round in 0..3 * SIZES.len() {
        let size = SIZES[round % SIZES.len()];
        let blocks: Vec<_> = (0..MIB / size).map(|_| allocate(size)).collect();
        for &block in &blocks {
            // SAFETY: the block is live.
            let usable = unsafe { ARENA.usable_size(block) };
            assert!(known(block).is_none_or(|known| known == usable), "{:?} of {usable}", known(block));
            told += known(block).is_some() as usize;
        }
        blocks.into_iter().for_each(free);
    }
    // Debug builds and hardened ones leave all of it to the ways that check.
    let checked = cfg!(debug_assertions) || cfg!(feature = "hardened");
    assert!(if checked { told == 0 } else { told > MIB / 16 }, "{told}");
    common::verify(&ARENA);
}

/// What one thread frees of another's by the address alone it may hand out again: blocks of one size, and as long.
#[test]
fn others_chunks_come_back_as_what_they_were() {
    let _alone = common::serial();
    let (send, receive) = channel::<Vec<Block>>();
    std::thread::scope(|scope| {
        let taker = scope.spawn(move || {
            for theirs in receive {
                let size = theirs[0].layout().size();
                theirs.into_iter().for_each(free_checked);
                let own: Vec<_> = (0..64).map(|i| block(size, i)).collect();
                own.into_iter().for_each(free_checked);
            }
        });
        for round in 0..common::scaled(200) {
            let size = SIZES[round % SIZES.len()];
            let blocks = (0..200).map(|i| block(size, i)).collect();
            send.send(blocks).expect("the taker waits");
        }
        drop(send);
        taker.join().expect("no panic");
    });
    common::verify(&ARENA);
}

/// A long block where pools lay before is not taken for a chunk.
#[test]
fn long_blocks_where_pools_were() {
    let _alone = common::serial();
    for size in SIZES {
        let blocks: Vec<_> = (0..8 * MIB / size).map(|_| allocate(size)).collect();
        blocks.into_iter().for_each(free);
        let long = allocate(16 * MIB);
        assert_eq!(known(long), None);
        // SAFETY: it is live.
        assert!(unsafe { ARENA.usable_size(long) } >= 16 * MIB);
        free(long);
    }
    common::verify(&ARENA);
}
