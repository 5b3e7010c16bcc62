//! Walkers that check the invariants.

use crate::arena::Arena;
use crate::class::Class;
use crate::config::Config;
use crate::heap::doubt;
use crate::heap::local::Local;
use crate::heap::shared::Shared;
use crate::heap::slot::Slot;
use crate::slab::chunk::{END, FLOOR};
use crate::slab::pool::{Pool, Standing};
use crate::span::tag;

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
        let (mut tagged, mut kept) = (0, 0);
        shared.with_space(|space| {
            space.verify(shared.map());
            space.each(shared.map(), |_, tag, _| {
                tagged += tag::pool_of(tag).is_some() as usize;
                kept += (tag == tag::KEPT) as usize;
            });
        });
        assert_eq!(kept, shared.heaps().map(|slot| slot.kept.count()).sum(), "spans tagged as kept, and kept by heaps");
        let listed: usize = shared.heaps().map(|slot| verify_heap(shared, slot, &self.config)).sum();
        assert_eq!(tagged, listed, "pools tagged in the arena and pools in heaps");
        let info = self.info();
        assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
    }
}

/// Checks one heap; its pools and spares.
fn verify_heap(shared: &Shared, slot: &Slot, config: &Config) -> usize {
    let map = shared.map();
    let _held = slot.lock.lock();
    let loads = slot.local().is_some_and(Local::has_magazines);
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
                let is_told = !pool.is_empty() || pool.remote().announced();
                assert!(is_told || doubt::is_there(map, unit), "nothing tells that pool {unit} is empty");
                count += 1;
            }
        }
        assert!(loads || slot.magazine(class).aside() < FLOOR, "set aside by a thread without magazines");
        let lists = [slot.local().map_or(END, |local| local.chunks(class).list.get()), slot.magazine(class).aside()];
        let lists_empty = lists.iter().all(|&list| list < FLOOR);
        assert!(lists_empty || config.lists(class), "a list of slab {}, which is divided", class.size());
        if let Some(unit) = slab.current() {
            assert!(!loads, "a current pool beside magazines");
            let pool = Pool::at(map, unit);
            assert!(pool.standing() == Standing::Current && pool.class() == class);
            verify_tags(shared, slot, unit);
            count += 1;
        }
        assert_eq!(count, slab.pools() as usize, "pools of slab {}", class.size());
        pools += count;
    }
    pools
}

fn verify_tags(shared: &Shared, slot: &Slot, unit: usize) {
    for dist in 0..Pool::at(shared.map(), unit).units() {
        let found = shared.map().pool_of(shared.map().tag(unit + dist));
        assert_eq!(found, Some((slot.number(), unit)), "tag of unit {}", unit + dist);
        assert!(
            shared.map().class(unit + dist) == Pool::at(shared.map(), unit).class(),
            "class of unit {}",
            unit + dist
        );
    }
}
