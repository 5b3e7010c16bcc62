//! The report: tables for the terminal and in Markdown, and a page with plots.

mod html;
mod plot;
mod table;
mod text;

use crate::peers::Contender;
use crate::results::Results;
use std::fs;
use std::path::Path;

pub use text::terminal;

pub fn write(results: &Results, folder: &Path) -> Result<(), String> {
    let fail = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(fail)?;
    fs::write(folder.join("report.md"), text::markdown(results)).map_err(fail)?;
    fs::write(folder.join("report.html"), html::page(results)).map_err(fail)
}

/// What a contender is, in words.
pub fn words(contender: &Contender) -> String {
    let Some(variant) = contender.variant else { return contender.peer.what.to_owned() };
    let settings: Vec<String> = variant.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let huge = if variant.without_huge_pages { "no huge pages for this process (prctl)" } else { "" };
    let parts: Vec<&str> = settings.iter().map(String::as_str).chain([huge]).filter(|part| !part.is_empty()).collect();
    format!("{}: {}", contender.peer.name, parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn tables_carry_the_figures() {
        let text = text::markdown(&Results::new(&fixture::records()));
        let line = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {text}"))
        };
        assert!(line("| arenal |").contains("| 0.63 |"), "{}", line("| arenal |"));
        assert!(
            line("| json |").contains("| 1000 (750–1250) | 1600 (1200–2000) jemalloc | 0.62 |"),
            "{}",
            line("| json |")
        );
        assert!(line("| cache |").contains("| 1.60 |"), "{}", line("| cache |"));
        assert!(text.contains("- tcmalloc, all applications (release): does not build: error: <no> compiler"));
        assert!(text.contains("transparent huge pages: madvise"));
        let terminal = terminal(&Results::new(&fixture::records()));
        assert!(terminal.contains("jemalloc-thp") && terminal.contains("0.40"), "{terminal}");
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_fits_a_phone() {
        let page = html::page(&Results::new(&fixture::records()));
        assert!(page.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"));
        for foreign in ["http:", "https:", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert_eq!(page.matches("<table>").count(), page.matches("<div class=\"box\"><table>").count());
        assert_eq!(page.matches("<svg").count(), 4);
        assert!(page.contains("error: &lt;no&gt; compiler"));
        assert!(page.contains("<title>json: arenal 0.50</title>"));
        assert!(page.contains("<g class=\"dot variant\" data-name=\"jemalloc-thp\">"));
    }
}
