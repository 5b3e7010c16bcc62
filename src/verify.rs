//! Walkers that check the invariants, and in debug builds the live bits that catch a wrong free.

use crate::arena::Arena;
use crate::class::Class;
use crate::heap::shared::Shared;
use crate::heap::slot::Slot;
use crate::slab::pool::{Pool, Standing};
use crate::span::tag;
#[cfg(debug_assertions)]
use crate::sync::Ordering;

impl Arena {
    /// Walks all metadata and checks every counting equation and list; for tests.
    ///
    /// O(units + pools + chunks in lists).
    ///
    /// # Panics
    /// Where an invariant does not hold. No other thread may be inside the arena.
    #[doc(hidden)]
    pub fn verify(&self) {
        let Some(shared) = self.known() else { return };
        let mut tagged = 0;
        shared.with_space(|space| {
            space.verify(shared.map());
            space.each(shared.map(), |_, tag, _| tagged += tag::pool_of(tag).is_some() as usize);
        });
        let listed: usize = shared.heaps().map(|slot| verify_heap(shared, slot)).sum();
        assert_eq!(tagged, listed, "pools tagged in the arena and pools in heaps");
        let info = self.info();
        assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
    }
}

/// Checks one heap; its pools and spares.
fn verify_heap(shared: &Shared, slot: &Slot) -> usize {
    let map = shared.map();
    let _held = slot.lock.lock();
    let mut pools = slot.spares();
    for class in Class::all() {
        let slab = slot.slab(class);
        let mut count = 0;
        let lists = [(&slab.available, Standing::Available), (&slab.full, Standing::Full)];
        for (list, standing) in lists {
            for unit in list.iter(map) {
                let pool = Pool::at(map, unit);
                assert!(pool.standing() == standing && pool.class() == class, "pool at unit {unit} is misplaced");
                pool.verify(map.address(unit) as usize);
                verify_tags(shared, slot, unit);
                count += 1;
            }
        }
        if let Some(unit) = slab.current() {
            let pool = Pool::at(map, unit);
            assert!(pool.standing() == Standing::Current && pool.class() == class);
            verify_tags(shared, slot, unit);
            count += 1;
        }
        assert_eq!(count, slab.pools.get() as usize, "pools of slab {}", class.size());
        pools += count;
    }
    pools
}

fn verify_tags(shared: &Shared, slot: &Slot, unit: usize) {
    for dist in 0..Pool::at(shared.map(), unit).units() {
        let found = shared.map().pool_of(shared.map().tag(unit + dist));
        assert_eq!(found, Some((slot.number(), unit)), "tag of unit {}", unit + dist);
    }
}

#[cfg(not(debug_assertions))]
impl Arena {
    #[inline(always)]
    pub(crate) fn mark_live(&self, block: *mut u8) -> *mut u8 {
        block
    }

    #[inline(always)]
    pub(crate) fn unmark_live(&self, _block: *mut u8) {}

    pub(crate) fn forget_live(&self) {}
}

#[cfg(debug_assertions)]
impl Arena {
    /// Notes that a block is in the caller's hands, if it is the arena's.
    pub(crate) fn mark_live(&self, block: *mut u8) -> *mut u8 {
        if let Some(shared) = self.known()
            && shared.map().unit_of(block as usize).is_some()
            && shared.map().set_live(block as usize, true)
        {
            crate::fatal::fatal(format_args!("{block:p} was handed out twice: the arena's lists are corrupt"));
        }
        block
    }

    /// Aborts unless the block is in the caller's hands.
    pub(crate) fn unmark_live(&self, block: *mut u8) {
        let Some(shared) = self.known() else { return };
        if shared.map().unit_of(block as usize).is_none() {
            // SAFETY: the bytes before a block of the system are its header; any other address is the mistake that is
            // looked for, and memory before it is most likely readable.
            if shared.system().load(Ordering::Relaxed) == 0 || !unsafe { crate::system::is_block(block) } {
                crate::fatal::fatal(format_args!("free of {block:p}: not this arena's memory"));
            }
            return;
        }
        let size = crate::heap::returns::check_chunk(shared, block as usize);
        if !shared.map().set_live(block as usize, false) {
            crate::fatal::fatal(format_args!("free of {block:p}: double free of a chunk of slab {size}"));
        }
    }

    pub(crate) fn forget_live(&self) {
        if let Some(shared) = self.known() {
            shared.map().clear_live();
        }
    }
}
