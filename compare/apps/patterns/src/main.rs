//! What a rule engine does: thousands of patterns compiled, kept, and searched.

use allocator::{Checksum, Input, measure};
use regex::{Regex, RegexSet};

const PATTERNS: usize = 5_000;
const KEPT: usize = 1_500;

fn main() {
    let mut input = Input::new(4);
    let patterns: Vec<String> = (0..PATTERNS).map(|_| pattern(&mut input)).collect();
    let lines: Vec<String> =
        (0..50).map(|_| format!("{} id={} at 2031-02-03", input.words(9), input.below(99_999))).collect();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut kept: Vec<Regex> = Vec::new();
        for (number, pattern) in patterns.iter().enumerate() {
            let regex = Regex::new(pattern).expect("a valid pattern");
            for line in &lines {
                if let Some(captures) = regex.captures(line) {
                    checksum.add((number, captures.get(0).map(|all| all.range())));
                }
            }
            if kept.len() < KEPT {
                kept.push(regex);
            } else {
                kept[number % KEPT] = regex;
            }
        }
        for rules in patterns.chunks(100).take(10) {
            let set = RegexSet::new(rules).expect("valid patterns");
            lines.iter().for_each(|line| checksum.add(set.matches(line).iter().collect::<Vec<_>>()));
        }
        (checksum.value(), kept)
    });
}

fn pattern(input: &mut Input) -> String {
    let word = input.word();
    match input.below(5) {
        0 => format!(r"(?i)\b{word}\s+(\w+)"),
        1 => format!(r"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d).*{word}?"),
        2 => format!(r"id=(\d+)|{word}[a-z]{{2,6}}|{}", input.word()),
        3 => format!(r"^({word}|{}|{}|[{}]+) ", input.word(), input.word(), &word[..3]),
        _ => format!(r"[{}]{{1,4}}([aeiou]+)[^ ]*\s(at|on|in)?", &word[..2]),
    }
}
