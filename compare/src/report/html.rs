//! The page: one file without anything to fetch, for phones and wide screens, light and dark.

use super::plot;
use super::table::Table;
use super::text;
use crate::results::{self, Board, Results};
use std::collections::BTreeSet;

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub fn page(results: &Results) -> String {
    let names: BTreeSet<&str> = results.boards.iter().flat_map(Board::allocators).collect();
    let known = crate::peers::contenders().map(|contender| contender.name()).filter(|name| names.contains(name));
    let chips: String = known.map(|name| format!("<button data-name=\"{name}\">{name}</button>")).collect();
    let facts: String = text::head(results).split("\n\n").map(|line| format!("<p>{}</p>", escape(line))).collect();
    let boards: String = results.boards.iter().map(board).collect();
    let troubles = if results.troubles.is_empty() {
        String::new()
    } else {
        let item = |trouble: &crate::record::Trouble| {
            let app = trouble.app.as_deref().unwrap_or("all applications");
            format!(
                "<li>{}</li>",
                escape(&format!("{}, {app} ({}): {}", trouble.allocator, trouble.profile, trouble.reason))
            )
        };
        format!("<h2>Without figures</h2><ul>{}</ul>", results.troubles.iter().map(item).collect::<String>())
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>arenal and its peers</title>\
         <style>{STYLE}</style></head>\n<body><main><h1>Whole applications on arenal and its peers</h1>{facts}\
         <nav aria-label=\"Highlight an allocator\">{chips}</nav>\n{boards}{troubles}\
         <h2>Who is compared</h2>{}</main><script>{SCRIPT}</script></body></html>\n",
        table(&text::legend())
    )
}

fn board(board: &Board) -> String {
    let figure =
        |caption: &str, svg: String| format!("<figure><figcaption>{}</figcaption>{svg}</figure>\n", escape(caption));
    let details =
        |summary: &str, of: &Table| format!("<details><summary>{}</summary>{}</details>\n", escape(summary), table(of));
    let mut html = format!("<h2>{}</h2><div class=\"plots\">", escape(text::title(board)));
    html += &figure("Means over all applications, glibc = 1", plot::map(board, results::WALL, results::PEAK));
    html +=
        &figure("Time, glibc = 1", plot::strips(board, results::WALL, "Time of each application relative to glibc"));
    html += &figure(
        "Peak memory, glibc = 1",
        plot::strips(board, results::PEAK, "Peak memory of each application relative to glibc"),
    );
    html += &figure(
        "Memory after the data is dropped and given back, glibc = 1",
        plot::strips(board, results::TRIMMED, "Memory of each application after trimming relative to glibc"),
    );
    html += &format!("</div>{}{}", table(&text::overview(board)), table(&text::applications(board)));
    html += &details("Time relative to glibc", &text::ratios(board, results::WALL));
    html += &details("Peak memory relative to glibc", &text::ratios(board, results::PEAK));
    html += &details("MiB after the data is dropped → after asking to give memory back", &text::leftovers(board));
    html + &details("All figures", &text::everything(board))
}

/// In a box that scrolls by itself, so that the page need not.
fn table(table: &Table) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{cells}</tr>")
    };
    let body: String = table.rows().iter().map(|cells| row(cells, "td")).collect();
    format!("<div class=\"box\"><table><thead>{}</thead><tbody>{body}</tbody></table></div>\n", row(table.head(), "th"))
}

const STYLE: &str = "
:root { --back: #fff; --text: #1c2024; --faint: #62696f; --line: #dfe3e6; --dot: #9aa2a9; --own: #c2410c; --chosen: #1d6fd1; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171a; --text: #e8eaec; --faint: #9aa2a9; --line: #2f353a; --dot: #6d757c; --own: #fb8c4a; --chosen: #6cb2ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2rem; }
p, li { color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; background: var(--back); padding: 8px 0; display: flex; gap: 6px; z-index: 1;
  overflow-x: auto; }
button { flex: none; font: inherit; font-size: .85rem; padding: 4px 10px; min-height: 32px; border: 1px solid var(--line); border-radius: 16px;
  background: none; color: var(--text); cursor: pointer; }
button[data-name=arenal] { color: var(--own); border-color: var(--own); }
button.chosen { background: var(--chosen); border-color: var(--chosen); color: var(--back); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 24px; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .9rem; margin-bottom: 4px; }
svg { display: block; width: 100%; max-width: 560px; height: auto; font-size: 11px; }
svg text { fill: var(--text); } svg .tick { fill: var(--faint); font-size: 10px; }
svg .grid, svg .lane { stroke: var(--line); stroke-width: 1; } svg .lane { stroke-dasharray: 1 3; }
svg .one { stroke: var(--faint); stroke-width: 1; }
.dot circle { fill: var(--dot); fill-opacity: .75; } .dot line { stroke: none; stroke-width: 2; }
.dot text { fill: var(--faint); }
.variant circle { fill: none; stroke: var(--dot); }
.dot.own circle { fill: var(--own); fill-opacity: 1; } .dot.own line { stroke: var(--own); } .dot.own text { fill: var(--own); font-weight: 600; }
.dot.chosen circle { fill: var(--chosen); fill-opacity: 1; stroke: none; } .dot.chosen line { stroke: var(--chosen); }
.dot.chosen text { fill: var(--chosen); font-weight: 600; }
.box { overflow-x: auto; margin: 16px 0; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; } tr > :first-child { text-align: left; }
summary { cursor: pointer; padding: 8px 0; }
";

/// A tap on a name shows that allocator in all plots; a second tap hides it again.
const SCRIPT: &str = "
for (const button of document.querySelectorAll('nav button')) button.addEventListener('click', () => {
  const on = !button.classList.contains('chosen');
  for (const old of document.querySelectorAll('.chosen')) old.classList.remove('chosen');
  if (!on) return;
  for (const hit of document.querySelectorAll(`[data-name=\"${button.dataset.name}\"]`)) {
    hit.classList.add('chosen');
    if (hit.tagName === 'g') hit.parentNode.append(hit);
  }
});
";
