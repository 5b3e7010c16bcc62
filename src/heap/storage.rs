//! Thread-local storage at a fixed distance from the thread pointer, for an arena inside of a shared object.
//!
//! There, the compiler must assume that the object is loaded while the program runs, and calls the dynamic linker at each
//! access. An object that is loaded with the program (by `LD_PRELOAD`) may use the *initial-exec* model instead: the
//! distance is read from the object's own table. Stable Rust cannot choose the model, but the linker's interface to it
//! is plain: a symbol in a section of the kind `.tdata`, and its distance under the name `symbol@GOTTPOFF`. Were the
//! symbol not thread-local, linking would fail.

use core::arch::asm;

use super::thread::Thread;

/// What each thread's copy starts as. Its own address is never taken: only the linker knows what it stands for.
#[repr(transparent)]
struct Image(Thread);

// SAFETY: never reached through this name; each thread reaches its own copy.
unsafe impl Sync for Image {}

// SAFETY: the section is one of initial values of thread-local storage, laid out as any other constant.
#[unsafe(link_section = ".tdata.arenal")]
static IMAGE: Image = Image(Thread::new());

/// Stands for the calling thread's copy.
pub(crate) struct Storage;

impl Storage {
    #[inline(always)]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Thread) -> T) -> T {
        let thread: *const Thread;
        // SAFETY: reads the thread pointer, which the ABI keeps at its own address, and a constant of the linker's.
        unsafe {
            asm!(
                "mov {thread}, qword ptr fs:[0]",
                "add {thread}, qword ptr [rip + {image}@GOTTPOFF]",
                thread = out(reg) thread,
                image = sym IMAGE,
                options(pure, nomem, nostack),
            );
        }
        // SAFETY: the copy lives as long as the thread, and the reference does not leave it.
        work(unsafe { &*thread })
    }
}
