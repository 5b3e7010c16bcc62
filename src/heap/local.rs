//! What a thread touches on every operation: for each slab its list, the address range of the pool that the list came
//! from, and the list of other heaps' chunks that it freed.
//!
//! The current-pool list (after snmalloc's taking of whole lists and mimalloc's per-page lists): an allocation pops, a
//! free into the same pool pushes, and neither touches the pool's metadata. Of the primary arena it lives in
//! thread-local storage, of any other in the thread's heap slot.

use super::head::Head;
use crate::class::{CLASSES, Class};
use crate::slab::chunk::{self, FLOOR};
use crate::span::tag::OwnerTag;
use crate::sync::{Cell32, CellUsize};

/// One slab's lists, on half a cache line.
#[repr(C, align(32))]
pub(crate) struct Chunks {
    /// Chunks to allocate: of the current pool; without one, borrowed from other heaps.
    pub(crate) list: Head,
    /// Last byte of the current pool; 0: no current pool.
    last: CellUsize,
    /// Bytes of the current pool.
    bytes: Cell32,
    /// Chunks in `outbox`, about.
    gathered: Cell32,
    /// Chunks of other heaps that this thread freed.
    pub(crate) outbox: Head,
}

impl Chunks {
    const fn new() -> Chunks {
        Chunks {
            list: Head::new(),
            last: CellUsize::new(0),
            bytes: Cell32::new(0),
            gathered: Cell32::new(0),
            outbox: Head::new(),
        }
    }

    /// Pops a chunk if the list's head is at least `floor`.
    #[inline(always)]
    pub(crate) fn pop(&self, floor: usize) -> Option<usize> {
        let head = self.list.get();
        if head < floor {
            return None;
        }
        self.list.set(chunk::next(head));
        Some(head)
    }

    /// Pushes a chunk of the current pool; `false` if it is of another.
    #[inline(always)]
    pub(crate) fn push(&self, freed: usize) -> bool {
        if self.last.get().wrapping_sub(freed) >= self.bytes.get() as usize {
            return false;
        }
        chunk::link(freed, self.list.get());
        self.list.set(freed);
        true
    }

    /// Adds a chunk of another heap; returns how many are gathered.
    #[inline(always)]
    pub(crate) fn gather(&self, freed: usize) -> u32 {
        chunk::link(freed, self.outbox.get());
        self.outbox.set(freed);
        let gathered = self.gathered.get() + 1;
        self.gathered.set(gathered);
        gathered
    }

    /// How many chunks of other heaps are gathered, about: a recovering thread may have sent them home.
    pub(crate) fn gathered(&self) -> u32 {
        self.gathered.get()
    }

    /// By the owner: takes the other heaps' chunks.
    pub(crate) fn take_outbox(&self) -> usize {
        self.gathered.set(0);
        self.outbox.take()
    }

    pub(crate) fn set_pool(&self, base: usize, bytes: usize) {
        self.bytes.set(bytes as u32);
        self.last.set(base + bytes - 1);
    }

    pub(crate) fn no_pool(&self) {
        self.last.set(0);
    }
}

/// A thread's part of one arena. All-zero bytes are one without a heap.
#[repr(C)]
pub(crate) struct Local {
    chunks: [Chunks; CLASSES],
    tag: Cell32,
    /// Address of the thread's [`Slot`](super::slot::Slot); 0: none.
    slot: CellUsize,
}

impl Local {
    pub(crate) const fn new() -> Local {
        Local {
            chunks: [const { Chunks::new() }; CLASSES],
            tag: Cell32::new(OwnerTag::NONE.bits()),
            slot: CellUsize::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn chunks(&self, class: Class) -> &Chunks {
        &self.chunks[class.index()]
    }

    #[inline(always)]
    pub(crate) fn tag(&self) -> OwnerTag {
        OwnerTag::from_bits(self.tag.get())
    }

    /// Address of the thread's heap slot; 0: none.
    pub(crate) fn slot(&self) -> usize {
        self.slot.get()
    }

    pub(crate) fn attach(&self, tag: OwnerTag, slot: usize) {
        self.tag.set(tag.bits());
        self.slot.set(slot);
    }

    pub(crate) fn detach(&self) {
        self.attach(OwnerTag::NONE, 0);
        self.clear();
    }

    /// Forgets all lists: their chunks have been taken back, or are gone with the arena's contents.
    pub(crate) fn clear(&self) {
        for chunks in &self.chunks {
            chunks.no_pool();
            chunks.list.set(chunk::END);
            chunks.take_outbox();
        }
    }
}

const _: () = assert!(FLOOR > chunk::OWED && size_of::<Chunks>() == 32);
