//! Which heap a thread has in which arena.
//!
//! The primary arena's lists live in thread-local storage and are reached without a test; of other arenas a thread
//! keeps a small table. The exit hook is a pthread key: its destructor runs after all thread-local destructors. After
//! it the thread is dead: what other keys' destructors allocate comes from the common heap, and what they free goes
//! home one by one.

use core::cell::Cell;
use core::ptr;

use super::local::Local;
use super::recover;
use super::registry;
use super::shared::Shared;
use super::slot::Slot;
use crate::class::{CLASSES, Class};
use crate::os;
use crate::span::tag::OwnerTag;

/// Arenas beyond the primary one that a thread is attached to at a time.
const OTHERS: usize = 32;

/// A thread's heap in an arena that is not the primary one.
#[derive(Clone, Copy)]
struct Entry {
    uid: u64,
    /// The arena may be gone; reached only while the registry says that it is not.
    local: *const Local,
}

/// What a thread keeps in its own storage. The lists first: an index into them is then their distance.
#[repr(C)]
pub(crate) struct Thread {
    primary: Local,
    primary_uid: Cell<u64>,
    others: [Cell<Entry>; OTHERS],
    /// Place in `others` to use next.
    next: Cell<u8>,
    dead: Cell<bool>,
}

#[cfg(not(all(target_arch = "x86_64", not(shuttle))))]
crate::sync::thread_local! {
    static THREAD: Thread = const { Thread::new() };
}
#[cfg(all(target_arch = "x86_64", not(shuttle)))]
static THREAD: super::storage::Storage = super::storage::Storage;

/// The calling thread's lists of the primary arena.
#[inline(always)]
pub(crate) fn with_primary<T>(work: impl FnOnce(&Local) -> T) -> T {
    // Constant and without a destructor, the storage is never gone and `with` cannot fail.
    THREAD.with(|thread| work(&thread.primary))
}

/// The calling thread's lists of this arena, if it has a heap there.
#[inline]
pub(crate) fn find(shared: &Shared) -> Option<&Local> {
    THREAD.with(|thread| thread.find(shared)).map(|local| {
        // SAFETY: the table names a heap of this arena, which the caller keeps alive; the primary's lists live as long
        // as the thread, and the reference stays in it.
        unsafe { &*local }
    })
}

/// As [`find`], attaching the thread if need be. `None`: the thread is dead, or no heap can be had.
#[inline]
pub(crate) fn find_or_attach(shared: &Shared) -> Option<&Local> {
    find(shared).or_else(|| attach(shared))
}

#[cold]
#[inline(never)]
fn attach(shared: &Shared) -> Option<&Local> {
    if THREAD.with(|thread| thread.dead.get()) {
        return None;
    }
    let hook = os::exit_hook(exit)?;
    let slot = shared.adopt()?;
    let local = THREAD.with(|thread| {
        if shared.primary() {
            thread.primary_uid.set(shared.uid());
            &raw const thread.primary
        } else {
            thread.make_room(&raw const slot.own, shared.uid())
        }
    });
    // SAFETY: both places live as long as the thread is attached: its storage, or the slot it has just got.
    let local = unsafe { &*local };
    {
        let _held = slot.lock.lock();
        slot.owner.enter();
        shared.leavers.come();
        local.attach(shared.map(), OwnerTag::new(slot.number(), shared.primary()), ptr::from_ref(slot) as usize);
        slot.set_local(Some(local));
    }
    // Last, for it may allocate.
    if !hook.arm() {
        // Without the hook nobody would take the heap back.
        THREAD.with(|thread| thread.forget(shared));
        depart(shared, local);
        return None;
    }
    Some(local)
}

pub(crate) extern "C" fn exit(_value: *mut core::ffi::c_void) {
    THREAD.with(|thread| {
        thread.dead.set(true);
        registry::with_arenas(|arena| {
            if let Some(local) = thread.forget(arena) {
                // SAFETY: the registry, which is locked, says that the arena lives.
                depart(arena, unsafe { &*local });
            }
        });
    });
}

/// Whether the heap is the calling thread's.
pub(crate) fn owns(shared: &Shared, slot: &Slot) -> bool {
    find(shared).is_some_and(|local| local.slot() == ptr::from_ref(slot) as usize)
}

/// Takes a heap from its owner, who is the caller or gone: lists back to their pools, batches posted, empty pools back
/// to the arena.
pub(crate) fn depart(shared: &Shared, local: &Local) {
    let Some(slot) = Slot::of(local) else { return };
    {
        let _held = slot.lock.lock();
        leave(shared, slot, local);
    }
    shared.park(slot);
    // What was announced after the last look, and before anybody could see that there is no owner.
    slot.hear_unowned(shared);
}

/// As [`depart`], of a heap that is locked.
pub(super) fn leave(shared: &Shared, slot: &Slot, local: &Local) {
    for class in Class::all() {
        slot.shelve(shared, local, class);
    }
    slot.hear(shared);
    slot.give_spares(shared);
    Class::all().for_each(|class| slot.slab(class).rest(shared.map()));
    recover::retire_empty(shared, slot);
    slot.set_local(None);
    local.detach();
}

impl Thread {
    pub(crate) const fn new() -> Thread {
        Thread {
            primary: Local::new(),
            primary_uid: Cell::new(0),
            others: [const { Cell::new(Entry { uid: 0, local: ptr::null() }) }; OTHERS],
            next: Cell::new(0),
            dead: Cell::new(false),
        }
    }

    fn find(&self, shared: &Shared) -> Option<*const Local> {
        if shared.primary() {
            let attached = self.primary_uid.get() == shared.uid() && self.primary.slot() != 0;
            return attached.then_some(&raw const self.primary);
        }
        let uid = shared.uid();
        self.others.iter().map(Cell::get).find(|entry| entry.uid == uid).map(|entry| entry.local)
    }

    /// As [`Thread::find`], and removes the entry: the heap will be another thread's.
    fn forget(&self, shared: &Shared) -> Option<*const Local> {
        let found = self.find(shared);
        if shared.primary() {
            self.primary_uid.set(0);
        }
        for entry in self.others.iter().filter(|entry| entry.get().uid == shared.uid()) {
            entry.set(Entry { uid: 0, local: ptr::null() });
        }
        found
    }

    /// Enters a heap into the table; the one it displaces departs if its arena lives.
    fn make_room(&self, local: *const Local, uid: u64) -> *const Local {
        let place = &self.others[self.next.get() as usize % OTHERS];
        self.next.set(self.next.get().wrapping_add(1));
        let old = place.replace(Entry { uid, local });
        if old.uid != 0 {
            registry::with_arenas(|arena| {
                if arena.uid() == old.uid {
                    // SAFETY: the registry, which is locked, says that the arena lives; the heap is this thread's.
                    depart(arena, unsafe { &*old.local });
                }
            });
        }
        local
    }
}

// Storage comes out of the stack of each thread, even the smallest. Lists and outboxes are 32 bytes each a class; the
// rest is the table of arenas and the habit.
const _: () = assert!(size_of::<Thread>() <= CLASSES * 64 + 736);
