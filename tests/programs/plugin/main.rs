//! A shared object with an arena and more thread-local storage than the system keeps ready for objects loaded late.

use std::cell::Cell;

#[global_allocator]
static ARENA: arenal::Arena = arenal::Arena::new(1 << 30);

thread_local! {
    static MUCH: Cell<[u64; 2048]> = const { Cell::new([0; 2048]) };
}

/// Blocks of many sizes, each full of its size; `None` if one is not the arena's.
#[unsafe(no_mangle)]
pub extern "C" fn filled(count: usize) -> Option<Box<Vec<Vec<u64>>>> {
    MUCH.with(|much| much.set(std::hint::black_box([count as u64; 2048])));
    let blocks: Vec<Vec<u64>> = (1..=count).map(|at| vec![(at % 200) as u64; at % 200 + 1]).collect();
    blocks.iter().all(|block| ARENA.contains(block.as_ptr().cast())).then(|| Box::new(blocks))
}

/// Frees the blocks; whether they were as `filled` left them.
#[unsafe(no_mangle)]
pub extern "C" fn intact(blocks: Box<Vec<Vec<u64>>>) -> bool {
    let much = MUCH.with(Cell::get);
    much.iter().all(|word| *word == much[0])
        && (1..).zip(blocks.iter()).all(|(at, block)| *block == vec![(at % 200) as u64; at % 200 + 1])
}

/// Sums that live in vector registers while blocks come and go.
#[unsafe(no_mangle)]
pub extern "C" fn sum(count: usize) -> f64 {
    let mut sums = [0.0, 1.0, 2.0, 3.0];
    for at in 0..count {
        let block = Box::new([at as f64; 4]);
        for (sum, add) in sums.iter_mut().zip(std::hint::black_box(&*block)) {
            *sum += add;
        }
    }
    sums.iter().sum()
}
