//! Moving pages: what one range holds comes to lie in another, and is not copied.

use super::{KeepErrno, page_size};
use crate::fatal::fatal;

/// A shorter range that lies in several mappings is copied.
const SHORTEST: usize = 64 << 10;

/// Moves the contents of `from` to `to`: pages where the kernel moves them, bytes where it does not.
///
/// `true`: all pages were moved; `from` stays mapped and reads as zero. `false`: what it reads as is not known.
///
/// # Safety
/// Both ranges are committed, owned by the caller and disjoint; the contents of `to` are not needed.
pub(crate) unsafe fn move_pages(from: *mut u8, to: *mut u8, bytes: usize) -> bool {
    let _errno = KeepErrno::new();
    // SAFETY: the caller's promise, of parts of the ranges, too.
    unsafe {
        if is_one_mapping(from, bytes) {
            if move_mapping(from, to, bytes) {
                return true;
            }
        } else if bytes > SHORTEST {
            let half = (bytes / 2).next_multiple_of(page_size());
            let first = move_pages(from, to, half);
            return move_pages(from.add(half), to.add(half), bytes - half) && first;
        }
        to.copy_from_nonoverlapping(from, bytes);
    }
    false
}

/// Whether a range lies in one mapping of the kernel's. Where there are several, kernels before 6.17 refuse to move
/// them only after they have unmapped the target, where another thread's mapping may then be.
///
/// # Safety
/// The range is mapped and owned by the caller.
unsafe fn is_one_mapping(start: *mut u8, bytes: usize) -> bool {
    let page = page_size();
    // Without leave to move, a range in one mapping cannot grow into what is mapped behind it; of one in several it is
    // not even asked. Either is refused before anything is done.
    // SAFETY: no existing memory is touched; libc gives every thread its own errno.
    unsafe {
        if libc::mremap(start.cast(), bytes, bytes + page, 0) == libc::MAP_FAILED {
            return *libc::__errno_location() != libc::EFAULT;
        }
        // Nothing was mapped there.
        libc::munmap(start.add(bytes).cast(), page);
    }
    true
}

/// `false`: nothing was moved, and both are mapped.
///
/// # Safety
/// As [`move_pages`], and `from` lies in one mapping.
unsafe fn move_mapping(from: *mut u8, to: *mut u8, bytes: usize) -> bool {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | libc::MREMAP_DONTUNMAP;
    // SAFETY: the caller owns both ranges, so that replacing the mapping at `to` harms nobody.
    if unsafe { libc::mremap(from.cast(), bytes, bytes, flags, to.cast::<libc::c_void>()) } != libc::MAP_FAILED {
        return true;
    }
    // A limit on memory or mappings may be met after the target has been unmapped. This call does nothing to anonymous
    // memory but to notice a hole. Past the C library's wrapper, which is a cancellation point.
    // SAFETY: it changes nothing; libc gives every thread its own errno.
    let hole = unsafe {
        libc::syscall(libc::SYS_msync, to, bytes, libc::MS_ASYNC) != 0 && *libc::__errno_location() == libc::ENOMEM
    };
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: the caller owns the range, and what another thread has mapped there meanwhile is not replaced.
    if hole && unsafe { libc::mmap(to.cast(), bytes, rights, flags, -1, 0) } == libc::MAP_FAILED {
        fatal(format_args!("the kernel unmapped {bytes} bytes at {to:p} and does not map them again"));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 4 << 20;

    fn mapped(bytes: usize) -> *mut u8 {
        let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let start = unsafe { libc::mmap(core::ptr::null_mut(), bytes, rights, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        start.cast()
    }

    /// Each part, which other advice makes a mapping of its own, arrives, and leaves zeros behind.
    #[test]
    fn several_mappings_are_moved_one_by_one() {
        // SAFETY: memory of the test's own, in its bounds.
        unsafe {
            let from = mapped(2 * BYTES);
            let to = from.add(BYTES);
            let part = from.add(page_size() * 37);
            assert_eq!(libc::madvise(part.cast(), page_size() * 300, libc::MADV_DONTFORK), 0);
            (0..BYTES).step_by(8).for_each(|at| from.add(at).cast::<usize>().write(at + 1));
            assert!(!is_one_mapping(from, BYTES) && is_one_mapping(part, page_size() * 300));
            assert!(!move_pages(from, to, BYTES), "the pages at the borders are copied");
            assert!((0..BYTES).step_by(8).all(|at| to.add(at).cast::<usize>().read() == at + 1));
            let left = (0..BYTES).step_by(8).filter(|&at| from.add(at).cast::<usize>().read() != 0).count() * 8;
            assert!(left <= 2 * SHORTEST, "{left} bytes were copied");
            assert!(move_pages(part.add(page_size() * 400), to, BYTES / 4));
            libc::munmap(from.cast(), 2 * BYTES);
        }
    }

    /// The question changes nothing, not even where nothing is mapped behind the range.
    #[test]
    fn a_mapping_with_nothing_behind_it_stays_as_it_is() {
        // SAFETY: memory of the test's own, in its bounds.
        unsafe {
            let start = mapped(2 * BYTES);
            libc::munmap(start.add(BYTES).cast(), BYTES);
            assert!(is_one_mapping(start, BYTES));
            let behind = libc::syscall(libc::SYS_msync, start.add(BYTES), page_size(), libc::MS_ASYNC);
            assert_eq!((behind, *libc::__errno_location()), (-1, libc::ENOMEM), "mapped behind the range");
            libc::munmap(start.cast(), BYTES);
        }
    }
}
