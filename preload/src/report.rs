//! The figures at the program's end, on request.

use core::fmt;

use crate::block;
use crate::global::ready;
use crate::line::Line;
use crate::mapped;
use crate::settings::Report;

/// The dynamic linker calls it when the program has returned from `main` or called `exit`, after `atexit` handlers.
// SAFETY: the section holds pointers to functions without arguments, which this is.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = at_end;

extern "C" fn at_end() {
    let (arena, settings) = ready();
    if settings.report == Report::Nowhere {
        return;
    }
    // SAFETY: a query without preconditions.
    let process = unsafe { libc::getpid() };
    let line = Line::new(format_args!(
        "{}[{process}]: {}, {} bytes mapped, {} foreign frees ignored",
        Name::own(),
        arena.info(),
        mapped::held(),
        block::strangers(),
    ));
    match settings.report {
        Report::Nowhere => {}
        Report::StandardError => line.write_to(libc::STDERR_FILENO),
        // SAFETY: the path ends with a NUL; the file is closed here.
        Report::File(path) => unsafe {
            let flags =
                libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
            let file = libc::open(path.as_ptr().cast(), flags, 0o644);
            if file >= 0 {
                line.write_to(file);
                libc::close(file);
            }
        },
    }
}

/// What the kernel calls the thread that ends the program: the program's name, as a rule.
struct Name([u8; 16]);

impl Name {
    fn own() -> Name {
        let mut name = [0u8; 16];
        // SAFETY: the call writes up to 16 bytes.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        Name(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        f.write_str(core::str::from_utf8(&self.0[..end]).unwrap_or("?"))
    }
}
