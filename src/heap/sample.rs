//! A sample of a thread's frees, given to a model of a branch predictor: see `habit`.

use core::cell::Cell;

/// Frees in a sample.
pub(super) const SAMPLE: u32 = if cfg!(shuttle) { 8 } else { 512 };
/// The first of them, from which the model learns.
pub(super) const LESSONS: u32 = SAMPLE / 4;
/// What the model tells apart: all courses of the last six frees.
const COURSES: usize = 1 << 6;

/// All-zero bytes: none is being taken. The owner's.
#[repr(C)]
pub(super) struct Sample {
    /// Frees still to come; 0: none is being taken.
    left: Cell<u32>,
    /// The model's errors.
    errors: Cell<u32>,
    /// Other heaps' chunks of slabs that are traded.
    foreign: Cell<u32>,
    /// Where the last frees went, the latest in the lowest bit.
    course: Cell<u8>,
    /// For each course, how sure the model is of the current pool: 0 to 3, and from 2 on it says so.
    sure: [Cell<u8>; COURSES],
}

impl Sample {
    pub(super) const fn new() -> Sample {
        Sample {
            left: Cell::new(0),
            errors: Cell::new(0),
            foreign: Cell::new(0),
            course: Cell::new(0),
            sure: [const { Cell::new(0) }; COURSES],
        }
    }

    pub(super) fn begin(&self) {
        self.left.set(SAMPLE);
        self.errors.set(0);
        self.foreign.set(0);
        self.sure.iter().for_each(|sure| sure.set(2));
    }

    pub(super) fn cancel(&self) {
        self.left.set(0);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.left.get() != 0
    }

    pub(super) fn errors(&self) -> u32 {
        self.errors.get()
    }

    pub(super) fn foreign(&self) -> u32 {
        self.foreign.get()
    }

    /// Enters a free of a chunk of the thread's own, into the current pool or not; whether the sample is complete.
    pub(super) fn enter(&self, current: bool) -> bool {
        let course = self.course.get() as usize % COURSES;
        let sure = self.sure[course].get();
        if (sure >= 2) != current && self.left.get() <= SAMPLE - LESSONS {
            self.errors.set(self.errors.get() + 1);
        }
        self.sure[course].set(if current { (sure + 1).min(3) } else { sure.saturating_sub(1) });
        self.course.set((course << 1) as u8 | current as u8);
        self.count()
    }

    /// As [`Sample::enter`], another heap's chunk, of a slab that is traded or not.
    pub(super) fn enter_foreign(&self, traded: bool) -> bool {
        self.foreign.set(self.foreign.get() + u32::from(traded));
        self.count()
    }

    fn count(&self) -> bool {
        self.left.set(self.left.get() - 1);
        self.left.get() == 0
    }

    #[cfg(test)]
    pub(super) fn end_with(&self, errors: u32) {
        self.left.set(0);
        self.errors.set(errors);
    }
}
