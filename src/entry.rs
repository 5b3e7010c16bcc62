//! The arena's own calls: from a layout to a chunk, a span, or the system, and back.
//!
//! The inlined halves know the thread's lists of the primary arena and nothing else; everything they cannot serve goes
//! to one out-of-line function each. Those have the C ABI, out of which nothing unwinds: should an invariant break, the
//! process aborts rather than leave `GlobalAlloc` by a panic. They take what their callers were given first, in the
//! same order, and the arena last: without link-time optimisation each of these would be moved to another register.

use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

use crate::arena::Arena;
use crate::class::{Class, MAX_CHUNK};
use crate::config::Exhausted;
use crate::error::AllocError;
use crate::fatal::fatal;
use crate::hardened::CHECKED;
use crate::heap::local::{Beside, Local};
use crate::heap::pace::Look;
use crate::heap::refill::{self, Served};
use crate::heap::shared::Shared;
use crate::heap::{large, magazine, returns, thread};
use crate::place::{Place, Request, not_empty};
use crate::slab::chunk::FLOOR;
use crate::span::tag;
use crate::sync::Ordering;
use crate::system::Account;

/// What the slow half is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ask {
    /// Through `GlobalAlloc`: may make the arena the process's primary one.
    Global,
    /// As `Global`, all bytes zero.
    GlobalZeroed,
    /// Through the arena's own calls.
    Own,
    /// As `Own`, all bytes zero.
    OwnZeroed,
}

impl Ask {
    fn zero(self) -> bool {
        matches!(self, Ask::GlobalZeroed | Ask::OwnZeroed)
    }

    pub(crate) fn global(self) -> bool {
        matches!(self, Ask::Global | Ask::GlobalZeroed)
    }
}

impl Arena {
    /// A block for the layout; zero-size layouts are served too. O(1) on a hit.
    ///
    /// # Errors
    /// Out of memory: see [`AllocError`]. Nothing else changes.
    #[inline]
    pub fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        NonNull::new(self.allocate_fast(not_empty(layout), Ask::Own)).ok_or(AllocError)
    }

    /// As [`Arena::allocate`], all bytes zero; memory known to be fresh is not written to. Of a used block of 4 MiB
    /// or more, parts that were hardly written to are given back to the OS instead.
    ///
    /// # Errors
    /// As [`Arena::allocate`].
    #[inline]
    pub fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        NonNull::new(self.allocate_zeroed_fast(not_empty(layout), Ask::OwnZeroed)).ok_or(AllocError)
    }

    /// Frees a block by its layout: the fast way. Any thread may free.
    ///
    /// # Safety
    /// The block comes from this arena, with this layout, and is not used afterwards.
    #[inline]
    pub unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.deallocate_fast(ptr.as_ptr(), not_empty(layout)) }
    }

    // Here and below the thread's storage is found before the layout's class: a loop into which this is inlined finds
    // it once, and the class each time.
    #[inline(always)]
    pub(crate) fn allocate_fast(&self, layout: Layout, ask: Ask) -> *mut u8 {
        match thread::with_primary(|local| self.pop_list(local, self.class_for(layout, ask)?)) {
            Some(chunk) => self.seal(chunk as *mut u8, layout.size()),
            None => Arena::allocate_beside(Request::of(layout), self, ask),
        }
    }

    /// A chunk of the layout's class.
    #[inline(always)]
    pub(crate) fn allocate_of(&self, class: Class, layout: Layout, ask: Ask) -> *mut u8 {
        match thread::with_primary(|local| self.pop_list(local, class)) {
            Some(chunk) => self.seal(chunk as *mut u8, layout.size()),
            None => Arena::allocate_beside(Request::of(layout), self, ask),
        }
    }

    /// The first of a list of the thread's, if it is this arena's.
    #[inline(always)]
    pub(crate) fn pop_list(&self, local: &Local, class: Class) -> Option<usize> {
        // Relaxed: a floor seen too high leads to the slow half, which knows.
        let floor = self.floor.load(Ordering::Relaxed);
        local.chunks(class).pop(floor)
    }

    #[inline(always)]
    pub(crate) fn allocate_zeroed_fast(&self, layout: Layout, ask: Ask) -> *mut u8 {
        let popped = thread::with_primary(|local| self.pop_list(local, self.class_for(layout, ask)?));
        if let Some(chunk) = popped {
            // SAFETY: the chunk is ours and holds the layout.
            unsafe { (chunk as *mut u8).write_bytes(0, layout.size()) };
            return self.seal(chunk as *mut u8, layout.size());
        }
        Arena::allocate_slow(Request::of(layout), self, ask)
    }

    /// # Safety
    /// The block comes from this arena, with this layout, and is not used afterwards.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_fast(&self, ptr: *mut u8, layout: Layout) {
        thread::with_primary(|local| match self.unseal(ptr, layout) {
            // SAFETY: the caller's promise.
            Some(class) => unsafe { self.deallocate_to(local, class, ptr) },
            // SAFETY: the caller's promise.
            None => unsafe { Arena::deallocate_unclassed(ptr, self) },
        })
    }

    /// Frees a block whose layout tells the inlined half nothing: it is large, or aligned above 64.
    ///
    /// # Safety
    /// The block comes from this arena and is not used afterwards.
    #[inline(never)]
    unsafe extern "C" fn deallocate_unclassed(ptr: *mut u8, arena: &Arena) {
        let freed = ptr as usize;
        let done = thread::with_primary(|local| {
            let Some(unit) = local.unit_at(freed) else { return false };
            match local.tag_of(unit) {
                tag::LARGE => arena.known().is_some_and(|shared| large::keep(shared, local, freed)),
                _ => !CHECKED && arena.has_freed(local.free_in(unit, freed)),
            }
        });
        if !done {
            // SAFETY: the caller's promise.
            unsafe { Arena::deallocate_slow(ptr, None, arena) }
        }
    }

    /// Does what a free to the thread's lists asks for; whether it was one.
    #[inline(always)]
    pub(crate) fn has_freed(&self, freed: Beside) -> bool {
        match freed {
            Beside::Done => {}
            Beside::RanDown(record) => self.ran_down(record),
            Beside::Enough(class) => self.send_home(class),
            Beside::Loaded(class) => self.set_aside_list(class),
            Beside::Nothing => return false,
        }
        true
    }

    /// Frees an unsealed block.
    ///
    /// # Safety
    /// The block comes from this arena, with a layout of this class, and is not used afterwards.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_of(&self, class: Class, ptr: *mut u8) {
        // SAFETY: the caller's promise.
        thread::with_primary(|local| unsafe { self.deallocate_to(local, class, ptr) })
    }

    /// As [`Arena::deallocate_of`], to these lists of the thread's.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn deallocate_to(&self, local: &Local, class: Class, ptr: *mut u8) {
        if !local.chunks(class).push(ptr as usize) {
            // SAFETY: the caller's promise.
            unsafe { Arena::deallocate_beside(ptr, local, class, self) }
        }
    }

    /// Frees a chunk that is not of a current pool of the primary arena, of which these are the thread's lists. Not
    /// cold: one call, and straight on.
    ///
    /// # Safety
    /// The block comes from this arena, with a layout of this class, and is not used afterwards.
    #[inline(never)]
    pub(crate) unsafe extern "C" fn deallocate_beside(ptr: *mut u8, local: &Local, class: Class, arena: &Arena) {
        if !arena.has_freed(local.free_beside(class, ptr as usize)) {
            // SAFETY: the caller's promise.
            unsafe { Arena::deallocate_classed(ptr, class, arena) }
        }
    }

    /// Allocates what the inlined half could not, in an arena whose lists that half knows: straight on where the
    /// thread has something at hand.
    #[cold]
    #[inline(never)]
    extern "C" fn allocate_beside(request: Request, arena: &Arena, ask: Ask) -> *mut u8 {
        debug_assert!(!ask.zero());
        let layout = request.layout();
        if layout.size() > MAX_CHUNK {
            return Arena::allocate_long(request, arena, ask);
        }
        // Relaxed: as in `pop_list`.
        if arena.floor.load(Ordering::Relaxed) != FLOOR {
            return Arena::allocate_slow(request, arena, ask);
        }
        if let Some(shared) = arena.known()
            && let Some(class) = arena.listed_class_for(layout, ask)
            && let Some(served) = thread::with_primary(|local| refill::without_lock(shared, local, class))
        {
            return arena.seal(served.chunk as *mut u8, layout.size());
        }
        Arena::allocate_locked(request, arena, ask)
    }

    /// As [`Arena::allocate_beside`] for what is longer than any chunk: a span that the thread's heap keeps.
    /// Not cold: one call, and straight on.
    #[inline(never)]
    extern "C" fn allocate_long(request: Request, arena: &Arena, ask: Ask) -> *mut u8 {
        // Relaxed: as in `pop_list`.
        if arena.floor.load(Ordering::Relaxed) == FLOOR
            && let Some(shared) = arena.known()
        {
            let layout = arena.roomy(request.layout(), ask, shared.map().capacity());
            if arena.config.spans(layout)
                && let Some(block) = thread::with_primary(|local| large::at_hand(shared, local, layout.size()))
            {
                return arena.seal(block as *mut u8, request.layout().size());
            }
        }
        Arena::allocate_locked(request, arena, ask)
    }

    /// Allocates what the inlined half could not, whatever the arena and whatever is asked.
    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn allocate_slow(request: Request, arena: &Arena, ask: Ask) -> *mut u8 {
        let layout = request.layout();
        if let Some(shared) = arena.known()
            && let Some(class) = arena.listed_class_for(layout, ask)
            && let Some(local) = thread::find(shared)
            && let Some(served) = refill::without_lock(shared, local, class)
        {
            return arena.hand_out(served, layout, ask);
        }
        Arena::allocate_locked(request, arena, ask)
    }

    /// The class of whose lists the layout is served.
    #[inline(always)]
    fn listed_class_for(&self, layout: Layout, ask: Ask) -> Option<Class> {
        match self.any_class_for(layout, ask) {
            Some(class) if self.config.lists(class) => Some(class),
            _ => None,
        }
    }

    /// Allocates what takes a lock, or is not the arena's.
    #[cold]
    #[inline(never)]
    extern "C" fn allocate_locked(request: Request, arena: &Arena, ask: Ask) -> *mut u8 {
        let layout = request.layout();
        let Some(shared) = (if ask.global() { arena.shared_as_global() } else { arena.shared() }) else {
            return null_mut();
        };
        let capacity = shared.map().capacity();
        let place = arena.config.place(arena.roomy(layout, ask, capacity), capacity);
        // No closure over the arena: behind one, the optimiser would take its settings for variables.
        let serve = |look| serve(shared, place, layout.align(), ask.zero(), look);
        if place == Place::System {
            return arena.account(shared).allocate(layout, ask.zero());
        }
        let mut served = None;
        if arena.config.exhausted == Exhausted::System {
            served = serve(Look::Paced);
            if served.is_none() {
                let block = arena.account(shared).allocate(layout, ask.zero());
                if !block.is_null() {
                    return block;
                }
            }
        }
        match served.or_else(|| serve(Look::Sure)) {
            Some(served) => arena.hand_out(served, layout, ask),
            None => null_mut(),
        }
    }

    /// As [`Arena::deallocate_slow`] with the arguments where the caller has them.
    ///
    /// # Safety
    /// As there.
    #[cold]
    #[inline(never)]
    unsafe extern "C" fn deallocate_classed(ptr: *mut u8, class: Class, arena: &Arena) {
        // SAFETY: the caller's promise.
        unsafe { Arena::deallocate_slow(ptr, Some(class), arena) }
    }

    /// Frees what the inlined half could not: `class` is the layout's, `None` if unknown or large.
    ///
    /// # Safety
    /// The block comes from this arena and is not used afterwards.
    #[inline(never)]
    #[expect(improper_ctypes_definitions, reason = "this ABI turns a panic into an abort; nobody calls it from C")]
    pub(crate) unsafe extern "C" fn deallocate_slow(ptr: *mut u8, class: Option<Class>, arena: &Arena) {
        let Some(shared) = arena.known() else { arena.refuse_unused(ptr) };
        match shared.map().unit_of(ptr as usize) {
            Some(unit) => returns::free_elsewhere(shared, ptr as usize, unit, shared.map().tag(unit), class),
            // SAFETY: not the arena's, so a block of the system on its account.
            None => unsafe { arena.account(shared).free(ptr) },
        }
    }

    pub(crate) fn account<'a>(&'a self, shared: &'a Shared) -> Account<'a> {
        Account { held: shared.system(), limit: self.config.system_limit }
    }

    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn ran_down(&self, record: usize) {
        if let Some(shared) = self.known() {
            thread::with_primary(|local| returns::ran_down(shared, local, shared.map().unit_of_record(record)));
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn send_home(&self, class: Class) {
        if let Some(shared) = self.known() {
            thread::with_primary(|local| returns::send_home(shared, local, class));
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn set_aside_list(&self, class: Class) {
        if let Some(shared) = self.known() {
            thread::with_primary(|local| magazine::set_aside(shared, local, class));
        }
    }

    #[inline]
    fn hand_out(&self, served: Served, layout: Layout, ask: Ask) -> *mut u8 {
        let block = served.chunk as *mut u8;
        if ask.zero() && !served.zero {
            // SAFETY: the chunk is ours and holds the layout.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        self.seal(block, layout.size())
    }

    #[cold]
    #[inline(never)]
    fn refuse_unused(&self, ptr: *mut u8) -> ! {
        fatal(format_args!("free of {ptr:p}: this arena never allocated anything"))
    }
}

/// From the arena's memory; `None`: there is none, or the place is another.
pub(crate) fn serve(shared: &Shared, place: Place, align: usize, zero: bool, look: Look) -> Option<Served> {
    match place {
        Place::Chunk(class) => refill::allocate(shared, class, look),
        Place::Unlisted(class) => refill::allocate_unlisted(shared, class, look),
        Place::Span(size) => large::allocate(shared, size, align, zero, look),
        Place::System | Place::None => None,
    }
}
