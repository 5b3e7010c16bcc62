//! Promise: a thread may use the arena for the first time in any round of its key destructors.

mod common;

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use arenal::Arena;
use common::{Block, MIB, bounded, layout};

#[global_allocator]
static ARENA: Arena = Arena::new(64 << 20);
static KEY: AtomicU32 = AtomicU32::new(0);
/// Destructors that came to their last round.
static ENDED: AtomicUsize = AtomicUsize::new(0);
/// An arena that the destructors use, too.
static PRIVATE: AtomicPtr<Arena> = AtomicPtr::new(std::ptr::null_mut());
/// A chunk of that arena, of slab [`common::LAST`], which they free.
static LEFT: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn destructor(value: *mut c_void) {
    if value.addr() > 1 {
        // SAFETY: the key exists.
        unsafe {
            libc::pthread_setspecific(KEY.load(Ordering::Relaxed), std::ptr::without_provenance(value.addr() - 1))
        };
    } else {
        drop(std::hint::black_box(vec![1_u8; 100])); // the thread's first use, in round 2 or later
        let private = PRIVATE.load(Ordering::Relaxed);
        if !private.is_null() {
            // SAFETY: the test's arena, which outlives the thread.
            let private = unsafe { &*private };
            match NonNull::new(LEFT.swap(std::ptr::null_mut(), Ordering::Relaxed)) {
                // SAFETY: the block is the private arena's, with this layout, and nobody else's by now.
                Some(block) => unsafe { private.deallocate(block, layout(common::LAST, 8)) },
                None => Block::new(private, layout(72, 8), 1).expect("memory").free(private),
            }
        }
        ENDED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the thread leaves the kernel work for some milliseconds after it has been joined: many open files.
static LINGERS: AtomicBool = AtomicBool::new(false);

extern "C" fn body(rounds: *mut c_void) -> *mut c_void {
    if LINGERS.load(Ordering::Relaxed) {
        // SAFETY: the thread gets a table of files of its own, which ends with it.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_FILES), 0);
            for _ in 0..30_000 {
                libc::dup(0);
            }
        }
    }
    // SAFETY: the key exists.
    unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), rounds) };
    std::ptr::null_mut()
}

fn first_use_in_round(round: usize) {
    end_in_round(round);
    // The heap of a thread that had no hook left, too, is told from those that a fork leaves behind.
    common::in_fork(|| drop(std::hint::black_box(vec![1_u8; 100])));
    ARENA.trim();
    common::verify(&ARENA);
}

fn end_in_round(round: usize) {
    const STACK: usize = 1 << 20;
    let ended = ENDED.load(Ordering::Relaxed);
    // SAFETY: a stack of our own, unmapped after the thread that runs on it has been joined.
    unsafe {
        let mut key = 0;
        assert_eq!(libc::pthread_key_create(&raw mut key, Some(destructor)), 0);
        KEY.store(key, Ordering::Relaxed);
        // A stack of our own, so that the thread's storage is gone for sure when it is over.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(std::ptr::null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        let mut attr = std::mem::zeroed();
        libc::pthread_attr_init(&raw mut attr);
        assert_eq!(libc::pthread_attr_setstack(&raw mut attr, stack, STACK), 0);
        let mut thread = std::mem::zeroed();
        assert_eq!(
            libc::pthread_create(&raw mut thread, &raw const attr, body, std::ptr::without_provenance_mut(round)),
            0
        );
        libc::pthread_join(thread, std::ptr::null_mut());
        libc::munmap(stack, STACK);
        libc::pthread_key_delete(key);
    }
    assert_eq!(ENDED.load(Ordering::Relaxed), ended + 1, "the destructor came to round {round}");
}

#[test]
fn in_any_round() {
    common::in_child("in_any_round", || (1..=4).for_each(first_use_in_round));
}

/// Who has been joined is dead, though its number still is a thread's for a moment. (musl does not tell the kernel
/// where its robust locks are, and so this is not known there.)
#[test]
#[cfg(target_env = "gnu")]
fn who_has_been_joined_is_dead() {
    common::in_child("who_has_been_joined_is_dead", || {
        // SAFETY: the limit is written before it is read.
        unsafe {
            let mut limit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        LINGERS.store(true, Ordering::Relaxed);
        (0..5).for_each(|_| first_use_in_round(4));
    });
}

/// The lists that such a thread leaves in an arena that is not the primary one are not the next thread's.
#[test]
fn what_is_left_in_a_private_arena_is_released() {
    common::in_child("what_is_left_in_a_private_arena_is_released", || {
        drop(std::hint::black_box(vec![1_u8; 100])); // the global arena is the primary one
        for releases in [true, false] {
            let mut arena = bounded(16 * MIB);
            PRIVATE.store(&raw mut arena, Ordering::Relaxed);
            first_use_in_round(4);
            PRIVATE.store(std::ptr::null_mut(), Ordering::Relaxed);
            if releases {
                // SAFETY: no chunk is in use.
                unsafe { arena.release() };
            }
            let blocks: Vec<_> = (0..2).map(|seed| Block::new(&arena, layout(MIB, 8), seed).expect("memory")).collect();
            let small: Vec<_> =
                (0..2000).map(|seed| Block::new(&arena, layout(72, 8), seed).expect("memory")).collect();
            blocks.into_iter().chain(small).for_each(|block| block.free(&arena));
            assert_eq!(arena.info().allocated, 0);
            common::verify(&arena);
        }
    });
}

/// The last chunk of a pool of the caller's comes home when the thread that freed it is found dead: in time for the
/// request that looks for memory then.
#[test]
fn what_the_dead_had_freed_serves_the_request_that_buries_them() {
    common::in_child("what_the_dead_had_freed_serves_the_request_that_buries_them", || {
        drop(std::hint::black_box(vec![1_u8; 100])); // the global arena is the primary one
        let mut arena = bounded(20 * MIB);
        PRIVATE.store(&raw mut arena, Ordering::Relaxed);
        LEFT.store(common::last_of_a_pool(&arena).as_ptr(), Ordering::Relaxed);
        common::take_the_rest(&arena);
        end_in_round(4);
        PRIVATE.store(std::ptr::null_mut(), Ordering::Relaxed);
        assert!(arena.allocate(layout(200 << 10, 8)).is_ok(), "{}", arena.info());
        common::verify(&arena);
    });
}
