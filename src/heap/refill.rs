//! Allocation when the thread's list is empty: the slow half.
//!
//! What the current pool can give is the owner's to take without a lock ([`without_lock`]), unless the thread has
//! freed so many of other heaps' chunks that it is to allocate from these. Then, with the heap's lock, in this order,
//! cheapest first: what is set aside in its magazine, if it has magazines; other heaps' (they are warm in its cache,
//! and travel twice less), three times in four; what other threads returned to the current pool; more carving of it;
//! for a thread of many that has no pool of the slab yet, a chunk of the common heap's; another pool of the slab with
//! free chunks; an empty pool or a new span; then full pools with a few chunks back, the common heap's, and at last
//! memory parked elsewhere ([`recover`], [`handover`]).

use super::local::{Chunks, Local};
use super::outbox::send_home;
use super::pace::Look;
use super::shared::{COMMON, Shared};
use super::slot::Slot;
use super::stock::Slab;
use super::{doubt, habit, handover, magazine, recover, steal, thread};
use crate::class::Class;
use crate::slab::chunk;
use crate::slab::pool::{Pool, Standing};

/// Bytes carved at a time from a slab's first pools: what an OS page holds.
const CARVE: usize = 4 << 10;
/// The step doubles with every so many pools of the slab, twice at most.
const CARVE_GROWS: u32 = 4;
/// Attempts at recovery before a request fails.
const ATTEMPTS: usize = 3;

/// A chunk, and whether all its bytes are known to be zero.
#[derive(Clone, Copy)]
pub(crate) struct Served {
    pub(crate) chunk: usize,
    pub(crate) zero: bool,
}

impl Served {
    pub(super) fn used(chunk: usize) -> Served {
        Served { chunk, zero: false }
    }
}

/// A chunk that takes no lock: the first of the thread's list, or what its current pool can still give. `None`: there
/// is neither, or the thread is to allocate from what it freed of other heaps', or the list must be looked after first.
///
/// Without the heap's lock: only the owner touches its current pool, unless a recovering thread took the list, which
/// then ends in another mark.
#[inline(always)]
pub(crate) fn without_lock(shared: &Shared, local: &Local, class: Class) -> Option<Served> {
    let chunks = local.chunks(class);
    if let Some(chunk) = chunks.pop(chunk::FLOOR) {
        return Some(Served::used(chunk));
    }
    if chunks.list.get() != chunk::END || shared.is_asked() || local.may_borrow(class) {
        return None;
    }
    let slot = Slot::of(local)?;
    let slab = slot.slab(class);
    let unit = slab.current()?;
    let pool = Pool::at(shared.map(), unit);
    // What most refills come to.
    if pool.has_free() && local.habit().counts_refill(pool.freed_beside()) {
        chunks.list.set(pool.make_current());
        return chunks.pop(chunk::FLOOR).map(Served::used);
    }
    from_current(shared, local, slab, chunks, unit)
}

/// A chunk of the class when the current pool has none. `None`: out of memory.
#[cold]
#[inline(never)]
pub(crate) fn allocate(shared: &Shared, class: Class, look: Look) -> Option<Served> {
    let attempt = || match thread::find_or_attach(shared) {
        Some(local) => from_heap(shared, local, class),
        None => from_ownerless(shared, shared.slot(COMMON), class),
    };
    attempt().or_else(|| from_full(shared, class, look, attempt))
}

/// As [`allocate`] for a class whose lists are not used, because only some of its sizes are the arena's.
#[cold]
#[inline(never)]
pub(crate) fn allocate_unlisted(shared: &Shared, class: Class, look: Look) -> Option<Served> {
    let attempt = || from_ownerless(shared, shared.slot(COMMON), class);
    attempt().or_else(|| from_full(shared, class, look, attempt))
}

/// The arena is full, as it seems.
fn from_full(shared: &Shared, class: Class, look: Look, attempt: impl Fn() -> Option<Served>) -> Option<Served> {
    let attempt = || attempt().or_else(|| from_departed(shared, class));
    if let Some(found) = from_gathered(shared, class) {
        return Some(found);
    }
    if shared.pace.skips(look) {
        return None;
    }
    let again = || {
        recover::run(shared, Some(class));
        attempt()
    };
    let found = from_parked(shared, class, attempt).or_else(|| shared.leavers.wait(look, again));
    shared.pace.looked(found.is_some());
    found
}

fn from_parked(shared: &Shared, class: Class, attempt: impl Fn() -> Option<Served>) -> Option<Served> {
    for _ in 0..ATTEMPTS {
        let gained = recover::run(shared, Some(class));
        let again = attempt();
        if again.is_some() {
            return again;
        }
        if !gained {
            break;
        }
    }
    handover::ask(shared, class, attempt)
}

/// One of what the thread has gathered of other heaps' chunks, be they few or large.
fn from_gathered(shared: &Shared, class: Class) -> Option<Served> {
    let local = thread::find(shared)?;
    let slot = Slot::of(local)?;
    let _held = slot.lock.lock();
    steal::settle(slot, local, class);
    local.pop_outbox(class).map(Served::used)
}

fn from_heap(shared: &Shared, local: &Local, class: Class) -> Option<Served> {
    let slot = Slot::of(local)?;
    let _held = slot.lock.lock();
    let chunks = local.chunks(class);
    steal::settle(slot, local, class);
    if shared.is_asked() {
        handover::answer(shared, slot, Some(class));
    }
    // A thief may have put the list back while this thread waited for the lock.
    if let Some(chunk) = chunks.pop(chunk::FLOOR) {
        return Some(Served::used(chunk));
    }
    if local.has_magazines()
        && let Some(found) = magazine::reload(shared, slot, local, class)
    {
        return Some(found);
    }
    let slab = slot.slab(class);
    if local.may_borrow(class) {
        let found = from_outbox(shared, slot, local, class);
        if found.is_some() {
            return found;
        }
    }
    loop {
        if let Some(unit) = slab.current() {
            let found = from_current(shared, local, slab, chunks, unit);
            if found.is_some() {
                return found;
            }
            finish(shared, slab, chunks, unit);
        }
        slot.hear(shared);
        if slot.shares(class)
            && let Some(found) = from_common(shared, class)
        {
            slab.lend();
            local.hurry(class, true);
            return Some(found);
        }
        let unit = next_pool(shared, slot, class)?;
        if local.has_magazines() {
            let found = magazine::load(shared, slot, local, class, unit);
            if found.is_some() {
                return found;
            }
            continue;
        }
        make_current(shared, slot, local, class, unit);
        if let Some(chunk) = chunks.pop(chunk::FLOOR) {
            return Some(Served::used(chunk));
        }
    }
}

/// One of the chunks of other heaps that the thread has gathered, which become its list; or they are sent home, and it
/// is `None`.
fn from_outbox(shared: &Shared, slot: &Slot, local: &Local, class: Class) -> Option<Served> {
    let (slab, chunks) = (slot.slab(class), local.chunks(class));
    let gathered = local.gathered_count(class);
    // Empty if a thief was here, or if the next one freed is to go home at once.
    let head = local.take_outbox(class);
    if head >= chunk::FLOOR {
        habit::count(shared, local, gathered);
        if slab.takes_chance() {
            if let Some(unit) = slab.current() {
                finish(shared, slab, chunks, unit);
            }
            slot.owed(class).move_outbox();
            chunks.list.set(head);
            return chunks.pop(chunk::FLOOR).map(Served::used);
        }
    }
    send_home(shared, head);
    local.hurry(class, slab.gives_back());
    None
}

/// What the current pool can still give, its list being empty.
#[inline(never)]
fn from_current(shared: &Shared, local: &Local, slab: &Slab, chunks: &Chunks, unit: usize) -> Option<Served> {
    let pool = Pool::at(shared.map(), unit);
    let base = shared.map().address(unit) as usize;
    habit::count(shared, local, pool.freed_beside());
    let mut head = pool.make_current();
    if head < chunk::FLOOR {
        head = pool.take_returned(base);
    }
    if head < chunk::FLOOR && !pool.is_carved() {
        let bytes = CARVE << (slab.pools() / CARVE_GROWS).min(2);
        let one = shared.fill(pool, || {
            let one = if pool.class().bumps() { pool.carve_one(base) } else { None };
            head = if one.is_some() { chunk::END } else { pool.carve(base, bytes, slab.pools() == 1) };
            one
        });
        if let Some((chunk, zero)) = one {
            return Some(Served { chunk, zero });
        }
    }
    chunks.list.set(head);
    chunks.pop(chunk::FLOOR).map(Served::used)
}

/// The current pool's list is empty, and another is to be used.
fn finish(shared: &Shared, slab: &Slab, chunks: &Chunks, unit: usize) {
    let pool = Pool::at(shared.map(), unit);
    chunks.no_pool();
    slab.set_current(None);
    slab.put(shared.map(), unit, pool.carved() - pool.freed_beside(), false);
    if pool.is_empty() {
        doubt::raise(shared.map(), unit);
    }
}

fn make_current(shared: &Shared, slot: &Slot, local: &Local, class: Class, unit: usize) {
    let (slab, chunks) = (slot.slab(class), local.chunks(class));
    slab.set_current(Some(unit));
    // Lent chunks are few from here on, and gathered ones may be allocated again.
    local.hurry(class, false);
    let pool = Pool::at(shared.map(), unit);
    habit::count(shared, local, pool.freed());
    chunks.list.set(pool.make_current());
    slot.enter_pool(shared, local, class);
}

/// A pool with chunks to give, taken from its list.
fn next_pool(shared: &Shared, slot: &Slot, class: Class) -> Option<usize> {
    let slab = slot.slab(class);
    let map = shared.map();
    if let Some(unit) = slab.available.first() {
        slab.available.remove(map, unit);
        return Some(unit);
    }
    let inherited = if shared.has_departed() { shared.inherit(slot, class) } else { None };
    if let Some(unit) = inherited.or_else(|| slot.new_pool(shared, class)) {
        slab.set_eager(false);
        return Some(unit);
    }
    // Full pools rest until a part is back; now every chunk counts.
    if !slab.is_eager() {
        slab.look_through(shared);
        if let Some(unit) = slab.available.first() {
            slab.available.remove(map, unit);
            return Some(unit);
        }
    }
    shared.inherit_common(slot, class)
}

/// One chunk from the common heap, for a thread that may have little use for a pool of its own. Its own heap is locked,
/// and a fork locks the common one first: it is not waited for.
fn from_common(shared: &Shared, class: Class) -> Option<Served> {
    let common = shared.slot(COMMON);
    let _held = common.lock.try_lock()?;
    take_one(shared, common, class)
}

/// One chunk from a heap without an owner: for threads that have no heap.
fn from_ownerless(shared: &Shared, slot: &Slot, class: Class) -> Option<Served> {
    let _held = slot.lock.lock();
    take_one(shared, slot, class)
}

/// As [`from_ownerless`]; the heap is locked.
fn take_one(shared: &Shared, slot: &Slot, class: Class) -> Option<Served> {
    slot.hear(shared);
    pop_listed(shared, slot, class).or_else(|| {
        let unit = slot.new_pool(shared, class)?;
        let slab = slot.slab(class);
        Pool::at(shared.map(), unit).rest_available(0);
        slab.available.push(shared.map(), unit);
        pop_listed(shared, slot, class)
    })
}

/// One chunk from any heap without an owner: the last resort of the others.
fn from_departed(shared: &Shared, class: Class) -> Option<Served> {
    shared.find_in_ownerless(|slot| pop_listed(shared, slot, class))
}

/// One chunk from a listed pool of a heap without an owner; the heap is locked.
fn pop_listed(shared: &Shared, slot: &Slot, class: Class) -> Option<Served> {
    let map = shared.map();
    let slab = slot.slab(class);
    let unit = slot.listed(shared, class).find(|&unit| Pool::at(map, unit).can_give())?;
    let pool = Pool::at(map, unit);
    let found = shared.fill(pool, || pool.pop_one(map.address(unit) as usize))?;
    if !pool.can_give() {
        slab.unlist(map, unit);
        pool.rest_full(pool.live(), slab.is_eager());
        slab.full.push(map, unit);
    } else if pool.standing() == Standing::Full {
        slab.full.remove(map, unit);
        pool.rest_available(pool.live());
        slab.available.push(map, unit);
    }
    Some(Served::used(found))
}
