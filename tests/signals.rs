//! Promise: a thread that sleeps in a signal handler, in the midst of an allocation, is not taken for idle, nor is one
//! in whose place a child of `vfork` allocates.

mod common;

use std::alloc::GlobalAlloc;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, layout};

static ARENA: Arena = Arena::new(8 * MIB);
static THREAD: AtomicU32 = AtomicU32::new(0);
static INSIDE: AtomicU32 = AtomicU32::new(0);
static LEAVE: AtomicU32 = AtomicU32::new(0);
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Sleeps until it is told to leave, but not for long: the thread may hold a lock that others wait for.
fn sleep_in(wait: impl Fn()) {
    let number = INSIDE.fetch_add(1, Ordering::SeqCst) + 1;
    for _ in 0..10 {
        if LEAVE.load(Ordering::SeqCst) < number {
            wait();
        }
    }
    LEFT.store(number, Ordering::SeqCst);
}

extern "C" fn polls(_signal: c_int) {
    // SAFETY: no descriptors.
    sleep_in(|| _ = unsafe { libc::poll(null_mut(), 0, 1) });
}

/// Waits with no signal blocked, whatever the handler blocks.
extern "C" fn polls_with_a_mask(_signal: c_int) {
    let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: no descriptors; the mask and the time are valid while the call lasts.
    sleep_in(|| unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::ppoll(null_mut(), 0, &raw const moment, &raw const none);
    });
}

/// Waits for the signal that it handles, which is not blocked meanwhile.
extern "C" fn waits_for_its_own_signal(signal: c_int) {
    let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: the set and the time are valid while the call lasts.
    sleep_in(|| unsafe {
        let mut own = std::mem::zeroed();
        libc::sigemptyset(&raw mut own);
        libc::sigaddset(&raw mut own, signal);
        libc::sigtimedwait(&raw const own, null_mut(), &raw const moment);
    });
}

/// Allocates a block, if there is memory, and frees it; `false`: somebody else has it, too.
fn turn() -> bool {
    // SAFETY: the layout is not empty, and a block is written to in its bounds and freed once.
    unsafe {
        let block = ARENA.alloc(layout(64, 8)).cast::<[u64; 8]>();
        if block.is_null() {
            return true;
        }
        block.write_volatile([0x5555; 8]);
        let intact = block.read_volatile() == [0x5555; 8];
        ARENA.dealloc(block.cast(), layout(64, 8));
        intact
    }
}

/// A thread allocates and frees; signals stop it anywhere in that, while all memory is taken and written to.
fn a_handler_sleeps(handler: extern "C" fn(c_int), flags: c_int) {
    // SAFETY: a handler of the type that is asked for, which makes only such calls as handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, null_mut()), 0);
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: no requirements.
            THREAD.store(unsafe { libc::gettid() } as u32, Ordering::SeqCst);
            while !stop.load(Ordering::Relaxed) {
                assert!(turn(), "another has the block, too");
            }
        });
        let until = |reached: &dyn Fn() -> bool| {
            while !reached() {
                assert!(!thread.is_finished(), "the thread has found its blocks changed");
                std::thread::yield_now();
            }
        };
        until(&|| THREAD.load(Ordering::SeqCst) != 0);
        for round in 1..=common::scaled(1000) as u32 {
            // SAFETY: the thread lives, and has a handler for the signal.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), THREAD.load(Ordering::SeqCst), libc::SIGUSR1) };
            until(&|| INSIDE.load(Ordering::SeqCst) >= round);
            std::thread::sleep(Duration::from_micros(100));
            let chains = [MIB, 64 * KIB, KIB, 64].map(|size| Chain::of_layout(&ARENA, layout(size, 8)));
            LEAVE.store(round, Ordering::SeqCst);
            // Handlers within handlers would fill the stack.
            until(&|| LEFT.load(Ordering::SeqCst) >= round);
            std::thread::sleep(Duration::from_micros(100));
            chains.into_iter().for_each(|chain| chain.free(&ARENA));
        }
        stop.store(true, Ordering::Relaxed);
        // It has left the arena then; the scope alone waits for less.
        thread.join().expect("no panic");
    });
    common::verify(&ARENA);
}

#[test]
fn a_handler_that_polls() {
    common::in_child("a_handler_that_polls", || a_handler_sleeps(polls, 0));
}

#[test]
fn a_handler_that_polls_and_may_be_interrupted_by_its_own_signal() {
    common::in_child("a_handler_that_polls_and_may_be_interrupted_by_its_own_signal", || {
        a_handler_sleeps(polls, libc::SA_NODEFER)
    });
}

#[test]
fn a_handler_that_polls_with_no_signal_blocked() {
    common::in_child("a_handler_that_polls_with_no_signal_blocked", || a_handler_sleeps(polls_with_a_mask, 0));
}

#[test]
fn a_handler_that_waits_for_its_own_signal() {
    common::in_child("a_handler_that_waits_for_its_own_signal", || a_handler_sleeps(waits_for_its_own_signal, 0));
}

/// Works on the lists of the thread that waits for it.
extern "C" fn in_its_parents_place(_: *mut c_void) -> c_int {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    (0..100_000).any(|_| !turn()) as c_int
}

#[test]
fn a_child_that_runs_in_its_parents_place() {
    const STACK: usize = 64 * KIB;
    common::in_child("a_child_that_runs_in_its_parents_place", || {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let parent = scope.spawn(|| {
                let mut stack = vec![0_u128; STACK / 16];
                assert!(turn(), "the heap is this thread's");
                let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
                while !stop.load(Ordering::Relaxed) {
                    let (top, mut status) = (stack.as_mut_ptr_range().end, 0);
                    // SAFETY: the child has a stack of its own, and everything else that it uses to itself until it
                    // ends.
                    let child = unsafe { libc::clone(in_its_parents_place, top.cast(), flags, null_mut()) };
                    assert!(child > 0);
                    // SAFETY: `status` is valid for writing, and the child is ours.
                    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                    assert_eq!(status, 0, "another has the block, too");
                }
            });
            while INSIDE.load(Ordering::SeqCst) < common::scaled(1000) as u32 {
                assert!(!parent.is_finished(), "the child has found its blocks changed");
                ARENA.trim();
            }
            stop.store(true, Ordering::Relaxed);
            parent.join().expect("no panic");
        });
        common::verify(&ARENA);
    });
}

extern "C" fn does_nothing(_signal: c_int) {}

/// Where nobody counts as asleep, `trim` still gives back what its caller has, be others at it at the same time.
#[test]
fn the_callers_own_is_trimmed_whoever_else_trims() {
    common::in_child("the_callers_own_is_trimmed_whoever_else_trims", || {
        // SAFETY: a handler of the type that is asked for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = does_nothing as *const () as usize;
            action.sa_flags = libc::SA_NODEFER;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, null_mut()), 0);
        }
        common::threads(6, |i| {
            let slab = 1024 << i;
            for _ in 0..common::scaled(2000) {
                Block::new(&ARENA, layout(slab - 8, 8), 1).expect("memory").free(&ARENA);
                ARENA.trim();
                assert!(ARENA.utilization().all(|usage| usage.slab != slab), "{slab}: {ARENA}");
            }
        });
        common::verify(&ARENA);
    });
}
