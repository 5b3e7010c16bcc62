//! Resizing a block: in place where its chunk or the free span behind it allows, else to a new place.

use core::alloc::Layout;
use core::ptr::null_mut;

use crate::arena::Arena;
use crate::change::Change;
use crate::class::{Class, MAX_CHUNK};
use crate::copy;
use crate::entry::Ask;
use crate::hardened::CHECKED;
use crate::heap::local::Local;
use crate::heap::{large, thread};
use crate::place::{Place, Request, aligned, aligned_size, span_size};

impl Arena {
    /// As [`Arena::resize`] through `GlobalAlloc`, with the most common case inline: the chunk serves the new size too.
    /// Null, too, if the new size is no layout's.
    ///
    /// # Safety
    /// As [`Arena::resize`].
    #[inline(always)]
    pub(crate) unsafe fn resize_fast(&self, ptr: *mut u8, old: Layout, new_size: usize) -> *mut u8 {
        match Change::of(aligned_size(old), aligned(new_size, old.align())) {
            Change::None if self.config.closed && self.leaves_room(ptr, new_size, old.align(), Ask::Global) => {
                self.reseal(ptr, old, new_size)
            }
            // SAFETY: the caller's promise.
            Change::Fine if !CHECKED && old.align() <= 8 && old.size() <= copy::SHORT => unsafe {
                Arena::resize_fine(ptr, Request::of(old), new_size, self)
            },
            // SAFETY: the caller's promise.
            _ => unsafe { Arena::resize_small(ptr, Request::of(old), new_size, self) },
        }
    }

    /// As [`Arena::resize`] from one fine slab to another. It keeps nothing over a call, and so saves no registers:
    /// what it cannot do is left to functions that return for it.
    ///
    /// # Safety
    /// As [`Arena::resize`]; the change is [`Change::Fine`], and the old block short and aligned at 8 or less.
    #[inline(never)]
    unsafe extern "C" fn resize_fine(ptr: *mut u8, request: Request, new_size: usize, arena: &Arena) -> *mut u8 {
        let old = request.layout();
        thread::with_primary(|local| {
            // SAFETY: the caller's promise, here and to the end.
            let Some(chunk) = arena.pop_list(local, unsafe { Class::of_fine(new_size) }) else {
                // SAFETY: as above.
                return unsafe { Arena::resize_small(ptr, request, new_size, arena) };
            };
            let block = chunk as *mut u8;
            // SAFETY: both blocks hold the shorter size, which is at least 1 and short, by the caller's promise; all
            // chunks are multiples of 8 in place and length (`class`), and so are the system's blocks (`system`); a new
            // one is disjoint from a live one.
            unsafe { copy::short(ptr, block, old.size().min(new_size)) };
            // SAFETY: as above.
            let class = unsafe { Class::of_fine(old.size()) };
            if local.chunks(class).push(ptr as usize) {
                return block;
            }
            // SAFETY: as above.
            unsafe { Arena::deallocate_after(ptr, local, class, arena, block) }
        })
    }

    /// Frees the old block, which is not of a current pool, and returns the new one.
    ///
    /// # Safety
    /// As [`Arena::deallocate_beside`].
    #[inline(never)]
    unsafe extern "C" fn deallocate_after(
        old: *mut u8,
        local: &Local,
        class: Class,
        arena: &Arena,
        block: *mut u8,
    ) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { Arena::deallocate_beside(old, local, class, arena) }
        // A caller that could see what this returns would keep it over the call, and not end in it.
        core::hint::black_box(block)
    }

    /// As [`Arena::resize`] with the alignment as it was: between small slabs nothing is gained by looking further.
    ///
    /// # Safety
    /// As [`Arena::resize`].
    #[inline(never)]
    unsafe extern "C" fn resize_small(ptr: *mut u8, old: Request, new_size: usize, arena: &Arena) -> *mut u8 {
        let old = old.layout();
        if new_size <= MAX_CHUNK
            && let Some(from) = arena.config.class_of(old.size(), old.align())
            && let Some(to) = arena.config.class_of(new_size, old.align())
            && from != to
        {
            // SAFETY: what a small slab serves, and is aligned as one, is far from overflowing when rounded up.
            let new = unsafe { Layout::from_size_align_unchecked(new_size, old.align()) };
            arena.check_seal(ptr, old);
            // SAFETY: the caller's promise.
            let block = unsafe { arena.replace_chunk(ptr, (old, from), (new, to)) };
            if block.is_null() {
                // SAFETY: the caller's promise; the alignment is as it was.
                return unsafe { arena.resize_there(ptr, old, new) };
            }
            return block;
        }
        let Ok(new) = Layout::from_size_align(new_size, old.align()) else { return null_mut() };
        // SAFETY: the caller's promise.
        unsafe { arena.resize(ptr, old, new, Ask::Global) }
    }

    /// As [`Arena::replace`] between small slabs, those of the layouts.
    ///
    /// # Safety
    /// As [`Arena::resize`].
    #[inline(always)]
    unsafe fn replace_chunk(&self, ptr: *mut u8, old: (Layout, Class), new: (Layout, Class)) -> *mut u8 {
        let block = match self.class_known(new, Ask::Global) {
            Some(class) => self.allocate_of(class, new.0, Ask::Global),
            None => Arena::allocate_slow(Request::of(new.0), self, Ask::Global),
        };
        if !block.is_null() {
            // SAFETY: both blocks hold the shorter size, and a new block is disjoint from a live one; the caller's
            // promise.
            unsafe {
                block.copy_from_nonoverlapping(ptr, old.0.size().min(new.0.size()));
                match self.unseal_known(ptr, old) {
                    Some(class) => self.deallocate_of(class, ptr),
                    None => Arena::deallocate_slow(ptr, None, self),
                }
            }
        }
        block
    }

    /// A new block with the contents of the old one, which is freed. Null: the old one is as it was.
    ///
    /// # Safety
    /// As [`Arena::resize`].
    #[inline(always)]
    unsafe fn replace(&self, ptr: *mut u8, old: Layout, new: Layout, ask: Ask) -> *mut u8 {
        let block = self.allocate_fast(new, ask);
        if !block.is_null() {
            // SAFETY: both blocks hold the shorter size, and a new block is disjoint from a live one.
            unsafe {
                block.copy_from_nonoverlapping(ptr, old.size().min(new.size()));
                self.deallocate_fast(ptr, old);
            }
        }
        block
    }

    /// The block with the layout `new`, its contents kept up to the shorter of both sizes. Null: it is as it was.
    ///
    /// # Safety
    /// The block comes from this arena with the layout `old`; unless null is returned it is not used afterwards but
    /// under the address returned.
    #[inline(never)]
    #[expect(improper_ctypes_definitions, reason = "this ABI turns a panic into an abort; nobody calls it from C")]
    pub(crate) unsafe extern "C" fn resize(&self, ptr: *mut u8, old: Layout, new: Layout, ask: Ask) -> *mut u8 {
        let Some(shared) = self.known() else {
            return null_mut();
        };
        self.check_seal(ptr, old);
        let capacity = shared.map().capacity();
        let target = self.config.place(new, capacity);
        let in_place = (ptr as usize).is_multiple_of(new.align());
        if !self.contains(ptr) {
            let stays = target == Place::System || self.config.place(old, capacity) != Place::System;
            // A shrunk block of the system that belongs into the arena moves there below.
            if stays && in_place && old.align() == new.align() && (target == Place::System || new.size() > old.size()) {
                // SAFETY: not the arena's, so a block of the system on its account.
                let block = unsafe { self.account(shared).resize(ptr, new.size()) };
                // Where the system has no more, the arena may have room by now.
                if !block.is_null() || target == Place::System {
                    return block;
                }
            }
        } else if in_place {
            let source = self.config.place(old, capacity);
            if source.is_one_slab_with(target) && self.leaves_room(ptr, new.size(), new.align(), ask) {
                return self.reseal(ptr, old, new.size());
            }
            if let (Place::Span(_), Place::Span(_)) = (source, target) {
                let size = span_size(self.roomy(new, ask, capacity));
                let note = self.set_aside(ptr);
                if large::resize(shared, ptr as usize, size) {
                    return self.seal(ptr, new.size());
                }
                let kept = old.size().min(new.size());
                if let Some(moved) = large::relocate(shared, ptr as usize, kept, size, new.align()) {
                    return self.seal(moved as *mut u8, new.size());
                }
                self.put_back(ptr, note);
            }
        }
        // SAFETY: the caller's promise.
        let block = unsafe { self.replace(ptr, old, new, ask) };
        if block.is_null() && in_place {
            // SAFETY: the caller's promise.
            return unsafe { self.resize_there(ptr, old, new) };
        }
        block
    }

    /// The block with another layout, aligned as it is, where no place for that can be had: a block of the system is
    /// resized by that, and a span shrinks. A chunk of another slab would not be found by its layout: null, and it is
    /// as it was.
    ///
    /// # Safety
    /// As [`Arena::resize`].
    #[cold]
    #[inline(never)]
    unsafe fn resize_there(&self, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        let Some(shared) = self.known() else { return null_mut() };
        if !self.contains(ptr) {
            if old.align() != new.align() {
                return null_mut();
            }
            // SAFETY: not the arena's, so a block of the system on its account.
            return unsafe { self.account(shared).resize(ptr, new.size()) };
        }
        let capacity = shared.map().capacity();
        if self.config.place(old, capacity).is_one_slab_with(self.config.place(new, capacity)) {
            return self.reseal(ptr, old, new.size());
        }
        if new.size() >= old.size() {
            return null_mut();
        }
        let note = self.set_aside(ptr);
        if large::resize(shared, ptr as usize, new.size().max(MAX_CHUNK + 1)) {
            return self.seal(ptr, new.size());
        }
        self.put_back(ptr, note);
        null_mut()
    }
}
