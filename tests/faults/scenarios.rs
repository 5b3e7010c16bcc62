//! Lives of an arena, each of which must survive any rule: every request may be refused, nothing else may go wrong.

use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Barrier, Mutex};

use arenal::{Arena, Config, HugePages};

use super::{Ledger, keeps_errno};
use crate::common::{Block, Chain, KIB, MIB, Rng, address_space, layout, threads};

/// A life and the arena it is led in.
pub struct Scenario {
    pub name: &'static str,
    capacity: usize,
    huge: HugePages,
    /// Whether the threads' own lists are this arena's, as a global allocator's.
    pub primary: bool,
    live: fn(&Life) -> Vec<Block>,
}

const fn scenario(name: &'static str, mebibytes: usize, live: fn(&Life) -> Vec<Block>) -> Scenario {
    Scenario { name, capacity: mebibytes * MIB, huge: HugePages::Auto, primary: false, live }
}

const fn global(name: &'static str, mebibytes: usize, live: fn(&Life) -> Vec<Block>) -> Scenario {
    Scenario { primary: true, ..scenario(name, mebibytes, live) }
}

pub const SCENARIOS: [Scenario; 12] = [
    scenario("mixed", 16, mixed),
    global("mixed_global", 16, mixed),
    scenario("remote", 16, remote),
    global("remote_global", 16, remote),
    scenario("growth", 32, growth),
    scenario("trim", 16, trim),
    scenario("exits", 12, exits),
    global("exits_global", 12, exits),
    scenario("zeroed", 16, zeroed),
    scenario("exhaustion", 4, exhaustion),
    scenario("huge_auto", 64, large_and_small),
    Scenario { huge: HugePages::Always, ..scenario("huge_always", 16, large_and_small) },
];

/// An arena, and the note-taking around every request to it.
pub struct Life<'a> {
    pub arena: &'a Arena,
    ledger: &'a Ledger,
}

impl Life<'_> {
    fn note(&self, served: bool) {
        let count = if served { &self.ledger.served } else { &self.ledger.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn intact(&self, block: &Block) {
        block.check();
        self.ledger.verified.fetch_add(block.layout().size() as u64, Ordering::Relaxed);
    }

    fn allocate(&self, size: usize, seed: u64) -> Option<Block> {
        let block = keeps_errno("an allocation", || Block::new(self.arena, layout(size, 8), seed));
        self.note(block.is_some());
        block
    }

    fn allocate_zeroed(&self, size: usize, seed: u64) -> Option<Block> {
        let block = keeps_errno("a zeroed allocation", || Block::zeroed(self.arena, layout(size, 8), seed));
        self.note(block.is_some());
        block
    }

    fn resize(&self, block: &mut Block, size: usize) -> bool {
        let done = keeps_errno("a realloc", || block.resize(self.arena, size));
        self.note(done);
        done
    }

    fn free(&self, block: Block) {
        self.intact(&block);
        keeps_errno("a free", || block.free(self.arena));
    }

    fn trim(&self) {
        let heap = self.arena.info().heap;
        let given = keeps_errno("a trim", || self.arena.trim());
        assert!(given <= heap, "{given} given back of {heap}");
    }

    /// Up to `count` blocks of mixed sizes; fewer where ten requests in a row are refused.
    fn take(&self, rng: &mut Rng, count: usize, live: &mut Vec<Block>) {
        let (mut refused, end) = (0, live.len() + count);
        while refused < 10 && live.len() < end {
            let size = if rng.below(25) == 0 { rng.size(MIB) } else { rng.size(16 * KIB) };
            let seed = rng.word();
            let block = if rng.below(4) == 0 { self.allocate_zeroed(size, seed) } else { self.allocate(size, seed) };
            refused = if block.is_some() { 0 } else { refused + 1 };
            live.extend(block);
        }
    }

    fn free_half(&self, rng: &mut Rng, live: &mut Vec<Block>) {
        rng.shuffle(live);
        for block in live.split_off(live.len() / 2) {
            self.free(block);
        }
    }
}

impl Scenario {
    /// Lives in a new arena while the ledger's rule is in force, then without: everything must be as if nothing had
    /// happened. In a supervised process of its own.
    pub fn run(&self, ledger: &'static Ledger, rule: super::Rule) {
        let config = Config::new(self.capacity).system_above(self.capacity).system_limit(0).huge_pages(self.huge);
        let (space, kept) = (address_space(), ledger.injected(super::Call::Munmap));
        let arena = Arena::with_config(config);
        let life = Life { arena: &arena, ledger };
        ledger.arm(rule);
        // Who first asks as a global allocator, by an odd seed, gets the threads' own lists.
        if let Some(block) = life.allocate(100, if self.primary { 1 } else { 2 }) {
            life.free(block);
        }
        let live = (self.live)(&life);
        ledger.arm(super::Rule::Never);

        // No thread is inside: every block is there, and the figures are those of the blocks.
        live.iter().for_each(|block| life.intact(block));
        let usable: usize = live.iter().map(|block| block.usable(&arena)).sum();
        let info = arena.info();
        assert_eq!(info.allocated, usable, "{info:?}");
        assert!(info.heap <= info.capacity && info.system == 0, "{info:?}");
        arena.verify();
        live.into_iter().for_each(|block| life.free(block));
        assert_eq!(arena.info().allocated, 0, "chunks were lost: {}", arena.info());
        arena.verify();
        self.recovers(&arena, ledger);
        ledger.arm(rule);
        drop(arena);
        // Stacks that the C library keeps are less than the arenas of threads.
        let given_back = address_space() < space + self.capacity || ledger.injected(super::Call::Munmap) > kept;
        assert!(given_back || self.capacity < 12 * MIB, "a reservation was not given back");
    }

    /// The whole capacity is usable again, and memory that was given back reads as zero.
    fn recovers(&self, arena: &Arena, ledger: &Ledger) {
        assert!(
            arena.capacity() == self.capacity
                || ledger.injected(super::Call::Mmap) + ledger.injected(super::Call::Mprotect) > 0,
            "a smaller arena for no reason: {}",
            arena.capacity()
        );
        for slab in [32 * KIB, 4 * KIB] {
            let chain = Chain::fill(arena, slab);
            chain.assert_share(arena, "after the faults");
            chain.free(arena);
        }
        arena.trim();
        assert_eq!(arena.info().heap, 0, "a trim without faults leaves nothing: {}", arena.info());
        let quarter = arena.capacity() / 4 / MIB * MIB;
        let block = Block::zeroed(arena, layout(quarter, 8), 3).expect("a quarter of an empty arena");
        block.free(arena);
        arena.verify();
    }
}

fn mixed(life: &Life) -> Vec<Block> {
    let (mut rng, mut live) = (Rng::new(1), Vec::new());
    for _ in 0..3 {
        life.take(&mut rng, 600, &mut live);
        for block in live.iter_mut().step_by(20) {
            let size = block.layout().size();
            life.resize(block, size * 2);
            life.resize(block, size.div_ceil(2));
        }
        life.free_half(&mut rng, &mut live);
        life.trim();
    }
    live
}

/// Two threads allocate, two free what they are sent and allocate some themselves.
fn remote(life: &Life) -> Vec<Block> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| sync_channel::<Block>(64)).unzip();
    let senders = Mutex::new(senders);
    let receivers = Mutex::new(receivers);
    let kept = threads(4, |i| {
        let (mut rng, mut own) = (Rng::new(i as u64), Vec::new());
        if i < 2 {
            let sender = senders.lock().expect("no panic").pop().expect("one for each");
            for _ in 0..400 {
                if let Some(block) = life.allocate(rng.size(32 * KIB), rng.word()) {
                    sender.send(block).expect("the other end lives");
                }
            }
            return own;
        }
        let receiver = receivers.lock().expect("no panic").pop().expect("one for each");
        for (count, block) in receiver.into_iter().enumerate() {
            if count % 4 == 0 {
                own.push(block);
                own.extend(life.allocate(rng.size(8 * KIB), rng.word()));
            } else {
                life.free(block);
            }
            if count % 100 == 99 {
                life.trim();
            }
        }
        own
    });
    kept.into_iter().flatten().collect()
}

/// Spans that grow by doubling and have a neighbour behind them, so that they move: into memory that is warm, and into
/// memory that is not.
fn growth(life: &Life) -> Vec<Block> {
    let mut live = Vec::new();
    for round in 0..3 {
        let Some(mut block) = life.allocate(512 * KIB, round) else { continue };
        for size in [MIB, 2 * MIB, 4 * MIB, 3 * MIB, 6 * MIB] {
            // Holes before it are filled first.
            let mut around = Vec::new();
            while around.last().is_none_or(|last: &Block| last.ptr() < block.ptr()) && around.len() < 100 {
                let Some(next) = life.allocate(256 * KIB, round) else { break };
                around.push(next);
            }
            life.trim();
            life.resize(&mut block, size);
            around.into_iter().for_each(|block| life.free(block));
        }
        live.push(block);
        if round > 0 {
            life.free(live.swap_remove(0));
        }
    }
    live
}

/// Memory goes back and forth between arena and kernel, in pieces and as a whole.
fn trim(life: &Life) -> Vec<Block> {
    let (mut rng, mut live) = (Rng::new(3), Vec::new());
    for _ in 0..2 {
        life.take(&mut rng, 200, &mut live);
        for block in live.drain(..) {
            life.intact(&block);
        }
        // SAFETY: no block is left, and no other thread knows the arena.
        keeps_errno("a release", || unsafe { life.arena.release() });
        assert_eq!(life.arena.info().allocated, 0);
    }
    for _ in 0..6 {
        for _ in 0..30 {
            live.extend(life.allocate_zeroed(64 * KIB + rng.size(256 * KIB), rng.word()));
        }
        life.free_half(&mut rng, &mut live);
        life.trim();
    }
    live
}

/// Threads come and go; each frees what its predecessors left and leaves some itself.
fn exits(life: &Life) -> Vec<Block> {
    let left = Mutex::new(Vec::new());
    for generation in 0..4 {
        threads(3, |i| {
            let mut rng = Rng::new(generation * 10 + i as u64);
            let mut own = Vec::new();
            life.take(&mut rng, 120, &mut own);
            let theirs = {
                let mut left = left.lock().expect("no panic");
                let keep = left.len() / 2;
                let theirs = left.split_off(keep);
                left.extend(own.drain(..own.len() / 3));
                theirs
            };
            own.into_iter().chain(theirs).for_each(|block| life.free(block));
        });
        life.trim();
    }
    left.into_inner().expect("no panic")
}

fn zeroed(life: &Life) -> Vec<Block> {
    let (mut rng, mut live) = (Rng::new(5), Vec::new());
    for _ in 0..4 {
        for size in [100, 4 * KIB, 20 * KIB, 200 * KIB, 2 * MIB] {
            for _ in 0..4 {
                live.extend(life.allocate_zeroed(size + rng.below(size), rng.word()));
            }
        }
        life.free_half(&mut rng, &mut live);
        life.trim();
    }
    live
}

/// Three threads share the smallest arena: each takes what it can get and hoards what it freed while another needs it.
fn exhaustion(life: &Life) -> Vec<Block> {
    let barrier = Barrier::new(3);
    let kept = threads(3, |i| {
        let (mut rng, mut live) = (Rng::new(i as u64), Vec::new());
        for turn in 0..6 {
            if turn % 3 == i {
                life.take(&mut rng, 2000, &mut live);
                life.free_half(&mut rng, &mut live);
            }
            barrier.wait();
            if turn % 3 == i {
                live.drain(..).for_each(|block| life.free(block));
            }
            barrier.wait();
        }
        life.take(&mut rng, 20, &mut live);
        live
    });
    kept.into_iter().flatten().collect()
}

/// Past the size from which huge pages are asked for, then small again.
fn large_and_small(life: &Life) -> Vec<Block> {
    let mut live = Vec::new();
    let capacity = life.arena.capacity();
    // They are asked for only where blocks are written to; what follows is to find little of that.
    let written: Vec<_> = (0..capacity / (3 * MIB)).map_while(|at| life.allocate(MIB, at as u64)).collect();
    written.into_iter().for_each(|block| life.free(block));
    life.trim();
    for slab in [128 * KIB, 32 * KIB] {
        let chain = Chain::up_to(life.arena, slab, capacity - capacity / 8);
        live.extend(life.allocate(100, chain.count as u64));
        chain.free(life.arena);
        // The chain has written to the ends of its chunks: to few OS pages, and then to many.
        if let Some(block) = life.allocate_zeroed(5 * MIB, 6) {
            life.free(block);
        }
        life.trim();
        live.extend(life.allocate_zeroed(3 * MIB, 4));
    }
    live
}
