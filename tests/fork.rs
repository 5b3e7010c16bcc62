//! Promise: `fork` in a threaded program works at any moment: the child allocates, frees the parent's, spawns.

mod common;

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, Rng, bounded, in_fork, layout};

#[global_allocator]
static ARENA: Arena = Arena::new(512 << 20);

/// Keeps the arena busy in every way until told to stop: local and remote frees, spans, threads coming and going.
fn noise(i: usize, stop: &AtomicBool, shared: &Mutex<Vec<Block>>) {
    let mut rng = Rng::new(i as u64);
    let mut own = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let limit = if rng.below(50) == 0 { MIB } else { 2 * KIB };
        own.push(Block::new(&ARENA, layout(rng.size(limit), 8), rng.word()).expect("memory"));
        if own.len() > 100 {
            let at = rng.below(own.len());
            let mine = own.swap_remove(at);
            let theirs = {
                let mut shared = shared.lock().expect("no panic");
                shared.push(mine);
                (shared.len() > 50).then(|| shared.swap_remove(rng.below(50)))
            };
            if let Some(block) = theirs {
                block.free(&ARENA);
            }
            let at = rng.below(own.len());
            own.swap_remove(at).free(&ARENA);
        }
        if rng.below(500) == 0 {
            let _ = std::thread::Builder::new().stack_size(64 * KIB).spawn(|| drop(vec![1_u8; 1000]));
        }
    }
    own.into_iter().for_each(|block| block.free(&ARENA));
}

/// What a forked child must be able to do. It inherits copies of `blocks`, which other threads allocated.
fn life_of_a_child(blocks: &[(usize, Block)]) {
    let before = ARENA.info();
    assert!(before.heap <= before.capacity);
    for (_, block) in blocks {
        block.check();
    }
    let mut map = HashMap::new();
    for i in 0..2000_u32 {
        map.insert(i, i.to_string());
    }
    assert!(map.iter().all(|(i, text)| *text == i.to_string()));
    let large = vec![3_u8; 8 * MIB];
    assert!(large.iter().all(|&byte| byte == 3));
    drop((map, large));
    let threads: Vec<libc::pthread_t> = (0..3).map(|_| spawn_plain(short_thread)).collect();
    for thread in threads {
        let mut result = std::ptr::null_mut();
        // SAFETY: the thread is joined once; `result` is valid for writing.
        assert_eq!(unsafe { libc::pthread_join(thread, &raw mut result) }, 0);
        assert_eq!(result.addr(), 1, "a thread of the child failed");
    }
}

/// A thread without the standard library's bookkeeping: `std`'s thread start takes a lock of its own that some
/// vanished thread may have held at the fork (its table for stack overflows), which is no matter of the arena's.
fn spawn_plain(body: extern "C" fn(*mut c_void) -> *mut c_void) -> libc::pthread_t {
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: `thread` is valid for writing, default attributes, and `body` needs no argument.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), body, std::ptr::null_mut()) };
    assert_eq!(error, 0, "a thread in the child");
    // SAFETY: written, as the call succeeded.
    unsafe { thread.assume_init() }
}

extern "C" fn short_thread(_: *mut c_void) -> *mut c_void {
    let mut rng = Rng::new(7);
    let blocks: Vec<Block> =
        (0..500).map(|_| Block::new(&ARENA, layout(rng.size(4 * KIB), 8), rng.word()).expect("memory")).collect();
    blocks.into_iter().for_each(|block| block.free(&ARENA));
    std::ptr::without_provenance_mut(1)
}

/// The blocks of other threads that one forker holds, and its children free.
fn holdings(from: &Receiver<Block>) -> Vec<(usize, Block)> {
    from.iter().take(200).enumerate().collect()
}

fn fork_under_noise(forkers: usize, forks: usize) {
    let stop = AtomicBool::new(false);
    let shared = Mutex::new(Vec::new());
    let finished = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let noisy: Vec<_> = (0..3)
            .map(|i| {
                let (stop, shared) = (&stop, &shared);
                scope.spawn(move || noise(i, stop, shared))
            })
            .collect();
        let forking: Vec<_> = (0..forkers)
            .map(|forker| {
                let finished = &finished;
                scope.spawn(move || {
                    let (sender, receiver) = sync_channel(300);
                    let supply = std::thread::spawn(move || {
                        let mut rng = Rng::new(forker as u64);
                        loop {
                            let block = Block::new(&ARENA, layout(rng.size(8 * KIB), 8), rng.word());
                            if let Err(unsent) = sender.send(block.expect("memory")) {
                                break unsent.0.free(&ARENA);
                            }
                        }
                    });
                    for _ in 0..forks {
                        let mut held = holdings(&receiver);
                        in_fork(|| {
                            life_of_a_child(&held);
                            std::mem::take(&mut held).into_iter().for_each(|(_, block)| block.free(&ARENA));
                            life_of_a_child(&[]);
                        });
                        // The parent's copies are untouched by what the child did with its own.
                        held.into_iter().for_each(|(_, block)| block.free(&ARENA));
                        finished.fetch_add(1, Ordering::Relaxed);
                    }
                    while let Ok(block) = receiver.try_recv() {
                        block.free(&ARENA);
                    }
                    drop(receiver);
                    supply.join().expect("the supply ends");
                })
            })
            .collect();
        forking.into_iter().for_each(|thread| thread.join().expect("every child finished"));
        stop.store(true, Ordering::Release);
        noisy.into_iter().for_each(|thread| thread.join().expect("no block was harmed"));
    });
    assert_eq!(finished.into_inner(), forkers * forks);
    for block in shared.into_inner().expect("no panic") {
        block.free(&ARENA);
    }
}

#[test]
fn one_forker() {
    common::in_child("one_forker", || fork_under_noise(1, common::scaled(100)));
}

#[test]
fn four_forkers_at_once() {
    common::in_child("four_forkers_at_once", || fork_under_noise(4, common::scaled(25).max(5)));
}

#[test]
fn a_child_forks_too() {
    common::in_child("a_child_forks_too", || {
        let blocks: Vec<(usize, Block)> =
            (0..100).map(|i| (i, Block::new(&ARENA, layout(100, 8), i as u64).expect("memory"))).collect();
        in_fork(|| {
            life_of_a_child(&blocks);
            in_fork(|| {
                life_of_a_child(&blocks);
                in_fork(|| life_of_a_child(&blocks));
            });
            life_of_a_child(&blocks);
        });
        blocks.into_iter().for_each(|(_, block)| block.free(&ARENA));
    });
}

/// Parent and child each own a private copy: the child's cap is its own, and filling it leaves the parent's alone.
#[test]
fn a_local_arena_is_copied() {
    common::in_child("a_local_arena_is_copied", || {
        let arena = bounded(16 * MIB);
        let chain = Chain::up_to(&arena, 64, 4 * MIB);
        let before = arena.info();
        let mut moved = Some(chain);
        in_fork(|| {
            moved.take().expect("moved once").free(&arena);
            assert_eq!(arena.info().allocated, 0);
            let chain = Chain::fill(&arena, 1024);
            chain.assert_share(&arena, "a forked child");
            chain.free(&arena);
            let left = common::threads(2, |_| Chain::fill(&arena, 256)); // no other thread lived at this fork
            assert!(arena.info().heap <= arena.info().capacity);
            left.into_iter().for_each(|chain| chain.free(&arena));
            common::verify(&arena);
        });
        assert_eq!(arena.info(), before, "the child changed the parent's arena");
        moved.take().expect("the parent's copy").free(&arena);
        assert_eq!(arena.info().allocated, 0);
    });
}

/// The child counts what another thread had freed to a pool and was about to count.
#[test]
fn a_free_that_a_fork_cuts_off_is_counted() {
    common::in_child("a_free_that_a_fork_cuts_off_is_counted", || {
        let arena = bounded(64 * MIB);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Of many pools, and so freed to all but one of them without the list.
                    let blocks: Vec<Block> =
                        (0..4000).map(|seed| Block::new(&arena, layout(64, 8), seed).expect("memory")).collect();
                    blocks.into_iter().for_each(|block| block.free(&arena));
                }
            });
            for _ in 0..common::scaled(3000) {
                in_fork(|| common::verify(&arena));
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

/// Allocates much more than it frees, and checks it all.
fn many_blocks(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut blocks: Vec<Block> = Vec::new();
    for _ in 0..common::scaled(200_000) {
        blocks.push(Block::new(&ARENA, layout(64, 8), rng.word()).expect("memory"));
        if rng.below(7) == 0 {
            blocks.swap_remove(rng.below(blocks.len())).free(&ARENA);
        }
    }
    blocks.into_iter().for_each(|block| block.free(&ARENA));
}

/// A child of the system call `clone` alone, as container runtimes make them: no fork handler has run, and the kernel
/// knows its thread by a new number.
#[test]
fn a_child_of_clone_alone() {
    common::in_child("a_child_of_clone_alone", || {
        // In a process with one thread, as the call's manual demands.
        in_fork(|| {
            let before = Block::new(&ARENA, layout(64, 8), 1).expect("memory");
            // SAFETY: with no flag but the signal this is a fork.
            let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD as usize, 0, 0, 0, 0) } as libc::pid_t;
            if pid == 0 {
                common::watchdog(60);
                let lived = std::panic::catch_unwind(|| {
                    // Looks for heaps of dead threads, and another thread would get what it found.
                    let _ = ARENA.info();
                    std::thread::scope(|scope| {
                        let other = scope.spawn(|| many_blocks(2));
                        many_blocks(1);
                        other.join().expect("all intact");
                    });
                    before.check();
                });
                // SAFETY: ends this process, and runs nothing of the parent's.
                unsafe { libc::_exit(lived.is_err() as i32) };
            }
            let mut status = 0;
            // SAFETY: the status is writable.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "wait status of the child");
            before.free(&ARENA);
        });
    });
}
