//! The filter, and the thread that answers for the kernel.
//!
//! Only the arena's own calls count: the mapping that reserves its address space is told by its flags, all others by
//! their address. Calls of the C library for its stacks and blocks are let through. The supervising thread neither
//! allocates nor locks, for the thread it answers may hold any lock.

use std::sync::atomic::{AtomicI32, Ordering};

use super::ledger::{CALLS, Call, Ledger};

/// Reservations that are watched at a time.
const RANGES: usize = 16;

/// Address ranges of the process's arenas.
struct Ranges([(u64, u64); RANGES]);

impl Ranges {
    fn contain(&self, address: u64) -> bool {
        self.0.iter().any(|range| (range.0..range.1).contains(&address))
    }

    fn add(&mut self, start: u64, length: u64) {
        if let Some(free) = self.0.iter_mut().find(|range| range.1 == 0) {
            *free = (start, start + length);
        }
    }

    fn remove(&mut self, start: u64, length: u64) {
        for range in self.0.iter_mut().filter(|range| **range == (start, start + length)) {
            *range = (0, 0);
        }
    }
}

/// From now on the arena's memory calls on this thread, and on all that it starts, follow the ledger's rule.
///
/// For a forked child: the filter cannot be taken off again.
pub fn supervise(ledger: &'static Ledger) {
    static LISTENER: AtomicI32 = AtomicI32::new(-1);
    // One heap of the C library, so that no reservation but the arena's looks like one.
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a parameter of the C library's allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1)
    };
    LISTENER.store(-1, Ordering::SeqCst);
    std::thread::spawn(move || {
        while LISTENER.load(Ordering::SeqCst) < 0 {
            std::thread::yield_now();
        }
        answer(LISTENER.load(Ordering::SeqCst), ledger);
    });
    LISTENER.store(listen(&CALLS.map(Call::number)), Ordering::SeqCst);
}

/// From now on these system calls, on this thread and on all that it starts, wait for an answer; where to give it.
pub fn listen(calls: &[i64]) -> i32 {
    let rule = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut rules = vec![rule(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for &call in calls {
        rules.push(rule(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1));
        rules.push(rule(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0, 0));
    }
    rules.push(rule(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0));
    let program = libc::sock_fprog { len: rules.len() as u16, filter: rules.as_mut_ptr() };
    // SAFETY: the program is valid while the call lasts, and only concerns this process, which a test forked.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        let listener = libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program);
        assert!(listener >= 0, "seccomp: {}", std::io::Error::last_os_error());
        listener as i32
    }
}

/// The next call that waits for an answer.
pub fn next(listener: i32) -> libc::seccomp_notif {
    loop {
        // SAFETY: all-zero bytes are valid, and the kernel asks for them.
        let mut asked = unsafe { std::mem::zeroed::<libc::seccomp_notif>() };
        // SAFETY: `asked` is valid for writing.
        if unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) } == 0 {
            return asked;
        }
    }
}

/// Answers a call: with an error, or by letting the kernel carry it out.
pub fn reply(listener: i32, asked: &libc::seccomp_notif, error: Option<i32>) {
    let flags = if error.is_some() { 0 } else { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 };
    let mut reply = libc::seccomp_notif_resp { id: asked.id, val: 0, error: -error.unwrap_or(0), flags };
    // SAFETY: `reply` is valid for reading; a failure means that the asking thread is gone.
    unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut reply) };
}

fn answer(listener: i32, ledger: &Ledger) {
    let mut ranges = Ranges([(0, 0); RANGES]);
    // A thread that reserves, and how much; its next `mprotect` tells where the kernel put it.
    let mut reserving = (0, 0);
    loop {
        let asked = next(listener);
        let fails = fails(&asked, &mut ranges, &mut reserving, ledger);
        reply(listener, &asked, fails.then_some(libc::ENOMEM));
    }
}

fn fails(asked: &libc::seccomp_notif, ranges: &mut Ranges, reserving: &mut (u32, u64), ledger: &Ledger) -> bool {
    let Some(call) = Call::of(asked.data.nr.into()) else { return false };
    let [address, length, rights, flags, ..] = asked.data.args;
    let reserves = call == Call::Mmap
        && rights == libc::PROT_NONE as u64
        && flags & (libc::MAP_NORESERVE | libc::MAP_STACK) as u64 == libc::MAP_NORESERVE as u64;
    if call == Call::Mprotect && asked.pid == reserving.0 {
        ranges.add(address, reserving.1);
        *reserving = (0, 0);
    }
    if !reserves && !ranges.contain(address) {
        return false;
    }
    let fails = ledger.fails(call);
    if reserves && !fails {
        *reserving = (asked.pid, length);
    }
    if call == Call::Munmap && !fails {
        ranges.remove(address, length);
    }
    fails
}
