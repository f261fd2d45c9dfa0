use std::{
    fs,
    path::{Path, PathBuf},
};

use ctutor_sandbox::{Policy, Sandbox};
use ctutor_workflows::testing::{Broken, Job, Progress, execute, plan::Maxima, report::Report};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A reference and a submission, and what is needed to test it.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) maxima: Maxima,
    pub(crate) progress: Vec<Progress>,
    /// Cancels at the first test that runs.
    pub(crate) cancels: bool,
    /// Prints each test that runs.
    pub(crate) announces: bool,
}

pub(crate) const PLAN: &str = "runner = 'pytest'\nstudent_files = ['*.py', 'src', 'tests']\n";

impl Place {
    pub(crate) async fn new() -> Self {
        let sandbox = Sandbox::detect(Policy::Confined).await.unwrap();
        let place = Self {
            folder: TempDir::new().unwrap(),
            sandbox,
            maxima: Maxima::default(),
            progress: Vec::new(),
            cancels: false,
            announces: false,
        };
        for name in ["reference", "student", "scratch"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        place
    }

    /// With a plan, two tests of a module `answer`, and a submission of that module.
    pub(crate) async fn with_answer(source: &str) -> Self {
        let place = Self::new().await;
        place.write("reference/ctutor-test.toml", PLAN);
        place.write(
            "reference/tests/test_answer.py",
            "import answer\n\ndef test_right():\n    assert answer.find() == 42\n\ndef test_text():\n    assert answer.text() == 'x'\n",
        );
        place.write("student/answer.py", source);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) async fn test(&mut self) -> Result<Report, Broken> {
        let (reference, student) = (self.path("reference"), self.path("student"));
        self.test_folders(&reference, &student, &CancellationToken::new()).await
    }

    pub(crate) async fn test_folders(
        &mut self,
        reference: &Path,
        student: &Path,
        cancel: &CancellationToken,
    ) -> Result<Report, Broken> {
        let scratch = self.path("scratch");
        let job = Job {
            reference,
            student,
            fault: None,
            plan: None,
            maxima: &self.maxima,
            sandbox: &self.sandbox,
            scratch: &scratch,
        };
        let progress = &mut self.progress;
        let (cancels, announces) = (self.cancels, self.announces);
        let listen = |step: Progress| {
            if announces && let Some(test) = &step.current {
                println!("\n{test}");
            }
            if cancels && step.current.is_some() {
                cancel.cancel();
            }
            progress.push(step);
        };
        // An activity runs on any thread of its worker.
        let outcome = sendable(execute(job, listen, cancel)).await;
        assert_eq!(fs::read_dir(scratch).unwrap().count(), 0, "nothing is left behind");
        outcome
    }
}

fn sendable<F: Future + Send>(future: F) -> F {
    future
}

/// Passed, failed, skipped.
pub(crate) fn counts(report: &Report) -> (u32, u32, u32) {
    let summary = report.summary;
    assert_eq!(summary.total, summary.passed + summary.failed);
    assert_eq!((summary.total + summary.skipped) as usize, report.tests.len());
    (summary.passed, summary.failed, summary.skipped)
}

pub(crate) fn message<'a>(report: &'a Report, test: &str) -> &'a str {
    let found = report.tests.iter().find(|report| report.name.ends_with(test)).unwrap();
    found.result_message.as_deref().unwrap_or_default()
}
