//! The public type: what an arena is made of and tells about itself.

use core::alloc::Layout;
use core::fmt;
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicPtr;

use crate::class::{Class, UNIT, UNIT_SHIFT};
use crate::config::{Config, Settled};
use crate::hardened;
use crate::heap::pace::Look;
use crate::heap::shared::Shared;
use crate::heap::{recover, registry, stats};
use crate::info::{Info, SlabUsage};
use crate::os;
use crate::sync::{AtomicUsize, Ordering};

/// A bounded arena: a memory allocator with a hard cap.
///
/// Made in `const` context, it takes address space at its first use and memory pool by pool. As a `#[global_allocator]`
/// it serves a whole program; made locally it is private, independent of all others, and gives all its pools back when
/// dropped; blocks that the system allocator has for it must be freed before. It may be moved at any time: what it
/// manages does not move with it.
///
/// ```
/// use arenal::Arena;
/// use std::alloc::Layout;
///
/// let arena = Arena::new(16 << 20);
/// let layout = Layout::new::<[u64; 9]>();
/// let block = arena.allocate(layout)?;
/// assert_eq!(arena.slab_for(layout), Some(72));
/// assert_eq!(arena.info().allocated, 72);
/// // SAFETY: allocated above with this layout, and not used again.
/// unsafe { arena.deallocate(block, layout) };
/// assert_eq!(arena.info().allocated, 0);
/// # Ok::<(), arenal::AllocError>(())
/// ```
///
/// A capacity outside of the range does not compile in a `static`:
///
/// ```compile_fail
/// static ARENA: arenal::Arena = arenal::Arena::new(1 << 50);
/// ```
pub struct Arena {
    /// List heads below this are no chunk for this arena: `usize::MAX` unless the threads' own lists are its.
    pub(crate) floor: AtomicUsize,
    /// Copies of the map's; 0 units until the first use.
    base: AtomicUsize,
    units: AtomicUsize,
    /// Null until the first use.
    shared: AtomicPtr<Shared>,
    pub(crate) config: Settled,
}

impl Arena {
    /// Largest capacity: 1 TiB.
    pub const MAX_CAPACITY: usize = 1 << 40;
    /// Smallest capacity: 4 MiB, enough for a program with several threads.
    pub const MIN_CAPACITY: usize = 4 << 20;

    /// An arena of at most `capacity` bytes of pools, with the default configuration.
    ///
    /// # Panics
    /// Outside of [`MIN_CAPACITY`](Arena::MIN_CAPACITY)`..=`[`MAX_CAPACITY`](Arena::MAX_CAPACITY): a compile error in
    /// a `static`.
    pub const fn new(capacity: usize) -> Arena {
        Arena::with_config(Config::new(capacity))
    }

    /// An arena that behaves as configured.
    ///
    /// # Panics
    /// As [`Arena::new`], and if `system_above` exceeds the capacity.
    pub const fn with_config(config: Config) -> Arena {
        assert!(
            config.capacity >= Arena::MIN_CAPACITY && config.capacity <= Arena::MAX_CAPACITY,
            "the capacity of an arena must be between 4 MiB (4194304 bytes) and 1 TiB (1099511627776 bytes)"
        );
        if let Some(bytes) = config.system_above {
            assert!(bytes <= config.capacity, "`system_above` must not exceed the capacity of the arena");
        }
        Arena {
            floor: AtomicUsize::new(usize::MAX),
            base: AtomicUsize::new(0),
            units: AtomicUsize::new(0),
            shared: AtomicPtr::new(null_mut()),
            config: Settled::new(config),
        }
    }

    /// The cap in force on pool memory, in bytes.
    ///
    /// May be less than asked for: rounded down to whole units of memory, and where the address space is limited, to
    /// what the OS granted.
    pub fn capacity(&self) -> usize {
        match self.shared() {
            Some(shared) => shared.map().capacity(),
            None => self.config.capacity / UNIT.max(os::page_size()) * UNIT.max(os::page_size()),
        }
    }

    /// The slab that would serve a layout, in bytes; `None`: the system allocator would, or nobody.
    ///
    /// It may be one that [`Arena::slabs`] leaves out: where [`Config::system_above`] is low, a layout of a large
    /// alignment is served by a slab longer than that, if by any.
    pub fn slab_for(&self, layout: Layout) -> Option<usize> {
        self.config.slab_for(layout, self.capacity())
    }

    /// This arena's slab sizes in bytes, ascending.
    pub fn slabs(&self) -> impl Iterator<Item = usize> {
        self.config.slabs(self.capacity())
    }

    /// Whether the address lies in this arena's memory. O(1).
    pub fn contains(&self, ptr: *const u8) -> bool {
        // Relaxed: whoever asks about a chunk learned of it after it was set.
        let unit = (ptr as usize).wrapping_sub(self.base.load(Ordering::Relaxed)) >> UNIT_SHIFT;
        unit < self.units.load(Ordering::Relaxed)
    }

    /// The arena's figures. O(heaps × slabs + pools), and the chunks in the lists of threads are counted; large blocks
    /// take one walk over all spans for each of their slabs. Locks one heap after the other.
    pub fn info(&self) -> Info {
        let Some(shared) = self.known() else {
            return Info { capacity: self.capacity(), ..Info::default() };
        };
        let allocated = stats::usages(shared).map(|usage| usage.allocated).sum::<usize>();
        let heap = shared.with_space(|space| space.held());
        Info {
            capacity: shared.map().capacity(),
            heap,
            // Read one after the other, beside threads that go on.
            allocated: allocated.min(heap),
            overhead: shared.overhead(),
            // Relaxed: a count.
            system: shared.system().load(Ordering::Relaxed),
        }
    }

    /// What each slab that holds memory holds, ascending by slab. It costs what [`Arena::info`] does.
    ///
    /// ```
    /// let arena = arenal::Arena::new(64 << 20);
    /// let block = arena.allocate(core::alloc::Layout::new::<[u64; 9]>())?;
    /// for usage in arena.utilization() {
    ///     println!("{usage}"); // the slab, its pools and their bytes, and the share of them that is in use
    ///     assert_eq!((usage.slab, usage.allocated), (72, 72));
    /// }
    /// # unsafe { arena.free(block) };
    /// # Ok::<(), arenal::AllocError>(())
    /// ```
    pub fn utilization(&self) -> impl Iterator<Item = SlabUsage> {
        self.known().into_iter().flat_map(|shared| stats::usages(shared).map(SlabUsage::from))
    }

    /// Gives the memory of empty pools back to the OS and keeps their addresses; returns the bytes given back.
    ///
    /// Empty pools of idle and departed threads are found too; threads that run, but have lists they have no use for,
    /// are given a few milliseconds to end. O(heaps × slabs + pools), and the chunks in the lists of threads are
    /// counted; one system call for each run of empty memory, and a few for each thread that may be idle.
    ///
    /// ```
    /// let arena = arenal::Arena::new(64 << 20);
    /// let block = arena.allocate(core::alloc::Layout::new::<[u64; 9]>())?;
    /// unsafe { arena.free(block) };
    /// assert!(arena.info().heap > 0); // pools are kept
    /// assert!(arena.trim() > 0 && arena.info().heap == 0);
    /// # Ok::<(), arenal::AllocError>(())
    /// ```
    pub fn trim(&self) -> usize {
        let Some(shared) = self.known() else { return 0 };
        recover::run(shared, None);
        // Until nobody is met.
        shared.leavers.wait(Look::Sure, || {
            recover::run(shared, None);
            None::<()>
        });
        shared.with_space(|space| space.trim(shared.map()))
    }

    /// Frees every pool at once: the arena is empty and usable again. Blocks of the system allocator are not touched.
    ///
    /// # Safety
    /// No chunk of the arena is used afterwards, and no other thread is inside the arena. (One that ends may still be
    /// leaving its heap: the end of a [`std::thread::scope`] is not the end of its threads.)
    pub unsafe fn release(&self) {
        if let Some(shared) = self.known() {
            // SAFETY: the caller's promise; no thread is leaving its heap.
            registry::quietly(|| unsafe { shared.clear() });
        }
    }

    /// The shared state, made if need be. `None`: the OS refuses.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&Shared> {
        self.known().or_else(|| self.start(false))
    }

    /// As [`Arena::shared`], for the entry of a global allocator: only that may claim the threads' own lists, for the
    /// process's first such arena.
    #[inline]
    pub(crate) fn shared_as_global(&self) -> Option<&Shared> {
        self.known().or_else(|| self.start(true))
    }

    /// The shared state if the arena has been used.
    #[inline]
    pub(crate) fn known(&self) -> Option<&Shared> {
        // Acquire: sees the state that `start` published.
        // SAFETY: it lives until the arena is dropped.
        unsafe { self.shared.load(Ordering::Acquire).as_ref() }
    }

    #[cold]
    #[inline(never)]
    fn start(&self, wants_primary: bool) -> Option<&Shared> {
        let shared = registry::enter(
            || NonNull::new(self.shared.load(Ordering::Acquire)),
            wants_primary,
            |primary| {
                hardened::begin();
                let huge = self.config.huge_pages.policy();
                let divided = Class::all().any(|class| class.is_traded() && !self.config.lists(class));
                Shared::reserve(self.config.capacity, Arena::MIN_CAPACITY, huge, divided, primary)
            },
            |made| self.publish(made),
        )?;
        // SAFETY: it lives until the arena is dropped.
        Some(unsafe { shared.as_ref() })
    }

    fn publish(&self, made: NonNull<Shared>) {
        // SAFETY: just made.
        let shared = unsafe { made.as_ref() };
        let map = shared.map();
        // Relaxed: a thread reaches these words with a chunk of this arena in hand, which it got after they were set.
        self.base.store(map.base() as usize, Ordering::Relaxed);
        self.units.store(map.units(), Ordering::Relaxed);
        if shared.primary() {
            self.floor.store(crate::slab::chunk::FLOOR, Ordering::Relaxed);
        }
        // Release: publishes the shared state.
        self.shared.store(made.as_ptr(), Ordering::Release);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let Some(shared) = NonNull::new(*self.shared.get_mut()) else {
            return;
        };
        // SAFETY: it lives until unmapped below; afterwards no thread finds the arena in the registry, and by the rules
        // of `Drop` none uses it.
        unsafe {
            registry::leave(shared.as_ref());
            Shared::unmap(shared);
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("config", &*self.config).field("info", &self.info()).finish()
    }
}

impl fmt::Display for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info().fmt(f)
    }
}
