//! Live allocations that know what they contain.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use arenal::Arena;

use super::{BYTES_VERIFIED, layout, tally};

fn pattern(seed: u64, index: usize) -> u64 {
    (seed ^ index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A live allocation that knows what it contains. Dropping one leaks it: give it to [`Block::free`].
#[derive(Debug)]
pub struct Block {
    ptr: NonNull<u8>,
    layout: Layout,
    seed: u64,
}

// SAFETY: a block is the only owner of its memory, and any thread may use and free any chunk.
unsafe impl Send for Block {}

impl Block {
    /// Allocates through one of the two entries (by the seed's parity) and fills the block.
    pub fn new(arena: &Arena, layout: Layout, seed: u64) -> Option<Block> {
        let ptr = if seed.is_multiple_of(2) || layout.size() == 0 {
            arena.allocate(layout).ok()
        } else {
            // SAFETY: the size is not zero.
            NonNull::new(unsafe { GlobalAlloc::alloc(arena, layout) })
        };
        Some(Block::adopt(ptr?, layout, seed))
    }

    /// The same with memory that must be zero.
    pub fn zeroed(arena: &Arena, layout: Layout, seed: u64) -> Option<Block> {
        let ptr = if seed.is_multiple_of(2) || layout.size() == 0 {
            arena.allocate_zeroed(layout).ok()?
        } else {
            // SAFETY: the size is not zero.
            NonNull::new(unsafe { GlobalAlloc::alloc_zeroed(arena, layout) })?
        };
        // SAFETY: the arena just handed out that many bytes, written by itself or by the OS.
        let bytes = unsafe { std::slice::from_raw_parts(ptr.as_ptr(), layout.size()) };
        assert_zero(bytes);
        Some(Block::adopt(ptr, layout, seed))
    }

    /// Takes over memory of `layout` that an allocator just returned, and fills it.
    pub fn adopt(ptr: NonNull<u8>, layout: Layout, seed: u64) -> Block {
        assert!(ptr.as_ptr().addr().is_multiple_of(layout.align()), "{ptr:p} is not aligned for {layout:?}");
        let block = Block { ptr, layout, seed };
        block.fill();
        block
    }

    fn fill(&self) {
        let (words, size) = (self.layout.size() / 8, self.layout.size());
        for index in 0..words {
            // SAFETY: the word lies within the size of the block, which this value owns.
            unsafe { self.ptr.cast::<u64>().add(index).write_unaligned(pattern(self.seed, index)) };
        }
        for index in words * 8..size {
            // SAFETY: as above, for the last bytes.
            unsafe { self.ptr.add(index).write(self.seed as u8 ^ index as u8) };
        }
    }

    fn check_first(&self, size: usize) {
        tally(&BYTES_VERIFIED, size as u64);
        // SAFETY: the block owns at least `size` bytes and `fill` wrote them all.
        let bytes = unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), size) };
        let words = self.layout.size() / 8;
        let mut chunks = bytes.chunks_exact(8);
        let whole = chunks.len().min(words);
        for (index, word) in chunks.by_ref().take(whole).enumerate() {
            assert!(word == pattern(self.seed, index).to_ne_bytes(), "{self:?}: byte {} changed", index * 8);
        }
        if size == self.layout.size() {
            for (index, &byte) in bytes.iter().enumerate().skip(words * 8) {
                assert!(byte == self.seed as u8 ^ index as u8, "{self:?}: byte {index} changed");
            }
        }
    }

    /// Panics unless every byte is as it was written.
    pub fn check(&self) {
        self.check_first(self.layout.size());
    }

    /// `GlobalAlloc::realloc`: `false` (and the block untouched) where it was refused.
    pub fn resize(&mut self, arena: &Arena, size: usize) -> bool {
        self.check();
        // SAFETY: the block is live, of this layout, and the new size is neither zero nor too large (callers).
        let Some(ptr) = NonNull::new(unsafe { arena.realloc(self.ptr.as_ptr(), self.layout, size) }) else {
            self.check();
            return false;
        };
        let kept = self.layout.size().min(size);
        assert!(ptr.as_ptr().addr().is_multiple_of(self.layout.align()), "realloc lost the alignment");
        self.ptr = ptr;
        // Of the last, incomplete word of the old block only the whole words are compared.
        self.check_first(if size < self.layout.size() { kept & !7 } else { kept });
        self.layout = layout(size, self.layout.align());
        self.fill();
        true
    }

    /// Checks the contents, then frees: sized or by address, as the seed says.
    pub fn free(self, arena: &Arena) {
        self.check();
        // SAFETY: the block is live and of this layout; nobody uses it after this call.
        unsafe {
            match self.seed / 2 % 3 {
                0 => arena.deallocate(self.ptr, self.layout),
                1 => arena.free(self.ptr),
                _ if self.layout.size() == 0 => arena.deallocate(self.ptr, self.layout),
                _ => GlobalAlloc::dealloc(arena, self.ptr.as_ptr(), self.layout),
            }
        }
    }

    /// The bytes the arena says are usable.
    pub fn usable(&self, arena: &Arena) -> usize {
        // SAFETY: the block is live.
        unsafe { arena.usable_size(self.ptr) }
    }

    /// Where it begins.
    pub fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Its layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether it lies in the arena's own memory.
    pub fn inside(&self, arena: &Arena) -> bool {
        arena.contains(self.ptr.as_ptr())
    }
}

/// Panics unless every byte is zero.
pub fn assert_zero(bytes: &[u8]) {
    tally(&BYTES_VERIFIED, bytes.len() as u64);
    if let Some(at) = bytes.iter().position(|&byte| byte != 0) {
        panic!("byte {at} of {} is {:#x}, not zero", bytes.len(), bytes[at]);
    }
}

/// Fills the arena with chunks of one slab; the first that lands outside ends it. Even seeds: all through the same
/// calls, of which some take the next slab when hardened.
pub fn overflow(arena: &Arena, size: usize) -> (Vec<Block>, Block) {
    let mut inside = Vec::new();
    loop {
        let block = Block::new(arena, layout(size, 8), 2 * inside.len() as u64).expect("the system's memory");
        if !block.inside(arena) {
            return (inside, block);
        }
        inside.push(block);
    }
}
