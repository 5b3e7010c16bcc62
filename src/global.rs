//! The arena as a global allocator.

use core::alloc::{GlobalAlloc, Layout};

use crate::arena::Arena;
use crate::entry::Ask;

// SAFETY: blocks are aligned, at least as large as their layouts, disjoint, and stay where they are until freed; no
// path unwinds: the inlined halves cannot panic, the others have an ABI that does not unwind; out of memory is a null
// pointer.
unsafe impl GlobalAlloc for Arena {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate_fast(layout, Ask::Global)
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.allocate_zeroed_fast(layout, Ask::GlobalZeroed)
    }

    #[inline(always)]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.deallocate_fast(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.resize_fast(ptr, layout, new_size) }
    }
}
