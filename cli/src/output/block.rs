use std::fmt;

use super::visible;

/// Names and values below each other, the values [`visible()`] and in one column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    lines: Vec<(String, String)>,
}

impl Block {
    /// Adds a line.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give a text of theirs or one that they just made"
    )]
    pub(crate) fn line(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.lines.push((name.into(), visible(&value.to_string())));
        self
    }

    /// Adds a line, if there is a value.
    #[must_use]
    pub(crate) fn maybe(self, name: impl Into<String>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.line(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (at, (name, value)) in self.lines.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            // Further lines of a value stand below its first.
            let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
            write!(f, "{name:<width$}  {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column() {
        let block = Block::default()
            .line("status", "FAILED")
            .maybe("result", None::<&str>)
            .maybe("task queue", Some("testing"))
            .line("input", "{\n}\u{1b}");
        assert_eq!(
            block.to_string(),
            "status      FAILED\ntask queue  testing\ninput       {\n            }\u{fffd}"
        );
    }
}
