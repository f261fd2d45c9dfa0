//! Files that a plan names and a submission lacks, and what it has in their place: a test that fails for want of a file
//! rarely says which.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    files::{Selection, is_named, is_refused, shown},
    names::find,
};

/// How many files are told; more are told by their number.
const TOLD_MAX: usize = 5;

/// What a failed test adds to its message: the files of the student that the plan names one by one and that were not
/// taken. A file that the solution lacks, too, is not needed.
pub(super) fn missing(
    student: &Path,
    student_files: &[String],
    taken: &Selection,
    solution: Option<&Selection>,
) -> Vec<String> {
    let has = |files: &Selection, pattern: &String| {
        files.files.iter().any(|file| is_named(file, std::slice::from_ref(pattern)))
    };
    let absent = student_files.iter().filter(|pattern| !pattern.contains('*'));
    let absent = absent.filter(|pattern| solution.is_none_or(|solution| has(solution, pattern)));
    let mut told: Vec<String> = absent
        .filter_map(|pattern| {
            let is_folder = solution.is_some_and(|solution| !has_file(solution, pattern));
            reason(student, pattern, has(taken, pattern), is_folder)
        })
        .collect();
    if told.len() > TOLD_MAX {
        let more = told.len() - TOLD_MAX;
        told.truncate(TOLD_MAX);
        told.push(format!("{more} more files that the plan names are not in the submission"));
    }
    told
}

/// Whether the pattern is the path of a file.
fn has_file(files: &Selection, pattern: &str) -> bool {
    let path = Path::new(pattern);
    files.files.iter().any(|file| file == path)
}

/// Why what the pattern names was not taken, or is not what is expected; `None` if all is well.
fn reason(student: &Path, pattern: &str, was_taken: bool, may_be_folder: bool) -> Option<String> {
    let wanted = Path::new(pattern.trim_end_matches('/'));
    let name = shown(wanted);
    let is_file = !may_be_folder && !pattern.ends_with('/') && wanted.extension().is_some();
    let mut below = PathBuf::new();
    for part in wanted {
        let above = find(student, &below);
        below.push(part);
        let here = find(student, &below);
        match here.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                let link = shown(&below);
                return Some(if link == name {
                    format!(
                        "`{name}` is a symbolic link in the submission, and links are not followed: submit the file itself"
                    )
                } else {
                    format!("`{name}` was not taken: `{link}` is a symbolic link, and links are not followed")
                });
            }
            Ok(_) => {}
            Err(_) => return Some(not_there(&name, &above, &below)),
        }
    }
    let is_folder = find(student, wanted).is_dir();
    if is_folder && is_file {
        return Some(format!("`{name}` is a folder in the submission; a file is expected"));
    }
    if was_taken {
        return None;
    }
    Some(if is_refused(wanted) {
        format!("`{name}` is not taken from submissions, because it would change how the tests run")
    } else if is_folder {
        format!("`{name}` is a folder in the submission without a file that is taken")
    } else {
        format!("`{name}` was not taken from the submission: it is not an ordinary file")
    })
}

/// A file that is not there, and one whose name has other upper and lower case, if there is one.
fn not_there(name: &str, above: &Path, below: &Path) -> String {
    let wanted = below.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut alike: Vec<String> = entries
        .filter(|entry| entry.file_name().to_string_lossy().to_lowercase() == wanted)
        .map(|entry| shown(&below.with_file_name(entry.file_name())))
        .collect();
    alike.sort();
    match alike.first() {
        Some(other) => format!(
            "`{name}` is not in the submission, which has `{other}`; upper and lower case in names must be the same"
        ),
        None => format!("`{name}` is not in the submission"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::{
        names::Spelling,
        plan::{Maxima, TestPlan},
    };

    fn told(student: &Path, patterns: &[&str], solution: Option<&Selection>) -> Vec<String> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let text = format!("runner = 'pytest'\nstudent_files = {patterns:?}");
        let plan: TestPlan = toml::from_str(&text).unwrap();
        let taken = select(student, &plan);
        missing(student, &plan.student_files, &taken, solution)
    }

    fn select(root: &Path, plan: &TestPlan) -> Selection {
        let takes = |path: &Path| is_named(path, &plan.student_files) && !is_refused(path);
        let spelling = Spelling::of(plan);
        crate::testing::files::select("the submission", root, &Maxima::default(), &spelling, takes).unwrap()
    }

    #[test]
    fn what_was_not_taken_is_told_with_what_is_there_instead() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["P.py", "good.py", "folder.py/a.py", "src/Main.java", "conftest.py", "deep/a/b.c"] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        symlink("good.py", root.join("link.py")).unwrap();
        symlink("src", root.join("linked")).unwrap();
        for (pattern, expected) in [
            (
                "p.py",
                "`p.py` is not in the submission, which has `P.py`; upper and lower case in names must be the same",
            ),
            (
                "Src/Main.java",
                "`Src/Main.java` is not in the submission, which has `src`; upper and lower case in names must be the same",
            ),
            (
                "src/main.java",
                "`src/main.java` is not in the submission, which has `src/Main.java`; upper and lower case in names must be the same",
            ),
            ("none.py", "`none.py` is not in the submission"),
            ("folder.py", "`folder.py` is a folder in the submission; a file is expected"),
            (
                "link.py",
                "`link.py` is a symbolic link in the submission, and links are not followed: submit the file itself",
            ),
            (
                "linked/Main.java",
                "`linked/Main.java` was not taken: `linked` is a symbolic link, and links are not followed",
            ),
            (
                "conftest.py",
                "`conftest.py` is not taken from submissions, because it would change how the tests run",
            ),
        ] {
            assert_eq!(told(root, &[pattern], None), [expected], "{pattern}");
        }
        for pattern in ["good.py", "src", "src/", "*.java", "deep/a/b.c", "deep"] {
            assert_eq!(told(root, &[pattern], None), [""; 0], "{pattern}");
        }
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(told(root, &many, None)[5], "2 more files that the plan names are not in the submission");
    }

    #[test]
    fn what_the_solution_lacks_too_is_not_missed() {
        let (student, solution) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(solution.path().join("a.py"), "x").unwrap();
        fs::create_dir(solution.path().join("pkg.d")).unwrap();
        fs::write(solution.path().join("pkg.d/x"), "x").unwrap();
        fs::create_dir(student.path().join("pkg.d")).unwrap();
        fs::write(student.path().join("pkg.d/x"), "x").unwrap();
        let patterns = ["a.py", "notes.txt", "pkg.d"];
        let plan: TestPlan =
            toml::from_str(&format!("runner = 'pytest'\nstudent_files = {patterns:?}")).unwrap();
        let solution = select(solution.path(), &plan);
        assert_eq!(told(student.path(), &patterns, Some(&solution)), ["`a.py` is not in the submission"]);
    }
}
