//! Where the arena asks for huge pages.
//!
//! A huge page at hand costs a quarter of the 512 page faults that it replaces. One that has to be compacted, or that a
//! virtual machine's host has to back anew, costs several times as much, and the kernel often has small pages at hand
//! when it has no huge one. Nobody tells which it will be; so each is touched when the frontier comes to it, and timed.
//! What quick ones have saved pays for slow ones; when it does not, the arena grows on OS pages before it tries again,
//! twice as far each time that the next one is slow, too.
//!
//! Whoever writes to a few pages of each block would pay for all of them, so the kernel is asked first how much of what
//! was handed out lately is backed by memory at all.

use super::map::Map;
use crate::class::UNIT;
use crate::os;

/// Units of a huge page of the CPU.
pub(crate) const HUGE: usize = (2 << 20) / UNIT;
/// With `HugePages::Auto`, units from here on may be huge: smaller programs stay on OS pages.
const FROM: usize = (16 << 20) / UNIT;
/// Nanoseconds in which a huge page at hand is cleared and mapped even on a loaded machine: 180,000 to 500,000 were
/// seen. As OS pages the same memory took 750,000 to 1,000,000; a page that was not at hand, 4,000,000 and more.
const AT_HAND: u64 = 1_000_000;
/// Quick pages that save what a slow one costs.
const PRICE: usize = 8;
/// Units on OS pages after a slow one that is not paid for, and twice as many after the next.
const PAUSE: usize = 16 * HUGE;
/// Units below the frontier of which [`is_used`] asks at least, and at most: else half of all.
const LATELY: (usize, usize) = ((16 << 20) / UNIT, (64 << 20) / UNIT);
/// OS pages that the kernel is asked about in one call.
const ASKED: usize = 2048;

/// Which units are asked to be huge pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Huge {
    Auto(Trial),
    Always,
    Never,
}

/// Under the space's lock. Invariant: `next` and `from` are multiples of [`HUGE`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trial {
    /// Units from here on are asked to be huge when they are committed.
    from: usize,
    /// The next page to be timed.
    next: usize,
    /// One past the last unit that was asked to be huge.
    asked: usize,
    /// Quick ones not yet spent on slow ones.
    quick: usize,
    /// The next pause, in units.
    pause: usize,
}

impl Huge {
    pub(crate) const AUTO: Huge = Huge::Auto(Trial { from: FROM, next: 0, asked: 0, quick: 0, pause: PAUSE });

    /// Before anything is committed.
    pub(crate) fn begin(self, map: &Map) {
        if self != Huge::Always {
            ask(map, 0, map.units(), false);
        }
    }

    /// Advises newly committed units, none of which is in use. `dense` says whether most of the heap, which ends at
    /// `frontier`, is in full use.
    pub(crate) fn advise(&mut self, map: &Map, start: usize, end: usize, frontier: usize, dense: bool) {
        match self {
            Huge::Always => ask(map, start, end, true),
            Huge::Auto(trial) if dense && start >= trial.from && is_used(map, frontier) => {
                ask(map, start, end, true);
                trial.next = trial.next.max(start.next_multiple_of(HUGE));
                trial.asked = end;
            }
            _ => {}
        }
    }

    /// One past the last unit up to which memory backs only what was taken. Behind it a neighbour's huge page may.
    pub(crate) fn exact_end(&self) -> usize {
        match self {
            Huge::Always => 0,
            Huge::Auto(trial) if trial.asked > 0 => FROM,
            _ => usize::MAX,
        }
    }

    /// The frontier has moved up over units that the caller just cut: the first huge page that begins among them is
    /// backed by memory. What read as zero still does.
    pub(crate) fn reach(&mut self, map: &Map, old: usize, new: usize) {
        let Huge::Auto(trial) = self else { return };
        let page = trial.next.max(old.next_multiple_of(HUGE));
        if page >= new || page + HUGE > trial.asked {
            return;
        }
        // Of a span that is larger than a page, only the first: its user may not need all of it.
        trial.next = new.next_multiple_of(HUGE);
        let before = os::processor_time();
        // SAFETY: `asked` ends no later than what is committed; the page begins between the frontiers, where the
        // caller, who has the space's lock, has handed out nothing yet.
        unsafe { map.address(page).write_volatile(0) };
        trial.judge(map, page + HUGE, os::processor_time().saturating_sub(before));
    }
}

impl Trial {
    fn judge(&mut self, map: &Map, end: usize, nanoseconds: u64) {
        if nanoseconds <= AT_HAND {
            self.quick += 1;
            self.pause = PAUSE;
        } else if self.quick >= PRICE {
            self.quick -= PRICE;
        } else {
            ask(map, end, self.asked, false);
            self.asked = end;
            self.from = end + self.pause;
            self.pause = self.pause.saturating_mul(2);
        }
    }
}

/// Whether memory backs seven eighths of the OS pages that lie in the last units below `frontier` and were handed out.
/// Those of huge pages are, whoever used them. What pools have not carved yet is not.
#[cold]
#[inline(never)]
fn is_used(map: &Map, frontier: usize) -> bool {
    let page = os::page_size();
    let per_page = page.div_ceil(UNIT);
    let end = frontier / per_page * per_page;
    let mut flags = [0u8; ASKED];
    let (mut there, mut out) = (0, 0);
    let lately = (end / 2).clamp(LATELY.0, LATELY.1) / per_page * per_page;
    let mut at = end.saturating_sub(lately);
    while at < end {
        let next = (at + ASKED * page / UNIT).min(end);
        let flags = &mut flags[..(next - at) * UNIT / page];
        // SAFETY: what lies below the frontier is committed; there is a byte for each page.
        if !unsafe { os::resident(map.address(at), (next - at) * UNIT, flags) } {
            return true;
        }
        let mut from = map.find_dirty(at, next, true);
        while from < next {
            let to = map.find_dirty(from, next, false);
            let pages = &flags[(from - at) * UNIT / page..((to - at) * UNIT).div_ceil(page)];
            there += pages.iter().filter(|&&flags| flags & 1 != 0).count();
            out += pages.len();
            from = map.find_dirty(to, next, true);
        }
        at = next;
    }
    there * 8 >= out * 7
}

/// For units that nobody uses, or whose user does not mind.
fn ask(map: &Map, start: usize, end: usize, wanted: bool) {
    // SAFETY: callers pass units of the map.
    unsafe { os::advise_huge(map.address(start), (end - start) * UNIT, wanted) };
}
