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
    /// log2 of the alignment, and from bit [`ACCOUNT`] on which account it is on.
    shift: u32,
    mark: u32,
}

/// First bit of a number that accounts differ in, mostly.
const ACCOUNT: u32 = 8;

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

/// With the lead, and in whole words: short blocks are copied by these.
fn whole(size: usize, align: usize) -> Option<Layout> {
    let align = if align > HEADER { align } else { HEADER };
    let size = size.checked_next_multiple_of(size_of::<usize>())?;
    Layout::from_size_align(size.checked_add(lead(align))?, align).ok()
}

impl Account<'_> {
    /// From the count's address, which is on a page of its arena's own.
    fn number(&self) -> u32 {
        (core::ptr::from_ref(self.held) as usize >> 12) as u32 & (u32::MAX >> ACCOUNT)
    }

    /// What the caller says is a block on this account.
    ///
    /// # Safety
    /// As [`open`].
    unsafe fn open(&self, block: *mut u8) -> (*mut u8, Layout, usize) {
        // SAFETY: the caller's promise.
        let (raw, layout, size, number) = unsafe { open(block) };
        if number != self.number() {
            fatal(format_args!("free of {block:p}: a block of the system on another arena's account"));
        }
        (raw, layout, size)
    }

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
        // The system allocator would write to the whole block, as long as the alignment, to have it zero.
        let by_hand = zero && whole.align() > HEADER;
        // SAFETY: the layout is not empty: it holds the header.
        let raw = unsafe { if zero && !by_hand { System.alloc_zeroed(whole) } else { System.alloc(whole) } };
        if raw.is_null() {
            self.leave(layout.size());
            return raw;
        }
        // SAFETY: the block holds the lead, the header at its end, and the caller's bytes.
        unsafe {
            let block = seal(raw, layout.size(), layout.align(), self.number());
            if by_hand {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    /// # Safety
    /// The block comes from [`Account::allocate`] and is not used afterwards.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller's promise.
        let (raw, whole, size) = unsafe { self.open(block) };
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
        let (raw, old, held) = unsafe { self.open(block) };
        let new = self::whole(size, old.align()).filter(|_| size <= held || self.enter(size - held));
        let Some(new) = new else { return core::ptr::null_mut() };
        // SAFETY: the layout is the block's, and the new size was checked not to overflow.
        let moved = unsafe {
            if old.align() > HEADER {
                // The system allocator would copy the lead as well.
                relocate(raw, old, new, held.min(size))
            } else {
                System.realloc(raw, old, new.size())
            }
        };
        if moved.is_null() {
            self.leave(size.saturating_sub(held));
            return moved;
        }
        self.leave(held.saturating_sub(size));
        // SAFETY: as in `allocate`.
        unsafe { seal(moved, size, old.align(), self.number()) }
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

/// Writes the header of a block for `size` bytes at `align`, which it returns.
///
/// # Safety
/// `raw` is a block of [`whole`]'s layout for them, in the caller's hands alone.
unsafe fn seal(raw: *mut u8, size: usize, align: usize, account: u32) -> *mut u8 {
    // SAFETY: the block holds `lead(align)` bytes and more, aligned for a header, by the caller's promise.
    unsafe {
        let block = raw.add(lead(align));
        let shift = align.trailing_zeros() | account << ACCOUNT;
        block.sub(HEADER).cast::<Header>().write(Header { size, shift, mark: MARK });
        block
    }
}

/// Moves the caller's first `kept` bytes to a new block; null: nothing has changed.
///
/// # Safety
/// `raw` is a block of layout `old` with a lead, as `new` has, of the same alignment; both hold the bytes behind it.
unsafe fn relocate(raw: *mut u8, old: Layout, new: Layout, kept: usize) -> *mut u8 {
    // SAFETY: the layout is not empty, and the rest is the caller's promise.
    unsafe {
        let moved = System.alloc(new);
        if !moved.is_null() {
            let lead = lead(old.align());
            moved.add(lead).copy_from_nonoverlapping(raw.add(lead), kept);
            System.dealloc(raw, old);
        }
        moved
    }
}

/// The raw block, its layout, the caller's size, and whose account it is on; aborts where there is no header.
///
/// # Safety
/// The bytes before the block are readable.
unsafe fn open(block: *mut u8) -> (*mut u8, Layout, usize, u32) {
    // SAFETY: readable by the caller's promise; a block that is none may lie anywhere, and any bytes are a valid
    // header.
    let header = unsafe { block.sub(HEADER).cast::<Header>().read_unaligned() };
    let align = 1 << (header.shift & ((1 << ACCOUNT) - 1)).min(63);
    let layout = if header.mark == MARK { whole(header.size, align) } else { None };
    let Some(layout) = layout else {
        fatal(format_args!("free of {block:p}: neither this arena's memory nor a block of the system on its account"));
    };
    // SAFETY: the lead lies before the block.
    (unsafe { block.sub(lead(align)) }, layout, header.size, header.shift >> ACCOUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_whole_words() {
        for (size, align) in [(9, 8), (1, 1), (16, 16), (100, 4096)] {
            let whole = whole(size, align).unwrap().size();
            assert!(whole.is_multiple_of(8) && (size..size + 8).contains(&(whole - lead(align))), "{size}");
        }
        assert_eq!(whole(usize::MAX - 2, 8), None);
    }
}
