//! The test plan. It comes with the workflow's input, or from `ctutor-test.toml` in the reference.

mod check;
mod keys;
mod words;

use std::{
    fs,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{
    Broken,
    compare::{Comparison, Ignore},
};

pub const PLAN_FILE: &str = "ctutor-test.toml";
const PLAN_BYTES_MAX: u64 = 256 << 10;

/// Test plan: which files are tested, by which runner, with which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPlan {
    /// Name of the assignment, shown in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the tests are run and judged.
    pub runner: RunnerKind,
    /// Files that are taken from the submission; all others are ignored. Each entry is a file, a folder with everything
    /// below it, or a pattern with `*` for any part of a name.
    pub student_files: Vec<String>,
    /// Files of the reference that the tests need. They replace files of the submission with the same path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_files: Vec<String>,
    /// Folder of the tests in the reference, for the runner `pytest`.
    #[serde(default = "default_tests")]
    pub tests: String,
    /// Folder of the reference with a correct solution, which has the same files as a submission.
    /// If a submission fails, the tests also run with the solution; if the solution fails too, the reference is at
    /// fault and the run fails instead of the student.
    /// Required for `junit`, which lists the tests with it. Without one, `pytest` lists the tests with empty modules, and
    /// mistakes in the tests cannot be told from mistakes in submissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The tests of the runner `command`. They share one folder and run in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandTest>,
    /// Which whitespace does not count when the output of `commands` is compared; by default `final_newlines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Ignore>,
    /// Whether upper and lower case count as the same when the output of `commands` is compared; by default they do
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    /// The command that runs all tests, for the runner `junit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junit: Option<JunitCommand>,
    /// Whether reports include the messages of failed tests. Messages may quote the tests, and with `pytest` and `junit`
    /// a submission can write any file that it can read into them, including hidden tests.
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
    /// Reports say which tests failed, without messages.
    Withheld,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunnerKind {
    /// Each test is reported when it ends, and a hang fails one test only.
    /// The student's code runs in the same process as the tests: common ways to forge results are detected, but a
    /// determined student can forge them.
    Pytest,
    /// Programs that are judged from outside, by their exit status and output.
    Command,
    /// Any test framework that writes JUnit XML. Results cannot be forged if the tests start the student's program as a
    /// separate process.
    Junit,
}

/// A command that runs tests and writes JUnit XML, as most test frameworks can.
///
/// It may take `total_timeout_ms` with the solution, and again with the student's files. After a hang, every test that
/// is not in the report has failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JunitCommand {
    /// Program and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// The report that the command writes: a file, a folder with `.xml` files below it, or a pattern with `*`.
    pub report: String,
}

/// A command and its expected behavior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTest {
    /// Name of the test, shown in the report.
    pub name: String,
    /// Program and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// Standard input of the program.
    #[serde(default)]
    pub stdin: String,
    /// Expected exit status, 0 to 255.
    #[serde(default)]
    pub exit_code: i32,
    /// Expected standard output; if absent, any output is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Expected>,
    /// Replaces the plan's `ignore` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Ignore>,
    /// Replaces the plan's `ignore_case` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    /// Time limit of this command in milliseconds; at most `limits.test_timeout_ms`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What standard output must be. `ignore` and `ignore_case` say which differences do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The whole output.
    Exact(String),
    /// A part of the output.
    Contains(String),
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, expecting = "`{ exact = \"…\" }` or `{ contains = \"…\" }`")]
        struct Keys {
            exact: Option<String>,
            contains: Option<String>,
        }

        let Keys { exact, contains } = Keys::deserialize(deserializer)?;
        match (exact, contains) {
            (Some(exact), None) => Ok(Self::Exact(exact)),
            (None, Some(contains)) => Ok(Self::Contains(contains)),
            (Some(_), Some(_)) => Err(D::Error::custom(
                "`stdout` has both `exact` and `contains`; keep one, and write a second command for the other",
            )),
            (None, None) => Err(D::Error::custom(
                "`stdout` is empty; expected `exact` or `contains`, or no `stdout` at all",
            )),
        }
    }
}

/// Requested limits; the worker's configuration has upper bounds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitOverrides {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Time limit of one test in milliseconds; 10,000 by default.
    pub test_timeout_ms: Option<u64>,
    /// Time limit of all tests in milliseconds; 120,000 by default. Waiting for a free place on the worker does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_timeout_ms: Option<u64>,
    /// Memory of a test in bytes; 512 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Number of processes and threads of a test; 64 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

/// Upper bounds of a worker for the limits of test plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maxima {
    pub test_timeout: Duration,
    pub total_timeout: Duration,
    pub memory_bytes: u64,
    pub processes: u64,
    /// Maximum number of tests of a reference.
    pub tests: usize,
    /// Maximum number of files of a submission, and of a reference.
    pub files: u64,
    /// Maximum size of those files together.
    pub file_bytes: u64,
}

/// The limits that apply to one submission.
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
    /// [`Broken::PlanMissing`] if there is none, [`Broken::Plan`] if it is not valid.
    pub fn read(reference: &Path) -> Result<Self, Broken> {
        let broken = |message: String| Broken::Plan { message };
        let path = reference.join(PLAN_FILE);
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(broken(format!("`{PLAN_FILE}` is not a file")));
        }
        let file = fs::File::open(path).map_err(|fault| match fault.kind() {
            io::ErrorKind::NotFound => {
                Broken::PlanMissing { hint: other_name(reference).unwrap_or_default() }
            }
            _ => broken(format!("`{PLAN_FILE}`: {fault}")),
        })?;
        let mut bytes = Vec::new();
        let size = file.take(PLAN_BYTES_MAX + 1).read_to_end(&mut bytes);
        if size.map_err(|fault| broken(format!("`{PLAN_FILE}`: {fault}")))? as u64 > PLAN_BYTES_MAX {
            return Err(broken(format!("`{PLAN_FILE}` is larger than {PLAN_BYTES_MAX} bytes")));
        }
        let text = decoded(&bytes).map_err(|fault| broken(format!("`{PLAN_FILE}` {fault}")))?;
        // A file that was written on Windows says the same; a CR in a string is written `\r`.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let plan: Self = toml::from_str(&text).map_err(|fault| {
            let hint = keys::hint(&text).map_or_else(String::new, |hint| format!("\n{hint}"));
            broken(format!("`{PLAN_FILE}`: {}{hint}", words::of(&fault)))
        })?;
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

/// The text of a plan, which is in UTF-8.
///
/// # Errors
/// What it is in instead, and where that shows.
fn decoded(bytes: &[u8]) -> Result<&str, String> {
    // In UTF-16, every other byte of plain letters is 0.
    let is_wide = bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || matches!(bytes, [0, other, ..] | [other, 0, ..] if *other != 0);
    if is_wide {
        return Err("is in UTF-16; save it in UTF-8".to_owned());
    }
    std::str::from_utf8(bytes).map_err(|fault| {
        let valid = &bytes[..fault.valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let byte = bytes.get(valid.len()).copied().unwrap_or_default();
        format!(
            "is not in UTF-8: byte 0x{byte:02X} in line {line}; save it in UTF-8 (it may be in Latin-1 or Windows-1252)"
        )
    })
}

/// What a reference has in place of a plan: a file whose name is almost that of one, or one in a folder.
fn other_name(reference: &Path) -> Option<String> {
    let entries = fs::read_dir(reference).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let plain = |name: &str| name.to_lowercase().replace('_', "-").trim_end_matches(".txt").to_owned();
    let renamed = names.iter().find(|name| plain(name) == PLAN_FILE);
    let moved = || names.iter().find(|name| reference.join(name).join(PLAN_FILE).is_file());
    match renamed {
        Some(name) => Some(format!("; it has `{}`: rename it to `{PLAN_FILE}`", name.escape_debug())),
        None => moved().map(|folder| {
            let folder = folder.escape_debug();
            format!("; it has `{folder}/{PLAN_FILE}`: give `{folder}` as the `path` of the reference")
        }),
    }
}

fn default_tests() -> String {
    "tests".to_owned()
}

#[cfg(test)]
mod tests;
