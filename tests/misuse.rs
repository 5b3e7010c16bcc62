//! Promise: in debug builds, freeing what is no live chunk aborts with one line naming address and reason.

#[path = "programs/mod.rs"]
mod programs;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// What is done, and what its line says.
const KINDS: [(&str, &str); 14] = [
    ("double-free", "double free of"),
    ("double-free-later", "double free of"),
    ("double-free-elsewhere", "double free of"),
    ("double-free-both-elsewhere", "double free of"),
    ("double-free-span", "no slab has that memory"),
    ("foreign", "not this arena's memory"),
    ("stack", "not this arena's memory"),
    ("misaligned", "1 bytes behind the start of a chunk"),
    ("interior", "64 bytes behind the start of a chunk"),
    ("interior-of-span", "1048576 bytes behind the start of a chunk"),
    ("never-allocated", "never allocated"),
    ("before-the-first-chunk", "never allocated"),
    ("wrong-arena", "not this arena's memory"),
    ("system-of-wrong-arena", "not this arena's memory"),
];

#[test]
fn every_misuse_is_named_once() {
    let build = programs::cargo("misuse", "build").output().expect("cargo");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let program = programs::target().join("debug/misuse");
    let mut faults = Vec::new();
    for way in ["sized", "global", "by-address"] {
        let fine = Command::new(&program).args(["none", way]).output().expect("the program starts");
        assert!(fine.status.success() && fine.stderr.is_empty(), "a proper free, {way}: {fine:?}");
        for (kind, reason) in KINDS {
            let output = Command::new(&program).args([kind, way]).output().expect("the program starts");
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let address = stdout.lines().next().unwrap_or_default();
            let line = stderr.trim_end();
            let aborted = output.status.signal() == Some(libc::SIGABRT);
            let named = address.starts_with("0x") && line.starts_with("arenal: ") && line.contains(address);
            if !aborted || !named || !line.contains(reason) || line.contains('\n') {
                faults.push(format!("{kind}, freed {way}: {}, {address}, {line:?}", output.status));
            }
            if way == "sized" {
                println!("{kind:>28}: {line}");
            }
        }
    }
    assert!(faults.is_empty(), "not as promised:\n{}", faults.join("\n"));
}

/// Every build: what a free by address alone, or the slow half, sees anyway.
#[test]
fn release_builds_name_what_they_see() {
    let build = programs::cargo("misuse", "build").arg("--release").output().expect("cargo");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let program = programs::target().join("release/misuse");
    for kind in [
        "misaligned",
        "interior",
        "interior-of-span",
        "never-allocated",
        "before-the-first-chunk",
        "double-free-span",
        "foreign",
        "stack",
        "system-of-wrong-arena",
    ] {
        let output = Command::new(&program).args([kind, "by-address"]).output().expect("the program starts");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let address = stdout.lines().next().unwrap_or_default();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{kind}: {stdout}{stderr}");
        assert!(address.starts_with("0x"), "{kind}: {stdout}");
        assert!(stderr.starts_with("arenal: ") && stderr.contains(address), "{kind}: {stderr}");
    }
}
