//! What is known of a block by its address alone.

use core::ptr::NonNull;

use crate::arena::Arena;
use crate::heap::returns;
use crate::system;

impl Arena {
    /// Frees a block by its address alone, the arena's or the system's. Any thread may free. O(1): besides what
    /// [`Arena::deallocate`] does, it looks at the pool's record.
    ///
    /// An address inside of the arena where no block begins ends the process with a line that says so, and so does one
    /// outside with no block of the system on this arena's account (or a signal, in release builds, where the bytes
    /// before it cannot be read). A chunk that is free already is noticed by debug builds and with the feature
    /// `hardened`.
    ///
    /// ```
    /// let arena = arenal::Arena::new(64 << 20);
    /// let block = arena.allocate(core::alloc::Layout::new::<[u64; 9]>())?;
    /// assert_eq!(unsafe { arena.usable_size(block) }, 72);
    /// unsafe { arena.free(block) };
    /// # Ok::<(), arenal::AllocError>(())
    /// ```
    ///
    /// # Safety
    /// The block comes from this arena and is not used afterwards.
    pub unsafe fn free(&self, ptr: NonNull<u8>) {
        self.unseal_unsized(ptr.as_ptr());
        // SAFETY: the caller's promise.
        unsafe { Arena::deallocate_slow(ptr.as_ptr(), None, self) }
    }

    /// Bytes of a block that the caller may use: for a chunk, its slab's size. O(1). Ends the process where
    /// [`Arena::free`] would.
    ///
    /// # Safety
    /// The block comes from this arena and is live.
    pub unsafe fn usable_size(&self, ptr: NonNull<u8>) -> usize {
        match self.known() {
            Some(shared) if self.contains(ptr.as_ptr()) => {
                self.give_whole(ptr.as_ptr());
                returns::check_block(shared, ptr.as_ptr() as usize)
            }
            // SAFETY: not the arena's, so a block of the system on its account.
            _ => unsafe { system::usable_size(ptr.as_ptr()) },
        }
    }
}
