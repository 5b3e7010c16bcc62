//! What one arena should hold.

use std::alloc::Layout;
use std::collections::BTreeMap;

use arenal::Arena;

use crate::block::{Block, assert_zero};
use crate::setting::Setting;

/// Addresses and lengths of live blocks, of all arenas.
pub type Spans = BTreeMap<usize, usize>;

/// An arena and the model of it.
pub struct Model {
    setting: Setting,
    arena: Arena,
    live: Vec<Block>,
    /// Bytes of the live blocks inside the arena, and of those of the system.
    allocated: usize,
    system: usize,
    seed: u64,
}

impl Model {
    /// A new, empty arena.
    pub fn new(setting: Setting) -> Model {
        Model { setting, arena: setting.arena(), live: Vec::new(), allocated: 0, system: 0, seed: 0 }
    }

    fn insert(&mut self, spans: &mut Spans, block: Block) {
        let (start, bytes) = block.span();
        let before = spans.range(..start).next_back();
        assert!(before.is_none_or(|(at, bytes)| at + bytes <= start), "{block:?} overlaps the block before it");
        let after = spans.range(start..).next();
        assert!(after.is_none_or(|(at, _)| start + bytes <= *at), "{block:?} overlaps the block behind it");
        spans.insert(start, bytes);
        if block.inside() {
            self.allocated += bytes;
        } else {
            self.system += bytes;
        }
        self.live.push(block);
    }

    fn remove(&mut self, spans: &mut Spans, at: usize) -> Block {
        let block = self.live.swap_remove(at);
        let (start, bytes) = block.span();
        assert_eq!(spans.remove(&start), Some(bytes));
        if block.inside() {
            self.allocated -= bytes;
        } else {
            self.system -= bytes;
        }
        block
    }

    /// A refusal must have its reason.
    fn refused(&self, layout: Layout) {
        let capacity = self.arena.capacity();
        // A block of no size is as large as its alignment.
        let layout = if layout.size() > 0 {
            layout
        } else {
            Layout::from_size_align(layout.align(), layout.align()).expect("valid")
        };
        let to_system = self.system.checked_add(layout.size()).is_some_and(|sum| sum <= self.setting.limit());
        let above = self.setting.above().is_some_and(|above| layout.size() > above);
        let may_overflow = self.setting.overflows() || above;
        assert!(!(may_overflow && to_system), "{layout:?} refused with room at the system: {}", self.arena);
        let fits = !above && layout.size().max(layout.align()) <= capacity / 4 && layout.align() <= 4096;
        assert!(!fits || self.allocated > 0, "{layout:?} refused by an empty arena: {}", self.arena);
    }

    /// Allocates, and checks what comes.
    pub fn allocate(&mut self, spans: &mut Spans, layout: Layout, zeroed: bool) {
        self.seed += 1 << 20;
        let new = if zeroed { self.arena.allocate_zeroed(layout) } else { self.arena.allocate(layout) };
        let Ok(ptr) = new else { return self.refused(layout) };
        if zeroed {
            assert_zero(ptr, layout);
        }
        let block = Block::new(&self.arena, ptr, layout, self.seed);
        let slab = self.arena.slab_for(layout);
        if block.inside() {
            assert_eq!(Some(block.span().1), slab, "{block:?}");
        } else {
            assert!(slab.is_none() || self.setting.overflows(), "{block:?} is the system's");
        }
        self.insert(spans, block);
    }

    /// Allocates a chunk of one of the first slabs.
    pub fn allocate_slab(&mut self, spans: &mut Spans, which: usize) {
        let Some(slab) = self.arena.slabs().take(120).nth(which % 120) else { return };
        let layout = Layout::from_size_align(slab, 8).expect("a slab is a valid size");
        self.seed += 1 << 20;
        let Ok(ptr) = self.arena.allocate_slab(slab) else {
            assert!(self.allocated > 0 || slab > self.arena.capacity() / 4, "slab {slab} refused: {}", self.arena);
            return;
        };
        let block = Block::new(&self.arena, ptr, layout, self.seed);
        assert!(!block.inside() || block.span().1 == slab, "{block:?}");
        self.insert(spans, block);
    }

    /// Frees one of the live blocks.
    pub fn free(&mut self, spans: &mut Spans, which: usize, way: u8) {
        if !self.live.is_empty() {
            self.remove(spans, which % self.live.len()).free(&self.arena, way);
        }
    }

    /// Frees up to so many of the newest or of the oldest blocks.
    pub fn free_many(&mut self, spans: &mut Spans, count: usize, oldest: bool) {
        for way in 0..count.min(self.live.len()) {
            let at = if oldest { 0 } else { self.live.len() - 1 };
            self.remove(spans, at).free(&self.arena, way as u8);
        }
    }

    /// Resizes one of the live blocks.
    pub fn resize(&mut self, spans: &mut Spans, which: usize, size: usize) {
        if self.live.is_empty() || size == 0 || self.live[which % self.live.len()].layout().size() == 0 {
            return;
        }
        let block = self.remove(spans, which % self.live.len());
        let (Ok(block) | Err(block)) = block.resize(&self.arena, size);
        self.insert(spans, block);
    }

    /// Gives empty pools back.
    pub fn trim(&mut self) {
        let before = self.arena.info().heap;
        let given = self.arena.trim();
        assert_eq!(self.arena.info().heap, before - given);
    }

    /// Empties the arena; blocks of the system stay.
    pub fn release(&mut self, spans: &mut Spans) {
        let (inside, system): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.live).into_iter().partition(|block| block.inside());
        for block in inside {
            block.check(&self.arena);
            spans.remove(&block.span().0);
        }
        (self.live, self.allocated) = (system, 0);
        // SAFETY: the model has forgotten all chunks, and there is one thread.
        unsafe { self.arena.release() };
        assert_eq!(self.arena.info().heap, 0);
    }

    /// Drops the arena, and makes it anew.
    pub fn replace(&mut self, spans: &mut Spans) {
        self.release(spans);
        self.free_many(spans, usize::MAX, false);
        *self = Model::new(self.setting);
    }

    /// Panics unless the arena's figures are the model's.
    pub fn agree(&self) {
        let info = self.arena.info();
        assert_eq!((info.allocated, info.system), (self.allocated, self.system), "{info:?}");
        assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
    }

    /// As [`Model::agree`], by slab too; checks all blocks, and walks the arena's metadata.
    pub fn verify(&self) {
        self.agree();
        let (mut allocated, mut heap) = (0, 0);
        for usage in self.arena.utilization() {
            allocated += usage.allocated;
            heap += usage.heap;
            assert!((0.0..=1.0).contains(&usage.ratio()), "{usage:?}");
        }
        assert!(allocated == self.allocated && heap <= self.arena.info().heap, "{}", self.arena);
        self.live.iter().for_each(|block| block.check(&self.arena));
        self.arena.verify();
    }

    /// Frees everything; panics where something is left.
    pub fn end(mut self, spans: &mut Spans) {
        self.verify();
        self.free_many(spans, usize::MAX, true);
        self.verify();
        self.trim();
        assert_eq!(self.arena.info().heap, 0, "{}", self.arena);
        // Empty, it serves anything that fits.
        let layout = Layout::from_size_align(self.arena.capacity() / 4, 8).expect("a valid size");
        match self.arena.allocate(layout) {
            // SAFETY: just allocated.
            Ok(ptr) => unsafe { self.arena.deallocate(ptr, layout) },
            Err(_) => self.refused(layout),
        }
        self.agree();
    }
}
