//! Linux: what only the checks of [`hardened`](crate::hardened) need.

use core::ffi::c_void;

use super::KeepErrno;

/// Two random words: the kernel's, or where it has none to give, those it gave the process at its start.
pub(crate) fn random() -> [u64; 2] {
    let _errno = KeepErrno::new();
    let mut words = [0u64; 2];
    let bytes = size_of_val(&words);
    // SAFETY: the buffer holds the bytes asked for.
    let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), bytes, libc::GRND_NONBLOCK) };
    if got == bytes as isize {
        return words;
    }
    // SAFETY: the kernel puts 16 bytes where this entry points, for the life of the process.
    unsafe {
        let start = libc::getauxval(libc::AT_RANDOM) as *const [u64; 2];
        if start.is_null() { [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344] } else { start.read_unaligned() }
    }
}

/// Whether so many bytes can be read at an address, whatever it is. Where the kernel does not tell: yes.
pub(crate) fn is_readable(address: usize, bytes: usize) -> bool {
    let _errno = KeepErrno::new();
    let mut copy = [0u8; 32];
    let bytes = bytes.min(copy.len());
    let local = libc::iovec { iov_base: copy.as_mut_ptr().cast::<c_void>(), iov_len: bytes };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes };
    // SAFETY: the kernel writes to the buffer, which holds the bytes, and checks the other address itself.
    unsafe {
        let got = libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0);
        got == bytes as isize || (got < 0 && *libc::__errno_location() != libc::EFAULT)
    }
}
