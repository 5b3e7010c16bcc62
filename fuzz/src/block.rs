//! A live block that knows what it contains.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use arenal::Arena;

/// Dropping one leaks it: give it to [`Block::free`].
#[derive(Debug)]
pub struct Block {
    ptr: NonNull<u8>,
    layout: Layout,
    seed: u64,
    /// What the arena said when the block was new.
    usable: usize,
    inside: bool,
}

// SAFETY: a block is the only owner of its memory, and any thread may use and free any block.
unsafe impl Send for Block {}

fn word(seed: u64, index: usize) -> u64 {
    (seed ^ index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Block {
    /// Takes over a block that the arena has just returned.
    pub fn new(arena: &Arena, ptr: NonNull<u8>, layout: Layout, seed: u64) -> Block {
        assert!(ptr.addr().get().is_multiple_of(layout.align()), "{ptr:p} is not aligned for {layout:?}");
        // SAFETY: just allocated.
        let usable = unsafe { arena.usable_size(ptr) };
        assert!(usable >= layout.size(), "{usable} bytes usable for {layout:?}");
        let inside = arena.contains(ptr.as_ptr());
        let block = Block { ptr, layout, seed, usable, inside };
        block.fill();
        block
    }

    fn words(&self) -> usize {
        self.layout.size() / 8
    }

    fn fill(&self) {
        for index in 0..self.words() {
            // SAFETY: the word lies within the block, which this value owns.
            unsafe { self.ptr.cast::<u64>().add(index).write_unaligned(word(self.seed, index)) };
        }
        for index in self.words() * 8..self.layout.size() {
            // SAFETY: as above, for the last bytes.
            unsafe { self.ptr.add(index).write(self.seed as u8 ^ index as u8) };
        }
    }

    /// Panics unless the first `bytes`, if whole words, and else all bytes are as written.
    fn check_first(&self, bytes: usize) {
        for index in 0..self.words().min(bytes / 8) {
            // SAFETY: as in `fill`.
            let found = unsafe { self.ptr.cast::<u64>().add(index).read_unaligned() };
            assert!(found == word(self.seed, index), "{self:?}: byte {} changed", index * 8);
        }
        if bytes == self.layout.size() {
            for index in self.words() * 8..bytes {
                // SAFETY: as in `fill`.
                let found = unsafe { self.ptr.add(index).read() };
                assert!(found == self.seed as u8 ^ index as u8, "{self:?}: byte {index} changed");
            }
        }
    }

    /// Panics unless every byte is as written and the arena says of the block what it said before.
    pub fn check(&self, arena: &Arena) {
        self.check_first(self.layout.size());
        // SAFETY: the block is live.
        assert_eq!(unsafe { arena.usable_size(self.ptr) }, self.usable, "{self:?}");
        assert_eq!(arena.contains(self.ptr.as_ptr()), self.inside, "{self:?}");
    }

    /// Another size; `Err`: refused, and the block is as it was.
    pub fn resize(self, arena: &Arena, size: usize) -> Result<Block, Block> {
        self.check(arena);
        // SAFETY: the block is live and of this layout, which is not empty; the callers' sizes are neither 0 nor huge.
        let ptr = unsafe { arena.realloc(self.ptr.as_ptr(), self.layout, size) };
        let Some(ptr) = NonNull::new(ptr) else {
            self.check(arena);
            return Err(self);
        };
        let moved = Block { ptr, ..self };
        // Of a last word that was cut nothing is known.
        moved.check_first(if size < self.layout.size() { size & !7 } else { self.layout.size() });
        let layout = Layout::from_size_align(size, self.layout.align()).expect("small enough to be valid");
        Ok(Block::new(arena, ptr, layout, self.seed + 1))
    }

    /// Checks the block and frees it, in one of three ways.
    pub fn free(self, arena: &Arena, way: u8) {
        self.check(arena);
        // SAFETY: the block is live, of this layout, and not used afterwards.
        unsafe {
            match way % 3 {
                0 => arena.free(self.ptr),
                1 if self.layout.size() > 0 => GlobalAlloc::dealloc(arena, self.ptr.as_ptr(), self.layout),
                _ => arena.deallocate(self.ptr, self.layout),
            }
        }
    }

    /// Its address, and the bytes from there on that are its own.
    pub fn span(&self) -> (usize, usize) {
        (self.ptr.addr().get(), self.usable)
    }

    /// Its layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether it lies in the arena's memory.
    pub fn inside(&self) -> bool {
        self.inside
    }
}

/// Panics unless all bytes of a new block are zero.
pub fn assert_zero(ptr: NonNull<u8>, layout: Layout) {
    // SAFETY: the arena has just handed out that many bytes, which it or the OS has written.
    let bytes = unsafe { std::slice::from_raw_parts(ptr.as_ptr(), layout.size()) };
    assert!(bytes.iter().all(|&byte| byte == 0), "a zeroed block of {layout:?} is not zero");
}
