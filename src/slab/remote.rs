//! The word of a pool through which other threads return its chunks, a batch at a time.
//!
//! A Treiber stack that is only ever emptied whole, so ABA cannot arise: head and count travel in one word.
//!
//! ```text
//! bit 63: announced | 24..48: chunks in the list | 0..24: offset of the first chunk / 8 + 1; 0: empty
//! ```
//!
//! `announced` is set by the push that tells the owner and cleared by the owner when it hears: while it is set the pool
//! stands in the owner's inbox (or is about to) and must not be given away.

use crate::sync::{AtomicU64, Ordering};

const FIELD: u64 = (1 << 24) - 1;
const COUNT_SHIFT: u32 = 24;
const ANNOUNCED: u64 = 1 << 63;

/// See the module. All-zero bytes are an empty word.
#[repr(transparent)]
pub(crate) struct Remote(AtomicU64);

/// A list in the word: offset of its first chunk in the pool, and its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Returned {
    pub(crate) offset: usize,
    pub(crate) count: u32,
}

fn unpack(bits: u64) -> Option<Returned> {
    match bits & FIELD {
        0 => None,
        first => Some(Returned { offset: (first as usize - 1) * 8, count: (bits >> COUNT_SHIFT & FIELD) as u32 }),
    }
}

impl Remote {
    #[cfg(all(test, loom))]
    fn new() -> Remote {
        Remote(AtomicU64::new(0))
    }

    /// Empties the word for a new pool in the place of an old one, whose chunks are all free.
    pub(crate) fn reset(&self) {
        // Relaxed: nobody else knows the pool yet.
        self.0.store(0, Ordering::Relaxed)
    }

    /// Puts a batch of `count` chunks, the first at `offset`, before those there. `link_last` links the batch's last
    /// chunk to the list there; it may run several times. `announce(before, now)` says whether the step from one count
    /// to the other concerns the owner. Returns whether the caller must put the pool into the owner's inbox.
    pub(crate) fn push(
        &self,
        offset: usize,
        count: u32,
        mut link_last: impl FnMut(Option<Returned>),
        announce: impl Fn(u32, u32) -> bool,
    ) -> bool {
        // Relaxed: the value is only compared and linked to, not followed.
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            let there = unpack(old);
            link_last(there);
            let before = there.map_or(0, |list| list.count);
            let now = before + count;
            let tells = old & ANNOUNCED == 0 && announce(before, now);
            let new = (old & ANNOUNCED)
                | if tells { ANNOUNCED } else { 0 }
                | (now as u64) << COUNT_SHIFT
                | (offset as u64 / 8 + 1);
            // Release: publishes the links (and the caller's last use of the chunks) to whoever takes the list. SeqCst:
            // comes before the caller's look whether the pool is in doubt, see `heap::doubt`.
            match self.0.compare_exchange_weak(old, new, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return tells,
                Err(seen) => old = seen,
            }
        }
    }

    /// Takes the whole list.
    pub(crate) fn take(&self) -> Option<Returned> {
        // Acquire: sees the links and the freeing threads' last uses.
        unpack(self.0.fetch_and(ANNOUNCED, Ordering::Acquire))
    }

    /// Chunks in the list now.
    pub(crate) fn count(&self) -> u32 {
        // Acquire: a pool whose last chunk is seen here may be given away; the freeing threads' uses come before.
        unpack(self.0.load(Ordering::Acquire)).map_or(0, |list| list.count)
    }

    /// Whether the pool stands in the owner's inbox or is about to.
    pub(crate) fn announced(&self) -> bool {
        // Acquire: if not, the announcing thread's last access to the pool came before.
        self.0.load(Ordering::Acquire) & ANNOUNCED != 0
    }

    /// The owner has heard.
    pub(crate) fn heard(&self) {
        // AcqRel: orders the owner's look at the count behind it, so that a push in between announces anew.
        self.0.fetch_and(!ANNOUNCED, Ordering::AcqRel);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::explored;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;

    const CHUNKS: usize = 3;

    /// A pool whose chunks have a link and plain memory, which the freeing thread used last.
    struct Pool {
        remote: Remote,
        links: [AtomicU32; CHUNKS],
        plain: [UnsafeCell<u32>; CHUNKS],
    }
    // SAFETY: the plain memory changes hands with its chunk, as the models check.
    unsafe impl Sync for Pool {}

    impl Pool {
        fn new() -> Arc<Pool> {
            Arc::new(Pool {
                remote: Remote::new(),
                links: [(); CHUNKS].map(|()| AtomicU32::new(0)),
                plain: [(); CHUNKS].map(|()| UnsafeCell::new(0)),
            })
        }

        /// The last use of a chunk, and its return; whether the owner is to be told of the second one.
        fn give(&self, chunk: usize) -> bool {
            self.touch(chunk);
            let link = |there: Option<Returned>| {
                self.links[chunk].store(there.map_or(0, |list| list.offset as u32 / 8 + 1), Ordering::Relaxed);
            };
            self.remote.push(chunk * 8, 1, link, |before, now| before < 2 && now >= 2)
        }

        fn touch(&self, chunk: usize) {
            // SAFETY: the chunk is in the caller's hands.
            self.plain[chunk].with_mut(|word| unsafe { *word += 1 });
        }

        /// Takes the list and uses its chunks.
        fn collect(&self, got: &mut [u32; CHUNKS]) -> u32 {
            let Some(list) = self.remote.take() else { return 0 };
            let (mut at, mut seen) = (list.offset as u32 / 8 + 1, 0);
            while at != 0 {
                let chunk = at as usize - 1;
                self.touch(chunk);
                got[chunk] += 1;
                seen += 1;
                at = self.links[chunk].load(Ordering::Relaxed);
            }
            assert_eq!(seen, list.count);
            seen
        }
    }

    /// Two threads push batches while the owner takes: each chunk comes back exactly once, after its last use, and
    /// crossing the threshold is announced whenever it happens.
    #[test]
    fn every_chunk_returns_once() {
        explored("loom_remote_return", || {
            let pool = Pool::new();
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let pool = Arc::clone(&pool);
                    loom::thread::spawn(move || pool.give(n))
                })
                .collect();
            let mut got = [0; CHUNKS];
            let early = pool.collect(&mut got);
            let told = threads.into_iter().map(|t| t.join().unwrap()).filter(|&told| told).count();
            let late = pool.collect(&mut got);
            assert_eq!(early + late, 2);
            assert_eq!(got, [1, 1, 0]);
            // Both in one list means that the threshold was crossed, and one push said so.
            assert_eq!(told, (early == 2 || late == 2) as usize);
            assert_eq!(pool.remote.announced(), told == 1);
        });
    }

    /// Who counts all chunks back gives the pool away: its memory is another's, to be written at once.
    #[test]
    fn a_pool_that_is_counted_empty_may_be_given_away() {
        explored("loom_remote_empty", || {
            let pool = Pool::new();
            let other = Arc::clone(&pool);
            let counter = loom::thread::spawn(move || {
                if other.remote.count() == 2 {
                    (0..2).for_each(|chunk| other.touch(chunk));
                }
            });
            (0..2).for_each(|chunk| assert_eq!(pool.give(chunk), chunk == 1));
            counter.join().unwrap();
        });
    }

    /// While the pool is announced it is not given away: the announcing thread has yet to link it into the inbox.
    #[test]
    fn a_pool_that_is_announced_is_kept() {
        const LINK: usize = 2;
        explored("loom_remote_announced", || {
            let pool = Pool::new();
            let other = Arc::clone(&pool);
            let counter = loom::thread::spawn(move || {
                if other.remote.count() == 2 && !other.remote.announced() {
                    (0..CHUNKS).for_each(|word| other.touch(word));
                }
            });
            (0..2).for_each(|chunk| assert_eq!(pool.give(chunk), chunk == 1));
            pool.touch(LINK);
            pool.remote.heard();
            counter.join().unwrap();
        });
    }

    /// The owner hears and looks while others push: a push that it does not see announces the pool anew.
    #[test]
    fn nothing_is_overheard() {
        explored("loom_remote_heard", || {
            let pool = Pool::new();
            assert!(!pool.give(0) && pool.give(1));
            let other = Arc::clone(&pool);
            let thread = loom::thread::spawn(move || other.give(2));
            let mut got = [0; CHUNKS];
            pool.remote.heard();
            let seen = pool.collect(&mut got);
            let told = thread.join().unwrap();
            // The third chunk came in time, or it waits for the next threshold, alone and not announced.
            assert!(!told && !pool.remote.announced());
            assert_eq!(seen + pool.collect(&mut got), 3);
            assert_eq!(got, [1; CHUNKS]);
        });
    }
}
