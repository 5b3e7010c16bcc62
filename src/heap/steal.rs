//! Taking an idle thread's lists at no cost to the thread's fast path.
//!
//! A thread that went idle may hold, for each slab it touched, a pool none of whose chunks is in use: they are in the
//! thread's list, or others returned them. It may also hold other heaps' chunks, borrowed or gathered, and, where it
//! has magazines, any chunks. (What is set aside in these is under the heap's lock, and taken from whomever.) The lists
//! are the thread's alone, popped and pushed with plain loads and stores, so that another thread must not simply take
//! them. Under the heap's lock, which keeps the owner out of most of its slow paths:
//!
//! 1. The list is looked at: is it worth taking? A glance, to be confirmed.
//! 2. Its head is swapped for the end mark `OWED`, and the old head noted in `owed`. The owner, should it run, finds
//!    an empty list. (The first of what it has gathered is linked then, see `gathered`.)
//! 3. The kernel is asked whether the owner sleeps in a system call of its own (`os::asleep`). If so it is not between
//!    the load and the store of a pop or push, nor about to refill an ended list without the lock, and no store of its
//!    is under way. If the head then still is the mark, the list is ours.
//! 4. A pool's list is counted again, now that nobody changes it: only if it is whole is the pool given away.
//!
//! Whatever else happens, the owner can tell at its next slow path: its list ends in `OWED` exactly if what was taken
//! is missing from it ([`settle`]). If an operation was under way in step 2, its store undid the swap, and the list
//! ends in `END`. A later thief can tell as well, if the owner sleeps all the while that it looks along the list
//! ([`resolve`]). Thereafter the list may end in `OWED` although nothing is owed. The next mark is another one then,
//! `OWED_AGAIN`, and so by turns: what ends in a mark of old is not mistaken.

use super::links::Memory;
use super::local::{Chunks, Local};
use super::note::Note;
use super::outbox::send_home;
use super::shared::Shared;
use super::slot::Slot;
use crate::class::{CLASSES, Class};
use crate::os;
use crate::slab::chunk::{self, Listed};
use crate::slab::pool::Pool;

/// Longest list of chunks of any pools that is followed.
const LONGEST: u32 = 1 << 20;

/// No mark.
const UNSEEN: u8 = chunk::FLOOR as u8;
const _: () = assert!(chunk::FLOOR <= u8::MAX as usize);

/// What a thief took of a slab's lists and may have to give back; 0: nothing. Under the heap's lock.
#[repr(C)]
pub(crate) struct Owed {
    list: Note,
    outbox: Note,
}

impl Owed {
    pub(crate) fn clear(&self) {
        self.list.clear();
        self.outbox.clear();
    }

    pub(super) fn list(&self) -> &Note {
        &self.list
    }

    /// The outbox becomes the list. Both are settled.
    pub(crate) fn move_outbox(&self) {
        self.list.follow(&self.outbox);
    }

    /// Chunks that are missing from a slab's lists until the owner settles. The heap is locked.
    pub(crate) fn missing(&self, shared: &Shared, local: &Local, class: Class) -> usize {
        let count = |listed: Option<Listed>, note: &Note| {
            let missing = count_foreign(shared, note.missing(listed?.end)?)?;
            Some(missing.count as usize)
        };
        let list = count_foreign(shared, local.chunks(class).list.get());
        let outbox = count_gathered(shared, local, class);
        [count(list, &self.list), count(outbox, &self.outbox)].into_iter().flatten().sum()
    }
}

/// Ends for a sleeping owner what other thieves left unfinished: what is missing from its lists goes home. The heap is
/// locked. Whether anything was.
fn resolve(shared: &Shared, slot: &Slot, local: &Local) -> bool {
    let noted = |class| {
        let owed = slot.owed(class);
        owed.list.pending().or(owed.outbox.pending()).is_some()
    };
    if !Class::all().any(noted) {
        return false;
    }
    // By class, of the list and of the outbox: marks, or else `UNSEEN`. Of few bytes, for a full arena is met on any
    // stack.
    let mut ends = [[UNSEEN; 2]; CLASSES];
    let asleep = os::asleep_throughout(slot.owner.thread(), || {
        for class in Class::all().filter(|&class| noted(class)) {
            let list = count_foreign(shared, local.chunks(class).list.get());
            let outbox = count_gathered(shared, local, class);
            ends[class.index()] = [list, outbox].map(|listed| listed.map_or(UNSEEN, |listed| listed.end as u8));
        }
    });
    if asleep.is_none() {
        return false;
    }
    let mut sent = false;
    for class in Class::all().filter(|&class| noted(class)) {
        let owed = slot.owed(class);
        for (note, end) in [&owed.list, &owed.outbox].into_iter().zip(ends[class.index()]) {
            // No operation of the owner's was under way, and none will find the mark where it is not by now.
            let resolvable = end != UNSEEN && note.pending().is_some();
            if let Some(first) = resolvable.then(|| note.resolve(end.into())).flatten() {
                send_home(shared, first);
                sent = true;
            }
        }
    }
    sent
}

/// Sends home and gives back what a heap's idle owner has no use for. The heap is locked; its owner is another thread.
/// Whether chunks went home.
pub(crate) fn unused(shared: &Shared, slot: &Slot, local: &Local) -> bool {
    let mut sent = resolve(shared, slot, local);
    if local.has_magazines() {
        for aside in Class::all().map(|class| slot.magazine(class).take()) {
            sent |= aside >= chunk::FLOOR;
            send_home(shared, aside);
        }
    }
    let mut marked = false;
    for class in Class::all() {
        let (list, owed) = (&local.chunks(class).list, slot.owed(class));
        let of_list = owed.list.pending().is_none() && worth_taking(shared, slot, class, list.get());
        let of_outbox = owed.outbox.pending().is_none() && holds_any(count_gathered(shared, local, class));
        // Running threads are left alone.
        if !marked && (of_list || of_outbox) && !os::seems_asleep(slot.owner.thread()) {
            shared.leavers.meet();
            return sent;
        }
        marked |= of_list && list.mark(list.get(), &owed.list);
        marked |= of_outbox && local.gathered(class).mark(Memory, &owed.outbox);
    }
    if marked {
        let asleep = os::is_asleep(slot.owner.thread());
        if !asleep {
            shared.leavers.meet();
        }
        for class in Class::all() {
            let (chunks, owed) = (local.chunks(class), slot.owed(class));
            if let Some(first) = local.gathered(class).confirm(&owed.outbox, asleep, |first| foreign(shared, first)) {
                send_home(shared, first);
                sent = true;
            }
            let whole = |first| worth_taking(shared, slot, class, first);
            if let Some(first) = chunks.list.confirm(&owed.list, asleep, whole) {
                sent |= slot.slab(class).current().is_none();
                dispose(shared, slot, chunks, class, first);
            }
        }
    }
    sent
}

/// The list is ours: its pool, or without one its chunks, go where all can have them.
fn dispose(shared: &Shared, slot: &Slot, chunks: &Chunks, class: Class, first: usize) {
    let slab = slot.slab(class);
    match slab.current() {
        // The owner cannot push: no chunk of the pool is in use. It cannot pop: the list is empty.
        Some(unit) => {
            let pool = Pool::at(shared.map(), unit);
            shared.unfill(pool);
            chunks.no_pool();
            slab.set_current(None);
            slab.drop_pool();
            shared.give_pool(unit);
        }
        None => send_home(shared, first),
    }
}

/// Whether nobody uses a chunk of the class's current pool: all that were carved are in the list, beside it, or
/// returned. Without such a pool, whether there is a list.
fn worth_taking(shared: &Shared, slot: &Slot, class: Class, head: usize) -> bool {
    let Some(unit) = slot.slab(class).current() else {
        return foreign(shared, head);
    };
    let pool = Pool::at(shared.map(), unit);
    let base = shared.map().address(unit) as usize;
    // Asked in this order: who returns the last chunk announces the pool with it, and enters it in the inbox
    // afterwards.
    pool.is_unused(base, head) && !pool.remote().announced()
}

/// Whether a list of chunks of any pools is there to be taken.
fn foreign(shared: &Shared, head: usize) -> bool {
    holds_any(count_foreign(shared, head))
}

fn holds_any(listed: Option<Listed>) -> bool {
    listed.is_some_and(|listed| listed.count > 0)
}

/// Walks a list of chunks of any pools, which its owner may be changing: what a popped chunk holds is no link. Only
/// memory that pools have, or had, can be read.
pub(crate) fn count_foreign(shared: &Shared, head: usize) -> Option<Listed> {
    let map = shared.map();
    let in_pool = |at| map.unit_of(at).is_some_and(|unit| map.pool_of(map.tag(unit)).is_some());
    chunk::survey(head, LONGEST, |at| in_pool(at) && at.is_multiple_of(8))
}

/// As [`count_foreign`], for what the thread has gathered.
pub(crate) fn count_gathered(shared: &Shared, local: &Local, class: Class) -> Option<Listed> {
    let (first, rest) = local.gathered(class).parts();
    if first < chunk::FLOOR {
        return count_foreign(shared, first);
    }
    let behind = count_foreign(shared, rest)?;
    // Its owner is pushing the next one, and has linked it.
    if rest == first {
        return Some(behind);
    }
    Some(Listed { count: behind.count + 1, last: if behind.count == 0 { first } else { behind.last }, ..behind })
}

/// Ends what a thief left unfinished with a slab's lists: appends what is owed if the list says so. By the owner, or
/// for a heap whose owner is gone; the heap is locked.
pub(crate) fn settle(slot: &Slot, local: &Local, class: Class) {
    let owed = slot.owed(class);
    local.chunks(class).list.settle(Memory, &owed.list);
    local.gathered(class).settle(Memory, &owed.outbox);
}
