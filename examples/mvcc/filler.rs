//! The filler: takes what is left of the arena until it refuses, and gives it all back.
//!
//! Nothing here allocates but through a `Result`: with the arena full, a plain `Box::new` or `format!` would abort.

use std::alloc::Layout;
use std::collections::TryReserveError;
use std::ptr::NonNull;

use arenal::{AllocError, Info};

use crate::ARENA;

/// Large first: the small ones then find the gaps the large ones leave.
const SIZES: [usize; 5] = [1 << 20, 64 << 10, 4 << 10, 512, 64];

/// Blocks taken only to take room, each holding the address of the one before.
#[derive(Default)]
struct Filler {
    last: Option<NonNull<Block>>,
    blocks: usize,
    bytes: usize,
}

struct Block {
    previous: Option<NonNull<Block>>,
}

/// What the arena said when it was full.
pub(crate) struct Refusal {
    pub(crate) error: AllocError,
    /// What `Vec` makes of the same.
    pub(crate) vec_error: TryReserveError,
    pub(crate) info: Info,
    pub(crate) blocks: usize,
    pub(crate) bytes: usize,
}

/// Fills the arena, notes its refusal, and frees the blocks; `None` if it never refuses.
pub(crate) fn fill() -> Option<Refusal> {
    let mut filler = Filler::default();
    let mut error = None;
    for size in SIZES {
        error = Some(filler.take_all(size)?);
    }
    let vec_error = Vec::<u8>::new().try_reserve_exact(SIZES[0]).err()?;
    Some(Refusal { error: error?, vec_error, info: ARENA.info(), blocks: filler.blocks, bytes: filler.bytes })
}

impl Filler {
    /// Takes blocks of `size` bytes until there are no more.
    fn take_all(&mut self, size: usize) -> Option<AllocError> {
        let layout = Layout::from_size_align(size, align_of::<Block>()).ok()?;
        // More than the capacity would not be the arena's memory.
        while self.bytes <= ARENA.capacity() {
            match ARENA.allocate(layout) {
                Ok(block) => self.link(block.cast(), size),
                Err(error) => return Some(error),
            }
        }
        None
    }

    fn link(&mut self, block: NonNull<Block>, size: usize) {
        let previous = self.last;
        // SAFETY: `take_all` just got the block, of a size and alignment in which a `Block` fits.
        unsafe { block.write(Block { previous }) };
        self.last = Some(block);
        self.blocks += 1;
        self.bytes += size;
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        while let Some(block) = self.last {
            // SAFETY: `link` wrote it, and nobody else has its address.
            self.last = unsafe { block.read() }.previous;
            // SAFETY: it came from this arena and is no longer in the list.
            unsafe { ARENA.free(block.cast()) };
        }
    }
}
