//! What a thread touches on every operation: one list per slab, and the address range of the pool it came from.
//!
//! The current-pool list (after snmalloc's taking of whole lists and mimalloc's per-page lists): an allocation pops, a
//! free into the same pool pushes, and neither touches the pool's metadata. Of the primary arena it lives in
//! thread-local storage, of any other in the thread's heap slot.

use crate::class::{CLASSES, Class};
use crate::slab::chunk::{self, FLOOR};
use crate::span::tag::OwnerTag;
use crate::sync::{AtomicUsize, Cell32, CellUsize, Ordering};

/// One slab's list. Written by the owning thread; `head` and `last` also by a recovering thread, see `steal`.
#[repr(C, align(32))]
pub(crate) struct Chunks {
    /// First free chunk; a value below [`FLOOR`] if there is none.
    head: AtomicUsize,
    /// Last byte of the current pool; 0: no current pool.
    last: CellUsize,
    /// Bytes of the current pool.
    bytes: CellUsize,
}

impl Chunks {
    const EMPTY: Chunks = Chunks {
        head: AtomicUsize::new(chunk::END),
        last: CellUsize::new(0),
        bytes: CellUsize::new(0),
    };

    /// Pops a chunk if the list's head is at least `floor`.
    #[inline(always)]
    pub(crate) fn pop(&self, floor: usize) -> Option<usize> {
        // Relaxed: the owner's own list; a thief checks afterwards that no pop was under way.
        let head = self.head.load(Ordering::Relaxed);
        if head < floor {
            return None;
        }
        self.head.store(chunk::next(head), Ordering::Relaxed);
        Some(head)
    }

    /// Pushes a chunk of the current pool; `false` if it is of another.
    #[inline(always)]
    pub(crate) fn push(&self, freed: usize) -> bool {
        if self.last.get().wrapping_sub(freed) >= self.bytes.get() {
            return false;
        }
        chunk::link(freed, self.head.load(Ordering::Relaxed));
        self.head.store(freed, Ordering::Relaxed);
        true
    }

    pub(crate) fn head(&self) -> usize {
        self.head.load(Ordering::Relaxed)
    }

    /// By the owner.
    pub(crate) fn set_head(&self, head: usize) {
        self.head.store(head, Ordering::Relaxed)
    }

    /// By a recovering thread.
    pub(crate) fn swap_head(&self, from: usize, to: usize) -> bool {
        // AcqRel: the thief reads the links behind the head, and publishes its notes on the list to the owner.
        self.head
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    pub(crate) fn set_pool(&self, base: usize, bytes: usize) {
        self.bytes.set(bytes);
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
    pub(crate) const NEW: Local = Local {
        chunks: [const { Chunks::EMPTY }; CLASSES],
        tag: Cell32::new(OwnerTag::NONE.bits()),
        slot: CellUsize::new(0),
    };

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
            chunks.set_head(chunk::END);
        }
    }
}

const _: () = assert!(FLOOR > chunk::OWED && size_of::<Chunks>() == 32);
