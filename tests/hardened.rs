//! Promise of the feature `hardened`: each attack ends in an abort with one line that says what, where, and which slab;
//! the same program without the attack runs to its end in silence.

#[path = "programs/mod.rs"]
mod programs;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// The slab of a million bytes.
const MILLION: usize = 62 * (16 << 10);

/// Attack, what the line must say of it, and the slab that it must name; 0: none.
const ATTACKS: &[(&str, &str, usize)] = &[
    ("double-free", "double free of", 64),
    ("double-free-not-last", "double free of", 64),
    ("double-free-by-another", "double free of", 64),
    ("double-free-of-anothers", "double free of", 64),
    ("double-free-by-two-others", "double free of", 64),
    ("double-free-after-return", "double free of", 64),
    ("double-free-of-a-pool-given-back", "double free", 0),
    ("double-free-by-realloc", "double free of", 64),
    ("double-free-large", "double free", 0),
    ("double-free-by-address", "double free of", 64),
    ("foreign-system", "not this arena's memory", 0),
    ("foreign-stack", "not this arena's memory", 0),
    ("foreign-wild", "not this arena's memory", 0),
    ("foreign-wild-with-system", "not this arena's memory", 0),
    ("foreign-other-arena", "not this arena's memory", 0),
    ("misaligned", "1 bytes behind the start of a chunk", 64),
    ("interior", "16 bytes behind the start of a chunk", 64),
    ("interior-large", "500000 bytes behind the start of a chunk", MILLION),
    ("never-allocated", "never allocated", 112),
    ("wrong-layout-smaller", "freed as 24 bytes aligned to 8, allocated with 60", 64),
    ("wrong-layout-larger", "freed as 4000 bytes aligned to 8, allocated with 60", 64),
    ("wrong-layout-nearly", "freed as 61 bytes aligned to 8, allocated with 60", 64),
    ("wrong-layout-large", "freed as 60 bytes aligned to 8, allocated with 1000000", MILLION),
    ("wrong-layout-small-as-large", "freed as 1000000 bytes aligned to 8, allocated with 60", 64),
    ("wrong-layout-realloc", "freed as 300 bytes aligned to 8, allocated with 60", 64),
    ("wrong-layout-system", "freed as 4000 bytes, allocated with 5000 bytes of the system", 0),
    ("link-overwritten", "the link in the free chunk", 64),
    ("link-first-byte", "the link in the free chunk", 64),
    ("link-last-byte", "the link in the free chunk", 64),
    ("link-forged", "the link in the free chunk", 64),
    ("link-of-anothers", "the link in the free chunk", 64),
    ("link-in-private-arena", "the link in the free chunk", 64),
    ("overflow-by-one", "written past the end of", 64),
    ("overflow-by-a-nul", "written past the end of", 64),
    ("overflow-to-the-end", "written past the end of", 64),
    ("overflow-of-a-full-slab", "written past the end of", 72),
    ("overflow-of-the-smallest", "written past the end of", 16),
    ("overflow-zeroed", "written past the end of", 64),
    ("overflow-aligned", "written past the end of", 4096),
    ("overflow-aligned-to-the-end", "written past the end of", 4096),
    ("overflow-large", "written past the end of", MILLION),
    ("overflow-large-full", "written past the end of", (1 << 20) + (1 << 16)),
    ("overflow-freed-elsewhere", "written past the end of", 64),
    ("overflow-by-address", "written past the end of", 64),
    ("overflow-realloc-in-place", "written past the end of", 64),
    ("overflow-realloc", "written past the end of", 64),
    ("overflow-realloc-large", "written past the end of", MILLION),
    ("overflow-after-realloc", "written past the end of", 64),
    ("overflow-after-shrink", "written past the end of", 0),
    ("overflow-after-filling", "written past the end of", 72),
    ("overflow-after-filling-large", "written past the end of", 0),
];

/// What is wrong with the end of an attacked program.
fn fault(output: &Output, says: &str, slab: usize) -> Option<String> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.trim_end();
    let address = stdout.lines().next().unwrap_or_default();
    let aborted = output.status.signal() == Some(libc::SIGABRT);
    let one_line = line.starts_with("arenal: ") && !line.contains('\n');
    let named = address.starts_with("0x") && line.contains(address);
    let placed = slab == 0 || line.contains(&format!("(slab {slab} B, pool 0x"));
    if aborted && one_line && named && placed && line.contains(says) {
        return None;
    }
    Some(format!("{}, {address}, {line:?} instead of {says:?}, slab {slab}", output.status))
}

#[test]
fn every_attack_is_named_and_no_innocent() {
    let mut build = programs::cargo_with("hardened", "hardened", &["hardened"], "build");
    let build = build.arg("--release").output().expect("cargo");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let program = programs::target().join("release/hardened");
    let run = |arguments: &[&str]| Command::new(&program).args(arguments).output().expect("the program starts");
    let mut faults = Vec::new();
    for &(name, says, slab) in ATTACKS {
        let output = run(&[name]);
        println!("{name:>32}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        faults.extend(fault(&output, says, slab).map(|fault| format!("{name}: {fault}")));
        let innocent = run(&[name, "innocent"]);
        if !innocent.status.success() || !innocent.stderr.is_empty() {
            faults.push(format!("without {name}: {innocent:?}"));
        }
    }
    assert!(faults.is_empty(), "not as promised:\n{}", faults.join("\n"));
}
