//! The arena as an `Allocator` of crate `allocator-api2`: of its newest version, and of 0.2, which `hashbrown`,
//! `bumpalo` and others know.

use core::alloc::Layout;
use core::num::NonZero;
use core::ptr::NonNull;

use crate::arena::Arena;
use crate::entry::Ask;

/// A block with the length asked for; `None`: out of memory.
type Bytes = Option<NonNull<[u8]>>;

fn whole(block: *mut u8, layout: Layout) -> Bytes {
    NonNull::new(block).map(|block| NonNull::slice_from_raw_parts(block, layout.size()))
}

/// A block of no bytes: it takes no memory, and is nobody's. That crate's `Box` frees one that it never asked for. (One
/// of `Arena::allocate`'s own takes a chunk, and is to be freed by the arena's own calls.)
fn nothing(layout: Layout) -> Bytes {
    // An alignment is at least 1.
    let address = NonZero::new(layout.align()).unwrap_or(NonZero::<usize>::MIN);
    Some(NonNull::slice_from_raw_parts(NonNull::without_provenance(address), 0))
}

#[inline]
fn allocate(arena: &Arena, layout: Layout) -> Bytes {
    if layout.size() == 0 { nothing(layout) } else { whole(arena.allocate_fast(layout, Ask::Own), layout) }
}

#[inline]
fn allocate_zeroed(arena: &Arena, layout: Layout) -> Bytes {
    if layout.size() == 0 { nothing(layout) } else { whole(arena.allocate_zeroed_fast(layout, Ask::OwnZeroed), layout) }
}

/// # Safety
/// As `Allocator::deallocate`.
#[inline]
unsafe fn deallocate(arena: &Arena, block: NonNull<u8>, layout: Layout) {
    if layout.size() > 0 {
        // SAFETY: the caller's promise.
        unsafe { arena.deallocate_fast(block.as_ptr(), layout) }
    }
}

/// # Safety
/// As `Allocator::grow`, or `Allocator::shrink`.
unsafe fn resize(arena: &Arena, block: NonNull<u8>, old: Layout, new: Layout) -> Bytes {
    if old.size() == 0 {
        return allocate(arena, new);
    }
    if new.size() == 0 {
        // SAFETY: the caller's promise.
        unsafe { deallocate(arena, block, old) };
        return nothing(new);
    }
    // SAFETY: the caller's promise.
    whole(unsafe { arena.resize(block.as_ptr(), old, new, Ask::Own) }, new)
}

/// # Safety
/// As `Allocator::grow_zeroed`.
unsafe fn grow_zeroed(arena: &Arena, block: NonNull<u8>, old: Layout, new: Layout) -> Bytes {
    if old.size() == 0 {
        return allocate_zeroed(arena, new);
    }
    // SAFETY: the caller's promise; the block then holds the new layout.
    unsafe {
        let grown = resize(arena, block, old, new)?;
        grown.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size());
        Some(grown)
    }
}

/// Implements one version's trait.
macro_rules! allocator {
    ($version:ident) => {
        const _: () = {
            use $version::alloc::{AllocError, Allocator};

            // SAFETY: as for `GlobalAlloc`; copies of the reference name the same arena. Blocks of no bytes have no
            // memory.
            unsafe impl Allocator for &Arena {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    allocate(self, layout).ok_or(AllocError)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    allocate_zeroed(self, layout).ok_or(AllocError)
                }

                #[inline]
                unsafe fn deallocate(&self, at: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller's promise, here and below.
                    unsafe { deallocate(self, at, layout) }
                }

                unsafe fn grow(&self, at: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: as above.
                    unsafe { resize(self, at, old, new) }.ok_or(AllocError)
                }

                unsafe fn grow_zeroed(
                    &self,
                    at: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: as above.
                    unsafe { grow_zeroed(self, at, old, new) }.ok_or(AllocError)
                }

                unsafe fn shrink(
                    &self,
                    at: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: as above.
                    unsafe { resize(self, at, old, new) }.ok_or(AllocError)
                }
            }
        };
    };
}

allocator!(allocator_api2);
allocator!(allocator_api2_0_2);
