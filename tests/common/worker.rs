//! Threads that sleep between jobs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use arenal::Arena;

type Job = Box<dyn FnOnce(&Arena) + Send>;

/// A thread that does one job after the other and idles in between, inside no arena.
pub struct Worker {
    jobs: Sender<Job>,
    done: Receiver<libc::pid_t>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Begins a thread that waits for its first job.
    pub fn new(arena: &Arc<Arena>) -> Worker {
        let (jobs, inbox) = channel::<Job>();
        let (outbox, done) = channel();
        let arena = Arc::clone(arena);
        let thread = std::thread::spawn(move || {
            for job in inbox {
                job(&arena);
                // SAFETY: no requirements.
                outbox.send(unsafe { libc::gettid() }).expect("the test waits");
            }
        });
        Worker { jobs, done, thread }
    }

    /// Returns when the job is done and the thread asleep again.
    pub fn run(&self, job: impl FnOnce(&Arena) + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("the worker lives");
        let thread = self.done.recv().expect("the worker's job succeeds");
        let state = || std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).expect("the worker lives");
        while state().starts_with("running") {
            std::thread::yield_now();
        }
    }

    /// Returns when the thread has ended.
    pub fn end(self) {
        drop(self.jobs);
        self.thread.join().expect("no panic");
    }
}
