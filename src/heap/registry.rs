//! All arenas of the process, and what a fork does to them.

use core::ptr::NonNull;

use super::death;
use super::doubt;
use super::shared::Shared;
use super::thread;
use crate::class::Class;
use crate::lock::{Fork, Lock};
use crate::os;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// Held while arenas come and go, and while a thread exits. What it protects is read and written Relaxed.
static LOCK: Lock = Lock::new();
/// Address of the first arena's [`Shared`]; under the lock.
static FIRST: AtomicUsize = AtomicUsize::new(0);
/// Whether an arena has the threads' thread-local lists; at most one ever does.
static HAS_PRIMARY: AtomicBool = AtomicBool::new(false);

/// Makes an arena under the registry's lock, unless `existing` finds one made meanwhile.
pub(crate) fn enter(
    existing: impl FnOnce() -> Option<NonNull<Shared>>,
    wants_primary: bool,
    make: impl FnOnce(bool) -> Option<NonNull<Shared>>,
    publish: impl FnOnce(NonNull<Shared>),
) -> Option<NonNull<Shared>> {
    // Before the lock is taken: a fork would leave it behind in the child. And outside of it, for it may allocate.
    os::at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    let _held = LOCK.lock();
    if let Some(shared) = existing() {
        return Some(shared);
    }
    // Relaxed: under the lock.
    let primary = wants_primary && !HAS_PRIMARY.load(Ordering::Relaxed);
    let shared = make(primary)?;
    if primary {
        HAS_PRIMARY.store(true, Ordering::Relaxed);
    }
    // SAFETY: just made, and it lives until `leave`.
    let made = unsafe { shared.as_ref() };
    // By a fork handler of the program's, after `before_fork`: locked as all others are until the fork is over.
    if Fork::is_callers() {
        made.lock_for_fork();
    }
    made.next.store(FIRST.load(Ordering::Relaxed), Ordering::Relaxed);
    FIRST.store(shared.as_ptr() as usize, Ordering::Relaxed);
    publish(shared);
    Some(shared)
}

/// Takes an arena from the registry and from its threads; none will find it afterwards. Under the lock, for a thread
/// that ends must either find its arena here, or itself free of it: its lists of the primary one end with it.
pub(crate) fn leave(shared: &Shared) {
    let _held = LOCK.lock();
    death::bury_all(shared);
    for slot in shared.heaps() {
        if let Some(local) = slot.local() {
            local.detach();
        }
    }
    // Each execution of a model has threads of its own, and may have a primary arena again.
    #[cfg(shuttle)]
    HAS_PRIMARY.store(false, Ordering::Relaxed);
    let mut link = &FIRST;
    loop {
        let address = link.load(Ordering::Relaxed);
        if address == 0 {
            return;
        }
        if address == core::ptr::from_ref(shared) as usize {
            link.store(shared.next.load(Ordering::Relaxed), Ordering::Relaxed);
            return;
        }
        // SAFETY: listed arenas live; the lock is held.
        link = unsafe { &(*(address as *const Shared)).next };
    }
}

/// Calls `visit` for each arena under the registry's lock.
pub(crate) fn with_arenas(visit: impl FnMut(&Shared)) {
    let _held = LOCK.lock();
    each(visit);
}

/// Does some work while no thread leaves its heaps, and arenas neither come nor go.
pub(crate) fn quietly(work: impl FnOnce()) {
    let _held = LOCK.lock();
    work();
}

/// As [`with_arenas`], if the lock is free.
#[cfg(any(debug_assertions, feature = "hardened"))]
pub(crate) fn try_with_arenas(visit: impl FnMut(&Shared)) {
    if let Some(_held) = LOCK.try_lock() {
        each(visit);
    }
}

fn each(mut visit: impl FnMut(&Shared)) {
    let mut at = FIRST.load(Ordering::Relaxed);
    while at != 0 {
        // SAFETY: listed arenas live; the lock is held.
        let shared = unsafe { &*(at as *const Shared) };
        at = shared.next.load(Ordering::Relaxed);
        visit(shared);
    }
}

extern "C" fn before_fork() {
    LOCK.lock_for_fork();
    // In the child nobody could tell them from those that the fork leaves behind, whose storage is there.
    each(death::bury_all);
    each(Shared::lock_for_fork);
    Fork::begin();
}

extern "C" fn after_fork_in_parent() {
    Fork::end();
    each(Shared::unlock_after_fork);
    LOCK.unlock_after_fork();
}

/// The other threads do not exist in the child. None had its heap's lock; what one of them was doing without it leaks
/// at most the chunk or span it was freeing or taking, or the list that it was fetching from its current pool. A chunk
/// that it had freed and not counted yet is counted here: the pool would seem to have lost it, and when it came back,
/// to have got one that it never gave.
extern "C" fn after_fork_in_child() {
    Fork::end();
    each(Shared::unlock_after_fork);
    LOCK.unlock_after_fork();
    with_arenas(|shared| {
        for slot in shared.heaps() {
            if thread::owns(shared, slot) {
                slot.owner.enter();
            } else if let Some(local) = slot.local() {
                shared.with_space(|_| slot.kept.settle());
                Class::all().for_each(|class| slot.slab(class).recount(shared.map()));
                thread::depart(shared, local);
            }
        }
        // Another thread may have returned a chunk and been about to say so.
        doubt::raise_all(shared.map(), shared.with_space(|space| space.frontier()));
    });
}
