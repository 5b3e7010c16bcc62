//! Blocks that a living thread keeps.

use std::sync::mpsc;

use arenal::Arena;

use super::{Block, layout};

pub fn block(arena: &Arena, size: usize) -> Block {
    Block::new(arena, layout(size, 8), size as u64).expect("memory")
}

/// Frees one block of each size in a thread that lives while `work` is done.
pub fn beside_a_keeper(arena: &Arena, sizes: &[usize], work: impl FnOnce()) {
    let (freed, has_freed) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let keeper = scope.spawn(move || {
            // The small one gives the thread a heap.
            let blocks: Vec<Block> = sizes.iter().chain(&[8]).map(|&size| block(arena, size)).collect();
            blocks.into_iter().for_each(|block| block.free(arena));
            freed.send(()).expect("a receiver");
            is_done.recv().expect_err("nothing is sent");
        });
        has_freed.recv().expect("a sender");
        work();
        drop(done);
        // The scope itself does not wait for the exit hooks.
        keeper.join().expect("no panic");
    });
}
