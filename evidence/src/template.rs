//! Fills in a template.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{name}}` | a figure or text |
//! | `{{name bytes}}` | the same in a large unit |
//! | `{{a*b sum}}` | the sum of all figures whose names begin with `a` and end with `b` |
//! | `{{a*b rows}}` | a table's row for each of them |

use crate::figures::Figures;

/// The template with its figures; an error names those that nothing has printed.
pub fn fill(template: &str, figures: &Figures) -> Result<String, String> {
    let mut page = String::new();
    let mut missing = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (what, behind) = after.split_once("}}").ok_or("a placeholder does not end")?;
        page += before;
        match show(what, figures) {
            Some(shown) => page += &shown,
            None => missing.push(what),
        }
        rest = behind;
    }
    page += rest;
    if missing.is_empty() { Ok(page) } else { Err(format!("figures that nothing printed: {}", missing.join(", "))) }
}

fn show(what: &str, figures: &Figures) -> Option<String> {
    let (name, form) = what.split_once(' ').unwrap_or((what, ""));
    let Some((first, last)) = name.split_once('*') else {
        let value = figures.0.get(name)?;
        return Some(if form == "bytes" { bytes(value) } else { thousands(value) });
    };
    let matching =
        |name: &str| name.len() >= first.len() + last.len() && name.starts_with(first) && name.ends_with(last);
    let found: Vec<_> = figures.0.iter().filter(|(name, _)| matching(name)).collect();
    if found.is_empty() {
        return None;
    }
    Some(match form {
        "rows" => {
            let row = |(name, value): &(&String, &String)| {
                let part = &name[first.len()..name.len() - last.len()];
                format!("| {} | {} |", part.replace('_', " "), thousands(value))
            };
            found.iter().map(row).collect::<Vec<_>>().join("\n")
        }
        _ => thousands(&found.iter().filter_map(|(_, value)| value.parse::<i128>().ok()).sum::<i128>().to_string()),
    })
}

/// A whole number with its thousands apart; anything else as it is.
fn thousands(value: &str) -> String {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.to_owned();
    }
    let mut shown = value[..value.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn bytes(value: &str) -> String {
    let Ok(mut amount) = value.parse::<f64>() else { return value.to_owned() };
    let mut units = ["bytes", "KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if amount.abs() < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "bytes" { format!("{amount} {unit}") } else { format!("{amount:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_figure_is_an_error() {
        let mut figures = Figures::default();
        figures.read("figure forks 1234567\nfigure verified 3221225472\nfigure few 12\nfigure few_slopes -12345");
        let page = fill("{{forks}} forks, {{verified bytes}}, {{few}}, {{few_slopes}}.", &figures);
        assert_eq!(page.unwrap(), "1,234,567 forks, 3.0 GiB, 12, -12,345.");
        assert_eq!(fill("{{no}} and {{few}}", &figures).unwrap_err(), "figures that nothing printed: no");
        assert_eq!(fill("{{no_* sum}}", &figures).unwrap_err(), "figures that nothing printed: no_* sum");
    }

    #[test]
    fn figures_of_a_kind_are_added_or_listed() {
        let mut figures = Figures::default();
        figures.read("figure loom_a_runs 1\nfigure loom_b_c_runs 2\nfigure loom_bound 3");
        assert_eq!(fill("{{loom_*_runs sum}}", &figures).unwrap(), "3");
        assert_eq!(fill("{{loom_*_runs rows}}", &figures).unwrap(), "| a | 1 |\n| b c | 2 |");
    }
}
