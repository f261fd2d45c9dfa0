//! Which files go into a test, and how they get there. No link is ever followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Broken,
    names::{Spelling, composed},
    plan::Maxima,
};

/// Names that would let a student's file change how the tests are run.
const REFUSED: [&str; 8] = [
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "setup.cfg",
    "pyproject.toml",
    "sitecustomize.py",
    "usercustomize.py",
];
const REFUSED_FOLDERS: [&str; 3] = ["__pycache__", ".git", ".pytest_cache"];
/// How a Git LFS pointer begins, and how long one is at most.
const LFS_START: &[u8] = b"version https://git-lfs.github.com/spec/";
const LFS_BYTES_MAX: u64 = 1024;
const DEPTH_MAX: usize = 32;
const SHOWN_CHARS_MAX: usize = 200;
/// The longest path that Linux takes.
const PATTERN_BYTES_MAX: usize = 4096;
const STARS_MAX: usize = 16;

/// Files of one folder, by their paths where the tests run.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) files: Vec<PathBuf>,
    /// The paths in the folder of the files that have others there.
    sources: BTreeMap<PathBuf, PathBuf>,
}

/// Every ordinary file below `root` whose path the filter takes, in order of their names. The filter gets the path that
/// the file has where the tests run. `whose` names the root in messages.
pub(super) fn select(
    whose: &'static str,
    root: &Path,
    maxima: &Maxima,
    spelling: &Spelling,
    takes: impl Fn(&Path) -> bool,
) -> Result<Selection, Broken> {
    let mut selection = Selection::default();
    let mut bytes = 0;
    let mut pending = vec![PathBuf::new()];
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(root.join(&folder)).map_err(Broken::files("reading a folder"))?;
        for entry in entries {
            let entry = entry.map_err(Broken::files("reading a folder"))?;
            let path = folder.join(entry.file_name());
            let metadata = entry.metadata().map_err(Broken::files("reading a folder"))?;
            let target = spelling.apply(&path);
            if metadata.is_dir() {
                if path.components().count() <= DEPTH_MAX {
                    if takes(&target) && is_empty(&root.join(&path))? {
                        return Err(Broken::Submodule { whose, path: shown(&path) });
                    }
                    pending.push(path);
                } else if takes(&target) {
                    return Err(Broken::TooDeep { whose, path: shown(&path), folders_max: DEPTH_MAX });
                }
            } else if metadata.is_file() && takes(&target) {
                bytes += metadata.len();
                if metadata.len() <= LFS_BYTES_MAX && is_lfs_pointer(&root.join(&path))? {
                    return Err(Broken::LfsPointer { whose, path: shown(&path) });
                }
                selection.add(target.into_owned(), path);
            }
            if selection.files.len() as u64 > maxima.files {
                return Err(Broken::TooLarge { whose, limit: "files", max: maxima.files });
            }
            if bytes > maxima.file_bytes {
                return Err(Broken::TooLarge { whose, limit: "file_bytes", max: maxima.file_bytes });
            }
        }
    }
    selection.files.sort();
    match selection.twice() {
        Some(path) => Err(Broken::SameName { whose, path: shown(path) }),
        None => Ok(selection),
    }
}

impl Selection {
    fn add(&mut self, target: PathBuf, source: PathBuf) {
        self.files.push(target.clone());
        if target != source {
            self.sources.insert(target, source);
        }
    }

    /// A path that two files have, or a file and a folder. They differ only in the form of their names.
    fn twice(&self) -> Option<&Path> {
        let same = self.files.windows(2).find(|two| two[0] == two[1]).map(|two| two[0].as_path());
        same.or_else(|| if self.sources.is_empty() { None } else { self.clash_with(self) })
    }

    /// The file that cannot lie beside those of `other`, which have a folder of its name.
    pub(super) fn clash_with(&self, other: &Self) -> Option<&Path> {
        let folders: BTreeSet<&Path> = other.files.iter().flat_map(|file| file.ancestors().skip(1)).collect();
        self.files.iter().map(PathBuf::as_path).find(|file| folders.contains(file))
    }

    /// Copies the files from `root` to `into`, readable for the user that the tests run as.
    pub(super) fn copy(&self, root: &Path, into: &Path) -> Result<(), Broken> {
        for path in &self.files {
            let target = into.join(path);
            if let Some(parent) = path.parent() {
                make_folders(into, parent).map_err(Broken::files("making a folder"))?;
            }
            let source = self.sources.get(path).unwrap_or(path);
            fs::copy(root.join(source), &target).map_err(Broken::files("copying a file"))?;
            let executable =
                fs::metadata(&target).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0);
            set_mode(&target, if executable { 0o755 } else { 0o644 })
                .map_err(Broken::files("copying a file"))?;
        }
        Ok(())
    }
}

/// Git keeps no empty folder, except in the place of a submodule.
fn is_empty(folder: &Path) -> Result<bool, Broken> {
    let mut entries = fs::read_dir(folder).map_err(Broken::files("reading a folder"))?;
    Ok(entries.next().is_none())
}

fn is_lfs_pointer(file: &Path) -> Result<bool, Broken> {
    let content = fs::read(file).map_err(Broken::files("reading a file"))?;
    Ok(content.starts_with(LFS_START))
}

/// Makes `below` in `root`, whatever the file mode mask of the worker is.
pub(super) fn make_folders(root: &Path, below: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    for part in below.components() {
        path.push(part);
        if !path.is_dir() {
            fs::create_dir(&path)?;
            set_mode(&path, 0o755)?;
        }
    }
    Ok(())
}

/// A path of a repository, fit for a message.
pub(super) fn shown(path: &Path) -> String {
    composed(&path.to_string_lossy()).chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect()
}

pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Whether a path is one of those that `patterns` name: a file, all below a folder, `*` for any part of a name.
pub(super) fn is_named(path: &Path, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let mut names = path.iter();
        pattern
            .trim_end_matches('/')
            .split('/')
            .all(|part| names.next().and_then(|name| name.to_str()).is_some_and(|name| is_like(name, part)))
    })
}

/// Whether a name matches a pattern, in which `*` stands for any characters. Composed and decomposed letters are equal.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    matches(&composed(name), &composed(pattern))
}

/// Each part between two `*` takes the first place that it fits. If a later place led to a match, so does this one, since
/// it leaves more of the name. Trying all places would take time that is exponential in the number of `*`.
fn matches(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name.strip_prefix(start).and_then(|tail| tail.strip_suffix(end));
    let Some(mut inner) = inner else { return false };
    middle.split('*').all(|part| {
        let Some(at) = inner.find(part) else { return false };
        inner = &inner[at + part.len()..];
        true
    })
}

/// What is wrong with a pattern that is longer than the paths of any system, or has more `*` than anybody needs.
pub(super) fn fault_of(pattern: &str) -> Option<String> {
    let stars = pattern.matches('*').count();
    if pattern.len() > PATTERN_BYTES_MAX {
        Some(format!("has {} bytes; at most {PATTERN_BYTES_MAX} are allowed", pattern.len()))
    } else if stars > STARS_MAX {
        Some(format!("has {stars} times `*`; at most {STARS_MAX} are allowed"))
    } else {
        None
    }
}

/// Whether a student's file is refused whatever the plan says.
pub(super) fn is_refused(path: &Path) -> bool {
    let is_one_of = |names: &[&str]| {
        path.iter().any(|part| {
            part.to_str().is_none_or(|part| names.iter().any(|name| part.eq_ignore_ascii_case(name)))
        })
    };
    let compiled = path.extension().is_some_and(|extension| extension == "pyc" || extension == "pth");
    compiled || is_one_of(&REFUSED) || is_one_of(&REFUSED_FOLDERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_folders_and_parts_of_names() {
        let patterns = ["triangle.py", "src/", "data/*.csv", "a*b*c", "\u{fc}/*\u{e4}.py"].map(str::to_owned);
        for path in [
            "triangle.py",
            "src/deep/er.py",
            "data/points.csv",
            "abc",
            "a-b-b-c",
            "u\u{308}/xa\u{308}.py",
            "\u{fc}/\u{e4}.py",
        ] {
            assert!(is_named(Path::new(path), &patterns), "{path}");
        }
        for path in ["triangle.pyc", "srcs/a", "data/deep/points.csv", "sub/triangle.py", "acb", "data"] {
            assert!(!is_named(Path::new(path), &patterns), "{path}");
        }
    }

    #[test]
    fn a_pattern_of_many_parts_is_compared_in_linear_time() {
        let long = "a".repeat(200);
        assert!(!is_like(&long, &format!("{}b", "*a".repeat(100))));
        assert!(is_like(&long, &"*a".repeat(200)) && !is_like(&long, &"*a".repeat(201)));
        for (name, pattern, expected) in [
            ("aba", "ab*ba", false),
            ("abba", "ab*ba", true),
            ("abab", "*ab", true),
            ("xaby", "*a*b*", true),
            ("aab", "a*ab*b", false),
            ("", "**", true),
            ("\u{e4}b", "\u{e4}*b", true),
        ] {
            assert_eq!(is_like(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn a_pattern_that_is_too_long_or_has_too_many_stars_is_at_fault() {
        assert_eq!(fault_of("src/*/*.py"), None);
        let stars = fault_of(&"*a".repeat(17));
        assert_eq!(stars.as_deref(), Some("has 17 times `*`; at most 16 are allowed"));
        let long = fault_of(&"a".repeat(4097));
        assert_eq!(long.as_deref(), Some("has 4097 bytes; at most 4096 are allowed"));
    }

    #[test]
    fn files_that_steer_the_runner_are_refused() {
        for path in ["conftest.py", "src/ConfTest.py", "setup.cfg", "x.pth", "__pycache__/a.py", "a/b.pyc"] {
            assert!(is_refused(Path::new(path)), "{path}");
        }
        assert!(!is_refused(Path::new("src/triangle.py")));
    }
}
