//! Other heaps' chunks that a thread has freed: a list whose first link is written late.
//!
//! A chunk that another thread has written to lies in that thread's cache. Linked at once, it would hold up the
//! program's next atomic operation, which takes the next message from a channel, say, until the line has come. So the
//! line is asked for when a chunk is pushed, and the link is written when the next one is. Until then it is kept beside
//! the head.

use core::cell::Cell;

use super::head::Head;
use super::links::Links;
use super::note::Note;
use crate::slab::mark::{END, FLOOR};
use crate::sync::{AtomicUsize, Ordering};

/// What a thread has gathered of one slab, on half a cache line.
///
/// The owner pushes with plain stores, and all else happens under the heap's lock: while another thread holds it,
/// chunks only come.
///
/// `rest` is what the first chunk links to; only in the others the links are written for certain. A push writes the
/// link of the first chunk, `rest`, and the head, in this order. While it is under way, `rest` may be the first chunk
/// itself, or a mark that a thief left in the head meanwhile; the first chunk's link has been written then, by the push
/// or the thief.
#[repr(C, align(32))]
pub(crate) struct Gathered {
    head: Head,
    rest: AtomicUsize,
    /// How many more chunks are pushed until they are sent home, about. The owner's, or whoever's that clears the list.
    pub(super) room: Cell<u8>,
}

impl Gathered {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Gathered {
        Gathered { head: Head::new(), rest: AtomicUsize::new(END), room: Cell::new(0) }
    }

    /// By the owner, without the lock.
    #[inline(always)]
    pub(crate) fn push(&self, links: impl Links, freed: usize) {
        let first = self.head.get();
        if first >= FLOOR {
            // Relaxed: the owner's own store, or that of who had the lock.
            links.link(first, self.rest.load(Ordering::Relaxed));
        }
        // Release: who reads it sees the first chunk's link, and the head of the push before. (Without it
        // loom finds nothing: it keeps to the program's order.)
        self.rest.store(first, Ordering::Release);
        self.head.publish(freed);
    }

    /// By the owner.
    pub(crate) fn pop(&self, links: impl Links) -> Option<usize> {
        let first = self.head.get();
        if first < FLOOR {
            return None;
        }
        self.head.set(self.parts().1);
        self.read_rest(links);
        Some(first)
    }

    /// By the owner, or for one that is gone: takes the whole list, linked. Nothing is pending.
    pub(crate) fn take(&self, links: impl Links) -> usize {
        self.seal(links);
        self.head.take()
    }

    /// The chunks are gone with the arena's contents, or none is left.
    pub(crate) fn forget(&self) {
        self.head.set(END);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get() < FLOOR
    }

    /// The first chunk, or the end mark, and what is behind it. The owner may be pushing.
    pub(crate) fn parts(&self) -> (usize, usize) {
        // Acquire: see `push`.
        (self.head.published(), self.rest.load(Ordering::Acquire))
    }

    /// As [`Head::mark`]. What is noted is linked.
    pub(crate) fn mark(&self, links: impl Links, note: &Note) -> bool {
        let (first, rest) = self.parts();
        // Else a push is under way, and `rest` is not this chunk's any more.
        if rest == first || !self.head.mark(first, note) {
            return false;
        }
        // The head was the same all the time, and so `rest` was its: had it been a later push's, that of the push
        // before would have been seen. A push that was under way and undoes the mark writes the same.
        if first >= FLOOR {
            links.link(first, rest);
        }
        true
    }

    /// As [`Head::confirm`].
    pub(crate) fn confirm(&self, note: &Note, asleep: bool, worth: impl Fn(usize) -> bool) -> Option<usize> {
        self.head.confirm(note, asleep, worth)
    }

    /// As [`Head::settle`].
    pub(crate) fn settle(&self, links: impl Links, note: &Note) {
        let Some(missing) = note.pending() else { return };
        // Put back and not pushed upon, it has been linked by the thief; `rest` may be of a push that a fork cut off.
        if self.head.get() != missing {
            self.seal(links);
        }
        self.head.settle(links, note);
        self.read_rest(links);
    }

    /// Links the first chunk, unless a push that a fork cut off has done it.
    fn seal(&self, links: impl Links) {
        let (first, rest) = self.parts();
        if first >= FLOOR && rest != first {
            links.link(first, rest);
        }
    }

    /// The first chunk is linked.
    fn read_rest(&self, links: impl Links) {
        let first = self.head.get();
        if first >= FLOOR {
            // Relaxed: the lock orders it.
            self.rest.store(links.next(first), Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::super::links::modelled::{Modelled, chunk, number};
    use super::*;
    use crate::lock::Lock;
    use crate::sync::explored;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;

    const CHUNKS: usize = 4;

    struct Thread {
        gathered: Gathered,
        chunks: Modelled<CHUNKS>,
        asleep: AtomicBool,
        /// The heap's lock, and what it protects.
        lock: Lock,
        owed: Note,
    }
    // SAFETY: `owed` is reached under the lock, as in the shipped code; chunks by who holds them, as the models check.
    unsafe impl Sync for Thread {}
    // SAFETY: as above.
    unsafe impl Send for Thread {}

    impl Thread {
        /// The first of two chunks is not linked yet.
        fn new() -> Thread {
            Thread {
                gathered: Gathered {
                    head: Head::holding(chunk(0)),
                    rest: AtomicUsize::new(chunk(1)),
                    room: Cell::new(0),
                },
                // What the program left in the others is no link.
                chunks: Modelled::new([chunk(0), END, chunk(2), chunk(3)]),
                asleep: AtomicBool::new(false),
                lock: Lock::new(),
                owed: Note::new(),
            }
        }

        fn push(&self, chunk: usize) {
            self.chunks.touch(chunk);
            self.gathered.push(&self.chunks, chunk);
        }

        fn settle(&self) {
            self.gathered.settle(&self.chunks, &self.owed);
        }

        /// What the list ends in, as a thief sees it.
        fn end(&self) -> usize {
            let (first, rest) = self.gathered.parts();
            if first < FLOOR { first } else { self.chunks.end(rest) }
        }

        fn count_all(&self, seen: &mut [u32; CHUNKS]) {
            self.settle();
            self.chunks.count(self.gathered.take(&self.chunks), seen);
        }

        /// Tries to rob the owner.
        fn rob(&self, seen: &mut [u32; CHUNKS]) {
            let _held = self.lock.lock();
            let asleep = || self.asleep.fetch_or(false, Ordering::AcqRel);
            if self.owed.pending().is_some() {
                let (before, end, after) = (asleep(), self.end(), asleep());
                if !(before && after) {
                    return;
                }
                self.chunks.count(self.owed.resolve(end).unwrap_or(END), seen);
            }
            if self.gathered.mark(&self.chunks, &self.owed)
                && let Some(first) = self.gathered.confirm(&self.owed, asleep(), |_| true)
            {
                self.chunks.count(first, seen);
            }
        }
    }

    /// While the owner pushes two chunks and falls asleep in between, a thief tries to take its list: afterwards every
    /// chunk is in exactly one place. `work` is what the owner does after it has slept.
    fn steal(name: &str, times: usize, work: fn(&Thread, &mut [u32; CHUNKS])) {
        explored(name, move || {
            let thread = Arc::new(Thread::new());
            let owner = Arc::clone(&thread);
            let owner = loom::thread::spawn(move || {
                let mut held = [0; CHUNKS];
                owner.push(chunk(2));
                // These, and the thief's look, stand for the kernel, see the models of `head`.
                owner.asleep.swap(true, Ordering::AcqRel);
                owner.asleep.swap(false, Ordering::AcqRel);
                work(&owner, &mut held);
                held
            });
            let mut seen = [0; CHUNKS];
            for _ in 0..times {
                thread.rob(&mut seen);
            }
            let held = owner.join().unwrap();
            seen.iter_mut().zip(held).for_each(|(seen, held)| *seen += held);
            thread.count_all(&mut seen);
            assert_eq!(seen, [1; CHUNKS]);
        });
    }

    fn pushes(thread: &Thread, _held: &mut [u32; CHUNKS]) {
        thread.push(chunk(3));
    }

    #[test]
    fn a_pusher_is_robbed() {
        steal("loom_gathered_push", 1, pushes);
    }

    #[test]
    fn a_pusher_is_robbed_twice() {
        steal("loom_gathered_push_twice", 2, pushes);
    }

    #[test]
    fn who_pops_and_takes_is_robbed() {
        steal("loom_gathered_take", 1, |thread, held| {
            {
                let _held = thread.lock.lock();
                thread.settle();
                if let Some(first) = thread.gathered.pop(&thread.chunks) {
                    held[number(first)] += 1;
                    thread.chunks.touch(first);
                }
            }
            thread.push(chunk(3));
            let _held = thread.lock.lock();
            thread.count_all(held);
        });
    }

    /// A fork leaves an owner's push undone in the child, where another thread takes the list.
    #[test]
    fn a_push_is_cut_off() {
        explored("loom_gathered_cut", || {
            let heir = |thread: Thread| {
                let mut seen = [0; CHUNKS];
                thread.count_all(&mut seen);
                assert_eq!(seen, [1, 1, 0, 0]);
            };
            let linked = Thread::new();
            linked.chunks.link(chunk(0), chunk(1));
            heir(linked);
            let kept = Thread::new();
            kept.chunks.link(chunk(0), chunk(1));
            kept.gathered.rest.store(chunk(0), Ordering::Relaxed);
            heir(kept);
            // It found the mark of a thief, who then put the list back.
            let put_back = Thread::new();
            assert!(put_back.gathered.mark(&put_back.chunks, &put_back.owed));
            let mark = put_back.gathered.parts().0;
            assert!(put_back.gathered.confirm(&put_back.owed, false, |_| true).is_none());
            put_back.gathered.rest.store(mark, Ordering::Relaxed);
            heir(put_back);
        });
    }
}
