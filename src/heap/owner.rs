//! Who owns a heap, as the kernel knows it.

use crate::os;
use crate::sync::{Cell32, CellUsize};

/// All-zero bytes: nobody.
#[repr(C)]
pub(crate) struct Owner {
    thread: Cell32,
    process: Cell32,
    /// Address of the thread's list of robust locks, which the kernel forgets before anybody can know that the thread
    /// has ended. 0: the C library has not told it.
    robust: CellUsize,
}

impl Owner {
    /// The calling thread is the owner.
    pub(crate) fn enter(&self) {
        self.thread.set(os::thread_id());
        self.process.set(os::process_id());
        self.robust.set(os::robust_list(0).unwrap_or(0));
    }

    pub(crate) fn thread(&self) -> u32 {
        self.thread.get()
    }

    /// Whether the thread has ended. It has when it has been joined: then its number may still be a thread's for some
    /// milliseconds, while the kernel closes its files, but its list is forgotten; or another thread's already.
    ///
    /// In a process that was made by the system call `clone` alone, without fork handlers, neither its own thread is
    /// known by the number that is written here nor are the others: nobody is gone there.
    pub(crate) fn is_gone(&self) -> bool {
        let (thread, robust) = (self.thread.get(), self.robust.get());
        self.process.get() == os::process_id()
            && (os::thread_is_gone(thread) || robust != 0 && os::robust_list(thread).is_some_and(|list| list != robust))
    }
}
