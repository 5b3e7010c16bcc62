//! A table of text, aligned for people, as Markdown or without its bars.

pub struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Table {
        Table::with_head(head.map(String::from).into())
    }

    pub fn with_head(head: Vec<String>) -> Table {
        Table { lines: vec![head] }
    }

    pub fn line(&mut self, cells: impl Into<Vec<String>>) {
        let cells = cells.into();
        assert_eq!(cells.len(), self.lines[0].len());
        self.lines.push(cells);
    }

    pub fn render(&self, markdown: bool) -> String {
        let width = |column: usize| self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.lines[0].len()).map(width).collect();
        let mut text = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            // The first column is a name, the others mostly numbers.
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
                0 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            });
            let cells: Vec<String> = cells.collect();
            text += &match markdown {
                true => format!("| {} |\n", cells.join(" | ")),
                false => format!("{}\n", cells.join("  ").trim_end()),
            };
            if number == 0 && markdown {
                let rules = widths.iter().enumerate().map(|(column, &width)| match column {
                    0 => "-".repeat(width),
                    _ => "-".repeat(width.max(2) - 1) + ":",
                });
                text += &format!("| {} |\n", rules.collect::<Vec<_>>().join(" | "));
            }
        }
        text
    }
}
