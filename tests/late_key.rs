//! Promise: a thread may use the arena for the first time in any round of its key destructors.

mod common;

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use arenal::Arena;

#[global_allocator]
static ARENA: Arena = Arena::new(64 << 20);
static KEY: AtomicU32 = AtomicU32::new(0);

extern "C" fn destructor(value: *mut c_void) {
    if value.addr() > 1 {
        // SAFETY: the key exists.
        unsafe {
            libc::pthread_setspecific(KEY.load(Ordering::Relaxed), std::ptr::without_provenance(value.addr() - 1))
        };
    } else {
        drop(std::hint::black_box(vec![1_u8; 100])); // the thread's first use, in round 2 or later
    }
}

extern "C" fn body(rounds: *mut c_void) -> *mut c_void {
    // SAFETY: the key exists.
    unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), rounds) };
    std::ptr::null_mut()
}

fn first_use_in_round(round: usize) {
    const STACK: usize = 1 << 20;
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
        let mut thread = 0;
        assert_eq!(
            libc::pthread_create(&raw mut thread, &raw const attr, body, std::ptr::without_provenance_mut(round)),
            0
        );
        libc::pthread_join(thread, std::ptr::null_mut());
        libc::munmap(stack, STACK);
        libc::pthread_key_delete(key);
    }
    // The heap of a thread that had no hook left, too, is told from those that a fork leaves behind.
    common::in_fork(|| drop(std::hint::black_box(vec![1_u8; 100])));
    println!("{}", ARENA.info());
    ARENA.trim();
}

#[test]
fn in_any_round() {
    (1..=4).for_each(first_use_in_round);
}
