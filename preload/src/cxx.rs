//! The operators `new` and `delete` of C++, in all forms, under the names of the Itanium ABI.
//!
//! Out of memory is a matter of the C++ runtime, which this library is not linked to: the program's own is asked, at
//! that moment, for the new-handler and for the function that throws `std::bad_alloc`. The forms that do not throw are
//! left to the runtime's own definitions then: these call the ones here, and catch. A program without a runtime that
//! has these functions ends with one line.

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;

use crate::block;
use crate::global::unready;
use crate::line::fatal;

type Handler = unsafe extern "C-unwind" fn();

/// A function of the program's C++ runtime, wherever that was loaded.
#[cold]
fn runtime(name: &CStr) -> *mut c_void {
    // SAFETY: the names are C strings. Without memory for its message `dlsym` still returns null.
    unsafe {
        let found = libc::dlsym(libc::RTLD_NEXT, name.as_ptr());
        if !found.is_null() {
            return found;
        }
        // A plug-in's runtime is not among the program's own libraries.
        for library in [c"libstdc++.so.6", c"libc++.so.1"] {
            let handle = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
            if !handle.is_null() {
                let found = libc::dlsym(handle, name.as_ptr());
                if !found.is_null() {
                    return found;
                }
            }
        }
    }
    null_mut()
}

/// As [`new_slow`].
#[inline(always)]
unsafe fn new(size: usize) -> *mut c_void {
    match unready().pop_short(size) {
        Some(chunk) => chunk.as_ptr().cast(),
        // SAFETY: as here.
        None => unsafe { new_long(size) },
    }
}

/// As [`new_slow`].
#[inline(never)]
unsafe extern "C-unwind" fn new_long(size: usize) -> *mut c_void {
    match unready().pop_long(size) {
        Some(chunk) => chunk.as_ptr().cast(),
        // SAFETY: as here.
        None => unsafe { new_slow(size, block::ALIGN) },
    }
}

/// A block; without memory for it, asks the new-handler until there is some; without one, throws.
///
/// # Safety
/// Exceptions of C++ may leave it.
#[inline(never)]
unsafe extern "C-unwind" fn new_slow(size: usize, align: usize) -> *mut c_void {
    loop {
        let block = block::allocate_aligned(size, align);
        if !block.is_null() {
            return block.cast();
        }
        // SAFETY: functions of the C++ runtime under their ABI's names, of these types: std::get_new_handler(), and
        // std::__throw_bad_alloc(), which does not return.
        unsafe {
            let current = runtime(c"_ZSt15get_new_handlerv");
            let handler = if current.is_null() {
                None
            } else {
                core::mem::transmute::<*mut c_void, extern "C" fn() -> Option<Handler>>(current)()
            };
            match handler {
                Some(handler) => handler(),
                None => {
                    let throw = runtime(c"_ZSt17__throw_bad_allocv");
                    if throw.is_null() {
                        fatal(format_args!(
                            "operator new: out of memory for {size} bytes, and no C++ runtime to say so"
                        ));
                    }
                    core::mem::transmute::<*mut c_void, Handler>(throw)();
                }
            }
        }
    }
}

macro_rules! throwing {
    ($($symbol:literal)*) => { $( const _: () = {
        #[unsafe(export_name = $symbol)]
        unsafe extern "C-unwind" fn operator(size: usize) -> *mut c_void {
            // SAFETY: exceptions may leave this function.
            unsafe { new(size) }
        }
    }; )* };
}

macro_rules! throwing_aligned {
    ($($symbol:literal)*) => { $( const _: () = {
        #[unsafe(export_name = $symbol)]
        unsafe extern "C-unwind" fn operator(size: usize, align: usize) -> *mut c_void {
            // SAFETY: exceptions may leave this function.
            unsafe { new_slow(size, align) }
        }
    }; )* };
}

macro_rules! nothrow {
    ($($symbol:literal)*) => { $( const _: () = {
        #[unsafe(export_name = $symbol)]
        extern "C" fn operator(size: usize, tag: *const c_void) -> *mut c_void {
            let block = block::allocate(size);
            if !block.is_null() {
                return block.cast();
            }
            #[cold]
            fn slow(size: usize, tag: *const c_void) -> *mut c_void {
                const SYMBOL: &CStr = match CStr::from_bytes_with_nul(concat!($symbol, "\0").as_bytes()) {
                    Ok(symbol) => symbol,
                    Err(_) => panic!(),
                };
                let next = runtime(SYMBOL);
                if next.is_null() {
                    return null_mut();
                }
                // SAFETY: the runtime's definition of this operator.
                unsafe {
                    core::mem::transmute::<*mut c_void, extern "C" fn(usize, *const c_void) -> *mut c_void>(next)(
                        size, tag,
                    )
                }
            }
            slow(size, tag)
        }
    }; )* };
}

macro_rules! nothrow_aligned {
    ($($symbol:literal)*) => { $( const _: () = {
        #[unsafe(export_name = $symbol)]
        extern "C" fn operator(size: usize, align: usize, tag: *const c_void) -> *mut c_void {
            let block = block::allocate_aligned(size, align);
            if !block.is_null() {
                return block.cast();
            }
            #[cold]
            fn slow(size: usize, align: usize, tag: *const c_void) -> *mut c_void {
                const SYMBOL: &CStr = match CStr::from_bytes_with_nul(concat!($symbol, "\0").as_bytes()) {
                    Ok(symbol) => symbol,
                    Err(_) => panic!(),
                };
                let next = runtime(SYMBOL);
                if next.is_null() {
                    return null_mut();
                }
                // SAFETY: the runtime's definition of this operator.
                unsafe {
                    core::mem::transmute::<*mut c_void, extern "C" fn(usize, usize, *const c_void) -> *mut c_void>(
                        next,
                    )(size, align, tag)
                }
            }
            slow(size, align, tag)
        }
    }; )* };
}

/// The block's address says it all: sizes, alignments and tags are not looked at, and C callers pass them in registers
/// that a function of one argument ignores.
macro_rules! delete {
    ($($symbol:literal)*) => { $( const _: () = {
        #[unsafe(export_name = $symbol)]
        unsafe extern "C" fn operator(ptr: *mut c_void) {
            // SAFETY: the caller gives the block up.
            unsafe { block::free(ptr.cast()) }
        }
    }; )* };
}

throwing!("_Znwm" "_Znam");
throwing_aligned!("_ZnwmSt11align_val_t" "_ZnamSt11align_val_t");
nothrow!("_ZnwmRKSt9nothrow_t" "_ZnamRKSt9nothrow_t");
nothrow_aligned!("_ZnwmSt11align_val_tRKSt9nothrow_t" "_ZnamSt11align_val_tRKSt9nothrow_t");
delete!(
    "_ZdlPv" "_ZdaPv" "_ZdlPvm" "_ZdaPvm"
    "_ZdlPvRKSt9nothrow_t" "_ZdaPvRKSt9nothrow_t"
    "_ZdlPvSt11align_val_t" "_ZdaPvSt11align_val_t"
    "_ZdlPvmSt11align_val_t" "_ZdaPvmSt11align_val_t"
    "_ZdlPvSt11align_val_tRKSt9nothrow_t" "_ZdaPvSt11align_val_tRKSt9nothrow_t"
);
