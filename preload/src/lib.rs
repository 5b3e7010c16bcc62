//! `libarenal.so`: the allocation functions of C and C++ over one arena, for any program:
//!
//! ```console
//! $ LD_PRELOAD=$PWD/libarenal.so ARENAL_CAPACITY=4GiB redis-server
//! ```
//!
//! | file       | noun                                                                       |
//! |------------|----------------------------------------------------------------------------|
//! | `c`        | the functions of C: `malloc` and its kin                                   |
//! | `cxx`      | the operators of C++: `new`, `delete`                                      |
//! | `block`    | a block: from the arena or mapped by itself; what all functions are made of |
//! | `global`   | the process's arena, configured at its first use                           |
//! | `loader`   | the dynamic linker's `dlopen`, so that all libraries come here              |
//! | `mapped`   | blocks that are no arena's: above the threshold, or aligned beyond 2 MiB   |
//! | `settings` | what the environment asks for                                              |
//! | `environ`  | the environment, at a time when libc may not have it yet                   |
//! | `start`    | what is done before other libraries are initialised                        |
//! | `report`   | the figures at the program's end                                           |
//! | `line`     | a line of text on the stack                                                |
//!
//! The library is loaded first, and its functions are called first: by the dynamic linker, before any constructor has
//! run, libc's own included. Nothing here allocates, therefore, nor relies on libc being set up, until the first block
//! has been handed out. After `main` and after thread-local destructors the arena serves as before.

mod block;
mod c;
mod cxx;
mod environ;
mod global;
mod line;
#[cfg(target_arch = "x86_64")]
mod loader;
mod mapped;
mod report;
mod settings;
mod start;
