//! The rule in force and what came of it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A memory system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    Mmap,
    Munmap,
    Mprotect,
    Madvise,
    Mremap,
    Mincore,
}

pub const CALLS: [Call; 6] = [Call::Mmap, Call::Munmap, Call::Mprotect, Call::Madvise, Call::Mremap, Call::Mincore];

impl Call {
    pub fn of(number: i64) -> Option<Call> {
        CALLS.into_iter().find(|call| call.number() == number)
    }

    pub fn number(self) -> i64 {
        match self {
            Call::Mmap => libc::SYS_mmap,
            Call::Munmap => libc::SYS_munmap,
            Call::Mprotect => libc::SYS_mprotect,
            Call::Madvise => libc::SYS_madvise,
            Call::Mremap => libc::SYS_mremap,
            Call::Mincore => libc::SYS_mincore,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Call::Mmap => "mmap",
            Call::Munmap => "munmap",
            Call::Mprotect => "mprotect",
            Call::Madvise => "madvise",
            Call::Mremap => "mremap",
            Call::Mincore => "mincore",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Which uses of which calls fail. Counted from 1 over the arena's own calls of that kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    Never,
    /// The n-th use of the call, once.
    Once(Call, u32),
    /// The n-th use of the call and all later ones.
    From(Call, u32),
    /// Each k-th use of the call.
    Each(Call, u32),
    /// From the n-th call of any kind on.
    AllFrom(u32),
    /// Each k-th call of any kind.
    AllEach(u32),
}

const ONCE: u32 = 0;
const FROM: u32 = 1;
const EACH: u32 = 2;
const EVERY_CALL: u32 = (1 << CALLS.len()) - 1;

/// Lives in memory that the forked child shares with its parent; all-zero bytes: no rule, nothing seen.
#[derive(Default)]
#[repr(C)]
pub struct Ledger {
    kinds: AtomicU32,
    mode: AtomicU32,
    number: AtomicU32,
    counted: AtomicU32,
    seen: [AtomicU64; CALLS.len()],
    injected: [AtomicU64; CALLS.len()],
    /// Bytes of blocks that were found intact.
    pub verified: AtomicU64,
    /// Requests that were refused.
    pub refused: AtomicU64,
    /// Requests that were served.
    pub served: AtomicU64,
}

impl Ledger {
    /// A ledger that children will share, for the rest of this process's life.
    pub fn shared() -> &'static Ledger {
        // SAFETY: a new anonymous mapping of more than a ledger's size, zeroed, never unmapped.
        unsafe {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let start =
                libc::mmap(std::ptr::null_mut(), size_of::<Ledger>(), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            &*start.cast::<Ledger>()
        }
    }

    /// Puts a rule in force, counting from here on.
    pub fn arm(&self, rule: Rule) {
        let (kinds, mode, number) = match rule {
            Rule::Never => (0, ONCE, 0),
            Rule::Once(call, n) => (call.bit(), ONCE, n),
            Rule::From(call, n) => (call.bit(), FROM, n),
            Rule::Each(call, k) => (call.bit(), EACH, k),
            Rule::AllFrom(n) => (EVERY_CALL, FROM, n),
            Rule::AllEach(k) => (EVERY_CALL, EACH, k),
        };
        self.kinds.store(0, Ordering::SeqCst);
        self.mode.store(mode, Ordering::SeqCst);
        self.number.store(number, Ordering::SeqCst);
        self.counted.store(0, Ordering::SeqCst);
        self.kinds.store(kinds, Ordering::SeqCst);
    }

    /// Notes a use of the call by the arena; whether it is to fail.
    pub fn fails(&self, call: Call) -> bool {
        self.seen[call as usize].fetch_add(1, Ordering::Relaxed);
        if self.kinds.load(Ordering::SeqCst) & call.bit() == 0 {
            return false;
        }
        let use_number = self.counted.fetch_add(1, Ordering::SeqCst) + 1;
        let number = self.number.load(Ordering::SeqCst);
        let fails = match self.mode.load(Ordering::SeqCst) {
            ONCE => use_number == number,
            FROM => use_number >= number,
            _ => use_number.is_multiple_of(number),
        };
        if fails {
            self.injected[call as usize].fetch_add(1, Ordering::Relaxed);
        }
        fails
    }

    pub fn seen(&self, call: Call) -> u64 {
        self.seen[call as usize].load(Ordering::Relaxed)
    }

    pub fn injected(&self, call: Call) -> u64 {
        self.injected[call as usize].load(Ordering::Relaxed)
    }

    /// Faults injected so far, of all kinds.
    pub fn total(&self) -> u64 {
        CALLS.iter().map(|&call| self.injected(call)).sum()
    }
}
