//! Linux: whether another thread sleeps, so that it is at no instruction of ours.
//!
//! Inside a system call a thread is between no two instructions of an allocation, unless a signal interrupted one and
//! the handler makes the call. While a handler runs, its signal is blocked. So a thread that blocks a signal for which
//! there is a handler is taken to be in it, and where a handler lets its own signal through (`SA_NODEFER`) nobody
//! counts as asleep. Nor does who sleeps in a call that blocks other signals than the thread does (`ppoll`,
//! `sigsuspend`, `sigwait`), or for a child of `vfork`, which is at work on its memory. A handler that unblocks its own
//! signal by `sigprocmask`, or is removed while it runs, and then sleeps, is not noticed.

use super::{KeepErrno, thread_id};
use crate::sync::{AtomicU32, Ordering};

/// The signals of faults come from the instruction itself, and ours do not fault.
const FAULTS: u64 =
    1 << (libc::SIGSEGV - 1) | 1 << (libc::SIGBUS - 1) | 1 << (libc::SIGILL - 1) | 1 << (libc::SIGFPE - 1);
const SIGNALS: u64 = 64;
/// `io_pgetevents`, for which `libc` has no constant.
const IO_PGETEVENTS: libc::c_long = if cfg!(target_arch = "x86_64") { 333 } else { 292 };

/// Whether the thread is seen inside a system call: a glance. `false` where it runs, is gone, or the kernel does not
/// tell.
pub(crate) fn seems_asleep(thread: u32) -> bool {
    let _errno = KeepErrno::new();
    Call::of(thread).is_some()
}

/// Whether the thread is asleep inside a system call that it made itself, not in a signal handler: then it is at no
/// instruction of ours.
///
/// The kernel takes the thread off its processor's queue while it looks, so all its stores are visible on return.
/// `false` where it runs, is gone, or the kernel does not tell.
pub(crate) fn is_asleep(thread: u32) -> bool {
    asleep_throughout(thread, || ()).is_some()
}

/// What `look` sees while the thread sleeps in that way from before it to after it: nothing of the thread's changes
/// meanwhile. `None` where it may not have slept all the time.
pub(crate) fn asleep_throughout<T>(thread: u32, look: impl FnOnce() -> T) -> Option<T> {
    let _errno = KeepErrno::new();
    let mut room = [0; STATUS];
    // Asleep at the first call's look and at the second's, and not switched off a processor between the first status
    // and the last: it slept all the time, for falling asleep again would be a switch. So the second status shows the
    // signals that are blocked in this sleep.
    let first = Status::of(thread, &mut room)?;
    let status = Status::of(thread, &mut room)?;
    let call = Call::of(thread)?;
    let seen = look();
    let still = Call::of(thread).is_some();
    let last = Status::of(thread, &mut room)?;
    let sleeps = still && first.switches == last.switches && !call.is_opaque();
    let sleeps = sleeps && handled().is_some_and(|handled| status.blocked & handled == 0);
    sleeps.then_some(seen)
}

/// The signals that have a handler, or had one that was good for one signal; `None`: one of the handlers may run with
/// its own signal unblocked.
fn handled() -> Option<u64> {
    let mut handled = 0;
    for signal in 1..=SIGNALS {
        // The kernel's own structure begins with the handler and the flags, each a word. The C library keeps signals to
        // itself, and so is not asked.
        let mut action = [0usize; 8];
        let none = core::ptr::null::<usize>();
        // SAFETY: the kernel writes its structure of four words or less.
        let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, none, action.as_mut_ptr(), 8) };
        let (handler, flags, bit) = (action[0], action[1], 1 << (signal - 1));
        let once = flags & libc::SA_RESETHAND as usize != 0;
        if asked != 0 || !(once || handler != libc::SIG_DFL && handler != libc::SIG_IGN) {
            continue;
        }
        if flags & libc::SA_NODEFER as usize != 0 && bit & FAULTS == 0 {
            return None;
        }
        handled |= bit;
    }
    Some(handled)
}

/// Bytes read of a status: the fields wanted are among them unless the process is in hundreds of groups.
const STATUS: usize = 4 << 10;

/// Part of `/proc/self/task/…/status`.
struct Status {
    /// Bit `n - 1`: signal `n` is blocked.
    blocked: u64,
    /// Times that the thread was switched off a processor.
    switches: u64,
}

impl Status {
    /// `None`, too, where `/proc` is another namespace's, whose numbers are not ours.
    fn of(thread: u32, room: &mut [u8; STATUS]) -> Option<Status> {
        let text = read(thread, b"/status\0", room)?;
        // Kernels without namespaces do not have the line.
        if field(text, b"\nNSpid:").is_some_and(|line| innermost(line) != Some(thread.into())) {
            return None;
        }
        let switches = |name: &[u8]| number(field(text, name)?, 10);
        Some(Status {
            blocked: number(field(text, b"\nSigBlk:\t")?, 16)?,
            switches: switches(b"\nvoluntary_ctxt_switches:\t")? + switches(b"\nnonvoluntary_ctxt_switches:\t")?,
        })
    }
}

/// A system call that a thread sleeps in.
struct Call {
    number: u64,
    arguments: [u64; 6],
    /// The thread's stack pointer.
    stack: u64,
}

impl Call {
    /// Of a file that reads "running" while it runs, "-1 …" while it is blocked outside a system call (a page fault,
    /// say), else "nr 0x… …".
    fn of(thread: u32) -> Option<Call> {
        if is_plain() { Call::told_of(thread) } else { None }
    }

    fn told_of(thread: u32) -> Option<Call> {
        let mut room = [0; 256];
        let text = read(thread, b"/syscall\0", &mut room)?;
        let mut words = text.split(|&byte| byte == b' ');
        let call = number(words.next()?, 10)?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = number(words.next()?.strip_prefix(b"0x")?, 16)?;
        }
        let stack = number(words.next()?.strip_prefix(b"0x")?, 16)?;
        Some(Call { number: call, arguments, stack })
    }

    /// Whether the sleep tells nothing: the call blocks other signals than the thread does, and which those are is not
    /// known then, or a child may be at work on the thread's memory in its place (`vfork`).
    fn is_opaque(&self) -> bool {
        let mask = match self.number as libc::c_long {
            libc::SYS_rt_sigsuspend | libc::SYS_rt_sigtimedwait => return true,
            libc::SYS_clone | libc::SYS_clone3 => return true,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_vfork => return true,
            libc::SYS_ppoll => 3,
            libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 | libc::SYS_io_uring_enter => 4,
            libc::SYS_pselect6 | IO_PGETEVENTS => 5,
            _ => return false,
        };
        self.arguments[mask] != 0
    }
}

/// Whether the kernel's files tell of this program's instructions and calls, found out once, by a look at the caller's
/// own. An emulator of programs shows its own calls there, in the midst of which a thread may be at an instruction of
/// ours. And kernels for other processors than these may name the last call where a thread is blocked in a fault.
fn is_plain() -> bool {
    static PLAIN: AtomicU32 = AtomicU32::new(UNKNOWN);
    const UNKNOWN: u32 = 0;
    const YES: u32 = 1;
    const NO: u32 = 2;
    /// Bytes of stack from here to the call.
    const NEAR: u64 = 64 << 10;
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return false;
    }
    // Relaxed: whoever does not know it finds out the same.
    let mut plain = PLAIN.load(Ordering::Relaxed);
    if plain == UNKNOWN {
        let here = &raw const plain as u64;
        let Some(call) = Call::told_of(thread_id()) else { return false };
        let own = call.number == libc::SYS_read as u64 && call.stack.abs_diff(here) < NEAR;
        plain = if own { YES } else { NO };
        PLAIN.store(plain, Ordering::Relaxed);
    }
    plain == YES
}

/// What follows a name.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(name.len()).position(|window| window == name)?;
    text.get(at + name.len()..)
}

/// The last number of a line of them: of a thread in several namespaces, what it is called in its own.
fn innermost(line: &[u8]) -> Option<u64> {
    let line = line.split(|&byte| byte == b'\n').next()?;
    number(line.rsplit(|&byte| byte == b'\t').next()?, 10)
}

/// The number that a text begins with.
fn number(text: &[u8], base: u64) -> Option<u64> {
    let digits = text.iter().map_while(|&byte| (byte as char).to_digit(base as u32));
    let mut sum = None;
    for digit in digits {
        sum = Some(sum.unwrap_or(0u64).wrapping_mul(base).wrapping_add(digit.into()));
    }
    sum
}

/// The beginning of a file of `/proc/self/task/…`; `tail` is its name, and ends with a NUL.
fn read<'a>(thread: u32, tail: &[u8], room: &'a mut [u8]) -> Option<&'a [u8]> {
    const HEAD: &[u8] = b"/proc/self/task/";
    let mut path = [0; HEAD.len() + 10 + 10];
    path[..HEAD.len()].copy_from_slice(HEAD);
    // The kernel prints no leading zeros.
    let digits = thread.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = thread;
    for place in path[HEAD.len()..HEAD.len() + digits].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    path[HEAD.len() + digits..HEAD.len() + digits + tail.len()].copy_from_slice(tail);
    // Past the C library's wrappers: they are cancellation points, and this thread may hold locks.
    // SAFETY: `path` ends with a NUL, the buffer has the length that is told, and the descriptor is closed here.
    let got = unsafe {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags);
        if file < 0 {
            return None;
        }
        let got = libc::syscall(libc::SYS_read, file, room.as_mut_ptr(), room.len());
        libc::syscall(libc::SYS_close, file);
        got
    };
    room.get(..usize::try_from(got).ok()?)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn fields_are_found() {
        let text =
            b"Name:\tx\nSigBlk:\t00000000000102ff\nnonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t12\n";
        assert_eq!(field(text, b"\nSigBlk:\t").and_then(|rest| number(rest, 16)), Some(0x102ff));
        assert_eq!(field(text, b"\nvoluntary_ctxt_switches:\t").and_then(|rest| number(rest, 10)), Some(12));
        assert!(field(text, b"\nSigCgt:\t").is_none());
        assert_eq!(number(b"running", 10), None);
        assert_eq!(innermost(b"\t24438\t2\nNSpgid:\t24438\t1\n"), Some(2));
        assert_eq!(innermost(b"\t77\nNSpgid:\t5\n"), Some(77));
        assert_eq!(number(b"-1 0x7f", 10), None);
    }

    #[test]
    fn a_runner_is_awake_and_a_waiter_asleep() {
        let number = super::super::thread_id;
        let (sender, receiver) = mpsc::channel();
        let (wakes, sleeps) = mpsc::channel::<()>();
        let runs = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let runner = sender.clone();
            scope.spawn(|| {
                let runner = runner;
                runner.send(number()).expect("the test waits");
                while runs.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let runner = receiver.recv().expect("its number");
            scope.spawn(move || {
                sender.send(number()).expect("the test waits");
                assert!(sleeps.recv().is_err());
            });
            let waiter = receiver.recv().expect("its number");
            while !is_asleep(waiter) {
                std::thread::yield_now();
            }
            let (seen, awake) = (seems_asleep(waiter), (0..100).all(|_| !is_asleep(runner)));
            // Both end before anything is judged: a panic would wait for them.
            runs.store(false, Ordering::Relaxed);
            drop(wakes);
            assert!(seen && awake);
        });
        assert!(!seems_asleep(u32::MAX) && !is_asleep(u32::MAX));
    }
}
