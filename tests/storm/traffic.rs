//! Blocks that travel from thread to thread.

use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Barrier, Mutex};

use super::Storm;
use crate::common::{Block, threads};

/// One end of something for each of several threads.
fn ends<T>(items: impl IntoIterator<Item = T>) -> Vec<Mutex<Option<T>>> {
    items.into_iter().map(|item| Mutex::new(Some(item))).collect()
}

fn take<T>(ends: &[Mutex<Option<T>>], at: usize) -> T {
    ends[at].lock().expect("no panic").take().expect("taken once")
}

/// Two lanes of a producer and a consumer each; batches in order.
pub fn pipeline(storm: &Storm) -> Vec<Block> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| sync_channel::<Vec<Block>>(16)).unzip();
    let (senders, receivers) = (ends(senders), ends(receivers));
    let kept = threads(4, |i| {
        let mut hand = storm.hand(i);
        if i < 2 {
            let sender = take(&senders, i);
            for _ in 0..storm.length * 20 {
                sender.send(hand.blocks(20)).expect("the consumer lives");
            }
            return hand.blocks(10);
        }
        let mut kept = Vec::new();
        for (count, batch) in take(&receivers, i - 2).into_iter().enumerate() {
            let mut batch = batch;
            if count % 50 == 0 {
                kept.extend(batch.pop());
            }
            batch.into_iter().for_each(|block| hand.free(block));
        }
        kept
    });
    kept.into_iter().flatten().collect()
}

/// Blocks travel around a ring; each thread frees a quarter, replaces them, resizes some, and passes all on.
pub fn ring(storm: &Storm) -> Vec<Block> {
    const THREADS: usize = 4;
    let slots: Vec<Mutex<Vec<Block>>> = (0..THREADS).map(|_| Mutex::new(Vec::new())).collect();
    let barrier = Barrier::new(THREADS);
    let kept = threads(THREADS, |i| {
        let mut hand = storm.hand(i);
        let mut held = hand.blocks(800);
        for _ in 0..storm.length / 2 {
            hand.rng.shuffle(&mut held);
            held.drain(..200).for_each(|block| hand.free(block));
            held.iter_mut().take(50).for_each(|block| hand.resize(block));
            held.extend(hand.blocks(200));
            *slots[(i + 1) % THREADS].lock().expect("no panic") = held;
            barrier.wait();
            held = std::mem::take(&mut *slots[i].lock().expect("no panic"));
            barrier.wait();
        }
        held
    });
    kept.into_iter().flatten().collect()
}

/// Everybody sends to everybody and frees what arrives.
pub fn all_to_all(storm: &Storm) -> Vec<Block> {
    const THREADS: usize = 6;
    let (senders, receivers): (Vec<Sender<Block>>, Vec<Receiver<Block>>) = (0..THREADS).map(|_| channel()).unzip();
    let (receivers, copies) = (ends(receivers), ends((0..THREADS).map(|_| senders.clone())));
    drop(senders);
    let kept = threads(THREADS, |i| {
        let (mut hand, mine, others) = (storm.hand(i), take(&receivers, i), take(&copies, i));
        for _ in 0..storm.length * 80 {
            let block = hand.block();
            others[hand.rng.below(THREADS)].send(block).expect("every receiver lives until the end");
            mine.try_iter().for_each(|block| hand.free(block));
        }
        drop(others);
        let mut rest: Vec<Block> = mine.into_iter().collect();
        let keep = rest.len() / 2;
        rest.drain(keep..).for_each(|block| hand.free(block));
        rest
    });
    kept.into_iter().flatten().collect()
}

/// Threads that never allocate free all that two others do; more than the capacity passes through.
pub fn free_only(storm: &Storm) -> Vec<Block> {
    let (sender, receiver) = sync_channel::<Block>(256);
    let (senders, receiver) = (ends([sender.clone(), sender]), Mutex::new(receiver));
    let kept = threads(5, |i| {
        let mut hand = storm.hand(i);
        if i < 2 {
            let sender = take(&senders, i);
            for _ in 0..storm.length * 150 {
                sender.send(hand.block()).expect("the freers live");
            }
            return hand.blocks(5);
        }
        loop {
            let next = receiver.lock().expect("no panic").recv();
            let Ok(block) = next else { return Vec::new() };
            hand.free(block);
        }
    });
    kept.into_iter().flatten().collect()
}
