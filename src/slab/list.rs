//! A doubly linked list of pools, through their records. Under the lock of the heap that holds it.

use super::pool::Pool;
use crate::span::map::Map;
use crate::sync::Cell32;

/// All-zero bytes are an empty list.
#[repr(transparent)]
pub(crate) struct List(Cell32);

impl List {
    /// First pool's unit.
    pub(crate) fn first(&self) -> Option<usize> {
        (self.0.get() as usize).checked_sub(1)
    }

    pub(crate) fn push(&self, map: &Map, unit: usize) {
        let head = self.0.get();
        let record = Pool::at(map, unit).record();
        record.next.set(head);
        record.prev.set(0);
        if head != 0 {
            map.record(head as usize - 1).prev.set(unit as u32 + 1);
        }
        self.0.set(unit as u32 + 1);
    }

    pub(crate) fn remove(&self, map: &Map, unit: usize) {
        let record = Pool::at(map, unit).record();
        let (next, prev) = (record.next.get(), record.prev.get());
        if next != 0 {
            map.record(next as usize - 1).prev.set(prev);
        }
        if prev != 0 {
            map.record(prev as usize - 1).next.set(next);
        } else {
            self.0.set(next);
        }
    }

    pub(crate) fn clear(&self) {
        self.0.set(0)
    }

    /// The pools' units; a pool may be removed as soon as it was yielded.
    pub(crate) fn iter<'a>(&self, map: &'a Map) -> impl Iterator<Item = usize> + use<'a> {
        let mut at = self.0.get();
        core::iter::from_fn(move || {
            let unit = (at as usize).checked_sub(1)?;
            at = map.record(unit).next.get();
            Some(unit)
        })
    }
}
