//! Where a worker keeps its files is its own business: no path of it is shown to students.

use std::path::Path;

/// Folders of the worker, and what is shown in their place.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden(Vec<(String, &'static str)>);

impl Hidden {
    /// Also hides this folder, unless it is so high up that it says nothing of the worker.
    pub(super) fn and(mut self, folder: &Path, shown: &'static str) -> Self {
        let folder = folder.to_string_lossy().trim_end_matches('/').to_owned();
        if folder.len() > 1 {
            self.0.push((folder, shown));
            // A folder within another is looked for first.
            self.0.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        }
        self
    }

    /// The text without the folders.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (folder, shown) in &self.0 {
            text = replace_whole(&text, folder, shown);
        }
        text
    }
}

/// Replaces a folder where its last name ends with it.
fn replace_whole(text: &str, folder: &str, shown: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(folder) {
        let end = start + folder.len();
        let goes_on = rest[end..]
            .chars()
            .next()
            .is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '-'));
        replaced.push_str(&rest[..start]);
        replaced.push_str(if goes_on { folder } else { shown });
        rest = &rest[end..];
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_worker_are_hidden_and_others_are_not() {
        let hidden = Hidden::default()
            .and(Path::new("/data/cache"), "<cache>")
            .and(Path::new("/data/cache/test-1/work"), ".")
            .and(Path::new("/"), "<root>");
        for (text, expected) in [
            ("File \"/data/cache/test-1/work/a.py\", line 1", "File \"./a.py\", line 1"),
            ("file:///data/cache/git/ab: /data/cache", "file://<cache>/git/ab: <cache>"),
            ("/data/cached and /data/cache-2", "/data/cached and /data/cache-2"),
            ("/data/cache/test-1/workshop", "<cache>/test-1/workshop"),
            ("/usr/bin/python3", "/usr/bin/python3"),
        ] {
            assert_eq!(hidden.hide(text), expected);
        }
    }
}
