// The one table of who is compared. Two crates read it, each with a macro `peers!` of its own: `allocator` takes the
// static, `trim` and `figures` of the line whose feature is on; the runner takes names, words and variants.
//
// - `is`: the allocator's type and its value, as its documentation says to declare it.
// - `trim`: what the peer offers to give free memory back to the system; `none` where it offers nothing.
// - `figures`: bytes in the program's hands and bytes held from the system, where the peer can tell.
// - `variants`: the same binary in another setting of transparent huge pages: name, variables of the environment,
//   whether the kernel is told to give that process no huge pages.

peers! {
    "arenal" {
        what: "this library: an arena of 8 GiB, all else at its default",
        is: arenal::Arena = arenal::Arena::new(8 << 30),
        trim: { GLOBAL.trim(); },
        figures: { let info = GLOBAL.info(); Some((info.allocated, info.heap + info.overhead)) },
        variants: [("arenal-4k", [], true)],
    }
    "glibc" {
        what: "std::alloc::System",
        is: std::alloc::System = std::alloc::System,
        trim: {
            // SAFETY: `malloc_trim` may be called at any time.
            unsafe { libc::malloc_trim(0) };
        },
        figures: { None },
        variants: [],
    }
    "jemalloc" {
        what: "tikv-jemallocator 0.7 (jemalloc 5.3.1), with statistics",
        is: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc,
        trim: {
            for command in [c"thread.tcache.flush", c"arena.4096.purge"] {
                // SAFETY: both names are jemalloc's commands without arguments or results; 4096 means all arenas.
                unsafe {
                    tikv_jemalloc_sys::mallctl(command.as_ptr(), null_mut(), null_mut(), null_mut(), 0);
                }
            }
        },
        figures: {
            jemalloc_ctl::epoch::advance().ok()?;
            Some((jemalloc_ctl::stats::allocated::read().ok()?, jemalloc_ctl::stats::resident::read().ok()?))
        },
        variants: [("jemalloc-thp", [("_RJEM_MALLOC_CONF", "thp:always")], false)],
    }
    "mimalloc3" {
        what: "mimalloc 0.1.52 (C version 3)",
        is: mimalloc::MiMalloc = mimalloc::MiMalloc,
        trim: {
            // SAFETY: `mi_collect` may be called at any time.
            unsafe { libmimalloc_sys::mi_collect(true) };
        },
        figures: { None },
        variants: [("mimalloc3-4k", [("MIMALLOC_ALLOW_THP", "0")], true)],
    }
    "mimalloc2" {
        what: "mimalloc 0.1.52 with feature v2 (C version 2)",
        is: mimalloc::MiMalloc = mimalloc::MiMalloc,
        trim: {
            // SAFETY: `mi_collect` may be called at any time.
            unsafe { libmimalloc_sys::mi_collect(true) };
        },
        figures: { None },
        variants: [("mimalloc2-4k", [("MIMALLOC_ALLOW_THP", "0")], true)],
    }
    "snmalloc" {
        what: "snmalloc-rs 0.7.6, built by cc with NDEBUG, as its cmake build is",
        is: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc,
        trim: none,
        figures: { None },
        variants: [],
    }
    "tcmalloc" {
        what: "tcmalloc-better 0.1.19",
        is: tcmalloc_better::TCMalloc = tcmalloc_better::TCMalloc,
        trim: none,
        figures: { None },
        variants: [],
    }
    "rusty_alloc" {
        what: "rusty_alloc-api 2.4",
        is: rusty_alloc_api::RustyAlloc = rusty_alloc_api::RustyAlloc,
        trim: { rusty_alloc::alloc::collect(true); },
        figures: { None },
        variants: [],
    }
    "stoolap" {
        what: "stoolap-jemalloc 0.1.5",
        is: stoolap_jemalloc::Jemalloc = stoolap_jemalloc::Jemalloc::new(),
        trim: { stoolap_jemalloc::purge(); },
        figures: { None },
        variants: [],
    }
    "rallocator" {
        what: "rallocator 0.3",
        is: rallocator::Rallocator = rallocator::Rallocator,
        trim: none,
        figures: { None },
        variants: [],
    }
}
