//! `dlopen`, so that libraries which a program loads late get their blocks here, too.
//!
//! `RTLD_DEEPBIND` has a library look for symbols among its own dependencies before the program's: its `malloc` and
//! `free` are libc's then, whatever was preloaded, and the first block that crosses ends the program. PHP loads its
//! extensions so. As that flag and a replaced allocator exclude each other, it is taken out (address sanitizers refuse
//! it for the same reason).
//!
//! The dynamic linker's `dlopen` looks at its return address to learn whose run path and namespace are meant. So this
//! one leaves by a jump, with the stack as it was.

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::line::fatal;

/// The dynamic linker's function; null until it is looked for. An aligned word, which x86-64 loads in one piece.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// # Safety
/// As the dynamic linker's.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    core::arch::naked_asm!(
        "mov rax, [rip + {next}]",
        "test rax, rax",
        "jz 3f",
        "2:",
        "and esi, {kept}",
        "jmp rax",
        "3:",
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {find}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "jmp 2b",
        next = sym NEXT,
        kept = const !libc::RTLD_DEEPBIND,
        find = sym find,
    )
}

#[cold]
extern "C" fn find() -> *mut c_void {
    // SAFETY: the name is a C string.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"dlopen".as_ptr()) };
    if next.is_null() {
        fatal(format_args!("dlopen: no such function of the dynamic linker"));
    }
    // Relaxed: the pointer leads to code, which nobody here has written.
    NEXT.store(next, Ordering::Relaxed);
    next
}
