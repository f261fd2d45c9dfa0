//! The lines that `docs/LOGGING.md` lists are written somewhere.

use std::fs;

use crate::{
    assert_none,
    workspace::{metadata, sources},
};

/// Shorter parts of a line could stand anywhere.
const PART_LENGTH_MIN: usize = 6;

#[test]
fn lines_on_the_page_are_written_somewhere() {
    let root = metadata().workspace_root;
    let page = fs::read_to_string(root.join("docs/LOGGING.md")).unwrap();
    let code: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("tests"))
        .map(|(_, text)| joined(&text))
        .collect();
    let code = code.concat();
    let rows = rows(&page);
    assert!(rows.len() > 20, "{rows:?}");
    let missing = |row: &&String| parts(row).iter().any(|part| !code.contains(part.as_str()));
    let faults: Vec<String> =
        rows.iter().filter(missing).map(|row| format!("nothing writes this line: {row}")).collect();
    assert_none(&faults);
}

#[test]
fn parts_of_a_line_are_what_does_not_change() {
    assert_eq!(
        parts("run of workflow `…` is blocked (attempt …): *type*: *message*; retried in …"),
        ["run of workflow `", "` is blocked (attempt", "; retried in"]
    );
    assert_eq!(joined("\"one \\\n        two\""), "\"one two\"");
}

/// The second column of the table whose first column is a level.
fn rows(page: &str) -> Vec<String> {
    let is_level = |text: &str| matches!(text, "ERROR" | "WARN" | "WARN, ERROR" | "INFO");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim);
        cells.find(|cell| !cell.is_empty()).filter(|cell| is_level(cell))?;
        cells.next()
    });
    rows.flat_map(|cell| cell.split(" / ")).map(str::to_owned).collect()
}

/// What stands between names and numbers.
fn parts(row: &str) -> Vec<String> {
    let row = ["*type*", "*message*", "*reason*", "*error*"]
        .iter()
        .fold(row.to_owned(), |row, name| row.replace(name, "…"));
    let parts = row.split('…').map(str::trim).filter(|part| part.len() >= PART_LENGTH_MIN);
    parts.map(str::to_owned).collect()
}

/// The text with string literals in one line.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |joined, part| joined + part.trim_start())
}
