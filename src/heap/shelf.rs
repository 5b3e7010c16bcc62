//! Putting a slab's current pool away: at its thread's end, when memory runs out, and when another slab of the thread's
//! would take fresh memory while this one's pool lies there unused.

use super::local::Local;
use super::magazine;
use super::outbox::send_home;
use super::shared::Shared;
use super::slot::Slot;
use super::steal;
use crate::class::{CLASSES, Class};
use crate::slab::pool::Pool;
use crate::span::space::Span;

/// Pools of fewer units do not look for an unused one, nor are they looked at.
const WORTH_UNITS: usize = 4;
/// Nor are pools of more chunks, whose lists are long to walk.
const SHORT: u32 = 64;
/// Lists walked before fresh memory is taken.
const WALKS: usize = 4;

impl Slot {
    /// Empties the owner's lists of a slab: its list goes back to the current pool, and that to the lists or the arena;
    /// magazines and other heaps' chunks go home. By the owner, or for a heap whose owner is gone.
    pub(crate) fn shelve(&self, shared: &Shared, local: &Local, class: Class) {
        steal::settle(self, local, class);
        send_home(shared, local.take_outbox(class));
        self.slab(class).forget_lent();
        self.shelve_list(shared, local, class);
    }

    /// Takes a pool's worth of units: free ones, or else those of another slab's pool which its owner has emptied, or
    /// else kept or fresh ones.
    ///
    /// A current pool's frees are not counted, so that nothing tells when it is empty. A program whose sizes change
    /// would keep a pool of each slab that it ever used.
    pub(crate) fn take_span(&self, shared: &Shared, units: usize, align: usize) -> Option<Span> {
        let local = self.local().filter(|_| units >= WORTH_UNITS);
        let Some(local) = local else { return shared.take(self, units, align) };
        let free = shared.take_free(units, align);
        free.or_else(|| {
            if local.has_magazines() {
                magazine::unload_all(shared, self, local);
                self.give_spares(shared);
            }
            self.retire_unused(shared, local);
            shared.take(self, units, align)
        })
    }

    /// Looks at a few current pools in turn, until one is not in use, and gives it back. By the owner.
    fn retire_unused(&self, shared: &Shared, local: &Local) {
        let mut walks = 0;
        let first = self.cursor.get() as usize;
        for class in (first..first + CLASSES).map(|index| Class::from_index(index % CLASSES)) {
            let Some(unit) = self.slab(class).current() else { continue };
            let pool = Pool::at(shared.map(), unit);
            if pool.units() < WORTH_UNITS || pool.carved() > SHORT {
                continue;
            }
            walks += 1;
            self.cursor.set(class.index() as u32 + 1);
            steal::settle(self, local, class);
            let head = local.chunks(class).list.get();
            let unused = pool.is_unused(shared.map().address(unit) as usize, head);
            if unused {
                self.shelve_list(shared, local, class);
            }
            if unused || walks == WALKS {
                return;
            }
        }
    }

    /// Puts the owner's list of a slab back into its current pool, and that into the heap's lists or, if it is empty,
    /// to the arena; without a pool its chunks go each to its own, or home. Nothing is owed.
    pub(super) fn shelve_list(&self, shared: &Shared, local: &Local, class: Class) {
        let slab = self.slab(class);
        let Some(unit) = slab.current() else {
            return magazine::unload(shared, self, local, class);
        };
        let chunks = local.chunks(class);
        let head = chunks.list.take();
        let map = shared.map();
        let pool = Pool::at(map, unit);
        let base = map.address(unit) as usize;
        let Some(listed) = pool.survey(base, head) else {
            crate::fatal::fatal(format_args!("free list of slab {} is corrupt near {base:#x}", class.size()))
        };
        chunks.no_pool();
        slab.set_current(None);
        pool.take_back(head, listed);
        slab.available.append(map, unit);
        if pool.is_empty() && !pool.remote().announced() {
            self.retire(shared, unit, false);
        }
    }
}
