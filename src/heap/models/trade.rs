//! Models of threads that free each other's blocks and allocate of them again.

use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::rand::Rng;

use super::{CAPACITY, World, all_is_back, explore, spawn};
use crate::heap::thread;
use crate::os;

/// Threads that were found to have magazines.
static TRADERS: AtomicU64 = AtomicU64::new(0);

/// Figures are read and memory given back to the OS while two threads trade.
#[test]
fn figures_and_trim_against_traffic() {
    explore("figures", 1000, |world| {
        let traders = [(); 2].map(|()| {
            spawn(world, false, |world| {
                for size in [64, 4096, 20_000, 64, 4096, 300_000] {
                    world.send(world.allocate(size).expect("memory"));
                    if let Some(block) = world.receive() {
                        world.free(block);
                    }
                }
            })
        });
        let watcher = spawn(world, false, |world| {
            for _ in 0..3 {
                let info = world.arena.info();
                assert!(info.heap <= info.capacity, "{info:?}");
                assert!(world.arena.trim() <= CAPACITY);
            }
        });
        traders.into_iter().chain([watcher]).for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
}

/// Two threads trade until they have magazines, in which there are the other's blocks when one sleeps and the other
/// ends, while a third needs all there is.
#[test]
fn magazines_of_traders_against_need() {
    explore("traders", 2000, |world| {
        let traders = [false, true].map(|sleeps| {
            spawn(world, false, if sleeps { |world| trade(world, true) } else { |world| trade(world, false) })
        });
        let needy = spawn(world, false, |world| {
            let blocks = world.fill(64 << 10);
            blocks.into_iter().for_each(|block| world.free(block));
            (0..6).for_each(|_| _ = world.arena.trim());
        });
        traders.into_iter().chain([needy]).for_each(|thread| thread.join().unwrap());
        all_is_back(world);
    });
    assert!(TRADERS.load(Ordering::Relaxed) > 0, "nobody had magazines");
}

/// Receives and frees a few, then allocates and sends a few more, by turns; now and then a sleeper sleeps.
fn trade(world: &World, sleeps: bool) {
    let mut trades = false;
    for turn in 0..32 {
        let few = shuttle::rand::thread_rng().gen_range(1..6);
        (0..few).filter_map(|_| world.receive()).for_each(|block| world.free(block));
        (0..few + turn % 2).filter_map(|_| world.allocate(448)).for_each(|block| world.send(block));
        let local = world.arena.known().and_then(thread::find);
        trades |= local.is_some_and(|local| local.has_magazines());
        if sleeps && turn % 4 == 3 {
            let long = shuttle::rand::thread_rng().gen_range(0..1500);
            os::asleep(|| (0..long).for_each(|_| shuttle::thread::yield_now()));
        }
    }
    TRADERS.fetch_add(trades.into(), Ordering::Relaxed);
}
