//! Which part of the arena serves a layout.

use core::alloc::Layout;

use crate::class::{COLOUR, Class, MAX_ALIGN, MAX_CHUNK, MIN_COLOURED, UNIT, large_slab};
use crate::config::Config;

/// See the module. The same for allocation and free, whatever state the arena is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A chunk of this class.
    Chunk(Class),
    /// A chunk of this class, some of whose sizes are the system's: its lists stay empty, so that every request comes
    /// to the slow path and is told apart there.
    Unlisted(Class),
    /// A span for this many bytes.
    Span(usize),
    /// The system allocator.
    System,
    /// Nowhere: larger than the arena.
    None,
}

impl Place {
    /// Whether one slab serves both.
    pub(crate) fn is_one_slab_with(self, other: Place) -> bool {
        match (self, other) {
            (Place::Chunk(_), _) | (Place::Unlisted(_), _) => self == other,
            (Place::Span(size), Place::Span(others)) => large_slab(size) == large_slab(others),
            _ => false,
        }
    }
}

/// A layout in the order in which `GlobalAlloc`'s symbols have its parts: functions out of line that take them in this
/// order get them in the same registers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Request {
    size: usize,
    align: usize,
}

impl Request {
    #[inline(always)]
    pub(crate) const fn of(layout: Layout) -> Request {
        Request { size: layout.size(), align: layout.align() }
    }

    #[inline(always)]
    pub(crate) const fn layout(self) -> Layout {
        // SAFETY: `of` took the parts from a layout.
        unsafe { Layout::from_size_align_unchecked(self.size, self.align) }
    }
}

/// Alignment of which no multiple but 0 is a layout's size.
const BEYOND: usize = 1 << (usize::BITS - 1);

/// A layout that is not empty: blocks of no size have an address of their own, aligned as asked. Nobody has memory at
/// the largest of alignments, nor at half of it.
#[inline(always)]
pub(crate) const fn not_empty(layout: Layout) -> Layout {
    if layout.size() > 0 {
        return layout;
    }
    let align = if layout.align() == BEYOND { BEYOND / 2 } else { layout.align() };
    // SAFETY: the alignment is a layout's, or half of one, and a byte rounded up to it is at most half of `BEYOND`.
    unsafe { Layout::from_size_align_unchecked(1, align) }
}

/// As [`Config::class_of`] on fast paths, and `None` for what an uncoloured twin may serve, too: these would make the
/// others' path longer, and to tell them by their size would not be foreseen.
#[inline(always)]
pub(crate) const fn fast_class_of(size: usize, align: usize) -> Option<Class> {
    let mut sought = size;
    // One compare for most layouts.
    if align > 8 {
        core::hint::cold_path();
        sought = aligned(size, align);
        if align > COLOUR {
            sought = usize::MAX;
        }
    }
    Class::of(sought)
}

/// A size whose slab has the layout's alignment too; the layout is not empty.
#[inline(always)]
pub(crate) const fn aligned_size(layout: Layout) -> usize {
    aligned(layout.size(), layout.align())
}

/// As [`aligned_size`]; 0 where that overflows.
#[inline(always)]
pub(crate) const fn aligned(size: usize, align: usize) -> usize {
    // Slabs are multiples of 8 anyway.
    if align <= 8 {
        return size;
    }
    // A branch that is foreseen costs less than the arithmetic.
    core::hint::cold_path();
    size.wrapping_add(align - 1) & !(align - 1)
}

/// Bytes of the span that serves a layout which no class does. It begins at the alignment, and is not rounded up to it;
/// but no shorter than if its size alone called for a span.
#[inline(always)]
pub(crate) const fn span_size(layout: Layout) -> usize {
    if layout.size() > MAX_CHUNK { layout.size() } else { MAX_CHUNK + 1 }
}

impl Config {
    /// Most bytes of a layout that the arena serves.
    pub(crate) fn threshold(&self, capacity: usize) -> usize {
        self.system_above.unwrap_or(capacity).min(capacity)
    }

    /// The class that serves a size at an alignment; `None`: it takes a span. The size is not so long that it overflows
    /// when rounded up.
    pub(crate) const fn class_of(&self, size: usize, align: usize) -> Option<Class> {
        match Class::of(aligned(size, align)) {
            Some(class) if align > COLOUR && self.capacity >= MIN_COLOURED => Some(class.uncoloured()),
            found => found,
        }
    }

    /// Whether a layout longer than any chunk takes a span, which may begin at any unit. (Or none: longer than the
    /// arena.)
    #[inline(always)]
    pub(crate) fn spans(&self, layout: Layout) -> bool {
        layout.align() <= UNIT && self.system_above.is_none_or(|most| layout.size() <= most)
    }

    /// The place of a layout in an arena of `capacity` bytes.
    pub(crate) fn place(&self, layout: Layout, capacity: usize) -> Place {
        if layout.align() > MAX_ALIGN {
            return Place::System;
        }
        let threshold = self.threshold(capacity);
        if layout.size() > threshold {
            return if self.system_above.is_some() { Place::System } else { Place::None };
        }
        match self.class_of(layout.size(), layout.align()) {
            Some(class) if class.size() > threshold => Place::Unlisted(class),
            Some(class) => Place::Chunk(class),
            None => Place::Span(span_size(layout)),
        }
    }

    /// Bytes of the slab that serves a layout; `None`: no slab does.
    pub(crate) fn slab_for(&self, layout: Layout, capacity: usize) -> Option<usize> {
        match self.place(not_empty(layout), capacity) {
            Place::Chunk(class) | Place::Unlisted(class) => Some(class.size()),
            Place::Span(size) => Some(large_slab(size)?.min(capacity)),
            Place::System | Place::None => None,
        }
    }

    /// Whether an arena of `capacity` bytes has the slab: whether it serves some layout.
    pub(crate) fn has_slab(&self, slab: usize, capacity: usize) -> bool {
        let most = slab.min(self.threshold(capacity));
        most > 0 && Layout::from_size_align(most, 1).is_ok_and(|layout| self.slab_for(layout, capacity) == Some(slab))
    }

    /// Whether the lists of a class serve: the arena has all of its sizes.
    pub(crate) fn lists(&self, class: Class) -> bool {
        self.system_above.is_none_or(|most| class.size() <= most)
    }

    /// The slab sizes of an arena of `capacity` bytes, ascending.
    pub(crate) fn slabs(&self, capacity: usize) -> impl Iterator<Item = usize> + use<> {
        let threshold = self.threshold(capacity);
        let mut size = 0;
        core::iter::from_fn(move || {
            if size >= threshold {
                return None;
            }
            size = match Class::of(size + 1) {
                Some(class) => class.size(),
                None => large_slab(size + 1)?.min(capacity),
            };
            Some(size)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_serve_themselves() {
        let config = Config::new(65 << 20).system_above(65 << 20);
        let slabs: Vec<usize> = config.slabs(65 << 20).collect();
        assert!(slabs.is_sorted() && slabs.last() == Some(&(65 << 20)));
        for slab in slabs {
            let layout = Layout::from_size_align(slab, 8).unwrap();
            assert_eq!(config.slab_for(layout, 65 << 20), Some(slab));
        }
    }

    #[test]
    fn the_threshold_is_exact() {
        let config = Config::new(64 << 20).system_above(1000);
        let place = |size| config.place(Layout::from_size_align(size, 1).unwrap(), 64 << 20);
        assert!(matches!(place(1000), Place::Unlisted(class) if class.size() == 1024));
        assert_eq!(place(1001), Place::System);
        assert!(matches!(place(960), Place::Chunk(_)));
        let nothing = Config::new(64 << 20).system_above(0);
        assert_eq!(nothing.place(not_empty(Layout::new::<()>()), 64 << 20), Place::System);
    }
}
