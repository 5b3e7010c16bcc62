//! Blocks of the system allocator on an arena's account.
//!
//! ```text
//! | padding to the alignment | header: size, alignment, mark | the caller's bytes …
//! ```
//!
//! The header makes `free` by address possible and the account exact, whatever the system allocator rounds to.

use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;

use crate::fatal::fatal;
use crate::sync::{AtomicUsize, Ordering};

/// Before the caller's first byte.
#[repr(C)]
struct Header {
    size: usize,
    /// log2 of the alignment.
    shift: u32,
    mark: u32,
}

const MARK: u32 = 0x5AFE_B10C;
const HEADER: usize = size_of::<Header>();

/// The account and its limit.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) held: &'a AtomicUsize,
    pub(crate) limit: usize,
}

/// Bytes before the caller's.
const fn lead(align: usize) -> usize {
    if align > HEADER { align } else { HEADER }
}

fn whole(size: usize, align: usize) -> Option<Layout> {
    let align = if align > HEADER { align } else { HEADER };
    Layout::from_size_align(size.checked_add(lead(align))?, align).ok()
}

impl Account<'_> {
    /// Enters `more` bytes; `false`: past the limit.
    fn enter(&self, more: usize) -> bool {
        // Relaxed: a count, which orders nothing.
        let within = |held: usize| held.checked_add(more).filter(|&sum| sum <= self.limit);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    fn leave(&self, less: usize) {
        // Relaxed: as in `enter`.
        self.held.fetch_sub(less, Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn allocate(&self, layout: Layout, zero: bool) -> *mut u8 {
        let Some(whole) = whole(layout.size(), layout.align()).filter(|_| self.enter(layout.size())) else {
            return core::ptr::null_mut();
        };
        // SAFETY: the layout is not empty: it holds the header.
        let raw = unsafe { if zero { System.alloc_zeroed(whole) } else { System.alloc(whole) } };
        if raw.is_null() {
            self.leave(layout.size());
            return raw;
        }
        // SAFETY: the block holds the lead, the header at its end, and the caller's bytes.
        unsafe { seal(raw, layout.size(), layout.align()) }
    }

    /// # Safety
    /// The block comes from [`Account::allocate`] and is not used afterwards.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller's promise.
        let (raw, whole, size) = unsafe { open(block) };
        // SAFETY: `whole` is the layout that `allocate` asked for.
        unsafe { System.dealloc(raw, whole) };
        self.leave(size);
    }

    /// Resizes a block; null: it is as it was.
    ///
    /// # Safety
    /// The block comes from [`Account::allocate`].
    pub(crate) unsafe fn resize(&self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let (raw, old, held) = unsafe { open(block) };
        if self::whole(size, old.align()).is_none() || (size > held && !self.enter(size - held)) {
            return core::ptr::null_mut();
        }
        // SAFETY: the layout is the block's, and the new size was checked not to overflow.
        let moved = unsafe { System.realloc(raw, old, size + lead(old.align())) };
        if moved.is_null() {
            self.leave(size.saturating_sub(held));
            return moved;
        }
        self.leave(held.saturating_sub(size));
        // SAFETY: as in `allocate`.
        unsafe { seal(moved, size, old.align()) }
    }
}

/// Bytes that the caller of a system block may use.
///
/// # Safety
/// The block comes from [`Account::allocate`].
pub(crate) unsafe fn usable_size(block: *mut u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { open(block) }.2
}

/// Whether the bytes before an address are the header of a system block. The address may be anything.
#[cfg(any(debug_assertions, feature = "hardened"))]
pub(crate) fn is_block(address: usize) -> bool {
    let header = address.wrapping_sub(HEADER);
    // SAFETY: the bytes are readable, at whatever alignment.
    crate::os::is_readable(header, HEADER) && unsafe { (header as *const Header).read_unaligned() }.mark == MARK
}

unsafe fn seal(raw: *mut u8, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller made the block of `lead(align)` bytes and more, aligned for a header.
    unsafe {
        let block = raw.add(lead(align));
        block.sub(HEADER).cast::<Header>().write(Header { size, shift: align.trailing_zeros(), mark: MARK });
        block
    }
}

/// The raw block, its layout, and the caller's size.
unsafe fn open(block: *mut u8) -> (*mut u8, Layout, usize) {
    // SAFETY: the caller's block has a header before its first byte.
    let header = unsafe { &mut *block.sub(HEADER).cast::<Header>() };
    let layout = if header.mark == MARK { whole(header.size, 1 << header.shift) } else { None };
    let Some(layout) = layout else {
        fatal(format_args!("free of {block:p}: neither this arena's memory nor a block of the system on its account"));
    };
    // SAFETY: the lead lies before the block.
    (unsafe { block.sub(lead(1 << header.shift)) }, layout, header.size)
}
