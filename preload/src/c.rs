//! The functions of C, as the manual of glibc describes them.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use crate::block::{self, set_errno};
use crate::global::ready;

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    block::allocate(size).cast()
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => block::allocate_zeroed(bytes).cast(),
        None => fail(libc::ENOMEM),
    }
}

/// # Safety
/// The pointer is null or a live block's, which is not used afterwards. So for all functions below that take one.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(ptr: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { block::free(ptr.cast()) }
}

/// Of programs older than glibc 2.26, which have it from libc still.
///
/// # Safety
/// As [`free`].
#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(ptr: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { block::free(ptr.cast()) }
}

/// The sizes are of no use: a program that gets them wrong should not pay with its heap.
///
/// # Safety
/// As [`free`].
#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(ptr: *mut c_void, _size: usize) {
    // SAFETY: the caller's promise.
    unsafe { block::free(ptr.cast()) }
}

/// # Safety
/// As [`free`].
#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(ptr: *mut c_void, _align: usize, _size: usize) {
    // SAFETY: the caller's promise.
    unsafe { block::free(ptr.cast()) }
}

/// A size of 0 frees the block and yields null.
///
/// # Safety
/// As [`free`]; where null is returned for a size other than 0, the block is as it was.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(ptr: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { block::resize(ptr.cast(), size).cast() }
}

/// # Safety
/// As [`realloc`].
#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(ptr: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the caller's promise.
        Some(bytes) => unsafe { realloc(ptr, bytes) },
        None => fail(libc::ENOMEM),
    }
}

/// An alignment that is no power of two is `EINVAL`; the size need not be a multiple of it.
#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if align.is_power_of_two() { block::allocate_aligned(size, align).cast() } else { fail(libc::EINVAL) }
}

/// An alignment that is no power of two counts as the next one.
#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => block::allocate_aligned(size, align).cast(),
        None => fail(libc::EINVAL),
    }
}

/// `errno` stays: the code is returned.
///
/// # Safety
/// `result` is writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    // SAFETY: libc gives every thread its own errno for the thread's whole life.
    let errno = unsafe { *libc::__errno_location() };
    let block = block::allocate_aligned(size, align);
    if block.is_null() {
        set_errno(errno);
        return libc::ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { result.write(block.cast()) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn valloc(size: usize) -> *mut c_void {
    block::allocate_aligned(size, page_size()).cast()
}

/// The size counts as the next multiple of the page's.
#[unsafe(no_mangle)]
extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(page_size()) {
        Some(size) => block::allocate_aligned(size, page_size()).cast(),
        None => fail(libc::ENOMEM),
    }
}

/// # Safety
/// As [`free`], but the block stays live.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(ptr: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    NonNull::new(ptr.cast::<u8>()).and_then(|block| unsafe { block::usable_size(block) }).unwrap_or(0)
}

/// Gives the memory of empty pools back; 1 if there was any. What to keep is the arena's decision.
#[unsafe(no_mangle)]
extern "C" fn malloc_trim(_keep: usize) -> c_int {
    (ready().0.trim() > 0) as c_int
}

fn page_size() -> usize {
    // SAFETY: a query without preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

#[cold]
fn fail(code: c_int) -> *mut c_void {
    set_errno(code);
    null_mut()
}
