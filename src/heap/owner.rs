//! Who owns a heap, by the kernel's numbers.

use crate::os;
use crate::sync::Cell32;

/// All-zero bytes: nobody.
#[repr(C)]
pub(crate) struct Owner {
    thread: Cell32,
    process: Cell32,
}

impl Owner {
    /// The calling thread is the owner.
    pub(crate) fn enter(&self) {
        self.thread.set(os::thread_id());
        self.process.set(os::process_id());
    }

    pub(crate) fn thread(&self) -> u32 {
        self.thread.get()
    }

    /// Whether the thread has ended. In a process that was made by the system call `clone` alone, without fork
    /// handlers, neither its own thread is known by the number that is written here nor are the others: nobody is gone
    /// there.
    pub(crate) fn is_gone(&self) -> bool {
        self.process.get() == os::process_id() && os::thread_is_gone(self.thread.get())
    }
}
