//! What to run. A plan comes with the workflow's input, or from `ctutor-test.toml` in the reference.

use std::{fs, io::Read, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Broken, files::is_named};

pub const PLAN_FILE: &str = "ctutor-test.toml";
const PLAN_BYTES_MAX: u64 = 256 << 10;
const COMMANDS_MAX: usize = 500;
const PATTERNS_MAX: usize = 200;

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
    /// Replaces the plan's `test_timeout_ms` for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What standard output should be. Line ends at the very end do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Exact(String),
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
        let plan: Self = toml::from_str(&text).map_err(|fault| broken(format!("`{PLAN_FILE}`: {fault}")))?;
        plan.check()?;
        Ok(plan)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    ///
    /// [`Broken::Plan`] with the key at fault.
    pub fn check(&self) -> Result<(), Broken> {
        let broken = |message: &str| Err(Broken::Plan { message: message.to_owned() });
        if self.student_files.is_empty() {
            return broken("`student_files` is empty");
        }
        if self.student_files.len() + self.reference_files.len() > PATTERNS_MAX {
            return broken("`student_files` and `reference_files` are too many");
        }
        let paths =
            self.student_files.iter().chain(&self.reference_files).chain([&self.tests]).chain(&self.solution);
        if !paths.into_iter().all(|path| is_inner(path)) {
            return broken("a path is empty, absolute or has `..`");
        }
        self.check_runner()
    }

    fn check_runner(&self) -> Result<(), Broken> {
        let broken = |message: &str| Err(Broken::Plan { message: message.to_owned() });
        if self.runner != RunnerKind::Command && !self.commands.is_empty() {
            return broken("`commands` belong to the runner `command`");
        }
        if self.runner != RunnerKind::Junit && self.junit.is_some() {
            return broken("`junit` belongs to the runner `junit`");
        }
        match (self.runner, &self.junit) {
            (RunnerKind::Command, _) if self.commands.is_empty() => broken("`commands` is empty"),
            (RunnerKind::Command, _) if self.commands.len() > COMMANDS_MAX => {
                broken("`commands` are too many")
            }
            (RunnerKind::Command, _) if self.commands.iter().any(|test| test.argv.is_empty()) => {
                broken("a command has an empty `argv`")
            }
            (RunnerKind::Junit, None) => broken("`junit` is not there; it needs `argv` and `report`"),
            (RunnerKind::Junit, Some(junit)) => self.check_junit(junit),
            _ => Ok(()),
        }
    }

    fn check_junit(&self, junit: &JunitCommand) -> Result<(), Broken> {
        let broken = |message: &str| Err(Broken::Plan { message: message.to_owned() });
        if junit.argv.is_empty() {
            return broken("`junit` has an empty `argv`");
        }
        if !is_inner(&junit.report) {
            return broken("the `report` of `junit` is empty, absolute or has `..`");
        }
        if is_named(Path::new(&junit.report), &self.reference_files) {
            return broken("the `report` of `junit` lies in `reference_files`, which nobody can write");
        }
        if self.solution.is_none() {
            return broken("the runner `junit` needs a `solution`, with which the tests are listed");
        }
        Ok(())
    }

    pub(super) fn grant(&self, maxima: &Maxima) -> Granted {
        let wanted = &self.limits;
        let ms = |wanted: Option<u64>, default_ms, max: Duration| {
            Duration::from_millis(wanted.unwrap_or(default_ms).max(1)).min(max)
        };
        // All tests may run with the solution too, and take as long.
        let runs = if self.runner == RunnerKind::Command || self.solution.is_none() { 1 } else { 2 };
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

fn is_inner(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && !path.starts_with('/')
        && path.trim_end_matches('/').split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TestPlan, String> {
        let plan: TestPlan = toml::from_str(text).map_err(|fault| fault.to_string())?;
        plan.check().map_err(|fault| fault.to_string())?;
        Ok(plan)
    }

    #[test]
    fn a_short_plan_is_enough() {
        let plan = parse("runner = \"pytest\"\nstudent_files = [\"triangle.py\"]").unwrap();
        assert_eq!(plan.tests, "tests");
        assert_eq!(plan.messages, Messages::Shown);
        let granted = plan.grant(&Maxima { test_timeout: Duration::from_secs(3), ..Maxima::default() });
        assert_eq!((granted.test_timeout, granted.processes), (Duration::from_secs(3), 64));
    }

    #[test]
    fn unknown_keys_and_paths_that_lead_out_are_refused() {
        for text in [
            "runner = \"pytest\"\nstudent_files = [\"a.py\"]\ntimeout = 3",
            "runner = \"make\"\nstudent_files = [\"a.py\"]",
            "runner = \"pytest\"\nstudent_files = []",
            "runner = \"pytest\"\nstudent_files = [\"../a.py\"]",
            "runner = \"pytest\"\nstudent_files = [\"a.py\"]\ntests = \"/etc\"",
            "runner = \"pytest\"\nstudent_files = [\"a.py\"]\nsolution = \"a/../../b\"",
            "runner = \"command\"\nstudent_files = [\"a.py\"]",
            "runner = \"command\"\nstudent_files = [\"a.py\"]\n[[commands]]\nname = \"x\"\nargv = []",
        ] {
            parse(text).unwrap_err();
        }
    }

    #[test]
    fn a_plan_for_junit_has_a_command_a_report_and_a_solution() {
        let parse_with = |keys: &str, junit: &str| {
            parse(&format!("runner = \"junit\"\nstudent_files = [\"a.py\"]\n{keys}\n{junit}"))
        };
        let junit = "[junit]\nargv = [\"make\", \"test\"]\nreport = \"build/TEST-*.xml\"";
        let plan = parse_with("solution = \"solution\"", junit).unwrap();
        assert_eq!(plan.junit.as_ref().unwrap().argv, ["make", "test"]);
        // It runs twice, and both runs together have to keep what the worker grants.
        let long = TestPlan {
            limits: LimitOverrides { total_timeout_ms: Some(u64::MAX), ..LimitOverrides::default() },
            ..plan
        };
        assert_eq!(long.grant(&Maxima::default()).total_timeout, Maxima::default().total_timeout / 2);

        for (keys, junit) in [
            ("", junit),
            ("solution = \"solution\"", ""),
            ("solution = \"solution\"", "[junit]\nargv = []\nreport = \"a.xml\""),
            ("solution = \"solution\"", "[junit]\nargv = [\"make\"]\nreport = \"../a.xml\""),
            ("solution = \"solution\"\nreference_files = [\"build\"]", junit),
        ] {
            parse_with(keys, junit).unwrap_err();
        }
        parse(&format!("runner = \"pytest\"\nstudent_files = [\"a.py\"]\n{junit}")).unwrap_err();
    }

    #[test]
    fn commands_are_read() {
        let plan = parse(
            "runner = \"command\"
            student_files = [\"*.py\"]
            [[commands]]
            name = \"prints the area\"
            argv = [\"python3\", \"triangle.py\"]
            stdout = { contains = \"area=13.50\" }",
        )
        .unwrap();
        assert_eq!(plan.commands[0].stdout, Some(Expected::Contains("area=13.50".into())));
    }
}
