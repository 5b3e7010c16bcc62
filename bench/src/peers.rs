//! The one table of who is compared. `peers/<name>/` holds each one's package.

pub struct Peer {
    pub name: &'static str,
    pub what: &'static str,
}

const fn peer(name: &'static str, what: &'static str) -> Peer {
    Peer { name, what }
}

/// The first is the subject; the others are its peers.
pub const PEERS: [Peer; 11] = [
    peer("arenal", "this library, an arena of 8 GiB"),
    peer("glibc", "std::alloc::System"),
    peer("jemalloc", "tikv-jemallocator 0.7, jemalloc 5.3.1"),
    peer("mimalloc3", "mimalloc 0.1.52, C version 3"),
    peer("mimalloc2", "mimalloc 0.1.52, feature v2"),
    peer("snmalloc", "snmalloc-rs 0.7.6, by cc and with NDEBUG, as its cmake build is"),
    peer("tcmalloc", "tcmalloc-better 0.1.19"),
    peer("rpmalloc", "rpmalloc 0.2.2"),
    peer("rusty_alloc", "rusty_alloc-api 2.4"),
    peer("stoolap", "stoolap-jemalloc 0.1.5"),
    peer("rallocator", "rallocator 0.3"),
];

pub const SUBJECT: usize = 0;
/// Whose memory the goals are written against.
pub const LEAN: &str = "snmalloc";
