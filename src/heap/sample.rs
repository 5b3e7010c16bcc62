//! A sample of a thread's frees, given to a model of a branch predictor: see `habit`.

use core::cell::Cell;

/// Frees of own chunks in a sample, or of others' if that many of them come first.
pub(super) const SAMPLE: u32 = if cfg!(shuttle) { 8 } else { 512 };
/// The first of them, from which the model learns.
pub(super) const LESSONS: u32 = SAMPLE / 4;
/// What the model tells apart: all courses of the last six frees.
const COURSES: usize = 1 << 6;

/// The model is given the thread's own chunks alone: as many as it takes to judge it, whatever else is freed in
/// between.
///
/// All-zero bytes: none is being taken. The owner's.
#[repr(C)]
pub(super) struct Sample {
    /// Frees of own chunks still to come; 0: none is being taken, or the model is judged.
    left: Cell<u32>,
    /// And of others'.
    others_left: Cell<u32>,
    /// The model's errors.
    errors: Cell<u32>,
    /// Others' chunks that could have been traded.
    traded: Cell<u32>,
    /// Where the last frees went, the latest in the lowest bit.
    course: Cell<u8>,
    /// For each course, how sure the model is of the current pool: 0 to 3, and from 2 on it says so.
    sure: [Cell<u8>; COURSES],
}

impl Sample {
    pub(super) const fn new() -> Sample {
        Sample {
            left: Cell::new(0),
            others_left: Cell::new(0),
            errors: Cell::new(0),
            traded: Cell::new(0),
            course: Cell::new(0),
            sure: [const { Cell::new(0) }; COURSES],
        }
    }

    pub(super) fn begin(&self) {
        self.left.set(SAMPLE);
        self.others_left.set(SAMPLE);
        self.errors.set(0);
        self.traded.set(0);
        self.sure.iter().for_each(|sure| sure.set(2));
    }

    pub(super) fn cancel(&self) {
        self.left.set(0);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.left.get() != 0 && self.others_left.get() != 0
    }

    /// The model's errors, if it could be judged.
    pub(super) fn errors(&self) -> Option<u32> {
        if self.left.get() == 0 { Some(self.errors.get()) } else { None }
    }

    /// Whether one free in `part` was of another's chunk that could have been traded.
    pub(super) fn trades(&self, part: u32) -> bool {
        let seen = 2 * SAMPLE - self.left.get() - self.others_left.get();
        self.traded.get() > 0 && self.traded.get() * part >= seen
    }

    /// Enters a free of a chunk of the thread's own, into the current pool or not; whether the sample is complete. One
    /// is being taken.
    pub(super) fn enter(&self, current: bool) -> bool {
        let course = self.course.get() as usize % COURSES;
        let sure = self.sure[course].get();
        if (sure >= 2) != current && self.left.get() <= SAMPLE - LESSONS {
            self.errors.set(self.errors.get() + 1);
        }
        self.sure[course].set(if current { (sure + 1).min(3) } else { sure.saturating_sub(1) });
        self.course.set((course << 1) as u8 | current as u8);
        self.left.set(self.left.get() - 1);
        !self.is_taken()
    }

    /// As [`Sample::enter`], another heap's chunk, which could be traded or not.
    pub(super) fn enter_foreign(&self, traded: bool) -> bool {
        self.traded.set(self.traded.get() + u32::from(traded));
        self.others_left.set(self.others_left.get() - 1);
        !self.is_taken()
    }

    #[cfg(test)]
    pub(super) fn end_with(&self, errors: u32) {
        self.left.set(0);
        self.errors.set(errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_change_nothing_about_its_own() {
        let (alone, among) = (Sample::new(), Sample::new());
        alone.begin();
        among.begin();
        for at in 1..=SAMPLE {
            let current = at * at % 7 < 3;
            let complete = alone.enter(current);
            assert_eq!(complete, at == SAMPLE);
            assert_eq!(among.enter(current), complete);
            assert_eq!(among.errors(), alone.errors());
            assert!(complete || !among.enter_foreign(false));
        }
        assert!(alone.errors().is_some() && !among.trades(SAMPLE));
    }
}
