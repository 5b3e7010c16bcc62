//! Promise: `errno` survives a free of whatever kind.

mod common;

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use arenal::{Arena, Config, Exhausted};
use common::{Block, Chain, KIB, MIB, Rng, bounded, layout};

const MARK: i32 = 4242;

fn keeps_errno(what: &str, free: impl FnOnce()) {
    // SAFETY: the calling thread's own `errno`.
    unsafe { *libc::__errno_location() = MARK };
    free();
    // SAFETY: as above.
    let errno = unsafe { *libc::__errno_location() };
    assert_eq!(errno, MARK, "{what} changed errno");
}

#[test]
fn local_frees_of_all_sizes() {
    let arena = bounded(256 * MIB);
    let mut rng = Rng::new(1);
    for seed in 0..6 {
        for size in [1, 64, 1000, 5000, 32 * KIB, 100 * KIB, MIB, 16 * MIB, 60 * MIB] {
            let block = Block::new(&arena, layout(size, 8), seed).expect("memory");
            keeps_errno(&format!("a free of {size}"), || block.free(&arena));
        }
    }
    let mut blocks: Vec<Block> =
        (0..20_000).map(|_| Block::new(&arena, layout(rng.size(8 * KIB), 8), rng.word()).expect("memory")).collect();
    rng.shuffle(&mut blocks);
    keeps_errno("a free among thousands", || blocks.into_iter().for_each(|block| block.free(&arena)));
}

#[test]
fn frees_of_a_thread_that_does_nothing_else() {
    let arena = bounded(64 * MIB);
    for slab in [64, 4096, 32 * KIB] {
        let chain = Chain::fill(&arena, slab);
        common::threads(1, |_| ()); // a thread start is no business of the arena's
        std::thread::scope(|scope| {
            let freer = scope.spawn(|| keeps_errno("a remote free", || chain.free(&arena)));
            freer.join().expect("errno survives");
        });
    }
    // The owner meets what others sent it while it frees itself.
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            let sender = sender;
            let blocks = |count| (0..count).map(|i| Block::new(&arena, layout(64, 8), i).expect("memory"));
            blocks(5000).for_each(|block| sender.send(block).expect("the test keeps the receiver"));
            drop(sender);
            for _ in 0..50 {
                let own: Vec<Block> = blocks(100).collect();
                keeps_errno("a free beside remote ones", || own.into_iter().for_each(|block| block.free(&arena)));
            }
        });
        receiver.into_iter().for_each(|block| block.free(&arena));
        owner.join().expect("errno survives");
    });
}

/// A thread's first use of the arena may be a free, and the C library may have no memory at hand to note that the
/// thread is to tell of its end.
#[test]
fn a_free_that_attaches_its_thread() {
    struct Freer {
        arena: Arena,
        block: Cell<Option<Block>>,
        limited: AtomicBool,
        done: AtomicBool,
    }
    // Not one of the standard library's threads, for these allocate before.
    extern "C" fn frees(freer: *mut c_void) -> *mut c_void {
        // SAFETY: the test's, which waits for this thread.
        let freer = unsafe { &*freer.cast::<Freer>() };
        while !freer.limited.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        let block = freer.block.take().expect("a block");
        keeps_errno("a thread's first free", || block.free(&freer.arena));
        freer.done.store(true, Ordering::SeqCst);
        std::ptr::null_mut()
    }
    fn limit(bytes: u64) {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a valid limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    }
    // In a process of its own, whose limit on address space comes down.
    common::in_child("a_free_that_attaches_its_thread", || {
        // Each thread has room for the values of 32 keys, and those of others are allocated.
        for _ in 0..40 {
            let mut key = 0;
            // SAFETY: `key` is writable.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0);
        }
        let arena = bounded(64 * MIB);
        let block = Cell::new(Block::new(&arena, layout(64, 8), 1));
        let freer = Freer { arena, block, limited: AtomicBool::new(false), done: AtomicBool::new(false) };
        // SAFETY: the thread is joined before its argument ends.
        unsafe {
            let mut thread = std::mem::zeroed();
            let argument = (&raw const freer).cast_mut().cast();
            assert_eq!(libc::pthread_create(&raw mut thread, std::ptr::null(), frees, argument), 0);
            limit(MIB as u64);
            freer.limited.store(true, Ordering::SeqCst);
            while !freer.done.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            limit(libc::RLIM_INFINITY);
            libc::pthread_join(thread, std::ptr::null_mut());
        }
    });
}

#[test]
fn frees_of_system_memory() {
    let arena = Arena::with_config(Config::new(16 * MIB).system_above(0).on_exhausted(Exhausted::System));
    for size in [10, 100 * KIB, 64 * MIB] {
        for seed in 0..6 {
            let block = Block::new(&arena, layout(size, 8), seed).expect("the system's memory");
            assert!(!block.inside(&arena));
            keeps_errno("a free of system memory", || block.free(&arena));
        }
    }
    assert_eq!(arena.info().system, 0);
}
