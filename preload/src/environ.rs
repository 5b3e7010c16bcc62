//! The environment, read without allocating, at a time when libc may not have it yet.

use core::ffi::{CStr, c_char};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

unsafe extern "C" {
    /// Null until libc's constructor has run.
    static environ: *const *const c_char;
}

use crate::block::set_errno;

/// Longest entry that is looked at; longer ones are none of ours.
const LONGEST: usize = 256;

/// What the dynamic linker told at the start; null before.
static TOLD: AtomicPtr<*const c_char> = AtomicPtr::new(null_mut());

/// Takes what the dynamic linker says that the entries are, at a time when libc may not.
pub(crate) fn begin(entries: *const *const c_char) {
    // Relaxed: no other thread is there yet.
    TOLD.store(entries.cast_mut(), Ordering::Relaxed);
}

/// Calls `visit` with each entry, as `NAME=value`.
pub(crate) fn each(visit: impl FnMut(&[u8])) {
    // SAFETY: libc's variable; nobody changes the environment while the first block of the process is allocated.
    let entries = [unsafe { environ }, TOLD.load(Ordering::Relaxed)];
    match entries.into_iter().find(|entries| !entries.is_null()) {
        Some(entries) => from_array(entries, visit),
        None => from_kernel(visit),
    }
}

fn from_array(mut entry: *const *const c_char, mut visit: impl FnMut(&[u8])) {
    // SAFETY: an array of C strings that ends with a null pointer.
    unsafe {
        while !(*entry).is_null() {
            visit(CStr::from_ptr(*entry).to_bytes());
            entry = entry.add(1);
        }
    }
}

/// What the process was started with. `errno` stays.
fn from_kernel(mut visit: impl FnMut(&[u8])) {
    // SAFETY: libc gives every thread its own errno.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(c"/proc/self/environ".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return set_errno(errno);
    }
    let mut read = [0u8; 1024];
    let (mut entry, mut length) = ([0u8; LONGEST], 0);
    loop {
        // SAFETY: the buffer has that many bytes.
        let count = unsafe { libc::read(file, read.as_mut_ptr().cast(), read.len()) };
        let Ok(count @ 1..) = usize::try_from(count) else { break };
        for &byte in &read[..count] {
            if byte == 0 {
                if length <= LONGEST {
                    visit(&entry[..length]);
                }
                length = 0;
            } else {
                if length < LONGEST {
                    entry[length] = byte;
                }
                length += 1;
            }
        }
    }
    // SAFETY: opened above.
    unsafe { libc::close(file) };
    set_errno(errno);
}
