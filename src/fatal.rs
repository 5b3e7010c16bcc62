//! Says what is wrong in one line on standard error and aborts, without allocating.

use core::fmt::{self, Write};

use crate::os;

/// One line of text on the stack; what does not fit is cut.
struct Line {
    bytes: [u8; 256],
    len: usize,
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

/// Prints `arenal: ` and the message, then aborts the process.
#[cold]
#[inline(never)]
pub(crate) fn fatal(message: fmt::Arguments<'_>) -> ! {
    let mut line = Line { bytes: [0; 256], len: 0 };
    let _ = line.write_str("arenal: ");
    let _ = line.write_fmt(message);
    line.bytes[line.len] = b'\n';
    os::write_stderr(&line.bytes[..line.len + 1]);
    os::abort()
}
