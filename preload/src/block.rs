//! A block: what the functions of both languages are made of.
//!
//! The inlined halves try the calling thread's own lists in the arena; the others decide where a block comes from or
//! goes to. A null pointer is out of memory, and `errno` says so.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::global::{ready, unready};
use crate::mapped;

/// Alignment of every block, as the ABI of C asks for.
pub(crate) const ALIGN: usize = 16;
/// Largest chunk of the arena's pools.
const MAX_CHUNK: usize = 128 << 10;
/// Largest alignment that the arena serves.
const MAX_ALIGN: usize = 2 << 20;

/// Addresses that somebody wanted to free and nobody here had handed out.
static STRANGERS: AtomicUsize = AtomicUsize::new(0);

/// A block of `size` bytes.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> *mut u8 {
    match unready().pop_short(size) {
        Some(chunk) => chunk.as_ptr(),
        None => allocate_slow(size),
    }
}

/// A block of `size` bytes that are zero.
#[inline(always)]
pub(crate) fn allocate_zeroed(size: usize) -> *mut u8 {
    match unready().pop(size) {
        Some(chunk) => {
            // SAFETY: the chunk is ours and has the size.
            unsafe { chunk.as_ptr().write_bytes(0, size) };
            chunk.as_ptr()
        }
        None => obtain(size, ALIGN, true),
    }
}

/// The C ABI, here and below: nothing unwinds out of it, so that it may be the caller's last jump.
#[inline(never)]
extern "C" fn allocate_slow(size: usize) -> *mut u8 {
    match unready().pop_long(size) {
        Some(chunk) => chunk.as_ptr(),
        None => obtain(size, ALIGN, false),
    }
}

/// A block of `size` bytes at a multiple of `align`, a power of two.
pub(crate) fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    if align <= ALIGN { allocate(size) } else { obtain(size, align, false) }
}

#[inline(never)]
extern "C" fn obtain(size: usize, align: usize, zero: bool) -> *mut u8 {
    let (arena, settings) = ready();
    let block = match Layout::from_size_align(size.max(1), align) {
        Ok(layout) if size > settings.above || align > MAX_ALIGN => {
            mapped::allocate(layout.size(), align, settings.limit)
        }
        // SAFETY: the layout is not empty.
        Ok(layout) if zero => unsafe { arena.alloc_zeroed(layout) },
        // SAFETY: as above.
        Ok(layout) => unsafe { arena.alloc(layout) },
        Err(_) => null_mut(),
    };
    if block.is_null() {
        set_errno(libc::ENOMEM);
    }
    block
}

/// Frees a block, if the pointer is not null. `errno` stays.
///
/// # Safety
/// A block that came from here is not used afterwards.
#[inline(always)]
pub(crate) unsafe fn free(block: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        if !unready().push(block) {
            free_slow(block);
        }
    }
}

/// # Safety
/// As [`free`].
#[inline(never)]
unsafe extern "C" fn free_slow(block: *mut u8) {
    let Some(address) = NonNull::new(block) else { return };
    if unready().contains(block) {
        // SAFETY: the arena's, and the caller gives it up.
        unsafe { ready().0.free(address) };
    } else if !mapped::free(block as usize) {
        // The dynamic linker's from before this library was there, or memory that somebody took from libc under another
        // name. Whose it is cannot be told, and leaving it alone never does harm.
        STRANGERS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes that the caller may use; `None`: the block did not come from here.
///
/// # Safety
/// A block that came from here is live.
#[inline(always)]
pub(crate) unsafe fn usable_size(block: NonNull<u8>) -> Option<usize> {
    // SAFETY: if the arena's, live.
    match unsafe { unready().chunk_size(block.as_ptr()) } {
        Some(size) => Some(size),
        // SAFETY: the caller's promise.
        None => unsafe { usable_size_slow(block) },
    }
}

/// # Safety
/// As [`usable_size`].
#[cold]
#[inline(never)]
unsafe fn usable_size_slow(block: NonNull<u8>) -> Option<usize> {
    if unready().contains(block.as_ptr()) {
        // SAFETY: the arena's, and live.
        return Some(unsafe { ready().0.usable_size(block) });
    }
    mapped::usable_size(block.as_ptr() as usize)
}

/// The block with another size, its contents kept up to the smaller one. No block: a new one; a size of 0: none, and
/// the block is freed. Null otherwise: it is as it was.
///
/// # Safety
/// A block that came from here; unless null is returned for a size other than 0, it is used afterwards under the
/// returned address only.
#[inline(always)]
pub(crate) unsafe fn resize(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: if the arena's, live, by the caller's promise.
    match (unsafe { unready().chunk_size(block) }, NonNull::new(block)) {
        (Some(usable), _) if stays(usable, size) => block,
        // SAFETY: the caller's promise.
        (Some(usable), _) => unsafe { resize_chunk(block, size, usable) },
        // SAFETY: the caller's promise.
        (None, Some(block)) => unsafe { resize_slow(block, size) },
        // Some programs, as Lua, have no other way to a new block.
        (None, None) => allocate(size),
    }
}

/// Whether a chunk of `usable` bytes is to serve as many as `size`, which may be 0: half of it or more.
#[inline(always)]
fn stays(usable: usize, size: usize) -> bool {
    (usable / 2..=usable).contains(&size)
}

/// As [`resize`], of a chunk of `usable` bytes.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe extern "C" fn resize_chunk(block: *mut u8, size: usize, usable: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    match unsafe { unready().move_short(block, usable, size) } {
        Some(moved) => moved.as_ptr(),
        // SAFETY: the caller's promise.
        None => unsafe { resize_long(block, size, usable) },
    }
}

/// As [`resize_chunk`], with calls on the way.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe extern "C" fn resize_long(block: *mut u8, size: usize, usable: usize) -> *mut u8 {
    let target = if size == 0 { None } else { unready().pop(size) };
    // SAFETY: both chunks hold the shorter size, and a new one is disjoint from a live one; no chunk is at null; the
    // caller's promise.
    unsafe {
        let Some(target) = target else { return resize_slow(NonNull::new_unchecked(block), size) };
        target.as_ptr().copy_from_nonoverlapping(block, usable.min(size));
        free(block);
        target.as_ptr()
    }
}

/// As [`resize`], of a block.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe extern "C" fn resize_slow(block: NonNull<u8>, size: usize) -> *mut u8 {
    if size == 0 {
        // SAFETY: the caller's promise.
        unsafe { free(block.as_ptr()) };
        return null_mut();
    }
    let (arena, settings) = ready();
    // SAFETY: the caller's promise.
    let Some(usable) = (unsafe { usable_size(block) }) else {
        // How large a stranger's block is only the stranger knows.
        STRANGERS.fetch_add(1, Ordering::Relaxed);
        set_errno(libc::ENOMEM);
        return null_mut();
    };
    let ours = arena.contains(block.as_ptr());
    let resized = if ours && stays(usable, size) && usable <= MAX_CHUNK {
        return block.as_ptr();
    } else if size > isize::MAX as usize - ALIGN {
        null_mut()
    } else if ours && size <= settings.above {
        // SAFETY: a block of `usable` bytes serves the same as any smaller layout of its slab.
        unsafe { arena.realloc(block.as_ptr(), Layout::from_size_align_unchecked(usable, ALIGN), size) }
    } else {
        let stays_mapped = !ours && size > settings.above;
        let moved =
            if stays_mapped { mapped::resize(block.as_ptr() as usize, size, settings.limit) } else { null_mut() };
        // The kernel does not lengthen what lies in several mappings, as after advice on a part of it.
        // SAFETY: the caller's promise.
        if moved.is_null() { unsafe { replace(block, usable, size) } } else { moved }
    };
    if !resized.is_null() {
        return resized;
    }
    if size <= usable {
        // It shrinks: where no other block can be had, this one serves.
        return block.as_ptr();
    }
    set_errno(libc::ENOMEM);
    null_mut()
}

/// A new block with what the old one holds, which is freed. Null: it is as it was.
///
/// # Safety
/// As [`resize`]; the old block holds `usable` bytes.
unsafe fn replace(block: NonNull<u8>, usable: usize, size: usize) -> *mut u8 {
    let moved = obtain(size, ALIGN, false);
    if !moved.is_null() {
        // SAFETY: both hold the smaller size, and are disjoint; the old block is given up.
        unsafe {
            moved.copy_from_nonoverlapping(block.as_ptr(), usable.min(size));
            free(block.as_ptr());
        }
    }
    moved
}

/// Addresses that were not freed because they did not come from here.
pub(crate) fn strangers() -> usize {
    STRANGERS.load(Ordering::Relaxed)
}

#[cold]
pub(crate) fn set_errno(code: i32) {
    // SAFETY: libc gives every thread its own errno for the thread's whole life.
    unsafe { *libc::__errno_location() = code };
}
