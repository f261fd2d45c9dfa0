use ctutor_engine::{
    workflow,
    workflow::{Context, WorkflowError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    activities::{FetchRepository, FetchStage, RunTests, fetch_repository, run_tests},
    plan::TestPlan,
    report::Report,
    repository::Repository,
};
use crate::samples::Envelope;

/// Input of `student_testing`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudentTestingInput {
    /// The student's repository.
    pub submission: Repository,
    /// The repository with the tests.
    pub reference: Repository,
    /// Test plan; defaults to the file `ctutor-test.toml` of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<TestPlan>,
}

/// Result of `student_testing`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StudentTested {
    /// `passed / max(total, 1)`, from 0 to 1.
    pub score: f64,
    /// Number of passed tests.
    pub passed: u32,
    /// Number of failed tests.
    pub failed: u32,
    /// Tests that do not count, because the reference skips them or expects them to fail.
    pub skipped: u32,
    /// Tests that count: `passed + failed`.
    pub total: u32,
    /// The full ID of the commit of the student's repository that was tested. If the repository could not be fetched:
    /// the revision of the input, or `HEAD`.
    pub submission_commit: String,
    /// The full ID of the commit of the reference repository.
    pub reference_commit: String,
    /// When the run started (RFC 3339, UTC).
    pub started_at: String,
    /// When the report was complete (RFC 3339, UTC).
    pub completed_at: String,
    /// Seconds from `started_at` to `completed_at`, waiting included.
    pub duration_seconds: f64,
    /// The result of each test.
    pub report: Report,
}

/// Counts for lists of runs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StudentTestingMetadata {
    /// Always `student_testing`.
    pub workflow_type: String,
    /// Number of passed tests.
    pub passed: u32,
    /// Number of failed tests.
    pub failed: u32,
    /// Tests that count: `passed + failed`.
    pub total: u32,
}

/// Tests a student's repository with those of a reference, and reports a score.
///
/// A submission that fails, loops or crashes gets a report with a low score. The run fails only if the tests could not
/// be run: a repository is missing, the reference has no tests, the worker cannot isolate programs.
///
/// The execution timeout is long because it covers the wait for a worker and for a place on it. The fetches and the
/// tests have limits of their own.
#[derive(Debug, Default)]
pub struct StudentTesting;

#[workflow(name = "student_testing", queue = "testing", execution_timeout = "7d")]
impl StudentTesting {
    /// Runs the tests of a reference repository against a student's repository and reports a score.
    #[run]
    async fn run(
        ctx: &Context<Self>,
        input: StudentTestingInput,
    ) -> Result<Envelope<StudentTested, StudentTestingMetadata>, WorkflowError> {
        let started_at = ctx.now();
        let fetch = |repository: &Repository, stage| {
            ctx.activity(fetch_repository, FetchRepository { repository: repository.clone(), stage })
        };
        let reference = fetch(&input.reference, FetchStage::DownloadingExample).await?.commit;
        let fetched = fetch(&input.submission, FetchStage::DownloadingSubmission).await?;
        let submission = fetched.commit;
        let tests = RunTests {
            reference: input.reference.at(&reference),
            submission: input.submission.at(&submission),
            plan: input.plan,
            fault: fetched.fault,
        };
        let report = ctx.activity(run_tests, tests).await?;
        let completed_at = ctx.now();
        let summary = report.summary;
        let result = StudentTested {
            score: report.score(),
            passed: summary.passed,
            failed: summary.failed,
            skipped: summary.skipped,
            total: summary.total,
            submission_commit: submission,
            reference_commit: reference,
            started_at: started_at.to_string(),
            completed_at: completed_at.to_string(),
            duration_seconds: completed_at.since(started_at).as_secs_f64(),
            report,
        };
        let metadata = StudentTestingMetadata {
            workflow_type: "student_testing".to_owned(),
            passed: summary.passed,
            failed: summary.failed,
            total: summary.total,
        };
        Ok(Envelope::completed(result, metadata))
    }
}
