//! Threads that leave at the wrong moment, or stay and hoard.

use std::cell::RefCell;
use std::sync::Barrier;

use super::{Hand, Storm};
use crate::common::{Block, KIB, threads};

/// Generations of threads exit before their chunks are freed; the next ones adopt their heaps and free across.
pub fn orphans(storm: &Storm) -> Vec<Block> {
    let mut left: Vec<Vec<Block>> = Vec::new();
    for generation in 0..storm.length {
        let inherited: Vec<std::sync::Mutex<Vec<Block>>> = left.into_iter().map(std::sync::Mutex::new).collect();
        left = threads(4, |i| {
            let mut hand = storm.hand(generation * 8 + i);
            let mut own = hand.blocks(150);
            // What a neighbour's predecessor left, while the others do the same.
            if let Some(theirs) = inherited.get((i + 1) % 4) {
                let theirs = std::mem::take(&mut *theirs.lock().expect("no panic"));
                theirs.into_iter().for_each(|block| hand.free(block));
            }
            hand.rng.shuffle(&mut own);
            own.drain(..50).for_each(|block| hand.free(block));
            own
        });
    }
    left.into_iter().flatten().collect()
}

/// Runs when its thread's locals are destroyed: works with the arena, and lets another thread live and die meanwhile.
struct Nested<'a> {
    storm: &'a Storm<'a>,
    depth: usize,
    held: Vec<Block>,
    kept: &'a std::sync::Mutex<Vec<Block>>,
}

thread_local! {
    static LAST: RefCell<Option<Nested<'static>>> = const { RefCell::new(None) };
}

impl Nested<'_> {
    /// A thread whose destructor does this again, `depth` threads deep; returns when all are gone.
    fn start(storm: &Storm, depth: usize, held: Vec<Block>, kept: &std::sync::Mutex<Vec<Block>>) {
        let nested = Nested { storm, depth, held, kept };
        // SAFETY: the thread is joined below, and with it its locals are gone, before any of the borrows ends.
        let nested = unsafe { std::mem::transmute::<Nested<'_>, Nested<'static>>(nested) };
        let thread = std::thread::Builder::new().stack_size(64 * KIB).spawn(move || {
            LAST.with(|last| *last.borrow_mut() = Some(nested));
        });
        thread.expect("a thread").join().expect("no panic");
    }
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        let mut hand = self.storm.hand(self.depth);
        let mut own = hand.blocks(12);
        self.held.drain(..).for_each(|block| hand.free(block));
        let passed = own.split_off(4);
        if self.depth > 0 {
            Nested::start(self.storm, self.depth - 1, passed, self.kept);
        } else {
            self.kept.lock().expect("no panic").extend(passed);
        }
        // Younger threads have come, freed and gone.
        let last = own.pop();
        own.into_iter().for_each(|block| hand.free(block));
        self.kept.lock().expect("no panic").extend(last);
    }
}

/// Threads that exit within the exit of another, a thousand deep.
pub fn nested_exits(storm: &Storm) -> Vec<Block> {
    let kept = std::sync::Mutex::new(Vec::new());
    Nested::start(storm, crate::common::scaled(storm.length * 10), Vec::new(), &kept);
    kept.into_inner().expect("no panic")
}

/// Sixty-four threads touch many slabs, keep a block each and idle; one of them after the other needs the capacity.
pub fn hoarders(storm: &Storm) -> Vec<Block> {
    const THREADS: usize = 64;
    let barrier = Barrier::new(THREADS);
    let touch = |hand: &mut Hand| {
        let live: Vec<Block> = (0..60).filter_map(|_| hand.sized(16 * KIB)).collect();
        live.into_iter().for_each(|block| hand.free(block));
        hand.sized(100)
    };
    let kept = threads(THREADS, |i| {
        let mut hand = storm.hand(i);
        let mut kept = touch(&mut hand);
        for round in 0..(storm.length / 25).max(1) {
            barrier.wait();
            if i == round * 7 % THREADS {
                let limit = storm.arena.capacity() / 2;
                let (mut taken, mut live) = (0, Vec::new());
                while taken < limit {
                    let block = hand.sized(256 * KIB).unwrap_or_else(|| panic!("hoarded: {}", storm.arena.info()));
                    taken += block.layout().size();
                    live.push(block);
                }
                live.into_iter().for_each(|block| hand.free(block));
            }
            barrier.wait();
            if let Some(block) = kept.replace(touch(&mut hand).expect("a small block")) {
                hand.free(block);
            }
        }
        kept
    });
    kept.into_iter().flatten().collect()
}
