//! What a heap has of one slab.

use super::shared::Shared;
use crate::class::Class;
use crate::slab::list::List;
use crate::slab::pool::{Pool, Standing};
use crate::span::map::Map;
use crate::sync::Cell32;

/// A heap's pools of one slab. All-zero bytes: none. As long as [`Class::STEP`], so that it is reached with no
/// multiplication.
#[repr(C, align(32))]
pub(crate) struct Slab {
    pub(crate) available: List,
    pub(crate) full: List,
    /// Unit + 1 of the pool that the thread's list came from.
    current: Cell32,
    pools: Cell32,
    /// Times that the owner might have borrowed.
    chances: Cell32,
    /// Chunks that the owner has had from pools that threads share; from bit [`RETURNED`] on, how often it has sent
    /// home at once what it freed.
    lent: Cell32,
    /// Whether memory ran out: all full pools were looked through then, and say so when their next chunk is back (but
    /// for returns that were under way, and pools whose owner died).
    eager: Cell32,
    /// Pools that were emptied and taken out of service, up to [`CHURNS`].
    emptied: Cell32,
}

const _: () = assert!(size_of::<Slab>() == Class::STEP);

/// More available pools than this are plenty: the full ones can wait until a part is back.
const PLENTY: usize = 16;

/// A thread's first so many chunks of a slab come from shared pools.
const LENT: u32 = 4;

/// Of so many times that a thread could borrow other heaps' chunks, it sends them home once.
const BORROWS: u32 = 4;

/// A slab of which so many pools were emptied is one whose pools come and go.
const CHURNS: u32 = 64;

/// First bit of the second count in [`Slab::lent`].
const RETURNED: u32 = 16;

impl Slab {
    /// Pools, listed and current.
    pub(crate) fn pools(&self) -> u32 {
        self.pools.get()
    }

    pub(crate) fn add_pool(&self) {
        self.pools.set(self.pools.get() + 1);
    }

    pub(crate) fn drop_pool(&self) {
        self.pools.set(self.pools.get() - 1);
    }

    /// Forgets all pools: the arena's contents are gone.
    pub(crate) fn clear(&self) {
        self.available.clear();
        self.full.clear();
        self.set_current(None);
        self.pools.set(0);
        self.set_eager(false);
        self.forget_emptied();
    }

    /// Takes a listed pool from its list.
    pub(crate) fn unlist(&self, map: &Map, unit: usize) {
        match Pool::at(map, unit).standing() {
            Standing::Available => self.available.remove(map, unit),
            Standing::Full => self.full.remove(map, unit),
            Standing::Current => unreachable!("a current pool is in no list"),
        }
    }

    /// Counts a pool that was emptied and is about to be taken out of service.
    pub(crate) fn count_emptied(&self) {
        self.emptied.set((self.emptied.get() + 1).min(CHURNS));
    }

    pub(crate) fn forget_emptied(&self) {
        self.emptied.set(0);
    }

    /// Whether its pools come and go. It stays so when the thread ends: the heap's next one is likely to do the same.
    pub(crate) fn churns(&self) -> bool {
        self.emptied.get() == CHURNS
    }

    pub(crate) fn is_eager(&self) -> bool {
        self.eager.get() != 0
    }

    pub(crate) fn set_eager(&self, eager: bool) {
        self.eager.set(eager.into());
    }

    /// Looks through the full pools: those with chunks to give become available, the others will say when they have
    /// one. A return that another thread is about to make meanwhile may be missed.
    pub(crate) fn look_through(&self, shared: &Shared) {
        let map = shared.map();
        self.set_eager(true);
        for unit in self.full.iter(map) {
            let pool = Pool::at(map, unit);
            pool.rest_full(pool.live(), true);
            if pool.can_give() {
                self.full.remove(map, unit);
                pool.rest_available(pool.live());
                self.available.append(map, unit);
            }
        }
    }

    /// Places the next looks of the listed pools anew, where there is no owner any more: what that freed since the last
    /// ones, nobody would take into account, and an empty pool would go unnoticed. What comes back meanwhile may be
    /// missed.
    pub(crate) fn rest(&self, map: &Map) {
        for pool in self.available.iter(map).map(|unit| Pool::at(map, unit)) {
            pool.rest_available(pool.live());
        }
        for pool in self.full.iter(map).map(|unit| Pool::at(map, unit)) {
            pool.rest_full(pool.live(), self.is_eager());
        }
    }

    /// Counts anew what the pools have free beside the thread's list. The owner is gone, and may have been about to
    /// count.
    pub(crate) fn recount(&self, map: &Map) {
        for unit in self.available.iter(map).chain(self.full.iter(map)).chain(self.current()) {
            Pool::at(map, unit).recount(map.address(unit) as usize);
        }
    }

    /// Counts a chunk that the owner gets from a shared pool.
    pub(crate) fn lend(&self) {
        self.lent.set(self.lent.get() + 1);
    }

    /// Whether the owner may be lent another one: it has no pool of its own.
    pub(crate) fn may_be_lent(&self) -> bool {
        self.pools() == 0 && self.lent() < LENT
    }

    /// Makes a full pool available. `warm`: first of all.
    pub(crate) fn refresh(&self, map: &Map, unit: usize, warm: bool) {
        self.full.remove(map, unit);
        if warm {
            self.available.push(map, unit);
        } else {
            self.available.append(map, unit);
        }
        // Memory is not that scarce any more.
        if self.is_eager() && self.available.iter(map).nth(PLENTY).is_some() {
            self.set_eager(false);
        }
    }

    /// Puts a pool that is in no list, `live` chunks of which are in use, among the available or the full ones.
    /// `first`: it serves next.
    pub(crate) fn put(&self, map: &Map, unit: usize, live: u32, first: bool) {
        let pool = Pool::at(map, unit);
        if !pool.can_give() {
            pool.rest_full(live, self.is_eager());
            self.full.push(map, unit);
            return;
        }
        pool.rest_available(live);
        if first {
            self.available.push(map, unit);
        } else {
            self.available.append(map, unit);
        }
    }

    fn lent(&self) -> u32 {
        self.lent.get() & ((1 << RETURNED) - 1)
    }

    pub(crate) fn forget_lent(&self) {
        self.lent.set(0);
    }

    /// Whether the next chunk of another heap that the owner frees is to go home at once: as often as it was lent one,
    /// and while it has no pool of the slab. Gathered, what threads use in turn would be there once for each of them.
    pub(crate) fn gives_back(&self) -> bool {
        self.pools.get() == 0 && self.lent.get() >> RETURNED < self.lent()
    }

    /// Counts that what the owner freed went home.
    pub(crate) fn gave_back(&self) {
        if self.gives_back() {
            self.lent.set(self.lent.get() + (1 << RETURNED));
        }
    }

    pub(crate) fn current(&self) -> Option<usize> {
        (self.current.get() as usize).checked_sub(1)
    }

    pub(crate) fn set_current(&self, unit: Option<usize>) {
        self.current.set(unit.map_or(0, |unit| unit as u32 + 1));
    }

    /// Counts a chance of the owner's to allocate from what it freed of other heaps' chunks; whether it is to. Not each
    /// time: borrowed for good, what a thread without magazines was once handed would make each of its frees a remote
    /// one.
    pub(crate) fn takes_chance(&self) -> bool {
        self.chances.set(self.chances.get().wrapping_add(1));
        !self.chances.get().is_multiple_of(BORROWS)
    }
}
