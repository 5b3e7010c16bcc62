//! A pool: one span carved into equal chunks of one slab, owned by one heap.
//!
//! ```text
//! | colour | carved chunks: in callers' hands, in a list, or returned | not carved yet | too short for a chunk |
//! ```
//!
//! Counting equations, for a pool that is not current (its list is not the thread's):
//!
//! - `carved  = live + chunks in free`
//! - `live    = countdown + trigger` (callers' hands, magazines, other threads' outboxes, and the remote word)
//!
//! A local free pushes on `free` and counts `countdown` down; at 0 the slow path looks at the pool. The trigger is
//! placed so that this happens when the pool becomes worth allocating from again, and when it may be empty.
//!
//! Of the current pool's chunks the thread's list holds some; what the thread frees beside the list is in `free`, and
//! `countdown` falls from [`CURRENT`] by as many, so that
//!
//! - `carved = callers' hands and other threads' + the thread's list + (CURRENT - countdown)`

use super::block::In;
use super::chunk::{self, Listed};
use super::countdown::{Countdown, wake};
use super::index::index_of;
use super::remote::Remote;
use crate::class::{Class, UNIT_SHIFT};
use crate::fatal::fatal;
use crate::span::map::{Map, RECORD, Record};
use crate::sync::{AtomicU32, AtomicUsize, Cell32, Ordering};

/// The countdown of a current pool whose `free` is empty: far from the slow path.
const CURRENT: u32 = 1 << 30;

/// Where a pool stands in its heap; under the heap's lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// The thread allocates from it; in no list.
    Current = 1,
    /// Has chunks to give; in the heap's list of available pools of its slab.
    Available = 2,
    /// Has few or none; in the heap's list of full pools of its slab.
    Full = 3,
}

/// A unit's record while the unit is the first of a pool. The owner's words and those that other threads write lie on
/// different cache lines.
#[repr(C, align(128))]
pub(crate) struct Pool {
    /// Links of the heap's list, and the span's length. Under the heap's lock.
    record: Record,
    /// Free chunks. Written by the owner, or under the heap's lock while the pool is not in the owner's reach. Relaxed
    /// throughout: it has one writer at a time, whom the lock orders after the one before; other readers glance.
    free: AtomicUsize,
    /// See the equations. Written as `free`.
    countdown: Countdown,
    /// Under the heap's lock, as all below on this line.
    trigger: Cell32,
    carved: Cell32,
    capacity: Cell32,
    /// [`Class::offset`] of the slab.
    class: Cell32,
    /// That of the class by whose stride it is carved.
    spaced: Cell32,
    /// Offset of its first chunk.
    first_at: Cell32,
    standing: Cell32,
    /// Offset from which on the memory reads as zero until it is carved; before it there may be old data.
    fresh_from: Cell32,

    _own_line: u32,
    remote: Remote,
    /// Next pool in the owner's inbox, as unit + 1.
    inbox_next: AtomicU32,
    /// Returned chunks from which on the owner should be told.
    wake: Cell32,
    /// Returned chunks that make the pool empty, as far as known.
    last: Cell32,
}

const _: () = assert!(size_of::<Pool>() == RECORD && core::mem::offset_of!(Pool, remote) == 64);

/// A number that differs from pool to pool (Fibonacci hashing).
fn mixed(base: usize) -> u32 {
    ((base >> UNIT_SHIFT) as u32).wrapping_mul(0x9e37_79b9) >> 16
}

impl Pool {
    #[inline(always)]
    pub(crate) fn at(map: &Map, unit: usize) -> &Pool {
        let record: *const Record = map.record(unit);
        // SAFETY: the map keeps RECORD bytes, aligned to them, per unit; the record is the pool's first field, and all
        // bytes are valid in every field.
        unsafe { &*record.cast() }
    }

    /// Sets the pool up on a fresh span, or an emptied one, for a heap that has `held` others of the slab. `shape` is
    /// the class or its uncoloured twin, as the pool is to be carved.
    pub(crate) fn init(&self, class: Class, shape: Class, held: u32, units: usize, stale_units: usize) {
        let spaced = shape.spaced(units);
        let capacity = (units << UNIT_SHIFT) / spaced.stride();
        self.free.store(chunk::END, Ordering::Relaxed);
        self.countdown.set(0);
        self.trigger.set(0);
        self.carved.set(0);
        self.capacity.set(capacity as u32);
        self.class.set(class.offset() as u32);
        self.spaced.set(spaced.offset() as u32);
        self.first_at.set(spaced.first_at(units, held) as u32);
        self.fresh_from.set((stale_units << UNIT_SHIFT) as u32);
        self.remote.reset();
        self.wake.set(wake(capacity as u32));
        self.last.set(u32::MAX);
    }

    pub(crate) fn units(&self) -> usize {
        self.record.units.get() as usize
    }

    pub(crate) fn class(&self) -> Class {
        // SAFETY: `init` set it to a class's offset.
        unsafe { Class::from_offset(self.class.get() as usize) }
    }

    /// The class by whose stride its chunks lie.
    fn spaced(&self) -> Class {
        // SAFETY: as in `class`.
        unsafe { Class::from_offset(self.spaced.get() as usize) }
    }

    /// Number of the chunk that an offset in the pool lies in, and how many bytes behind its start. `None`: it lies
    /// before the first.
    #[inline(always)]
    pub(crate) fn index_of(&self, offset: usize) -> Option<(usize, usize)> {
        Some(index_of(self.spaced(), offset.checked_sub(self.first_at.get() as usize)?))
    }

    /// Where the chunk of this number lies.
    fn offset_of(&self, index: u32) -> usize {
        self.first_at.get() as usize + index as usize * self.spaced().stride()
    }

    pub(crate) fn carved(&self) -> u32 {
        self.carved.get()
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.standing.get() {
            1 => Standing::Current,
            2 => Standing::Available,
            _ => Standing::Full,
        }
    }

    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.set(standing as u32)
    }

    pub(crate) fn inbox_next(&self) -> &AtomicU32 {
        &self.inbox_next
    }

    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// A local free of a pool that is not current. `true`: the slow path must look at the pool.
    #[inline(always)]
    pub(crate) fn push(&self, freed: usize) -> bool {
        chunk::link(freed, self.free.load(Ordering::Relaxed));
        self.free.store(freed, Ordering::Relaxed);
        self.countdown.count_down()
    }

    /// Chunks carved and not in `free`; the pool is not current.
    pub(crate) fn live(&self) -> u32 {
        self.countdown.left().wrapping_add(self.trigger.get())
    }

    /// Chunks in `free`; the pool is not current.
    pub(crate) fn freed(&self) -> u32 {
        self.carved.get() - self.live()
    }

    /// Whether the countdown has run out and the pool awaits a look.
    pub(crate) fn ran_down(&self) -> bool {
        self.countdown.has_run_out()
    }

    /// Aborts where more chunks came back than were handed out; the pool is not current.
    pub(crate) fn check_counts(&self, base: usize) {
        let (returned, live, carved) = (self.remote.count(), self.live(), self.carved.get());
        if returned > live || live > carved {
            let slab = self.class().size();
            fatal(format_args!("double free: more chunks came back than were allocated {}", In { slab, pool: base }));
        }
    }

    /// Whether no chunk is in anybody's hands; the pool is not current. Stays so, for nobody could free or allocate.
    pub(crate) fn is_empty(&self) -> bool {
        self.live() == self.remote.count()
    }

    /// Places the next look of the slow path: when `live` falls to `at`.
    fn look_at(&self, live: u32, at: u32) {
        self.trigger.set(at);
        self.countdown.set(live - at);
        self.last.set(live);
    }

    /// The pool has nothing to give: look again when some chunks are back; where it is `eager`, at the first.
    pub(crate) fn rest_full(&self, live: u32, eager: bool) {
        self.set_standing(Standing::Full);
        self.wake.set(if eager { 1 } else { wake(self.capacity.get()) });
        let back = self.wake.get().min(live);
        self.look_at(live, live - back);
    }

    /// The pool has chunks to give: look again when it may be empty.
    pub(crate) fn rest_available(&self, live: u32) {
        self.set_standing(Standing::Available);
        self.look_at(live, self.remote.count().min(live.saturating_sub(1)));
    }

    /// Whether carving has come to the end: the pool's memory is in full use, or was.
    pub(crate) fn is_carved(&self) -> bool {
        self.carved.get() == self.capacity.get()
    }

    /// Stops being current: `head` is the thread's list, as surveyed.
    pub(crate) fn take_back(&self, head: usize, listed: Listed) {
        let beside = self.freed_beside();
        if listed.count > 0 {
            chunk::link(listed.last, self.free.load(Ordering::Relaxed));
            self.free.store(head, Ordering::Relaxed);
        }
        self.rest_available(self.carved.get() - listed.count - beside);
    }

    /// Walks a list of the pool's chunks; `None` if it leaves what is carved.
    pub(crate) fn survey(&self, base: usize, head: usize) -> Option<Listed> {
        let (spaced, carved) = (self.spaced(), self.carved.get());
        let bytes = carved as usize * spaced.stride();
        let first = base + self.first_at.get() as usize;
        chunk::survey(head, carved, |at| {
            let offset = at.wrapping_sub(first);
            offset < bytes && index_of(spaced, offset).1 == 0
        })
    }

    /// Whether nobody uses a chunk of the current pool, whose list begins with `head`: all that were carved are in the
    /// list, beside it, or returned. A glance where others use the list.
    pub(crate) fn is_unused(&self, base: usize, head: usize) -> bool {
        // Counted before the list is walked: what comes back meanwhile is not seen twice.
        let elsewhere = self.freed_beside() + self.remote.count();
        self.survey(base, head).is_some_and(|listed| listed.count + elsewhere == self.carved.get())
    }

    /// The current pool's chunks in `free`.
    pub(crate) fn freed_beside(&self) -> u32 {
        CURRENT - self.countdown.left()
    }

    /// Whether chunks lie in `free`.
    #[inline(always)]
    pub(crate) fn has_free(&self) -> bool {
        self.free.load(Ordering::Relaxed) >= chunk::FLOOR
    }

    /// Makes it current, if it is not: its free chunks, all of them. By the owner: under the heap's lock, or while its
    /// list is at its usual end.
    pub(crate) fn make_current(&self) -> usize {
        let head = self.free.load(Ordering::Relaxed);
        self.free.store(chunk::END, Ordering::Relaxed);
        self.countdown.set(CURRENT);
        self.set_standing(Standing::Current);
        head
    }

    /// The chunks that other threads returned, as a list of addresses. Most looks find none, and then write nothing.
    pub(crate) fn take_returned(&self, base: usize) -> usize {
        if self.remote.count() == 0 {
            return chunk::END;
        }
        self.remote.take().map_or(chunk::END, |returned| base + returned.offset)
    }

    /// Whether it concerns the owner that `now` chunks are returned, no longer `before`: the pool is worth a look, or
    /// may be empty.
    pub(crate) fn announces(&self, before: u32, now: u32) -> bool {
        let wake = self.wake.get();
        (before < wake && now >= wake) || now >= self.last.get()
    }

    /// Carves as many chunks as fit in `bytes`, one at least, and links them; `END` if none are left.
    ///
    /// All pools but coloured ones begin at the same place of a page, and the first one of each slab. Slabs of which
    /// little is used would have their chunks compete for the same few sets of the caches: where `spread`, a pool's
    /// first ones are handed out from some place in their midst on.
    pub(crate) fn carve(&self, base: usize, bytes: usize, spread: bool) -> usize {
        let stride = self.spaced().stride();
        let carved = self.carved.get();
        let more = ((bytes / self.class().size()).max(1) as u32).min(self.capacity.get() - carved);
        if more == 0 {
            return chunk::END;
        }
        let start = base + self.offset_of(carved);
        let skip = if carved == 0 && spread { mixed(base) % more } else { 0 };
        let first = start + skip as usize * stride;
        let last = start + (more as usize - 1) * stride;
        chunk::link_up(first, last, stride);
        if first == start {
            chunk::link(last, chunk::END);
        } else {
            chunk::link(last, start);
            chunk::link_up(start, first - stride, stride);
            chunk::link(first - stride, chunk::END);
        }
        self.carved.set(carved + more);
        first
    }

    /// Carves one chunk without writing to it; and whether it reads as zero. `None` if none are left.
    pub(crate) fn carve_one(&self, base: usize) -> Option<(usize, bool)> {
        let carved = self.carved.get();
        if carved == self.capacity.get() {
            return None;
        }
        let offset = self.offset_of(carved);
        self.carved.set(carved + 1);
        Some((base + offset, offset >= self.fresh_from.get() as usize))
    }

    /// Takes up to `most` chunks while the pool is in no list of its heap's: those that are free, or else returned, or
    /// else carved. They count as in use. Under the heap's lock, with the owner calling.
    pub(crate) fn take_some(&self, base: usize, most: u32) -> usize {
        self.accept_returned(base);
        let head = self.free.load(Ordering::Relaxed);
        if head < chunk::FLOOR {
            let (carved, live) = (self.carved.get(), self.live());
            let fresh = self.carve(base, most as usize * self.class().size(), false);
            self.look_at(live + self.carved.get() - carved, 0);
            return fresh;
        }
        let (rest, taken) = chunk::cut(head, most);
        self.free.store(rest, Ordering::Relaxed);
        self.look_at(self.live() + taken, 0);
        head
    }

    /// What other threads returned becomes the free list, if that is empty; the pool is not current.
    fn accept_returned(&self, base: usize) {
        if !self.has_free()
            && let Some(list) = self.remote.take()
        {
            self.look_at(self.live() - list.count, 0);
            self.free.store(base + list.offset, Ordering::Relaxed);
        }
    }

    /// Takes one chunk while the pool is in a list, for callers without a list of their own. Under the heap's lock,
    /// with the owner gone or calling.
    pub(crate) fn pop_one(&self, base: usize) -> Option<usize> {
        self.accept_returned(base);
        let head = self.free.load(Ordering::Relaxed);
        let live = self.live();
        let popped = if head < chunk::FLOOR {
            self.carve_one(base)?.0
        } else {
            self.free.store(chunk::next(head), Ordering::Relaxed);
            head
        };
        self.look_at(live + 1, 0);
        Some(popped)
    }

    /// Counts the chunks in `free` anew; the owner will never come back.
    pub(crate) fn recount(&self, base: usize) {
        let Some(free) = self.survey(base, self.free.load(Ordering::Relaxed)) else { return };
        match self.standing() {
            Standing::Current => self.countdown.set(CURRENT - free.count),
            _ => self.look_at(self.carved.get() - free.count, 0),
        }
    }

    /// Whether [`Pool::pop_one`] or becoming current would yield a chunk.
    pub(crate) fn can_give(&self) -> bool {
        self.has_free() || !self.is_carved() || self.remote.count() > 0
    }

    /// Panics where a counting equation does not hold; the pool is not current and nobody is in the arena.
    pub(crate) fn verify(&self, base: usize) {
        let size = self.class().size();
        let free = self.survey(base, self.free.load(Ordering::Relaxed)).expect("a free list leaves its pool").count;
        assert_eq!(self.carved.get(), self.live() + free, "carved = live + free, slab {size}");
        assert!(self.remote.count() <= self.live(), "more chunks returned than live, slab {size}");
        assert!(self.carved.get() <= self.capacity.get());
        let end = self.offset_of(self.capacity.get());
        assert!(end <= self.units() << UNIT_SHIFT, "chunks behind the pool's end, slab {size}");
    }
}
