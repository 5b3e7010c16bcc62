//! A block of run-time size, as a `Vec<u8>` has it but without `Vec`'s own work around it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::hint::black_box;
use std::ptr::NonNull;

pub struct Block {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: a block owns its bytes alone, so it may be freed by whichever thread holds it.
unsafe impl Send for Block {}

fn layout(size: usize) -> Layout {
    debug_assert!(size > 0);
    // SAFETY: 8 is a power of two, and every caller asks for less than `isize::MAX - 8` bytes.
    unsafe { Layout::from_size_align_unchecked(size, 8) }
}

impl Block {
    /// Allocates and writes the first and the last byte.
    #[inline]
    pub fn new(size: usize) -> Block {
        // SAFETY: the size is not zero.
        let start = unsafe { alloc(layout(size)) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout(size)) };
        let block = Block { start, size };
        block.set(size - 1, !tag(size));
        block.set(0, tag(size));
        black_box(block.start);
        block
    }

    /// Writes one byte of each 4 KiB, so that all of a large block is resident.
    pub fn touch(&self) {
        for at in (0..self.size).step_by(4096) {
            self.set(at, tag(self.size));
        }
    }

    /// Panics if another owner has written to this block since `new`.
    pub fn verify(&self) {
        // SAFETY: the block is at least one byte long, and `new` wrote the first.
        assert_eq!(unsafe { self.start.read() }, tag(self.size), "a block was handed out twice");
    }

    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    #[inline]
    fn set(&self, at: usize, value: u8) {
        assert!(at < self.size);
        // SAFETY: `at` lies within the block, which nobody else writes to.
        unsafe { self.start.add(at).write(value) }
    }

    /// Gives up ownership; `from_raw` takes it back.
    pub fn into_raw(self) -> (*mut u8, usize) {
        let raw = (self.start.as_ptr(), self.size);
        std::mem::forget(self);
        raw
    }

    /// # Safety
    /// The arguments came from `into_raw`, and are used once.
    pub unsafe fn from_raw(start: *mut u8, size: usize) -> Block {
        // SAFETY: `into_raw` hands out only pointers that are not null.
        Block { start: unsafe { NonNull::new_unchecked(start) }, size }
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new` allocated this block with this layout, and it is dropped once.
        unsafe { dealloc(self.start.as_ptr(), layout(self.size)) }
    }
}

fn tag(size: usize) -> u8 {
    size as u8
}
