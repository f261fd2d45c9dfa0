//! Each source file is open to view, and finished.

use crate::{
    assert_none,
    workspace::{metadata, sources},
};

/// Lines of a file, with comments and tests. The bound of a function's lines is in `clippy.toml`.
const FILE_LINES_MAX: usize = 500;

#[test]
fn every_source_file_is_open_to_view() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults
                .push(format!("{} has {lines} lines, at most {FILE_LINES_MAX} are allowed", path.display()));
        }
    }
    assert_none(&faults);
}

/// Whoever prints a page on a terminal must not be steered by it.
#[test]
fn no_page_has_control_characters() {
    let root = metadata().workspace_root;
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { pages.push(path) }
        }
    }
    let mut faults = Vec::new();
    for page in pages {
        for (index, line) in std::fs::read_to_string(&page).unwrap().lines().enumerate() {
            if let Some(found) = line.chars().find(|character| character.is_control()) {
                faults.push(format!("{}:{} has {found:?}", page.display(), index + 1));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file is not found.
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
    ];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (index, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                faults.push(format!("{}:{} has `{mark}`", path.display(), index + 1));
            }
        }
    }
    assert_none(&faults);
}
