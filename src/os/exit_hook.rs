//! Linux: what runs at the end of each thread.

use core::ffi::c_void;

use super::KeepErrno;
use crate::sync::{AtomicU32, Ordering};

/// The process's key + 1; 0: none yet; [`GONE`]: no more.
static KEY: AtomicU32 = AtomicU32::new(0);

const GONE: u32 = u32::MAX;

/// What runs `run` at the end of each thread that armed it, after all destructors of thread-locals.
pub(crate) struct ExitHook(libc::pthread_key_t);

/// The process's hook, made at first use; `run` is the same each time. `None`: the process has no keys left.
pub(crate) fn exit_hook(run: extern "C" fn(*mut c_void)) -> Option<ExitHook> {
    // Relaxed: the key is a number, complete in itself.
    let known = KEY.load(Ordering::Relaxed);
    if known != 0 {
        return ExitHook::of(known);
    }
    let _errno = KeepErrno::new();
    let mut key = 0;
    // SAFETY: `key` is writable, and the destructor has the C calling convention.
    if unsafe { libc::pthread_key_create(&mut key, Some(run)) } != 0 {
        return None;
    }
    match KEY.compare_exchange(0, key + 1, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Some(ExitHook(key)),
        Err(other) => {
            // SAFETY: nobody has seen this key.
            unsafe { libc::pthread_key_delete(key) };
            ExitHook::of(other)
        }
    }
}

impl ExitHook {
    fn of(word: u32) -> Option<ExitHook> {
        if word == GONE { None } else { Some(ExitHook(word - 1)) }
    }

    /// For the calling thread; may allocate. `false`: there is no memory for it.
    pub(crate) fn arm(self) -> bool {
        let _errno = KeepErrno::new();
        // SAFETY: the key exists; its value only has to be non-null.
        unsafe { libc::pthread_setspecific(self.0, core::ptr::dangling::<u8>().cast()) == 0 }
    }
}

/// Run when the object that this is part of leaves the process, or the process ends: threads that armed the hook may
/// live on, and must not run into what is not there any more.
#[used]
#[unsafe(link_section = ".fini_array")]
static FORGET: extern "C" fn() = forget;

extern "C" fn forget() {
    // Relaxed: as above.
    if let Some(key) = KEY.swap(GONE, Ordering::Relaxed).checked_sub(1) {
        // SAFETY: the key was made by `exit_hook`, and this runs once.
        unsafe { libc::pthread_key_delete(key) };
    }
}
