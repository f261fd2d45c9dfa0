//! The folders in which tests run: the reference's tests over the student's files, a fresh folder for each process.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
    slice,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use ctutor_sandbox::{Bind, Command, Limits, Line, Outcome, Sandbox};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Broken,
    budget::Budget,
    files::{self, Selection, is_named, is_refused, select},
    guard::Guard,
    missing::{missing, other_case},
    names::{Spelling, find},
    paths::Hidden,
    plan::{Granted, Maxima, RunnerKind, TestPlan},
    report::TestReport,
    runner::{exceeded, last_output, suspected_limit},
    scratch,
};

/// How much a process of the tests may write to its folder.
const WRITABLE_BYTES: u64 = 256 << 20;
const OUTPUT_BYTES: u64 = 64 << 20;
/// With less than this on its disk, a worker is to blame for a program that fails.
const FREE_BYTES_MIN: u64 = 16 << 20;
/// What pytest takes for files with tests.
const TEST_FILES: [&str; 2] = ["test_*.py", "*_test.py"];
/// How much of a script is searched for carriage returns.
const SCRIPT_BYTES_MAX: u64 = 64 << 10;

pub(super) struct Bench<'a> {
    pub(super) plan: &'a TestPlan,
    pub(super) granted: Granted,
    pub(super) sandbox: &'a Sandbox,
    pub(super) cancel: &'a CancellationToken,
    budget: Budget,
    folder: TempDir,
    hidden: Hidden,
    reference: &'a Path,
    student: &'a Path,
    /// Files of the reference, which the student's program may not change.
    tests: Selection,
    submission: Selection,
    /// Why the submission cannot be tested at all, if so.
    pub(super) submission_fault: Option<String>,
    solution: Option<Selection>,
    places: AtomicU32,
}

/// A folder for one process.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// What the student's program may not change there.
    pub(super) guard: Guard,
    /// The paths of the worker that a program can meet there.
    pub(super) hidden: Hidden,
}

/// Whose files the tests meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Student,
    /// The solution of the reference; no files if it has none.
    Reference,
}

/// What [`Bench::new`] needs.
pub(super) struct Material<'a> {
    pub(super) plan: &'a TestPlan,
    pub(super) maxima: &'a Maxima,
    pub(super) sandbox: &'a Sandbox,
    pub(super) cancel: &'a CancellationToken,
    pub(super) scratch: &'a Path,
    pub(super) reference: &'a Path,
    pub(super) student: &'a Path,
    pub(super) fault: Option<&'a str>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(material: &Material<'a>) -> Result<Self, Broken> {
        let Material { plan, maxima, reference, student, .. } = *material;
        let folder = tempfile::Builder::new()
            .prefix("ctutor-test-")
            .tempdir_in(material.scratch)
            .map_err(Broken::files("creating the folder of the tests"))?;
        // What lies where the report will be could be taken for it.
        let is_report = |path: &Path| {
            plan.junit.as_ref().is_some_and(|junit| is_named(path, slice::from_ref(&junit.report)))
        };
        let of_reference = |path: &Path| {
            (is_named(path, &plan.reference_files) && !is_report(path))
                || (plan.runner == RunnerKind::Pytest && is_below(path, &plan.tests))
        };
        let of_student = |path: &Path| {
            is_named(path, &plan.student_files)
                && !is_refused(path)
                && !is_report(path)
                && !of_reference(path)
        };
        let spelling = Spelling::of(plan);
        let solution = match &plan.solution {
            Some(solution) => {
                let root = find(reference, Path::new(solution));
                if !is_folder(&root) {
                    return Err(lacking("solution", reference, solution));
                }
                Some(select("the solution", &root, maxima, &spelling, of_student)?)
            }
            None => None,
        };
        let tests = select("the reference", reference, maxima, &spelling, of_reference)?;
        check_reference_files(reference, plan, &tests)?;
        // A student who hands in too much, or the wrong things, has failed; nothing is wrong with the worker.
        let faulty = |fault| (Selection::default(), Some(fault));
        let (submission, submission_fault) = match material.fault {
            Some(fault) => faulty(fault.to_owned()),
            None => match select("the submission", student, maxima, &spelling, of_student) {
                Ok(submission) => match submission.clash_with(&tests) {
                    Some(file) => {
                        faulty(format!("`{}` is a file where the tests have a folder", files::shown(file)))
                    }
                    None => (submission, None),
                },
                Err(fault) if fault.is_of_the_files() => faulty(fault.to_string()),
                Err(fault) => return Err(fault),
            },
        };
        let granted = plan.grant(maxima);
        let budget = Budget::new(granted.total_timeout);
        Ok(Self {
            plan,
            granted,
            sandbox: material.sandbox,
            cancel: material.cancel,
            budget,
            hidden: Hidden::default().and(folder.path(), "…").and(material.scratch, "…"),
            folder,
            reference,
            student,
            tests,
            submission,
            submission_fault,
            solution,
            places: AtomicU32::new(0),
        })
    }

    /// Creates a fresh folder, so that one process does not find what another wrote.
    pub(super) fn place(&self, whose: Whose) -> Result<Place, Broken> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("work-{number}"));
        files::make_folders(self.folder.path(), Path::new(path.file_name().unwrap_or_default()))
            .map_err(Broken::files("creating a folder"))?;
        match (whose, &self.solution, &self.plan.solution) {
            (Whose::Student, ..) => self.submission.copy(self.student, &path)?,
            (Whose::Reference, Some(solution), Some(name)) => {
                solution.copy(&find(self.reference, Path::new(name)), &path)?;
            }
            (Whose::Reference, ..) => {}
        }
        self.tests.copy(self.reference, &path)?;
        let guard = Guard::new(&path, self.guarded()).map_err(Broken::files("reading a folder"))?;
        let hidden = self.hidden.clone().and(&path, ".");
        Ok(Place { path, guard, hidden })
    }

    /// What the student's program may not change: whole folders if they hold none of the student's files.
    fn guarded(&self) -> BTreeSet<PathBuf> {
        let tests = Path::new(self.plan.tests.trim_end_matches('/'));
        let is_shared = |top: &Path| {
            [Some(&self.submission), self.solution.as_ref()]
                .into_iter()
                .flatten()
                .any(|selection| selection.files.iter().any(|file| file.starts_with(top)))
        };
        let guard = |file: &PathBuf| {
            let top = file.components().next().map(|part| PathBuf::from(part.as_os_str()))?;
            if !is_shared(&top) {
                return Some(top);
            }
            let in_tests = self.plan.runner == RunnerKind::Pytest && file.starts_with(tests);
            Some(if in_tests { tests.to_owned() } else { file.clone() })
        };
        self.tests.files.iter().filter_map(guard).collect()
    }

    /// Writes a file of the worker that the tests need.
    pub(super) fn tool(&self, name: &str, content: &str) -> Result<PathBuf, Broken> {
        let path = self.folder.path().join(name);
        fs::write(&path, content)
            .and_then(|()| files::set_mode(&path, 0o644))
            .map_err(Broken::files("writing a file of the runner"))?;
        Ok(path)
    }

    pub(super) fn command(&self, place: &Place, argv: &[String], wall: Duration) -> Command {
        let mut command = Command::new(argv, &place.path);
        command.binds.push(Bind::Writable(place.path.clone()));
        command.binds.extend(place.guard.paths().map(Bind::ReadOnly));
        command.env.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        command.limits = Limits { wall: wall.min(self.remaining()), ..self.limits() };
        command
    }

    /// What one command of the tests may use.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            cpu: self.granted.total_timeout,
            memory_bytes: self.granted.memory_bytes,
            processes: self.granted.processes,
            output_bytes: OUTPUT_BYTES,
            writable_bytes: WRITABLE_BYTES,
            ..Limits::default()
        }
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, command: &Command) -> Result<Outcome, Broken> {
        self.run_with_lines(command, self.cancel, &mut |_| {}).await
    }

    /// Like [`run`](Self::run), and tells every line. A cancellation of `stop` alone is an outcome.
    pub(super) async fn run_with_lines(
        &self,
        command: &Command,
        stop: &CancellationToken,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Outcome, Broken> {
        let mut outcome = self.sandbox.run_with_lines(command, stop, on_line).await?;
        self.check_canceled()?;
        if !outcome.exit.is_success() {
            self.check_room()?;
        }
        outcome.detail = outcome.detail.or_else(|| exceeded(outcome.exit, &command.limits));
        Ok(outcome)
    }

    /// Takes what is left of the worker's paths out of what students read.
    pub(super) fn hide_paths(&self, reports: &mut [TestReport]) {
        for report in reports {
            report.result_message = report.result_message.as_ref().map(|message| self.hidden.hide(message));
        }
    }

    /// What a program wrote at its end, for students to read, without the lines that begin with `own`.
    pub(super) fn last_output(&self, place: &Place, outcome: &Outcome, own: Option<&str>) -> String {
        let output = last_output(outcome, &place.hidden, own);
        match suspected_limit(outcome, &self.limits()) {
            Some(limit) => format!("{output}\n({limit})"),
            None => output,
        }
    }

    /// Whether a program that a plan names comes with the submission, or is made of it.
    pub(super) fn is_students(&self, program: &str) -> bool {
        let path = Path::new(program.trim_start_matches("./"));
        program.contains('/') && !path.is_absolute() && !self.tests.files.iter().any(|file| file == path)
    }

    /// The files that the plan names and the submission lacks, each with what it has instead.
    pub(super) fn missing_files(&self) -> Vec<String> {
        // The tests come from the reference, also if the plan names their folder among the student's.
        let is_of_tests = |pattern: &str| {
            self.plan.runner == RunnerKind::Pytest && is_below(Path::new(pattern), &self.plan.tests)
        };
        let mut patterns = self.plan.student_files.clone();
        patterns.retain(|pattern| !is_of_tests(pattern));
        missing(self.student, &patterns, &self.submission, self.solution.as_ref())
    }

    /// The files of the reference that these arguments name and that are not taken.
    pub(super) fn untaken<'b>(&self, argv: &'b [String]) -> Vec<&'b str> {
        let is_untaken = |argument: &&str| {
            let path = Path::new(argument.trim_start_matches("./"));
            let is_inner =
                path.is_relative() && path.components().all(|part| matches!(part, Component::Normal(_)));
            is_inner
                && !path.as_os_str().is_empty()
                && find(self.reference, path).symlink_metadata().is_ok()
                && !is_named(path, &self.plan.student_files)
                && !self.tests.files.iter().any(|file| file.starts_with(path))
        };
        argv.iter().map(String::as_str).filter(is_untaken).collect()
    }

    /// Whether this is a file of the submission with line endings of Windows.
    pub(super) fn has_windows_lines(&self, file: &str) -> bool {
        let path = Path::new(file.trim_start_matches("./"));
        // What was selected is an ordinary file.
        let is_submitted = self.submission.files.iter().any(|file| file == path);
        is_submitted && has_windows_lines(&self.student.join(path)).unwrap_or_default()
    }

    /// The Python files of the submission that are no UTF-8, or have a character that no source has, as UTF-16 does.
    pub(super) fn not_utf_8(&self) -> Vec<String> {
        let is_python = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "py");
        let is_unread = |file: &&PathBuf| {
            fs::read(self.student.join(file))
                .is_ok_and(|bytes| bytes.contains(&0) || std::str::from_utf8(&bytes).is_err())
        };
        let files = self.submission.files.iter().filter(is_python).filter(is_unread);
        files.map(|file| files::shown(file)).collect()
    }

    /// The names by which Python may import files that the plan or the solution names.
    pub(super) fn named_modules(&self) -> BTreeSet<String> {
        let patterns = self.plan.student_files.iter().filter(|pattern| !pattern.contains('*'));
        let solution = self.solution.iter().flat_map(|solution| &solution.files);
        let paths = patterns.map(Path::new).chain(solution.map(PathBuf::as_path));
        let names = paths.flat_map(|path| path.iter().map(OsStr::to_string_lossy));
        names.map(|name| name.strip_suffix(".py").unwrap_or(&name).to_owned()).collect()
    }

    /// Refuses to blame a program for a full disk of the worker.
    fn check_room(&self) -> Result<(), Broken> {
        let Ok(disk) = rustix::fs::statvfs(self.folder.path()) else { return Ok(()) };
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let has_names = disk.f_files == 0 || disk.f_favail > 0;
        if free_bytes < FREE_BYTES_MIN || !has_names { Err(Broken::NoRoom { free_bytes }) } else { Ok(()) }
    }

    /// What is left of the time for all tests.
    pub(super) fn remaining(&self) -> Duration {
        self.budget.remaining()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.budget.elapsed()
    }

    /// The files of the reference that lie outside the folder of the tests.
    pub(super) fn placed_files(&self) -> impl Iterator<Item = &Path> {
        let files = self.tests.files.iter().map(PathBuf::as_path);
        files.filter(|file| !is_below(file, &self.plan.tests))
    }

    pub(super) fn has_tests(&self) -> bool {
        self.tests.files.iter().any(|file| is_below(file, &self.plan.tests))
    }

    /// Where pytest looked for tests and for what, if there is nothing of that name.
    pub(super) fn without_tests(&self) -> Broken {
        let (tests, reference) = (self.plan.tests.as_str(), self.reference);
        if find(reference, Path::new(tests)).symlink_metadata().is_err() {
            return lacking("tests", reference, tests);
        }
        let is_test = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            is_below(file, tests) && TEST_FILES.iter().any(|pattern| files::is_like(&name, pattern))
        };
        if Path::new(tests).extension().is_some() || self.tests.files.iter().any(is_test) {
            return Broken::NoTests;
        }
        let patterns = TEST_FILES.join("` or `");
        Broken::NoTestFiles {
            message: format!("the folder `{tests}` of the reference has no file `{patterns}`"),
        }
    }

    pub(super) fn check_canceled(&self) -> Result<(), Broken> {
        if self.cancel.is_cancelled() { Err(Broken::Canceled) } else { Ok(()) }
    }
}

/// Refuses a plan for files that the reference does not have: every student would fail for want of them.
fn check_reference_files(reference: &Path, plan: &TestPlan, taken: &Selection) -> Result<(), Broken> {
    let is_lacking =
        |pattern: &String| !taken.files.iter().any(|file| is_named(file, slice::from_ref(pattern)));
    match plan.reference_files.iter().enumerate().find(|(_, pattern)| is_lacking(pattern)) {
        Some((index, pattern)) => Err(lacking(&format!("reference_files[{index}]"), reference, pattern)),
        None => Ok(()),
    }
}

/// What a plan names and the reference does not have.
fn lacking(key: &str, reference: &Path, name: &str) -> Broken {
    let hint = match other_case(reference, Path::new(name)) {
        Some(other) => {
            format!("; it has `{}`, and upper and lower case in names must be the same", files::shown(&other))
        }
        None => String::new(),
    };
    let what = match (key, find(reference, Path::new(name)).symlink_metadata()) {
        (_, Ok(found)) if found.is_symlink() => {
            "only a symbolic link of that name, and links are not followed"
        }
        ("solution" | "tests", _) => "no such folder",
        _ => "no such file or folder",
    };
    Broken::Plan { message: format!("`{key}` is `{name}`, but the reference has {what}{hint}") }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        scratch::clear(self.folder.path());
    }
}

pub(super) fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn has_windows_lines(file: &Path) -> io::Result<bool> {
    let mut text = Vec::new();
    fs::File::open(file)?.take(SCRIPT_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text.windows(2).any(|pair| pair == b"\r\n"))
}

fn is_below(path: &Path, folder: &str) -> bool {
    path.starts_with(folder.trim_end_matches('/'))
}
