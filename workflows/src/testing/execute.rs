use std::path::Path;

use ctutor_sandbox::Sandbox;
use tokio_util::sync::CancellationToken;

use super::{
    Broken,
    bench::{Bench, Material, is_folder},
    plan::{Maxima, TestPlan},
    progress::{Progress, Stage},
    report::Report,
    runner::Runner,
};

/// A submission to test.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Folder with the reference repository's files.
    pub reference: &'a Path,
    /// Folder with the student's files. Neither folder is changed.
    pub student: &'a Path,
    /// Why the submission could not be checked out, if the submission is at fault; its folder is not read then.
    pub fault: Option<&'a str>,
    /// Test plan; defaults to the plan of the reference.
    pub plan: Option<&'a TestPlan>,
    pub maxima: &'a Maxima,
    pub sandbox: &'a Sandbox,
    /// Where temporary folders are created.
    pub scratch: &'a Path,
}

/// Tests a submission.
///
/// # Errors
///
/// [`Broken`] if the environment is at fault or the caller canceled. Whatever the student's program does, the result
/// is a report.
pub async fn execute(
    job: Job<'_>,
    mut progress: impl FnMut(Progress) + Send,
    cancel: &CancellationToken,
) -> Result<Report, Broken> {
    if !is_folder(job.reference) {
        return Err(Broken::ReferenceMissing { path: shown(job.reference) });
    }
    if job.fault.is_none() && !is_folder(job.student) {
        return Err(Broken::SubmissionMissing { path: shown(job.student) });
    }
    let plan = match job.plan {
        Some(plan) => {
            plan.check()?;
            plan.clone()
        }
        None => TestPlan::read(job.reference)?,
    };
    progress(Progress { stage: Stage::Preparing, done: 0, total: 0, current: None });
    let bench = Bench::new(&Material {
        plan: &plan,
        maxima: job.maxima,
        sandbox: job.sandbox,
        cancel,
        scratch: job.scratch,
        reference: job.reference,
        student: job.student,
        fault: job.fault,
    })?;
    let runner = Runner::new(plan.runner);
    let tests = runner.list(&bench).await?;
    bench.check_canceled()?;
    if tests.len() > job.maxima.tests {
        return Err(Broken::TooLarge {
            whose: "the reference",
            limit: "tests",
            max: job.maxima.tests as u64,
        });
    }
    let mut tests = match &bench.submission_fault {
        Some(fault) => tests.iter().map(|test| test.not_loaded(fault)).collect(),
        None => runner.run(&bench, &tests, &mut progress).await?,
    };
    bench.hide_paths(&mut tests);
    let name = plan.name.clone().unwrap_or_else(|| "tests".to_owned());
    Ok(Report::new(runner.kind(), name, bench.elapsed().as_secs_f64(), tests))
}

/// The name of a folder, without where it lies on the worker.
fn shown(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
