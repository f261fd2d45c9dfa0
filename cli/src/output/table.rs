use std::fmt;

use comfy_table::{ContentArrangement, presets};

use super::in_one_line;

/// Rows below a heading, in columns without lines, easy on eyes and on `awk`.
#[derive(Debug)]
pub(crate) struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(columns);
        for column in inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { inner }
    }

    /// Adds a row. What comes first counts most: narrow terminals show no more.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.inner.add_row(cells.map(|cell| in_one_line(&cell)));
    }

    /// Its lines, cut where they are longer than this.
    pub(crate) fn within(&self, width: Option<usize>) -> String {
        let cut = |line: String| console::truncate_str(&line, width.unwrap_or(usize::MAX), "…").into_owned();
        let lines: Vec<String> = self.inner.lines().map(|line| cut(line.trim_end().to_owned())).collect();
        lines.join("\n")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.within(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_not_padded() {
        let mut table = Table::new(["NAME", "BACKLOG"]);
        table.row(["computor-tasks".into(), "3".into()]);
        table.row(["testing".into(), "0".into()]);
        assert_eq!(table.to_string(), "NAME            BACKLOG\ncomputor-tasks  3\ntesting         0");
    }

    #[test]
    fn lines_are_cut_to_the_width_and_cells_are_visible() {
        let mut table = Table::new(["NAME", "STATUS"]);
        table.row(["a\u{1b}[2J\nb".into(), "RUNNING".into()]);
        table.row(["中中".into(), "FAILED".into()]);
        assert_eq!(table.within(Some(13)), "NAME     STA…\na\u{fffd}[2J b  RUN…\n中中     FAI…");
        assert_eq!(table.within(Some(80)), table.to_string());
    }
}
