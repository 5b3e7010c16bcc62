//! Which spans heaps keep, and how spans are taken past those that are kept.
//!
//! What a thread frees it mostly asks for again: a buffer of the same length, for the next piece of work. With a span
//! of that length at hand neither way comes to the space's lock, which all threads share (after the spans that
//! mimalloc's threads keep for themselves). Kept memory is free memory. Whoever finds none long enough in the space
//! takes back all that is kept, before fresh memory is used or a request fails: so an arena holds no more for it.
//! That takes the space's lock and none of the heaps': a fork finds each span here or there, but for one that its
//! owner is about to take or to keep.

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
    /// Which heap may keep spans: its number, [`SEVERAL`], or 0. A hint: one that is overlooked is found before a
    /// request fails.
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

    /// Whether a heap other than `own` may keep spans.
    fn is_other(&self, own: Option<&Slot>) -> bool {
        let keeper = self.get();
        keeper != 0 && Some(keeper) != own.map(Slot::number)
    }

    /// Whether this heap is known to keep spans.
    #[inline(always)]
    fn knows(&self, slot: &Slot) -> bool {
        let keeper = self.get();
        keeper == SEVERAL || keeper == slot.number()
    }

    #[cold]
    #[inline(never)]
    fn enter(&self, slot: &Slot) {
        if !self.knows(slot) {
            let first = self.heap.compare_exchange(0, slot.number(), Ordering::Relaxed, Ordering::Relaxed);
            if first.is_err() {
                self.enter_several();
            }
        }
    }

    fn enter_several(&self) {
        self.heap.store(SEVERAL, Ordering::Relaxed);
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
        let own = thread::find(self).and_then(Slot::of);
        let kept = own.and_then(|slot| {
            let settle = || self.with_space(|_| slot.kept.settle());
            slot.kept.take_settled(units, align * UNIT, self.keeper.barrier, settle)
        });
        if let Some(unit) = kept.and_then(|block| self.take_kept_unit(block)) {
            // It was in use, to its end perhaps.
            return Some(Span { unit, units, stale_end: unit + units });
        }
        let free = |space: &mut Space| space.take_free_large(self.map(), units, align);
        let any = |space: &mut Space| space.take_large(self.map(), units, align, self.filled());
        self.take_past_kept(own, free, any)
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
                self.drain(own, space);
                if others { free(space) } else { any(space) }
            })
        });
        if found.is_some() || !others {
            return found;
        }
        let used = self.used_slots();
        self.cut(|space| {
            self.take_all_kept(used, space);
            any(space)
        })
    }

    /// The address of a span of that length that the thread's heap kept, if it is at hand.
    #[inline(always)]
    pub(crate) fn take_kept(&self, local: &Local, units: usize) -> Option<usize> {
        let block = Slot::of(local)?.kept.take(units, UNIT, self.keeper.barrier)?;
        self.take_kept_unit(block)?;
        Some(block)
    }

    /// The first unit of a span that was kept, and is a large block again.
    #[inline(always)]
    fn take_kept_unit(&self, block: usize) -> Option<usize> {
        let unit = self.map().unit_of(block)?;
        self.map().set_tag(unit, tag::LARGE);
        Some(unit)
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
        if !slot.kept.put(block, units as usize) {
            self.keep_instead(slot, block, units as usize);
        } else if !self.keeper.knows(slot) {
            self.keeper.enter(slot);
        }
        true
    }

    /// Has a heap keep a span in the place of another.
    #[cold]
    #[inline(never)]
    fn keep_instead(&self, slot: &Slot, block: usize, units: usize) {
        self.with_space(|space| {
            if let Some(old) = slot.kept.replace(block, units) {
                self.give_kept(space, old);
            }
        });
        self.keeper.enter(slot);
    }

    /// Gives back what all heaps keep.
    pub(crate) fn give_all_kept(&self) {
        let own = thread::find(self).and_then(Slot::of);
        let used = self.used_slots();
        self.with_space(|space| {
            self.drain(own, space);
            self.take_all_kept(used, space);
        });
    }

    /// Gives what the caller's own heap keeps to the space.
    fn drain(&self, own: Option<&Slot>, space: &mut Space) {
        own.into_iter().flat_map(|slot| slot.kept.drain()).for_each(|block| self.give_kept(space, block));
    }

    /// Gives what the first `used` heaps keep to the space.
    fn take_all_kept(&self, used: u32, space: &mut Space) {
        let heaps = || (1..=used).map(|number| self.slot(number));
        self.keeper.clear();
        let mut left = heaps().map(|slot| slot.kept.claim()).sum::<usize>();
        if left == 0 {
            return;
        }
        let passed = self.keeper.barrier.heavy();
        for block in heaps().flat_map(|slot| slot.kept.confirm(passed)) {
            self.give_kept(space, block);
            left -= 1;
        }
        if left > 0 {
            // Their owners took them, and may have put them back; or the barrier was refused.
            self.keeper.enter_several();
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
