//! A pair of fences for two threads that each write a word and then read the other's: one of them sees what the other
//! wrote. The light one costs its thread nothing, for the heavy one has all threads of the process pass a full fence:
//! an asymmetric fence, as read-copy-update libraries have it (`membarrier`, Linux 4.14 and later).

use crate::sync::{Ordering, fence};

/// See the module; where the kernel does not offer it, two ordinary fences. Made once, and copied.
#[derive(Clone, Copy)]
pub(crate) struct Barrier {
    asymmetric: bool,
}

impl Barrier {
    /// The first in a process that has several threads by then waits until all of them have passed through the kernel.
    pub(crate) fn new() -> Barrier {
        Barrier { asymmetric: register() }
    }

    /// Between the write and the read of who comes often; an ordinary fence if the processor is to write out all that
    /// waits.
    #[inline(always)]
    pub(crate) fn light(self, writes_out: bool) {
        if self.asymmetric && !writes_out {
            // SeqCst: the write stays before the read in the program; the heavy side's call orders both on the
            // processor.
            core::sync::atomic::compiler_fence(Ordering::SeqCst);
        } else {
            // SeqCst: with what `heavy` does, one of the two threads' reads comes after the other's write.
            fence(Ordering::SeqCst);
        }
    }

    /// Between the write and the read of who comes seldom. `false`: it was refused, and the read tells nothing.
    pub(crate) fn heavy(self) -> bool {
        if self.asymmetric {
            return pass();
        }
        // SeqCst: as in `light`.
        fence(Ordering::SeqCst);
        true
    }
}

fn register() -> bool {
    call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

fn pass() -> bool {
    call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

#[cfg(not(any(loom, shuttle)))]
fn call(command: libc::c_int) -> bool {
    let _errno = super::KeepErrno::new();
    // SAFETY: no preconditions; no memory is touched.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// A model's threads are not the kernel's.
#[cfg(any(loom, shuttle))]
fn call(_command: libc::c_int) -> bool {
    false
}
