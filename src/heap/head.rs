//! The head of a list that its owner pops and pushes with plain loads and stores, and that another thread may take
//! from an idle owner. The protocol is told in `steal`.

use super::links::Links;
use super::note::Note;
use crate::slab::mark::{END, FLOOR, GONE};
use crate::sync::{AtomicUsize, Ordering};

/// First chunk of a list; a value below [`FLOOR`] if there is none.
#[repr(transparent)]
pub(crate) struct Head(AtomicUsize);

impl Head {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Head {
        Head(AtomicUsize::new(END))
    }

    #[cfg(all(test, loom))]
    pub(crate) fn holding(first: usize) -> Head {
        Head(AtomicUsize::new(first))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // Relaxed: the owner reads its own; a thief checks afterwards that no operation was under way.
        self.0.load(Ordering::Relaxed)
    }

    /// By the owner.
    #[inline(always)]
    pub(crate) fn set(&self, head: usize) {
        // Relaxed: as in `get`.
        self.store(head, Ordering::Relaxed);
    }

    /// By the owner: as [`Head::set`], for whoever reads it by [`Head::published`].
    #[inline(always)]
    pub(crate) fn publish(&self, head: usize) {
        // Release: publishes what is stored beside the head.
        self.store(head, Ordering::Release);
    }

    #[inline(always)]
    fn store(&self, head: usize, order: Ordering) {
        #[cfg(not(loom))]
        self.0.store(head, order);
        // loom orders a plain store before exchanges that it overwrote; no machine does, for a word has one history.
        #[cfg(loom)]
        self.0.swap(head, order);
    }

    /// By a thief: the head, and with it what its owner stored beside it.
    pub(crate) fn published(&self) -> usize {
        // Acquire: see `publish`.
        self.0.load(Ordering::Acquire)
    }

    /// By the owner: takes the whole list.
    pub(crate) fn take(&self) -> usize {
        let head = self.get();
        self.set(END);
        head
    }

    /// By a thief: swaps the head, if it still is `first`, for the mark and notes what it was, be it the usual end.
    /// Nothing is pending.
    pub(crate) fn mark(&self, first: usize, note: &Note) -> bool {
        if (first < FLOOR && first != END) || !self.swap(first, note.mark()) {
            return false;
        }
        note.enter(first);
        true
    }

    /// By a thief: the list behind the mark, if the owner slept after it was set, the mark still stands, and the list
    /// is `worth` taking. Else the list is put back, or left to the owner to settle.
    pub(crate) fn confirm(&self, note: &Note, asleep: bool, worth: impl Fn(usize) -> bool) -> Option<usize> {
        let (first, mark) = (note.pending()?, note.mark());
        // A push that begins after the owner slept may find either end mark; nothing is missing from its list.
        if asleep && self.get() == mark && worth(first) && self.swap(mark, GONE) {
            note.strike(true);
            return Some(first);
        }
        // The note stays until the owner settles: it may be about to store a list that ends in the mark.
        self.swap(mark, first);
        None
    }

    /// By the owner, or for one that is gone: appends what is owed if the list says so.
    pub(crate) fn settle(&self, links: impl Links, note: &Note) {
        let Some(missing) = note.pending() else { return };
        let (first, mark) = (self.get(), note.mark());
        note.strike(false);
        if first < FLOOR {
            // Another end: the list went on in the owner's hands, what was owed is used up.
            self.set(if first == mark { missing } else { END });
        } else {
            let (last, end) = links.last(first);
            if end == mark {
                links.link(last, missing);
            }
        }
    }

    fn swap(&self, from: usize, to: usize) -> bool {
        // AcqRel: the thief reads the links behind the head, and publishes its notes on the list to the owner. (The
        // look at the owner and the heap's lock order both as well.)
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::super::links::modelled::{Modelled, chunk, number};
    use super::*;
    use crate::lock::Lock;
    use crate::sync::explored;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;

    const CHUNKS: usize = 3;

    struct Thread {
        head: Head,
        chunks: Modelled<CHUNKS>,
        asleep: AtomicBool,
        /// The heap's lock, and what it protects.
        lock: Lock,
        owed: Note,
        /// A chunk beside the list: the owner's to take without the lock when that has ended.
        beside: UnsafeCell<Option<usize>>,
    }
    // SAFETY: `owed` is reached under the lock, as in the shipped code; chunks, and what lies beside the list, by who
    // holds them, as the models check.
    unsafe impl Sync for Thread {}
    // SAFETY: as above.
    unsafe impl Send for Thread {}

    impl Thread {
        fn settle(&self) {
            self.head.settle(&self.chunks, &self.owed);
        }

        /// The fast path, and the slow one where it finds nothing.
        fn pop(&self) -> Option<usize> {
            for slow in [false, true] {
                let held = slow.then(|| self.lock.lock());
                if slow {
                    self.settle();
                }
                let first = self.head.get();
                if first >= FLOOR {
                    self.head.set(self.chunks.next(first));
                    self.chunks.touch(first);
                    return Some(first);
                }
                drop(held);
            }
            None
        }

        /// By the owner without the lock, or by a thief who has the list.
        fn take_beside(&self) -> Option<usize> {
            // SAFETY: the caller has the list.
            self.beside.with_mut(|word| unsafe { (*word).take() })
        }

        fn push(&self, chunk: usize) {
            self.chunks.touch(chunk);
            self.chunks.link(chunk, self.head.get());
            self.head.set(chunk);
        }
    }

    /// While the owner works and falls asleep, or does not, a thief tries to take its list: afterwards every chunk is
    /// in exactly one place.
    fn steal(name: &str, listed: bool, twice: bool, work: fn(&Thread, &mut [u32; CHUNKS])) {
        explored(name, move || {
            let thread = Arc::new(Thread {
                head: Head::holding(if listed { FLOOR } else { END }),
                chunks: Modelled::new([chunk(1), END, END]),
                asleep: AtomicBool::new(false),
                lock: Lock::new(),
                owed: Note::new(),
                beside: UnsafeCell::new(if listed { None } else { Some(FLOOR) }),
            });
            let owner = Arc::clone(&thread);
            let owner = loom::thread::spawn(move || {
                let mut held = [0; CHUNKS];
                work(&owner, &mut held);
                // These, and the thief's look, stand for the kernel: under its lock it sees a sleeper's stores, and a
                // sleeper that wakes later sees what came before the look.
                owner.asleep.swap(true, Ordering::AcqRel);
                owner.asleep.swap(false, Ordering::AcqRel);
                work(&owner, &mut held);
                held
            });
            let (stolen, beside) = {
                let _held = thread.lock.lock();
                let asleep = || thread.asleep.fetch_or(false, Ordering::AcqRel);
                let marked = thread.head.mark(thread.head.get(), &thread.owed);
                let stolen = if marked { thread.head.confirm(&thread.owed, asleep(), |_| true) } else { None };
                (stolen, stolen.and_then(|_| thread.take_beside()))
            };
            // Another look, perhaps while the owner sleeps; then another attempt.
            let again = |seen: &mut [u32; CHUNKS]| {
                let _held = thread.lock.lock();
                let asleep = || thread.asleep.fetch_or(false, Ordering::AcqRel);
                if thread.owed.pending().is_some() {
                    let (before, end, after) = (asleep(), thread.chunks.end(thread.head.get()), asleep());
                    if !(before && after) {
                        return;
                    }
                    thread.chunks.count(thread.owed.resolve(end).unwrap_or(END), seen);
                }
                if thread.head.mark(thread.head.get(), &thread.owed)
                    && let Some(first) = thread.head.confirm(&thread.owed, asleep(), |_| true)
                {
                    thread.chunks.count(first, seen);
                }
            };
            let mut taken = [0; CHUNKS];
            if twice {
                again(&mut taken);
            }
            let mut seen = owner.join().unwrap();
            seen.iter_mut().zip(taken).for_each(|(seen, taken)| *seen += taken);
            thread.chunks.count(stolen.unwrap_or(END), &mut seen);
            thread.settle();
            thread.chunks.count(thread.head.get(), &mut seen);
            for chunk in beside.into_iter().chain(thread.take_beside()) {
                seen[number(chunk)] += 1;
            }
            assert_eq!(seen[0], 1);
            assert_eq!(seen[1], listed as u32);
            assert!(seen[2] <= 1);
        });
    }

    fn pops(thread: &Thread, held: &mut [u32; CHUNKS]) {
        if let Some(chunk) = thread.pop() {
            held[number(chunk)] += 1;
        }
    }

    fn pushes(thread: &Thread, held: &mut [u32; CHUNKS]) {
        if held[2] == 0 {
            held[2] = 1;
            thread.push(chunk(2));
            held[2] = 2;
        } else {
            held[2] = 0;
        }
    }

    #[test]
    fn a_popper_is_robbed() {
        steal("loom_head_pop", true, false, pops);
    }

    #[test]
    fn a_popper_is_robbed_twice() {
        steal("loom_head_pop_twice", true, true, pops);
    }

    #[test]
    fn a_pusher_is_robbed() {
        steal("loom_head_push", true, false, pushes);
    }

    #[test]
    fn a_pusher_is_robbed_twice() {
        steal("loom_head_push_twice", true, true, pushes);
    }

    /// What lies beside an ended list is taken by the owner without the lock, or by the thief.
    #[test]
    fn a_refiller_is_robbed() {
        steal("loom_head_refill", false, false, |thread, held| {
            if thread.head.get() == END
                && let Some(chunk) = thread.take_beside()
            {
                thread.push(chunk);
            }
            pops(thread, held);
        });
    }
}
