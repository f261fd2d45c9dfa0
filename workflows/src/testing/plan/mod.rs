//! What to run. A plan comes with the workflow's input, or from `ctutor-test.toml` in the reference.

mod check;

use std::{fs, io::Read, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Broken,
    compare::{Comparison, Ignore},
};

pub const PLAN_FILE: &str = "ctutor-test.toml";
const PLAN_BYTES_MAX: u64 = 256 << 10;

/// How a submission is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPlan {
    /// The name of the assignment, for the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who runs the tests and judges them.
    pub runner: RunnerKind,
    /// Which files are taken from the student: files, folders with all below, `*` within a name. Nothing else is.
    pub student_files: Vec<String>,
    /// Which files of the reference lie beside the tests. They replace the student's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_files: Vec<String>,
    /// The folder of the tests in the reference, for `pytest`.
    #[serde(default = "default_tests")]
    pub tests: String,
    /// A folder of the reference with a solution, in whose place the student's files come.
    /// Tests are listed with it, and a test that it does not pass is the reference's fault and no student's.
    /// `junit` needs one; for `pytest`, empty modules stand in for one that is missing, and nothing tells faulty tests
    /// from faulty submissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The tests, for `command`. They share one folder and run in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandTest>,
    /// Which whitespace does not count when the output of `commands` is compared; by default `final_newlines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Ignore>,
    /// Whether upper and lower case count as the same when the output of `commands` is compared; by default they do
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    /// The command that runs all tests, for `junit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junit: Option<JunitCommand>,
    /// Whether reports hold what failed tests said. It may quote the tests, and with `pytest` and `junit` a submission
    /// can put any file that it may read into it, the hidden tests among them.
    #[serde(default)]
    pub messages: Messages,
    #[serde(default)]
    pub limits: LimitOverrides,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Messages {
    #[default]
    Shown,
    /// Reports say which tests failed, and nothing more.
    Withheld,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunnerKind {
    /// Each test is reported as it ends, and a hang costs one test.
    /// The student's code runs in the process of the tests: common ways to forge results are found out, but a
    /// determined student can forge them.
    Pytest,
    /// Programs that are judged from outside, by exit status and output.
    Command,
    /// Any framework. What it reports is as safe as its own tests are: safe if they start the student's program as a
    /// process of its own.
    Junit,
}

/// A command that runs tests and writes JUnit XML, as most test frameworks can.
///
/// It has `total_timeout_ms` with the solution, and again with the student's files. A hang costs every test that is not
/// in the report by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JunitCommand {
    pub argv: Vec<String>,
    /// What it writes: a file, a folder with `.xml` files below, `*` within a name.
    pub report: String,
}

/// A command and what it should do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTest {
    pub name: String,
    pub argv: Vec<String>,
    #[serde(default)]
    pub stdin: String,
    #[serde(default)]
    pub exit_code: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Expected>,
    /// Replaces the plan's `ignore` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Ignore>,
    /// Replaces the plan's `ignore_case` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    /// Replaces the plan's `test_timeout_ms` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What standard output must be. `ignore` and `ignore_case` say which differences do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The whole output.
    Exact(String),
    /// A part of the output.
    Contains(String),
}

/// What the plan asks for; the worker's [`Maxima`] bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitOverrides {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

/// The most that a worker grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maxima {
    pub test_timeout: Duration,
    pub total_timeout: Duration,
    pub memory_bytes: u64,
    pub processes: u64,
    /// How many tests a reference may have.
    pub tests: usize,
    /// How many files a submission, or a reference, may have.
    pub files: u64,
    /// How many bytes those files may have together.
    pub file_bytes: u64,
}

/// What holds for one test of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) test_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) memory_bytes: u64,
    pub(super) processes: u64,
}

impl TestPlan {
    /// Reads the plan of a reference.
    ///
    /// # Errors
    ///
    /// [`Broken::Plan`] when there is none, or when it is not usable.
    pub fn read(reference: &Path) -> Result<Self, Broken> {
        let broken = |message: String| Broken::Plan { message };
        let path = reference.join(PLAN_FILE);
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(broken(format!("`{PLAN_FILE}` is not a file")));
        }
        let file = fs::File::open(path).map_err(|fault| broken(format!("`{PLAN_FILE}`: {fault}")))?;
        let mut text = String::new();
        let size = file.take(PLAN_BYTES_MAX + 1).read_to_string(&mut text);
        if size.map_err(|fault| broken(format!("`{PLAN_FILE}`: {fault}")))? as u64 > PLAN_BYTES_MAX {
            return Err(broken(format!("`{PLAN_FILE}` is larger than {PLAN_BYTES_MAX} bytes")));
        }
        // A file that was written on Windows says the same; a CR in a string is written `\r`.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let plan: Self = toml::from_str(&text).map_err(|fault| broken(format!("`{PLAN_FILE}`: {fault}")))?;
        plan.check()?;
        Ok(plan)
    }

    /// What counts when the output of this command is compared.
    pub(super) fn comparison(&self, test: &CommandTest) -> Comparison {
        Comparison {
            ignore: test.ignore.or(self.ignore).unwrap_or_default(),
            ignore_case: test.ignore_case.or(self.ignore_case).unwrap_or_default(),
        }
    }

    pub(super) fn grant(&self, maxima: &Maxima) -> Granted {
        let wanted = &self.limits;
        let ms = |wanted: Option<u64>, default_ms, max: Duration| {
            Duration::from_millis(wanted.unwrap_or(default_ms).max(1)).min(max)
        };
        // All tests may run with the solution too, and take as long.
        let runs = if self.solution.is_none() { 1 } else { 2 };
        Granted {
            test_timeout: ms(wanted.test_timeout_ms, 10_000, maxima.test_timeout),
            total_timeout: ms(wanted.total_timeout_ms, 120_000, maxima.total_timeout / runs),
            memory_bytes: wanted.memory_bytes.unwrap_or(512 << 20).min(maxima.memory_bytes),
            processes: wanted.processes.unwrap_or(64).min(maxima.processes),
        }
    }
}

impl Default for Maxima {
    fn default() -> Self {
        Self {
            test_timeout: Duration::from_secs(120),
            total_timeout: Duration::from_secs(20 * 60),
            memory_bytes: 2 << 30,
            processes: 256,
            tests: 2_000,
            files: 5_000,
            file_bytes: 128 << 20,
        }
    }
}

fn default_tests() -> String {
    "tests".to_owned()
}

#[cfg(test)]
mod tests;
