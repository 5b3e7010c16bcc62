//! A doubly linked list of pools, through their records. Under the lock of the heap that holds it.
//!
//! The first pool's `prev` names the last pool, whose `next` is 0. Links are units + 1.

use crate::span::map::{Map, Record};
use crate::sync::Cell32;

/// The first pool. All-zero bytes are an empty list.
#[repr(transparent)]
pub(crate) struct List(Cell32);

fn at(map: &Map, link: u32) -> &Record {
    map.record(link as usize - 1)
}

impl List {
    /// First pool's unit.
    pub(crate) fn first(&self) -> Option<usize> {
        (self.0.get() as usize).checked_sub(1)
    }

    /// Adds a pool as the first.
    pub(crate) fn push(&self, map: &Map, unit: usize) {
        let (head, new) = (self.0.get(), unit as u32 + 1);
        let last = if head == 0 { new } else { at(map, head).prev.get() };
        at(map, new).next.set(head);
        at(map, new).prev.set(last);
        if head != 0 {
            at(map, head).prev.set(new);
        }
        self.0.set(new);
    }

    /// Adds a pool as the last.
    pub(crate) fn append(&self, map: &Map, unit: usize) {
        let (head, new) = (self.0.get(), unit as u32 + 1);
        if head == 0 {
            return self.push(map, unit);
        }
        let last = at(map, head).prev.get();
        at(map, new).next.set(0);
        at(map, new).prev.set(last);
        at(map, last).next.set(new);
        at(map, head).prev.set(new);
    }

    pub(crate) fn remove(&self, map: &Map, unit: usize) {
        let (head, old) = (self.0.get(), unit as u32 + 1);
        let (next, prev) = (at(map, old).next.get(), at(map, old).prev.get());
        if old == head {
            self.0.set(next);
        } else {
            at(map, prev).next.set(next);
        }
        // Whoever points back to it: the next pool, or the first if it was the last.
        let behind = if next != 0 { next } else { self.0.get() };
        if behind != 0 {
            at(map, behind).prev.set(prev);
        }
    }

    pub(crate) fn clear(&self) {
        self.0.set(0)
    }

    /// The pools' units; a pool may be removed as soon as it was yielded.
    pub(crate) fn iter<'a>(&self, map: &'a Map) -> impl Iterator<Item = usize> + use<'a> {
        let mut link = self.0.get();
        core::iter::from_fn(move || {
            let unit = (link as usize).checked_sub(1)?;
            link = at(map, link).next.get();
            Some(unit)
        })
    }
}
