//! The environment, read without allocating, at a time when libc may not have it yet.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    /// Null until libc's constructor has run.
    static environ: *const *const c_char;
}

/// Longest entry that is looked at; longer ones are none of ours.
const LONGEST: usize = 256;

/// Calls `visit` with each entry, as `NAME=value`.
pub(crate) fn each(visit: impl FnMut(&[u8])) {
    // SAFETY: libc's variable; nobody changes the environment while the first block of the process is allocated.
    let entries = unsafe { environ };
    if entries.is_null() { from_kernel(visit) } else { from_libc(entries, visit) }
}

fn from_libc(mut entry: *const *const c_char, mut visit: impl FnMut(&[u8])) {
    // SAFETY: an array of C strings that ends with a null pointer.
    unsafe {
        while !(*entry).is_null() {
            visit(CStr::from_ptr(*entry).to_bytes());
            entry = entry.add(1);
        }
    }
}

/// What the process was started with.
fn from_kernel(mut visit: impl FnMut(&[u8])) {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(c"/proc/self/environ".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return;
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
}
