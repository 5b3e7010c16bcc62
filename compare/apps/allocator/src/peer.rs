//! The line of the table whose feature is on.

macro_rules! peers {
    ($($name:tt {
        what: $what:literal,
        is: $type:ty = $value:expr,
        trim: $trim:tt,
        figures: $figures:block,
        variants: $variants:tt,
    })*) => {
        $(
            #[cfg(feature = $name)]
            mod chosen {
                #[allow(unused_imports)]
                use std::ptr::null_mut;

                pub const NAME: &str = $name;

                #[global_allocator]
                static GLOBAL: $type = $value;

                /// Asks the allocator to give back what it does not need. False: it has no such call.
                pub fn trim() -> bool {
                    peers!(@trim $trim)
                }

                /// Bytes in the program's hands, bytes held from the system.
                pub fn figures() -> Option<(usize, usize)> $figures
            }
        )*

        #[cfg(not(any($(feature = $name),*)))]
        compile_error!("an application needs an allocator, for instance --features allocator/arenal");
    };
    (@trim none) => { false };
    (@trim $trim:block) => {{ $trim; true }};
}

include!("table.rs");

pub use chosen::{NAME, figures, trim};
