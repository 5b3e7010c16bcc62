//! Chains of equal chunks that fill an arena without memory elsewhere.

use std::alloc::Layout;
use std::ptr::NonNull;

use arenal::{AllocError, Arena};

use super::layout;

/// Chunks of one size, linked through their first word: fills an arena without memory elsewhere. The last word
/// of each chunk holds a mark, so that overlapping chunks are noticed.
pub struct Chain {
    head: *mut u8,
    chunk: usize,
    /// How many chunks.
    pub count: usize,
}

// SAFETY: a chain owns its chunks, and any thread may use and free any chunk.
unsafe impl Send for Chain {}

impl Chain {
    /// Chunks of one slab until the arena refuses.
    pub fn fill(arena: &Arena, slab: usize) -> Chain {
        Chain::up_to(arena, slab, usize::MAX)
    }

    /// The same, at most `bytes` in all.
    pub fn up_to(arena: &Arena, slab: usize, bytes: usize) -> Chain {
        Chain::build(arena, slab, bytes, || arena.allocate_slab(slab))
    }

    /// Blocks of one layout until the arena refuses.
    pub fn of_layout(arena: &Arena, layout: Layout) -> Chain {
        Chain::build(arena, layout.size(), usize::MAX, || arena.allocate(layout))
    }

    fn build(
        arena: &Arena,
        chunk: usize,
        bytes: usize,
        allocate: impl Fn() -> Result<NonNull<u8>, AllocError>,
    ) -> Chain {
        let mut chain = Chain { head: std::ptr::null_mut(), chunk, count: 0 };
        while chain.bytes() + chunk <= bytes {
            let Ok(ptr) = allocate() else { break };
            let ptr = ptr.as_ptr();
            assert!(arena.contains(ptr), "chunk {ptr:p} of {chunk} bytes lies outside its arena");
            // SAFETY: the chunk was just handed out and has `chunk >= 8` bytes, aligned to 8.
            unsafe {
                if chunk >= 16 {
                    ptr.add(chunk - 8).cast::<usize>().write_unaligned(!ptr.addr());
                }
                ptr.cast::<*mut u8>().write(chain.head);
            }
            chain.head = ptr;
            chain.count += 1;
        }
        chain
    }

    /// Bytes in all chunks.
    pub fn bytes(&self) -> usize {
        self.count * self.chunk
    }

    /// Part of the arena's capacity, 0.0 to 1.0.
    pub fn share(&self, arena: &Arena) -> f64 {
        self.bytes() as f64 / arena.capacity() as f64
    }

    /// Panics below 90 % of the capacity.
    pub fn assert_share(&self, arena: &Arena, what: &str) {
        let share = self.share(arena);
        assert!(share >= 0.9, "{what}: chunks of {} reach {:.2} % of the capacity", self.chunk, share * 100.0);
    }

    /// The other end first: chunks are then freed in the order they were allocated.
    pub fn reversed(mut self) -> Chain {
        let (mut from, mut to) = (self.head, std::ptr::null_mut::<u8>());
        while !from.is_null() {
            // SAFETY: the first word of a live chunk of this chain is its link.
            unsafe {
                let link = from.cast::<*mut u8>();
                let next = link.read();
                link.write(to);
                to = from;
                from = next;
            }
        }
        self.head = to;
        self
    }

    /// Leaves the chunks to the arena, for a release or a drop.
    pub fn leak(self) {}

    /// Checks every mark and frees every chunk.
    pub fn free(self, arena: &Arena) {
        let (mut ptr, mut seen) = (self.head, 0);
        let layout = layout(self.chunk, 8);
        while let Some(chunk) = NonNull::new(ptr) {
            assert!(seen < self.count, "the chain of {} chunks has become longer", self.count);
            // SAFETY: the chunk is live, was written by `build`, and is not used after it is freed.
            unsafe {
                if self.chunk >= 16 {
                    let mark = ptr.add(self.chunk - 8).cast::<usize>().read_unaligned();
                    assert!(mark == !ptr.addr(), "chunk {ptr:p} of {} was overwritten", self.chunk);
                }
                ptr = ptr.cast::<*mut u8>().read();
                arena.deallocate(chunk, layout);
            }
            seen += 1;
        }
        assert_eq!(seen, self.count, "the chain has lost chunks");
    }
}
