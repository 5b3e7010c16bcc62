//! Blocks that are mapped by themselves: above the threshold, or aligned beyond what the arena serves.
//!
//! ```text
//! | unused, to the alignment | header's page | the caller's bytes … |
//! ```
//!
//! All of them stand in a table, so that `free` can tell them from addresses that nobody here ever handed out. They are
//! few and cost system calls, so that a lock around it all does no harm.

use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Before each block, on the page that ends where the block begins.
struct Header {
    /// Next in the table's row.
    next: *mut Header,
    /// Bytes that the caller may use.
    usable: usize,
    /// The mapping.
    start: usize,
    bytes: usize,
}

/// 65,530 mappings, the kernel's customary limit, are 16 to a row.
const ROWS: usize = 4096;

struct Table {
    lock: UnsafeCell<libc::pthread_mutex_t>,
    rows: UnsafeCell<[*mut Header; ROWS]>,
    /// Bytes in callers' hands.
    held: UnsafeCell<usize>,
}

// SAFETY: the cells are reached under the lock only.
unsafe impl Sync for Table {}

static TABLE: Table = Table {
    lock: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
    rows: UnsafeCell::new([null_mut(); ROWS]),
    held: UnsafeCell::new(0),
};

/// Mark of the thread that forks, and so has the lock: other fork handlers may allocate meanwhile. 0: none does.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// An address that no other living thread has, and that stays the thread's in the child of a fork.
fn mark() -> usize {
    // SAFETY: libc gives every thread its own errno.
    unsafe { libc::__errno_location() as usize }
}

fn lock() {
    // SAFETY: a mutex made in place, never moved.
    unsafe { libc::pthread_mutex_lock(TABLE.lock.get()) };
}

fn unlock() {
    // SAFETY: the caller, or its parent before a fork, holds the lock.
    unsafe { libc::pthread_mutex_unlock(TABLE.lock.get()) };
}

extern "C" fn before_fork() {
    lock();
    // Relaxed, here and below: only the thread itself, and its copy in the child, will find its mark.
    FORKS.store(mark(), Ordering::Relaxed);
}

extern "C" fn after_fork() {
    FORKS.store(0, Ordering::Relaxed);
    unlock();
}

/// Registers the fork handlers. May allocate, but no block of this kind.
pub(crate) fn register() {
    // SAFETY: the handlers live as long as the program.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) };
}

/// Whether there was a block of this kind: else the table need not be locked, by a thread that the child of a fork
/// lacks.
static USED: AtomicBool = AtomicBool::new(false);

fn used() -> bool {
    // Relaxed: whoever asks about a block learned of it after it was set.
    USED.load(Ordering::Relaxed)
}

fn with_table<T>(work: impl FnOnce(&mut [*mut Header; ROWS], &mut usize) -> T) -> T {
    let locked = FORKS.load(Ordering::Relaxed) == mark();
    if !locked {
        lock();
    }
    // SAFETY: the lock is held, and `work` does not come back here.
    let result = unsafe { work(&mut *TABLE.rows.get(), &mut *TABLE.held.get()) };
    if !locked {
        unlock();
    }
    result
}

fn page() -> usize {
    // SAFETY: a query without preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): blocks at regular distances share few rows.
const fn row(block: usize) -> usize {
    (block >> 12).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS - ROWS.trailing_zeros())
}

const _: () = {
    let mut pages = 1;
    while pages <= 1 << 10 {
        let mut blocks = [0_u8; ROWS];
        let mut block = 0;
        while block < ROWS / 8 {
            blocks[row(0x7000_0000_0000 + block * (pages << 12))] += 1;
            assert!(blocks[row(0x7000_0000_0000 + block * (pages << 12))] <= 4);
            block += 1;
        }
        pages += if pages < 64 { 1 } else { 31 };
    }
};

fn header(block: usize, page: usize) -> *mut Header {
    (block - page) as *mut Header
}

/// Maps a block; all its bytes are zero. Null: the limit is reached, or the kernel refuses.
pub(crate) fn allocate(size: usize, align: usize, limit: usize) -> *mut u8 {
    USED.store(true, Ordering::Relaxed);
    let page = page();
    let Some(usable) = size.checked_next_multiple_of(page) else { return null_mut() };
    let slack = align.saturating_sub(page);
    let Some(bytes) = usable.checked_add(page).and_then(|sum| sum.checked_add(slack)) else { return null_mut() };
    if !enter(usable, limit) {
        return null_mut();
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe { libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        with_table(|_, held| *held -= usable);
        return null_mut();
    }
    let start = start as usize;
    let block = (start + page).next_multiple_of(align.max(page));
    // SAFETY: the page before the block lies in the mapping.
    unsafe { header(block, page).write(Header { next: null_mut(), usable, start, bytes }) };
    insert(block, page);
    block as *mut u8
}

fn enter(usable: usize, limit: usize) -> bool {
    with_table(|_, held| match held.checked_add(usable) {
        Some(sum) if sum <= limit => {
            *held = sum;
            true
        }
        _ => false,
    })
}

fn insert(block: usize, page: usize) {
    with_table(|rows, _| {
        let header = header(block, page);
        // SAFETY: the header of a block in our hands.
        unsafe { (*header).next = rows[row(block)] };
        rows[row(block)] = header;
    });
}

/// Takes a block from the table; `None`: it is none of ours.
fn remove(block: usize, page: usize) -> Option<*mut Header> {
    if !used() {
        return None;
    }
    with_table(|rows, _| {
        let mut link: *mut *mut Header = &mut rows[row(block)];
        // SAFETY: headers in the table are of live blocks.
        unsafe {
            while !(*link).is_null() {
                let found = *link;
                if found as usize + page == block {
                    *link = (*found).next;
                    return Some(found);
                }
                link = &raw mut (*found).next;
            }
        }
        None
    })
}

/// Bytes that the caller of a block may use; `None`: it is none of ours.
pub(crate) fn usable_size(block: usize) -> Option<usize> {
    if !used() {
        return None;
    }
    let page = page();
    with_table(|rows, _| {
        let mut at = rows[row(block)];
        // SAFETY: headers in the table are of live blocks.
        unsafe {
            while !at.is_null() {
                if at as usize + page == block {
                    return Some((*at).usable);
                }
                at = (*at).next;
            }
        }
        None
    })
}

/// Frees a block; `false`: it is none of ours.
pub(crate) fn free(block: usize) -> bool {
    let Some(header) = remove(block, page()) else { return false };
    // SAFETY: out of the table the header is ours alone, and the caller gives the block up.
    unsafe {
        let Header { usable, start, bytes, .. } = header.read();
        with_table(|_, held| *held -= usable);
        let errno = *libc::__errno_location();
        // A refusal (mapping limit) leaks the block, nothing else.
        libc::munmap(start as *mut libc::c_void, bytes);
        *libc::__errno_location() = errno;
    }
    true
}

/// Resizes a block of ours by moving its pages. Null: it is as it was.
pub(crate) fn resize(block: usize, size: usize, limit: usize) -> *mut u8 {
    let page = page();
    let Some(usable) = size.checked_next_multiple_of(page) else { return null_mut() };
    let Some(header) = remove(block, page) else { return null_mut() };
    // SAFETY: out of the table the header is ours alone.
    let (old, lead) = unsafe { ((*header).usable, block - (*header).start) };
    let grows = usable.saturating_sub(old);
    let moved = match usable.checked_add(lead) {
        Some(bytes) if enter(grows, limit) => {
            // SAFETY: start and length are the mapping's, and the caller gives the old address up.
            let moved = unsafe {
                let start = (*header).start as *mut libc::c_void;
                libc::mremap(start, (*header).bytes, bytes, libc::MREMAP_MAYMOVE)
            };
            if moved == libc::MAP_FAILED {
                with_table(|_, held| *held -= grows);
                None
            } else {
                Some((moved as usize, bytes))
            }
        }
        _ => None,
    };
    let Some((start, bytes)) = moved else {
        insert(block, page);
        return null_mut();
    };
    let block = start + lead;
    with_table(|_, held| *held -= old.saturating_sub(usable));
    // SAFETY: the header moved along.
    unsafe { self::header(block, page).write(Header { next: null_mut(), usable, start, bytes }) };
    insert(block, page);
    block as *mut u8
}

/// Bytes in callers' hands.
pub(crate) fn held() -> usize {
    if used() { with_table(|_, held| *held) } else { 0 }
}
