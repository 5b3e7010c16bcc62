//! The arena as an `Allocator` of crate `allocator-api2`: of its newest version, and of 0.2, which `hashbrown`,
//! `bumpalo` and others know.

/// Implements one version's trait.
macro_rules! allocator {
    ($name:ident, $version:ident) => {
        mod $name {
            use core::num::NonZero;
            use core::ptr::NonNull;

            use $version::alloc::{AllocError, Allocator, Layout};

            use crate::arena::Arena;
            use crate::entry::Ask;

            fn whole(block: *mut u8, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                NonNull::new(block).map(|block| NonNull::slice_from_raw_parts(block, layout.size())).ok_or(AllocError)
            }

            /// A block of no bytes: it takes no memory, and is nobody's. That crate's `Box` frees one that it never
            /// asked for. (One of `Arena::allocate`'s own takes a chunk, and is to be freed by the arena's own calls.)
            fn nothing(layout: Layout) -> NonNull<[u8]> {
                // An alignment is at least 1.
                let address = NonZero::new(layout.align()).unwrap_or(NonZero::<usize>::MIN);
                NonNull::slice_from_raw_parts(NonNull::without_provenance(address), 0)
            }

            // SAFETY: as for `GlobalAlloc`; copies of the reference name the same arena. Blocks of no bytes have no
            // memory.
            unsafe impl Allocator for &Arena {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    if layout.size() == 0 {
                        return Ok(nothing(layout));
                    }
                    whole(self.allocate_fast(layout, Ask::Own), layout)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    if layout.size() == 0 {
                        return Ok(nothing(layout));
                    }
                    whole(self.allocate_zeroed_fast(layout, Ask::OwnZeroed), layout)
                }

                #[inline]
                unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
                    if layout.size() > 0 {
                        // SAFETY: the caller's promise.
                        unsafe { self.deallocate_fast(ptr.as_ptr(), layout) }
                    }
                }

                unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    if old.size() == 0 {
                        return Allocator::allocate(self, new);
                    }
                    // SAFETY: the caller's promise.
                    whole(unsafe { self.resize(ptr.as_ptr(), old, new, Ask::Own) }, new)
                }

                unsafe fn grow_zeroed(
                    &self,
                    ptr: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    if old.size() == 0 {
                        return Allocator::allocate_zeroed(self, new);
                    }
                    // SAFETY: the caller's promise; the block then holds the new layout.
                    unsafe {
                        let block = whole(self.resize(ptr.as_ptr(), old, new, Ask::Own), new)?;
                        block.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size());
                        Ok(block)
                    }
                }

                unsafe fn shrink(
                    &self,
                    ptr: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    if new.size() == 0 {
                        // SAFETY: the caller's promise.
                        unsafe { Allocator::deallocate(self, ptr, old) };
                        return Ok(nothing(new));
                    }
                    // SAFETY: the caller's promise.
                    whole(unsafe { self.resize(ptr.as_ptr(), old, new, Ask::Own) }, new)
                }
            }
        }
    };
}

allocator!(newest, allocator_api2);
allocator!(of_0_2, allocator_api2_0_2);
