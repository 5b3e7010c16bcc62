//! A thread's habit: whether its frees into current pools go to its lists, or all its frees to magazines.
//!
//! Pushed to the list, a chunk is handed out again while it is warm, and its pool's record stays untouched. The price
//! is a branch that the processor has to foresee. With most programs it does: they free runs of chunks here and runs of
//! them there, or turn in a rhythm. Where chunks of many sizes are replaced at random it cannot, and going to the
//! pool's own list every time is cheaper. So a sample of the frees is watched now and then, the more rarely the longer
//! the habit stays the same, and given to a model of a branch predictor: one that knows the last turns alone (two-level
//! prediction, Yeh and Patt, MICRO 1991). Its errors decide, in the mean over the last samples: of a program that does
//! now this, now that, single ones would turn the habit each time.
//!
//! Where frees cannot be foreseen and pools have few free chunks for a list, so that it soon ends, the thread has
//! magazines in place of current pools (see [`magazine`]). What they save is not known while there are any: from time
//! to time the thread does without, as long as it takes to find out.
//!
//! A thread that allocates again what it freed of other heaps' chunks, and frees many of them, *trades*: whose the
//! chunk is that it frees next cannot be foreseen either. It has magazines, too, and what it frees of small slabs goes
//! there whoever's it is.

use core::cell::Cell;

use super::local::Local;
use super::magazine;
use super::sample::{LESSONS, SAMPLE, Sample};
use super::shared::Shared;
use super::slot::Slot;
use crate::class::Class;

/// Frees beside the lists, or others' chunks borrowed, until the first sample; doubles while samples agree.
const PATIENCE: u32 = if cfg!(shuttle) { 8 } else { 8 << 10 };
/// Doublings at most.
const STEADIEST: u32 = 7;
/// Errors of the model behind its lessons, a quarter, from which on frees do not go to current pools' lists. Most
/// programs stay far below, and random replacement above.
const RESTLESS: u32 = (SAMPLE - LESSONS) / 4;
/// Errors, a sixth, below which frees go to the thread's lists again.
const CALM: u32 = (SAMPLE - LESSONS) / 6;
/// The latest sample is one of so many parts of the mean.
const PARTS: u32 = 4;
/// Lists that get fewer chunks at a time, in the mean, are short. (Where a random replacement's were a little longer,
/// magazines took 1.07 of the time; where they had four or five chunks, 0.5.)
const SHORT: u32 = 12;
/// Full magazines between two looks at how many had to be emptied; from a half on, the thread does without.
const TRIAL: u8 = 32;
/// A thread trades if one free in so many is of another heap's chunk that can be traded, until it is one in twice as
/// many.
const TRADES: u32 = 8;
/// Doublings of [`PATIENCE`] until the next sample of a thread that seemed to trade, and only filled magazines.
const TRADES_NOT: u32 = 3;

/// All-zero bytes: frees go to the lists, no sample was taken. The owner's.
#[repr(C)]
pub(crate) struct Habit {
    /// Of what [`count`] counts, how much until the next sample.
    patience: Cell<u32>,
    sample: Sample,
    /// The mean of its errors over the samples so far, the last ones counting most.
    mean: Cell<u32>,
    /// Samples in a row that agreed, at most [`STEADIEST`].
    steady: Cell<u32>,
    /// There is a mean.
    sampled: Cell<bool>,
    /// Frees of own chunks are not foreseen: they go to magazines, or the pools' own lists.
    beside: Cell<bool>,
    /// The thread trades, by the last sample.
    trades: Cell<bool>,
    /// While they went to the pools' own lists, the thread's were short.
    short: Cell<bool>,
    /// There were magazines until this sample.
    loaded: Cell<bool>,
    /// Refills since the last sample, and frees until this one.
    refills: Cell<u32>,
    period: Cell<u32>,
    /// Times that a magazine was full, and that another one was still set aside then.
    exchanges: Cell<u8>,
    flushes: Cell<u8>,
}

impl Habit {
    pub(crate) const fn new() -> Habit {
        Habit {
            patience: Cell::new(0),
            sample: Sample::new(),
            mean: Cell::new(0),
            steady: Cell::new(0),
            sampled: Cell::new(false),
            beside: Cell::new(false),
            trades: Cell::new(false),
            short: Cell::new(false),
            loaded: Cell::new(false),
            refills: Cell::new(0),
            period: Cell::new(0),
            exchanges: Cell::new(0),
            flushes: Cell::new(0),
        }
    }

    /// Nothing is known yet.
    pub(crate) fn begin(&self) {
        self.wait(PATIENCE);
        self.sample.cancel();
        self.beside.set(false);
        self.trades.set(false);
        self.short.set(false);
        self.loaded.set(false);
        self.sampled.set(false);
        self.steady.set(0);
    }

    /// Whether frees into current pools go to the lists.
    pub(crate) fn pushes(&self) -> bool {
        !self.beside.get() && !self.is_watched()
    }

    /// Whether the thread had better have magazines.
    fn loads(&self) -> bool {
        self.trades.get() || self.beside.get() && self.short.get()
    }

    /// Counts a full magazine, and whether another one was set aside and had to be emptied. Whether the thread had
    /// better do without: most chunks only pass through.
    pub(crate) fn exchange(&self, flushed: bool) -> bool {
        self.exchanges.set(self.exchanges.get() + 1);
        self.flushes.set(self.flushes.get() + flushed as u8);
        if self.exchanges.get() < TRIAL {
            return false;
        }
        self.exchanges.set(0);
        let flushes = self.flushes.replace(0);
        if flushes < TRIAL / 2 {
            return false;
        }
        self.short.set(false);
        // What is left of the period is one of its own, long enough to tell whether lists are short. Who traded waits a
        // longer one.
        let traded = self.trades.replace(false);
        self.wait(if traded { PATIENCE << TRADES_NOT } else { self.patience.get().max(PATIENCE) });
        true
    }

    /// Whether a sample is being taken.
    pub(crate) fn is_watched(&self) -> bool {
        self.sample.is_taken()
    }

    /// Counts frees, and a refill of which they were; whether it is time for a sample.
    #[inline]
    fn runs_out(&self, freed: u32) -> bool {
        self.refills.set(self.refills.get() + u32::from(freed > 0));
        let left = self.patience.get().saturating_sub(freed);
        self.patience.set(left);
        left == 0 && !self.is_watched()
    }

    /// Counts frees, and a refill of which they were, unless it is time for a sample, or one is being taken: whether it
    /// did.
    #[inline(always)]
    pub(crate) fn counts_refill(&self, freed: u32) -> bool {
        let more = self.patience.get() > freed;
        if more {
            self.refills.set(self.refills.get() + 1);
            self.patience.set(self.patience.get() - freed);
        }
        more
    }

    /// The next sample comes after so many frees.
    fn wait(&self, frees: u32) {
        self.patience.set(frees);
        self.period.set(frees);
        self.refills.set(0);
    }

    /// Looks whether the lists were short since the last sample, unless the thread had magazines. While frees go to the
    /// lists this cannot be told, for not all are counted.
    fn look_at_lists(&self, loaded: bool) {
        self.loaded.set(loaded);
        let soon_ended = self.refills.get() > self.period.get() / SHORT;
        self.short.set(!loaded && self.beside.get() && soon_ended);
    }

    /// What the samples say becomes the habit.
    fn adopt(&self) {
        let trades = self.sample.trades(if self.trades.get() { 2 * TRADES } else { TRADES });
        let same = self.trades.replace(trades) == trades;
        let agrees = self.sample.errors().is_none_or(|errors| self.adopt_errors(errors)) && same;
        self.steady.set(if agrees { (self.steady.get() + 1).min(STEADIEST) } else { 0 });
        let known = if self.loaded.replace(false) && !trades { 0 } else { self.steady.get() };
        self.wait(PATIENCE << known);
    }

    /// Whether frees are foreseen; whether the sample agrees with what was known.
    fn adopt_errors(&self, errors: u32) -> bool {
        let past = if self.sampled.replace(true) { self.mean.get() } else { errors };
        let mean = (past * (PARTS - 1) + errors) / PARTS;
        self.mean.set(mean);
        let limit = if self.beside.get() { CALM } else { RESTLESS };
        let beside = mean >= limit;
        self.beside.replace(beside) == beside && (errors >= limit) == beside
    }
}

/// So many chunks that were freed beside the lists, or of other heaps', are about to be handed out again, or their
/// memory is; or so many went through magazines.
#[inline]
pub(crate) fn count(shared: &Shared, local: &Local, freed: u32) {
    if local.habit().runs_out(freed) {
        begin(shared, local);
    }
}

/// Time for a sample: until it is complete, all frees come to [`watch`] or [`watch_foreign`]. If the thread has
/// magazines, its heap is locked.
#[cold]
#[inline(never)]
fn begin(shared: &Shared, local: &Local) {
    local.habit().look_at_lists(local.has_magazines());
    if let Some(slot) = Slot::of(local).filter(|_| local.has_magazines()) {
        magazine::give_up(shared, slot, local);
    }
    Class::all().for_each(|class| local.chunks(class).no_pool());
    local.watch(shared.map(), true);
    local.habit().sample.begin();
}

/// One free of the sample, into a current pool or another of the thread's. It is done: at the end of a sample this
/// waits for the heap's lock, and while an owner sleeps there its pools may be handed over.
pub(crate) fn watch(shared: &Shared, local: &Local, current: bool) {
    if local.habit().sample.enter(current) {
        end(shared, local);
    }
}

/// As [`watch`], of a free of another heap's chunk.
pub(crate) fn watch_foreign(shared: &Shared, local: &Local, class: Class) {
    if local.habit().sample.enter_foreign(class.is_traded()) {
        end(shared, local);
    }
}

/// The sample is complete.
fn end(shared: &Shared, local: &Local) {
    local.habit().adopt();
    local.watch(shared.map(), false);
    let Some(slot) = Slot::of(local) else { return };
    // A thief may be about to take a current pool.
    let _held = slot.lock.lock();
    if local.habit().loads() && !shared.is_divided() {
        magazine::begin(shared, slot, local);
    } else {
        Class::all().for_each(|class| slot.enter_pool(shared, local, class));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a habit makes of three samples of such frees: whether they go beside the lists.
    fn judged(mut current: impl FnMut(u32) -> bool) -> bool {
        let habit = Habit::new();
        habit.begin();
        for _ in 0..3 {
            habit.sample.begin();
            assert!(!habit.pushes());
            let took = (0..).find(|&at| habit.sample.enter(current(at))).unwrap() + 1;
            assert_eq!(took, SAMPLE);
            habit.adopt();
        }
        assert_eq!(habit.patience.get(), PATIENCE << if habit.pushes() { 3 } else { 2 });
        !habit.pushes()
    }

    #[test]
    fn what_a_processor_foresees_goes_to_the_lists() {
        assert!(!judged(|_| true));
        assert!(!judged(|_| false));
        assert!(!judged(|at| at % 2 == 0), "by turns");
        assert!(!judged(|at| at % 5 < 2), "in a rhythm");
        assert!(!judged(|at| at / 40 % 2 == 0), "in runs");
    }

    #[test]
    fn a_few_samples_of_another_kind_change_nothing() {
        let habit = Habit::new();
        habit.begin();
        let next = |errors| {
            habit.sample.begin();
            habit.sample.end_with(errors);
            habit.adopt();
            habit.pushes()
        };
        assert!(next(0) && next(2 * RESTLESS) && next(0), "calm but for one");
        assert!((0..8).any(|_| !next(2 * RESTLESS)), "restless at last");
        (0..8).for_each(|_| assert!(!next(2 * RESTLESS), "and so for good"));
        assert!(!next(0) && !next(2 * RESTLESS) && !next(0) && !next(0), "restless but for a few");
        assert!((0..6).any(|_| next(0)), "calm at last");
    }

    /// A sample with so many errors, after refills of so many chunks each; whether magazines follow.
    fn sampled(habit: &Habit, errors: u32, chunks: u32) -> bool {
        while habit.counts_refill(chunks) {}
        habit.look_at_lists(habit.loads());
        habit.sample.begin();
        habit.sample.end_with(errors);
        habit.adopt();
        habit.loads()
    }

    #[test]
    fn short_lists_that_cannot_be_foreseen_call_for_magazines() {
        let habit = Habit::new();
        habit.begin();
        assert!(!sampled(&habit, 0, SHORT / 2), "calm");
        assert!(!sampled(&habit, 9 * RESTLESS, SHORT / 2), "while some frees are not counted, short lists are nothing");
        assert!(!sampled(&habit, 9 * RESTLESS, SHORT * 2), "long lists");
        assert!(sampled(&habit, 9 * RESTLESS, SHORT / 2), "short ones");
        assert!(!sampled(&habit, 9 * RESTLESS, SHORT / 2), "a look without magazines");
        assert_eq!(habit.patience.get(), PATIENCE, "and a short one");
        assert!(sampled(&habit, 9 * RESTLESS, SHORT / 2));
        for _ in 0..16 {
            sampled(&habit, 0, SHORT / 2);
        }
        assert!(!sampled(&habit, 0, SHORT / 2) && !sampled(&habit, 0, SHORT / 2), "calm again");
    }

    #[test]
    fn who_frees_many_of_others_trades() {
        let habit = Habit::new();
        habit.begin();
        // So many others' chunks, of which so many can be traded, among its own.
        let sampled_of = |others: u32, traded: u32, own: u32| {
            habit.look_at_lists(habit.loads());
            habit.sample.begin();
            let mut complete = false;
            for at in 0..others.max(own) {
                complete |= at < others && !complete && habit.sample.enter_foreign(at < traded);
                complete |= at < own && !complete && habit.sample.enter(true);
            }
            assert!(complete && !habit.is_watched());
            habit.adopt();
            habit.loads()
        };
        let sampled = |others| sampled_of(others, others, SAMPLE);
        assert!(!sampled_of(SAMPLE, 0, 0), "others that go home");
        assert!(!sampled(SAMPLE / 8) && sampled(SAMPLE / 7 + 1), "one in eight");
        assert!(sampled(SAMPLE / 15 + 1) && !sampled(SAMPLE / 16), "and then one in sixteen");
        assert!(sampled_of(SAMPLE, SAMPLE, 0));
        assert!(sampled(SAMPLE) && sampled(SAMPLE) && sampled(SAMPLE));
        assert_eq!(habit.patience.get(), PATIENCE << 3, "samples agree, though there were magazines");
        assert!(!sampled(0) && sampled(SAMPLE));
        assert!((0..TRIAL).any(|_| habit.exchange(true)), "it only fills them");
        assert!(!habit.loads());
        assert_eq!(habit.patience.get(), PATIENCE << TRADES_NOT);
    }

    #[test]
    fn who_only_fills_magazines_does_without() {
        let habit = Habit::new();
        habit.beside.set(true);
        habit.short.set(true);
        assert!((0..4 * TRIAL).all(|at| !habit.exchange(at % 4 == 0)), "a few are emptied");
        assert!(habit.loads());
        assert!((0..TRIAL).any(|at| habit.exchange(at % 3 != 0)), "most are emptied");
        assert!(!habit.loads());
    }

    #[test]
    fn frees_are_counted_whoever_counts_them() {
        let (one, other) = (Habit::new(), Habit::new());
        one.begin();
        other.begin();
        for freed in (0..40).cycle() {
            let before = one.patience.get();
            if !one.counts_refill(freed) {
                assert_eq!(one.patience.get(), before, "what is not counted is left to the other way");
                assert!(other.runs_out(freed), "it is time");
                break;
            }
            assert!(!other.runs_out(freed));
            assert_eq!(one.patience.get(), other.patience.get());
        }
        other.sample.begin();
        assert!(!other.counts_refill(0), "while a sample is taken");
    }

    #[test]
    fn what_it_cannot_foresee_goes_beside_them() {
        for sides in [2, 3] {
            let mut state = 1u32;
            let dice = |_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.is_multiple_of(sides)
            };
            assert!(judged(dice), "one in {sides}");
        }
    }
}
