//! Chunks of a slab that the caller names.

use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

use crate::arena::Arena;
use crate::class::Class;
use crate::entry::serve;
use crate::error::AllocError;
use crate::heap::pace::Look;
use crate::place::Place;

impl Arena {
    /// One chunk of exactly the slab of `slab` bytes; freed with a layout of that size, aligned at 64 at most, or by
    /// address. With [`Exhausted::System`](crate::Exhausted::System) a full arena gives a block of the system of as
    /// many bytes, as it does for layouts, unless layouts of that size are the system's.
    ///
    /// ```
    /// let arena = arenal::Arena::new(64 << 20);
    /// let slab = arena.slabs().find(|&slab| slab >= 1000).expect("slabs up to the capacity");
    /// let chunk = arena.allocate_slab(slab)?;
    /// unsafe { arena.free(chunk) };
    /// # Ok::<(), arenal::AllocError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Arena::allocate`].
    ///
    /// # Panics
    /// If `slab` is none of [`Arena::slabs`]; the message names the nearest ones.
    pub fn allocate_slab(&self, slab: usize) -> Result<NonNull<u8>, AllocError> {
        let (capacity, layout) = (self.capacity(), Layout::from_size_align(slab, 8));
        let (true, Ok(layout)) = (self.config.has_slab(slab, capacity), layout) else { self.no_slab(slab) };
        if slab <= self.config.threshold(capacity) {
            return self.allocate(layout);
        }
        // The last one: layouts of its size are the system's.
        let shared = self.shared().ok_or(AllocError)?;
        let place = Class::of(slab).map_or(Place::Span(slab), Place::Unlisted);
        let served = serve(shared, place, 8, false, Look::Sure);
        let block = served.map_or(null_mut(), |served| self.seal(served.chunk as *mut u8, slab));
        NonNull::new(block).ok_or(AllocError)
    }

    #[cold]
    #[inline(never)]
    fn no_slab(&self, slab: usize) -> ! {
        let below = self.slabs().take_while(|&size| size < slab).last();
        let above = self.slabs().find(|&size| size > slab);
        match (below, above) {
            (Some(below), Some(above)) => panic!("no slab of {slab} bytes: the nearest are {below} and {above}"),
            (Some(nearest), None) | (None, Some(nearest)) => {
                panic!("no slab of {slab} bytes: the nearest is {nearest}")
            }
            (None, None) => panic!("no slab of {slab} bytes: this arena has no slabs"),
        }
    }
}
