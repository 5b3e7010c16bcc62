//! Summaries of test binaries: `test result: ok. 4 passed; 0 failed; 1 ignored; …`.

/// Counts of one or more test binaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Binaries that told a result.
    pub binaries: usize,
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that were not run.
    pub ignored: usize,
}

impl Counts {
    /// All results in an output.
    pub fn of(text: &str) -> Counts {
        let mut counts = Counts::default();
        for line in text.lines() {
            let Some((_, result)) = line.split_once("test result: ") else { continue };
            let number = |what: &str| -> usize {
                let Some((before, _)) = result.split_once(what) else { return 0 };
                before.split_whitespace().next_back().and_then(|word| word.parse().ok()).unwrap_or(0)
            };
            counts.binaries += 1;
            counts.passed += number(" passed");
            counts.failed += number(" failed");
            counts.ignored += number(" ignored");
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let text = "test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                    x ... test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured";
        assert_eq!(Counts::of(text), Counts { binaries: 2, passed: 10, failed: 1, ignored: 2 });
    }
}
