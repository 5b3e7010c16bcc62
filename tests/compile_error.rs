//! Promise: a capacity out of range is a compile error in a `static`, with a message that says the range.

#[path = "programs/mod.rs"]
mod programs;

#[test]
fn a_bad_capacity_does_not_compile() {
    let good = programs::cargo("capacity", "check").output().expect("cargo");
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    // The compiler evaluates the `static` when it generates code or checks it, whichever comes first.
    let bad = programs::cargo("capacity", "build").env("ARENAL_BAD_CAPACITY", "1").output().expect("cargo");
    let text = String::from_utf8_lossy(&bad.stderr);
    assert!(!bad.status.success(), "a capacity of 1000 bytes compiled:\n{text}");
    assert!(text.contains("capacity"), "{text}");
    let range = ["TiB", "1099511627776", "1 << 40"].iter().any(|max| text.contains(max));
    assert!(range, "the message does not say the range:\n{text}");
}
