//! Promise: any thread frees any chunk, whatever the traffic looks like, and at the end nothing is left.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Barrier, Mutex};

use arenal::Arena;
use common::{Block, KIB, MIB, Rng, Worker, bounded, layout};

fn block(arena: &Arena, rng: &mut Rng) -> Block {
    // Mostly small; now and then a span.
    let limit = if rng.below(200) == 0 { 300 * KIB } else { 2 * KIB };
    let align = 8 << if rng.below(10) == 0 { rng.below(7) } else { 0 };
    Block::new(arena, layout(rng.size(limit), align), rng.word()).expect("the arena is large enough")
}

fn assert_empty(arena: &Arena) {
    let info = arena.info();
    assert!(info.allocated == 0 && info.heap <= info.capacity, "{info:?}");
    let left: usize = arena.utilization().map(|row| row.allocated).sum();
    assert_eq!(left, 0);
    common::verify(arena);
}

#[test]
fn producer_to_consumer() {
    let arena = bounded(128 * MIB);
    let (sender, receiver) = sync_channel::<Vec<Block>>(64);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let (sender, mut rng) = (sender, Rng::new(1));
            for _ in 0..common::scaled(20_000) {
                let batch = (0..20).map(|_| block(&arena, &mut rng)).collect();
                sender.send(batch).expect("the consumer lives");
            }
        });
        let consumer = scope.spawn(|| {
            let receiver = receiver;
            receiver.into_iter().flatten().for_each(|block| block.free(&arena));
        });
        producer.join().expect("no refusal");
        consumer.join().expect("every block intact");
    });
    assert_empty(&arena);
}

/// Nothing counts a pool's frees by its owner and by others together. What they have emptied between them is found all
/// the same.
#[test]
fn pools_that_two_threads_empty_go_back() {
    for size in [64, 480, 4 * KIB] {
        let arena = Arc::new(bounded(8 * MIB));
        let mut blocks: Vec<Block> = std::iter::from_fn(|| Block::new(&arena, layout(size, 8), size as u64)).collect();
        Rng::new(size as u64).shuffle(&mut blocks);
        let other = Worker::new(&arena);
        let slabs: Vec<usize> = arena.slabs().take(60).collect();
        let share = blocks.len().div_ceil(2 * slabs.len());
        for slab in slabs {
            let [ours, theirs] = [(); 2].map(|()| blocks.split_off(blocks.len().saturating_sub(share)));
            ours.into_iter().for_each(|block| block.free(&arena));
            other.run(|arena| theirs.into_iter().for_each(|block| block.free(arena)));
            // The owner learns of the pools that have been announced.
            Block::new(&arena, layout(slab, 8), 0).into_iter().for_each(|block| block.free(&arena));
        }
        assert!(blocks.is_empty());
        common::verify(&arena);
        arena.trim();
        assert_eq!(arena.info().heap, 0, "pools of {size} bytes' blocks stay");
        other.end();
        assert_empty(&arena);
    }
}

/// A consumer that never allocates must not keep what it frees: the producer could not go on.
#[test]
fn a_free_only_thread_keeps_nothing() {
    let arena = bounded(8 * MIB);
    let (sender, receiver) = sync_channel::<Block>(16);
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let receiver = receiver;
            receiver.into_iter().for_each(|block| block.free(&arena));
        });
        let mut rng = Rng::new(2);
        // Many times the capacity passes through; what is under way at one time is a small part of it.
        for i in 0..common::scaled(100_000) {
            let Some(block) = Block::new(&arena, layout(rng.size(16 * KIB), 8), i as u64) else {
                panic!("block {i} refused: {}", arena.info());
            };
            sender.send(block).expect("the consumer lives");
        }
        drop(sender);
        consumer.join().expect("every block intact");
    });
    assert_empty(&arena);
}

#[test]
fn all_to_all() {
    const THREADS: usize = 6;
    let arena = bounded(256 * MIB);
    let (senders, receivers): (Vec<Sender<Block>>, Vec<Receiver<Block>>) = (0..THREADS).map(|_| channel()).unzip();
    let receivers: Vec<Mutex<Option<Receiver<Block>>>> =
        receivers.into_iter().map(|receiver| Mutex::new(Some(receiver))).collect();
    let copies: Vec<Mutex<Option<Vec<Sender<Block>>>>> =
        (0..THREADS).map(|_| Mutex::new(Some(senders.clone()))).collect();
    drop(senders); // each thread owns a sender to everybody and its own receiver: the end is seen by all
    common::threads(THREADS, |i| {
        let mine = receivers[i].lock().expect("no panic").take().expect("taken once");
        let others = copies[i].lock().expect("no panic").take().expect("taken once");
        let mut rng = Rng::new(10 + i as u64);
        let mut freed = 0;
        for _ in 0..common::scaled(30_000) {
            others[rng.below(THREADS)].send(block(&arena, &mut rng)).expect("every receiver lives until the end");
            for block in mine.try_iter() {
                block.free(&arena);
                freed += 1;
            }
        }
        drop(others);
        for block in mine {
            block.free(&arena);
            freed += 1;
        }
        freed
    })
    .into_iter()
    .zip(0..)
    .for_each(|(freed, thread)| assert!(freed > 0, "thread {thread} was never sent a block"));
    assert_empty(&arena);
}

/// Blocks travel around a ring; each thread frees a few, replaces them, and passes the rest on.
#[test]
fn ring() {
    const THREADS: usize = 4;
    let arena = bounded(128 * MIB);
    let slots: Vec<Mutex<Vec<Block>>> = (0..THREADS).map(|_| Mutex::new(Vec::new())).collect();
    let barrier = Barrier::new(THREADS);
    common::threads(THREADS, |i| {
        let mut rng = Rng::new(20 + i as u64);
        let mut held: Vec<Block> = (0..2000).map(|_| block(&arena, &mut rng)).collect();
        for _ in 0..common::scaled(100) {
            rng.shuffle(&mut held);
            held.drain(..500).for_each(|block| block.free(&arena));
            held.extend((0..500).map(|_| block(&arena, &mut rng)));
            *slots[(i + 1) % THREADS].lock().expect("no panic") = held;
            barrier.wait();
            held = std::mem::take(&mut *slots[i].lock().expect("no panic"));
            barrier.wait();
        }
        held.into_iter().for_each(|block| block.free(&arena));
    });
    assert_empty(&arena);
}

/// Frees by others are counted at once: `info` is exact while the threads live and idle.
#[test]
fn info_is_exact_while_freers_idle() {
    let arena = bounded(64 * MIB);
    let blocks: Vec<Mutex<Vec<Block>>> = (0..8)
        .map(|i| {
            let mut rng = Rng::new(30 + i);
            Mutex::new((0..1000).map(|_| block(&arena, &mut rng)).collect())
        })
        .collect();
    let usable: usize = blocks
        .iter()
        .flat_map(|list| list.lock().expect("no panic").iter().map(|b| b.usable(&arena)).collect::<Vec<_>>())
        .sum();
    assert_eq!(arena.info().allocated, usable);
    let barrier = Barrier::new(8);
    common::threads(8, |i| {
        let mut mine = std::mem::take(&mut *blocks[i].lock().expect("no panic"));
        let mut left = mine.split_off(500);
        mine.into_iter().for_each(|block| block.free(&arena));
        let live: usize = left.iter().map(|block| block.usable(&arena)).sum();
        *blocks[i].lock().expect("no panic") = std::mem::take(&mut left);
        let sum = {
            barrier.wait(); // all have freed their half and idle
            let sum: usize = blocks
                .iter()
                .flat_map(|list| {
                    list.lock().expect("no panic").iter().map(|block| block.layout().size()).collect::<Vec<_>>()
                })
                .sum();
            assert!(sum <= arena.info().allocated, "live blocks are missing in {}", arena.info());
            barrier.wait();
            sum
        };
        if i == 0 {
            let exact: usize = blocks
                .iter()
                .flat_map(|list| list.lock().expect("no panic").iter().map(|b| b.usable(&arena)).collect::<Vec<_>>())
                .sum();
            assert_eq!(arena.info().allocated, exact, "chunks freed by idle threads still count");
        }
        barrier.wait();
        assert!(live > 0 && sum > 0);
    });
    for list in blocks {
        list.into_inner().expect("no panic").into_iter().for_each(|block| block.free(&arena));
    }
    assert_empty(&arena);
}

/// Two threads free into the pools of a third that allocates from the very same pools.
#[test]
fn one_slab_many_freers() {
    let arena = bounded(32 * MIB);
    let (sender, receiver) = channel::<Block>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let freers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut freed = 0;
                    loop {
                        let next = receiver.lock().expect("no panic").recv();
                        let Ok(block) = next else { break freed };
                        block.free(&arena);
                        freed += 1;
                    }
                })
            })
            .collect();
        let mut own = Vec::new();
        let count = common::scaled(300_000);
        for i in 0..count {
            let block = Block::new(&arena, layout(64, 8), i as u64).expect("memory");
            if i % 3 == 0 {
                own.push(block);
            } else {
                sender.send(block).expect("the freers live");
            }
            if own.len() > 1000 {
                own.drain(..500).for_each(|block| block.free(&arena));
            }
        }
        drop(sender);
        own.into_iter().for_each(|block| block.free(&arena));
        let freed: usize = freers.into_iter().map(|freer| freer.join().expect("every block intact")).sum();
        assert_eq!(freed, count - count.div_ceil(3));
    });
    assert_empty(&arena);
}
