//! Which spans heaps keep, and how spans are taken past those that are kept.
//!
//! What a thread frees it mostly asks for again: a buffer of the same length, for the next piece of work. With a span of
//! that length at hand neither way comes to the space's lock, which all threads share (after the spans that mimalloc's
//! threads keep for themselves). Kept memory is free memory: whoever finds none long enough in the space takes back all
//! that is kept, without the heaps' locks but with the space's, so that a fork finds each span here or there, before fresh
//! memory is used or a request fails. So an arena holds no more for it.

use super::kept::LONGEST;
use super::local::Local;
use super::shared::Shared;
use super::slot::Slot;
use super::thread;
use crate::class::UNIT;
use crate::os::Barrier;
use crate::span::space::{Space, Span};
use crate::span::tag;
use crate::sync::{AtomicU32, Ordering};

/// A heap keeps no span longer than this part of the arena, so that one heap keeps little of it.
/// (Models have the smallest of arenas, in which nothing would be kept.)
const PART: usize = if cfg!(shuttle) { 16 } else { 256 };

/// See the module.
pub(crate) struct Keeper {
    /// Which heap may keep spans: its number, [`SEVERAL`], or 0. A hint: one that is overlooked is found before a request fails.
    heap: AtomicU32,
    /// Units of the longest span to be kept.
    most: u32,
    /// Between owners and who takes spans back from them.
    barrier: Barrier,
}

const SEVERAL: u32 = u32::MAX;

impl Keeper {
    /// For an arena of that many units.
    pub(crate) fn new(units: usize) -> Keeper {
        let most = (LONGEST / UNIT).min(units / PART) as u32;
        Keeper { heap: AtomicU32::new(0), most, barrier: Barrier::new() }
    }

    // Relaxed, here and below: a hint.
    fn get(&self) -> u32 {
        self.heap.load(Ordering::Relaxed)
    }

    /// Whether a heap other than `own` may.
    fn is_other(&self, own: Option<&Slot>) -> bool {
        let keeper = self.get();
        keeper != 0 && Some(keeper) != own.map(Slot::number)
    }

    /// Whether this heap may.
    #[inline(always)]
    fn knows(&self, slot: &Slot) -> bool {
        let keeper = self.get();
        keeper == SEVERAL || keeper == slot.number()
    }

    fn enter(&self, slot: &Slot) {
        let first = self.heap.compare_exchange(0, slot.number(), Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err_and(|keeper| keeper != slot.number()) {
            self.heap.store(SEVERAL, Ordering::Relaxed);
        }
    }

    fn clear(&self) {
        self.heap.store(0, Ordering::Relaxed)
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
        let take = |local| self.take_kept(local, units, align * UNIT);
        let kept = own.and_then(|local| take(local).or_else(|| if self.settle(local) { take(local) } else { None }));
        if let Some(unit) = kept.and_then(|block| self.map().unit_of(block)) {
            // It was in use, to its end perhaps.
            return Some(Span { unit, units, stale_end: unit + units });
        }
        let free = |space: &mut Space| space.take_free_large(self.map(), units, align);
        let any = |space: &mut Space| space.take_large(self.map(), units, align, self.filled());
        self.take_past_kept(own.and_then(Slot::of), free, any)
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
                own.into_iter().flat_map(|slot| slot.kept.drain()).for_each(|block| self.give_kept(space, block));
                if others { free(space) } else { any(space) }
            })
        });
        if found.is_some() || !others {
            return found;
        }
        let used = self.used_slots();
        self.keeper.clear();
        self.cut(|space| {
            self.take_all_kept(used, space);
            any(space)
        })
    }

    /// The address of a span of that length, at a multiple of `align` bytes, that the thread's heap kept.
    #[inline(always)]
    pub(crate) fn take_kept(&self, local: &Local, units: usize, align: usize) -> Option<usize> {
        let block = Slot::of(local)?.kept.take(units, align, self.keeper.barrier)?;
        self.map().set_tag(self.map().unit_of(block)?, tag::LARGE);
        Some(block)
    }

    /// Whether others had claimed spans of the thread's heap. It is known now which they took.
    fn settle(&self, local: &Local) -> bool {
        let claimed = Slot::of(local).filter(|slot| slot.kept.has_claims());
        claimed.is_some_and(|slot| {
            self.with_space(|_| slot.kept.settle());
            true
        })
    }

    /// Takes a large block's span back.
    pub(crate) fn give_large(&self, unit: usize) {
        let block = self.map().address(unit) as usize;
        if !thread::find(self).is_some_and(|local| self.keep(local, block)) {
            self.with_space(|space| space.give_large(self.map(), unit));
        }
    }

    /// Has the thread's heap keep the span of a large block; `false`: not that one.
    #[inline(always)]
    pub(crate) fn keep(&self, local: &Local, block: usize) -> bool {
        let (Some(unit), Some(slot)) = (self.map().unit_of(block), Slot::of(local)) else { return false };
        let units = self.map().record(unit).units.get();
        if units > self.keeper.most || self.is_asked() {
            return false;
        }
        self.map().set_tag(unit, tag::KEPT);
        if !(self.keeper.knows(slot) && slot.kept.put(block, units as usize)) {
            self.keep_slow(slot, block, units as usize);
        }
        true
    }

    /// Has a heap keep a span that has not kept any lately, or keeps enough.
    #[cold]
    #[inline(never)]
    fn keep_slow(&self, slot: &Slot, block: usize, units: usize) {
        if !slot.kept.put(block, units) {
            self.with_space(|space| {
                if let Some(old) = slot.kept.replace(block, units) {
                    self.give_kept(space, old);
                }
            });
        }
        self.keeper.enter(slot);
    }

    /// Gives back what all heaps keep.
    pub(crate) fn give_all_kept(&self) {
        let used = self.used_slots();
        self.keeper.clear();
        self.with_space(|space| self.take_all_kept(used, space));
    }

    /// Gives what the first `used` heaps keep to the space.
    fn take_all_kept(&self, used: u32, space: &mut Space) {
        let heaps = || (1..=used).map(|number| self.slot(number));
        let claimed = heaps().filter(|slot| slot.kept.claim()).count();
        if claimed > 0 {
            let passed = self.keeper.barrier.heavy();
            heaps().flat_map(|slot| slot.kept.confirm(passed)).for_each(|block| self.give_kept(space, block));
        }
    }

    /// Gives a span that was kept to the space.
    fn give_kept(&self, space: &mut Space, block: usize) {
        if let Some(unit) = self.map().unit_of(block) {
            space.give_large(self.map(), unit);
        }
    }

    fn cut(&self, work: impl FnOnce(&mut Space) -> Option<Span>) -> Option<Span> {
        let span = self.with_space(work)?;
        self.pace.hurry();
        Some(span)
    }
}
