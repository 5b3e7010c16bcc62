//! Spans of freed large blocks that a heap keeps for its owner's next ones, and how spans are taken past them.
//!
//! What a thread frees it mostly asks for again: a buffer of the same length, for the next piece of work. With a span of
//! that length at hand neither way comes to the space's lock, which all threads share (after the spans that mimalloc's
//! threads keep for themselves). Kept memory is free memory: whoever finds none long enough in the space takes back all
//! that is kept, one exchange a span and without the heaps' locks, before fresh memory is used or a request fails. So an
//! arena holds no more for it.

use super::local::Local;
use super::shared::Shared;
use super::slot::Slot;
use super::thread;
use crate::class::UNIT;
use crate::span::map::Map;
use crate::span::space::{Space, Span};
use crate::span::tag;
use crate::sync::{AtomicU32, AtomicU64, Cell32, Ordering};

/// Spans that a heap keeps at most.
const SPANS: usize = 2;
/// Units of the longest: 64 MiB.
const LONGEST: usize = (64 << 20) / UNIT;
/// And this part of the arena, so that one heap keeps little of it.
/// (Models have the smallest of arenas, in which nothing would be kept.)
const PART: usize = if cfg!(shuttle) { 16 } else { 256 };

/// See the module. All-zero bytes keep nothing.
///
/// Invariants: only the heap's owner puts spans in; anybody takes them out, by an exchange, and all but the owner with
/// the space's lock, so that a fork finds each span here or in the space. A kept span has the tag [`tag::KEPT`], and
/// counts as taken and large in the space.
pub(crate) struct Kept {
    /// Each a span's first unit + 1, and in the low half its length; 0: none.
    spans: [AtomicU64; SPANS],
    /// Which of them gives way when all are there.
    turn: Cell32,
}

const fn word(unit: usize, units: usize) -> u64 {
    (unit as u64 + 1) << 32 | units as u64
}

/// First unit and length.
const fn span(word: u64) -> Option<(usize, usize)> {
    if word == 0 { None } else { Some(((word >> 32) as usize - 1, word as u32 as usize)) }
}

impl Kept {
    /// A span of exactly that length at a multiple of `align` units. By the owner.
    #[inline]
    fn take(&self, units: usize, align: usize) -> Option<usize> {
        self.spans.iter().find_map(|kept| {
            // Relaxed: the owner wrote it, or another emptied it, which the exchange tells.
            let (unit, length) = span(kept.load(Ordering::Relaxed))?;
            if length != units || !unit.is_multiple_of(align) {
                return None;
            }
            // Relaxed: the owner itself put the span in, or the one before it, whose leaving the heap's lock orders.
            span(kept.swap(0, Ordering::Relaxed)).map(|(unit, _)| unit)
        })
    }

    /// Keeps a span; `false`: there are enough. By the owner.
    #[inline]
    fn put(&self, unit: usize, units: usize) -> bool {
        // Relaxed: nobody else fills a place.
        let Some(empty) = self.spans.iter().find(|kept| kept.load(Ordering::Relaxed) == 0) else { return false };
        // Release: whoever takes it sees its tag, and all that was written to the block.
        empty.store(word(unit, units), Ordering::Release);
        true
    }

    /// Keeps a span in the place of another, whose first unit it returns if nobody was faster. By the owner, with the
    /// space's lock.
    fn replace(&self, unit: usize, units: usize) -> Option<usize> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        // Release: as above. The other one is the owner's own.
        let old = self.spans[turn as usize % SPANS].swap(word(unit, units), Ordering::Release);
        span(old).map(|(unit, _)| unit)
    }

    /// Gives all to the space.
    fn drain(&self, map: &Map, space: &mut Space) {
        for kept in &self.spans {
            // Relaxed: an empty one is left alone, so that its owner's cache keeps the line.
            if kept.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Acquire: sees the tag, and all that was written to the block, before the next user's writes.
            if let Some((unit, _)) = span(kept.swap(0, Ordering::Acquire)) {
                space.give_large(map, unit);
            }
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        // Relaxed: for walkers, while nobody is inside the arena.
        self.spans.iter().filter(|kept| kept.load(Ordering::Relaxed) != 0).count()
    }

    /// Forgets all: the arena's contents are gone.
    pub(crate) fn clear(&self) {
        // Relaxed: no other thread is inside the arena.
        self.spans.iter().for_each(|kept| kept.store(0, Ordering::Relaxed));
    }
}

/// Which heap may keep spans: its number, [`SEVERAL`], or 0. A hint: one that is overlooked is found before a request
/// fails.
pub(crate) struct Keeper(AtomicU32);

const SEVERAL: u32 = u32::MAX;

impl Keeper {
    pub(crate) const fn new() -> Keeper {
        Keeper(AtomicU32::new(0))
    }

    // Relaxed, here and below: a hint.
    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether a heap other than `own` may.
    fn is_other(&self, own: Option<&Slot>) -> bool {
        let keeper = self.get();
        keeper != 0 && Some(keeper) != own.map(Slot::number)
    }

    fn enter(&self, slot: &Slot) {
        let keeper = self.get();
        if keeper != slot.number() && keeper != SEVERAL {
            let first = self.0.compare_exchange(0, slot.number(), Ordering::Relaxed, Ordering::Relaxed);
            if first.is_err() {
                self.0.store(SEVERAL, Ordering::Relaxed);
            }
        }
    }

    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed)
    }
}

impl Shared {
    /// Cuts a span of `units` at a multiple of `align` units, for a heap.
    pub(crate) fn take(&self, own: &Slot, units: usize, align: usize) -> Option<Span> {
        let free = |space: &mut Space| space.take_free(self.map(), units, align);
        self.take_past_kept(Some(own), free, |space| space.take(self.map(), units, align, self.filled()))
    }

    /// As [`Shared::take`], but of what was handed out before and is free.
    pub(crate) fn take_free(&self, units: usize, align: usize) -> Option<Span> {
        self.cut(|space| space.take_free(self.map(), units, align))
    }

    /// As [`Shared::take`] for a large block: one that the thread's heap keeps, or else from the space.
    pub(crate) fn take_large(&self, units: usize, align: usize) -> Option<Span> {
        let own = thread::find(self);
        own.and_then(|local| self.take_kept(local, units, align)).or_else(|| {
            let free = |space: &mut Space| space.take_free_large(self.map(), units, align);
            let any = |space: &mut Space| space.take_large(self.map(), units, align, self.filled());
            self.take_past_kept(own.and_then(Slot::of), free, any)
        })
    }

    /// What is `free` in the space, or would be if nothing was kept, the caller's own first; else `any` memory.
    fn take_past_kept(
        &self,
        own: Option<&Slot>,
        free: impl Fn(&mut Space) -> Option<Span>,
        any: impl Fn(&mut Space) -> Option<Span>,
    ) -> Option<Span> {
        if self.keeper.get() == 0 {
            return self.cut(any);
        }
        let others = self.keeper.is_other(own);
        let found = self.cut(|space| {
            free(space).or_else(|| {
                own.into_iter().for_each(|slot| slot.kept.drain(self.map(), space));
                if others { free(space) } else { any(space) }
            })
        });
        if found.is_some() || !others {
            return found;
        }
        let heaps = self.heaps();
        self.keeper.clear();
        self.cut(|space| {
            drain_all(self.map(), heaps, space);
            any(space)
        })
    }

    /// A span of that length that the thread's heap keeps.
    #[inline]
    pub(crate) fn take_kept(&self, local: &Local, units: usize, align: usize) -> Option<Span> {
        let unit = Slot::of(local)?.kept.take(units, align)?;
        self.map().set_tag(unit, tag::LARGE);
        // It was in use, to its end perhaps.
        Some(Span { unit, units, stale_end: unit + units })
    }

    /// Takes a large block's span back.
    pub(crate) fn give_large(&self, unit: usize) {
        if !thread::find(self).is_some_and(|local| self.keep_span(local, unit)) {
            self.with_space(|space| space.give_large(self.map(), unit));
        }
    }

    /// Frees a large block by having the thread's heap keep its span. `false`: it is none, or not one to be kept.
    #[inline]
    pub(crate) fn keep(&self, local: &Local, block: usize) -> bool {
        let Some(unit) = self.map().unit_of(block) else { return false };
        let begins = self.map().tag(unit) == tag::LARGE && self.map().address(unit) as usize == block;
        begins && self.keep_span(local, unit)
    }

    #[inline]
    fn keep_span(&self, local: &Local, unit: usize) -> bool {
        let units = self.map().record(unit).units.get() as usize;
        let Some(slot) = Slot::of(local) else { return false };
        if units > LONGEST.min(self.map().units() / PART) || self.is_asked() {
            return false;
        }
        self.map().set_tag(unit, tag::KEPT);
        if !slot.kept.put(unit, units) {
            self.with_space(|space| {
                if let Some(old) = slot.kept.replace(unit, units) {
                    space.give_large(self.map(), old);
                }
            });
        }
        self.keeper.enter(slot);
        true
    }

    /// Gives back what all heaps keep.
    pub(crate) fn give_all_kept(&self) {
        let heaps = self.heaps();
        self.keeper.clear();
        self.with_space(|space| drain_all(self.map(), heaps, space));
    }

    fn cut(&self, work: impl FnOnce(&mut Space) -> Option<Span>) -> Option<Span> {
        let span = self.with_space(work)?;
        self.pace.hurry();
        Some(span)
    }
}

fn drain_all<'a>(map: &Map, heaps: impl Iterator<Item = &'a Slot>, space: &mut Space) {
    heaps.for_each(|slot| slot.kept.drain(map, space));
}
