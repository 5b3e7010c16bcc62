//! Promise: under any sequence of operations the arena agrees with a simple model of it.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use arenal::{Arena, Config, Exhausted};
use common::{Block, KIB, MIB, layout};
use proptest::prelude::*;
use proptest::test_runner::{Config as RunnerConfig, RngAlgorithm, TestRng, TestRunner};

#[derive(Clone, Debug)]
enum Op {
    /// Size, alignment as a power of two, zeroed.
    Allocate(usize, u32, bool),
    /// Which of the live blocks, counted from any one; the new size.
    Resize(usize, usize),
    Free(usize),
    /// So many of the oldest or the newest blocks.
    FreeMany(usize, bool),
    /// So many blocks of one size: pools fill up.
    Burst(usize, usize),
    Trim,
    /// The second worker exits; a new one takes its place.
    Replace,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        10 => 1..=128_usize,
        6 => 129..=2048_usize,
        4 => 2049..=40 * KIB,
        2 => 40 * KIB..=600 * KIB,
        1 => 600 * KIB..=3 * MIB,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let align = prop_oneof![8 => Just(3_u32), 3 => 0..=6_u32, 1 => 7..=12_u32];
    prop_oneof![
        12 => (size(), align, any::<bool>()).prop_map(|(size, align, zeroed)| Op::Allocate(size, align, zeroed)),
        5 => (any::<usize>(), size()).prop_map(|(at, size)| Op::Resize(at, size)),
        9 => any::<usize>().prop_map(Op::Free),
        1 => (1..40_usize, any::<bool>()).prop_map(|(count, oldest)| Op::FreeMany(count, oldest)),
        1 => (20..400_usize, 1..2048_usize).prop_map(|(count, size)| Op::Burst(count, size)),
        1 => Just(Op::Trim),
        1 => Just(Op::Replace),
    ]
}

/// Which of three threads does it, and what.
fn steps() -> impl Strategy<Value = Vec<(usize, Op)>> {
    prop::collection::vec((0..3_usize, op()), 1..250)
}

type Job = Box<dyn FnOnce(&mut Model) + Send>;

/// Does one step at a time for the test, which waits: the order is that of the sequence.
struct Worker {
    jobs: Sender<Job>,
    models: Sender<Model>,
    done: Receiver<Model>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn new() -> Worker {
        let (jobs, inbox) = channel::<Job>();
        let (models, models_in) = channel::<Model>();
        let (models_out, done) = channel();
        let thread = std::thread::spawn(move || {
            for (job, mut model) in inbox.into_iter().zip(models_in) {
                job(&mut model);
                models_out.send(model).expect("the test waits");
            }
        });
        Worker { jobs, models, done, thread }
    }

    fn run(&self, model: Model, job: impl FnOnce(&mut Model) + Send + 'static) -> Model {
        self.jobs.send(Box::new(job)).expect("the worker lives");
        self.models.send(model).expect("the worker lives");
        self.done.recv().expect("the step succeeds")
    }

    fn end(self) {
        drop((self.jobs, self.models));
        self.thread.join().expect("no panic");
    }
}

/// What the arena should hold: every live block by its address, oldest first by its number.
struct Model {
    arena: Arc<Arena>,
    live: Vec<Block>,
    spans: BTreeMap<usize, usize>,
    allocated: usize,
    system: usize,
    /// Larger blocks are the system's, or overflow to it, up to the second number of bytes in all.
    border: (usize, usize),
    seed: u64,
}

impl Model {
    fn new(arena: Arena, border: (usize, usize)) -> Model {
        let (live, spans) = (Vec::new(), BTreeMap::new());
        Model { arena: Arc::new(arena), live, spans, allocated: 0, system: 0, border, seed: 0 }
    }

    fn insert(&mut self, block: Block) {
        let (start, usable) = (block.ptr().addr(), block.usable(&self.arena));
        assert!(usable >= block.layout().size(), "{block:?}: {usable} usable");
        let before = self.spans.range(..start).next_back();
        assert!(before.is_none_or(|(at, len)| at + len <= start), "{block:?} overlaps the block before it");
        let after = self.spans.range(start..).next();
        assert!(after.is_none_or(|(at, _)| start + usable <= *at), "{block:?} overlaps the block after it");
        self.spans.insert(start, usable);
        if block.inside(&self.arena) {
            assert!(self.arena.slab_for(block.layout()).is_some(), "{block:?} lies inside");
            self.allocated += usable;
        } else {
            self.system += block.layout().size();
        }
        self.live.push(block);
    }

    fn remove(&mut self, at: usize) -> Block {
        let block = self.live.remove(at);
        let usable = self.spans.remove(&block.ptr().addr()).expect("every live block has its span");
        assert_eq!(usable, block.usable(&self.arena), "{block:?}: its usable size changed");
        if block.inside(&self.arena) {
            self.allocated -= usable;
        } else {
            self.system -= block.layout().size();
        }
        block
    }

    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) {
        self.seed += 1;
        let layout = layout(size, align);
        let block = match zeroed {
            true => Block::zeroed(&self.arena, layout, self.seed),
            false => Block::new(&self.arena, layout, self.seed),
        };
        match block {
            Some(block) => self.insert(block),
            None => {
                let (above, limit) = self.border;
                let system = self.arena.info().system;
                assert!(size <= above || system + size > limit, "{size} refused with {system} of {limit}");
            }
        }
    }

    fn apply(&mut self, op: Op) {
        let count = self.live.len();
        match op {
            Op::Allocate(size, align, zeroed) => self.allocate(size, 1 << align, zeroed),
            Op::Burst(many, size) => (0..many).for_each(|_| self.allocate(size, 8, false)),
            Op::Resize(at, size) if count > 0 => {
                let mut block = self.remove(at % count);
                block.resize(&self.arena, size);
                self.insert(block);
            }
            Op::Free(at) if count > 0 => self.remove(at % count).free(&self.arena),
            Op::FreeMany(many, oldest) => {
                for _ in 0..many.min(count) {
                    let at = if oldest { 0 } else { self.live.len() - 1 };
                    self.remove(at).free(&self.arena);
                }
            }
            Op::Trim => {
                let heap = self.arena.info().heap;
                let given_back = self.arena.trim();
                assert_eq!(self.arena.info().heap, heap - given_back);
            }
            Op::Resize(..) | Op::Free(_) | Op::Replace => {}
        }
    }

    fn check(&self) {
        let info = self.arena.info();
        assert_eq!(info.allocated, self.allocated, "{info:?}");
        assert!(info.system >= self.system && (info.system == 0) == (self.system == 0), "{info:?}");
        assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
        let rows: Vec<_> = self.arena.utilization().collect();
        assert!(rows.iter().map(|row| row.allocated).sum::<usize>() <= info.allocated, "{rows:?} in {info:?}");
        assert!(rows.iter().map(|row| row.heap).sum::<usize>() <= info.heap, "{rows:?} in {info:?}");
    }
}

fn agrees(config: Config, border: (usize, usize), steps: Vec<(usize, Op)>) {
    let mut model = Model::new(Arena::with_config(config), border);
    let mut workers = [Worker::new(), Worker::new()];
    for (number, (thread, op)) in steps.into_iter().enumerate() {
        if let Op::Replace = op {
            std::mem::replace(&mut workers[1], Worker::new()).end();
        }
        model = match thread {
            0 => {
                model.apply(op);
                model
            }
            other => workers[other - 1].run(model, move |model| model.apply(op)),
        };
        model.check();
        if number % 16 == 0 {
            common::verify(&model.arena);
        }
    }
    model.live.iter().for_each(Block::check);
    model.apply(Op::FreeMany(usize::MAX, true));
    model.check();
    common::verify(&model.arena);
    workers.into_iter().for_each(Worker::end);
    model.check();
    common::verify(&model.arena);
}

fn run(config: Config, border: (usize, usize)) {
    // The same cases in every run; a failing one is shrunk and printed.
    let runner =
        RunnerConfig { cases: common::scaled(150) as u32, failure_persistence: None, ..RunnerConfig::default() };
    let cases = runner.cases;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(runner, rng)
        .run(&steps(), |steps| {
            agrees(config, border, steps);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    common::figure("model_cases", cases);
}

#[test]
fn the_smallest_arena() {
    run(Config::new(Arena::MIN_CAPACITY), (usize::MAX, 0));
}

#[test]
fn a_small_arena_for_everything() {
    run(Config::new(16 * MIB).system_above(16 * MIB).system_limit(0), (usize::MAX, 0));
}

#[test]
fn a_low_border_to_the_system() {
    run(Config::new(16 * MIB).system_above(1000).system_limit(2 * MIB), (1000, 2 * MIB));
}

#[test]
fn overflow_to_the_system() {
    let config = Config::new(Arena::MIN_CAPACITY).system_above(MIB).on_exhausted(Exhausted::System);
    run(config.system_limit(8 * MIB), (0, 8 * MIB));
}
