//! A line of text on the stack, written to a file in one piece.

use core::fmt::{self, Write};

/// What does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Line {
    /// The text behind the library's name.
    pub(crate) fn new(text: fmt::Arguments<'_>) -> Line {
        let mut line = Line { bytes: [0; 512], len: 0 };
        let _ = line.write_str("arenal: ");
        let _ = line.write_fmt(text);
        line.bytes[line.len] = b'\n';
        line.len += 1;
        line
    }

    /// Writes the line; a failure has nowhere to be reported.
    pub(crate) fn write_to(&self, file: i32) {
        // SAFETY: the buffer holds `len` bytes.
        unsafe { libc::write(file, self.bytes.as_ptr().cast(), self.len) };
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - 1 - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

/// Says on standard error what is wrong.
#[cold]
pub(crate) fn warn(text: fmt::Arguments<'_>) {
    Line::new(text).write_to(libc::STDERR_FILENO);
}

/// Says it and aborts.
#[cold]
pub(crate) fn fatal(text: fmt::Arguments<'_>) -> ! {
    warn(text);
    // SAFETY: no preconditions.
    unsafe { libc::abort() }
}
