//! Promise: a free whose system call fails leaves `errno` as it was.

mod common;
mod faults;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use common::{Block, KIB, MIB, bounded, in_fork, layout};
use faults::{keeps_errno, supervisor};

static LISTENER: AtomicI32 = AtomicI32::new(-1);
static GROWING: AtomicU32 = AtomicU32::new(0);
static FREEING: AtomicU32 = AtomicU32::new(0);
/// The growing thread is in the kernel, and holds the lock of the arena's space.
static STALLED: AtomicBool = AtomicBool::new(false);
static REFUSED: AtomicBool = AtomicBool::new(false);

fn thread_number() -> u32 {
    // SAFETY: a query without preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

fn wait_for(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Keeps the growing thread in its `mprotect` until the freeing one has to sleep, and refuses to let it.
fn supervise() {
    wait_for(|| LISTENER.load(Ordering::SeqCst) >= 0);
    let listener = LISTENER.load(Ordering::SeqCst);
    let mut stalled = None;
    loop {
        let asked = supervisor::next(listener);
        let (growing, freeing) = (GROWING.load(Ordering::SeqCst), FREEING.load(Ordering::SeqCst));
        let number = i64::from(asked.data.nr);
        if number == libc::SYS_mprotect && asked.pid == growing && stalled.is_none() {
            stalled = Some(asked);
            STALLED.store(true, Ordering::SeqCst);
        } else if number == libc::SYS_futex && asked.pid == freeing && !REFUSED.load(Ordering::SeqCst) {
            REFUSED.store(true, Ordering::SeqCst);
            supervisor::reply(listener, &asked, Some(libc::EAGAIN));
            let growing = stalled.as_ref().expect("the freeing thread begins later");
            supervisor::reply(listener, growing, None);
        } else {
            supervisor::reply(listener, &asked, None);
        }
    }
}

/// The free needs a lock whose holder is in the kernel; the wait for it fails.
#[test]
fn a_free_whose_wait_fails() {
    common::in_child("a_free_whose_wait_fails", || {
        in_fork(|| {
            let arena = bounded(32 * MIB);
            let span = Block::new(&arena, layout(300 * KIB, 8), 2).expect("memory");
            std::thread::spawn(supervise);
            LISTENER.store(supervisor::listen(&[libc::SYS_mprotect, libc::SYS_futex]), Ordering::SeqCst);
            std::thread::scope(|scope| {
                let growing = scope.spawn(|| {
                    GROWING.store(thread_number(), Ordering::SeqCst);
                    Block::new(&arena, layout(8 * MIB, 8), 2).expect("memory").free(&arena);
                });
                let freeing = scope.spawn(|| {
                    wait_for(|| STALLED.load(Ordering::SeqCst));
                    FREEING.store(thread_number(), Ordering::SeqCst);
                    keeps_errno("a free whose wait failed", || span.free(&arena));
                });
                growing.join().expect("no panic");
                freeing.join().expect("errno survives");
            });
            assert!(REFUSED.load(Ordering::SeqCst), "the free did not wait");
            assert_eq!(arena.info().allocated, 0);
        });
    });
}
