//! An arena in a shared object that is loaded while the program runs, next to threads from before and after.
#![cfg(not(target_feature = "crt-static"))]

mod common;
#[path = "programs/mod.rs"]
mod programs;

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

/// The object's vector of vectors, of which this program knows only the address.
#[derive(Clone, Copy)]
struct Blocks(*mut c_void);
// SAFETY: the object's functions take them from any thread.
unsafe impl Send for Blocks {}

#[derive(Clone, Copy)]
struct Plugin {
    object: *mut c_void,
    filled: extern "C" fn(usize) -> *mut c_void,
    intact: extern "C" fn(*mut c_void) -> bool,
    sum: extern "C" fn(usize) -> f64,
}

// SAFETY: the system's calls take the object from any thread.
unsafe impl Send for Plugin {}

impl Plugin {
    fn load() -> Plugin {
        let build = programs::library("plugin", "plugin").arg("--release").output().expect("cargo");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let path = CString::new(programs::target().join("release/libplugin.so").as_os_str().as_bytes()).unwrap();
        // SAFETY: the object has no constructors that ask for anything; the names are functions of these types in it.
        unsafe {
            let object = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!object.is_null(), "{:?}", CStr::from_ptr(libc::dlerror()));
            let symbol = |name: &CStr| {
                let found = libc::dlsym(object, name.as_ptr());
                assert!(!found.is_null(), "{name:?}");
                found
            };
            Plugin {
                object,
                filled: std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> *mut c_void>(symbol(c"filled")),
                intact: std::mem::transmute::<*mut c_void, extern "C" fn(*mut c_void) -> bool>(symbol(c"intact")),
                sum: std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> f64>(symbol(c"sum")),
            }
        }
    }

    /// Nothing of the object is used afterwards.
    fn unload(self) {
        // SAFETY: loaded by `load`, and unloaded once.
        assert_eq!(unsafe { libc::dlclose(self.object) }, 0);
    }

    fn filled(self, count: usize) -> Blocks {
        let blocks = Blocks((self.filled)(count));
        assert!(!blocks.0.is_null(), "a block is not the arena's");
        blocks
    }

    /// What every thread does: blocks of its own, those of another, and sums.
    fn work(self, others: Blocks) -> Blocks {
        assert!((self.intact)(others.0));
        assert!((self.intact)(self.filled(3000).0));
        assert_eq!((self.sum)(1001), 4.0 * 500_500.0 + 6.0);
        self.filled(2000)
    }
}

#[test]
fn loaded_late() {
    let (tell, told) = mpsc::channel::<(Plugin, Blocks)>();
    let before = thread::spawn(move || {
        let (plugin, blocks) = told.recv().unwrap();
        plugin.work(blocks)
    });
    let plugin = Plugin::load();
    tell.send((plugin, plugin.filled(5000))).unwrap();
    let blocks = plugin.filled(5000);
    let after = thread::spawn(move || {
        // A whole struct moves, not its pointer.
        let blocks: Blocks = blocks;
        plugin.work(blocks)
    });
    let (before, after) = (before.join().unwrap(), after.join().unwrap());
    assert!((plugin.intact)(before.0) && (plugin.intact)(after.0));
}

/// Threads that used the arena end, and the process forks, when the object is gone. In a process that loads it once.
#[test]
fn unloaded_early() {
    common::in_child("unloaded_early", || {
        let plugin = Plugin::load();
        let barrier = Arc::new(Barrier::new(3));
        let threads = [(); 2].map(|()| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                // A whole struct moves, not its pointer.
                let plugin: Plugin = plugin;
                assert!((plugin.intact)(plugin.filled(1000).0));
                barrier.wait(); // used
                barrier.wait(); // unloaded
            })
        });
        barrier.wait();
        plugin.unload();
        let there = std::fs::read_to_string("/proc/self/maps").expect("Linux").contains("libplugin");
        assert!(!there, "the object stays, and the test shows nothing");
        barrier.wait();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        common::in_fork(|| ());
    });
}
