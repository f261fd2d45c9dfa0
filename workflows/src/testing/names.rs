//! Names that are equal and have different bytes: macOS decomposes the letters of a file name (`u` and a diaeresis, NFD)
//! where people and other systems write one letter (`ü`, NFC).
//!
//! Files lie where the tests run under the names that the plan has for them, and under composed names where the plan has
//! none, so that programs find them whichever system they were committed on.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::plan::TestPlan;

/// How the plan writes the names that have more than one form.
#[derive(Debug, Default)]
pub(super) struct Spelling {
    /// Composed names, and what the plan has in their place.
    names: BTreeMap<String, String>,
}

impl Spelling {
    pub(super) fn of(plan: &TestPlan) -> Self {
        let paths = plan.student_files.iter().chain(&plan.reference_files).chain([&plan.tests]);
        let report = plan.junit.iter().map(|junit| &junit.report);
        let commands =
            plan.commands.iter().map(|test| &test.argv).chain(plan.junit.iter().map(|junit| &junit.argv));
        let mut names = BTreeMap::new();
        for name in paths.chain(report).chain(commands.flatten()).flat_map(|path| path.split('/')) {
            if let Cow::Owned(composed) = composed(name) {
                names.entry(composed).or_insert_with(|| name.to_owned());
            }
        }
        Self { names }
    }

    /// The path of a repository's file where the tests run. A name that is not Unicode stays as it is.
    pub(super) fn apply<'a>(&self, path: &'a Path) -> Cow<'a, Path> {
        if path.as_os_str().is_ascii() {
            return Cow::Borrowed(path);
        }
        let name = |part: &OsStr| match part.to_str().map(composed) {
            Some(name) => self.names.get(name.as_ref()).cloned().unwrap_or_else(|| name.into_owned()).into(),
            None => part.to_owned(),
        };
        Cow::Owned(path.iter().map(name).collect())
    }
}

/// The composed form.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// What a path means below a folder: each name as it is, or else in the form that is there.
pub(super) fn find(root: &Path, below: &Path) -> PathBuf {
    below.iter().fold(root.to_owned(), |folder, name| {
        let exact = folder.join(name);
        if name.is_ascii() || exact.symlink_metadata().is_ok() {
            return exact;
        }
        let wanted = name.to_str().map(composed);
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .map(|entry| entry.file_name())
            .filter(|other| wanted.is_some() && other.to_str().map(composed) == wanted)
            .collect();
        found.sort();
        found.first().map_or(exact, |other| folder.join(other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPOSED: &str = "\u{fc}bung";
    const DECOMPOSED: &str = "u\u{308}bung";

    fn plan(file: &str) -> TestPlan {
        toml::from_str(&format!("runner = 'pytest'\nstudent_files = ['{file}.py', '*.txt']")).unwrap()
    }

    #[test]
    fn a_name_is_written_as_the_plan_has_it_and_else_composed() {
        for planned in [COMPOSED, DECOMPOSED] {
            let spelling = Spelling::of(&plan(planned));
            for found in [COMPOSED, DECOMPOSED] {
                let target = |path: String| spelling.apply(Path::new(&path)).into_owned();
                assert_eq!(target(format!("{found}.py")), Path::new(&format!("{planned}.py")));
                assert_eq!(
                    target(format!("{found}/{found}.txt")),
                    Path::new(&format!("{COMPOSED}/{COMPOSED}.txt"))
                );
            }
        }
    }

    #[test]
    fn a_folder_is_found_in_either_form_and_the_exact_one_first() {
        let root = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(root.path().join(format!("{DECOMPOSED}/a"))).unwrap();
        let found = find(root.path(), Path::new(&format!("{COMPOSED}/a")));
        assert_eq!(found, root.path().join(format!("{DECOMPOSED}/a")));
        fs::create_dir(root.path().join(COMPOSED)).unwrap();
        assert_eq!(find(root.path(), Path::new(COMPOSED)), root.path().join(COMPOSED));
        assert_eq!(find(root.path(), Path::new("\u{e4}")), root.path().join("\u{e4}"));
    }
}
