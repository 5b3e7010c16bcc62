//! The thread's own storage, reached without calls where the linker can tell how far it is from the thread pointer.
//!
//! A library's thread-local storage is reached by a call, for it may end up in an object that is loaded while the
//! program runs. In a program the linker removes the call, but not the compiler's saving of registers around it. Stable
//! Rust cannot choose another way, but the linker's interface is plain: a symbol in a section of the kind `.tbss`, and
//! a descriptor of it (after Oliva and Araújo, *Speeding up thread-local storage access in dynamic libraries*), whose
//! call changes one register and becomes a constant in a program. In an object that is loaded with the program (by
//! `LD_PRELOAD`) the *initial-exec* model has no call either. Were the symbol not thread-local, linking would fail.

use core::arch::asm;

use super::thread::Thread;

/// What each thread's copy starts as. Its own address is never taken: only the linker knows what it stands for.
#[repr(transparent)]
struct Image(Thread);

// SAFETY: never reached through this name; each thread reaches its own copy.
unsafe impl Sync for Image {}

// SAFETY: the section is one of thread-local storage that starts as zeros, as this constant is: the compiler refuses
// another one.
#[unsafe(link_section = ".tbss.arenal")]
static IMAGE: Image = Image(Thread::new());

/// Stands for the calling thread's copy.
pub(crate) struct Storage;

impl Storage {
    #[inline(always)]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Thread) -> T) -> T {
        // SAFETY: the copy lives as long as the thread, and the reference does not leave it.
        work(unsafe { &*address() })
    }
}

#[cfg(feature = "initial-exec")]
#[inline(always)]
fn address() -> *const Thread {
    let thread;
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
    thread
}

#[cfg(not(feature = "initial-exec"))]
#[inline(always)]
fn address() -> *const Thread {
    let thread;
    // SAFETY: the descriptor's function yields the distance from the thread pointer, which the ABI keeps at its own
    // address, and changes no other register, but that older glibc's slow path does not save those of vectors: they
    // count as changed.
    unsafe {
        asm!(
            "lea rax, [rip + {image}@TLSDESC]",
            "call qword ptr [rax + {image}@TLSCALL]",
            "add rax, qword ptr fs:[0]",
            image = sym IMAGE,
            out("rax") thread,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            // AVX-512 has vector registers that cannot be named without it.
            #[cfg(target_feature = "avx512f")]
            clobber_abi("C"),
            options(pure, nomem),
        );
    }
    thread
}
