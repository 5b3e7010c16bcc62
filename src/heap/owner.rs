//! Who owns a heap, as the kernel knows it.

use crate::os;
use crate::sync::Cell32;

/// All-zero bytes: nobody.
#[repr(C)]
pub(crate) struct Owner {
    thread: Cell32,
    process: Cell32,
    /// Whether the C library had told the kernel of the thread's list of robust locks (glibc does): the kernel forgets
    /// it before anybody can know that the thread has ended.
    listed: Cell32,
}

impl Owner {
    /// The calling thread is the owner.
    pub(crate) fn enter(&self) {
        self.thread.set(os::thread_id());
        self.process.set(os::process_id());
        self.listed.set(os::robust_list(0).is_some_and(|list| list != 0).into());
    }

    pub(crate) fn thread(&self) -> u32 {
        self.thread.get()
    }

    /// Whether the thread has ended. It has when it has been joined: then its number may still be a thread's for some
    /// milliseconds, while the kernel closes its files, but its list is forgotten.
    ///
    /// In a process that was made by the system call `clone` alone, without fork handlers, neither its own thread is
    /// known by the number that is written here nor are the others: nobody is gone there.
    pub(crate) fn is_gone(&self) -> bool {
        let (thread, listed) = (self.thread.get(), self.listed.get() != 0);
        self.process.get() == os::process_id()
            && (os::thread_is_gone(thread) || listed && os::robust_list(thread) == Some(0))
    }
}
