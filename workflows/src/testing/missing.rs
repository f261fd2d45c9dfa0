//! Files that a plan names and a submission lacks, and what it has in their place: a test that fails for want of a file
//! rarely says which.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{
    files::{Selection, is_named, is_refused, shown},
    names::{composed, find},
};

/// How many files are told; more are told by their number.
const TOLD_MAX: usize = 5;

/// How many entries of a submission are searched for what it has in place of a file.
const SEARCHED_MAX: usize = 5_000;
const FOLDERS_MAX: usize = 8;

/// What a failed test adds to its message: what the plan names and the submission lacks. A file that the solution
/// lacks, too, is not needed.
pub(super) fn missing(
    student: &Path,
    student_files: &[String],
    taken: &Selection,
    solution: Option<&Selection>,
) -> Vec<String> {
    let has = |files: &Selection, pattern: &String| named(files, pattern).next().is_some();
    let needed =
        student_files.iter().filter(|pattern| solution.is_none_or(|solution| has(solution, pattern)));
    let mut told = Vec::new();
    for pattern in needed {
        let is_folder = solution.is_some_and(|solution| !has_file(solution, pattern));
        let was_taken = has(taken, pattern);
        let whole = if pattern.contains('*') {
            let is_needed = solution.is_some() || taken.files.is_empty();
            if was_taken { None } else { no_match(student, pattern, taken, is_needed) }
        } else {
            // Without a solution, a submission may do without a folder that the plan allows.
            let is_needed = solution.is_some() || taken.files.is_empty() || has_ending(pattern);
            let expected = Expected { was_taken, is_folder, is_needed };
            reason(student, pattern, &expected)
        };
        match whole {
            Some(reason) => told.push(reason),
            None => told.extend(other_cases(pattern, taken, solution)),
        }
    }
    if told.len() > TOLD_MAX {
        let more = told.len() - TOLD_MAX;
        told.truncate(TOLD_MAX);
        told.push(format!("{more} more files that the plan names are not in the submission"));
    }
    told
}

/// The files that one pattern names.
fn named<'a>(files: &'a Selection, pattern: &'a String) -> impl Iterator<Item = &'a PathBuf> {
    files.files.iter().filter(move |file| is_named(file, std::slice::from_ref(pattern)))
}

/// Files of the solution that a folder or a pattern names and that the submission has under a name with other upper and
/// lower case.
fn other_cases(pattern: &String, taken: &Selection, solution: Option<&Selection>) -> Vec<String> {
    let Some(solution) = solution else { return Vec::new() };
    let lower = |path: &Path| lower(path.as_os_str());
    let lacks = |file: &&PathBuf| !taken.files.contains(file);
    let other = |file: &PathBuf| {
        let wanted = lower(file);
        let other =
            named(taken, pattern).find(|other| lower(other) == wanted && !solution.files.contains(other))?;
        Some(in_other_case(&shown(file), &shown(other)))
    };
    named(solution, pattern).filter(lacks).filter_map(other).collect()
}

/// A pattern that nothing matches, and what may have been meant for it. Without a solution, a submission may need no such
/// file; it is told then if there is something like it.
fn no_match(student: &Path, pattern: &str, taken: &Selection, is_needed: bool) -> Option<String> {
    let start = format!("no file of the submission matches `{}`", shown(Path::new(pattern)));
    let mut files = all_files(student);
    files.retain(|file| !taken.files.contains(file));
    let (wanted, last) = ([lower(pattern.as_ref())], [last_part(pattern).to_owned()]);
    let in_case = |file: &&PathBuf| is_named(Path::new(&lower(file.as_os_str())), &wanted);
    let elsewhere = |file: &&PathBuf| is_named(Path::new(file.file_name().unwrap_or_default()), &last);
    if let Some(other) = files.iter().find(in_case) {
        Some(format!(
            "{start}; it has `{}`, and upper and lower case in names must be the same",
            shown(other)
        ))
    } else if let Some(other) = files.iter().find(elsewhere) {
        Some(format!("{start}; it has `{}`, which lies in another folder", shown(other)))
    } else {
        is_needed.then_some(start)
    }
}

/// A name without what is left out of account when names are compared: upper and lower case, and the form of letters
/// that some systems decompose.
fn lower(name: &OsStr) -> String {
    composed(&composed(&name.to_string_lossy()).to_lowercase()).into_owned()
}

fn last_part(pattern: &str) -> &str {
    pattern.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The ordinary files of a submission, in order of their names, as far as they are looked at.
fn all_files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut pending, mut searched) = (Vec::new(), vec![PathBuf::new()], 0);
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            searched += 1;
            if searched > SEARCHED_MAX {
                break;
            }
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && path.iter().count() <= FOLDERS_MAX => pending.push(path),
                Ok(kind) if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// Whether the pattern is the path of a file.
fn has_file(files: &Selection, pattern: &str) -> bool {
    let path = Path::new(pattern);
    files.files.iter().any(|file| file == path)
}

/// Whether a name is one of a file, as far as names tell.
fn has_ending(pattern: &str) -> bool {
    !pattern.ends_with('/') && Path::new(pattern).extension().is_some()
}

/// What is known of that which a pattern names.
struct Expected {
    was_taken: bool,
    is_folder: bool,
    /// Whether it is missed even if the submission has nothing like it.
    is_needed: bool,
}

/// Why what the pattern names was not taken, or is not what is expected; `None` if all is well.
fn reason(student: &Path, pattern: &str, expected: &Expected) -> Option<String> {
    let wanted = Path::new(pattern.trim_end_matches('/'));
    let name = shown(wanted);
    let is_file = !expected.is_folder && has_ending(pattern);
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
            Err(_) => return not_there(student, wanted, (&above, &below), expected.is_needed),
        }
    }
    let is_folder = find(student, wanted).is_dir();
    if is_folder && is_file {
        return Some(format!("`{name}` is a folder in the submission; a file is expected"));
    }
    if expected.was_taken {
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

/// A file that is not there, and what may be meant for it: one whose name has other upper and lower case or a second
/// ending, which some systems hide, or one in another folder.
fn not_there(student: &Path, path: &Path, (above, below): (&Path, &Path), is_needed: bool) -> Option<String> {
    let name = shown(path);
    let wanted = lower(below.file_name().unwrap_or_default());
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut alike: Vec<String> = entries
        .filter(|entry| lower(&entry.file_name()) == wanted)
        .map(|entry| shown(&below.with_file_name(entry.file_name())))
        .collect();
    alike.sort();
    if let Some(other) = alike.first() {
        return Some(in_other_case(&name, other));
    }
    let file_name = lower(path.file_name().unwrap_or_default());
    let with_ending = format!("{}.txt", lower(path.as_os_str()));
    let files = all_files(student);
    let renamed = files.iter().find(|file| lower(file.as_os_str()) == with_ending);
    let moved = files.iter().find(|file| file.file_name().is_some_and(|name| lower(name) == file_name));
    let start = format!("`{name}` is not in the submission");
    if let Some(other) = renamed {
        Some(format!(
            "{start}, which has `{}`; rename it to `{name}` (file managers may hide the ending `.txt`)",
            shown(other)
        ))
    } else if let Some(other) = moved {
        Some(format!("{start}, which has `{}`; the path must be `{name}`", shown(other)))
    } else {
        is_needed.then_some(start)
    }
}

/// The path of something whose name differs from what is wanted in upper and lower case alone.
pub(super) fn other_case(root: &Path, wanted: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in wanted {
        let wanted = lower(part);
        let entries = fs::read_dir(root.join(&found)).into_iter().flatten().flatten();
        let mut alike: Vec<_> =
            entries.map(|entry| entry.file_name()).filter(|name| lower(name) == wanted).collect();
        alike.sort();
        let exact = alike.iter().find(|name| *name == part);
        found.push(exact.or(alike.first())?);
    }
    (found != wanted.components().collect::<PathBuf>()).then_some(found)
}

fn in_other_case(name: &str, other: &str) -> String {
    format!(
        "`{name}` is not in the submission, which has `{other}`; upper and lower case in names must be the same"
    )
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
        for pattern in ["good.py", "src", "src/", "src/*.java", "deep/a/b.c", "deep"] {
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

    /// What is told of a submission with these files.
    fn told_of(files: &[&str], pattern: &str, solution: &[&str]) -> Vec<String> {
        let folder = |files: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "x").unwrap();
            }
            folder
        };
        let (student, right) = (folder(files), folder(solution));
        let plan: TestPlan =
            toml::from_str(&format!("runner = 'pytest'\nstudent_files = ['{pattern}']")).unwrap();
        let solution = (!solution.is_empty()).then(|| select(right.path(), &plan));
        told(student.path(), &[pattern], solution.as_ref())
    }

    #[test]
    fn what_a_pattern_or_a_folder_names_is_missed_too() {
        let case = "upper and lower case in names must be the same";
        let other_case = format!("`src/Tri.java` is not in the submission, which has `src/tri.java`; {case}");
        let none = "no file of the submission matches `src/*.java`";
        for (files, pattern, solution, expected) in [
            (&["src/tri.java"][..], "src/*.java", &["src/Tri.java"][..], Some(other_case.clone())),
            (&["src/tri.java"], "src", &["src/Tri.java"], Some(other_case)),
            (&["src/Own.java"], "src/*.java", &["src/Tri.java"], None),
            (&["a.txt"], "src/*.java", &["src/Tri.java"], Some(none.to_owned())),
            (&["a.txt"], "src/*.java", &[], Some(none.to_owned())),
            (&["a.txt"], "src/*.java", &["b.txt"], None),
            (&["SRC/A.JAVA"], "src/*.java", &[], Some(format!("{none}; it has `SRC/A.JAVA`, and {case}"))),
            (
                &["A.java"],
                "src/*.java",
                &[],
                Some(format!("{none}; it has `A.java`, which lies in another folder")),
            ),
            (
                &["Src/Tri.java"],
                "src",
                &["src/Tri.java"],
                Some(format!("`src` is not in the submission, which has `Src`; {case}")),
            ),
            (&["a.txt"], "src", &["src/Tri.java"], Some("`src` is not in the submission".to_owned())),
            (&["a.txt"], "src", &[], Some("`src` is not in the submission".to_owned())),
        ] {
            let expected: Vec<String> = expected.into_iter().collect();
            assert_eq!(told_of(files, pattern, solution), expected, "{files:?} {pattern} {solution:?}");
        }
    }

    #[test]
    fn without_a_solution_a_folder_is_missed_only_where_there_is_nothing_or_something_like_it() {
        let student = tempfile::tempdir().unwrap();
        fs::write(student.path().join("a.py"), "x").unwrap();
        assert_eq!(told(student.path(), &["a.py", "src", "lib/"], None), [""; 0]);
        assert_eq!(told(student.path(), &["a.py", "b.py"], None), ["`b.py` is not in the submission"]);
        fs::create_dir(student.path().join("SRC")).unwrap();
        assert_eq!(told(student.path(), &["a.py", "src"], None).len(), 1);
    }

    #[test]
    fn a_file_with_a_second_ending_or_in_another_folder_is_told() {
        for (file, pattern, expected) in [
            (
                "m.py.txt",
                "m.py",
                "`m.py` is not in the submission, which has `m.py.txt`; rename it to `m.py` (file managers may hide \
                 the ending `.txt`)",
            ),
            (
                "src/m.py",
                "m.py",
                "`m.py` is not in the submission, which has `src/m.py`; the path must be `m.py`",
            ),
            (
                "m.py",
                "src/m.py",
                "`src/m.py` is not in the submission, which has `m.py`; the path must be `src/m.py`",
            ),
            ("src/m.c", "m.py", "`m.py` is not in the submission"),
            (
                "U\u{308}b.py",
                "\u{fc}b.py",
                "`\u{fc}b.py` is not in the submission, which has `\u{dc}b.py`; upper and lower case in names must be \
                 the same",
            ),
            (
                "src/u\u{308}b.py",
                "\u{fc}b.py",
                "`\u{fc}b.py` is not in the submission, which has `src/\u{fc}b.py`; the path must be `\u{fc}b.py`",
            ),
            (
                "u\u{308}b.py.txt",
                "\u{fc}b.py",
                "`\u{fc}b.py` is not in the submission, which has `\u{fc}b.py.txt`; rename it to `\u{fc}b.py` (file \
                 managers may hide the ending `.txt`)",
            ),
        ] {
            assert_eq!(told_of(&[file], pattern, &[]), [expected], "{file} {pattern}");
        }
    }
}
