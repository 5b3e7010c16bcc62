//! Memory system calls that fail on command, in the code that ships: a seccomp filter hands every such call of a
//! forked child to a supervising thread, which lets the kernel carry it out or answers with an error instead.
//!
//! | file | noun |
//! |---|---|
//! | [`ledger`] | the rule in force and what came of it, in memory that child and parent share |
//! | [`supervisor`] | the filter, and the thread that answers for the kernel |
//! | [`scenarios`] | lives of an arena, each of which must survive any rule |
#![allow(dead_code)] // every test binary uses its own part

pub mod ledger;
pub mod scenarios;
pub mod supervisor;

#[allow(unused_imports)] // every test binary uses its own part
pub use ledger::{CALLS, Call, Ledger, Rule};

const MARK: i32 = 4242;

/// Panics unless `work` leaves `errno` as it was: the arena's calls must, above all `free`.
pub fn keeps_errno<T>(what: &str, work: impl FnOnce() -> T) -> T {
    // SAFETY: the calling thread's own `errno`.
    unsafe { *libc::__errno_location() = MARK };
    let done = work();
    // SAFETY: as above.
    let errno = unsafe { *libc::__errno_location() };
    assert_eq!(errno, MARK, "{what} changed errno");
    done
}
