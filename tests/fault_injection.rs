//! Promise: whichever use of whichever memory system call fails, once, from then on, or again and again, the outcome is
//! out of memory or a smaller arena: no crash, no hang, no lost chunk, `errno` as it was. When the fault ends, the
//! whole capacity is usable again.

mod common;
mod faults;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;

use faults::scenarios::{SCENARIOS, Scenario};
use faults::{CALLS, Call, Ledger, Rule, supervisor};

/// Uses of a call that are tried one by one; no scenario comes near it.
const MOST: u32 = 400;

fn long() -> bool {
    std::env::var_os("ARENAL_LONG").is_some()
}

/// One life under one rule, in a fork of its own; whether the rule came into effect.
fn run(scenario: &Scenario, ledger: &'static Ledger, rule: Rule) -> bool {
    let before = ledger.total();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        common::in_fork(|| {
            supervisor::supervise(ledger);
            scenario.run(ledger, rule);
        });
    }));
    if let Err(panic) = lived {
        eprintln!("scenario {} does not survive {rule:?}", scenario.name);
        resume_unwind(panic);
    }
    ledger.total() > before
}

/// Every rule that the scenario's calls can meet.
fn all_rules(scenario: &Scenario, ledger: &'static Ledger) -> u64 {
    let mut runs = 1;
    assert!(!run(scenario, ledger, Rule::Never), "a fault without a rule");
    let mut try_all = |rule: fn(Call, u32) -> Rule, call: Call, step: usize| {
        for n in (1..MOST).step_by(step) {
            runs += 1;
            if !run(scenario, ledger, rule(call, n)) {
                break;
            }
        }
    };
    // In debug builds every seventh use stands for its neighbours.
    let step = if cfg!(debug_assertions) { 7 } else { 1 };
    for call in CALLS {
        try_all(Rule::Once, call, step);
        try_all(Rule::From, call, if long() { 1 } else { 3 * step });
        try_all(Rule::Each, call, if long() { 1 } else { 4 * step });
    }
    try_all(|_, n| Rule::AllFrom(n), Call::Mmap, if long() { 1 } else { 3 * step });
    try_all(|_, n| Rule::AllEach(n), Call::Mmap, if long() { 1 } else { 5 * step });
    runs
}

/// The child: one scenario, and its figures.
fn child(scenario: &Scenario) {
    common::watchdog(1800);
    let ledger = Ledger::shared();
    common::figure("runs", all_rules(scenario, ledger));
    for call in CALLS {
        common::figure(&format!("seen_{}", call.name()), ledger.seen(call));
        common::figure(&format!("injected_{}", call.name()), ledger.injected(call));
    }
    common::figure("verified", ledger.verified.load(std::sync::atomic::Ordering::Relaxed));
    common::figure("refused", ledger.refused.load(std::sync::atomic::Ordering::Relaxed));
    common::figure("served", ledger.served.load(std::sync::atomic::Ordering::Relaxed));
    println!("\nrole finished");
}

#[test]
fn every_fault_is_survived() {
    const NAME: &str = "every_fault_is_survived";
    if let Some(scenario) = SCENARIOS.iter().find(|scenario| common::is_child(scenario.name)) {
        return child(scenario);
    }
    common::watchdog(1800);
    let (waiting, sums) = (Mutex::new(SCENARIOS.iter()), Mutex::new(BTreeMap::<String, f64>::new()));
    common::threads(2, |_| {
        loop {
            let Some(scenario) = waiting.lock().expect("no panic").next() else { break };
            let output = common::child(NAME, scenario.name).output().expect("the test binary starts");
            let text = common::transcript(&output);
            assert!(output.status.success() && text.contains("role finished"), "{}:\n{text}", scenario.name);
            let mut sums = sums.lock().expect("no panic");
            for (name, value) in common::figures(&output) {
                if name.starts_with("injected_") {
                    println!("{}: {name} {value}", scenario.name);
                }
                *sums.entry(name).or_default() += value;
            }
        }
    });
    let sums = sums.into_inner().expect("no panic");
    let injected: f64 = CALLS.iter().map(|call| sums[&format!("injected_{}", call.name())]).sum();
    for call in CALLS {
        let (seen, injected) = (sums[&format!("seen_{}", call.name())], sums[&format!("injected_{}", call.name())]);
        assert!(injected > 0.0, "{} never failed: the scenarios do not reach it", call.name());
        common::figure(&format!("fault_calls_seen_{}", call.name()), seen);
        common::figure(&format!("faults_injected_{}", call.name()), injected);
    }
    common::figure("fault_scenarios", SCENARIOS.len());
    common::figure("fault_runs", sums["runs"]);
    common::figure("faults_injected", injected);
    common::figure("faults_survived", injected);
    common::figure("fault_bytes_verified", sums["verified"]);
    common::figure("fault_requests_refused", sums["refused"]);
    common::figure("fault_requests_served", sums["served"]);
}
