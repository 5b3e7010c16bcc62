//! Thread heaps: each thread's pools and lists, and what threads do for each other.
//!
//! | file         | noun                                                                    |
//! |--------------|-------------------------------------------------------------------------|
//! | [`local`]    | what a thread touches on every operation: its lists                     |
//! | [`head`]     | the head of such a list, and how another thread may take it             |
//! | `links`      | where the links of free chunks are                                      |
//! | `note`       | what a thief of a list may have to give back                            |
//! | `gathered`   | a list of other heaps' chunks, linked late                              |
//! | [`habit`]    | whether frees go to the thread's lists, the pools', or magazines        |
//! | `sample`     | frees that are watched for it, and a model of a branch predictor        |
//! | [`slot`]     | a heap: the pools behind a thread's lists, or a departed thread's       |
//! | `stock`      | what a heap has of one slab                                             |
//! | `shelf`      | putting a slab's current pool away                                      |
//! | [`shared`]   | an arena's shared state: its heaps and its space                        |
//! | [`thread`]   | which heap a thread has in which arena; attach and exit                 |
//! | `storage`    | the thread's own storage, reached without a call                        |
//! | [`refill`]   | allocation when the list is empty                                       |
//! | `magazine`   | what a thread without a foreseeable habit frees, or one that trades     |
//! | [`large`]    | requests that get a span of their own                                   |
//! | [`kept`]     | spans of freed large blocks, kept for the owner's next ones             |
//! | `keeper`     | which of them are kept, and taking spans past them                      |
//! | [`returns`]  | frees beyond the current pool: own pools, other heaps'                  |
//! | [`owner`]    | who owns a heap, by the kernel's numbers                                |
//! | [`outbox`]   | other heaps' chunks on their way home                                   |
//! | [`inbox`]    | pools that other threads returned chunks to                             |
//! | [`doubt`]    | which pools are worth a look though nothing tells                       |
//! | `leavers`    | giving threads that may be about to end the time for it                 |
//! | [`pace`]     | how often a full arena looks for parked memory                          |
//! | [`recover`]  | finding parked memory before a request fails                            |
//! | `handover`   | making a living thread's partly used pools everybody's                  |
//! | [`steal`]    | taking from an idle thread the lists it has no use for                  |
//! | `death`      | heaps of threads that ended without a word                              |
//! | [`registry`] | all arenas of the process; fork                                         |
//! | [`stats`]    | figures, from counts that exist anyway                                  |
//!
//! Locks, in the order in which they may be taken: registry, recovery, a heap's, slots, space. Where another heap's or
//! that of the slots is held, a heap's is only tried. Called by the entries;
//! calls `slab`, `span`, `os`.

#[cfg(not(loom))]
mod death;
pub(crate) mod doubt;
mod gathered;
#[cfg(not(loom))]
pub(crate) mod habit;
#[cfg(not(loom))]
mod handover;
pub(crate) mod head;
pub(crate) mod inbox;
#[cfg(not(loom))]
mod keeper;
mod kept;
#[cfg(not(loom))]
pub(crate) mod large;
#[cfg(not(loom))]
mod leavers;
mod links;
#[cfg(not(loom))]
pub(crate) mod local;
#[cfg(not(loom))]
pub(crate) mod magazine;
mod note;
#[cfg(not(loom))]
pub(crate) mod outbox;
#[cfg(not(loom))]
mod owner;
#[cfg(not(loom))]
pub(crate) mod pace;
#[cfg(not(loom))]
pub(crate) mod recover;
#[cfg(not(loom))]
pub(crate) mod refill;
#[cfg(not(loom))]
pub(crate) mod registry;
#[cfg(not(loom))]
pub(crate) mod returns;
#[cfg(not(loom))]
mod sample;
#[cfg(not(loom))]
pub(crate) mod shared;
#[cfg(not(loom))]
mod shelf;
#[cfg(not(loom))]
pub(crate) mod slot;
#[cfg(not(loom))]
pub(crate) mod stats;
#[cfg(not(loom))]
pub(crate) mod steal;
#[cfg(not(loom))]
mod stock;
#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle))))]
mod storage;
#[cfg(not(loom))]
pub(crate) mod thread;

#[cfg(all(test, shuttle))]
mod models;
