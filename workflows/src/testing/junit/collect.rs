//! The reports that a command left behind. Its processes have ended, so that nothing changes any more.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    case::{Case, Reported, fail_all},
    decode::decode,
    fault::{CASES_MAX, Fault},
    read::read,
};
use crate::testing::files::is_like;

/// For all files together.
const BYTES_MAX: u64 = 16 << 20;
const FILES_MAX: usize = 1_000;
/// How many files are looked at for the report that is missing, how much of each, and how many of them are named.
const LIKE_READ_MAX: usize = 100;
const LIKE_BYTES_MAX: u64 = 1 << 10;
const LIKE_SHOWN_MAX: usize = 3;

/// All that was reported.
#[derive(Debug, Default)]
pub(in crate::testing) struct Collected {
    /// In the order of the files' names.
    pub(in crate::testing) cases: Vec<Case>,
    /// What could not be read, and why.
    pub(in crate::testing) faults: Vec<String>,
    /// The first word or element that is not known, and where. What has it has failed.
    pub(in crate::testing) unknown: Option<String>,
}

/// Reads the reports below `root` that `pattern` names. No link is followed.
pub(in crate::testing) fn collect(root: &Path, pattern: &str) -> Collected {
    let mut found = Found::default();
    found.search(root, pattern);
    let Found { mut files, faults } = found;
    files.sort();
    let mut collected = Collected { faults, ..Collected::default() };
    if files.is_empty() && collected.faults.is_empty() {
        collected.faults.push(missing(root, pattern));
    }
    if files.len() > FILES_MAX {
        collected.faults.push(format!("there are more than {FILES_MAX} reports"));
        return collected;
    }
    let mut room = BYTES_MAX;
    let mut untold = None;
    for file in &files {
        match read_file(root, file, &mut room) {
            Ok(report) if collected.cases.len() + report.cases.len() <= CASES_MAX => {
                collected.cases.extend(report.cases);
                untold = untold.or(report.untold);
                let unknown = report.unknown.map(|unknown| format!("`{}`: {unknown}", file.display()));
                collected.unknown = collected.unknown.or(unknown);
            }
            Ok(_) => {
                collected.faults.push(format!("the reports have more than {CASES_MAX} tests"));
                return collected;
            }
            Err(fault) => collected.faults.push(format!("`{}`: {fault}", file.display())),
        }
    }
    if let Some(reason) = untold {
        fail_all(&mut collected.cases, &reason);
    }
    collected
}

fn read_file(root: &Path, file: &Path, room: &mut u64) -> Result<Reported, String> {
    let unread = |error: io::Error| format!("it cannot be read: {}", error.kind());
    let mut bytes = Vec::new();
    let opened = fs::File::open(root.join(file)).map_err(unread)?;
    let size = opened.take(*room + 1).read_to_end(&mut bytes).map_err(unread)? as u64;
    if size > *room {
        return Err(format!(
            "the reports are larger than {} MiB; tests that print less make them smaller",
            BYTES_MAX >> 20
        ));
    }
    *room -= size;
    let fault = |fault: Fault| fault.to_string();
    // The folder has another name at each run, and some frameworks name tests by their paths.
    let text = decode(&bytes).map_err(fault)?.replace(&*root.to_string_lossy(), ".");
    read(&text).map_err(fault)
}

/// That there is no report, and what there is instead.
fn missing(root: &Path, pattern: &str) -> String {
    let mut all = Found::default();
    all.below(root, vec![PathBuf::new()]);
    all.files.sort();
    let others = all.files.iter().take(LIKE_READ_MAX).filter(|file| is_like_a_report(&root.join(file)));
    let others: Vec<String> =
        others.take(LIKE_SHOWN_MAX).map(|file| format!("`{}`", file.display())).collect();
    match others.as_slice() {
        [] => format!("no report `{pattern}` was written"),
        others => format!("no report `{pattern}` was written, but {}", others.join(" and ")),
    }
}

/// Whether the beginning of a file has an element of a report.
fn is_like_a_report(file: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(LIKE_BYTES_MAX).read_to_end(&mut start));
    read.is_ok() && String::from_utf8_lossy(&start).contains("<testsuite")
}

#[derive(Debug, Default)]
struct Found {
    /// Below the root.
    files: Vec<PathBuf>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    File,
    Folder,
    Link,
    /// A pipe and the like.
    Neither,
}

impl Found {
    fn search(&mut self, root: &Path, pattern: &str) {
        let mut folders = vec![PathBuf::new()];
        let mut parts = pattern.trim_end_matches('/').split('/').peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            let mut deeper = Vec::new();
            for folder in folders {
                for (path, what) in self.entries(root, &folder, |name| is_like(name, part)) {
                    match what {
                        What::Folder => deeper.push(path),
                        What::File if is_last => self.files.push(path),
                        What::File => {}
                        What::Link | What::Neither => self.refuse(&path, what),
                    }
                }
            }
            folders = deeper;
        }
        self.below(root, folders);
    }

    /// The files `.xml` in these folders and in those below them.
    fn below(&mut self, root: &Path, mut folders: Vec<PathBuf>) {
        while let Some(folder) = folders.pop() {
            for (path, what) in self.entries(root, &folder, |_| true) {
                let is_xml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
                match what {
                    What::Folder => folders.push(path),
                    What::File if is_xml => self.files.push(path),
                    What::Link | What::Neither if is_xml => self.refuse(&path, what),
                    What::File | What::Link | What::Neither => {}
                }
            }
        }
    }

    fn entries(&mut self, root: &Path, folder: &Path, takes: impl Fn(&str) -> bool) -> Vec<(PathBuf, What)> {
        let read = || -> io::Result<Vec<(PathBuf, What)>> {
            let mut entries = Vec::new();
            for entry in fs::read_dir(root.join(folder))? {
                let entry = entry?;
                let name = entry.file_name();
                if !name.to_str().is_some_and(&takes) {
                    continue;
                }
                let kind = entry.file_type()?;
                let what = match (kind.is_file(), kind.is_dir()) {
                    (true, _) => What::File,
                    (_, true) => What::Folder,
                    _ if kind.is_symlink() => What::Link,
                    _ => What::Neither,
                };
                entries.push((folder.join(name), what));
            }
            Ok(entries)
        };
        read().unwrap_or_else(|error| {
            self.faults.push(format!("`{}`: it cannot be read: {}", folder.display(), error.kind()));
            Vec::new()
        })
    }

    fn refuse(&mut self, path: &Path, what: What) {
        let reason = match what {
            What::Link => "it is a symbolic link, and links are not followed: write the report itself there",
            What::File | What::Folder | What::Neither => "it is not a file",
        };
        self.faults.push(format!("`{}`: {reason}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::report::Verdict;

    const ONE: &str = r#"<testsuite><testcase name="one"/></testsuite>"#;
    const TWO: &str = r#"<testsuite><testcase name="two"><failure message="no"/></testcase></testsuite>"#;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn names(collected: &Collected) -> Vec<&str> {
        collected.cases.iter().map(|case| case.name.as_str()).collect()
    }

    #[test]
    fn files_folders_and_parts_of_names_are_found_in_the_order_of_their_names() {
        let folder = folder(&[
            ("b/reports/TEST-two.xml", TWO),
            ("a/reports/TEST-one.xml", ONE),
            ("a/reports/deep/more.xml", TWO),
            ("a/reports/one.txt", "text"),
            ("report.xml", ONE),
        ]);
        for (pattern, expected) in [
            ("report.xml", &["one"][..]),
            ("*/reports/TEST-*.xml", &["one", "two"]),
            ("a/reports", &["one", "two"]),
            ("b/", &["two"]),
        ] {
            let collected = collect(folder.path(), pattern);
            assert_eq!((names(&collected).as_slice(), collected.faults.len()), (expected, 0), "{pattern}");
        }
        assert_eq!(collect(folder.path(), "b").cases[0].verdict, Verdict::Failed);
    }

    #[test]
    fn a_report_that_is_not_there_is_a_fault() {
        let folder = folder(&[("a", "file")]);
        for pattern in ["report.xml", "a/report.xml", "*/x"] {
            let collected = collect(folder.path(), pattern);
            assert_eq!(collected.faults, [format!("no report `{pattern}` was written")]);
        }
    }

    #[test]
    fn a_report_in_another_place_is_told() {
        let folder = folder(&[
            ("Report.XML", ONE),
            ("build/pom.xml", "<project/>"),
            ("build/r.xml", TWO),
            ("build/r.txt", ONE),
        ]);
        let told = |pattern| collect(folder.path(), pattern).faults;
        let expected = "no report `report.xml` was written, but `Report.XML` and `build/r.xml`";
        assert_eq!(told("report.xml"), [expected]);
        symlink("r.txt", folder.path().join("build/link.xml")).unwrap();
        assert_eq!(told("out"), ["no report `out` was written, but `Report.XML` and `build/r.xml`"]);
    }

    #[test]
    fn links_are_not_followed() {
        let folder = folder(&[("elsewhere/report.xml", ONE)]);
        symlink("elsewhere/report.xml", folder.path().join("report.xml")).unwrap();
        symlink("elsewhere", folder.path().join("build")).unwrap();
        for pattern in ["report.xml", "build/report.xml", "build"] {
            let collected = collect(folder.path(), pattern);
            assert!(collected.cases.is_empty(), "{pattern}");
            assert!(collected.faults[0].contains("`: it is a symbolic link"), "{collected:?}");
        }
    }

    #[test]
    fn one_bad_file_does_not_spoil_the_others() {
        let folder = folder(&[("r/a.xml", "<testsuite>"), ("r/b.xml", ONE)]);
        let collected = collect(folder.path(), "r");
        assert_eq!(names(&collected), ["one"]);
        assert_eq!(
            collected.faults,
            ["`r/a.xml`: it is cut off: it ends in line 1, before the element `testsuite` does"]
        );
    }

    #[test]
    fn a_report_is_read_in_the_encoding_that_it_declares() {
        let folder = tempfile::tempdir().unwrap();
        let report = |encoding: &str, name: &[u8]| {
            let start = format!("<?xml version='1.0' encoding='{encoding}'?><testsuite><testcase name='");
            [start.as_bytes(), name, b"'/></testsuite>"].concat()
        };
        fs::write(folder.path().join("a.xml"), report("ISO-8859-1", b"\xfcber")).unwrap();
        fs::write(folder.path().join("b.xml"), report("klingon", b"b")).unwrap();
        let collected = collect(folder.path(), "*.xml");
        assert_eq!(names(&collected), ["über"]);
        let fault = "`b.xml`: its encoding `klingon` is not supported; write the report in UTF-8";
        assert_eq!(collected.faults, [fault]);
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let folder = folder(&[("a.xml", ONE)]);
        let file = fs::File::create(folder.path().join("b.xml")).unwrap();
        file.set_len(1 << 40).unwrap();
        let collected = collect(folder.path(), "*.xml");
        assert_eq!(names(&collected), ["one"]);
        assert_eq!(
            collected.faults,
            ["`b.xml`: the reports are larger than 16 MiB; tests that print less make them smaller"]
        );
    }

    #[test]
    fn the_folder_of_the_run_is_not_in_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{}/a.test.js", folder.path().display());
        fs::write(
            folder.path().join("r.xml"),
            format!(r#"<testsuite><testcase classname="{name}" name="adds"/></testsuite>"#),
        )
        .unwrap();
        assert_eq!(names(&collect(folder.path(), "r.xml")), ["./a.test.js::adds"]);
    }
}
