//! The checks of the feature `hardened`, and of all debug builds: whatever is handed back must be what was handed out.
//!
//! | file       | noun                                                                |
//! |------------|---------------------------------------------------------------------|
//! | [`canary`] | the bytes behind a block's end                                      |
//! | [`report`] | the line that is said before the process ends                       |
//!
//! The entries call this file at every way in and out; links and notes are the lower layers'
//! ([`checks`](crate::checks)). Without the feature `off.rs` stands in its place, whose calls are empty.
//!
//! With the feature, a layout that fills its slab is served from the next one if it comes through `GlobalAlloc`, so
//! that there is room for a canary. The arena's own calls promise a certain slab and have a canary where that leaves
//! room.

mod canary;
mod report;

use core::alloc::Layout;
use core::sync::atomic::AtomicU8;

use crate::arena::Arena;
use crate::checks::{link, live};
use crate::class::{Class, large_slab};
use crate::entry::Ask;
use crate::heap::shared::Shared;
use crate::place::{Place, aligned_size, fast_class_of};
use crate::slab::block::{Block, In, Wrong, find};
use crate::span::map::Map;
use crate::sync::Ordering;
use crate::system;

/// Whether each block is looked at on its way out and back: here, so that short cuts past the entries are closed.
pub(crate) const CHECKED: bool = true;

/// Before the first chunk is handed out. Under the registry's lock.
pub(crate) fn begin() {
    link::report_by(report::overwritten_link);
}

/// The layout, with a byte more where it fills its slab and may have the next.
#[inline(always)]
fn roomy(layout: Layout, ask: Ask) -> Layout {
    let (size, align) = (layout.size(), layout.align());
    let full = match Class::of(aligned_size(layout)) {
        Some(class) => class.size() == size,
        None => large_slab(size) == Some(size),
    };
    // Larger alignments round the byte up to more than an eighth, but for spans.
    let cheap = align <= SMALL_ALIGN || align <= size / 8 || Class::of(aligned_size(layout)).is_none();
    if cfg!(feature = "hardened") && ask.global() && full && cheap {
        Layout::from_size_align(size + 1, align).unwrap_or(layout)
    } else {
        layout
    }
}

/// Alignments up to here always leave room for a canary.
const SMALL_ALIGN: usize = 16;

/// The note on a block.
#[inline(always)]
fn note_on<'a>(map: &Map, block: &Block) -> &'a AtomicU8 {
    map.notes().at(block.unit, block.index)
}

/// Bytes that the caller has of a block, by the note; `None`: all of the slab, which it was told. Aborts unless the
/// block is live and nothing was written past its end.
///
/// # Safety
/// The block begins at the address.
#[inline(always)]
unsafe fn check(address: usize, note: u8, place: In) -> Option<usize> {
    let slack = match note {
        live::FREE => report::double_free(address, place),
        live::GIVEN => return None,
        // SAFETY: the block is live, and long enough for so long a slack.
        live::LONG => match unsafe { canary::long_slack(address, place.slab) } {
            Some(slack) => slack,
            None => report::long_overflow(address, place),
        },
        short => short as usize - 1,
    };
    let size = place.slab - slack;
    // SAFETY: the block is live.
    if !unsafe { canary::is_intact(address, size, place.slab) } {
        report::overflow(address, size, place);
    }
    Some(size)
}

/// Aborts unless the caller's layout is that of a block of so many bytes, see [`check`].
#[inline(always)]
fn check_layout(address: usize, layout: Layout, held: Option<usize>, place: In) {
    let fits = match held {
        Some(size) => size == layout.size() && address.is_multiple_of(layout.align()),
        None => layout.size() <= place.slab,
    };
    if !fits {
        report::wrong_layout(address, layout, held.unwrap_or(place.slab), place);
    }
}

/// Notes that a block holds so many bytes of the caller's, and marks their end.
///
/// # Safety
/// The block begins at the address, and is in the arena's or the caller's hands alone.
#[inline(always)]
unsafe fn write_seal(address: usize, size: usize, note: &AtomicU8, slab: usize) {
    // Relaxed: see `live::take`.
    note.store(live::note(slab - size), Ordering::Relaxed);
    // SAFETY: the caller's promise.
    unsafe { canary::write(address, size, slab) };
}

impl Arena {
    /// The class whose list serves a layout, if the fast paths tell.
    #[inline(always)]
    pub(crate) fn class_for(&self, layout: Layout, ask: Ask) -> Option<Class> {
        let layout = roomy(layout, ask);
        fast_class_of(layout.size(), layout.align())
    }

    /// The class whose list serves a layout.
    pub(crate) fn any_class_for(&self, layout: Layout, ask: Ask) -> Option<Class> {
        let layout = roomy(layout, ask);
        self.config.class_of(layout.size(), layout.align())
    }

    /// As [`Arena::class_for`] for a layout of which the class is known.
    #[inline(always)]
    pub(crate) fn class_known(&self, (layout, _): (Layout, Class), ask: Ask) -> Option<Class> {
        self.any_class_for(layout, ask)
    }

    /// The layout to be placed when this one is asked for.
    pub(crate) fn roomy(&self, layout: Layout, ask: Ask, capacity: usize) -> Layout {
        let with_room = roomy(layout, ask);
        match self.config.place(with_room, capacity) {
            Place::System | Place::None => layout,
            _ => with_room,
        }
    }

    /// Notes that a block goes into the caller's hands, if it is the arena's.
    #[inline(never)]
    pub(crate) fn seal(&self, block: *mut u8, size: usize) -> *mut u8 {
        let Some(shared) = self.known() else { return block };
        let (map, address) = (shared.map(), block as usize);
        match find(map, address) {
            Ok(found) if size <= found.place.slab => {
                let note = note_on(map, &found);
                // Relaxed: see `live::take`.
                if note.load(Ordering::Relaxed) != live::FREE {
                    report::handed_out_twice(address, found.place);
                }
                // SAFETY: the block begins there, and was free.
                unsafe { write_seal(address, size, note, found.place.slab) };
            }
            // A block of the system, or null.
            Err(Wrong::Outside) => {}
            _ => report::leads_astray(address),
        }
        block
    }

    /// Takes a block out of the caller's hands, or aborts; the class of its pool.
    #[inline(never)]
    pub(crate) fn unseal(&self, block: *mut u8, layout: Layout) -> Option<Class> {
        self.take(block as usize, Some(layout))
    }

    /// As [`Arena::unseal`] for a layout of which the class is known.
    #[inline(always)]
    pub(crate) fn unseal_known(&self, block: *mut u8, (layout, _): (Layout, Class)) -> Option<Class> {
        self.unseal(block, layout)
    }

    /// As [`Arena::unseal`] where only the address is known.
    pub(crate) fn unseal_unsized(&self, block: *mut u8) {
        self.take(block as usize, None);
    }

    #[inline(always)]
    fn take(&self, address: usize, layout: Option<Layout>) -> Option<Class> {
        let shared = self.known()?;
        let map = shared.map();
        match find(map, address) {
            Ok(found) => {
                // SAFETY: the block begins there.
                let held = unsafe { check(address, live::take(note_on(map, &found)), found.place) };
                if let Some(layout) = layout {
                    check_layout(address, layout, held, found.place);
                }
                found.class
            }
            Err(wrong) => {
                check_system(shared, address, layout, wrong);
                None
            }
        }
    }

    /// Aborts unless the block is in the caller's hands, with this layout and nothing written past its end.
    #[inline(never)]
    pub(crate) fn check_seal(&self, block: *mut u8, layout: Layout) {
        let Some(shared) = self.known() else { return };
        let (map, address) = (shared.map(), block as usize);
        match find(map, address) {
            Ok(found) => {
                // SAFETY: the block begins there.
                // Relaxed: see `live::take`.
                let held = unsafe { check(address, note_on(map, &found).load(Ordering::Relaxed), found.place) };
                check_layout(address, layout, held, found.place);
            }
            Err(wrong) => check_system(shared, address, Some(layout), wrong),
        }
    }

    /// Takes a block out of the caller's hands that has been checked; see [`Arena::put_back`].
    pub(crate) fn set_aside(&self, block: *mut u8) -> u8 {
        self.note_of(block).map_or(live::FREE, live::take)
    }

    /// The block is the caller's again, as it was.
    pub(crate) fn put_back(&self, block: *mut u8, note: u8) {
        if let Some(place) = self.note_of(block) {
            place.store(note, Ordering::Relaxed);
        }
    }

    fn note_of(&self, block: *mut u8) -> Option<&AtomicU8> {
        let map = self.known()?.map();
        find(map, block as usize).ok().map(|found| note_on(map, &found))
    }

    /// Whether a block that keeps its place has room for a canary behind so many bytes, or is to have none.
    pub(crate) fn leaves_room(&self, block: *mut u8, size: usize, align: usize, ask: Ask) -> bool {
        let (Some(shared), Ok(layout)) = (self.known(), Layout::from_size_align(size, align)) else { return true };
        let map = shared.map();
        self.roomy(layout, ask, map.capacity()) == layout
            || find(map, block as usize).is_ok_and(|found| found.place.slab > size)
    }

    /// As [`Arena::check_seal`], and notes the new size of a block that stays where it is.
    #[inline(never)]
    pub(crate) fn reseal(&self, block: *mut u8, old: Layout, new_size: usize) -> *mut u8 {
        self.check_seal(block, old);
        if let Some(shared) = self.known()
            && let Ok(found) = find(shared.map(), block as usize)
        {
            // SAFETY: the block begins there, and is the caller's.
            unsafe { write_seal(block as usize, new_size, note_on(shared.map(), &found), found.place.slab) };
        }
        block
    }

    /// The caller learns how many bytes its block has: from now on it may use them all.
    pub(crate) fn give_whole(&self, block: *mut u8) {
        if let Some(shared) = self.known()
            && let Ok(found) = find(shared.map(), block as usize)
        {
            let note = note_on(shared.map(), &found);
            // Relaxed: see `live::take`.
            // SAFETY: the block begins there.
            unsafe { check(block as usize, note.load(Ordering::Relaxed), found.place) };
            note.store(live::GIVEN, Ordering::Relaxed);
        }
    }
}

/// Aborts unless the address, which is no block of the arena's, is one of the system's on its account.
#[cold]
#[inline(never)]
fn check_system(shared: &Shared, address: usize, layout: Option<Layout>, wrong: Wrong) {
    // Relaxed: a block in the caller's hands was counted before.
    let none = shared.system().load(Ordering::Relaxed) == 0;
    if !matches!(wrong, Wrong::Outside) || none || !system::is_block(address) {
        report::wrong_address(address, wrong);
    }
    // SAFETY: it is a block.
    let held = unsafe { system::usable_size(address as *mut u8) };
    if let Some(layout) = layout
        && layout.size() != held
    {
        report::wrong_system_layout(address, layout, held);
    }
}
