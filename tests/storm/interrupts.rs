//! Threads that are interrupted and cancelled while they allocate.

use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::Storm;
use crate::common::{Block, KIB, threads};

unsafe extern "C-unwind" {
    /// Ends the calling thread here if its cancellation was asked for.
    fn pthread_testcancel();
}

unsafe extern "C" {
    fn pthread_cancel(thread: libc::pthread_t) -> i32;
}

static DELIVERED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_: i32) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
}

/// Ten thousand signals a second hit threads that allocate, free each other's blocks and run into the cap.
pub fn signals(storm: &Storm) -> Vec<Block> {
    const WORKERS: usize = 3;
    // SAFETY: the handler only counts; all-zero bytes are a valid action without flags: calls are not restarted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    let before = DELIVERED.load(Ordering::Relaxed);
    let numbers: [AtomicU32; WORKERS] = [const { AtomicU32::new(0) }; WORKERS];
    let left = AtomicU32::new(WORKERS as u32);
    let pool = Mutex::new(Vec::<Block>::new());
    let kept = threads(WORKERS + 1, |i| {
        if i == WORKERS {
            // SAFETY: queries and settings of the calling thread; a signal to a thread of this process that has gone
            // is refused.
            unsafe {
                libc::prctl(libc::PR_SET_TIMERSLACK, 1);
                while left.load(Ordering::Acquire) > 0 {
                    for number in &numbers {
                        let number = number.load(Ordering::Acquire);
                        if number != 0 {
                            libc::syscall(libc::SYS_tgkill, libc::getpid(), number, libc::SIGUSR1);
                        }
                        let pause = libc::timespec { tv_sec: 0, tv_nsec: 30_000 };
                        libc::nanosleep(&raw const pause, std::ptr::null_mut());
                    }
                }
            }
            return Vec::new();
        }
        // SAFETY: a query without preconditions.
        numbers[i].store(unsafe { libc::syscall(libc::SYS_gettid) } as u32, Ordering::Release);
        let mut hand = storm.hand(i);
        let mut own = Vec::new();
        for round in 0..storm.length {
            own.extend(hand.blocks(200));
            hand.rng.shuffle(&mut own);
            let given = own.split_off(own.len() / 2);
            let theirs = std::mem::replace(&mut *pool.lock().expect("no panic"), given);
            theirs.into_iter().for_each(|block| hand.free(block));
            own.drain(..own.len() / 2).for_each(|block| hand.free(block));
            if round % 20 == i {
                // Past the cap: recovery is interrupted, too.
                let mut large = Vec::new();
                while let Some(block) = hand.sized(1 << 20) {
                    large.push(block);
                    if large.len() > 400 {
                        break;
                    }
                }
                large.into_iter().for_each(|block| hand.free(block));
                storm.arena.trim();
            }
        }
        left.fetch_sub(1, Ordering::Release);
        own
    });
    storm.tally.signals.fetch_add(DELIVERED.load(Ordering::Relaxed) - before, Ordering::Relaxed);
    kept.into_iter().flatten().chain(pool.into_inner().expect("no panic")).collect()
}

/// What threads that will be cancelled share. Their own frames own nothing when they are.
struct Doomed<'a> {
    storm: &'a Storm<'a>,
    pool: Mutex<Vec<Block>>,
    steps: AtomicU64,
    full: AtomicBool,
}

impl Doomed<'_> {
    fn step(&self) {
        let number = self.steps.fetch_add(1, Ordering::Relaxed);
        let mut hand = self.storm.same_hand(number as usize);
        let mut own = hand.blocks(40);
        // A full arena sends the thread through recovery, which must be no place to be cancelled at.
        if self.full.load(Ordering::Relaxed) {
            own.extend(std::iter::from_fn(|| hand.sized(256 * KIB)).take(20));
            let _ = self.storm.arena.allocate(crate::common::layout(self.storm.arena.capacity(), 8));
        }
        let theirs = std::mem::replace(&mut *self.pool.lock().expect("no panic"), own);
        theirs.into_iter().for_each(|block| hand.free(block));
    }
}

extern "C-unwind" fn doomed(shared: *mut c_void) -> *mut c_void {
    loop {
        // SAFETY: the canceller joins this thread before the value goes.
        unsafe { &*shared.cast::<Doomed>() }.step();
        // SAFETY: no frame of this thread owns anything here.
        unsafe { pthread_testcancel() };
    }
}

/// Threads are cancelled at any moment; it takes effect where they ask for it, never inside the arena.
pub fn cancellation(storm: &Storm) -> Vec<Block> {
    let shared = Doomed { storm, pool: Mutex::new(Vec::new()), steps: AtomicU64::new(0), full: AtomicBool::new(false) };
    // An idle owner of unused pools, for recovery to look at.
    let (idle, ready) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let idler = scope.spawn(|| {
            let mut hand = storm.hand(0);
            let touched = hand.blocks(300);
            touched.into_iter().for_each(|block| hand.free(block));
            ready.wait();
            idle.wait();
        });
        ready.wait();
        for round in 0..storm.length / 5 {
            shared.full.store(round % 2 == 1, Ordering::Relaxed);
            let before = shared.steps.load(Ordering::Relaxed);
            let started: Vec<libc::pthread_t> = (0..3).map(|_| start(&shared)).collect();
            storm.tally.threads.fetch_add(3, Ordering::Relaxed);
            while shared.steps.load(Ordering::Relaxed) < before + 3 + round as u64 % 5 {
                std::thread::yield_now();
            }
            for &thread in &started {
                // SAFETY: the thread has not been joined yet.
                assert_eq!(unsafe { pthread_cancel(thread) }, 0);
            }
            for thread in started {
                let mut result = std::ptr::null_mut();
                // SAFETY: joined once; `result` is valid for writing.
                assert_eq!(unsafe { libc::pthread_join(thread, &raw mut result) }, 0);
                assert_eq!(result.addr(), usize::MAX, "the thread was cancelled");
                storm.tally.cancelled.fetch_add(1, Ordering::Relaxed);
            }
        }
        idle.wait();
        idler.join().expect("no panic");
    });
    shared.pool.into_inner().expect("no panic")
}

fn start(shared: &Doomed) -> libc::pthread_t {
    let mut thread = std::mem::MaybeUninit::uninit();
    let body: extern "C-unwind" fn(*mut c_void) -> *mut c_void = doomed;
    // SAFETY: the two function types differ in what an unwinding does only, and the C library starts threads so that
    // a cancellation may unwind them.
    let body = unsafe {
        std::mem::transmute::<extern "C-unwind" fn(*mut c_void) -> *mut c_void, extern "C" fn(*mut c_void) -> *mut c_void>(
            body,
        )
    };
    let argument = std::ptr::from_ref(shared).cast_mut().cast();
    // SAFETY: `thread` is valid for writing, default attributes; the argument outlives the thread.
    assert_eq!(unsafe { libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), body, argument) }, 0);
    // SAFETY: written, as the call succeeded.
    unsafe { thread.assume_init() }
}
