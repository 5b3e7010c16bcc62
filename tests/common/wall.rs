//! A wall of mappings, behind which no more can be had.

use std::fs;

/// Takes every mapping the kernel allows but `left`; dropping it gives them back.
pub struct Wall {
    start: *mut libc::c_void,
    bytes: usize,
}

impl Wall {
    /// `None`: the limit is too high to be reached.
    pub fn all_but(left: usize) -> Option<Wall> {
        let most: usize = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()?;
        if most > 300_000 {
            return None;
        }
        // SAFETY: `sysconf` has no preconditions.
        let os_page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let bytes = (most + 2) * os_page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new private mapping harms nobody.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let wall = Wall { start, bytes };
        let protect = |page: usize, rights| {
            // SAFETY: within the mapping just made.
            unsafe { libc::mprotect(wall.start.byte_add(page * os_page), os_page, rights) == 0 }
        };
        // Each block of the wall is a mapping of its own and parts two; one at its end parts none.
        let mut built = 0;
        while protect(2 * built, libc::PROT_READ) {
            built += 1;
        }
        let end = (wall.bytes / os_page) - 1;
        let odd = protect(end, libc::PROT_READ);
        let spared = if odd { left / 2 } else { left.div_ceil(2) }.min(built);
        for gap in built - spared..built {
            assert!(protect(2 * gap, libc::PROT_NONE));
        }
        if left % 2 == 1 {
            assert!(protect(end, if odd { libc::PROT_NONE } else { libc::PROT_READ }));
        }
        Some(wall)
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        // SAFETY: the mapping made above, used by nobody else.
        assert_eq!(unsafe { libc::munmap(self.start, self.bytes) }, 0);
    }
}
