//! Threads as shuttle schedules them, over the real memory calls.
//!
//! A model's thread says itself when it falls asleep in a system call, and when it is gone: see [`asleep`] and
//! [`gone`].

use core::cell::Cell;
use core::ffi::c_void;
use std::sync::Mutex;

use shuttle::rand::Rng;

pub(crate) use super::linux::{
    KeepErrno, abort, advise_huge, commit, decommit, page_size, process_id, processor_time, release, reserve, resident,
    thread_mark, write_stderr,
};
use crate::sync::AtomicU32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Asleep,
    Gone,
}

/// By thread number, from 1, and how often each has woken. Reached without a point at which another thread may go on:
/// the kernel's own view.
static STATES: Mutex<Vec<(State, u32)>> = Mutex::new(Vec::new());

shuttle::thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

fn states<T>(work: impl FnOnce(&mut Vec<(State, u32)>) -> T) -> T {
    work(&mut STATES.lock().expect("nobody panics here"))
}

fn set(state: State) {
    let number = thread_id();
    states(|states| {
        let (now, wakes) = &mut states[number as usize - 1];
        *wakes += (*now == State::Asleep) as u32;
        *now = state;
    });
}

/// Forgets the threads of the last execution.
pub(crate) fn begin() {
    states(Vec::clear);
}

/// The calling thread is in a system call while `wait` runs, which must not touch any arena.
pub(crate) fn asleep(wait: impl FnOnce()) {
    set(State::Asleep);
    wait();
    set(State::Running);
}

/// The calling thread is about to end.
pub(crate) fn gone() {
    set(State::Gone);
}

pub(crate) fn thread_id() -> u32 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(states(|states| {
                states.push((State::Running, 0));
                states.len() as u32
            }));
        }
        number.get()
    })
}

pub(crate) fn thread_is_gone(thread: u32) -> bool {
    states(|states| states.get(thread as usize - 1).is_some_and(|&(state, _)| state == State::Gone))
}

/// Threads that are explored have none.
pub(crate) fn robust_list(_thread: u32) -> Option<usize> {
    None
}

/// No thread is interrupted by a signal.
pub(crate) fn seems_asleep(thread: u32) -> bool {
    is_asleep(thread)
}

/// The look takes a while: what it saw may be over when it returns.
pub(crate) fn is_asleep(thread: u32) -> bool {
    let asleep = sleep_of(thread).is_some();
    let long = shuttle::rand::thread_rng().gen_range(0..4);
    (0..long).for_each(|_| shuttle::thread::yield_now());
    asleep
}

pub(crate) fn asleep_throughout<T>(thread: u32, look: impl FnOnce() -> T) -> Option<T> {
    let before = sleep_of(thread)?;
    let seen = look();
    (sleep_of(thread) == Some(before)).then_some(seen)
}

/// Which of its sleeps the thread is in.
fn sleep_of(thread: u32) -> Option<u32> {
    states(|states| match states.get(thread as usize - 1) {
        Some(&(State::Asleep, wakes)) => Some(wakes),
        _ => None,
    })
}

/// Asleep in a system call, as any other.
pub(crate) fn futex_wait(_word: &AtomicU32, _expected: u32) {
    asleep(|| (0..4).for_each(|_| shuttle::thread::yield_now()));
}

pub(crate) fn futex_wake_one(_word: &AtomicU32) {}

pub(crate) fn give_way() {
    shuttle::thread::yield_now();
}

pub(crate) fn nap() {
    asleep(shuttle::thread::yield_now);
}

/// Nobody forks.
pub(crate) fn at_fork(_before: extern "C" fn(), _in_parent: extern "C" fn(), _in_child: extern "C" fn()) {}

/// A model's threads call the exit hook themselves.
pub(crate) struct ExitHook;

pub(crate) fn exit_hook(_run: extern "C" fn(*mut c_void)) -> Option<ExitHook> {
    Some(ExitHook)
}

impl ExitHook {
    pub(crate) fn arm(self) -> bool {
        true
    }
}
