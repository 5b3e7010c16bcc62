//! Figures that tests and programs print: lines `figure <name> <value>`.

use std::collections::BTreeMap;

/// Figures by name; several of one name are added up.
#[derive(Clone, Debug, Default)]
pub struct Figures(pub BTreeMap<String, String>);

impl Figures {
    /// Collects the figures of an output, wherever on a line they begin (a test's name may precede them).
    pub fn read(&mut self, text: &str) {
        for line in text.lines() {
            let Some((_, rest)) = line.split_once("figure ") else { continue };
            let mut words = rest.split_whitespace();
            if let (Some(name), Some(value)) = (words.next(), words.next())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && value.starts_with(|first: char| first.is_ascii_digit() || first == '-')
            {
                self.add(name, value);
            }
        }
    }

    /// Adds a figure; one that is no whole number replaces what was there.
    pub fn add(&mut self, name: &str, value: &str) {
        let sum = match (self.0.get(name).map(|old| old.parse::<i128>()), value.parse::<i128>()) {
            (Some(Ok(old)), Ok(new)) => (old + new).to_string(),
            _ => value.to_owned(),
        };
        self.0.insert(name.to_owned(), sum);
    }

    /// Sets a figure or a text.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.0.insert(name.to_owned(), value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_and_added_up() {
        let mut figures = Figures::default();
        figures.read("test a ... figure forks 3\nfigure forks 4\nno figure here\nfigure slope -2.5\nfigure x y");
        assert_eq!(
            figures.0.into_iter().collect::<Vec<_>>(),
            [("forks".to_owned(), "7".to_owned()), ("slope".to_owned(), "-2.5".to_owned())]
        );
    }
}
