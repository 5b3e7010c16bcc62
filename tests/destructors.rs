//! Promise: thread-local destructors allocate and free, registered before the arena's own or after, however deep.

mod common;

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arenal::Arena;
use common::{Block, MIB, layout};

/// On its drop it frees what it holds, allocates, leaves blocks to others, and frees what others left.
struct Guard(RefCell<Vec<Block>>);

static ARENA: Arena = Arena::new(64 << 20);
static LEFT: Mutex<Vec<Block>> = Mutex::new(Vec::new());
static DROPS: AtomicUsize = AtomicUsize::new(0);

impl Drop for Guard {
    fn drop(&mut self) {
        for block in self.0.take() {
            block.free(&ARENA);
        }
        churn(&ARENA);
        let left = std::mem::take(&mut *LEFT.lock().expect("no panic"));
        for block in left {
            block.free(&ARENA);
        }
        let own = (0..20).map(|seed| Block::new(&ARENA, layout(64, 8), seed).expect("memory"));
        LEFT.lock().expect("no panic").extend(own);
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static BEFORE: Guard = const { Guard(RefCell::new(Vec::new())) };
    static AFTER: Guard = const { Guard(RefCell::new(Vec::new())) };
}

fn churn(arena: &Arena) {
    let blocks: Vec<Block> = (0..100)
        .map(|i| Block::new(arena, layout(8 << (i % 10), 8), i as u64).expect("memory in a destructor"))
        .collect();
    for block in blocks {
        assert!(block.inside(arena));
        block.free(arena);
    }
    let mut growing = Block::new(arena, layout(100, 8), 1).expect("memory");
    assert!(growing.resize(arena, 10_000));
    growing.free(arena);
}

#[test]
fn destructors_around_the_arenas_own() {
    for round in 0..common::scaled(200) {
        common::threads(3, |i| {
            BEFORE.with(|_| ()); // registers its destructor while the arena knows nothing of this thread
            let mut blocks: Vec<Block> =
                (0..60).map(|seed| Block::new(&ARENA, layout(48 + i * 100, 8), seed).expect("memory")).collect();
            AFTER.with(|guard| guard.0.borrow_mut().extend(blocks.drain(..30)));
            BEFORE.with(|guard| guard.0.borrow_mut().extend(blocks));
        });
        assert_eq!(DROPS.load(Ordering::Relaxed), (round + 1) * 6);
    }
    for block in std::mem::take(&mut *LEFT.lock().expect("no panic")) {
        block.free(&ARENA);
    }
    // Pool memory must not grow with the number of threads.
    assert_eq!(ARENA.info().allocated, 0);
    assert!(ARENA.info().heap <= 16 * MIB, "{}", ARENA.info());
    common::verify(&ARENA);
}

#[test]
fn a_thread_whose_first_use_is_its_destructor() {
    static FIRST: Arena = Arena::new(16 << 20);
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            churn(&FIRST);
        }
    }
    thread_local!(static LATE: Late = const { Late });
    for _ in 0..100 {
        common::threads(2, |_| LATE.with(|_| ()));
    }
    assert_eq!(FIRST.info().allocated, 0);
    assert!(FIRST.info().heap > 0, "the destructor did not run");
    common::verify(&FIRST);
}

#[test]
fn posix_keys_run_after_every_rust_destructor() {
    static ARENA: Arena = Arena::new(16 << 20);
    static KEY: AtomicUsize = AtomicUsize::new(0);
    static ROUNDS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn destructor(value: *mut c_void) {
        churn(&ARENA);
        ROUNDS.fetch_add(1, Ordering::Relaxed);
        let left = value.addr() - 1;
        if left > 0 {
            // SAFETY: the key exists until the end of the test.
            unsafe {
                libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, std::ptr::without_provenance(left))
            };
        }
    }

    let mut key = 0;
    // SAFETY: `key` is valid for writing; the destructor frees nothing of the value, which is a mere number.
    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) }, 0);
    KEY.store(key as usize, Ordering::Relaxed);
    for _ in 0..50 {
        common::threads(2, |i| {
            if i == 0 {
                churn(&ARENA);
            }
            // SAFETY: the key exists.
            unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(3)) };
        });
    }
    // SAFETY: every thread that set the key has been joined.
    unsafe { libc::pthread_key_delete(key) };
    assert_eq!(ROUNDS.load(Ordering::Relaxed), 50 * 2 * 3, "each value counts down from three");
    assert_eq!(ARENA.info().allocated, 0);
    common::verify(&ARENA);
}

/// What C++ `thread_local` objects and Rust's standard library register their destructors with.
#[cfg(target_env = "gnu")]
#[test]
fn a_thousand_nested_destructors() {
    struct Nest<'a> {
        arena: &'a Arena,
        left: usize,
        block: Option<Block>,
    }
    unsafe extern "C" {
        static __dso_handle: u8;
        fn __cxa_thread_atexit_impl(run: extern "C" fn(*mut c_void), with: *mut c_void, dso: *const u8) -> i32;
    }
    fn register(nest: *mut Nest<'_>) {
        // SAFETY: the object outlives the thread, and the handle is this binary's.
        let failed = unsafe { __cxa_thread_atexit_impl(run, nest.cast(), &raw const __dso_handle) };
        assert_eq!(failed, 0);
    }
    extern "C" fn run(nest: *mut c_void) {
        let this = nest.cast::<Nest<'_>>();
        // SAFETY: the test keeps the object until the thread has been joined, and only this thread uses it.
        let nest = unsafe { &mut *this };
        if let Some(block) = nest.block.take() {
            block.free(nest.arena);
        }
        if nest.left > 0 {
            nest.left -= 1;
            let layout = layout(8 + nest.left % 500, 8);
            nest.block = Some(Block::new(nest.arena, layout, nest.left as u64).expect("memory"));
            register(this);
        }
    }

    let arena = common::bounded(16 * MIB);
    common::threads(2, |i| {
        let nest = Box::leak(Box::new(Nest { arena: &arena, left: 1000, block: None }));
        if i == 0 {
            churn(&arena);
        }
        register(nest);
        churn(&arena);
    });
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}
