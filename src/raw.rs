//! The halves of an allocation and a free one by one, for a C interface over an arena.
//!
//! Not part of the promised surface. C's `malloc` must set `errno` where the inlined half fails, `free` knows an
//! address only and must let other allocators' blocks pass, and an arena behind them is configured when the process
//! starts, not when it is compiled. Called by the package in `preload/`.

use core::ptr::NonNull;

use crate::arena::Arena;
use crate::class::Class;
use crate::config::Config;
use crate::copy;
use crate::hardened::CHECKED;
use crate::heap::thread;
use crate::span::tag;

/// Alignment that C promises for blocks of any size.
const ALIGN: usize = 16;
/// Largest size that [`BY_ALIGNS`] knows.
const TABLE_LIMIT: usize = 1024;

/// Class by `ceil(size / ALIGN)`; no size at all counts as one byte.
const BY_ALIGNS: [Class; TABLE_LIMIT / ALIGN + 1] = {
    let mut table = [Class::from_index(0); TABLE_LIMIT / ALIGN + 1];
    let mut aligns = 0;
    while aligns < table.len() {
        let size = if aligns == 0 { ALIGN } else { aligns * ALIGN };
        if let Some(class) = Class::of(size) {
            assert!(class.size().is_multiple_of(ALIGN));
            table[aligns] = class;
        }
        aligns += 1;
    }
    table
};

impl Arena {
    /// A free chunk of `size` bytes or more, aligned at 16, from the calling thread's list, if there is one.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop(&self, size: usize) -> Option<NonNull<u8>> {
        if size <= TABLE_LIMIT { self.pop_short(size) } else { self.pop_long(size) }
    }

    /// As [`Arena::pop`], of up to 1 KiB: straight on, as what most programs ask for most should be.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_short(&self, size: usize) -> Option<NonNull<u8>> {
        if size <= TABLE_LIMIT { self.pop_of(BY_ALIGNS[size.div_ceil(ALIGN)]) } else { None }
    }

    /// As [`Arena::pop`], of more than 1 KiB.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_long(&self, size: usize) -> Option<NonNull<u8>> {
        // These slabs are multiples of the alignment.
        if size > TABLE_LIMIT { self.pop_of(Class::of(size)?) } else { None }
    }

    /// A free chunk of the class from the calling thread's list.
    #[inline(always)]
    fn pop_of(&self, class: Class) -> Option<NonNull<u8>> {
        if CHECKED {
            return None;
        }
        let Some(chunk) = thread::with_primary(|local| self.pop_list(local, class)) else {
            // Else the common case would jump over the rare one.
            core::hint::cold_path();
            return None;
        };
        // SAFETY: no chunk lies below the lists' end marks, of which the first is 0.
        Some(unsafe { NonNull::new_unchecked(chunk as *mut u8) })
    }

    /// Frees a chunk by its address, for a thread that has a heap in the process's primary arena; `false`: it is
    /// something else, or the thread's frees are watched, and nothing was done.
    ///
    /// # Safety
    /// If the address lies in this arena, it is a block of it that is not used afterwards.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn push(&self, ptr: *mut u8) -> bool {
        if CHECKED {
            return false;
        }
        self.has_freed(thread::with_primary(|local| local.free_by_address(ptr as usize)))
    }

    /// As [`Arena::push`], and the slow way where that does nothing.
    ///
    /// # Safety
    /// The block comes from this arena and is not used afterwards.
    #[inline(always)]
    pub(crate) unsafe fn push_or_free(&self, ptr: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.push(ptr) {
                Arena::deallocate_slow(ptr, None, self);
            }
        }
    }

    /// Bytes of a chunk of a pool, whoever's, for a thread as above; `None`: it is something else, or the thread's
    /// frees are watched.
    ///
    /// # Safety
    /// If the address lies in this arena, it is a live block of it.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn chunk_size(&self, ptr: *const u8) -> Option<usize> {
        if CHECKED {
            return None;
        }
        let class = thread::with_primary(|local| {
            let unit = local.unit_at(ptr as usize)?;
            tag::pool_of(local.tag_of(unit)).map(|_| local.class_of(unit))
        })?;
        Some(class.size())
    }

    /// Moves a chunk of `held` bytes, as [`Arena::chunk_size`] says, to one for `size` bytes, unless its slab serves
    /// both. It keeps nothing over a call, and so saves no registers. `None`: one of them is too long for that, or the
    /// thread's list has no free chunk, and nothing was done.
    ///
    /// # Safety
    /// The address is a live chunk's of `held` bytes, a multiple of 16 as of all that are asked for at that alignment;
    /// it is used afterwards under the returned one only.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn move_short(&self, ptr: *mut u8, held: usize, size: usize) -> Option<NonNull<u8>> {
        debug_assert!(held.is_multiple_of(ALIGN));
        if CHECKED || held > copy::SHORT || size.wrapping_sub(1) >= TABLE_LIMIT {
            return None;
        }
        let (from, to) = (BY_ALIGNS[held / ALIGN], BY_ALIGNS[size.div_ceil(ALIGN)]);
        if from == to {
            return NonNull::new(ptr);
        }
        thread::with_primary(|local| {
            let chunk = self.pop_list(local, to)?;
            // SAFETY: as in `pop_of`.
            let block = unsafe { NonNull::new_unchecked(chunk as *mut u8) };
            // SAFETY: a live chunk of `held` bytes, at most `SHORT`, by the caller's promise, and a new one of at least
            // `size`; both are aligned at `ALIGN`.
            unsafe { copy::short(ptr, block.as_ptr(), held.min(size)) };
            if local.chunks(from).push(ptr as usize) {
                return Some(block);
            }
            // SAFETY: the caller's promise.
            NonNull::new(unsafe { Arena::free_after(ptr, self, block.as_ptr()) })
        })
    }

    /// Frees the old block, which is not of a current pool, and returns the new one.
    ///
    /// # Safety
    /// As [`Arena::push`], and the address lies in this arena.
    #[inline(never)]
    unsafe extern "C" fn free_after(old: *mut u8, arena: &Arena, block: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { arena.push_or_free(old) }
        // A caller that could see what this returns would keep it over the call, and not end in it.
        core::hint::black_box(block)
    }

    /// Changes the configuration of an arena before its first use.
    ///
    /// # Panics
    /// As [`Arena::with_config`].
    ///
    /// # Safety
    /// The arena has never been used, and no other thread uses it before this returns, but for [`Arena::pop`] and its
    /// halves, [`Arena::push`], [`Arena::chunk_size`] and [`Arena::contains`], which find nothing in an unused arena.
    #[doc(hidden)]
    pub unsafe fn configure(this: *mut Arena, config: Config) {
        let checked = *Arena::with_config(config).config;
        // SAFETY: the caller's promise; the calls that may run beside this one do not read it.
        unsafe { (*this).config.settle(checked) };
    }
}
