//! Threads that free what the others allocate.

use std::alloc::Layout;
use std::sync::mpsc;

use arenal::Arena;

use super::{Block, Rng, verify};

pub fn block(arena: &Arena, layout: Layout) -> Block {
    Block::new(arena, layout, layout.size() as u64).expect("there is memory")
}

/// Frees blocks of another thread's, and allocates of their sizes: whether each lies where the one just freed did.
fn hands_out_again(arena: &Arena, theirs: &mut [Block]) -> bool {
    theirs.iter_mut().fold(true, |all, theirs| {
        let (address, layout) = (theirs.ptr(), theirs.layout());
        let new = block(arena, layout);
        std::mem::replace(theirs, new).free(arena);
        let again = block(arena, layout);
        let same = again.ptr() == address;
        again.free(arena);
        all && same
    })
}

/// Passes batches to and fro with another thread until the arena's blocks are handed out again, at most so often.
pub fn trades(arena: &Arena, times: usize, draw: fn(&mut Rng) -> Layout) -> bool {
    let batch = |rng: &mut Rng| (0..100).map(|_| block(arena, draw(rng))).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let (gives, given) = mpsc::channel::<Vec<Block>>();
        let (returns, returned) = mpsc::channel();
        let other = scope.spawn(move || {
            let mut rng = Rng::new(6);
            for blocks in given {
                blocks.into_iter().for_each(|block| block.free(arena));
                returns.send(batch(&mut rng)).unwrap();
            }
        });
        let mut rng = Rng::new(7);
        let found = (0..times).any(|time| {
            gives.send(batch(&mut rng)).unwrap();
            let mut theirs: Vec<Block> = returned.recv().unwrap();
            if time % 20 == 0 {
                verify(arena);
            }
            let again = hands_out_again(arena, &mut theirs);
            theirs.into_iter().for_each(|block| block.free(arena));
            again
        });
        verify(arena);
        drop(gives);
        other.join().expect("no panic");
        found
    })
}
