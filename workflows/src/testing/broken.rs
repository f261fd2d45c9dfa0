/// Why there is no report. The student is not to blame for any of these.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the reference has no folder `{path}`")]
    ReferenceMissing { path: String },
    #[error("the submission has no folder `{path}`")]
    SubmissionMissing { path: String },
    #[error("the test plan is not valid: {message}")]
    Plan { message: String },
    #[error("the reference has no file `ctutor-test.toml` at its top, and the input has no `plan`{hint}")]
    PlanMissing { hint: String },
    #[error("the reference has no tests, or skips all of them")]
    NoTests,
    #[error("no tests were found: {message}")]
    NoTestFiles { message: String },
    #[error("the tests of the reference cannot be listed: {message}")]
    Listing { message: String },
    #[error("the solution of the reference does not pass `{test}`: {message}")]
    Solution { test: String, message: String },
    #[error(
        "the program `{program}` is not installed where the tests run; a file of the submission or the reference is \
         named with its folder, such as `./{program}`"
    )]
    RunnerMissing { program: String },
    /// The program of a test, which is not the student's.
    #[error("the test `{test}` cannot be run on this worker: {reason}")]
    NotStarted { test: String, reason: ctutor_sandbox::StartFailure },
    #[error("the disk of the worker is full: {free_bytes} bytes are free where the tests run")]
    NoRoom { free_bytes: u64 },
    #[error("the sandbox could not run a program of the tests")]
    Sandbox(#[from] ctutor_sandbox::Error),
    #[error("the files of the tests could not be prepared: {what} failed")]
    Files { what: &'static str, source: std::io::Error },
    #[error("{whose} exceeds `{limit}` of {max}")]
    TooLarge { whose: &'static str, limit: &'static str, max: u64 },
    #[error("{whose} has `{path}`, which lies deeper than {folders_max} folders")]
    TooDeep { whose: &'static str, path: String, folders_max: usize },
    /// On macOS the two are one; in a test they cannot be.
    #[error(
        "{whose} has `{path}` twice: two names that differ only in composed and decomposed letters (Unicode NFC and NFD)"
    )]
    SameName { whose: &'static str, path: String },
    #[error("{whose} has the submodule `{path}`, and submodules are not fetched; commit its files instead")]
    Submodule { whose: &'static str, path: String },
    #[error("{whose} has only a Git LFS pointer for `{path}`; commit the file itself, without Git LFS")]
    LfsPointer { whose: &'static str, path: String },
    #[error("the test was canceled")]
    Canceled,
}

impl Broken {
    /// Whether another attempt, perhaps on another worker, may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RunnerMissing { .. }
            | Self::NotStarted { .. }
            | Self::NoRoom { .. }
            | Self::Sandbox(_)
            | Self::Files { .. } => true,
            Self::ReferenceMissing { .. }
            | Self::SubmissionMissing { .. }
            | Self::Plan { .. }
            | Self::PlanMissing { .. }
            | Self::NoTests
            | Self::NoTestFiles { .. }
            | Self::Listing { .. }
            | Self::Solution { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::SameName { .. }
            | Self::Submodule { .. }
            | Self::LfsPointer { .. }
            | Self::Canceled => false,
        }
    }

    /// Whether the files of one side are at fault, the submission or the reference.
    pub(super) fn is_of_the_files(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::TooDeep { .. }
                | Self::SameName { .. }
                | Self::Submodule { .. }
                | Self::LfsPointer { .. }
        )
    }

    pub(super) fn files(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Files { what, source }
    }
}
