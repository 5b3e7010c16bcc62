//! What the environment asks for. A value that cannot be read is one line on standard error, and the default.

use arena::{Arena, Config, HugePages};

use crate::environ;
use crate::line::warn;

/// Smallest threshold: smaller blocks are chunks of pools, which only the arena has.
const LEAST_ABOVE: usize = 128 << 10;

/// Where the figures go at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Nowhere,
    StandardError,
    /// To the end of the file of this path, which ends with a NUL.
    File([u8; 200]),
}

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) capacity: usize,
    /// Larger blocks are mapped by themselves.
    pub(crate) above: usize,
    /// Most bytes that such blocks may take.
    pub(crate) limit: usize,
    huge_pages: HugePages,
    pub(crate) report: Report,
}

impl Settings {
    /// What holds where the environment says nothing.
    pub(crate) const DEFAULT: Settings = Settings {
        capacity: Arena::MIN_CAPACITY,
        above: usize::MAX,
        limit: usize::MAX,
        huge_pages: HugePages::Auto,
        report: Report::Nowhere,
    };

    /// Reads the environment.
    pub(crate) fn read() -> Settings {
        let mut settings = Settings { capacity: memory_and_swap(), ..Settings::DEFAULT };
        // The user of a program with more rights than its own must not choose where that writes to.
        // SAFETY: a query without preconditions.
        if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
            return settings;
        }
        environ::each(|entry| {
            if let Some(ours) = entry.strip_prefix(b"ARENAL_")
                && let Some(equals) = ours.iter().position(|&byte| byte == b'=')
                && let Err(wanted) = settings.set(&ours[..equals], &ours[equals + 1..])
            {
                let text = core::str::from_utf8(entry).unwrap_or("ARENAL_…, which is not UTF-8");
                warn(format_args!("{text}: {wanted}; the default holds"));
            }
        });
        settings
    }

    /// The arena's part.
    pub(crate) fn config(&self) -> Config {
        Config::new(self.capacity).huge_pages(self.huge_pages)
    }

    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        const SIZE: &str = "not a size such as 4096, 512M or 4GiB";
        match name {
            b"CAPACITY" => {
                let capacity = size(value).ok_or(SIZE)?;
                if !(Arena::MIN_CAPACITY..=Arena::MAX_CAPACITY).contains(&capacity) {
                    return Err("a capacity is between 4MiB and 1TiB");
                }
                self.capacity = capacity;
            }
            b"SYSTEM_ABOVE" => {
                let above = size(value).ok_or(SIZE)?;
                if above < LEAST_ABOVE {
                    return Err("blocks up to 128KiB are always the arena's");
                }
                self.above = above;
            }
            b"SYSTEM_LIMIT" => self.limit = size(value).ok_or(SIZE)?,
            b"HUGE_PAGES" => {
                self.huge_pages = match value {
                    b"auto" => HugePages::Auto,
                    b"always" => HugePages::Always,
                    b"never" => HugePages::Never,
                    _ => return Err("not one of auto, always, never"),
                }
            }
            b"REPORT" => {
                self.report = match value {
                    b"" | b"0" => Report::Nowhere,
                    b"1" => Report::StandardError,
                    [b'/', ..] => {
                        let mut path = [0; 200];
                        if value.len() >= path.len() {
                            return Err("a path of more than 199 bytes");
                        }
                        path[..value.len()].copy_from_slice(value);
                        Report::File(path)
                    }
                    _ => return Err("neither 0, 1 nor an absolute path"),
                }
            }
            _ => return Err("no such variable: there are CAPACITY, SYSTEM_ABOVE, SYSTEM_LIMIT, HUGE_PAGES, REPORT"),
        }
        Ok(())
    }
}

/// A number of bytes, with a unit of K, M, G or T, which may be followed by `B` or `iB`; all units are powers of 1024.
fn size(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let number: usize = core::str::from_utf8(number).ok()?.parse().ok()?;
    let (shift, rest) = match unit {
        [letter, rest @ ..] => match letter.to_ascii_uppercase() {
            b'K' => (10, rest),
            b'M' => (20, rest),
            b'G' => (30, rest),
            b'T' => (40, rest),
            _ => (0, unit),
        },
        [] => (0, unit),
    };
    let named = rest.is_empty() || rest.eq_ignore_ascii_case(b"b") || (shift > 0 && rest.eq_ignore_ascii_case(b"ib"));
    if named { number.checked_mul(1 << shift) } else { None }
}

/// The machine's memory and swap space, within what an arena may have.
fn memory_and_swap() -> usize {
    // SAFETY: all-zero bytes are a valid `sysinfo`, and the call fills it in.
    let total = unsafe {
        let mut info: libc::sysinfo = core::mem::zeroed();
        if libc::sysinfo(&mut info) != 0 {
            return 4 << 30;
        }
        (info.totalram as usize).saturating_add(info.totalswap as usize).saturating_mul(info.mem_unit as usize)
    };
    total.clamp(64 << 20, Arena::MAX_CAPACITY)
}
