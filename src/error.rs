//! The one error.

use core::fmt;

/// Out of memory: the arena's cap or [`Config::system_limit`](crate::Config::system_limit) is reached, the request is
/// longer than the arena, or the OS refuses.
///
/// What was allocated before stays valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory: the arena's capacity is used up, or the system refuses more")
    }
}

impl core::error::Error for AllocError {}
