//! Shuttle's models: whole arenas, as they ship, under random and priority-based schedules. Every atomic operation is a
//! point at which another thread may go on.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::rand::Rng;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::Mutex;
use shuttle::{Config as Bounds, MaxSteps, Runner};

use crate::heap::slot::Slot;
use crate::heap::{outbox, recover, thread};
use crate::{Arena, Config, os};

mod trade;

const CAPACITY: usize = Arena::MIN_CAPACITY;

/// Places at which a priority-based schedule changes its mind.
const DEPTH: usize = 4;

/// An arena and what is alive in it.
struct World {
    arena: Arena,
    /// Whether the threads' own lists are this arena's.
    global: bool,
    /// Addresses in somebody's hands. Not a point of the schedule.
    live: std::sync::Mutex<BTreeSet<usize>>,
    /// Blocks on their way from one thread to another.
    mail: Mutex<Vec<Block>>,
}

/// A live block: its first and last word say so.
struct Block {
    ptr: NonNull<u64>,
    layout: Layout,
}

// SAFETY: a block is the only owner of its memory, and any thread may free any chunk.
unsafe impl Send for Block {}

impl World {
    fn allocate(&self, size: usize) -> Option<Block> {
        let layout = Layout::from_size_align(size, 8).expect("a valid layout");
        let ptr: NonNull<u64> = if self.global {
            // SAFETY: the size is not zero.
            NonNull::new(unsafe { GlobalAlloc::alloc(&self.arena, layout) })?.cast()
        } else {
            self.arena.allocate(layout).ok()?.cast()
        };
        assert!(self.live.lock().expect("no panic").insert(ptr.as_ptr().addr()), "handed out twice");
        // SAFETY: the block is ours and holds at least two words.
        unsafe {
            ptr.write(ptr.as_ptr().addr() as u64);
            ptr.add(size / 8 - 1).write(!ptr.as_ptr().addr() as u64);
        }
        Some(Block { ptr, layout })
    }

    fn free(&self, block: Block) {
        let (ptr, address) = (block.ptr, block.ptr.as_ptr().addr());
        // SAFETY: the block is live and ours.
        let words = unsafe { (ptr.read(), ptr.add(block.layout.size() / 8 - 1).read()) };
        assert_eq!(words, (address as u64, !address as u64), "a live block was written to");
        assert!(self.live.lock().expect("no panic").remove(&address), "not alive");
        // SAFETY: the block is live, of this layout, and not used afterwards.
        unsafe { self.arena.deallocate(ptr.cast(), block.layout) }
    }

    fn send(&self, block: Block) {
        self.mail.lock().expect("no panic").push(block);
    }

    fn receive(&self) -> Option<Block> {
        self.mail.lock().expect("no panic").pop()
    }

    /// As many blocks as the arena gives.
    fn fill(&self, size: usize) -> Vec<Block> {
        std::iter::from_fn(|| self.allocate(size)).collect()
    }
}

/// A thread with the exit hook of a real one; `None`: it dies without a word.
fn spawn(world: &Arc<World>, quietly: bool, body: fn(&World)) -> shuttle::thread::JoinHandle<()> {
    let world = Arc::clone(world);
    shuttle::thread::spawn(move || {
        body(&world);
        if !quietly {
            thread::exit(std::ptr::null_mut());
        }
        os::gone();
    })
}

/// Runs a model under both kinds of schedules; afterwards nothing may be left, and the whole arena be usable.
fn explore(name: &str, executions: usize, model: fn(&Arc<World>)) {
    let factor = std::env::var("ARENAL_MODELS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let executions = executions * factor;
    run(&format!("shuttle_{name}_random"), RandomScheduler::new(executions / 2), model);
    run(&format!("shuttle_{name}_pct"), PctScheduler::new(DEPTH, executions / 2), model);
}

fn run(name: &str, scheduler: impl Scheduler + 'static, model: fn(&Arc<World>)) {
    let mut bounds = Bounds::new();
    bounds.stack_size = 256 << 10;
    bounds.max_steps = MaxSteps::FailAfter(10_000_000);
    bounds.silence_warnings = true;
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    Runner::new(scheduler, bounds).run(move || {
        let execution = counter.fetch_add(1, Ordering::Relaxed);
        os::begin();
        let config = Config::new(CAPACITY).system_above(CAPACITY).system_limit(0);
        let world = Arc::new(World {
            arena: Arena::with_config(config),
            global: execution % 2 == 0,
            live: std::sync::Mutex::new(BTreeSet::new()),
            mail: Mutex::new(Vec::new()),
        });
        if let Some(block) = world.allocate(64) {
            world.free(block);
        }
        model(&world);
        while let Some(block) = world.receive() {
            world.free(block);
        }
        assert!(world.live.lock().expect("no panic").is_empty());
        world.arena.verify();
        thread::exit(std::ptr::null_mut());
    });
    println!("\nfigure {name}_executions {}", count.load(Ordering::Relaxed));
}

/// Nothing is alive, and all of it can be had.
fn all_is_back(world: &World) {
    while let Some(block) = world.receive() {
        world.free(block);
    }
    assert_eq!(world.arena.info().allocated, 0);
    let blocks = world.fill(128 << 10);
    assert!(blocks.len() >= 28, "only {} of 32 chunks are left", blocks.len());
    blocks.into_iter().for_each(|block| world.free(block));
}

/// Others free what a thread allocated while it exits; a new thread adopts its heap and allocates meanwhile.
#[test]
fn remote_frees_against_exit_and_adoption() {
    explore("exit", 4000, |world| {
        let owner = spawn(world, false, |world| {
            for size in [64, 64, 64, 4096, 64, 4096, 64, 64] {
                world.send(world.allocate(size).expect("memory"));
            }
        });
        let freers = [(); 2].map(|()| {
            spawn(world, false, |world| {
                for _ in 0..6 {
                    if let Some(block) = world.receive() {
                        world.free(block);
                    }
                }
            })
        });
        owner.join().unwrap();
        let heir = spawn(world, false, |world| {
            for size in [64, 4096, 64] {
                world.send(world.allocate(size).expect("memory"));
            }
        });
        freers.into_iter().chain([heir]).for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// Two threads run out of memory together while a third exits with most of it, and a fourth frees what it left.
#[test]
fn exhaustion_against_exit() {
    explore("exhaustion", 600, |world| {
        let leaver = spawn(world, false, |world| {
            let blocks = (0..24).map_while(|_| world.allocate(128 << 10)).collect::<Vec<_>>();
            for (number, block) in blocks.into_iter().enumerate() {
                if number % 2 == 0 { world.send(block) } else { world.free(block) }
            }
        });
        let freer = spawn(world, false, |world| {
            for _ in 0..16 {
                match world.receive() {
                    Some(block) => world.free(block),
                    None => shuttle::thread::yield_now(),
                }
            }
        });
        let needy = [(); 2].map(|()| {
            spawn(world, false, |world| {
                let blocks = (0..12).filter_map(|_| world.allocate(112 << 10)).collect::<Vec<_>>();
                blocks.into_iter().for_each(|block| world.free(block));
            })
        });
        [leaver, freer].into_iter().chain(needy).for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// A thread sleeps and wakes with full lists while another, out of memory, takes them.
#[test]
fn recovery_against_a_sleeper_that_wakes() {
    explore("sleeper", 600, |world| {
        let sleeper = spawn(world, false, |world| {
            for round in 0..3 {
                let blocks = [64, 64, 1024, 8192, 64].map(|size| world.allocate(size));
                for (number, block) in blocks.into_iter().flatten().enumerate() {
                    if number == round { world.send(block) } else { world.free(block) }
                }
                os::asleep(|| (0..4).for_each(|_| shuttle::thread::yield_now()));
            }
        });
        let needy = spawn(world, false, |world| {
            for _ in 0..2 {
                let blocks = world.fill(128 << 10);
                assert!(blocks.len() >= 24, "{} of 32 chunks", blocks.len());
                blocks.into_iter().for_each(|block| world.free(block));
                if let Some(block) = world.receive() {
                    world.free(block);
                }
            }
        });
        [sleeper, needy].into_iter().for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// The same with little else to do, so that more schedules meet in the middle of a pop or a push. The chunks are those
/// of the last slab, which the thief looks at last: few steps lie between its mark and what it takes.
#[test]
fn a_list_is_taken_from_a_sleeper_that_wakes() {
    explore("thief", 8000, |world| {
        let sleeper = spawn(world, false, |world| {
            for _ in 0..4 {
                // About as long as the thief looks around.
                let long = shuttle::rand::thread_rng().gen_range(0..1500);
                os::asleep(|| (0..long).for_each(|_| shuttle::thread::yield_now()));
                for _ in 0..8 {
                    let block = world.allocate(128 << 10).expect("memory");
                    world.free(block);
                }
            }
        });
        let thief = spawn(world, false, |world| {
            for _ in 0..3 {
                world.arena.trim();
            }
        });
        [sleeper, thief].into_iter().for_each(|thread| thread.join().unwrap());
        while let Some(block) = world.receive() {
            world.free(block);
        }
        assert_eq!(world.arena.info().allocated, 0);
    });
}

/// A thread frees another's blocks, sleeps and wakes, while that one looks for what its pools miss. Four of these
/// chunks are gathered at most.
#[test]
fn what_a_sleeper_gathered_is_taken() {
    explore("gathered", 4000, |world| {
        let sleeper = spawn(world, false, |world| {
            for _ in 0..6 {
                (0..2).filter_map(|_| world.receive()).for_each(|block| world.free(block));
                let long = shuttle::rand::thread_rng().gen_range(0..1500);
                os::asleep(|| (0..long).for_each(|_| shuttle::thread::yield_now()));
            }
        });
        let owner = spawn(world, false, |world| {
            for _ in 0..3 {
                (0..4).filter_map(|_| world.allocate(8 << 10)).for_each(|block| world.send(block));
                world.arena.trim();
            }
        });
        [sleeper, owner].into_iter().for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// A thread that uses pools in part sleeps and wakes, frees and allocates, while another asks for chunks of that slab
/// in a full arena.
#[test]
fn pools_are_handed_over_by_owners_and_for_sleepers() {
    explore("handover", 8000, |world| {
        let owner = spawn(world, false, |world| {
            let blocks = world.fill(64 << 10);
            // Of four chunks a pool, two stay.
            let (mut kept, freed): (Vec<_>, Vec<_>) = blocks.into_iter().enumerate().partition(|(at, _)| at % 4 > 1);
            freed.into_iter().for_each(|(_, block)| world.free(block));
            for _ in 0..4 {
                let long = shuttle::rand::thread_rng().gen_range(0..600);
                os::asleep(|| (0..long).for_each(|_| shuttle::thread::yield_now()));
                kept.drain(..8.min(kept.len())).for_each(|(_, block)| world.free(block));
                if let Some(block) = world.allocate(64 << 10) {
                    world.send(block);
                }
            }
            kept.into_iter().for_each(|(_, block)| world.free(block));
        });
        let needy = spawn(world, false, |world| {
            for _ in 0..3 {
                let blocks = (0..20).filter_map(|_| world.allocate(64 << 10)).collect::<Vec<_>>();
                blocks.into_iter().for_each(|block| world.free(block));
                if let Some(block) = world.receive() {
                    world.free(block);
                }
            }
        });
        [owner, needy].into_iter().for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// Two threads return the last chunks of a pool one by one, while its owner looks for memory: the first return leaves a
/// doubt, the second announces the pool.
#[test]
fn doubt_against_an_announcement() {
    explore("doubt", 2000, |world| {
        let mut blocks: Vec<_> = (0..16).filter_map(|_| world.allocate(1024)).collect();
        blocks.drain(2..).for_each(|block| world.free(block));
        blocks.into_iter().for_each(|block| world.send(block));
        let shared = world.arena.known().expect("used");
        // Puts the pool away.
        recover::run(shared, None);
        let threads = [(); 2].map(|()| {
            spawn(world, false, |world| {
                let address = world.receive().expect("two were sent").ptr.as_ptr().addr();
                world.live.lock().expect("no panic").remove(&address);
                let shared = world.arena.known().expect("used");
                let map = shared.map();
                let (_, pool) = map.unit_of(address).and_then(|unit| map.pool_of(map.tag(unit))).expect("a chunk");
                outbox::send_one(shared, pool, address);
            })
        });
        let own = thread::find(shared).and_then(Slot::of);
        (0..4).for_each(|_| recover::look_at_doubtful(shared, own));
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        all_is_back(world);
    });
}

/// A thread dies without its exit hook while others free its chunks and look for memory.
#[test]
fn a_death_without_a_word() {
    explore("death", 600, |world| {
        let mute = spawn(world, true, |world| {
            for _ in 0..6 {
                world.allocate(128 << 10).into_iter().for_each(|block| world.send(block));
            }
        });
        let needy = spawn(world, false, |world| {
            let blocks = world.fill(128 << 10);
            blocks.into_iter().for_each(|block| world.free(block));
            while let Some(block) = world.receive() {
                world.free(block);
            }
        });
        [mute, needy].into_iter().for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// Two threads keep the spans of large blocks that they free, their own and each other's, while a third needs all there
/// is.
#[test]
fn kept_spans_against_need() {
    explore("kept", 1000, |world| {
        let keepers = [(); 2].map(|()| {
            spawn(world, false, |world| {
                // The small one gives the thread a heap.
                for size in [64, 200_000, 160_000, 200_000, 200_000, 200_000, 160_000] {
                    world.allocate(size).into_iter().for_each(|block| world.send(block));
                    if let Some(block) = world.receive() {
                        world.free(block);
                    }
                }
            })
        });
        let needy = spawn(world, false, |world| {
            for size in [64 << 10, 190_000] {
                let blocks = world.fill(size);
                // The others have four blocks, or are about to free or take them.
                assert!(blocks.iter().map(|block| block.layout.size()).sum::<usize>() >= 2 << 20);
                blocks.into_iter().for_each(|block| world.free(block));
            }
        });
        keepers.into_iter().chain([needy]).for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}
