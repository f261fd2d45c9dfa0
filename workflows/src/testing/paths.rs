//! Where a worker keeps its files is its own business: no path of it is shown to students.

use std::path::Path;

/// How the temporary folders of the sandbox begin.
const OF_SANDBOX: &str = "/ctutor-sandbox-";

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

    /// The text without the folders, and without those in which the sandbox keeps what it shows to commands.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (folder, shown) in &self.0 {
            text = replace(&text, shown, |rest| whole(rest, folder));
        }
        let temporary = std::env::temp_dir();
        let temporary = temporary.to_string_lossy();
        replace(&text, "…", |rest| {
            // The table of mounts tells a folder's place in its file system, which may be without that of the mount.
            let start = prefix(rest, temporary.trim_end_matches('/')).unwrap_or(0);
            let start = start + prefix(&rest[start..], OF_SANDBOX)?;
            let random = rest[start..].find(|c: char| !c.is_ascii_alphanumeric());
            Some(random.map_or(rest.len(), |end| start + end))
        })
    }
}

/// Replaces all of which `find` gives the length, looking from where a path can begin.
fn replace(text: &str, shown: &str, find: impl Fn(&str) -> Option<usize>) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['/', '%']) {
        replaced.push_str(&rest[..start]);
        rest = &rest[start..];
        match find(rest) {
            Some(length) => {
                replaced.push_str(shown);
                rest = &rest[length..];
            }
            None => {
                replaced.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    replaced.push_str(rest);
    replaced
}

/// The length of a folder with which the text begins, if its last name ends with it.
fn whole(text: &str, folder: &str) -> Option<usize> {
    let length = prefix(text, folder)?;
    let goes_on =
        text[length..].starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '-'));
    (!goes_on).then_some(length)
}

/// The length of a path with which the text begins, as it is, percent-encoded in whole or in part, or with repeated
/// slashes.
fn prefix(text: &str, path: &str) -> Option<usize> {
    let mut at = 0;
    for (index, expected) in path.bytes().enumerate() {
        at += byte(&text.as_bytes()[at..], expected)?;
        // Those before the path may be of a URL.
        while let (1.., b'/', Some(length)) = (index, expected, byte(&text.as_bytes()[at..], b'/')) {
            at += length;
        }
    }
    text.is_char_boundary(at).then_some(at)
}

/// How many bytes of the text stand for this one, with which it should begin.
fn byte(text: &[u8], expected: u8) -> Option<usize> {
    match text {
        [first, ..] if *first == expected => Some(1),
        [b'%', high, low, ..] => {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            (digit(high)? * 16 + digit(low)? == u32::from(expected)).then_some(3)
        }
        _ => None,
    }
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
            ("/data///cache//git", "<cache>//git"),
            ("%2Fdata%2fcache/a and /d%61ta/cache%2Fb", "<cache>/a and <cache>%2Fb"),
            ("100% of /data/cäche, %2", "100% of /data/cäche, %2"),
            ("1 / /ctutor-sandbox-a1B2/etc /etc ro", "1 / …/etc /etc ro"),
        ] {
            assert_eq!(hidden.hide(text), expected);
        }
        let temporary = std::env::temp_dir().join("ctutor-sandbox-a1B2/etc");
        assert_eq!(hidden.hide(&temporary.to_string_lossy()), "…/etc");
    }
}
