//! Linux, through `libc`.

use core::ptr::{NonNull, null_mut};

use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// Puts `errno` back as it was: callers of `free` rely on it.
pub(crate) struct KeepErrno(i32);

impl KeepErrno {
    pub(crate) fn new() -> KeepErrno {
        // SAFETY: libc gives every thread its own errno for the thread's whole life.
        KeepErrno(unsafe { *libc::__errno_location() })
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        // SAFETY: as in `new`; the guard does not leave its thread.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

/// Bytes of an OS page, read at run time: 4 KiB to 64 KiB.
pub(crate) fn page_size() -> usize {
    static CACHED: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: every thread computes the same value.
    let cached = CACHED.load(Ordering::Relaxed);
    if cached != 0 {
        return cached;
    }
    // SAFETY: a query without preconditions.
    let asked = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let size = if asked > 0 { asked as usize } else { 4096 };
    CACHED.store(size, Ordering::Relaxed);
    size
}

/// Address space without memory behind it; not readable until committed.
pub(crate) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
    let _errno = KeepErrno::new();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe { libc::mmap(null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Makes reserved memory readable and writable; fresh memory reads as zero.
///
/// # Safety
/// The range lies in one reservation of [`reserve`].
pub(crate) unsafe fn commit(start: *mut u8, bytes: usize) -> bool {
    let _errno = KeepErrno::new();
    // SAFETY: the caller owns the range; adding permissions invalidates nothing.
    unsafe { libc::mprotect(start.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE) == 0 }
}

/// Gives the memory back, keeps the address space committed; it reads as zero afterwards.
///
/// # Safety
/// The range is committed and nobody needs its contents.
pub(crate) unsafe fn decommit(start: *mut u8, bytes: usize) -> bool {
    let _errno = KeepErrno::new();
    // The second is for memory that the program has locked, which the first refuses; kernels have it since 5.18.
    [libc::MADV_DONTNEED, libc::MADV_DONTNEED_LOCKED]
        .into_iter()
        // SAFETY: the caller gives up the contents; the range stays mapped.
        .any(|advice| unsafe { libc::madvise(start.cast(), bytes, advice) == 0 })
}

/// Says of each OS page whether memory backs it, in the lowest bit of its byte; of one that was swapped out: no.
/// `false`: the kernel does not tell.
///
/// # Safety
/// The range is committed, and `pages` has a byte for each of its pages.
pub(crate) unsafe fn resident(start: *mut u8, bytes: usize, pages: &mut [u8]) -> bool {
    let _errno = KeepErrno::new();
    // SAFETY: the caller's promise; nothing but `pages` is written to.
    unsafe { libc::mincore(start.cast(), bytes, pages.as_mut_ptr().cast()) == 0 }
}

/// Gives address space and memory back.
///
/// # Safety
/// The range comes from [`reserve`], and nobody uses it any more.
pub(crate) unsafe fn release(start: *mut u8, bytes: usize) {
    let _errno = KeepErrno::new();
    // SAFETY: the caller gives up the range. A refusal (mapping limit) leaks address space, nothing else.
    unsafe { libc::munmap(start.cast(), bytes) };
}

/// Asks for huge pages in the range, or against them. Advice: failure is ignored.
///
/// # Safety
/// The range lies in a reservation of the caller.
pub(crate) unsafe fn advise_huge(start: *mut u8, bytes: usize, wanted: bool) {
    let _errno = KeepErrno::new();
    let advice = if wanted { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: advice changes no contents.
    unsafe { libc::madvise(start.cast(), bytes, advice) };
}

/// Nanoseconds for which the calling thread has been running: other threads' turns do not count.
pub(crate) fn processor_time() -> u64 {
    let _errno = KeepErrno::new();
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable; the clock exists on every kernel.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The kernel's number of the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: a query without preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// An address that no other living thread has, and that stays the thread's in the child of a fork.
pub(crate) fn thread_mark() -> usize {
    // SAFETY: libc gives every thread its own errno.
    unsafe { libc::__errno_location() as usize }
}

/// Lets other threads run.
pub(crate) fn give_way() {
    // SAFETY: a request without preconditions.
    unsafe { libc::sched_yield() };
}

/// Sleeps for a twentieth of a millisecond or a little longer; any signal ends it.
pub(crate) fn nap() {
    let _errno = KeepErrno::new();
    let time = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
    // Past the C library's wrapper, which is a cancellation point.
    // SAFETY: `time` is valid for reading, and the rest is not asked for.
    unsafe { libc::syscall(libc::SYS_nanosleep, &raw const time, core::ptr::null_mut::<libc::timespec>()) };
}

/// The kernel's number of the process.
pub(crate) fn process_id() -> u32 {
    // SAFETY: a query without preconditions.
    unsafe { libc::getpid() as u32 }
}

/// Whether the process has no thread of that number any more.
pub(crate) fn thread_is_gone(thread: u32) -> bool {
    let _errno = KeepErrno::new();
    // SAFETY: signal 0 is not sent, only its target is looked for.
    unsafe {
        libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) != 0 && *libc::__errno_location() == libc::ESRCH
    }
}

/// Address of a thread's list of robust locks, which the C library tells the kernel; thread 0 is the calling one.
/// `None`: the kernel does not say.
pub(crate) fn robust_list(thread: u32) -> Option<usize> {
    let _errno = KeepErrno::new();
    let (mut head, mut bytes) = (0_usize, 0_usize);
    // SAFETY: the kernel writes two words.
    let asked = unsafe { libc::syscall(libc::SYS_get_robust_list, thread, &raw mut head, &raw mut bytes) };
    (asked == 0).then_some(head)
}

/// Sleeps while the word holds `expected`; may return early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
    let _errno = KeepErrno::new();
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word outlives the call; no time-out.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, expected, null_mut::<libc::timespec>()) };
}

/// Wakes one sleeper of [`futex_wait`].
pub(crate) fn futex_wake_one(word: &AtomicU32) {
    let _errno = KeepErrno::new();
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the address as a key only.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, 1) };
}

pub(crate) fn write_stderr(bytes: &[u8]) {
    // SAFETY: the buffer is readable for its length. A failed write has nowhere to be reported.
    unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
}

pub(crate) fn abort() -> ! {
    // SAFETY: no preconditions.
    unsafe { libc::abort() }
}

/// Registers fork handlers, once per process.
pub(crate) fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    static DONE: AtomicU32 = AtomicU32::new(0);
    // Relaxed: whoever comes first registers; the others need not wait for it.
    if DONE.swap(1, Ordering::Relaxed) == 0 {
        let _errno = KeepErrno::new();
        // SAFETY: the handlers live as long as the program. Without memory for it, forks of threaded programs are
        // as safe as before; nothing else depends on it.
        unsafe { libc::pthread_atfork(Some(raw(before)), Some(raw(in_parent)), Some(raw(in_child))) };
    }
}

/// The same function under the type that `libc` asks for.
fn raw(handler: extern "C" fn()) -> unsafe extern "C" fn() {
    handler
}
