//! Storms: traffic between threads that come, go, idle, fork, are interrupted and cancelled, over one arena. Every
//! block is filled when it is allocated and checked before it is freed. The tests run each storm for a moment, `soak`
//! runs all of them for as long as asked.
//!
//! | file | storms |
//! |---|---|
//! | [`traffic`] | producers and consumers, rings, all to all, threads that only free |
//! | [`lives`] | orphaned chunks, nested thread-exit destructors, hoarders |
//! | [`interrupts`] | signals and cancellation |
//! | [`forks`] | forks from several threads at once |
#![allow(dead_code)] // every test binary uses its own part

mod forks;
mod interrupts;
mod lives;
mod traffic;

use std::sync::atomic::{AtomicU64, Ordering};

use arenal::Arena;

use crate::common::{Block, KIB, MIB, Rng, figure, layout};

/// A storm leaves the blocks that are to be alive at its end; no thread but the caller's is left.
pub type Body = fn(&Storm) -> Vec<Block>;

pub const STORMS: [(&str, Body); 10] = [
    ("pipeline", traffic::pipeline),
    ("ring", traffic::ring),
    ("all_to_all", traffic::all_to_all),
    ("free_only", traffic::free_only),
    ("orphans", lives::orphans),
    ("nested_exits", lives::nested_exits),
    ("hoarders", lives::hoarders),
    ("signals", interrupts::signals),
    ("cancellation", interrupts::cancellation),
    ("forks", forks::forks),
];

/// Capacity of an arena that no storm but the hoarders' fills.
pub const CAPACITY: usize = 192 * MIB;

/// What the storms did.
#[derive(Default)]
pub struct Tally {
    pub operations: AtomicU64,
    pub verified: AtomicU64,
    pub threads: AtomicU64,
    pub forks: AtomicU64,
    pub signals: AtomicU64,
    pub cancelled: AtomicU64,
    pub rounds: AtomicU64,
}

impl Tally {
    /// Prints what was counted, under names that begin with `prefix`.
    pub fn print(&self, prefix: &str) {
        let rows = [
            ("operations", &self.operations),
            ("bytes_verified", &self.verified),
            ("threads_churned", &self.threads),
            ("forks_survived", &self.forks),
            ("signals_delivered", &self.signals),
            ("threads_cancelled", &self.cancelled),
            ("rounds", &self.rounds),
        ];
        for (name, value) in rows.map(|(name, value)| (name, value.load(Ordering::Relaxed))) {
            if value > 0 {
                figure(&format!("{prefix}_{name}"), value);
            }
        }
    }
}

/// One run of a storm.
pub struct Storm<'a> {
    pub arena: &'a Arena,
    pub tally: &'a Tally,
    pub seed: u64,
    /// How long a run is, about; a test's is 100.
    pub length: usize,
}

impl Storm<'_> {
    /// What a new thread works with.
    fn hand(&self, thread: usize) -> Hand<'_> {
        self.tally.threads.fetch_add(1, Ordering::Relaxed);
        self.same_hand(thread)
    }

    /// What a thread works with that is counted already.
    fn same_hand(&self, thread: usize) -> Hand<'_> {
        Hand { storm: self, rng: Rng::new(self.seed.wrapping_mul(1009) + thread as u64), operations: 0, verified: 0 }
    }

    /// Runs the storm, then compares the arena's figures with the blocks that are alive, frees them, and looks for what
    /// was lost.
    pub fn run(&self, body: Body) {
        let live = body(self);
        let mut hand = self.same_hand(usize::MAX / 2);
        let usable: usize = live.iter().map(|block| block.usable(self.arena)).sum();
        let info = self.arena.info();
        assert_eq!(info.allocated, usable, "{} blocks are alive: {info:?}", live.len());
        assert_eq!(self.arena.utilization().map(|row| row.allocated).sum::<usize>(), usable);
        assert!(info.heap <= info.capacity && info.system == 0, "{info:?}");
        self.arena.verify();
        live.into_iter().for_each(|block| hand.free(block));
        assert_eq!(self.arena.info().allocated, 0, "{}", self.arena.info());
        self.arena.verify();
        self.arena.trim();
        assert_eq!(self.arena.info().heap, 0, "memory is parked somewhere: {}", self.arena.info());
        self.tally.rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Allocates and frees for one thread, and keeps count.
pub struct Hand<'a> {
    storm: &'a Storm<'a>,
    rng: Rng,
    operations: u64,
    verified: u64,
}

impl Hand<'_> {
    /// Mostly small, now and then a span.
    fn block(&mut self) -> Block {
        let limit = if self.rng.below(200) == 0 { 300 * KIB } else { 2 * KIB };
        self.sized(limit).unwrap_or_else(|| panic!("refused: {}", self.storm.arena.info()))
    }

    /// Of a size up to `limit`; `None` where the arena refuses.
    fn sized(&mut self, limit: usize) -> Option<Block> {
        self.operations += 1;
        let align = 8 << if self.rng.below(10) == 0 { self.rng.below(7) } else { 0 };
        let (layout, seed) = (layout(self.rng.size(limit), align), self.rng.word());
        if self.rng.below(10) == 0 {
            Block::zeroed(self.storm.arena, layout, seed)
        } else {
            Block::new(self.storm.arena, layout, seed)
        }
    }

    fn blocks(&mut self, count: usize) -> Vec<Block> {
        (0..count).map(|_| self.block()).collect()
    }

    fn resize(&mut self, block: &mut Block) {
        self.operations += 1;
        self.verified += block.layout().size() as u64;
        let size = self.rng.size(4 * KIB);
        assert!(block.resize(self.storm.arena, size), "refused: {}", self.storm.arena.info());
    }

    fn check(&mut self, block: &Block) {
        self.verified += block.layout().size() as u64;
        block.check();
    }

    /// Checks and frees.
    fn free(&mut self, block: Block) {
        self.operations += 1;
        self.verified += block.layout().size() as u64;
        block.free(self.storm.arena);
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.storm.tally.operations.fetch_add(self.operations, Ordering::Relaxed);
        self.storm.tally.verified.fetch_add(self.verified, Ordering::Relaxed);
    }
}
